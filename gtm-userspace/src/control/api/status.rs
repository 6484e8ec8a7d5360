//! The state of everything at one moment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::overrides::Override;
use crate::config::model::Verdict;
pub use crate::decision::conditions::{AddressState, DomainState, PoolState};

/// The daemon and all that it decides about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Since when it runs.
    pub started: u64,
    /// When this was so.
    pub time: u64,
    /// Which configuration serves.
    pub generation: Generation,
    /// Where it serves.
    pub service: Service,
    /// Answers since the start.
    pub answers: Answers,
    /// Access domains in the order of the configuration.
    pub domains: Vec<Domain>,
    /// Pools in the order of the configuration.
    pub pools: Vec<Pool>,
    /// The addresses of the pools, pool by pool, by ordinal.
    pub addresses: Vec<Address>,
    /// Every distinct pair of target and template that is probed.
    pub checks: Vec<Check>,
    /// The overrides that hold, by id.
    pub overrides: Vec<Override>,
}

/// A configuration with its zones and geo data, as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Generation {
    /// 1 for the one that the daemon started with.
    pub number: u64,
    /// Since when it serves.
    pub since: u64,
}

/// Where the daemon serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Addresses and ports.
    pub listen: Vec<String>,
    /// Interfaces with the program; empty when the daemon answers everything.
    pub interfaces: Vec<Interface>,
}

/// An interface with the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// `native` or `generic`.
    pub mode: String,
}

/// Who answers how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answers {
    /// By the program.
    pub kernel: Rate,
    /// By the daemon itself, over UDP and TCP.
    pub userspace: Rate,
}

/// How much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Since the start.
    pub total: u64,
    /// Lately.
    pub per_second: f64,
}

/// An access domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Domain {
    /// Owner name, without the final dot.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    #[serde(rename = "type")]
    pub steered: String,
    /// Whether it is enabled, by the configuration or an override.
    pub enabled: bool,
    /// What it is shown as.
    #[schema(schema_with = domain_state)]
    pub state: DomainState,
    /// What it would be shown as without overrides.
    #[schema(schema_with = domain_state)]
    pub health: DomainState,
    /// How its pools are chosen.
    pub policy: String,
    /// What it answers now.
    pub answers: Vec<DomainAnswer>,
    /// Ids of the overrides about it.
    pub overrides: Vec<u64>,
}

/// What an access domain answers to some clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DomainAnswer {
    /// The sources that bring these clients here, in the order in which they are tried; empty when it is for everyone.
    pub sources: Vec<String>,
    /// In words.
    pub answer: String,
    /// Why, in words.
    pub why: String,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `ipv4`, `ipv6` or `domain`.
    pub kind: String,
    /// What it is shown as.
    #[schema(schema_with = pool_state)]
    pub state: PoolState,
    /// What it would be shown as without overrides.
    #[schema(schema_with = pool_state)]
    pub health: PoolState,
    /// How many of its addresses are available.
    pub available: usize,
    /// How many count.
    pub total: usize,
    /// How its addresses are chosen.
    pub policy: String,
    /// Ids of the overrides about it.
    pub overrides: Vec<u64>,
}

/// An address in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// Name of the pool.
    pub pool: String,
    /// What is answered.
    pub address: String,
    /// Its ordinal in the pool.
    pub ordinal: u32,
    /// Its weight in the pool.
    pub weight: u8,
    /// What it is shown as.
    #[schema(schema_with = address_state)]
    pub state: AddressState,
    /// What it would be shown as without overrides.
    #[schema(schema_with = address_state)]
    pub health: AddressState,
    /// Ids of the overrides about it.
    pub overrides: Vec<u64>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What is probed.
    pub target: String,
    /// Name of the template.
    pub template: String,
    /// What counts.
    pub verdict: CheckVerdict,
    /// Since when.
    pub since: u64,
    /// Why the last bad probe was bad; none when there was none since the check last passed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_error: Option<String>,
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// Good.
    Passing,
    /// Bad.
    Failed,
}

/// The files were loaded anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Which configuration serves now.
    pub generation: Generation,
    /// What is allowed but probably not meant.
    pub warnings: Vec<super::Problem>,
}

fn words<T: Serialize>(all: &[T], description: &str) -> ObjectBuilder {
    let words = all.iter().filter_map(|state| serde_json::to_value(state).ok());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(description))
}

fn domain_state() -> ObjectBuilder {
    words(DomainState::ALL, "What an access domain is shown as.")
}

fn pool_state() -> ObjectBuilder {
    words(PoolState::ALL, "What a pool is shown as.")
}

fn address_state() -> ObjectBuilder {
    words(AddressState::ALL, "What an address is shown as.")
}

impl From<Verdict> for CheckVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed => Self::Failed,
            Verdict::Passing => Self::Passing,
        }
    }
}
