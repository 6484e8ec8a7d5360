//! A batch: changes of the store that belong together.

use std::collections::HashSet;

use redb::{ReadableTable, WriteTransaction};
use serde::Deserialize;

use super::tables::{
    COMMITS_KEY, EVENT_KEY, EVENTS, Fault, HEALTH, MEMORY, META, OVERRIDE_KEY, OVERRIDES, RESPONSES, decode,
    encode, number,
};
use super::{Response, is_over};
use crate::decision::overrides::Override;
use crate::event::Event;
use crate::health::CheckState;

/// Changes that are kept as one, in the order in which they were added: all of them or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    PutOverride(Override),
    RemoveOverride(u64),
    Remember(String, String),
    Forget(String),
    PutHealth(String, CheckState),
    RemoveHealth(String),
    AddEvent(Event),
    PruneEvents(u64),
    PutResponse(String, Response),
    PruneResponses(u64),
}

impl Batch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Keeps an override under its id, which [`super::Store::next_override_id`] gave out.
    pub fn put_override(&mut self, entry: Override) {
        self.changes.push(Change::PutOverride(entry));
    }

    /// Removes the override with this id, if there is one.
    pub fn remove_override(&mut self, id: u64) {
        self.changes.push(Change::RemoveOverride(id));
    }

    /// Keeps something in the memory of the decision, in place of what is under this key.
    pub fn remember(&mut self, key: String, value: String) {
        self.changes.push(Change::Remember(key, value));
    }

    /// Removes what is under this key in the memory of the decision, if something is.
    pub fn forget(&mut self, key: String) {
        self.changes.push(Change::Forget(key));
    }

    /// Keeps the state of a check under its identity, in place of the one before.
    pub fn put_health(&mut self, identity: String, state: CheckState) {
        self.changes.push(Change::PutHealth(identity, state));
    }

    /// Removes the state of a check, if there is one.
    pub fn remove_health(&mut self, identity: String) {
        self.changes.push(Change::RemoveHealth(identity));
    }

    /// Adds an event; its sequence is given out with the commit, whatever stands in it.
    pub fn add_event(&mut self, event: Event) {
        self.changes.push(Change::AddEvent(event));
    }

    /// Removes the events from before this time (in milliseconds since 1970).
    pub fn prune_events(&mut self, before: u64) {
        self.changes.push(Change::PruneEvents(before));
    }

    /// Keeps a response under the key of its request. When there is one already that is not over, nothing of the batch
    /// is kept.
    pub fn put_response(&mut self, key: String, response: Response) {
        self.changes.push(Change::PutResponse(key, response));
    }

    /// Removes the responses that are over by now (in milliseconds since 1970).
    pub fn prune_responses(&mut self, now: u64) {
        self.changes.push(Change::PruneResponses(now));
    }

    /// Adds the changes of another batch behind its own.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
    }

    /// Leaves out what later changes make needless, and all but the newest so many events.
    pub(super) fn shrink(&mut self, mut events: usize) {
        let mut later = HashSet::new();
        let mut kept: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            let is_needed = match &change {
                Change::Remember(key, _) | Change::Forget(key) => later.insert(("memory", key.clone())),
                Change::PutHealth(key, _) | Change::RemoveHealth(key) => {
                    later.insert(("health", key.clone()))
                }
                Change::PruneEvents(_) => later.insert(("events", String::new())),
                Change::PruneResponses(_) => later.insert(("responses", String::new())),
                Change::AddEvent(_) if events == 0 => false,
                Change::AddEvent(_) => {
                    events -= 1;
                    true
                }
                Change::PutOverride(_) | Change::RemoveOverride(_) | Change::PutResponse(..) => true,
            };
            if is_needed {
                kept.push(change);
            }
        }
        kept.reverse();
        self.changes = kept;
    }

    /// Makes the changes; gives the number of the commit, and the events with their sequence.
    pub(super) fn apply(&self, transaction: &WriteTransaction) -> Result<(u64, Vec<Event>), Fault> {
        let mut events = Vec::new();
        for change in &self.changes {
            match change {
                Change::PutOverride(entry) => {
                    raise(transaction, OVERRIDE_KEY, entry.id)?;
                    let bytes = encode(entry)?;
                    transaction.open_table(OVERRIDES)?.insert(entry.id, bytes.as_slice())?;
                }
                Change::RemoveOverride(id) => {
                    transaction.open_table(OVERRIDES)?.remove(id)?;
                }
                Change::Remember(key, value) => {
                    let bytes = encode(value)?;
                    transaction.open_table(MEMORY)?.insert(key.as_str(), bytes.as_slice())?;
                }
                Change::Forget(key) => {
                    transaction.open_table(MEMORY)?.remove(key.as_str())?;
                }
                Change::PutHealth(identity, state) => {
                    let bytes = encode(state)?;
                    transaction.open_table(HEALTH)?.insert(identity.as_str(), bytes.as_slice())?;
                }
                Change::RemoveHealth(identity) => {
                    transaction.open_table(HEALTH)?.remove(identity.as_str())?;
                }
                Change::AddEvent(event) => {
                    let event = Event { sequence: next(transaction, EVENT_KEY)?, ..event.clone() };
                    let bytes = encode(&event)?;
                    transaction.open_table(EVENTS)?.insert(event.sequence, bytes.as_slice())?;
                    events.push(event);
                }
                Change::PruneEvents(before) => prune_events(transaction, *before)?,
                Change::PutResponse(key, response) => put_response(transaction, key, response)?,
                Change::PruneResponses(now) => prune_responses(transaction, *now)?,
            }
        }
        Ok((next(transaction, COMMITS_KEY)?, events))
    }
}

/// Gives out the id of an override; also the number of the commit.
pub(super) fn take_override_id(transaction: &WriteTransaction) -> Result<(u64, u64), Fault> {
    let id = next(transaction, OVERRIDE_KEY)?;
    Ok((next(transaction, COMMITS_KEY)?, id))
}

/// Raises a number of the store by one.
fn next(transaction: &WriteTransaction, key: &str) -> Result<u64, Fault> {
    let mut meta = transaction.open_table(META)?;
    let value = number(&meta, key)?.saturating_add(1);
    meta.insert(key, encode(&value)?.as_slice())?;
    Ok(value)
}

/// Raises a number of the store to at least this.
fn raise(transaction: &WriteTransaction, key: &str, least: u64) -> Result<(), Fault> {
    let mut meta = transaction.open_table(META)?;
    if number(&meta, key)? < least {
        meta.insert(key, encode(&least)?.as_slice())?;
    }
    Ok(())
}

/// All of them are looked at: the clock may have been set back, so a later event may have an earlier time.
fn prune_events(transaction: &WriteTransaction, before: u64) -> Result<(), Fault> {
    #[derive(Deserialize)]
    struct Time {
        time: u64,
    }

    let mut table = transaction.open_table(EVENTS)?;
    let mut old = Vec::new();
    for entry in table.iter()? {
        let (sequence, value) = entry?;
        if decode::<Time>(value.value())?.time < before {
            old.push(sequence.value());
        }
    }
    for sequence in old {
        table.remove(sequence)?;
    }
    Ok(())
}

fn put_response(transaction: &WriteTransaction, key: &str, response: &Response) -> Result<(), Fault> {
    let mut table = transaction.open_table(RESPONSES)?;
    let known: Option<Response> = table.get(key)?.map(|known| decode(known.value())).transpose()?;
    if known.is_some_and(|known| !is_over(&known, response.time)) {
        return Err(Fault::KeyTaken(key.to_owned()));
    }
    table.insert(key, encode(response)?.as_slice())?;
    Ok(())
}

fn prune_responses(transaction: &WriteTransaction, now: u64) -> Result<(), Fault> {
    let mut table = transaction.open_table(RESPONSES)?;
    let mut old = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        if is_over(&decode(value.value())?, now) {
            old.push(key.value().to_owned());
        }
    }
    for key in old {
        table.remove(key.as_str())?;
    }
    Ok(())
}
