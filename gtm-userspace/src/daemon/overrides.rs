//! Overrides in the daemon: kept first, then in force, so that what was acknowledged survives.

use super::events;
use super::service::Running;
use crate::decision::changes::Cause;
use crate::decision::overrides::Override;
use crate::event::{Event, EventKind};
use crate::store::{Batch, StoreError};

/// What is to become of the overrides.
#[derive(Debug, Default)]
pub(super) struct OverrideChange {
    /// New ones.
    pub(super) set: Vec<Override>,
    /// Those that no longer hold, and why.
    pub(super) cleared: Vec<(Override, String)>,
}

impl Running {
    /// Changes the overrides; with the rest of the batch everything is kept, or nothing and nothing changes.
    pub(super) fn change_overrides(
        &mut self,
        change: OverrideChange,
        mut batch: Batch,
    ) -> Result<(), StoreError> {
        let OverrideChange { set, cleared } = change;
        let mut happened: Vec<Event> = Vec::new();
        for (said, why) in &cleared {
            batch.remove_override(said.id);
            happened.push(told(EventKind::OverrideCleared, said, why));
        }
        for said in &set {
            batch.put_override(said.clone());
            happened.push(told(EventKind::OverrideSet, said, &said.reason));
        }
        for event in &happened {
            batch.add_event(event.clone());
        }
        tokio::task::block_in_place(|| self.kept.commit(batch))?;
        happened.iter().for_each(events::log);
        if set.is_empty() && cleared.is_empty() {
            return Ok(());
        }
        let gone = |said: &Override| cleared.iter().any(|(cleared, _)| cleared.id == said.id);
        let held = self.decider.conditions().forced.list();
        let left = held.iter().filter(|said| !gone(said)).cloned();
        let overrides: Vec<Override> = left.chain(set.iter().cloned()).collect();
        let changes = self.decider.set_overrides(overrides);
        self.apply(&changes, &Cause { reason: cause(&set, &cleared), error: None });
        Ok(())
    }

    /// Ends the overrides that are over by now (in milliseconds since 1970).
    pub(super) fn end_overrides(&mut self, now: u64) {
        let held = self.decider.conditions().forced.list();
        let is_over = |said: &&Override| said.expires.is_some_and(|expires| expires <= now);
        let over = held.iter().filter(is_over);
        let cleared: Vec<_> = over.map(|said| (said.clone(), "its time is over".to_owned())).collect();
        if cleared.is_empty() {
            return;
        }
        let change = OverrideChange { set: Vec::new(), cleared };
        if let Err(error) = self.change_overrides(change, Batch::default()) {
            // It is tried again with the next tick.
            tracing::error!(%error, "overrides that are over still hold");
        }
    }
}

/// The overrides of one change in words: those of one request differ in id and object only.
fn cause(set: &[Override], cleared: &[(Override, String)]) -> String {
    let said = |ids: &[String], one: &Override, why: &str| {
        let Override { action, who, .. } = one;
        format!("override {} by {who}: {action}, {why}", ids.join(", "))
    };
    let ids = |overrides: &mut dyn Iterator<Item = &Override>| -> Vec<String> {
        overrides.map(|one| format!("#{}", one.id)).collect()
    };
    match (set.first(), cleared.first()) {
        (Some(one), _) => said(&ids(&mut set.iter()), one, &one.reason),
        (None, Some((one, why))) => said(&ids(&mut cleared.iter().map(|(one, _)| one)), one, why),
        (None, None) => String::new(),
    }
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
