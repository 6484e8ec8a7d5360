//! Overrides and "return now", as they are asked for and given.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::decision::{overrides, pattern};

/// A wish for one or several overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    /// Which objects: a name, or a pattern with `*` and `?`. Addresses also as `POOL/ADDRESS`, access domains also as
    /// `NAME/TYPE`.
    #[schema(example = "223.6.*")]
    pub pattern: String,
    /// Of which kind they are; only needed when the pattern matches several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<Kind>,
    /// What shall hold.
    pub action: Verb,
    /// Which pool to pin to; with `pin` only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pool: Option<String>,
    /// Who says so: 1 to 64 characters.
    pub who: String,
    /// Why: 1 to 500 characters.
    pub reason: String,
    /// Until when; for ever when neither this nor `for` is given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
    /// For how long, like `30m`, `1h` or `7d`, in place of `expires`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none", default)]
    pub lasting: Option<String>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// A kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Addresses and names in pools.
    Address,
    /// Pools.
    Pool,
    /// Access domains.
    Domain,
}

/// What an override says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Address: always available. Pool: available whatever its health.
    Up,
    /// Address or pool: not available.
    Down,
    /// Address, pool or access domain: as if it were enabled.
    Enable,
    /// Address, pool or access domain: as if it were disabled.
    Disable,
    /// Address or pool: its weight is 0.
    Drain,
    /// Access domain: one of its pools answers as long as it is available.
    Pin,
}

/// What an override is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    /// An address, in one pool or in all that have it.
    Address {
        /// Name of the pool; every pool when none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        pool: Option<String>,
        /// The address or domain name.
        target: String,
    },
    /// A pool.
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

/// An override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// Given out in ascending order, never twice.
    pub id: u64,
    /// What it is about.
    pub object: Object,
    /// What holds for it.
    pub action: Verb,
    /// Which pool it is pinned to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pool: Option<String>,
    /// Who said so.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created: u64,
    /// Until when; until it is undone when none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
}

/// The overrides that hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overrides {
    /// By id.
    pub overrides: Vec<Override>,
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverrideSet {
    /// Nothing was done.
    pub dry_run: bool,
    /// The objects that the pattern means.
    pub objects: Vec<Object>,
    /// What holds for them now; empty in a dry run.
    pub overrides: Vec<Override>,
    /// Earlier overrides whose place is taken.
    pub replaced: Vec<Override>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
}

/// An override no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Undone {
    /// As it was.
    pub undone: Override,
}

/// A wish to return to the smallest ordinal that is available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnRequest {
    /// Which pools or access domains that are not preemptive: a name, or a pattern with `*` and `?`.
    #[schema(example = "frankfurt")]
    pub pattern: String,
    /// Of which kind they are; only needed when the pattern matches both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<Kind>,
}

/// What returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Returned {
    /// The objects that the pattern means.
    pub objects: Vec<Object>,
    /// How many answers are others now.
    pub switched: usize,
}

impl From<Kind> for pattern::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Address => Self::Address,
            Kind::Pool => Self::Pool,
            Kind::Domain => Self::Domain,
        }
    }
}

impl Verb {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Drain => "drain",
            Self::Pin => "pin",
        }
    }
}

impl From<overrides::Object> for Object {
    fn from(object: overrides::Object) -> Self {
        match object {
            overrides::Object::Address { pool, target } => Self::Address { pool, target },
            overrides::Object::Pool { name } => Self::Pool { name },
            overrides::Object::Domain { name, steered } => Self::Domain { name, steered },
        }
    }
}

impl From<overrides::Override> for Override {
    fn from(one: overrides::Override) -> Self {
        let overrides::Override { id, object, action, who, reason, created, expires } = one;
        let (action, pool) = match action {
            overrides::Action::Up => (Verb::Up, None),
            overrides::Action::Down => (Verb::Down, None),
            overrides::Action::Enable => (Verb::Enable, None),
            overrides::Action::Disable => (Verb::Disable, None),
            overrides::Action::Drain => (Verb::Drain, None),
            overrides::Action::Pin { pool } => (Verb::Pin, Some(pool)),
        };
        Self { id, object: object.into(), action, pool, who, reason, created, expires }
    }
}
