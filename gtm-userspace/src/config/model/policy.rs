//! How members of a level are judged and chosen, the same for the addresses of a pool and the pools of an access domain.

use std::fmt;

use serde::{Deserialize, Serialize};

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
