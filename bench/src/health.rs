//! What checking costs: 100,000 addresses at an interval of ten seconds, and what becomes of it when some of them hang.
//!
//! The scheduler and its probes run as in the daemon, on threads of their own, whose CPU is counted. Their targets are the
//! loopback addresses of a namespace made for them; what hangs is behind a link that nobody is at the other end of.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gtm_tests::Namespace;
use gtm_userspace::config::model::{
    Check, CheckKind, HttpCheck, Initial, Target, Template, TemplateId, Tls, Verdict,
};
use gtm_userspace::health::check::ProbeError;
use gtm_userspace::health::scheduler::{Known, Probe};
use gtm_userspace::health::{Prober, Scheduler};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::report::{Figure, Report, Unit};

/// Addresses that are checked.
const CHECKS: u32 = 100_000;
/// How many of them hang, where some do.
const HANGING: u32 = 1000;
const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(2);
/// Until every check has been probed once, and those that hang have been cut.
const WARM_UP: Duration = Duration::from_secs(14);
const MEASURED: Duration = Duration::from_secs(30);
const PORT: u16 = 8000;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Name of the threads that probe: their CPU is what checking costs.
const PROBING: &str = "health";
/// Nobody is there, so whoever asks waits.
const DEAD_END: &str = "10.0.0.0/8";

/// Measures every kind of check, and those of tcp again with some that hang; only those whose name contains `only`.
pub(crate) fn measure(only: &str, report: &mut Report) -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let http =
        HttpCheck { tls: Tls::Off, port: PORT, path: "/".to_owned(), host: None, expect_status: vec![204] };
    let tcp = CheckKind::Tcp { port: PORT };
    let cases = [
        ("tcp", tcp.clone(), 0),
        ("http", CheckKind::Http(http), 0),
        ("ping", CheckKind::Ping, 0),
        ("tcp, 1000 hang", tcp, HANGING),
    ];
    for (name, kind, hanging) in cases.into_iter().filter(|(name, ..)| name.contains(only)) {
        // Connections that were closed shall not be in the way of the next.
        let namespace = Namespace::create("bench-health")?;
        add_dead_end(&namespace)?;
        namespace.run(|| measure_kind(name, kind, hanging, report))??;
    }
    Ok(())
}

/// Runs on a thread inside the namespace: so do those that it starts.
fn measure_kind(name: &str, kind: CheckKind, hanging: u32, report: &mut Report) -> anyhow::Result<()> {
    let mut add = |what: &str, value: f64, unit: Unit| {
        let name = format!("{CHECKS} {name} every {} s: {what}", INTERVAL.as_secs());
        report.add(Figure { part: "health", name, value, best: None, unit, bar: None });
    };
    let peer = runtime("peer", 2)?;
    let serves = matches!(kind, CheckKind::Http(_));
    let listener = peer.block_on(async { listen() })?;
    peer.spawn(accept(listener, serves));

    let memory = resident()?;
    let probing = runtime(PROBING, 2)?;
    let template = Template {
        name: name.to_owned(),
        kind,
        interval: INTERVAL,
        timeout: TIMEOUT,
        failures: 3,
        successes: 2,
        initial: Initial::Up,
    };
    let checks: Vec<Check> = (0..CHECKS)
        .map(|number| Check { target: target(number, hanging), template: TemplateId(0) })
        .collect();
    let watched =
        Arc::new(Watched { prober: probing.block_on(async { Prober::new() })?, seen: Seen::default() });
    let (sender, mut changes) = mpsc::channel(1024);
    let scheduler = probing.block_on(async {
        Scheduler::start(&checks, &[template], &Known::new(), Arc::clone(&watched), sender)
    });
    // What nobody receives would be kept.
    probing.spawn(async move { while changes.recv().await.is_some() {} });

    sleep(WARM_UP);
    watched.seen.take();
    let (begin, cpu) = (Instant::now(), probing_cpu()?);
    let mut most_files = 0;
    while begin.elapsed() < MEASURED {
        sleep(Duration::from_millis(100));
        most_files = most_files.max(fs::read_dir("/proc/self/fd")?.count());
    }
    let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), probing_cpu()?.saturating_sub(cpu));
    let mut late = watched.seen.take();
    let memory = resident()? - memory;
    let most_running = watched.seen.most_running.load(Ordering::Relaxed);
    let states = scheduler.states();
    let wrong = states.iter().zip(&checks).filter(|(state, check)| {
        let hangs = matches!(check.target, Target::Ip(IpAddr::V4(address)) if !address.is_loopback());
        (state.verdict == Verdict::Failed) != hangs
    });
    let wrong = wrong.count();
    probing.block_on(scheduler.stop());

    late.sort_unstable();
    let percentile = |part: usize| {
        let late = late.get((late.len() * part / 1000).min(late.len().saturating_sub(1)));
        late.map_or(0.0, |late| late.as_secs_f64() * 1e3)
    };
    add("CPU", cpu.as_secs_f64() / elapsed, Unit::Cores);
    add("CPU of a probe", cpu.as_secs_f64() * 1e9 / count(late.len()), Unit::Nanoseconds);
    add("probes", count(late.len()) / elapsed, Unit::PerSecond);
    add("start late, median", percentile(500), Unit::Milliseconds);
    add("start late, 99 of 100", percentile(990), Unit::Milliseconds);
    add("start late, latest", percentile(1000), Unit::Milliseconds);
    add("memory of a check", count(memory) / f64::from(CHECKS), Unit::Bytes);
    add("probes at a time, most", count(usize::try_from(most_running)?), Unit::Count);
    add("open files, most", count(most_files), Unit::Count);
    add("verdicts that are wrong", count(wrong), Unit::Count);
    Ok(())
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "figures for people")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Loopback addresses, and among them, evenly, some of the dead end.
fn target(number: u32, hanging: u32) -> Target {
    let hangs = hanging > 0 && number.is_multiple_of(CHECKS / hanging);
    let base = if hangs { Ipv4Addr::new(10, 1, 0, 0) } else { Ipv4Addr::new(127, 1, 0, 0) };
    Target::Ip(IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + number)))
}

/// The daemon's prober, with an eye on how late its probes start and how many run.
struct Watched {
    prober: Prober,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    late: Mutex<Vec<Duration>>,
    running: AtomicU64,
    most_running: AtomicU64,
}

impl Seen {
    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts a probe as running until it is dropped.
struct RunningGuard<'a>(&'a Seen);

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Probe for Watched {
    fn capacity(&self) -> usize {
        self.prober.capacity()
    }

    fn started(&self, late: Duration) {
        self.seen.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
    }

    async fn probe(&self, target: &Target, kind: &CheckKind) -> Result<(), ProbeError> {
        let running = self.seen.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.seen.most_running.fetch_max(running, Ordering::Relaxed);
        let _running = RunningGuard(&self.seen);
        self.prober.probe(target, kind).await
    }
}

/// A link whose other end is up, and takes nothing that is not for its Ethernet address.
fn add_dead_end(namespace: &Namespace) -> anyhow::Result<()> {
    let (near, far) = ("dead-end", "far-end");
    namespace.ip(&["link", "add", near, "type", "veth", "peer", "name", far])?;
    namespace.ip(&["link", "set", near, "up"])?;
    namespace.ip(&["link", "set", far, "up"])?;
    let gateway = "10.255.255.254";
    namespace.add_neighbour(near, gateway.parse()?, [2, 0, 0, 0, 0, 1])?;
    namespace.ip(&["address", "add", "10.255.255.253/30", "dev", near])?;
    namespace.ip(&["route", "add", DEAD_END, "via", gateway, "dev", near]).map(drop)
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).thread_name(name).enable_all().build();
    runtime.with_context(|| format!("no threads for {name}"))
}

fn listen() -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::UNSPECIFIED, PORT).into())?;
    Ok(socket.listen(BACKLOG)?)
}

/// Accepts and closes; serves one response before where that is asked for.
async fn accept(listener: TcpListener, serves: bool) {
    while let Ok((mut stream, _)) = listener.accept().await {
        if serves {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok() {
                    // The probe says what became of it.
                    stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").await.ok();
                }
            });
        }
    }
}

/// CPU that the probing threads have taken so far, the kernel's work for them included.
fn probing_cpu() -> anyhow::Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        // A thread may have ended meanwhile.
        let (Ok(name), Ok(times)) =
            (fs::read_to_string(task.join("comm")), fs::read_to_string(task.join("schedstat")))
        else {
            continue;
        };
        if name.trim() == PROBING {
            let nanos = times.split_whitespace().next().context("schedstat has no times")?;
            total += Duration::from_nanos(nanos.parse()?);
        }
    }
    Ok(total)
}

/// Bytes of memory that this process has in use.
fn resident() -> anyhow::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}
