//! Pools and their addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CheckId, Judgement, Policy, Preemption, SourceId, Sticky};
use crate::name::{Name, NameError};

/// Most addresses in one pool: all of them may be in one answer (all-down action), and an answer must fit the block of
/// fixed size that the kernel copies.
pub const MAX_POOL_ADDRESSES: usize = 16;

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
    /// 0 to [`super::MAX_WEIGHT`]; for [`Policy::Weight`].
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

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Domain => "domain",
        })
    }
}
