//! The state of everything at one moment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::overrides::Override;
use crate::config::model::Verdict;
use crate::decision::conditions;

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
    pub state: DomainState,
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

/// State of an access domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainState {
    /// Every pool is ok.
    Ok,
    /// Some pool is not ok.
    Warning,
    /// No pool is available.
    Down,
    /// The zone's own records answer.
    Disabled,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `ipv4`, `ipv6` or `domain`.
    pub kind: String,
    /// What it is shown as.
    pub state: PoolState,
    /// What it would be shown as without overrides.
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

/// State of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// Every address that counts is available.
    Ok,
    /// Some are not, but the pool is.
    Warning,
    /// Not available.
    Down,
    /// Disabled, and so not available.
    Disabled,
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
    pub state: AddressState,
    /// What it would be shown as without overrides.
    pub health: AddressState,
    /// Ids of the overrides about it.
    pub overrides: Vec<u64>,
}

/// State of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// Its checks are good.
    Good,
    /// It has no checks and is taken to be good.
    NoMonitor,
    /// Available whatever its checks say.
    Online,
    /// Its checks are not good.
    Failed,
    /// Not available whatever its checks say.
    Offline,
    /// It does not count in its pool.
    Disabled,
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

impl AddressState {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::NoMonitor => "no monitor",
            Self::Online => "online",
            Self::Failed => "down",
            Self::Offline => "offline",
            Self::Disabled => "disabled",
        }
    }
}

impl PoolState {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Down => "down",
            Self::Disabled => "disabled",
        }
    }
}

impl DomainState {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Down => "down",
            Self::Disabled => "disabled",
        }
    }
}

impl From<conditions::AddressState> for AddressState {
    fn from(state: conditions::AddressState) -> Self {
        match state {
            conditions::AddressState::Good => Self::Good,
            conditions::AddressState::NoMonitor => Self::NoMonitor,
            conditions::AddressState::Online => Self::Online,
            conditions::AddressState::Failed => Self::Failed,
            conditions::AddressState::Offline => Self::Offline,
            conditions::AddressState::Disabled => Self::Disabled,
        }
    }
}

impl From<conditions::PoolState> for PoolState {
    fn from(state: conditions::PoolState) -> Self {
        match state {
            conditions::PoolState::Ok => Self::Ok,
            conditions::PoolState::Warning => Self::Warning,
            conditions::PoolState::Down => Self::Down,
            conditions::PoolState::Disabled => Self::Disabled,
        }
    }
}

impl From<Verdict> for CheckVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed => Self::Failed,
            Verdict::Passing => Self::Passing,
        }
    }
}
