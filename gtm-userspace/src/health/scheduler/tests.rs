//! The scheduler with invented probes and paused time: a waiting test moves tokio's clock on at once.

mod known;
mod room;

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::config::model::{Initial, TemplateId};

const SECOND: Duration = Duration::from_secs(1);

/// What an invented probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Answer,
    Refuse,
    Hang,
    Panic,
}

/// Probes that do as told by the last byte of the target's address, and remember when they started.
struct Invented {
    does: Mutex<HashMap<Target, Does>>,
    otherwise: Does,
    starts: Mutex<Vec<(Target, Instant)>>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    capacity: usize,
}

impl Invented {
    fn new(otherwise: Does) -> Arc<Self> {
        Self::with_capacity(otherwise, 100_000)
    }

    fn with_capacity(otherwise: Does, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            does: Mutex::default(),
            otherwise,
            starts: Mutex::default(),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            capacity,
        })
    }

    fn set(&self, target: u32, does: Does) {
        self.does.lock().unwrap().insert(address(target), does);
    }

    fn starts_of(&self, target: u32) -> Vec<Instant> {
        let target = address(target);
        self.starts.lock().unwrap().iter().filter(|(to, _)| *to == target).map(|(_, at)| *at).collect()
    }
}

/// Counts a probe as running until it is dropped.
struct RunningGuard<'a>(&'a Invented);

impl<'a> RunningGuard<'a> {
    fn new(invented: &'a Invented) -> Self {
        let running = invented.running.fetch_add(1, Ordering::SeqCst) + 1;
        invented.most_running.fetch_max(running, Ordering::SeqCst);
        Self(invented)
    }
}

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Probe for Invented {
    fn capacity(&self) -> usize {
        self.capacity
    }

    async fn probe(&self, target: &Target, _kind: &CheckKind) -> Result<(), ProbeError> {
        let _running = RunningGuard::new(self);
        self.starts.lock().unwrap().push((target.clone(), Instant::now()));
        let does = self.does.lock().unwrap().get(target).copied().unwrap_or(self.otherwise);
        match does {
            Does::Answer => Ok(()),
            Does::Refuse => Err(ProbeError::ResponseCut),
            Does::Hang => pending().await,
            Does::Panic => panic!("an invented fault"),
        }
    }
}

fn address(number: u32) -> Target {
    Target::Ip(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
}

fn template() -> Template {
    Template {
        name: "web".to_owned(),
        kind: CheckKind::Tcp { port: 80 },
        interval: 10 * SECOND,
        timeout: 2 * SECOND,
        failures: 3,
        successes: 2,
        initial: Initial::Up,
    }
}

fn checks(targets: impl IntoIterator<Item = u32>) -> Vec<Check> {
    targets.into_iter().map(|number| Check { target: address(number), template: TemplateId(0) }).collect()
}

fn change(check: usize, verdict: Verdict, error: Option<&str>) -> VerdictChange {
    VerdictChange { check: CheckId(check), verdict, error: error.map(str::to_owned) }
}

/// What is known of each check, but since when.
fn known(scheduler: &Scheduler<Invented>) -> Vec<(Verdict, Option<String>)> {
    scheduler.states().into_iter().map(|state| (state.verdict, state.last_error)).collect()
}

const CUT: &str = "connection closed before the HTTP response was complete";

#[tokio::test(start_paused = true)]
async fn changes_of_verdict_are_sent_and_shown() {
    let prober = Invented::new(Does::Answer);
    prober.set(1, Does::Refuse);
    let (sender, mut changes) = mpsc::channel(8);
    let begin = Instant::now();
    let scheduler =
        Scheduler::start(&checks([0, 1]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    let initial = (Verdict::Passing, None);
    assert_eq!(known(&scheduler), [initial.clone(), initial.clone()]);

    assert_eq!(changes.recv().await, Some(change(1, Verdict::Failed, Some(CUT))));
    assert!(begin.elapsed() < 22 * SECOND + SECOND, "{:?}", begin.elapsed());
    assert_eq!(prober.starts_of(1).len(), 3);
    let failed = (Verdict::Failed, Some(CUT.to_owned()));
    assert_eq!(known(&scheduler), [initial.clone(), failed]);

    prober.set(1, Does::Answer);
    assert_eq!(changes.recv().await, Some(change(1, Verdict::Passing, None)));
    assert_eq!(prober.starts_of(1).len(), 5);
    assert_eq!(known(&scheduler), [initial.clone(), initial]);
}

#[tokio::test(start_paused = true)]
async fn error_goes_when_a_passing_check_passes_again() {
    let prober = Invented::new(Does::Refuse);
    let (sender, _changes) = mpsc::channel(8);
    let scheduler = Scheduler::start(&checks([0]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    let deadline = Instant::now() + 30 * SECOND;
    wait_until(deadline, || scheduler.states()[0].last_error.as_deref() == Some(CUT)).await;
    prober.set(0, Does::Answer);
    wait_until(deadline, || scheduler.states()[0].last_error.is_none()).await;
    assert_eq!(scheduler.states()[0].verdict, Verdict::Passing);
}

/// In paused time a tick is no wait: the clock moves on as soon as nothing else is to be done.
async fn wait_until(deadline: Instant, condition: impl Fn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while !condition() {
        assert!(Instant::now() < deadline, "the condition was not met in time");
        ticks.tick().await;
    }
}

#[tokio::test(start_paused = true)]
async fn first_probes_are_spread_and_the_same_after_a_restart() {
    let mut delays = Vec::new();
    for _ in 0..2 {
        let prober = Invented::new(Does::Answer);
        let (sender, _changes) = mpsc::channel(8);
        let begin = Instant::now();
        let scheduler =
            Scheduler::start(&checks(0..1000), &[template()], &Known::new(), Arc::clone(&prober), sender);
        wait_until(begin + 2 * SECOND, || prober.starts.lock().unwrap().len() == 1000).await;
        scheduler.stop().await;
        let mut starts = prober.starts.lock().unwrap().clone();
        starts.sort();
        delays.push(starts.into_iter().map(|(_, at)| at - begin).collect::<Vec<_>>());
    }
    assert_eq!(delays[0], delays[1]);
    let mut tenths = [0; 10];
    for delay in &delays[0] {
        let tenth = usize::try_from(delay.as_millis() / 100).unwrap();
        tenths[tenth.min(9)] += 1;
        assert!(*delay <= FIRST_PROBES + Duration::from_millis(1), "{delay:?}");
    }
    assert!(tenths.iter().all(|count| (50..200).contains(count)), "{tenths:?}");
}

#[tokio::test(start_paused = true)]
async fn many_first_probes_take_longer_but_at_most_the_interval() {
    let prober = Invented::new(Does::Answer);
    let (sender, _changes) = mpsc::channel(8);
    let begin = Instant::now();
    let scheduler =
        Scheduler::start(&checks(0..10_000), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(begin + 11 * SECOND, || prober.starts.lock().unwrap().len() >= 10_000).await;
    let spread = begin.elapsed();
    assert!(spread > 4 * SECOND && spread < 6 * SECOND, "{spread:?}");
    scheduler.stop().await;
}

#[tokio::test(start_paused = true)]
async fn intervals_vary_by_a_twentieth() {
    // From start to start: that each probe takes two seconds makes no difference.
    let prober = Invented::new(Does::Hang);
    let (sender, _changes) = mpsc::channel(8);
    let _scheduler =
        Scheduler::start(&checks([7]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(Instant::now() + 2000 * SECOND, || prober.starts_of(7).len() == 100).await;
    let starts = prober.starts_of(7);
    let intervals: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (shortest, longest) = (*intervals.iter().min().unwrap(), *intervals.iter().max().unwrap());
    assert!(shortest >= Duration::from_millis(9500), "{shortest:?}");
    assert!(longest <= Duration::from_millis(10_502), "{longest:?}");
    assert!(longest > shortest + Duration::from_millis(700), "{shortest:?} to {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn thousand_hanging_checks_delay_no_other() {
    let prober = Invented::new(Does::Hang);
    prober.set(1000, Does::Answer);
    let (sender, mut changes) = mpsc::channel(2000);
    let begin = Instant::now();
    let _scheduler =
        Scheduler::start(&checks(0..1001), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(begin + 100 * SECOND, || prober.starts_of(1000).len() == 9).await;
    for (probe, start) in prober.starts_of(1000).windows(2).enumerate() {
        assert!(start[1] - start[0] <= Duration::from_millis(10_502), "probe {probe} was late");
    }
    let mut failed = BTreeSet::new();
    while let Ok(change) = changes.try_recv() {
        assert_eq!(change.error.as_deref(), Some("no answer within 2s"));
        assert!(failed.insert(change.check), "{:?} changed twice", change.check);
    }
    assert_eq!(failed.len(), 1000);
    assert!(!failed.contains(&CheckId(1000)));
}

#[tokio::test(start_paused = true)]
async fn probes_of_one_check_never_overlap() {
    let prober = Invented::new(Does::Hang);
    let (sender, _changes) = mpsc::channel(8);
    let template = Template { timeout: 10 * SECOND, ..template() };
    let _scheduler = Scheduler::start(&checks([0]), &[template], &Known::new(), Arc::clone(&prober), sender);
    wait_until(Instant::now() + 2000 * SECOND, || prober.starts_of(0).len() == 50).await;
    assert_eq!(prober.most_running.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn capacity_bounds_the_probes_and_all_get_their_turn() {
    let prober = Invented::with_capacity(Does::Hang, 10);
    let (sender, mut changes) = mpsc::channel(200);
    let _scheduler =
        Scheduler::start(&checks(0..100), &[template()], &Known::new(), Arc::clone(&prober), sender);
    let mut failed = BTreeSet::new();
    while failed.len() < 100 {
        failed.insert(changes.recv().await.unwrap().check);
    }
    assert_eq!(prober.most_running.load(Ordering::SeqCst), 10);
}

#[tokio::test(start_paused = true)]
async fn lagging_receiver_delays_no_probe_and_misses_only_what_was_taken_back() {
    let prober = Invented::new(Does::Refuse);
    let (sender, mut changes) = mpsc::channel(1);
    let template = Template { failures: 1, successes: 1, ..template() };
    let scheduler = Scheduler::start(&checks(0..10), &[template], &Known::new(), Arc::clone(&prober), sender);
    let deadline = Instant::now() + 30 * SECOND;
    let count = |verdict| scheduler.states().iter().filter(|state| state.verdict == verdict).count();
    wait_until(deadline, || count(Verdict::Failed) == 10).await;
    (0..10).for_each(|target| prober.set(target, Does::Answer));
    wait_until(deadline, || count(Verdict::Passing) == 10).await;
    let sent = changes.recv().await.unwrap();
    assert_eq!(sent.verdict, Verdict::Failed);
    assert_eq!(changes.recv().await, Some(change(sent.check.0, Verdict::Passing, None)));
    assert_eq!(changes.try_recv(), Err(mpsc::error::TryRecvError::Empty));
}

#[tokio::test(start_paused = true)]
async fn change_to_passing_has_no_error_however_late_it_is_received() {
    let prober = Invented::new(Does::Answer);
    let (sender, mut changes) = mpsc::channel(1);
    let template = Template { initial: Initial::Down, ..template() };
    let scheduler =
        Scheduler::start(&checks([0, 1]), &[template], &Known::new(), Arc::clone(&prober), sender);
    let deadline = Instant::now() + 60 * SECOND;
    let all = |condition: fn(&CheckState) -> bool| scheduler.states().iter().all(condition);
    wait_until(deadline, || all(|state| state.verdict == Verdict::Passing)).await;
    (0..2).for_each(|target| prober.set(target, Does::Refuse));
    wait_until(deadline, || all(|state| state.last_error.is_some())).await;
    for _ in 0..2 {
        let received = changes.recv().await.unwrap();
        assert_eq!((received.verdict, received.error), (Verdict::Passing, None));
    }
}

#[tokio::test(start_paused = true)]
async fn closed_receiver_ends_no_probe() {
    let prober = Invented::new(Does::Refuse);
    let (sender, changes) = mpsc::channel(1);
    drop(changes);
    let scheduler = Scheduler::start(&checks([0]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    let deadline = Instant::now() + 100 * SECOND;
    wait_until(deadline, || scheduler.states()[0].verdict == Verdict::Failed).await;
    prober.set(0, Does::Answer);
    wait_until(deadline, || scheduler.states()[0].verdict == Verdict::Passing).await;
}

#[tokio::test(start_paused = true)]
async fn panicking_probe_is_a_bad_one() {
    let prober = Invented::new(Does::Panic);
    let (sender, mut changes) = mpsc::channel(1);
    let _scheduler =
        Scheduler::start(&checks([0]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    let error = "the probe panicked; this is a fault in gtm";
    assert_eq!(changes.recv().await, Some(change(0, Verdict::Failed, Some(error))));
}

#[tokio::test(start_paused = true)]
async fn replace_carries_over_what_stays_the_same() {
    let prober = Invented::new(Does::Refuse);
    let (sender, mut changes) = mpsc::channel(8);
    let begin = Instant::now();
    let mut scheduler =
        Scheduler::start(&checks([0, 1, 2]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(begin + 40 * SECOND, || prober.starts.lock().unwrap().len() == 6).await;
    assert_eq!(changes.try_recv(), Err(mpsc::error::TryRecvError::Empty));

    // Another order and name; target 3 is new, and target 2 comes under a template of another content.
    let renamed = Template { name: "renamed".to_owned(), ..template() };
    let slower = Template { failures: 4, ..template() };
    let mut wanted = checks([3, 1, 0]);
    wanted.push(Check { target: address(2), template: TemplateId(1) });
    let (sender, mut changes) = mpsc::channel(8);
    let replaced = Instant::now();
    scheduler.replace(&wanted, &[renamed, slower], &Known::new(), sender).await;
    let unknown = (Verdict::Passing, None);
    let tried = (Verdict::Passing, Some(CUT.to_owned()));
    assert_eq!(known(&scheduler), [unknown.clone(), tried.clone(), tried, unknown]);

    // The third bad probe fails the old ones; the new ones need all of theirs.
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(changes.recv().await.unwrap().check.0);
    }
    order[..2].sort_unstable();
    assert_eq!(order, [1, 2, 0, 3]);
    assert_eq!(prober.starts_of(2).len(), 2 + 4, "the runs of another content do not count");
    // The schedule went on: the third probe came one interval after the second, not at a fresh start.
    let starts = prober.starts_of(0);
    assert!(starts[2] > replaced && starts[2] - starts[1] >= Duration::from_millis(9500), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn replace_keeps_running_probes_and_ends_those_of_no_check() {
    let prober = Invented::new(Does::Hang);
    let (sender, _changes) = mpsc::channel(8);
    let begin = Instant::now();
    let mut scheduler =
        Scheduler::start(&checks([0, 1]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(begin + 2 * SECOND, || prober.running.load(Ordering::SeqCst) == 2).await;
    let (sender, mut changes) = mpsc::channel(8);
    scheduler.replace(&checks([1]), &[template()], &Known::new(), sender).await;
    wait_until(begin + 2 * SECOND, || prober.running.load(Ordering::SeqCst) == 1).await;
    assert_eq!(prober.starts_of(1).len(), 1);
    assert_eq!(changes.recv().await, Some(change(0, Verdict::Failed, Some("no answer within 2s"))));
    assert_eq!(prober.starts_of(1).len(), 3, "the probe that ran counted");
    assert_eq!(prober.starts_of(0).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stop_ends_everything_and_so_does_drop() {
    for stop in [true, false] {
        let prober = Invented::new(Does::Hang);
        let (sender, mut changes) = mpsc::channel(8);
        let scheduler =
            Scheduler::start(&checks(0..50), &[template()], &Known::new(), Arc::clone(&prober), sender);
        let deadline = Instant::now() + 2 * SECOND;
        wait_until(deadline, || prober.running.load(Ordering::SeqCst) == 50).await;
        if stop {
            scheduler.stop().await;
            assert_eq!(prober.running.load(Ordering::SeqCst), 0);
        } else {
            drop(scheduler);
        }
        assert_eq!(changes.recv().await, None, "the driver has ended");
        wait_until(deadline, || Arc::strong_count(&prober) == 1).await;
        assert_eq!(prober.running.load(Ordering::SeqCst), 0);
        assert_eq!(prober.starts.lock().unwrap().len(), 50);
    }
}

/// A writer whose lines the test can read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_is_one_line_of_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let prober = Invented::new(Does::Refuse);
    let (sender, mut changes) = mpsc::channel(1);
    let _scheduler =
        Scheduler::start(&checks([1]), &[template()], &Known::new(), Arc::clone(&prober), sender);
    changes.recv().await.unwrap();
    prober.set(1, Does::Answer);
    changes.recv().await.unwrap();
    let expect = format!(
        " WARN check failed check=10.0.0.1 template=\"web\" verdict=\"failed\" error=\"{CUT}\"\n \
          INFO check passed check=10.0.0.1 template=\"web\" verdict=\"passing\"\n"
    );
    assert_eq!(String::from_utf8(lines.0.lock().unwrap().clone()).unwrap(), expect);
}

#[tokio::test(start_paused = true)]
async fn no_checks_are_no_work() {
    let (sender, mut changes) = mpsc::channel(8);
    let scheduler = Scheduler::start(&[], &[], &Known::new(), Invented::new(Does::Answer), sender);
    assert_eq!(scheduler.states(), []);
    scheduler.stop().await;
    assert_eq!(changes.recv().await, None);
}

proptest! {
    #[test]
    fn share_is_within_the_span(nanos in any::<u64>(), part in any::<u64>(), other in any::<u64>()) {
        let span = Duration::from_nanos(nanos);
        prop_assert!(share(span, part) <= span);
        prop_assert!(share(span, part.min(other)) <= share(span, part.max(other)));
        prop_assert_eq!(share(span, 0), Duration::ZERO);
    }
}
