//! What became of the decision when the conditions changed: for the tables, for the store, and as events for people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::choose::{Choice, LastResort, Reason};
use super::conditions::{DomainState, PoolState};
use super::route::Route;
use crate::config::Model;
use crate::config::model::{AccessDomain, DomainId, PoolId, Target};
use crate::event::{Event, EventKind};

/// All that one change of the conditions brought about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Slots that are decided otherwise now; each is stored in the table already.
    pub switches: Vec<Switch>,
    /// Targets that became available or ceased to be, in some pool.
    pub addresses: BTreeSet<(Target, Availability)>,
    /// Pools whose state changed: before and now.
    pub pools: BTreeMap<PoolId, (PoolState, PoolState)>,
    /// Access domains whose state changed: before and now.
    pub domains: BTreeMap<DomainId, (DomainState, DomainState)>,
    /// Entries of the memory that changed, with their values now.
    pub memory: BTreeMap<String, Option<String>>,
}

/// Whether an address may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// No longer.
    Down,
    /// Again.
    Up,
}

/// A slot that is decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Index of the slot in [`super::AnswerTable::slots`].
    pub slot: u32,
    /// The access domain that answers otherwise now.
    pub domain: DomainId,
    /// The pools that the slot's clients may use.
    pub route: Arc<Route>,
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
    /// Some pool is up again, or the access domain is disabled.
    Left,
}

/// Why the conditions changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// In words.
    pub reason: String,
    /// The error of the check that failed, if it was that.
    pub error: Option<String>,
}

impl Changes {
    /// The access domains that went into the all-down action or out of it: every slot of an access domain goes the same
    /// way.
    pub fn all_down(&self) -> BTreeMap<DomainId, AllDown> {
        let change =
            |switch: &Switch| match (switch.from.reason.is_all_down(), switch.to.reason.is_all_down()) {
                (false, true) => Some((switch.domain, AllDown::Entered)),
                (true, false) => Some((switch.domain, AllDown::Left)),
                (false, false) | (true, true) => None,
            };
        self.switches.iter().filter_map(change).collect()
    }

    /// Whether an access domain was enabled or disabled.
    pub fn enables(&self) -> bool {
        let disabled = |state: DomainState| state == DomainState::Disabled;
        self.domains.values().any(|(from, to)| disabled(*from) != disabled(*to))
    }

    /// The changes as events, causes before effects. They have neither sequence nor time yet.
    pub fn events(&self, model: &Model, cause: &Cause) -> Vec<Event> {
        let event = |kind, object: String| Event {
            sequence: 0,
            time: 0,
            kind,
            object,
            reason: cause.reason.clone(),
            from: None,
            to: None,
            error: cause.error.clone(),
        };
        let addresses = self.addresses.iter().map(|(target, availability)| {
            let kind = match availability {
                Availability::Up => EventKind::AddressUp,
                Availability::Down => EventKind::AddressDown,
            };
            event(kind, format!("address {target}"))
        });
        let pools = self.pools.iter().map(|(id, (from, to))| {
            let states = format!("was {}, is {}: {}", from.words(), to.words(), cause.reason);
            Event { reason: states, ..event(pool_kind(*to), format!("pool {}", model.pool(*id).name)) }
        });
        let down = self.domains.iter().filter(|(_, (_, to))| *to == DomainState::Down);
        let domains =
            down.filter_map(|(id, _)| Some(event(EventKind::DomainDown, object(model.domains.get(id.0)?))));
        let all_down = self.all_down();
        let all_down = all_down.iter().filter_map(|(id, change)| {
            let kind = match change {
                AllDown::Entered => EventKind::AllDownEntered,
                AllDown::Left => EventKind::AllDownLeft,
            };
            Some(event(kind, object(model.domains.get(id.0)?)))
        });
        let switched = self.switches.iter().filter(|switch| switch.from.response != switch.to.response);
        let switched = switched.filter_map(|switch| {
            let domain = model.domains.get(switch.domain.0)?;
            Some(Event {
                from: Some(switch.from.response.to_string()),
                to: Some(switch.to.response.to_string()),
                reason: format!("{}: {}", why(model, domain, &switch.to.reason), cause.reason),
                ..event(EventKind::AnswerSwitched, with_sources(model, domain, &switch.route))
            })
        });
        addresses.chain(pools).chain(domains).chain(all_down).chain(switched).collect()
    }
}

/// What it is called that a pool is in this state now.
pub(super) fn pool_kind(state: PoolState) -> EventKind {
    match state {
        PoolState::Ok | PoolState::NoMonitor | PoolState::ForcedUp => EventKind::PoolAvailable,
        PoolState::Warning => EventKind::PoolWarning,
        PoolState::Down | PoolState::ForcedDown | PoolState::Disabled => EventKind::PoolDown,
    }
}

/// An access domain as the object of an event.
fn object(domain: &AccessDomain) -> String {
    format!("domain {} {}", domain.name, domain.steered)
}

/// The same, with the sources whose clients are meant.
fn with_sources(model: &Model, domain: &AccessDomain, route: &Route) -> String {
    let mut sources: Vec<&str> = Vec::new();
    for source in route.stops.iter().filter_map(|stop| model.sources.get(stop.source?.0)) {
        if !sources.contains(&source.name.as_str()) {
            sources.push(&source.name);
        }
    }
    let sources = if sources.is_empty() { String::new() } else { format!(" for {}", sources.join(",")) };
    format!("{}{sources}", object(domain))
}

/// A reason in words.
pub fn why(model: &Model, domain: &AccessDomain, reason: &Reason) -> String {
    let name =
        |position: usize| domain.pools.get(position).map_or("", |used| model.pool(used.pool).name.as_str());
    let names =
        |positions: &[usize]| positions.iter().map(|position| name(*position)).collect::<Vec<_>>().join(", ");
    match reason {
        Reason::Pools(positions) => match (domain.policy, positions.as_slice()) {
            (crate::config::model::Policy::Ordinal | crate::config::model::Policy::NearestSource, [one]) => {
                format!("{} is the first available pool for these clients", name(*one))
            }
            (policy, several) => format!("policy {policy} over {}", names(several)),
        },
        Reason::Pinned(position) => format!("an override pins it to pool {}", name(*position)),
        Reason::AllDown(last_resort) => {
            let resort = match last_resort {
                LastResort::DefaultPool(position) => {
                    format!("all of pool {} whatever its health", name(*position))
                }
                LastResort::AsIfUp(positions) => format!("{} as if everything were up", names(positions)),
                LastResort::Pool(id) => format!("pool {} whatever its health", model.pool(*id).name),
                LastResort::LastGood => "the last answer before".to_owned(),
                LastResort::Fixed => "the fixed answer".to_owned(),
                LastResort::Code => "a response without addresses".to_owned(),
                LastResort::Nothing => "no address may be answered".to_owned(),
            };
            format!("every pool is down, so the all-down action: {resort}")
        }
        Reason::NoPoolForClient => "other pools are up, but none for these clients".to_owned(),
        Reason::Disabled => "the access domain is disabled".to_owned(),
    }
}
