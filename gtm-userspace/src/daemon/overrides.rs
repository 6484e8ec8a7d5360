//! Overrides in the daemon: kept first, then in force, so that what was acknowledged survives.

use std::collections::HashSet;

use super::events;
use super::service::Running;
use crate::decision::changes::Cause;
use crate::decision::overrides::Override;
use crate::event::{Event, EventKind};
use crate::store::{Batch, StoreError};

/// Most ids of overrides that an event names as its cause.
const MOST_NAMED: usize = 4;

/// What is to become of the overrides.
#[derive(Debug, Default)]
pub(super) struct OverrideChange {
    /// New ones.
    pub(super) set: Vec<Override>,
    /// Those that no longer hold, and why.
    pub(super) cleared: Vec<(Override, String)>,
}

impl OverrideChange {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.cleared.is_empty()
    }

    /// Puts it, with its events, into a batch; these events.
    pub(super) fn keep_in(&self, batch: &mut Batch) -> Vec<Event> {
        let mut happened: Vec<Event> = Vec::new();
        for (said, why) in &self.cleared {
            batch.remove_override(said.id);
            happened.push(told(EventKind::OverrideCleared, said, why));
        }
        for said in &self.set {
            batch.put_override(said.clone());
            happened.push(told(EventKind::OverrideSet, said, &said.reason));
        }
        for event in &happened {
            batch.add_event(event.clone());
        }
        happened
    }
}

impl Running {
    /// Changes the overrides; with the rest of the batch everything is kept, or nothing and nothing changes.
    pub(super) fn change_overrides(
        &mut self,
        change: OverrideChange,
        mut batch: Batch,
    ) -> Result<(), StoreError> {
        let happened = change.keep_in(&mut batch);
        tokio::task::block_in_place(|| self.kept.commit(batch))?;
        self.force(change, &happened);
        Ok(())
    }

    /// Ends the overrides that are over by now (in milliseconds since 1970). A store that fails does not make them hold
    /// longer: after a restart they are over as well.
    pub(super) fn end_overrides(&mut self, now: u64) {
        let held = self.decider.conditions().forced.list().to_vec();
        let (over, _) = over_by(now, held);
        if over.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        let happened = over.keep_in(&mut batch);
        self.kept.put(batch);
        self.force(over, &happened);
    }

    /// Has a change of the overrides answered.
    fn force(&mut self, change: OverrideChange, happened: &[Event]) {
        happened.iter().for_each(events::log);
        if change.is_empty() {
            return;
        }
        let OverrideChange { set, cleared } = change;
        let gone: HashSet<u64> = cleared.iter().map(|(said, _)| said.id).collect();
        let held = self.decider.conditions().forced.list();
        let left = held.iter().filter(|said| !gone.contains(&said.id)).cloned();
        let overrides: Vec<Override> = left.chain(set.iter().cloned()).collect();
        let changes = self.decider.set_overrides(overrides);
        self.apply(&changes, &Cause { reason: cause(&set, &cleared), error: None });
    }
}

/// Ends those that are over by `now` (in milliseconds since 1970), and gives those that still hold.
pub(super) fn over_by(now: u64, overrides: Vec<Override>) -> (OverrideChange, Vec<Override>) {
    let is_over = |said: &Override| said.expires.is_some_and(|expires| expires <= now);
    let (over, held): (Vec<_>, Vec<_>) = overrides.into_iter().partition(is_over);
    let cleared = over.into_iter().map(|said| (said, "its time is over".to_owned())).collect();
    (OverrideChange { set: Vec::new(), cleared }, held)
}

/// The overrides of one change in words: those of one request differ in id and object only.
fn cause(set: &[Override], cleared: &[(Override, String)]) -> String {
    let said = |ids: Vec<u64>, one: &Override, why: &str| {
        let Override { action, who, .. } = one;
        format!("override {} by {who}: {action}, {why}", numbers(&ids))
    };
    match (set.first(), cleared.first()) {
        (Some(one), _) => said(set.iter().map(|one| one.id).collect(), one, &one.reason),
        (None, Some((one, why))) => said(cleared.iter().map(|(one, _)| one.id).collect(), one, why),
        (None, None) => String::new(),
    }
}

/// As `#3, #4 and 1000 more`: every event of a change has its cause, so that is short however much it is about.
fn numbers(ids: &[u64]) -> String {
    let named: Vec<String> = ids.iter().take(MOST_NAMED).map(|id| format!("#{id}")).collect();
    let more = ids.len().saturating_sub(MOST_NAMED);
    let named = named.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn told(kind: EventKind, said: &Override, why: &str) -> Event {
    let Override { id, object, action, who, reason, .. } = said;
    let what = if kind == EventKind::OverrideSet {
        format!("override #{id} by {who}: {action}, {why}")
    } else {
        format!("override #{id} by {who} ({action}, {reason}): {why}")
    };
    events::event(kind, object.to_string(), what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_short_however_much_it_is_about() {
        assert_eq!(numbers(&[7]), "#7");
        assert_eq!(numbers(&[1, 2, 3, 4]), "#1, #2, #3, #4");
        assert_eq!(numbers(&(1..=10_000).collect::<Vec<_>>()), "#1, #2, #3, #4 and 9996 more");
    }
}
