//! What is known of the world, and what follows from it for addresses and pools.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::Model;
use crate::config::model::{Address, AddressMode, Pool, Target, Verdict};

/// The verdict of every check, and what is taken to be down whatever its checks say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// By check of the model.
    pub verdicts: Vec<Verdict>,
    /// Targets that count as failed.
    pub down: BTreeSet<Target>,
}

/// Why an address is available or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// Its checks are good.
    Good,
    /// It has no checks and is taken to be good.
    NoMonitor,
    /// `online`: available whatever its checks say.
    Online,
    /// A check failed.
    Failed,
    /// `offline`: not available whatever its checks say.
    Offline,
    /// Disabled: it does not count in its pool.
    Disabled,
}

/// What a pool is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

impl Conditions {
    /// Every check passing, nothing down.
    pub fn all_up(model: &Model) -> Self {
        Self { verdicts: vec![Verdict::Passing; model.checks.len()], down: BTreeSet::new() }
    }

    /// State of an address.
    ///
    /// | enabled | mode      | checks           | state       | available |
    /// |---------|-----------|------------------|-------------|-----------|
    /// | no      | any       | any              | `Disabled`  | no        |
    /// | yes     | `online`  | any              | `Online`    | yes       |
    /// | yes     | `offline` | any              | `Offline`   | no        |
    /// | yes     | `auto`    | taken to be down | `Failed`    | no        |
    /// | yes     | `auto`    | none             | `NoMonitor` | yes       |
    /// | yes     | `auto`    | all passing      | `Good`      | yes       |
    /// | yes     | `auto`    | one failed       | `Failed`    | no        |
    pub fn address(&self, address: &Address) -> AddressState {
        match address.mode {
            _ if !address.enabled => AddressState::Disabled,
            AddressMode::Online => AddressState::Online,
            AddressMode::Offline => AddressState::Offline,
            AddressMode::Auto if self.down.contains(&address.target) => AddressState::Failed,
            AddressMode::Auto if address.checks.is_empty() => AddressState::NoMonitor,
            AddressMode::Auto => {
                let passing = |verdict| self.verdicts.get(verdict) == Some(&Verdict::Passing);
                if address.checks.iter().all(|check| passing(check.0)) {
                    AddressState::Good
                } else {
                    AddressState::Failed
                }
            }
        }
    }

    /// State of a pool: available when it is enabled and at least one address is available.
    pub fn pool(&self, pool: &Pool) -> PoolState {
        if !pool.enabled {
            return PoolState::Disabled;
        }
        let counting =
            || pool.addresses.iter().map(|address| self.address(address)).filter(|state| state.counts());
        let available = counting().filter(|state| state.is_available()).count();
        match available {
            0 => PoolState::Down,
            some if some == counting().count() => PoolState::Ok,
            _ => PoolState::Warning,
        }
    }
}

impl AddressState {
    /// True when the address may be answered.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Good | Self::NoMonitor | Self::Online)
    }

    /// True when the address counts in its pool.
    pub fn counts(self) -> bool {
        self != Self::Disabled
    }

    /// True when the address may be answered once everything is down: disabled and `offline` ones may not.
    pub fn is_last_resort(self) -> bool {
        !matches!(self, Self::Disabled | Self::Offline)
    }

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
    /// True when the pool can answer.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Ok | Self::Warning)
    }

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
