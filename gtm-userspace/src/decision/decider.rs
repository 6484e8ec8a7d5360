//! Keeps an answer table true: compiles it from the model and the partition, and turns each change of conditions into
//! the slots that change.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use gtm_common::abi::{TAILORED, TypeEntry};

use super::answer::Answer;
use super::choose::{Choice, choose};
use super::conditions::Conditions;
use super::location::Location;
use super::route::{Route, route};
use super::table::{AnswerTable, qtype};
use crate::config::Model;
use crate::config::model::{AccessDomain, CheckId, DomainId, Verdict};
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
    /// The slots of the access domains that each check can change.
    slots_of_check: HashMap<CheckId, Vec<u32>>,
}

#[derive(Debug)]
struct Slot {
    domain: DomainId,
    route: Route,
    choice: Choice,
}

/// A slot whose answer changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Index of the slot in [`AnswerTable::slots`].
    pub slot: u32,
    /// The access domain that answers otherwise now.
    pub domain: DomainId,
    /// The pools that the slot's clients may use.
    pub route: Route,
    /// What was answered.
    pub from: Choice,
    /// What is answered now.
    pub to: Choice,
}

/// What became of the all-down action of an access domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllDown {
    /// Every pool is down now: what is answered is a last resort.
    Entered,
    /// Some pool is up again.
    Left,
}

impl Decider {
    /// Decides every slot of the model for these conditions.
    pub fn new(model: Arc<Model>, partition: &Partition, conditions: Conditions) -> Self {
        let mut compiler = Compiler::default();
        for (index, domain) in model.domains.iter().enumerate().filter(|(_, domain)| domain.enabled) {
            compiler.add(DomainId(index), domain, partition);
        }
        let Compiler { names, views, routes, .. } = compiler;
        let decide = |(domain, route): (DomainId, Route)| {
            let choice = model.domains.get(domain.0).map(|found| choose(&model, found, &route, &conditions));
            Some(Slot { domain, route, choice: choice? })
        };
        let slots: Vec<Slot> = routes.into_iter().filter_map(decide).collect();
        let answers = slots.iter().map(|slot| answer(&model, slot.domain, &slot.choice)).collect();
        let table = AnswerTable::new(Location::new(partition), names, views, answers);
        Self {
            slots_of_check: slots_of_check(&model, &slots),
            table: Arc::new(table),
            model,
            conditions,
            slots,
        }
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

    /// Takes the verdict of a check: decides its slots anew, stores those that changed in the table and returns them.
    pub fn set_verdict(&mut self, check: CheckId, verdict: Verdict) -> Vec<Switch> {
        match self.conditions.verdicts.get_mut(check.0) {
            Some(known) if *known != verdict => *known = verdict,
            _ => return Vec::new(),
        }
        let affected = self.slots_of_check.get(&check).map(Vec::as_slice).unwrap_or_default();
        let mut switches = Vec::new();
        for &index in affected {
            let position = usize::try_from(index).unwrap_or(usize::MAX);
            let (Some(slot), Some(shared)) = (self.slots.get_mut(position), self.table.slots.get(position))
            else {
                continue;
            };
            let Some(domain) = self.model.domains.get(slot.domain.0) else { continue };
            let choice = choose(&self.model, domain, &slot.route, &self.conditions);
            if choice != slot.choice {
                shared.store(Arc::new(answer(&self.model, slot.domain, &choice)));
                let from = std::mem::replace(&mut slot.choice, choice.clone());
                switches.push(Switch {
                    slot: index,
                    domain: slot.domain,
                    route: slot.route.clone(),
                    from,
                    to: choice,
                });
            }
        }
        switches
    }
}

/// The access domains that these switches, made by one change, took into the all-down action or out of it: every slot of
/// an access domain goes the same way.
pub fn all_down_changes(switches: &[Switch]) -> BTreeMap<DomainId, AllDown> {
    let change = |switch: &Switch| match (switch.from.reason.is_all_down(), switch.to.reason.is_all_down()) {
        (false, true) => Some((switch.domain, AllDown::Entered)),
        (true, false) => Some((switch.domain, AllDown::Left)),
        (false, false) | (true, true) => None,
    };
    switches.iter().filter_map(change).collect()
}

/// Collects names, rows and routes; equal rows are kept once.
#[derive(Default)]
struct Compiler {
    names: HashMap<Name, Vec<TypeEntry>>,
    views: Vec<u32>,
    rows: HashMap<Vec<u32>, u32>,
    routes: Vec<(DomainId, Route)>,
}

impl Compiler {
    /// Gives each distinct route of the access domain a slot, and its name an entry.
    fn add(&mut self, id: DomainId, domain: &AccessDomain, partition: &Partition) {
        let first_slot = index(self.routes.len());
        let mut offsets = HashMap::new();
        let mut row: Vec<u32> = Vec::with_capacity(partition.classes.len());
        for class in &partition.classes {
            let next = index(offsets.len());
            let offset = *offsets.entry(route(domain, class)).or_insert_with_key(|route| {
                self.routes.push((id, route.clone()));
                next
            });
            row.push(offset);
        }
        let tailored = offsets.len() > 1;
        if !tailored {
            row.truncate(1);
        }
        let views = &mut self.views;
        let view = *self.rows.entry(row).or_insert_with_key(|row| {
            let view = index(views.len());
            views.extend(row);
            view
        });
        let flags = if tailored { TAILORED } else { 0 };
        let entry = TypeEntry { qtype: qtype(domain.steered), flags, view, slot: first_slot };
        self.names.entry(domain.name.clone()).or_default().push(entry);
    }
}

/// Positions in the tables are 32 bits wide, as in the maps; the map writer refuses what does not fit long before.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The answer of a choice. An alias outside our zones is no concern of the server: nothing is added to it.
fn answer(model: &Model, domain: DomainId, choice: &Choice) -> Answer {
    let ttl = model.domains.get(domain.0).map_or(0, |domain| domain.ttl);
    let is_ours = |name: &Name| model.zones.iter().any(|zone| name.is_at_or_below(&zone.origin));
    Answer::compile(&choice.response, ttl, is_ours)
}

/// For each check, the slots of every access domain that uses an address under this check.
fn slots_of_check(model: &Model, slots: &[Slot]) -> HashMap<CheckId, Vec<u32>> {
    let mut slots_of_domain: HashMap<DomainId, Vec<u32>> = HashMap::new();
    for (position, slot) in slots.iter().enumerate() {
        slots_of_domain.entry(slot.domain).or_default().push(index(position));
    }
    let mut found: HashMap<CheckId, BTreeSet<u32>> = HashMap::new();
    for (domain, slots) in &slots_of_domain {
        let pools = model.domains.get(domain.0).into_iter().flat_map(|domain| &domain.pools);
        let addresses = pools.flat_map(|used| &model.pool(used.pool).addresses);
        let checks: HashSet<CheckId> = addresses.flat_map(|address| address.checks.iter().copied()).collect();
        for check in checks {
            found.entry(check).or_default().extend(slots);
        }
    }
    found.into_iter().map(|(check, slots)| (check, slots.into_iter().collect())).collect()
}
