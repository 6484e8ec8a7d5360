//! What the overrides say of each object of one model: found by name once, looked up by index from then on.

use std::collections::HashMap;

use super::overrides::{Action, Object, Override};
use crate::config::Model;
use crate::config::model::{DomainId, PoolId};

/// The overrides of a model by what they are about; an override of something that the model does not have says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forced {
    /// In the order of their ids.
    list: Vec<Override>,
    addresses: HashMap<(PoolId, usize), Said>,
    pools: HashMap<PoolId, Said>,
    domains: HashMap<DomainId, Said>,
}

/// What the overrides say of one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// Up or down, whatever its health.
    pub health: Option<Health>,
    /// Enabled or disabled, whatever its configuration.
    pub enabled: Option<bool>,
    /// Whether its weight is 0.
    pub drained: bool,
    /// Position of the pool that an access domain is pinned to.
    pub pinned: Option<usize>,
}

/// A health that was said, not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Available.
    Up,
    /// Not available.
    Down,
}

impl Forced {
    /// Resolves overrides. What is said of an address in one pool outranks what is said of it in all; otherwise of two about the
    /// same object and aspect the one with the larger id holds.
    pub fn new(model: &Model, mut overrides: Vec<Override>) -> Self {
        overrides.sort_by_key(|said| (is_about_one_pool(&said.object), said.id));
        let mut forced = Self::default();
        if !overrides.is_empty() {
            let objects = Objects::new(model);
            for said in &overrides {
                forced.add(model, &objects, said);
            }
        }
        overrides.sort_by_key(|said| said.id);
        Self { list: overrides, ..forced }
    }

    /// Every override, in the order of the ids, also those of objects that the model does not have.
    pub fn list(&self) -> &[Override] {
        &self.list
    }

    /// What is said of an address of a pool, by its position there.
    pub fn address(&self, pool: PoolId, position: usize) -> Said {
        self.addresses.get(&(pool, position)).copied().unwrap_or_default()
    }

    /// What is said of a pool.
    pub fn pool(&self, pool: PoolId) -> Said {
        self.pools.get(&pool).copied().unwrap_or_default()
    }

    /// What is said of an access domain.
    pub fn domain(&self, domain: DomainId) -> Said {
        self.domains.get(&domain).copied().unwrap_or_default()
    }

    fn add(&mut self, model: &Model, objects: &Objects<'_>, said: &Override) {
        match &said.object {
            Object::Address { pool, target } => {
                for (id, position) in objects.addresses.get(target).into_iter().flatten() {
                    if pool.as_ref().is_none_or(|pool| *pool == model.pool(*id).name) {
                        self.addresses.entry((*id, *position)).or_default().take(&said.action);
                    }
                }
            }
            Object::Pool { name } => {
                if let Some(id) = objects.pools.get(name.as_str()) {
                    self.pools.entry(*id).or_default().take(&said.action);
                }
            }
            Object::Domain { name, steered } => {
                if let Some(id) = objects.domains.get(&(name.clone(), steered.clone())) {
                    let entry = self.domains.entry(*id).or_default();
                    if let (Action::Pin { pool }, Some(domain)) = (&said.action, model.domains.get(id.0)) {
                        entry.pinned =
                            domain.pools.iter().position(|used| model.pool(used.pool).name == *pool);
                    }
                    entry.take(&said.action);
                }
            }
        }
    }
}

/// What a model has, by the names that overrides use: thousands of them are resolved in one go.
struct Objects<'m> {
    addresses: HashMap<String, Vec<(PoolId, usize)>>,
    pools: HashMap<&'m str, PoolId>,
    domains: HashMap<(String, String), DomainId>,
}

impl<'m> Objects<'m> {
    fn new(model: &'m Model) -> Self {
        let mut addresses: HashMap<String, Vec<(PoolId, usize)>> = HashMap::new();
        for (index, pool) in model.pools.iter().enumerate() {
            for (position, address) in pool.addresses.iter().enumerate() {
                addresses.entry(address.target.to_string()).or_default().push((PoolId(index), position));
            }
        }
        let pools = model.pools.iter().enumerate().map(|(index, pool)| (pool.name.as_str(), PoolId(index)));
        let domains =
            model.domains.iter().enumerate().map(|(index, domain)| {
                ((domain.name.to_string(), domain.steered.to_string()), DomainId(index))
            });
        Self { addresses, pools: pools.collect(), domains: domains.collect() }
    }
}

impl Said {
    fn take(&mut self, action: &Action) {
        match action {
            Action::Up => self.health = Some(Health::Up),
            Action::Down => self.health = Some(Health::Down),
            Action::Enable => self.enabled = Some(true),
            Action::Disable => self.enabled = Some(false),
            Action::Drain => self.drained = true,
            // The position was found where the access domain is known.
            Action::Pin { .. } => {}
        }
    }
}

fn is_about_one_pool(object: &Object) -> bool {
    matches!(object, Object::Address { pool: Some(_), .. })
}
