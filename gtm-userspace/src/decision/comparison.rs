//! What is to be told of a decision that nothing led up to: at the start, and of two over different models, compared by names.

use std::collections::{BTreeSet, HashMap};

use super::changes::{pool_kind, why};
use super::choose::Reason;
use super::conditions::{DomainState, PoolState};
use super::decider::Decider;
use crate::config::model::PoolId;
use crate::event::{Event, EventKind};

/// The pools whose state is another one than before, and the access domains that are down now or went into the all-down
/// action or out of it, as events without time. What is gone is no news; of what is new, only an answer of last resort is.
pub fn compared(before: &Decider, now: &Decider) -> Vec<Event> {
    let because = "a new configuration";
    let mut events = Vec::new();
    let pools = pool_states(before);
    for (name, state) in sorted(pool_states(now)) {
        if let Some(from) = pools.get(name).filter(|from| **from != state) {
            let reason = format!("was {}, is {}: {because}", from.words(), state.words());
            events.push(event(pool_kind(state), format!("pool {name}"), reason));
        }
    }
    let (states, all_down) = (domain_states(before), all_down(before));
    for (object, state) in sorted(domain_states(now)) {
        if state == DomainState::Down && states.get(&object).is_some_and(|from| *from != state) {
            events.push(event(EventKind::DomainDown, object, because.to_owned()));
        }
    }
    let are_down = self::all_down(now);
    for (object, reason) in sorted(are_down.clone()) {
        if !all_down.contains_key(&object) {
            events.push(event(EventKind::AllDownEntered, object, format!("{reason}: {because}")));
        }
    }
    let still_there: BTreeSet<String> = domain_states(now).into_keys().collect();
    for (object, _) in sorted(all_down) {
        if still_there.contains(&object) && !are_down.contains_key(&object) {
            events.push(event(EventKind::AllDownLeft, object, because.to_owned()));
        }
    }
    events
}

/// The pools and access domains that are down from the start, and the access domains in the all-down action, as events without
/// time: an answer of last resort is told of also when nothing led up to it. What the configuration disables is no news.
pub fn found(now: &Decider) -> Vec<Event> {
    let because = "at the start";
    let is_down = |state: PoolState| matches!(state, PoolState::Down | PoolState::ForcedDown);
    let pools = sorted(pool_states(now)).into_iter().filter(|(_, state)| is_down(*state));
    let pools = pools.map(|(name, state)| {
        event(pool_kind(state), format!("pool {name}"), format!("is {}: {because}", state.words()))
    });
    let domains = sorted(domain_states(now)).into_iter().filter(|(_, state)| *state == DomainState::Down);
    let domains = domains.map(|(object, _)| event(EventKind::DomainDown, object, because.to_owned()));
    let all_down = sorted(all_down(now)).into_iter();
    let all_down = all_down
        .map(|(object, reason)| event(EventKind::AllDownEntered, object, format!("{reason}: {because}")));
    pools.chain(domains).chain(all_down).collect()
}

fn event(kind: EventKind, object: String, reason: String) -> Event {
    Event { sequence: 0, time: 0, kind, object, reason, from: None, to: None, error: None }
}

fn sorted<K: Ord, V>(map: HashMap<K, V>) -> Vec<(K, V)> {
    let mut list: Vec<_> = map.into_iter().collect();
    list.sort_by(|(one, _), (two, _)| one.cmp(two));
    list
}

fn pool_states(decider: &Decider) -> HashMap<&str, PoolState> {
    let pools = decider.model().pools.iter().enumerate();
    pools
        .map(|(index, pool)| (pool.name.as_str(), decider.conditions().pool(decider.model(), PoolId(index))))
        .collect()
}

fn domain_states(decider: &Decider) -> HashMap<String, DomainState> {
    let states = decider.domain_states();
    let of = |(id, state): (crate::config::model::DomainId, DomainState)| {
        let domain = decider.model().domains.get(id.0)?;
        Some((format!("domain {} {}", domain.name, domain.steered), state))
    };
    states.into_iter().filter_map(of).collect()
}

/// The access domains in the all-down action, and what it came to.
fn all_down(decider: &Decider) -> HashMap<String, String> {
    let model = decider.model();
    decider
        .slots()
        .filter(|(_, _, choice)| matches!(choice.reason, Reason::AllDown(_)))
        .filter_map(|(id, _, choice)| {
            let domain = model.domains.get(id.0)?;
            let object = format!("domain {} {}", domain.name, domain.steered);
            Some((object, why(model, domain, &choice.reason)))
        })
        .collect()
}
