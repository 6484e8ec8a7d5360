//! From probe to state (semantics, section 2), and what operators say of it.

use gtm_userspace::config::model::{AccessDomain, Address, AddressMode, Judgement, Pool, PoolId, Verdict};
use gtm_userspace::decision::overrides::{Action, Object};

use super::Reference;

impl Reference {
    /// Enabled and (`online`, or `auto` and judged good).
    pub(super) fn is_available(&self, pool: &Pool, address: &Address) -> bool {
        self.address_is_enabled(pool, address)
            && match self.mode(pool, address) {
                AddressMode::Online => true,
                AddressMode::Offline => false,
                AddressMode::Auto => self.is_good(address),
            }
    }

    /// Judged over its checks; without one it is good.
    fn is_good(&self, address: &Address) -> bool {
        let checks = &address.checks;
        let passing = checks.iter().filter(|check| self.verdicts[check.0] == Verdict::Passing).count();
        checks.is_empty() || is_enough(address.judgement, passing, checks.len())
    }

    /// An override "up" is `online`, "down" is `offline`.
    fn mode(&self, pool: &Pool, address: &Address) -> AddressMode {
        match self.said_of_address(pool, address, &[Action::Up, Action::Down]) {
            Some(Action::Up) => AddressMode::Online,
            Some(_) => AddressMode::Offline,
            None => address.mode,
        }
    }

    fn address_is_enabled(&self, pool: &Pool, address: &Address) -> bool {
        let said = self.said_of_address(pool, address, &[Action::Enable, Action::Disable]);
        said.map_or(address.enabled, |action| action == Action::Enable)
    }

    /// Disabled and `offline` addresses are no last resort.
    pub(super) fn is_last_resort(&self, pool: &Pool, address: &Address) -> bool {
        self.address_is_enabled(pool, address) && self.mode(pool, address) != AddressMode::Offline
    }

    /// Enabled, and enough of its addresses are available: disabled ones are not in the total, `offline` ones are.
    pub(super) fn pool_is_available(&self, id: PoolId) -> bool {
        let pool = self.model.pool(id);
        let counting: Vec<&Address> =
            pool.addresses.iter().filter(|address| self.address_is_enabled(pool, address)).collect();
        let available = counting.iter().filter(|address| self.is_available(pool, address)).count();
        if !self.pool_is_enabled(pool) {
            return false;
        }
        match self.said_of_pool(pool, &[Action::Up, Action::Down]) {
            Some(Action::Down) => false,
            Some(_) if counting.iter().any(|address| self.is_last_resort(pool, address)) => true,
            _ => {
                !counting.is_empty()
                    && available >= pool.min_available
                    && is_enough(pool.judgement, available, counting.len())
            }
        }
    }

    /// Apart from health: a disabled pool, one that an operator says is down, and one without an address that may be
    /// answered is no last resort.
    pub(super) fn pool_is_last_resort(&self, pool: &Pool) -> bool {
        self.pool_is_enabled(pool)
            && self.said_of_pool(pool, &[Action::Down, Action::Up]) != Some(Action::Down)
            && pool.addresses.iter().any(|address| self.is_last_resort(pool, address))
    }

    fn pool_is_enabled(&self, pool: &Pool) -> bool {
        let said = self.said_of_pool(pool, &[Action::Enable, Action::Disable]);
        said.map_or(pool.enabled, |action| action == Action::Enable)
    }

    /// True when an operator says that a pool is up.
    pub(super) fn is_forced_up(&self, pool: &Pool) -> bool {
        self.said_of_pool(pool, &[Action::Up, Action::Down]) == Some(Action::Up)
    }

    /// True unless the access domain is disabled.
    pub(crate) fn is_steered(&self, domain: &AccessDomain) -> bool {
        let said = self.last(|object, action| {
            [Action::Enable, Action::Disable].contains(action) && is_domain(object, domain)
        });
        said.map_or(domain.enabled, |action| action == Action::Enable)
    }

    /// Position of the pool that an operator pinned the access domain to.
    pub(super) fn pinned(&self, domain: &AccessDomain) -> Option<usize> {
        let said =
            self.last(|object, action| matches!(action, Action::Pin { .. }) && is_domain(object, domain));
        let Some(Action::Pin { pool }) = said else { return None };
        domain.pools.iter().position(|used| self.model.pool(used.pool).name == pool)
    }

    pub(super) fn address_is_drained(&self, pool: &Pool, address: &Address) -> bool {
        self.said_of_address(pool, address, &[Action::Drain]).is_some()
    }

    pub(super) fn pool_is_drained(&self, pool: &Pool) -> bool {
        self.said_of_pool(pool, &[Action::Drain]).is_some()
    }

    /// What is said of it in this pool outranks what is said of it in all.
    fn said_of_address(&self, pool: &Pool, address: &Address, one_of: &[Action]) -> Option<Action> {
        let said = |within: Option<&String>| {
            self.last(|about, action| {
                one_of.contains(action)
                    && matches!(about, Object::Address { pool, target }
                        if pool.as_ref() == within && *target == address.target.to_string())
            })
        };
        said(Some(&pool.name)).or_else(|| said(None))
    }

    fn said_of_pool(&self, pool: &Pool, one_of: &[Action]) -> Option<Action> {
        self.last(|about, action| {
            matches!(about, Object::Pool { name } if *name == pool.name) && one_of.contains(action)
        })
    }

    /// The action of the last override of which this is true.
    fn last(&self, is_it: impl Fn(&Object, &Action) -> bool) -> Option<Action> {
        let mut overrides = self.overrides.iter().rev();
        overrides.find(|said| is_it(&said.object, &said.action)).map(|said| said.action.clone())
    }
}

fn is_domain(object: &Object, domain: &AccessDomain) -> bool {
    matches!(object, Object::Domain { name, steered }
        if *name == domain.name.to_string() && *steered == domain.steered.to_string())
}

/// `available * 100 >= percent * total`.
fn is_enough(judgement: Judgement, good: usize, total: usize) -> bool {
    match judgement {
        Judgement::Any => good > 0,
        Judgement::All => good == total,
        Judgement::Percent(percent) => good * 100 >= usize::from(percent) * total,
    }
}
