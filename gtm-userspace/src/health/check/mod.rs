//! Probes: one question to one target, answered as the template wants it or not. Knows no schedule, no verdict and no
//! timeout: the scheduler drops a probe that takes too long.

mod http;
mod ping;
mod tcp;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::{self, RootCertStore};

use super::room;
use super::scheduler::Probe;
use crate::config::model::{CheckKind, Target};
use crate::name::Name;

/// Sends the probes of all kinds of checks. Needs a tokio runtime.
pub struct Prober {
    pinger: ping::Pinger,
    tls: tls::Connectors,
    lookups: Arc<Semaphore>,
    capacity: usize,
}

/// Why a probe was bad.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// The connection could not be made, or broke; also when an echo request could not be sent.
    #[error("{}", words(.0))]
    Connection(#[source] io::Error),
    /// The name of the target has no address now.
    #[error("name '{name}' did not resolve: {}", words(.source))]
    Resolve {
        /// The name.
        name: Name,
        /// What the resolver said.
        source: io::Error,
    },
    /// The name of the target exists, but has no address.
    #[error("name '{0}' has no address")]
    NoAddress(Name),
    /// Raw sockets are for the privileged.
    #[error("ping is not permitted: run as root or with the capability CAP_NET_RAW")]
    PingNotPermitted,
    /// The host trusts nobody, so no certificate can be valid.
    #[error("no root certificates on this host: install its package 'ca-certificates', or do not verify")]
    NoRoots,
    /// TLS cannot verify a certificate for this.
    #[error("host '{0}' is neither a host name nor an address that a certificate can be valid for")]
    ServerName(String),
    /// The certificate was refused.
    #[error("certificate not valid: {}", tls::certificate_words(.0))]
    Certificate(rustls::CertificateError),
    /// No TLS session came about, for another reason than the certificate.
    #[error("TLS failed: {0}")]
    Tls(rustls::Error),
    /// The server hung up before the end of the response head.
    #[error("connection closed before the HTTP response was complete")]
    ResponseCut,
    /// The response is not HTTP.
    #[error("response is not HTTP/1.1: {0}")]
    NotHttp(httparse::Error),
    /// The response head has no end of header fields.
    #[error("HTTP response head of more than {0} fields")]
    TooManyFields(usize),
    /// The response head has no end.
    #[error("HTTP response head of more than {0} bytes")]
    ResponseTooLong(usize),
    /// The response has another status.
    #[error("HTTP status {status}, expected {}", expected_words(.expected))]
    Status {
        /// The status of the response.
        status: u16,
        /// What it should have been one of; 200 to 399 when empty.
        expected: Vec<u16>,
    },
    /// The probe ended by a panic.
    #[error("the probe panicked; this is a fault in gtm")]
    Panicked,
}

/// Name lookups at the same time: each holds a thread of the runtime, which has 512 for all, until the resolver is done
/// with it, also after the probe was cut.
const MAX_LOOKUPS: usize = 64;

impl Prober {
    /// A prober that verifies certificates against the root certificates of the host, read once, now.
    pub fn new() -> Result<Self, rustls::Error> {
        Self::with_roots(tls::host_roots())
    }

    /// A prober that verifies certificates against these.
    pub fn with_roots(roots: RootCertStore) -> Result<Self, rustls::Error> {
        Ok(Self {
            pinger: ping::Pinger::default(),
            tls: tls::Connectors::new(roots)?,
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            capacity: room::capacity(room::open_files()),
        })
    }

    /// The address of the target; of a name the first one that the system's resolver gives now.
    async fn resolve(&self, target: &Target) -> Result<IpAddr, ProbeError> {
        let name = match target {
            Target::Ip(address) => return Ok(*address),
            Target::Name(name) => name,
        };
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        // A task of its own: the thread under it goes on when the probe is cut, and so must the permit.
        let lookup = tokio::spawn({
            let host = name.to_string();
            async move {
                let _permit = permit;
                lookup_host((host, 0)).await.map(|mut addresses| addresses.next())
            }
        });
        match lookup.await {
            Ok(Ok(Some(address))) => Ok(address.ip()),
            Ok(Ok(None)) => Err(ProbeError::NoAddress(name.clone())),
            Ok(Err(source)) => Err(ProbeError::Resolve { name: name.clone(), source }),
            Err(_) => Err(ProbeError::Panicked),
        }
    }
}

impl Probe for Prober {
    fn capacity(&self) -> usize {
        self.capacity
    }

    async fn probe(&self, target: &Target, kind: &CheckKind) -> Result<(), ProbeError> {
        let address = self.resolve(target).await?;
        match kind {
            CheckKind::Ping => self.pinger.ping(address).await,
            CheckKind::Tcp { port } => tcp::probe(SocketAddr::new(address, *port)).await,
            CheckKind::Http(check) => http::probe(address, target, check, &self.tls).await,
        }
    }
}

/// The error of a system call as a lower-case phrase without its number.
fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => {
            let words = Errno::from_raw(number).desc();
            let (first, rest) = words.split_at(words.len().min(1));
            first.to_ascii_lowercase() + rest
        }
        None => error.to_string(),
    }
}

fn expected_words(expected: &[u16]) -> String {
    if expected.is_empty() {
        return "200 to 399".to_owned();
    }
    expected.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests;
