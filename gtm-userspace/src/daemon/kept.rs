//! What the daemon keeps in the store: opened at the start, written in the background where nobody waits for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::overrides::over_by;
use super::{StartError, events};
use crate::clock;
use crate::config::Model;
use crate::config::model::Check;
use crate::decision::memory::Memory;
use crate::decision::overrides::Override;
use crate::event::Event;
use crate::health::scheduler::Known;
use crate::health::{CheckState, identity_text};
use crate::store::{Batch, Store, StoreError, Writer};

/// The store and what is in it.
pub(super) struct Kept {
    store: Arc<Store>,
    writer: Writer,
    /// The last state of checks, also of those that are no more.
    health: Known,
    /// Sequence of the newest event in the store.
    newest: watch::Receiver<u64>,
}

/// What was kept of the decision.
pub(super) struct Decided {
    /// The overrides that are not over.
    pub(super) overrides: Vec<Override>,
    /// Where non-preemptive levels stood, and the last good answers.
    pub(super) memory: Memory,
}

impl Kept {
    /// Opens the store of a configuration and drops what it knows of checks that are no more. Waits for the disk.
    pub(super) fn open(model: &Model) -> Result<(Self, Decided), StartError> {
        let store = Arc::new(Store::open(&model.store.file)?);
        let mut health = store.health()?;
        // Those that were over before this start are not in force for a moment.
        let (over, overrides) = over_by(clock::wall(), store.overrides()?);
        let decided = Decided { overrides, memory: Memory::from_entries(store.memory()?) };
        let last = store.last_event()?;
        let (sender, newest) = watch::channel(last);
        let writer = Writer::start(Arc::clone(&store), move |sequence| {
            sender.send_replace(sequence);
        });
        let writer = writer.map_err(StartError::Thread)?;

        let current: HashSet<String> = model.checks.iter().map(|check| identity_of(model, check)).collect();
        let mut batch = Batch::default();
        over.keep_in(&mut batch).iter().for_each(events::log);
        health.retain(|identity, _| {
            let is_current = current.contains(identity);
            if !is_current {
                batch.remove_health(identity.clone());
            }
            is_current
        });
        writer.put(batch);
        Ok((Self { store, writer, health, newest }, decided))
    }

    /// The last states that are known.
    pub(super) fn health(&self) -> &Known {
        &self.health
    }

    /// The store, for what somebody waits for.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Tells the sequence of the newest event in the store.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    /// Keeps a batch soon.
    pub(super) fn put(&self, batch: Batch) {
        self.writer.put(batch);
    }

    /// Adds the state of a check to a batch, unless it is kept already.
    pub(super) fn add_health(&mut self, batch: &mut Batch, model: &Model, check: &Check, state: CheckState) {
        let identity = identity_of(model, check);
        if self.health.get(&identity) != Some(&state) {
            batch.put_health(identity.clone(), state.clone());
            self.health.insert(identity, state);
        }
    }

    /// Keeps the memory of a new decision, and nothing else of the old one's.
    pub(super) fn keep_memory(&self, before: &Memory, now: &Memory) {
        let (before, now) = (before.entries(), now.entries());
        let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (key.clone(), None));
        let changed = now.iter().filter(|(key, value)| before.get(*key) != Some(*value));
        let changed = changed.map(|(key, value)| (key.clone(), Some(value.clone())));
        self.put(batch_of(Vec::new(), &gone.chain(changed).collect()));
    }

    /// Drops events that are older than they are kept, and responses that nobody repeats any more.
    pub(super) fn prune(&self, model: &Model) {
        let now = clock::wall();
        let keep = u64::try_from(model.store.keep_events.as_millis()).unwrap_or(u64::MAX);
        let mut batch = Batch::default();
        batch.prune_events(now.saturating_sub(keep));
        batch.prune_responses(now);
        self.writer.put(batch);
    }

    /// Keeps a batch at once, with everything that was to be kept before it; the events are given with their sequence.
    pub(super) fn commit(&self, batch: Batch) -> Result<Vec<Event>, StoreError> {
        self.writer.commit(batch)
    }
}

/// What happened, and what is remembered now.
pub(super) fn batch_of(events: Vec<Event>, memory: &BTreeMap<String, Option<String>>) -> Batch {
    let mut batch = Batch::default();
    for event in events {
        batch.add_event(event);
    }
    for (key, value) in memory {
        match value {
            Some(value) => batch.remember(key.clone(), value.clone()),
            None => batch.forget(key.clone()),
        }
    }
    batch
}

fn identity_of(model: &Model, check: &Check) -> String {
    identity_text(&check.target, model.template(check.template))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;
    use crate::config::model::Verdict;
    use crate::event::EventKind;

    #[test]
    fn what_is_kept_already_is_not_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
        let mut model = config::load(&path).unwrap_or_else(|errors| panic!("{errors}")).model;
        model.store.file = folder.path().join("gtm.redb");
        let (mut kept, _) = Kept::open(&model).unwrap();
        let passing = CheckState { verdict: Verdict::Passing, since: 1, last_error: None };
        let failed = CheckState { verdict: Verdict::Failed, since: 2, last_error: Some("cut".to_owned()) };

        let add = |kept: &mut Kept, state: &CheckState, is_new: bool| {
            let mut batch = Batch::default();
            kept.add_health(&mut batch, &model, &model.checks[0], state.clone());
            assert_eq!(batch.is_empty(), !is_new, "{state:?}");
            kept.put(batch);
        };
        add(&mut kept, &passing, true);
        add(&mut kept, &passing, false);
        add(&mut kept, &failed, true);
        add(&mut kept, &failed, false);
        add(&mut kept, &passing, true);
        drop(kept);
        let (kept, _) = Kept::open(&model).unwrap();
        assert_eq!(kept.health().values().collect::<Vec<_>>(), [&passing]);
    }

    #[test]
    fn a_batch_has_events_in_their_order_and_the_last_of_what_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gtm.redb")).unwrap();
        let memory = |value: Option<&str>| BTreeMap::from([("key".to_owned(), value.map(str::to_owned))]);
        let mut batch = Batch::default();
        for (object, value) in [("first", Some("1")), ("second", None), ("third", Some("3"))] {
            let event = events::event(EventKind::AddressDown, object, "a test");
            batch.append(batch_of(vec![event], &memory(value)));
        }
        let events = store.commit(&batch).unwrap();
        let told: Vec<_> = events.iter().map(|event| (event.sequence, event.object.as_str())).collect();
        assert_eq!(told, [(1, "first"), (2, "second"), (3, "third")]);
        assert_eq!(store.memory().unwrap(), BTreeMap::from([("key".to_owned(), "3".to_owned())]));
    }
}
