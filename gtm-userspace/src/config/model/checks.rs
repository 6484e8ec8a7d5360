//! How addresses are checked, and what comes of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Target, TemplateId};

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

/// One thing to probe: a target under a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is probed; a name is resolved anew for each probe.
    pub target: Target,
    /// How.
    pub template: TemplateId,
}
