//! The store against real files.

mod crash;
mod damage;
mod full;
mod opening;

use tempfile::TempDir;

use super::*;
use crate::config::model::Verdict;
use crate::decision::overrides::{Action, Object};
use crate::event::EventKind;

/// A folder with a store in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("gtm.redb")
    }

    fn open(&self) -> Store {
        Store::open(&self.file()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Everything a store holds.
#[derive(Debug, Clone, PartialEq)]
struct Content {
    overrides: Vec<Override>,
    memory: BTreeMap<String, String>,
    health: BTreeMap<String, CheckState>,
    events: Vec<Event>,
    /// Of the keys `key 0` to `key 99`, soon after they were kept.
    responses: BTreeMap<String, Response>,
}

impl Content {
    fn of(store: &Store) -> Result<Self, StoreError> {
        let mut responses = BTreeMap::new();
        for number in 0..100 {
            let key = format!("key {number}");
            responses.extend(store.response(&key, number)?.map(|response| (key, response)));
        }
        Ok(Self {
            overrides: store.overrides()?,
            memory: store.memory()?,
            health: store.health()?.into_iter().collect(),
            events: store.events_after(0, usize::MAX)?,
            responses,
        })
    }
}

fn entry(id: u64) -> Override {
    Override {
        id,
        object: Object::Pool { name: format!("pool {id}") },
        action: Action::Pin { pool: "other".to_owned() },
        who: "ann".to_owned(),
        reason: "maintenance".to_owned(),
        created: id,
        expires: Some(id + 1),
    }
}

fn event(time: u64) -> Event {
    Event {
        sequence: 0,
        time,
        kind: EventKind::AddressDown,
        object: "address 192.0.2.1".to_owned(),
        reason: "a check failed".to_owned(),
        from: None,
        to: None,
        error: Some("no answer within 2s".to_owned()),
    }
}

fn response(time: u64) -> Response {
    Response { request: format!("hash {time}"), body: "{\"id\":1}".to_owned(), time }
}

fn state(since: u64) -> CheckState {
    CheckState { verdict: Verdict::Failed, since, last_error: Some("gone".to_owned()) }
}

/// One of everything, all of it about a number.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    batch.put_override(entry(number));
    batch.remember(format!("position {number}"), format!("pool {number}"));
    batch.put_health(format!("check {number}"), state(number));
    batch.add_event(event(number));
    batch.put_response(format!("key {number}"), response(number));
    batch
}

/// No sequence.
const NONE: [u64; 0] = [];

fn sequences(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = Folder::new();
    let store = folder.open();
    let events = store.commit(&batch(1)).unwrap();
    assert_eq!(events, [Event { sequence: 1, ..event(1) }]);
    let expect = Content {
        overrides: vec![entry(1)],
        memory: BTreeMap::from([("position 1".to_owned(), "pool 1".to_owned())]),
        health: BTreeMap::from([("check 1".to_owned(), state(1))]),
        events,
        responses: BTreeMap::from([("key 1".to_owned(), response(1))]),
    };
    assert_eq!(Content::of(&store).unwrap(), expect);
    drop(store);
    assert_eq!(Content::of(&folder.open()).unwrap(), expect);
}

#[test]
fn what_is_removed_or_replaced_is_gone() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(&batch(1)).unwrap();
    let mut changes = Batch::default();
    changes.put_override(Override { action: Action::Down, ..entry(1) });
    changes.remember("position 1".to_owned(), "pool 2".to_owned());
    changes.put_health("check 1".to_owned(), state(2));
    store.commit(&changes).unwrap();
    assert_eq!(store.overrides().unwrap()[0].action, Action::Down);
    assert_eq!(store.memory().unwrap()["position 1"], "pool 2");
    assert_eq!(store.health().unwrap()["check 1"].since, 2);

    let mut removals = Batch::default();
    removals.remove_override(1);
    removals.remove_override(7);
    removals.forget("position 1".to_owned());
    removals.forget("position 7".to_owned());
    removals.remove_health("check 1".to_owned());
    removals.remove_health("check 7".to_owned());
    store.commit(&removals).unwrap();
    let content = Content::of(&store).unwrap();
    assert!(content.overrides.is_empty() && content.memory.is_empty() && content.health.is_empty());
}

#[test]
fn ids_of_overrides_ascend_whatever_becomes_of_them() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!([(); 2].map(|()| store.next_override_id().unwrap()), [1, 2]);
    let mut changes = Batch::default();
    changes.put_override(entry(2));
    store.commit(&changes).unwrap();
    let mut changes = Batch::default();
    changes.remove_override(2);
    store.commit(&changes).unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(store.next_override_id().unwrap(), 3);
    // An id that comes from elsewhere is not given out again either.
    let mut changes = Batch::default();
    changes.put_override(entry(10));
    store.commit(&changes).unwrap();
    assert_eq!(store.next_override_id().unwrap(), 11);
}

#[test]
fn events_are_read_after_a_sequence_and_from_the_end() {
    let folder = Folder::new();
    let store = folder.open();
    let mut changes = Batch::default();
    (0..5).for_each(|time| changes.add_event(event(time)));
    assert_eq!(sequences(&store.commit(&changes).unwrap()), [1, 2, 3, 4, 5]);
    let after = |sequence, limit| sequences(&store.events_after(sequence, limit).unwrap());
    assert_eq!(after(0, 9), [1, 2, 3, 4, 5]);
    assert_eq!(after(2, 2), [3, 4]);
    assert_eq!(after(2, 0), NONE);
    assert_eq!(after(5, 9), NONE);
    assert_eq!(after(u64::MAX, 9), NONE);
    let newest = |count| sequences(&store.newest_events(count).unwrap());
    assert_eq!(newest(2), [4, 5]);
    assert_eq!(newest(0), NONE);
    assert_eq!(newest(usize::MAX), [1, 2, 3, 4, 5]);
}

#[test]
fn old_events_are_pruned_and_their_sequences_never_come_again() {
    let folder = Folder::new();
    let store = folder.open();
    let mut changes = Batch::default();
    // The clock was set back in between.
    for time in [10, 90, 20, 30] {
        changes.add_event(event(time));
    }
    changes.prune_events(25);
    store.commit(&changes).unwrap();
    assert_eq!(sequences(&store.events_after(0, 9).unwrap()), [2, 4]);
    let mut changes = Batch::default();
    changes.prune_events(u64::MAX);
    store.commit(&changes).unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(store.events_after(0, 9).unwrap(), []);
    let mut changes = Batch::default();
    changes.add_event(event(1));
    assert_eq!(sequences(&store.commit(&changes).unwrap()), [5]);
}

#[test]
fn response_is_kept_for_a_day_and_never_replaced_before() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(&batch(1)).unwrap();
    let kept = |now| store.response("key 1", now).unwrap().map(|response| response.time);
    assert_eq!(kept(1 + KEEP_RESPONSES), Some(1));
    assert_eq!(kept(2 + KEEP_RESPONSES), None);
    assert_eq!(kept(0), Some(1), "the clock was set back");
    assert_eq!(store.response("key 2", 1).unwrap(), None);

    let before = Content::of(&store).unwrap();
    let mut again = batch(2);
    again.put_response("key 1".to_owned(), response(1 + KEEP_RESPONSES));
    let error = store.commit(&again).unwrap_err();
    assert!(matches!(&error, StoreError::KeyTaken(key) if key == "key 1"), "{error}");
    assert_eq!(Content::of(&store).unwrap(), before, "nothing of the batch was kept");

    let mut again = Batch::default();
    again.put_response("key 1".to_owned(), response(2 + KEEP_RESPONSES));
    store.commit(&again).unwrap();
    assert_eq!(kept(2 + KEEP_RESPONSES), Some(2 + KEEP_RESPONSES));

    let mut prune = batch(9);
    prune.prune_responses(10 + KEEP_RESPONSES);
    store.commit(&prune).unwrap();
    assert_eq!(store.response("key 9", 9).unwrap(), None);
    assert_eq!(kept(9), Some(2 + KEEP_RESPONSES));
}

#[test]
fn store_that_failed_is_opened_again() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(&batch(1)).unwrap();
    let before = Content::of(&store).unwrap();
    for round in 0..2 {
        let failed = if round == 0 {
            store.call(|opened| -> Result<(), Fault> {
                let transaction = opened.database.begin_write()?;
                batch(2).apply(&transaction)?;
                panic!("an invented fault {}", round + 1)
            })
        } else {
            store.call(|_| Err(Fault::Content("an invented fault".to_owned())))
        };
        let error = failed.unwrap_err().to_string();
        let file = folder.file();
        assert!(error.starts_with(&format!("the store '{}' failed: ", file.display())), "{error}");
        assert!(error.contains("an invented fault"), "{error}");
        assert_eq!(Content::of(&store).unwrap(), before);
    }
    store.commit(&batch(3)).unwrap();
}

#[test]
fn the_last_event_is_known_also_when_it_is_gone() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(store.last_event().unwrap(), 0);
    store.commit(&batch(1)).unwrap();
    let mut all = Batch::default();
    all.prune_events(u64::MAX);
    store.commit(&all).unwrap();
    assert_eq!(store.newest_events(1).unwrap(), []);
    drop(store);
    assert_eq!(folder.open().last_event().unwrap(), 1);
}

#[test]
fn writer_commits_everything_before_it_ends() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let writer = Writer::start(Arc::clone(&store), |_| {}).unwrap();
    for time in 0..100 {
        let mut batch = Batch::default();
        batch.add_event(event(time));
        writer.put(batch);
    }
    drop(writer);
    let times: Vec<u64> = store.events_after(0, 1000).unwrap().iter().map(|event| event.time).collect();
    assert_eq!(times, (0..100).collect::<Vec<_>>());
}

#[test]
fn what_waits_for_a_store_that_fails_stays_small_and_says_the_same() {
    let mut waiting = Batch::default();
    for number in 0..100 {
        waiting.remember("position".to_owned(), format!("pool {number}"));
        waiting.put_health("check".to_owned(), state(number));
        waiting.remember(format!("key {number}"), "x".to_owned());
        waiting.forget(format!("key {number}"));
        waiting.add_event(event(number));
        waiting.prune_events(number.saturating_sub(50));
    }
    let (shrunk, whole) = (Folder::new(), Folder::new());
    whole.open().commit(&waiting).unwrap();
    waiting.shrink(7);
    shrunk.open().commit(&waiting).unwrap();
    let content = |folder: &Folder| Content::of(&folder.open()).unwrap();
    let (shrunk, whole) = (content(&shrunk), content(&whole));
    assert_eq!((shrunk.memory, shrunk.health), (whole.memory, whole.health));
    let times = |events: &[Event]| events.iter().map(|event| event.time).collect::<Vec<_>>();
    assert_eq!(times(&whole.events), (49..100).collect::<Vec<_>>());
    assert_eq!(times(&shrunk.events), (93..100).collect::<Vec<_>>());
    let told = format!("{waiting:?}");
    assert_eq!(
        ["Remember(", "Forget(", "PutHealth(", "PruneEvents("].map(|change| told.matches(change).count()),
        [1, 100, 1, 1]
    );
}

#[test]
fn store_is_used_by_several_threads_at_once() {
    let folder = Folder::new();
    let store = folder.open();
    std::thread::scope(|scope| {
        for first in [1, 11, 21] {
            let store = &store;
            scope.spawn(move || {
                for number in first..first + 10 {
                    store.commit(&batch(number)).unwrap();
                }
            });
        }
        scope.spawn(|| {
            let mut seen = 0;
            while seen < 30 {
                // Who follows the events misses none: they appear in the order of their sequence.
                for event in store.events_after(seen, 7).unwrap() {
                    assert_eq!(event.sequence, seen + 1);
                    seen = event.sequence;
                }
            }
        });
    });
    assert_eq!(store.overrides().unwrap().len(), 30);
}
