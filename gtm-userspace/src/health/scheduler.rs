//! The scheduler: starts the probes of every check in time, cuts those that hang, and reports each change of verdict.
//!
//! One task times all checks by a heap of due times, so an idle check costs about 200 bytes and no task, timer or thread
//! of its own; only a running probe is a task. It never judges (`state` does), opens no socket (`check` does), and reads no
//! clock but tokio's.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::check::ProbeError;
use super::state::{Outcome, State};
use super::{CheckState, VerdictChange};
use crate::clock;
use crate::config::model::{Check, CheckId, CheckKind, HttpCheck, Initial, Target, Template, Tls, Verdict};

/// The first probes of new checks are spread over this long, or over their interval when that is shorter: until then
/// the answers rest on configured initial states, so they come soon.
const FIRST_PROBES: Duration = Duration::from_secs(1);

/// With many new checks the first probes take longer, so that no more than 2,000 of them begin in a second: about what a
/// core can handle with TLS handshakes among them.
const FIRST_PROBE_GAP: Duration = Duration::from_micros(500);

/// The part of the room for probes that stays free of checks that hang: one in so many.
const RESERVE: usize = 8;

/// Runs the probes of a set of checks until it is stopped or dropped.
pub struct Scheduler<P> {
    prober: Arc<P>,
    states: States,
    /// Dropped to make the driver return.
    running: Option<oneshot::Sender<()>>,
    driver: JoinHandle<Driver<P>>,
}

/// What the scheduler needs of a prober; tests invent their own.
pub trait Probe: Send + Sync + 'static {
    /// How many probes may run at the same time; at least 1. Probes above it start when others have ended, the one that
    /// has waited longest first.
    fn capacity(&self) -> usize;

    /// Is told of each probe how long after its time it starts; for those who measure.
    fn started(&self, _late: Duration) {}

    /// Probes a target once. May take any time: it is dropped at the timeout of the template.
    fn probe(&self, target: &Target, kind: &CheckKind)
    -> impl Future<Output = Result<(), ProbeError>> + Send;
}

impl<P: Probe> Scheduler<P> {
    /// Starts probing. Each change of a verdict is sent to `changes`; a receiver that lags delays no probe, it only
    /// misses verdicts that were taken back before it came to them. Checks whose template says [`Initial::Last`] begin
    /// with what is `known` of them.
    pub fn start(
        checks: &[Check],
        templates: &[Template],
        known: &Known,
        prober: Arc<P>,
        changes: mpsc::Sender<VerdictChange>,
    ) -> Self {
        let states = States::default();
        let mut driver = Driver::new(Arc::clone(&prober), Arc::clone(&states));
        driver.configure(checks, templates, known);
        let (running, stop) = oneshot::channel();
        Self { prober, states, running: Some(running), driver: tokio::spawn(driver.run(changes, stop)) }
    }

    /// What is known of each check now, by [`CheckId`].
    pub fn states(&self) -> Vec<CheckState> {
        lock(&self.states).clone()
    }

    /// What is known of one check now.
    pub fn state(&self, check: CheckId) -> Option<CheckState> {
        lock(&self.states).get(check.0).cloned()
    }

    /// Goes over to another configuration. A check with the same target and a template that says the same (whatever its
    /// name) keeps its state, its run of outcomes, its schedule and its running probe; the others are new, and begin as
    /// with [`Self::start`], or end.
    ///
    /// Changes of the new checks go to a channel of their own, because those still in the old one name old checks. Read
    /// [`Self::states`] afterwards: a change that comes later is sent, and one that both show is harmless.
    pub async fn replace(
        &mut self,
        checks: &[Check],
        templates: &[Template],
        known: &Known,
        changes: mpsc::Sender<VerdictChange>,
    ) {
        drop(self.running.take());
        // It can only fail by a panic; then there is nothing to carry over.
        let mut driver = (&mut self.driver)
            .await
            .unwrap_or_else(|_| Driver::new(Arc::clone(&self.prober), Arc::clone(&self.states)));
        driver.configure(checks, templates, known);
        let (running, stop) = oneshot::channel();
        self.running = Some(running);
        self.driver = tokio::spawn(driver.run(changes, stop));
    }

    /// Ends all probes and returns when the last one has ended.
    pub async fn stop(mut self) {
        drop(self.running.take());
        if let Ok(mut driver) = self.driver.await {
            driver.tasks.shutdown().await;
        }
    }
}

/// Probes once, cut at the timeout of the template.
pub async fn probe_in_time<P: Probe>(
    prober: &P,
    target: &Target,
    template: &Template,
) -> Result<(), ProbeError> {
    timeout(template.timeout, prober.probe(target, &template.kind))
        .await
        .unwrap_or(Err(ProbeError::NoAnswer(template.timeout)))
}

/// What is known of each check, shared between the driver and its owner.
type States = Arc<Mutex<Vec<CheckState>>>;

/// No code that holds the lock can panic halfway through a change, so a poisoned lock still holds good states.
fn lock(states: &States) -> MutexGuard<'_, Vec<CheckState>> {
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one task that times all checks.
///
/// ```text
///           due                 started               ended
///  idle ──────────► (capacity) ─────────► probing ─────────► idle, due one interval after the start
/// ```
///
/// A check is in `due`, in `waiting` or in `probes`, never in two of them: so its probes never overlap.
///
/// A check whose last probe was cut hangs, and is taken to hang again, for as long as its timeout. However many do, an
/// eighth of the capacity is left to the others, which are in nobody's way for long; and where there is not enough room,
/// those are the first.
struct Driver<P> {
    prober: Arc<P>,
    states: States,
    checks: Vec<Timed>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Checks that hang and are due, in the order in which they became so.
    waiting: VecDeque<(Instant, usize)>,
    tasks: JoinSet<Result<(), ProbeError>>,
    probes: HashMap<Id, Running>,
    /// How many of these are of checks that hang.
    hanging: usize,
    /// Checks whose verdict is not the one last reported. A verdict that is taken back before it was reported takes its
    /// check out again, so this stays small whatever the receiver does.
    unreported: BTreeSet<usize>,
}

/// A check as the driver times it.
struct Timed {
    target: Target,
    template: Arc<Template>,
    state: State,
    /// Whether the last probe was cut at its timeout.
    hangs: bool,
    /// Source of the jitter: a hash of the check, hashed again for each interval.
    seed: u64,
}

/// A probe that runs.
struct Running {
    check: usize,
    started: Instant,
    /// Whether the check hung when it started.
    hangs: bool,
    abort: AbortHandle,
}

impl<P: Probe> Driver<P> {
    fn new(prober: Arc<P>, states: States) -> Self {
        Self {
            prober,
            states,
            checks: Vec::new(),
            due: BinaryHeap::new(),
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            probes: HashMap::new(),
            hanging: 0,
            unreported: BTreeSet::new(),
        }
    }

    /// Times and reports until `stop` is dropped; returns itself with the probes that still run.
    async fn run(mut self, changes: mpsc::Sender<VerdictChange>, mut stop: oneshot::Receiver<()>) -> Self {
        loop {
            let next = self.start_due(clock::now());
            tokio::select! {
                _ = &mut stop => return self,
                Some(ended) = self.tasks.join_next_with_id() => {
                    // All that have ended: one in each turn would be too few where thousands of probes have turns as well.
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        self.finish(ended);
                        next = self.tasks.try_join_next_with_id();
                    }
                }
                permit = changes.reserve(), if !self.unreported.is_empty() => match permit {
                    Ok(permit) => {
                        let mut next = Some(permit);
                        while let Some(permit) = next {
                            let Some(change) = self.next_change() else { break };
                            permit.send(change);
                            next = changes.try_reserve().ok();
                        }
                    }
                    // Nobody wants to know any more; the states stay readable.
                    Err(_) => self.unreported.clear(),
                },
                () = sleep_until(next.unwrap_or_else(clock::now)), if next.is_some() => {}
            }
        }
    }

    /// Starts what is due as far as the capacity goes; returns when to look again, `None` when only the end of a probe
    /// can let another start.
    fn start_due(&mut self, now: Instant) -> Option<Instant> {
        let capacity = self.prober.capacity();
        let mut next = None;
        while self.tasks.len() < capacity {
            let Some(&Reverse((due, check))) = self.due.peek() else { break };
            if due > now {
                next = Some(due);
                break;
            }
            self.due.pop();
            if self.checks.get(check).is_some_and(|timed| timed.hangs) {
                self.waiting.push_back((due, check));
            } else {
                self.start_probe(check, due, now);
            }
        }
        let room = capacity.saturating_sub((capacity / RESERVE).max(1)).max(1);
        while self.tasks.len() < capacity && self.hanging < room {
            let Some((due, check)) = self.waiting.pop_front() else { break };
            self.start_probe(check, due, now);
        }
        next
    }

    fn start_probe(&mut self, check: usize, due: Instant, now: Instant) {
        let Some(timed) = self.checks.get(check) else { return };
        self.prober.started(now - due);
        let (prober, target, template) =
            (Arc::clone(&self.prober), timed.target.clone(), Arc::clone(&timed.template));
        let abort = self.tasks.spawn(async move { probe_in_time(&*prober, &target, &template).await });
        self.hanging += usize::from(timed.hangs);
        self.probes.insert(abort.id(), Running { check, started: now, hangs: timed.hangs, abort });
    }

    /// Takes the result of a probe, and sets the time of the next.
    fn finish(&mut self, ended: Result<(Id, Result<(), ProbeError>), JoinError>) {
        let (id, result) = ended.unwrap_or_else(|error| (error.id(), Err(ProbeError::Panicked)));
        // A probe that is not known is one of a check that is no more.
        let Some(Running { check, started, hangs, .. }) = self.probes.remove(&id) else { return };
        self.hanging -= usize::from(hangs);
        let Some(timed) = self.checks.get_mut(check) else { return };
        self.due.push(Reverse((started + timed.next_interval(), check)));

        timed.hangs = matches!(result, Err(ProbeError::NoAnswer(_)));
        let outcome = if result.is_ok() { Outcome::Good } else { Outcome::Bad };
        let change = timed.state.record(outcome, &timed.template);
        if let Some(known) = lock(&self.states).get_mut(check) {
            known.verdict = timed.state.verdict();
            match (result, known.verdict) {
                (Err(error), _) => known.last_error = Some(error.to_string()),
                (Ok(()), Verdict::Passing) => known.last_error = None,
                // Still failed: the last error is still the reason.
                (Ok(()), Verdict::Failed) => {}
            }
            if let Some(verdict) = change {
                known.since = clock::wall();
                log(timed, verdict, known.last_error.as_deref());
            }
        }
        if change.is_some() && !self.unreported.insert(check) {
            self.unreported.remove(&check);
        }
    }

    fn next_change(&mut self) -> Option<VerdictChange> {
        let check = self.unreported.pop_first()?;
        let CheckState { verdict, last_error, .. } = lock(&self.states).get(check)?.clone();
        let error = last_error.filter(|_| verdict == Verdict::Failed);
        Some(VerdictChange { check: CheckId(check), verdict, error })
    }

    /// Goes over to these checks; what is known of those that stay the same is carried over.
    fn configure(&mut self, checks: &[Check], templates: &[Template], known: &Known) {
        let (now, wall) = (clock::now(), clock::wall());
        let templates: Vec<Arc<Template>> = templates.iter().cloned().map(Arc::new).collect();
        let old_checks = std::mem::take(&mut self.checks);
        let old_states = std::mem::take(&mut *lock(&self.states));
        let due = std::mem::take(&mut self.due).into_iter().map(|Reverse(due)| due);
        let due = due.chain(std::mem::take(&mut self.waiting));
        let old_due: HashMap<usize, Instant> = due.map(|(due, check)| (check, due)).collect();
        let mut same: HashMap<Identity<'_>, Vec<usize>> = HashMap::with_capacity(old_checks.len());
        for (old, timed) in old_checks.iter().enumerate() {
            same.entry(identity(&timed.target, &timed.template)).or_default().push(old);
        }

        let mut states = Vec::with_capacity(checks.len());
        let mut moved = HashMap::new();
        let mut fresh = Vec::new();
        for (new, check) in checks.iter().enumerate() {
            #[expect(clippy::indexing_slicing, reason = "the references of a model are indices that exist")]
            let template = &templates[check.template.0];
            let first = first_state(&check.target, template, known, wall);
            let mut timed = Timed::new(check.target.clone(), Arc::clone(template), first.verdict);
            let old = same.get_mut(&identity(&check.target, template)).and_then(Vec::pop);
            let old = old.and_then(|old| Some((old, old_checks.get(old)?, old_states.get(old)?)));
            if let Some((old, old_timed, old_state)) = old {
                (timed.state, timed.hangs, timed.seed) = (old_timed.state, old_timed.hangs, old_timed.seed);
                states.push(old_state.clone());
                self.due.extend(old_due.get(&old).map(|due| Reverse((*due, new))));
                moved.insert(old, new);
            } else {
                states.push(first);
                fresh.push(new);
            }
            self.checks.push(timed);
        }

        let spread = FIRST_PROBE_GAP.saturating_mul(u32::try_from(fresh.len()).unwrap_or(u32::MAX));
        for new in fresh {
            if let Some(timed) = self.checks.get(new) {
                self.due.push(Reverse((now + timed.first_delay(spread.max(FIRST_PROBES)), new)));
            }
        }
        self.probes.retain(|_, probe| {
            let Some(&new) = moved.get(&probe.check) else {
                probe.abort.abort();
                self.hanging -= usize::from(probe.hangs);
                return false;
            };
            probe.check = new;
            true
        });
        self.unreported.clear();
        *lock(&self.states) = states;
    }
}

/// What makes two checks of different configurations the same: the target, and all of the template but its name.
pub(crate) type Identity<'a> = (&'a Target, &'a CheckKind, [Duration; 2], [u32; 2], Initial);

/// The identity of a check.
pub(crate) fn identity<'a>(target: &'a Target, template: &'a Template) -> Identity<'a> {
    let Template { name: _, kind, interval, timeout, failures, successes, initial } = template;
    (target, kind, [*interval, *timeout], [*failures, *successes], *initial)
}

/// What was last known of checks, by [`identity_text`].
pub type Known = HashMap<String, CheckState>;

/// The identity of a check as text, the same in every version: what is known of a check is kept under it.
pub fn identity_text(target: &Target, template: &Template) -> String {
    let Template { name: _, kind, interval, timeout, failures, successes, initial } = template;
    let kind = match kind {
        CheckKind::Ping => "ping".to_owned(),
        CheckKind::Tcp { port } => format!("tcp {port}"),
        CheckKind::Http(HttpCheck { tls, port, path, host, expect_status }) => {
            let scheme = match tls {
                Tls::Off => "http",
                Tls::Verify => "https",
                Tls::NoVerify => "https-unverified",
            };
            let host = host.as_ref().map_or_else(|| "none".to_owned(), |host| format!("{host:?}"));
            format!("{scheme} {port} {path:?} host {host} expect {expect_status:?}")
        }
    };
    let initial = match initial {
        Initial::Up => "up",
        Initial::Down => "down",
        Initial::Last => "last",
    };
    let (interval, timeout) = (interval.as_millis(), timeout.as_millis());
    format!(
        "{target} {kind} interval {interval} timeout {timeout} failures {failures} successes {successes} initial {initial}"
    )
}

/// What a check begins with that began at `since` (milliseconds since 1970).
pub fn first_state(target: &Target, template: &Template, known: &Known, since: u64) -> CheckState {
    let last = (template.initial == Initial::Last).then(|| known.get(&identity_text(target, template)));
    let last = last.flatten().cloned();
    let verdict = template.initial.verdict(last.as_ref().map(|last| last.verdict));
    last.unwrap_or(CheckState { verdict, since, last_error: None })
}

impl Timed {
    fn new(target: Target, template: Arc<Template>, first: Verdict) -> Self {
        let seed = hash(&identity(&target, &template));
        Self { target, template, state: State::new(first), hangs: false, seed }
    }

    /// How long after the start the first probe begins: always the same for the same check, so that a restart does not
    /// bring a burst, and spread evenly over all checks.
    fn first_delay(&self, spread: Duration) -> Duration {
        share(self.template.interval.min(spread), self.seed)
    }

    /// The interval to the next probe: 95 to 105 % of the configured one, so that checks that once fell together drift
    /// apart again.
    fn next_interval(&mut self) -> Duration {
        self.seed = hash(&self.seed);
        let interval = self.template.interval;
        interval / 20 * 19 + share(interval / 10, self.seed)
    }
}

/// The same value for the same input in every run of the same build.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The part of `span` that `hash` is of its whole range.
fn share(span: Duration, hash: u64) -> Duration {
    let nanos = (span.as_nanos() * u128::from(hash)) >> 64;
    u64::try_from(nanos).map_or(span, Duration::from_nanos)
}

fn log(timed: &Timed, verdict: Verdict, error: Option<&str>) {
    let Timed { target, template, .. } = timed;
    match verdict {
        Verdict::Failed => {
            tracing::warn!(check = %target, template = template.name, verdict = "failed", error, "check failed");
        }
        Verdict::Passing => {
            tracing::info!(check = %target, template = template.name, verdict = "passing", "check passed");
        }
    }
}

#[cfg(test)]
mod tests;
