//! Overrides: what an operator says of an address, a pool or an access domain, whatever its health and its configuration.
//!
//! An override never hides the real health: both are kept, and both are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One override of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Given out in ascending order, never twice.
    pub id: u64,
    /// What it is about.
    pub object: Object,
    /// What holds for it.
    pub action: Action,
    /// Who said so.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970 (UTC).
    pub created: u64,
    /// Until when, in milliseconds since 1970 (UTC); until it is undone when none.
    pub expires: Option<u64>,
}

/// What an override is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    /// An address, in one pool or in all that have it.
    Address {
        /// Name of the pool; every pool when none.
        pool: Option<String>,
        /// The address or domain name, as [`crate::config::model::Target`] is shown.
        target: String,
    },
    /// A pool, wherever it is used.
    Pool {
        /// Its name.
        name: String,
    },
    /// An access domain.
    Domain {
        /// Owner name, without the final dot.
        name: String,
        /// `A`, `AAAA` or `CNAME`.
        #[serde(rename = "type")]
        steered: String,
    },
}

/// What an override says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Address: as if its mode were `online`. Pool: available whatever its health; when none of its addresses is
    /// available, all that are neither disabled nor `offline` answer.
    Up,
    /// Address: as if its mode were `offline`. Pool: not available, and no last resort either.
    Down,
    /// Address, pool or access domain: as if it were enabled.
    Enable,
    /// Address, pool or access domain: as if it were disabled.
    Disable,
    /// Address or pool: its weight is 0.
    Drain,
    /// Access domain: this pool answers, whoever asks, as long as it is available.
    Pin {
        /// Name of the pool, one of the access domain's own.
        pool: String,
    },
}

/// What an override is said of: of two about the same object and aspect the later one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Up or down.
    Health,
    /// Enabled or disabled.
    Enabled,
    /// Weight 0.
    Weight,
    /// Which pool.
    Pin,
}

impl Action {
    /// What it is said of.
    pub fn aspect(&self) -> Aspect {
        match self {
            Self::Up | Self::Down => Aspect::Health,
            Self::Enable | Self::Disable => Aspect::Enabled,
            Self::Drain => Aspect::Weight,
            Self::Pin { .. } => Aspect::Pin,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { pool: None, target } => write!(f, "address {target}"),
            Self::Address { pool: Some(pool), target } => write!(f, "address {pool}/{target}"),
            Self::Pool { name } => write!(f, "pool {name}"),
            Self::Domain { name, steered } => write!(f, "domain {name} {steered}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down => f.write_str("down"),
            Self::Enable => f.write_str("enable"),
            Self::Disable => f.write_str("disable"),
            Self::Drain => f.write_str("drain"),
            Self::Pin { pool } => write!(f, "pin to pool {pool}"),
        }
    }
}
