//! Keeps an answer table true: compiles it from the model and the partition, and turns each change of conditions into
//! the slots that change.

mod compile;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use self::compile::Compiler;

use super::answer::Answer;
use super::changes::{Availability, Changes, Switch};
use super::choose::{Choice, Choosing, Reason, choose};
use super::conditions::{AddressState, Conditions, DomainState, PoolState};
use super::forced::Forced;
use super::location::Location;
use super::memory::{domain_key, last_good_key, pool_key};
use super::overrides::{Object, Override};
use super::route::{Route, Stop};
use super::selection::Response;
use super::table::AnswerTable;
use crate::config::Model;
use crate::config::model::{
    AccessDomain, AllDownAction, CheckId, DomainId, Policy, PoolId, SourceId, Verdict,
};
use crate::geo::Partition;
use crate::name::Name;

/// The decision over one configuration: its answer table and what it was decided from.
#[derive(Debug)]
pub struct Decider {
    model: Arc<Model>,
    table: Arc<AnswerTable>,
    conditions: Conditions,
    /// What each slot is for and what it answers now.
    slots: Vec<Slot>,
    /// What a change of one thing can change.
    reach: Reach,
    /// What everything was shown as when it was last decided.
    shown: Shown,
}

#[derive(Debug)]
struct Slot {
    domain: DomainId,
    route: Arc<Route>,
    /// Where its last good answer is remembered, if that is asked for.
    last_good: Option<String>,
    choice: Choice,
}

/// Which pools a check can change, which access domains a pool can change, and the slots of these.
#[derive(Debug, Default)]
struct Reach {
    /// By check.
    pools_of_check: Vec<Vec<PoolId>>,
    /// By pool.
    domains_of_pool: Vec<Vec<DomainId>>,
    /// By access domain: they follow each other.
    slots_of_domain: Vec<Range<usize>>,
}

/// States by index: of the addresses of each pool, the pools and the access domains.
#[derive(Debug, Default)]
struct Shown {
    addresses: Vec<Vec<AddressState>>,
    pools: Vec<PoolState>,
    domains: Vec<DomainState>,
}

impl Decider {
    /// Decides every slot of the model for these conditions. Non-preemptive levels stand where the memory says, as far as that
    /// is available; what it says of things that the model does not have is forgotten.
    pub fn new(model: Arc<Model>, partition: &Partition, conditions: Conditions) -> Self {
        let mut compiler = Compiler::default();
        for (index, domain) in model.domains.iter().enumerate() {
            compiler.add(&model, DomainId(index), domain, partition);
        }
        let Compiler { names, views, routes, .. } = compiler;
        let undecided = |(domain, route): (DomainId, Arc<Route>)| {
            let found = model.domains.get(domain.0);
            let last_good = found
                .filter(|found| found.all_down == AllDownAction::LastGood)
                .map(|found| last_good_key(found, &route_text(&model, found, &route)));
            let choice = Choice { response: Response::Zone, reason: Reason::Disabled };
            Slot { domain, route, last_good, choice }
        };
        let slots: Vec<Slot> = routes.into_iter().map(undecided).collect();
        let table = AnswerTable::new(Location::new(partition), names, views, slots.len());
        let mut decider = Self {
            reach: Reach::new(&model, &slots),
            shown: Shown::new(&model),
            table: Arc::new(table),
            model,
            conditions,
            slots,
        };
        decider.forget_unused();
        decider.decide_all();
        decider
    }

    /// The configuration that it decides over.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The table that this decider keeps true.
    pub fn table(&self) -> &Arc<AnswerTable> {
        &self.table
    }

    /// What the table was decided from.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Every slot's access domain, the pools that its clients may use, and what it answers now, by index.
    pub fn slots(&self) -> impl Iterator<Item = (DomainId, &Route, &Choice)> {
        self.slots.iter().map(|slot| (slot.domain, &*slot.route, &slot.choice))
    }

    /// Takes the verdict of a check: decides what it reaches anew, and stores what changed in the table.
    pub fn set_verdict(&mut self, check: CheckId, verdict: Verdict) -> Changes {
        self.set_verdicts([(check, verdict)])
    }

    /// Takes the verdicts of several checks at once.
    pub fn set_verdicts(&mut self, verdicts: impl IntoIterator<Item = (CheckId, Verdict)>) -> Changes {
        let mut pools = BTreeSet::new();
        for (check, verdict) in verdicts {
            if let Some(known) = self.conditions.verdicts.get_mut(check.0).filter(|known| **known != verdict)
            {
                *known = verdict;
                pools.extend(self.reach.pools_of_check.get(check.0).into_iter().flatten().copied());
            }
        }
        if pools.is_empty() {
            return Changes::default();
        }
        let domains = self.reach.domains_of(&pools);
        self.decide(pools, domains)
    }

    /// Goes over to the conditions of now, for a decision that was made from others `before` while those changed. What is
    /// remembered is taken over as well.
    pub fn catch_up(&mut self, before: &Conditions, now: Conditions) -> Changes {
        if before.forced == now.forced && before.memory == now.memory && before.down == now.down {
            let verdicts = now.verdicts.iter().enumerate();
            return self.set_verdicts(verdicts.map(|(check, verdict)| (CheckId(check), *verdict)));
        }
        self.conditions = now;
        self.forget_unused();
        self.decide_all()
    }

    /// Puts these overrides in the place of those before.
    pub fn set_overrides(&mut self, overrides: Vec<Override>) -> Changes {
        self.conditions.forced = Forced::new(&self.model, overrides);
        self.decide_all()
    }

    /// Lets a non-preemptive pool or access domain return to its smallest available ordinal now.
    pub fn return_now(&mut self, object: &Object) -> Changes {
        let model = Arc::clone(&self.model);
        let keys: Vec<String> = match object {
            Object::Pool { name } => vec![pool_key(name)],
            Object::Domain { name, steered } => {
                let same = |domain: &&AccessDomain| {
                    domain.name.to_string() == *name && domain.steered.to_string() == *steered
                };
                let groups = |domain: &AccessDomain| -> Vec<String> {
                    sources(domain).into_iter().map(|source| domain_key(&model, domain, source)).collect()
                };
                model.domains.iter().filter(same).flat_map(groups).collect()
            }
            Object::Address { .. } => Vec::new(),
        };
        let forgotten: Vec<String> =
            keys.into_iter().filter(|key| self.conditions.memory.forget(key)).collect();
        let mut changes = self.decide_all();
        for key in forgotten {
            let value = self.conditions.memory.entry(&key);
            changes.memory.insert(key, value);
        }
        changes
    }

    fn decide_all(&mut self) -> Changes {
        let pools = (0..self.model.pools.len()).map(PoolId);
        let domains = (0..self.model.domains.len()).map(DomainId);
        self.decide(pools, domains)
    }

    /// Decides these pools and access domains anew: first where levels stand, then what is answered.
    fn decide(
        &mut self,
        pools: impl IntoIterator<Item = PoolId>,
        domains: impl IntoIterator<Item = DomainId>,
    ) -> Changes {
        let mut changes = Changes::default();
        for pool in pools {
            self.decide_pool(pool, &mut changes);
        }
        let mut answers = Answers::default();
        for domain in domains {
            self.decide_domain(domain, &mut answers, &mut changes);
        }
        changes
    }

    fn decide_pool(&mut self, id: PoolId, changes: &mut Changes) {
        let Self { model, conditions, shown, .. } = self;
        let pool = model.pool(id);
        let states: Vec<AddressState> = pool
            .addresses
            .iter()
            .enumerate()
            .map(|(position, address)| conditions.address(id, position, address))
            .collect();
        let before = shown.addresses.get_mut(id.0).map(|known| std::mem::replace(known, states.clone()));
        for ((address, from), to) in pool.addresses.iter().zip(before.into_iter().flatten()).zip(&states) {
            let change = match (from.is_available(), to.is_available()) {
                (false, true) => Availability::Up,
                (true, false) => Availability::Down,
                (false, false) | (true, true) => continue,
            };
            changes.addresses.insert((address.target.clone(), change));
        }
        let state = conditions.pool(model, id);
        if let Some(known) = shown.pools.get_mut(id.0).filter(|known| **known != state) {
            changes.pools.insert(id, (std::mem::replace(known, state), state));
        }
        if pool.stays() {
            let available = pool.addresses.iter().zip(&states).filter(|(_, state)| state.is_available());
            let names: Vec<String> = available.map(|(address, _)| address.target.to_string()).collect();
            advance(conditions, pool_key(&pool.name), &names, changes);
        }
    }

    fn decide_domain(&mut self, id: DomainId, answers: &mut Answers, changes: &mut Changes) {
        let model = Arc::clone(&self.model);
        let Some(domain) = model.domains.get(id.0) else { return };
        let state = self.conditions.domain(&model, id);
        if let Some(known) = self.shown.domains.get_mut(id.0).filter(|known| **known != state) {
            changes.domains.insert(id, (std::mem::replace(known, state), state));
        }
        if domain.stays() {
            for source in sources(domain) {
                let of_source = domain.pools.iter().filter(|used| {
                    source.is_none_or(|source| used.sources.contains(&source))
                        && self.conditions.pool(&model, used.pool).is_available()
                });
                let names: Vec<String> = of_source.map(|used| model.pool(used.pool).name.clone()).collect();
                advance(&mut self.conditions, domain_key(&model, domain, source), &names, changes);
            }
        }
        for index in self.reach.slots_of_domain.get(id.0).cloned().unwrap_or_default() {
            self.decide_slot(index, domain, answers, changes);
        }
    }

    fn decide_slot(
        &mut self,
        index: usize,
        domain: &AccessDomain,
        answers: &mut Answers,
        changes: &mut Changes,
    ) {
        let (Some(slot), Some(shared)) = (self.slots.get_mut(index), self.table.slots.get(index)) else {
            return;
        };
        let last_good = slot.last_good.as_deref();
        let choice = choose(Choosing {
            model: &self.model,
            conditions: &self.conditions,
            domain: slot.domain,
            route: &slot.route,
            last_good: last_good.and_then(|key| self.conditions.memory.last_good(key)),
        });
        if let Some(key) = last_good
            && matches!(choice.reason, Reason::Pools(_) | Reason::Pinned(_))
            && self.conditions.memory.remember(key, &choice.response)
        {
            changes.memory.insert(key.to_owned(), self.conditions.memory.entry(key));
        }
        if choice != slot.choice {
            shared.store(answers.of(&self.model, domain, &choice.response));
            let from = std::mem::replace(&mut slot.choice, choice.clone());
            let (domain, route) = (slot.domain, Arc::clone(&slot.route));
            changes.switches.push(Switch { slot: compile::index(index), domain, route, from, to: choice });
        }
    }

    /// Forgets what the model no longer has. A level that is preemptive now stands nowhere: should it become non-preemptive
    /// again, where it once stood is long past.
    fn forget_unused(&mut self) {
        let (model, slots) = (&self.model, &self.slots);
        let pools = model.pools.iter().filter(|pool| pool.stays()).map(|pool| pool_key(&pool.name));
        let groups =
            model.domains.iter().filter(|domain| domain.stays()).flat_map(|domain| {
                sources(domain).into_iter().map(|source| domain_key(model, domain, source))
            });
        let last_good = slots.iter().filter_map(|slot| slot.last_good.clone());
        let used: BTreeSet<String> = pools.chain(groups).chain(last_good).collect();
        self.conditions.memory.retain(|key| used.contains(key));
    }
}

impl Reach {
    fn new(model: &Model, slots: &[Slot]) -> Self {
        let mut reach = Self {
            pools_of_check: vec![Vec::new(); model.checks.len()],
            domains_of_pool: vec![Vec::new(); model.pools.len()],
            slots_of_domain: vec![0..0; model.domains.len()],
        };
        for (index, pool) in model.pools.iter().enumerate() {
            let checks: BTreeSet<CheckId> =
                pool.addresses.iter().flat_map(|address| address.checks.iter().copied()).collect();
            for check in checks {
                reach.pools_of_check.get_mut(check.0).into_iter().for_each(|pools| pools.push(PoolId(index)));
            }
        }
        for (index, domain) in model.domains.iter().enumerate() {
            for pool in domain.answering_pools() {
                let domains = reach.domains_of_pool.get_mut(pool.0);
                if let Some(domains) = domains {
                    domains.push(DomainId(index));
                }
            }
        }
        for (index, slot) in slots.iter().enumerate() {
            if let Some(slots) = reach.slots_of_domain.get_mut(slot.domain.0) {
                *slots = if slots.end == 0 { index..index + 1 } else { slots.start..index + 1 };
            }
        }
        reach
    }

    /// Those that these pools can change, ascending.
    fn domains_of(&self, pools: &BTreeSet<PoolId>) -> Vec<DomainId> {
        let domains = pools.iter().flat_map(|pool| self.domains_of_pool.get(pool.0).into_iter().flatten());
        let mut domains: Vec<DomainId> = domains.copied().collect();
        domains.sort_unstable();
        domains.dedup();
        domains
    }
}

/// The answers that were made already: of many slots that switch at once most go to the same few.
#[derive(Debug, Default)]
struct Answers(HashMap<(Response, u32), Arc<Answer>>);

impl Answers {
    /// The answer of a response. An alias outside our zones is no concern of the server: nothing is added to it.
    fn of(&mut self, model: &Model, domain: &AccessDomain, response: &Response) -> Arc<Answer> {
        let is_ours = |name: &Name| model.zones.iter().any(|zone| name.is_at_or_below(&zone.origin));
        let answer = self
            .0
            .entry((response.clone(), domain.ttl))
            .or_insert_with(|| Arc::new(Answer::compile(response, domain.ttl, is_ours)));
        Arc::clone(answer)
    }
}

impl Shown {
    /// Before anything was decided everything counts as up; what is down then is told by [`super::comparison::found`].
    fn new(model: &Model) -> Self {
        let addresses = |pool: &crate::config::model::Pool| vec![AddressState::Good; pool.addresses.len()];
        Self {
            addresses: model.pools.iter().map(addresses).collect(),
            pools: vec![PoolState::Ok; model.pools.len()],
            domains: vec![DomainState::Ok; model.domains.len()],
        }
    }
}

/// Moves a non-preemptive level on.
fn advance(conditions: &mut Conditions, key: String, available: &[String], changes: &mut Changes) {
    let available: Vec<&str> = available.iter().map(String::as_str).collect();
    if conditions.memory.advance(&key, &available) {
        let value = conditions.memory.entry(&key);
        changes.memory.insert(key, value);
    }
}

/// The sources whose pools stand each for themselves; none where all stand together.
fn sources(domain: &AccessDomain) -> Vec<Option<SourceId>> {
    if domain.policy != Policy::NearestSource {
        return vec![None];
    }
    let sources: BTreeSet<SourceId> =
        domain.pools.iter().flat_map(|used| used.sources.iter().copied()).collect();
    sources.into_iter().map(Some).collect()
}

/// The stops of a route, and the addresses of pools that choose by source, by name: what tells it from the other routes of the
/// access domain, and stays the same in the next configuration, whatever place they have there.
fn route_text(model: &Model, domain: &AccessDomain, route: &Route) -> String {
    let name =
        |position: usize| domain.pools.get(position).map_or("", |used| model.pool(used.pool).name.as_str());
    let source = |id: SourceId| model.sources.get(id.0).map_or("", |source| source.name.as_str());
    let stop = |stop: &Stop| match stop.source {
        Some(id) => format!("{} for {}", name(stop.position), source(id)),
        None => name(stop.position).to_owned(),
    };
    let stops: Vec<String> = route.stops.iter().map(stop).collect();
    let of_pool = |(id, positions): &(PoolId, Vec<usize>)| {
        let pool = model.pool(*id);
        let addresses = positions.iter().filter_map(|position| pool.addresses.get(*position));
        let targets: Vec<String> = addresses.map(|address| address.target.to_string()).collect();
        format!("{}:{}", pool.name, targets.join(" "))
    };
    let nearest: Vec<String> = route.nearest.iter().map(of_pool).collect();
    [stops.join(","), nearest.join(",")].join(";")
}

/// What everything is shown as, for those who ask.
impl Decider {
    /// The last good answer that is remembered for a route of an access domain.
    pub fn last_good(&self, domain: DomainId, route: &Route) -> Option<&Response> {
        let slot = self.slots.iter().find(|slot| slot.domain == domain && *slot.route == *route)?;
        self.conditions.memory.last_good(slot.last_good.as_deref()?)
    }

    /// States of all access domains, by index.
    pub fn domain_states(&self) -> BTreeMap<DomainId, DomainState> {
        self.shown.domains.iter().enumerate().map(|(index, state)| (DomainId(index), *state)).collect()
    }
}
