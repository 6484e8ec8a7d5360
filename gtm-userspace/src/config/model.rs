//! What a valid configuration means. Every reference is an index that exists, every list is in its deciding order.

mod checks;
mod clients;
mod dns;
mod domains;
mod policy;
mod pools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::checks::{Check, CheckKind, HttpCheck, Initial, Template, Tls, Verdict};
pub use self::clients::{ClientSet, Prefix, Source};
pub use self::dns::{Dns, EcsTrust};
pub use self::domains::{AccessDomain, AllDownAction, PoolUse, SourceFallback, SteeredType};
pub use self::policy::{Judgement, MAX_WEIGHT, Policy, Preemption, Sticky};
pub use self::pools::{Address, AddressMode, MAX_POOL_ADDRESSES, Pool, PoolKind, Target};
use crate::zone::Zone;

/// Index of a source in [`Model::sources`]; 0 is `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);
/// Index of a health check template in [`Model::templates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(pub usize);
/// Index of a pool in [`Model::pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub usize);
/// Index of a check in [`Model::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub usize);
/// Index of an access domain in [`Model::domains`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub usize);

/// The `default` source: everyone.
pub const DEFAULT_SOURCE: SourceId = SourceId(0);

/// A whole, valid configuration.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Where the service listens and how it attaches.
    pub service: Service,
    /// Whose client subnets count, and what the service says about itself.
    pub dns: Dns,
    /// Where the daemon takes requests.
    pub control: Control,
    /// Where the daemon keeps what must survive a restart.
    pub store: StoreSettings,
    /// Geo databases in the order of the file; for each network, the first that knows a fact gives it.
    pub geo_databases: Vec<GeoDatabase>,
    /// Zones with their records.
    pub zones: Vec<Zone>,
    /// Sources; the first is always `default`.
    pub sources: Vec<Source>,
    /// Health check templates.
    pub templates: Vec<Template>,
    /// Address pools.
    pub pools: Vec<Pool>,
    /// Access domains.
    pub domains: Vec<AccessDomain>,
    /// Every distinct pair of target and template that some address needs: each is probed once, however many
    /// addresses share it.
    pub checks: Vec<Check>,
}

impl Model {
    /// The pool of an id that this model gave out.
    ///
    /// # Panics
    ///
    /// With the id of another model.
    pub fn pool(&self, id: PoolId) -> &Pool {
        #[expect(clippy::indexing_slicing, reason = "ids are made together with the list they point into")]
        &self.pools[id.0]
    }

    /// The template of an id that this model gave out.
    ///
    /// # Panics
    ///
    /// With the id of another model.
    pub fn template(&self, id: TemplateId) -> &Template {
        #[expect(clippy::indexing_slicing, reason = "ids are made together with the list they point into")]
        &self.templates[id.0]
    }
}

/// A geo database and where the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeoDatabase {
    /// The file.
    pub path: PathBuf,
    /// Line of the configuration.
    pub line: usize,
    /// Key of the configuration.
    pub key: String,
}

/// Where the service listens and how the XDP program attaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Served addresses and ports; answered by the kernel and by the server alike.
    pub listen: Vec<SocketAddr>,
    /// Interfaces the XDP program is attached to; empty with [`XdpMode::Off`].
    pub interfaces: Vec<String>,
    /// How the XDP program is attached.
    pub xdp_mode: XdpMode,
    /// TCP connections at a time, of all clients together.
    pub tcp_connections: usize,
    /// How long a TCP connection may be without a query.
    pub tcp_idle: Duration,
}

/// Where the daemon takes requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// The Unix socket.
    pub socket: PathBuf,
}

/// Where the daemon keeps what must survive a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// The file.
    pub file: PathBuf,
    /// How long events are kept.
    pub keep_events: Duration,
}

/// How the XDP program is attached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// Native, or generic where the driver has no native mode.
    #[default]
    Auto,
    /// In the driver; an error where it has no native mode.
    Native,
    /// In the network stack: works everywhere, slower.
    Generic,
    /// Not at all: the server answers everything.
    Off,
}
