//! A process that writes is killed at any moment: what it acknowledged is there, and nothing is half there.

use std::collections::VecDeque;
use std::env;
use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// Names the file to the process that writes.
const FILE: &str = "GTM_TEST_STORE_WRITER";
/// What it says before the number of each commit that has returned.
const ACKNOWLEDGED: &str = "acknowledged ";
/// So many entries it leaves in each table.
const LEFT: usize = 20;

/// Only in the process that the tests below start: writes until it is killed.
#[test]
fn writer_process() {
    let Some(file) = env::var_os(FILE) else { return };
    let store = Store::open(Path::new(&file)).unwrap();
    let mut ids: VecDeque<u64> = store.overrides().unwrap().iter().map(|entry| entry.id).collect();
    let mut out = stdout();
    loop {
        // Giving out an id is a commit of its own: without it, nothing comes between the kill and the one that counts.
        let id = match ids.back() {
            Some(last) if last % 4 != 0 => last + 1,
            _ => store.next_override_id().unwrap(),
        };
        let mut changes = batch(id);
        ids.push_back(id);
        if ids.len() > LEFT {
            let oldest = ids.pop_front().unwrap();
            changes.remove_override(oldest);
            changes.forget(format!("position {oldest}"));
            changes.remove_health(format!("check {oldest}"));
            // The time of its event and response is its id.
            changes.prune_events(oldest + 1);
            changes.prune_responses(oldest + 1 + KEEP_RESPONSES);
        }
        store.commit(&changes).unwrap();
        writeln!(out, "{ACKNOWLEDGED}{id}").unwrap();
    }
}

/// A writing process; killed at the latest when it is dropped.
struct WriterGuard {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl WriterGuard {
    fn start(file: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::tests::crash::writer_process", "--nocapture"])
            .env(FILE, file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next id it acknowledged; none when it has ended.
    fn next(&mut self) -> Option<u64> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, id)) = line.split_once(ACKNOWLEDGED) {
                return Some(id.trim_end().parse().unwrap());
            }
        }
    }

    /// Kills it after some acknowledgements and some more time; gives every id it acknowledged.
    fn kill_after(mut self, count: u64, spins: u64) -> Vec<u64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.next().expect("the writer failed"));
        }
        (0..spins).for_each(|_| std::thread::yield_now());
        self.child.kill().unwrap();
        ids.extend(std::iter::from_fn(|| self.next()));
        ids
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Ids in the order they were committed, as every table has them.
#[track_caller]
fn ids(store: &Store) -> Vec<u64> {
    let ids: Vec<u64> = store.overrides().unwrap().iter().map(|entry| entry.id).collect();
    for id in &ids {
        assert_eq!(store.response(&format!("key {id}"), *id).unwrap(), Some(response(*id)));
    }
    let memory = ids.iter().map(|id| (format!("position {id}"), format!("pool {id}"))).collect();
    assert_eq!(store.memory().unwrap(), memory);
    let health = ids.iter().map(|id| (format!("check {id}"), state(*id))).collect();
    assert_eq!(store.health().unwrap(), health);
    let events = store.events_after(0, usize::MAX).unwrap();
    assert_eq!(events.iter().map(|event| event.time).collect::<Vec<_>>(), ids);
    assert!(events.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence), "{events:?}");
    ids
}

/// The store holds the last of all ids that were ever acknowledged, and perhaps one more, which is acknowledged then: its
/// commit may have been on its way to say so.
#[track_caller]
fn expect(acknowledged: &mut VecDeque<u64>, store: &Store) {
    let found = ids(store);
    let last =
        |ids: &VecDeque<u64>| ids.iter().copied().skip(ids.len().saturating_sub(LEFT)).collect::<Vec<_>>();
    if last(acknowledged) != found {
        acknowledged.extend(found.last());
    }
    assert_eq!(last(acknowledged), found, "acknowledged, and there");
    assert!(acknowledged.iter().is_sorted_by(|a, b| a < b), "{acknowledged:?}");
}

/// Numbers that look random, the same in every run.
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut state = 7_u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = Folder::new();
    let mut number = numbers();
    let mut known: VecDeque<u64> = VecDeque::new();
    for round in 0..30 {
        let acknowledged = WriterGuard::start(&folder.file()).kill_after(number(12), number(5000));
        let highest = known.back().copied().unwrap_or(0);
        known.extend(&acknowledged);
        let fresh: Vec<u64> = known.iter().copied().filter(|id| *id > highest).collect();
        assert_eq!(fresh, acknowledged, "round {round}: ids ascend over restarts");

        let found = ids(&folder.open());
        let is_missing =
            |known: &VecDeque<u64>| !found.iter().eq(known.iter().skip(known.len().saturating_sub(LEFT)));
        if is_missing(&known) {
            // The last commit may have been on its way to say so.
            known.extend(found.last());
        }
        assert!(!is_missing(&known), "round {round}: {known:?} was acknowledged, {found:?} is there");
        assert!(known.iter().is_sorted_by(|a, b| a < b), "round {round}: {known:?}");
    }
    assert!(known.len() > LEFT, "the writer wrote too little: {known:?}");
}

#[test]
fn kill_while_the_file_is_made_leaves_one_that_opens() {
    let mut number = numbers();
    for _ in 0..20 {
        let folder = Folder::new();
        let mut begun = folder.file().into_os_string();
        begun.push(".new");
        let is_begun = || Path::new(&begun).exists() || folder.file().exists();
        let writer = WriterGuard::start(&folder.file());
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is_begun() {
            assert!(Instant::now() < deadline, "the writer makes no file");
            std::thread::yield_now();
        }
        let acknowledged = writer.kill_after(0, number(1000));
        expect(&mut VecDeque::from(acknowledged), &folder.open());
    }
}
