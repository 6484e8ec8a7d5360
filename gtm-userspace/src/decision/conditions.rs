//! What is known of the world, and what follows from it for addresses, pools and access domains.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::forced::{Forced, Health};
use super::memory::Memory;
use super::overrides::Override;
use crate::config::Model;
use crate::config::model::{Address, AddressMode, DomainId, Judgement, PoolId, Target, Verdict};

/// The verdict of every check, what is taken to be down whatever its checks say, what operators override, and what is
/// remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// By check of the model.
    pub verdicts: Vec<Verdict>,
    /// Targets that count as failed.
    pub down: BTreeSet<Target>,
    /// The overrides that are in force.
    pub forced: Forced,
    /// Where non-preemptive levels stand, and the last good answers.
    pub memory: Memory,
}

/// Why an address is available or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// Enough of its checks pass.
    Good,
    /// It has no checks and is taken to be good.
    NoMonitor,
    /// `online`: available whatever its checks say.
    Online,
    /// An operator forces it up.
    ForcedUp,
    /// Too many of its checks failed.
    Failed,
    /// `offline`: not available whatever its checks say.
    Offline,
    /// An operator forces it down.
    ForcedDown,
    /// Disabled: it does not count in its pool.
    Disabled,
}

/// What a pool is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// Every address that counts is available.
    Ok,
    /// The same, and none of them has a check.
    NoMonitor,
    /// Some are not, but the pool is available.
    Warning,
    /// An operator forces it up.
    ForcedUp,
    /// Not available.
    Down,
    /// An operator forces it down.
    ForcedDown,
    /// Disabled, and so not available.
    Disabled,
}

/// What an access domain is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainState {
    /// Every pool is ok.
    Ok,
    /// Some pool is not, but one is available.
    Warning,
    /// No pool is available.
    Down,
    /// The zone's own records answer.
    Disabled,
}

/// Whose health counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lens {
    /// What is known.
    Real,
    /// Everything that may be answered is taken to be up.
    AsIfUp,
}

impl Judgement {
    /// Whether enough of the parts are good. Of no parts at all, none is missing, and none is there.
    ///
    /// | judgement | is met when                       |
    /// |-----------|-----------------------------------|
    /// | `any`     | `good >= 1`                       |
    /// | `all`     | `good == total`                   |
    /// | `P%`      | `good * 100 >= P * total`         |
    pub fn is_met(self, good: usize, total: usize) -> bool {
        match self {
            Self::Any => good >= 1,
            Self::All => good == total,
            Self::Percent(percent) => good * 100 >= usize::from(percent) * total,
        }
    }
}

impl Conditions {
    /// Every check passing, nothing down, overridden or remembered.
    pub fn all_up(model: &Model) -> Self {
        Self { verdicts: vec![Verdict::Passing; model.checks.len()], ..Self::default() }
    }

    /// The same with these overrides in the place of those before.
    #[must_use]
    pub fn with_overrides(self, model: &Model, overrides: Vec<Override>) -> Self {
        Self { forced: Forced::new(model, overrides), ..self }
    }

    /// State of the address at a position of a pool.
    ///
    /// | enabled | override | mode      | health      | state        | available |
    /// |---------|----------|-----------|-------------|--------------|-----------|
    /// | no      | any      | any       | any         | `Disabled`   | no        |
    /// | yes     | up       | any       | any         | `ForcedUp`   | yes       |
    /// | yes     | down     | any       | any         | `ForcedDown` | no        |
    /// | yes     | none     | `online`  | any         | `Online`     | yes       |
    /// | yes     | none     | `offline` | any         | `Offline`    | no        |
    /// | yes     | none     | `auto`    | see [`Self::health`]     | the same   ||
    pub fn address(&self, pool: PoolId, position: usize, address: &Address) -> AddressState {
        let said = self.forced.address(pool, position);
        if !said.enabled.unwrap_or(address.enabled) {
            return AddressState::Disabled;
        }
        match (said.health, address.mode) {
            (Some(Health::Up), _) => AddressState::ForcedUp,
            (Some(Health::Down), _) => AddressState::ForcedDown,
            (None, AddressMode::Online) => AddressState::Online,
            (None, AddressMode::Offline) => AddressState::Offline,
            (None, AddressMode::Auto) => self.health(address),
        }
    }

    /// What the checks of an address say, whatever its mode and the overrides: `Failed`, `NoMonitor` or `Good`.
    ///
    /// | checks                         | state       |
    /// |--------------------------------|-------------|
    /// | taken to be down               | `Failed`    |
    /// | none                           | `NoMonitor` |
    /// | enough pass for the judgement  | `Good`      |
    /// | otherwise                      | `Failed`    |
    pub fn health(&self, address: &Address) -> AddressState {
        if self.down.contains(&address.target) {
            return AddressState::Failed;
        }
        if address.checks.is_empty() {
            return AddressState::NoMonitor;
        }
        let passing =
            |check: &&crate::config::model::CheckId| self.verdicts.get(check.0) == Some(&Verdict::Passing);
        let passing = address.checks.iter().filter(passing).count();
        if address.judgement.is_met(passing, address.checks.len()) {
            AddressState::Good
        } else {
            AddressState::Failed
        }
    }

    /// State of a pool.
    ///
    /// | enabled | override | addresses                                                | state        | available |
    /// |---------|----------|----------------------------------------------------------|--------------|-----------|
    /// | no      | any      | any                                                      | `Disabled`   | no        |
    /// | yes     | down     | any                                                      | `ForcedDown` | no        |
    /// | yes     | up       | one may be answered                                      | `ForcedUp`   | yes       |
    /// | yes     | none     | fewer available than the judgement or `min_available` ask | `Down`      | no        |
    /// | yes     | none     | enough, but not all that count                           | `Warning`    | yes       |
    /// | yes     | none     | all that count                                           | `Ok`, or `NoMonitor` when none has a check | yes |
    pub fn pool(&self, model: &Model, id: PoolId) -> PoolState {
        let pool = model.pool(id);
        let said = self.forced.pool(id);
        if !said.enabled.unwrap_or(pool.enabled) {
            return PoolState::Disabled;
        }
        let states = || pool.addresses.iter().enumerate().map(|(at, address)| self.address(id, at, address));
        match said.health {
            Some(Health::Down) => return PoolState::ForcedDown,
            Some(Health::Up) if states().any(AddressState::is_last_resort) => return PoolState::ForcedUp,
            Some(Health::Up) | None => {}
        }
        let Availability { available, total } = self.availability(model, id);
        if total == 0 || available < pool.min_available || !pool.judgement.is_met(available, total) {
            PoolState::Down
        } else if available < total {
            PoolState::Warning
        } else if states().filter(|state| state.counts()).all(|state| state == AddressState::NoMonitor) {
            PoolState::NoMonitor
        } else {
            PoolState::Ok
        }
    }

    /// How many addresses of a pool are available, of how many that count.
    pub fn availability(&self, model: &Model, id: PoolId) -> Availability {
        let addresses = model.pool(id).addresses.iter().enumerate();
        let counting =
            addresses.map(|(at, address)| self.address(id, at, address)).filter(|state| state.counts());
        counting.fold(Availability { available: 0, total: 0 }, |sum, state| Availability {
            available: sum.available + usize::from(state.is_available()),
            total: sum.total + 1,
        })
    }

    /// State of an access domain.
    pub fn domain(&self, model: &Model, id: DomainId) -> DomainState {
        let Some(domain) = model.domains.get(id.0).filter(|domain| self.is_enabled(id, domain.enabled))
        else {
            return DomainState::Disabled;
        };
        let states = || domain.pools.iter().map(|used| self.pool(model, used.pool));
        if !states().any(PoolState::is_available) {
            DomainState::Down
        } else if states().all(|state| matches!(state, PoolState::Ok | PoolState::NoMonitor)) {
            DomainState::Ok
        } else {
            DomainState::Warning
        }
    }

    /// Whether an access domain steers, given what its configuration says.
    pub fn is_enabled(&self, id: DomainId, configured: bool) -> bool {
        self.forced.domain(id).enabled.unwrap_or(configured)
    }

    /// Whether a pool can answer.
    pub(super) fn pool_answers(&self, model: &Model, id: PoolId, lens: Lens) -> bool {
        match lens {
            Lens::Real => self.pool(model, id).is_available(),
            Lens::AsIfUp => {
                !matches!(self.pool(model, id), PoolState::Disabled | PoolState::ForcedDown)
                    && !self.addresses(model, id, lens).is_empty()
            }
        }
    }

    /// Positions of the addresses of a pool that can answer: the available ones; all that may be answered when none is and
    /// everything is taken to be up, or an operator forces the pool up.
    pub(super) fn addresses(&self, model: &Model, id: PoolId, lens: Lens) -> Vec<usize> {
        let of = |answers: fn(AddressState) -> bool| -> Vec<usize> {
            let addresses = model.pool(id).addresses.iter().enumerate();
            addresses
                .filter(|(at, address)| answers(self.address(id, *at, address)))
                .map(|(at, _)| at)
                .collect()
        };
        let available = if lens == Lens::Real { of(AddressState::is_available) } else { Vec::new() };
        let is_forced = || self.forced.pool(id).health == Some(Health::Up);
        if available.is_empty() && (lens == Lens::AsIfUp || is_forced()) {
            of(AddressState::is_last_resort)
        } else {
            available
        }
    }
}

/// How many addresses are available, of how many that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Availability {
    /// Available ones.
    pub available: usize,
    /// All but the disabled ones.
    pub total: usize,
}

impl AddressState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Good,
        Self::NoMonitor,
        Self::Online,
        Self::ForcedUp,
        Self::Failed,
        Self::Offline,
        Self::ForcedDown,
        Self::Disabled,
    ];

    /// True when the address may be answered.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Good | Self::NoMonitor | Self::Online | Self::ForcedUp)
    }

    /// True when the address counts in its pool.
    pub fn counts(self) -> bool {
        self != Self::Disabled
    }

    /// True when the address may be answered once everything is down: disabled, `offline` and forced-down ones may not.
    pub fn is_last_resort(self) -> bool {
        !matches!(self, Self::Disabled | Self::Offline | Self::ForcedDown)
    }

    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::NoMonitor => "no monitor",
            Self::Online => "online",
            Self::ForcedUp => "forced up",
            Self::Failed => "down",
            Self::Offline => "offline",
            Self::ForcedDown => "forced down",
            Self::Disabled => "disabled",
        }
    }
}

impl PoolState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::NoMonitor,
        Self::Warning,
        Self::ForcedUp,
        Self::Down,
        Self::ForcedDown,
        Self::Disabled,
    ];

    /// True when the pool can answer.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Ok | Self::NoMonitor | Self::Warning | Self::ForcedUp)
    }

    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoMonitor => "no monitor",
            Self::Warning => "warning",
            Self::ForcedUp => "forced up",
            Self::Down => "down",
            Self::ForcedDown => "forced down",
            Self::Disabled => "disabled",
        }
    }
}

impl DomainState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Ok, Self::Warning, Self::Down, Self::Disabled];

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
