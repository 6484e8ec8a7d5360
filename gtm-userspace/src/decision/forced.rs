//! What the overrides say of each object of one model: found by name once, looked up by index from then on.

use std::collections::HashMap;

use super::overrides::{Action, Object, Override};
use crate::config::Model;
use crate::config::model::{AccessDomain, DomainId, PoolId, Target};
use crate::name::Name;

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
            let named = Named::new(model);
            for said in &overrides {
                forced.add(model, &named, said);
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

    fn add(&mut self, model: &Model, named: &Named<'_>, said: &Override) {
        match &said.object {
            Object::Address { pool, target } => {
                let Ok(target) = target.parse::<Target>() else { return };
                let is_meant = |id: PoolId| pool.as_ref().is_none_or(|pool| model.pool(id).name == *pool);
                let places = named.addresses.get(&target).into_iter().flatten();
                for place in places.filter(|(id, _)| is_meant(*id)) {
                    self.addresses.entry(*place).or_default().take(&said.action);
                }
            }
            Object::Pool { name } => {
                if let Some(id) = named.pools.get(name.as_str()) {
                    self.pools.entry(*id).or_default().take(&said.action);
                }
            }
            Object::Domain { name, steered } => {
                let Ok(name) = name.parse::<Name>() else { return };
                let of_name = named.domains.get(&name).into_iter().flatten();
                let mut same = of_name.filter(|(_, domain)| domain.steered.to_string() == *steered);
                if let Some((id, domain)) = same.next() {
                    let entry = self.domains.entry(*id).or_default();
                    if let Action::Pin { pool } = &said.action {
                        entry.pinned =
                            domain.pools.iter().position(|used| model.pool(used.pool).name == *pool);
                    }
                    entry.take(&said.action);
                }
            }
        }
    }
}

/// What overrides can be about, by what it is called.
struct Named<'m> {
    addresses: HashMap<&'m Target, Vec<(PoolId, usize)>>,
    pools: HashMap<&'m str, PoolId>,
    domains: HashMap<&'m Name, Vec<(DomainId, &'m AccessDomain)>>,
}

impl<'m> Named<'m> {
    fn new(model: &'m Model) -> Self {
        let mut named = Self { addresses: HashMap::new(), pools: HashMap::new(), domains: HashMap::new() };
        for (index, pool) in model.pools.iter().enumerate() {
            named.pools.insert(&pool.name, PoolId(index));
            for (position, address) in pool.addresses.iter().enumerate() {
                named.addresses.entry(&address.target).or_default().push((PoolId(index), position));
            }
        }
        for (index, domain) in model.domains.iter().enumerate() {
            named.domains.entry(&domain.name).or_default().push((DomainId(index), domain));
        }
        named
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
