//! What a valid configuration means. Every reference is an index that exists, every list is in its deciding order.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::{Name, NameError};
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

/// Most addresses in one pool: all of them may be in one answer (all-down action), and an answer must fit the block of
/// fixed size that the kernel copies.
pub const MAX_POOL_ADDRESSES: usize = 16;

/// A whole, valid configuration.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Where the service listens and how it attaches.
    pub service: Service,
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

/// A named set of clients. A client belongs to it when one of the inclusions matches and no exclusion does.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Unique name; `default` for the first.
    pub name: String,
    /// What belongs to it. Both empty only for `default`, which everyone belongs to.
    pub include: ClientSet,
    /// What does not belong to it although an inclusion matches.
    pub exclude: ClientSet,
}

/// Clients by place, network operator or prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSet {
    /// Continent codes: AF, AN, AS, EU, NA, OC, SA.
    pub continents: Vec<String>,
    /// ISO 3166-1 alpha-2 country codes, upper case.
    pub countries: Vec<String>,
    /// ISO 3166-2 subdivision codes with the country, `US-CA`, upper case.
    pub subdivisions: Vec<String>,
    /// `GeoNames` identifiers of cities.
    pub cities: Vec<u32>,
    /// AS numbers.
    pub as_numbers: Vec<u32>,
    /// Prefixes, host bits zero.
    pub prefixes: Vec<Prefix>,
}

/// An address prefix; the bits below `length` are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// First address of the prefix.
    pub address: IpAddr,
    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub length: u8,
}

/// How to check an address; shared by many addresses and pools.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    /// Unique name.
    pub name: String,
    /// What is probed.
    pub kind: CheckKind,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// After this long without a result the probe is bad; not above the interval.
    pub timeout: Duration,
    /// Consecutive bad probes until the check is failed; at least 1.
    pub failures: u32,
    /// Consecutive good probes until the check is passing; at least 1.
    pub successes: u32,
    /// What the check counts as before its first verdict.
    pub initial: Initial,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// An ICMP or `ICMPv6` echo, answered.
    Ping,
    /// A TCP connection, accepted.
    Tcp {
        /// Port to connect to.
        port: u16,
    },
    /// An HTTP/1.1 GET, answered with an expected status.
    Http(HttpCheck),
}

/// An HTTP or HTTPS probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpCheck {
    /// With TLS and a certificate that is valid for `host`, or without TLS.
    pub tls: Tls,
    /// Port to connect to.
    pub port: u16,
    /// Path and query of the request, beginning with `/`.
    pub path: String,
    /// `Host` header and TLS server name; the address itself when none.
    pub host: Option<String>,
    /// Status codes that are good; any of 200 to 399 when empty.
    pub expect_status: Vec<u16>,
}

/// Whether and how an HTTP probe uses TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// HTTPS; the certificate must be valid.
    Verify,
    /// HTTPS; any certificate will do.
    NoVerify,
}

/// The outcome of a check so far, or what it counts as before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// `failures` consecutive bad probes.
    Failed,
    /// `successes` consecutive good probes.
    Passing,
}

/// What a check counts as before its first verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Initial {
    /// As passing.
    Up,
    /// As failed.
    Down,
    /// As its last known verdict, or as passing when there is none.
    Last,
}

impl Initial {
    /// The verdict that counts at first, when this one was the last that is known.
    pub fn verdict(self, last: Option<Verdict>) -> Verdict {
        match self {
            Self::Up => Verdict::Passing,
            Self::Down => Verdict::Failed,
            Self::Last => last.unwrap_or(Verdict::Passing),
        }
    }
}

/// How many of the parts must be good for the whole to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// At least one.
    Any,
    /// Every one.
    All,
    /// This share of them: 1 to 100 percent.
    Percent(u8),
}

/// One of the four policies: which of the available members of a level answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// The one with the smallest ordinal.
    #[default]
    Ordinal,
    /// All of them, in an order that rotates by one from answer to answer.
    RoundRobin,
    /// One of them, with probability weight / sum of weights.
    Weight,
    /// Those whose source matches the client best; ties by ordinal.
    NearestSource,
}

/// Whether a smaller ordinal is returned to the moment it is available again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preemption {
    /// It is.
    #[default]
    Preemptive,
    /// The current one stays until it fails.
    NonPreemptive,
}

/// Prefix lengths within which all clients get the same member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sticky {
    /// 1 to 32.
    pub ipv4: u8,
    /// 1 to 128.
    pub ipv6: u8,
}

impl Default for Sticky {
    fn default() -> Self {
        Self { ipv4: 24, ipv6: 56 }
    }
}

/// Largest weight.
pub const MAX_WEIGHT: u8 = 100;

/// An ordered set of addresses of one kind.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Unique name.
    pub name: String,
    /// What kind of addresses it holds.
    pub kind: PoolKind,
    /// A disabled pool is never available.
    pub enabled: bool,
    /// How addresses are chosen in it.
    pub policy: Policy,
    /// For [`Policy::Ordinal`].
    pub preemption: Preemption,
    /// Whether each client prefix keeps its address; with [`Policy::Weight`] and [`Policy::RoundRobin`] only.
    pub sticky: Option<Sticky>,
    /// Which share of its addresses must be available for the pool to be.
    pub judgement: Judgement,
    /// How many of its addresses must be, at the least; at least 1.
    pub min_available: usize,
    /// Its addresses by ordinal, smallest first; may be empty.
    pub addresses: Vec<Address>,
}

impl Pool {
    /// An empty pool with the defaults of the configuration.
    pub fn new(name: String, kind: PoolKind) -> Self {
        Self {
            name,
            kind,
            enabled: true,
            policy: Policy::Ordinal,
            preemption: Preemption::Preemptive,
            sticky: None,
            judgement: Judgement::Any,
            min_available: 1,
            addresses: Vec::new(),
        }
    }

    /// True when it stays on its current address although a smaller ordinal is available.
    pub fn stays(&self) -> bool {
        self.policy == Policy::Ordinal && self.preemption == Preemption::NonPreemptive
    }
}

/// The kind of all addresses of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// IPv4 addresses: answers of type A.
    Ipv4,
    /// IPv6 addresses: answers of type AAAA.
    Ipv6,
    /// Domain names: answers of type CNAME.
    Domain,
}

/// One address of a pool.
#[derive(Debug, Clone)]
pub struct Address {
    /// What is answered and probed.
    pub target: Target,
    /// Unique in the pool; smaller is first.
    pub ordinal: u32,
    /// Whether its checks decide.
    pub mode: AddressMode,
    /// A disabled address is never available and does not count in its pool.
    pub enabled: bool,
    /// 0 to [`MAX_WEIGHT`]; for [`Policy::Weight`].
    pub weight: u8,
    /// Which clients it is for; at least one with [`Policy::NearestSource`], else none.
    pub sources: Vec<SourceId>,
    /// Which share of its checks must pass.
    pub judgement: Judgement,
    /// Its checks; none means it is always good.
    pub checks: Vec<CheckId>,
}

impl Address {
    /// An address with the defaults of the configuration, without checks.
    pub fn new(target: Target, ordinal: u32) -> Self {
        Self {
            target,
            ordinal,
            mode: AddressMode::Auto,
            enabled: true,
            weight: 1,
            sources: Vec::new(),
            judgement: Judgement::All,
            checks: Vec::new(),
        }
    }
}

/// What an address is: the thing that is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// An address record.
    Ip(IpAddr),
    /// A CNAME.
    Name(Name),
}

/// Whether the checks of an address decide about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressMode {
    /// Follows its checks.
    #[default]
    Auto,
    /// Always available.
    Online,
    /// Never available.
    Offline,
}

/// One owner name and one type that is steered instead of static.
#[derive(Debug, Clone)]
pub struct AccessDomain {
    /// Owner name; lies in the zone.
    pub name: Name,
    /// The type that is steered.
    pub steered: SteeredType,
    /// Time to live of the answers, in seconds.
    pub ttl: u32,
    /// A disabled access domain leaves the answer to the zone's own records.
    pub enabled: bool,
    /// How its pools are chosen.
    pub policy: Policy,
    /// For [`Policy::Ordinal`], and for the pools of one source with [`Policy::NearestSource`].
    pub preemption: Preemption,
    /// Whether each client prefix keeps its pool; with [`Policy::Weight`] and [`Policy::RoundRobin`] only.
    pub sticky: Option<Sticky>,
    /// Most addresses in one answer; all when none.
    pub max_answers: Option<u16>,
    /// What is answered when every pool is down.
    pub all_down: AllDownAction,
    /// Where clients go whose best source has no available pool.
    pub source_fallback: SourceFallback,
    /// Its pools by ordinal, smallest first; at least one.
    pub pools: Vec<PoolUse>,
}

impl AccessDomain {
    /// An access domain with the defaults of the configuration, without pools.
    pub fn new(name: Name, steered: SteeredType, policy: Policy) -> Self {
        Self {
            name,
            steered,
            ttl: 30,
            enabled: true,
            policy,
            preemption: Preemption::Preemptive,
            sticky: None,
            max_answers: None,
            all_down: AllDownAction::DefaultPool,
            source_fallback: SourceFallback::Default,
            pools: Vec::new(),
        }
    }

    /// True when it stays on its current pool although a smaller ordinal is available.
    pub fn stays(&self) -> bool {
        matches!(self.policy, Policy::Ordinal | Policy::NearestSource)
            && self.preemption == Preemption::NonPreemptive
    }

    /// Every pool that may answer, each once: its own by ordinal, then the one of the all-down action.
    pub fn answering_pools(&self) -> impl Iterator<Item = PoolId> {
        let is_own = |id: &PoolId| self.pools.iter().any(|used| used.pool == *id);
        let fallback = if let AllDownAction::Pool(id) = self.all_down { Some(id) } else { None };
        self.pools.iter().map(|used| used.pool).chain(fallback.filter(|id| !is_own(id)))
    }
}

/// The types that can be steered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SteeredType {
    /// Takes IPv4 and domain pools.
    A,
    /// Takes IPv6 and domain pools.
    Aaaa,
    /// Takes domain pools; answers every type at its name.
    Cname,
}

/// What is answered when every pool of an access domain is down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum AllDownAction {
    /// Every address of the non-empty `default` pool with the smallest ordinal; without one, of the non-empty pool with
    /// the smallest ordinal.
    #[default]
    DefaultPool,
    /// What would be answered if everything were up.
    AsIfUp,
    /// This pool, whatever its health; it need not be one of the access domain's own.
    Pool(PoolId),
    /// The last answer before everything went down.
    LastGood,
    /// These, of the kind of one pool that the access domain could have; at least one.
    Fixed(Vec<Target>),
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
}

/// Where clients go whose best matching source has no available pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SourceFallback {
    /// To the pools of `default`.
    #[default]
    Default,
    /// To those of the other matching sources, best first, and then to those of `default`.
    NextMatch,
}

/// A pool in the use of one access domain.
#[derive(Debug, Clone)]
pub struct PoolUse {
    /// Which pool.
    pub pool: PoolId,
    /// Unique in the access domain; smaller is first.
    pub ordinal: u32,
    /// 0 to [`MAX_WEIGHT`]; for [`Policy::Weight`].
    pub weight: u8,
    /// Which clients it is for; at least one with [`Policy::NearestSource`], else none.
    pub sources: Vec<SourceId>,
}

impl PoolUse {
    /// A use with the defaults of the configuration, for no source.
    pub fn new(pool: PoolId, ordinal: u32) -> Self {
        Self { pool, ordinal, weight: 1, sources: Vec::new() }
    }
}

/// One thing to probe: a target under a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is probed; a name is resolved anew for each probe.
    pub target: Target,
    /// How.
    pub template: TemplateId,
}

impl FromStr for Target {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.parse().map(Self::Ip).or_else(|_| text.parse().map(Self::Name))
    }
}

impl TryFrom<String> for Target {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Domain => "domain",
        })
    }
}

impl fmt::Display for SteeredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinal => "ordinal",
            Self::RoundRobin => "round-robin",
            Self::Weight => "weight",
            Self::NearestSource => "nearest-source",
        })
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::All => f.write_str("all"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}
