//! The running server: its sockets, its tasks, and the tables that they share and that a reload replaces.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::slots::Slots;
use crate::config::model::Service;

use super::{BindError, Counters, Tables, bind, tcp, udp};

/// Serves its addresses over UDP and TCP until it is shut down or dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
    /// Dropped when the server closes.
    open: watch::Sender<()>,
    limits: Limits,
}

/// Changes, with an error, when the server closes.
pub(super) type Closing = watch::Receiver<()>;

/// How much TCP clients may hold, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client: an IPv4 address, or a /64 of IPv6, of which one host has all addresses.
    pub connections_per_client: usize,
    /// A connection without a query is closed after this time.
    pub idle: Duration,
    /// A message that takes longer than this to arrive or to be taken ends its connection, and at the end of the server
    /// everything that takes longer than this is ended.
    pub transfer: Duration,
}

impl From<&Service> for Limits {
    /// What is configured; one client may hold a twentieth of the connections.
    fn from(service: &Service) -> Self {
        Self {
            connections: service.tcp_connections,
            connections_per_client: (service.tcp_connections / 20).max(1),
            idle: service.tcp_idle,
            ..Self::default()
        }
    }
}

/// Files that stay for all but probes and TCP connections: 34 for a daemon with two addresses, 16 more for the maps of
/// another generation, and the rest for requests, more addresses, and connections whose place is lost but not yet closed.
const RESERVED_FILES: usize = 64;

impl Limits {
    /// The same for a process that may open so many files, of which the probes take up to half. A connection beyond that
    /// could not be accepted, so none would be closed for it.
    fn within(self, files: usize) -> Self {
        let room = (files / 2).saturating_sub(RESERVED_FILES).max(1);
        if self.connections <= room {
            return self;
        }
        let share = self.connections_per_client * room / self.connections;
        Self { connections: room, connections_per_client: share.max(1), ..self }
    }

    /// The same as far as this process may open files; says so when that is less.
    fn within_process(self) -> Self {
        let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        let fitting = self.within(usize::try_from(files).unwrap_or(usize::MAX));
        if fitting.connections < self.connections {
            tracing::warn!(
                tcp_connections = self.connections,
                allowed = fitting.connections,
                open_files = files,
                "the limit of open files allows fewer TCP connections than are configured"
            );
        }
        fitting
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_client: 50,
            idle: Duration::from_secs(10),
            transfer: Duration::from_secs(5),
        }
    }
}

/// How long receiving or accepting rests after it failed: an error that lasts (no memory, no file descriptors) must not
/// hold a core.
pub(super) const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// What all tasks of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tables: ArcSwap<Tables>,
    pub(super) counters: Counters,
}

impl Server {
    /// Binds every address for UDP and TCP and starts to answer; all of them or none. Port 0 takes any
    /// free port of UDP, and the same of TCP. Must be called inside a tokio runtime, when the limit of open files is what
    /// it will be: there are no more connections than it allows.
    pub fn bind(listen: &[SocketAddr], tables: Arc<Tables>, limits: Limits) -> Result<Self, BindError> {
        let limits = limits.within_process();
        let shared = Arc::new(Shared { tables: ArcSwap::new(tables), counters: Counters::default() });
        let slots = Arc::new(Slots::new(limits));
        let all = listen.iter().map(|&address| bind::bind(address)).collect::<Result<Vec<_>, _>>()?;
        let mut tasks = JoinSet::new();
        let (open, closing) = watch::channel(());
        let mut addresses = Vec::new();
        for sockets in all {
            addresses.push(sockets.address);
            tasks.spawn(udp::serve(sockets.udp, Arc::clone(&shared), closing.clone()));
            let (shared, slots) = (Arc::clone(&shared), Arc::clone(&slots));
            tasks.spawn(tcp::serve(sockets.tcp, shared, slots, closing.clone()));
            tracing::info!(address = %sockets.address, "listening");
        }
        Ok(Self { shared, addresses, tasks, open, limits })
    }

    /// The addresses and ports that are served, in the order they were given.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Replaces the tables: each query is answered from the old ones or from the new ones.
    pub fn publish(&self, tables: Arc<Tables>) {
        self.shared.tables.store(tables);
    }

    /// The tables that are answered from now.
    pub fn tables(&self) -> Arc<Tables> {
        self.shared.tables.load_full()
    }

    /// What was answered so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Takes no more connections, answers the queries that have arrived, and closes all sockets.
    pub async fn shutdown(self) {
        let Self { open, mut tasks, limits, .. } = self;
        drop(open);
        let ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(limits.transfer, ended).await.is_err() {
            tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests;
