//! How soon a verdict is on the wire, and what is answered while generations take each other's place: a client asks without
//! pause over a veth pair between two namespaces, and looks at every answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gtm_tests::cpu::PinnedGuard;
use gtm_tests::pass::PassProgram;
use gtm_tests::{Namespace, Query, Random, Veth};
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{CheckId, Verdict, XdpMode};
use gtm_userspace::dataplane::{Dataplane, Generation};
use gtm_userspace::decision::{Conditions, Decider};
use gtm_userspace::geo::Partition;
use gtm_userspace::name::Name;
use gtm_userspace::server::Tables;

use super::build::{Case, inputs, share_one_address};
use super::figure;
use crate::report::{Bar, Report, Unit};

/// Prefixes of each family.
const PREFIXES: u32 = 5_000_000;
/// The same where generations are built without pause.
const FEWER_PREFIXES: u32 = 100_000;
/// Access domains that flip at once; one more flips alone.
const SHARING: usize = 10_000;
const SINGLE_FLIPS: usize = 500;
const FLIPS_AT_ONCE: usize = 20;
/// How long a part of a comparison takes, and how many of both there are.
const PART: Duration = Duration::from_secs(2);
const PARTS: usize = 5;
/// Questions under way at once, where throughput is measured.
const UNDER_WAY: u16 = 32;
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(1);
const EDGE: &str = "edge0";
const CLIENT: &str = "client0";
const MTU: u16 = 1500;
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 53)), 53);
const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const TYPE_A: u16 = 1;

/// Measures what has `only` in its name.
pub(super) fn measure(only: &str, report: &mut Report) -> anyhow::Result<()> {
    if "verdict on the wire".contains(only) {
        measure_verdicts(report)?;
    }
    if "rebuild under load".contains(only) {
        measure_rebuild(report)?;
    }
    Ok(())
}

/// A client and an edge on either end of a link.
struct Link {
    _pass: PassProgram,
    _ends: Veth,
    clients: Arc<Namespace>,
    edge: Arc<Namespace>,
}

impl Link {
    fn new() -> anyhow::Result<Self> {
        let [edge, clients] = [Arc::new(Namespace::create("edge")?), Arc::new(Namespace::create("clients")?)];
        let ends = Veth::connect((&edge, EDGE), (&clients, CLIENT), MTU)?;
        let pass = PassProgram::attach(&clients, CLIENT)?;
        for (namespace, device, own, other, mac) in [
            (&edge, EDGE, SERVER.ip(), SENDER, clients.mac(CLIENT)?),
            (&clients, CLIENT, SENDER, SERVER.ip(), edge.mac(EDGE)?),
        ] {
            namespace.add_address(device, own)?;
            namespace.add_route(device, other)?;
            namespace.add_neighbour(device, other, mac)?;
        }
        Ok(Self { _pass: pass, _ends: ends, clients, edge })
    }

    fn socket(&self) -> anyhow::Result<UdpSocket> {
        let socket = self.clients.run(|| {
            let socket = UdpSocket::bind((SENDER, 0))?;
            socket.connect(SERVER)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok::<_, std::io::Error>(socket)
        })?;
        Ok(socket?)
    }
}

/// A decided configuration, served on the edge.
struct Served {
    decider: Decider,
    tables: Arc<Tables>,
    dataplane: Dataplane,
}

impl Served {
    fn new(link: &Link, model: Model, partition: &Partition) -> anyhow::Result<Self> {
        let model = Arc::new(model);
        let decider = Decider::new(Arc::clone(&model), partition, Conditions::all_up(&model));
        let tables = Arc::new(Tables::of(&model, decider.table()));
        let start = || {
            let (interfaces, listen) = ([EDGE.to_owned()], &model.service.listen);
            Dataplane::start(&interfaces, XdpMode::Native, listen, &tables, decider.table())
        };
        let dataplane = link.edge.run(start)??;
        Ok(Self { decider, tables, dataplane })
    }

    /// From the verdict to the last store.
    fn flip(&mut self, check: CheckId, verdict: Verdict) -> anyhow::Result<()> {
        let changes = self.decider.set_verdict(check, verdict);
        let slots = changes.switches.iter().map(|switch| switch.slot);
        Ok(self.dataplane.store_all(self.decider.table(), slots)?)
    }
}

/// A client that asks for one name without pause, one question after the other.
struct Asker {
    /// Last byte of the answer that is waited for.
    awaited: AtomicU8,
    name: Mutex<Name>,
    ends: AtomicBool,
}

impl Asker {
    /// Tells when the awaited answer came, once for each time one is awaited.
    fn ask(&self, socket: &UdpSocket, came: &Sender<Instant>) -> anyhow::Result<()> {
        let mut reply = [0; 512];
        let mut told = 0;
        while !self.ends.load(Ordering::Relaxed) {
            let name = self.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
            socket.send(&Query::new(name.as_wire().to_vec(), TYPE_A).bytes())?;
            let length = socket.recv(&mut reply).context("an answer was lost")?;
            let last = reply.get(..length).and_then(|reply| reply.last()).copied().unwrap_or_default();
            ensure!(last == 101 || last == 102, "a wrong answer: {:02x?}", reply.get(..length));
            if last == self.awaited.load(Ordering::Acquire) && last != told {
                told = last;
                came.send(Instant::now())?;
            }
        }
        Ok(())
    }
}

fn measure_verdicts(report: &mut Report) -> anyhow::Result<()> {
    let case = Case { name: "", prefixes: PREFIXES, statics: 0, domains: SHARING + 1, bar: None };
    let (mut model, partition) = inputs(&case)?;
    let all = share_one_address(&mut model, 1..SHARING + 1)?;
    let single = share_one_address(&mut model, 0..1)?;
    let names: Vec<Name> = model.domains.iter().map(|domain| domain.name.clone()).collect();
    let [Some(first), Some(last)] = [names.first(), names.last()] else { return Ok(()) };
    let link = Link::new()?;
    let mut served = Served::new(&link, model, &partition)?;
    let socket = link.socket()?;
    let asker =
        Asker { awaited: AtomicU8::new(0), name: Mutex::new(first.clone()), ends: AtomicBool::new(false) };
    let (sender, arrivals) = channel();
    let (one, many) = thread::scope(|scope| {
        let asking = scope.spawn(|| asker.ask(&socket, &sender));
        let measured = (|| {
            let one = flips(&mut served, &asker, &arrivals, single, SINGLE_FLIPS)?;
            *asker.name.lock().unwrap_or_else(PoisonError::into_inner) = last.clone();
            let many = flips(&mut served, &asker, &arrivals, all, FLIPS_AT_ONCE)?;
            anyhow::Ok((one, many))
        })();
        asker.ends.store(true, Ordering::Relaxed);
        asking.join().map_err(|_panic| anyhow::anyhow!("the client panicked"))??;
        measured
    })?;
    let name = "verdict on the wire, 5M prefixes";
    report.add(figure(&format!("{name}: median"), vec![at(&one, 50)], Unit::Milliseconds, None));
    let bar = Some(Bar::at_most(12, 10.0, 1.0));
    report.add(figure(&format!("{name}: 99%"), vec![at(&one, 99)], Unit::Milliseconds, bar));
    report.add(figure(&format!("{name}: longest"), vec![at(&one, 100)], Unit::Milliseconds, None));
    let name = "10k access domains at once, until the last is changed";
    report.add(figure(name, many, Unit::Milliseconds, Some(Bar::at_most(12, 100.0, 20.0))));
    Ok(())
}

/// Times from a verdict to the first answer that has changed, in milliseconds.
fn flips(
    served: &mut Served,
    asker: &Asker,
    came: &Receiver<Instant>,
    check: CheckId,
    count: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut random = Random::new(1);
    let mut times = Vec::new();
    for round in 0..count {
        let (verdict, awaited) =
            if round % 2 == 0 { (Verdict::Failed, 102) } else { (Verdict::Passing, 101) };
        // At any time of what the client does.
        thread::sleep(Duration::from_micros(500 + u64::from(random.word() >> 5)));
        asker.awaited.store(awaited, Ordering::Release);
        let start = Instant::now();
        served.flip(check, verdict)?;
        let changed = came.recv_timeout(PATIENCE).context("the answer did not change")?;
        times.push(1000.0 * changed.duration_since(start).as_secs_f64());
    }
    Ok(times)
}

/// The value that so many of a hundred do not exceed.
fn at(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
        .get((values.len() * percent / 100).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn measure_rebuild(report: &mut Report) -> anyhow::Result<()> {
    let case = Case { name: "", prefixes: FEWER_PREFIXES, statics: 0, domains: 1000, bar: None };
    let (mut model, partition) = inputs(&case)?;
    share_one_address(&mut model, 0..1000)?;
    let mut other = model.clone();
    other.domains.iter_mut().for_each(|domain| domain.ttl += 1);
    let name = model.domains.first().context("an access domain")?.name.clone();
    let (listen, link) = (model.service.listen.clone(), Link::new()?);
    let mut served = Served::new(&link, model, &partition)?;
    let other = Arc::new(other);
    let other = Decider::new(Arc::clone(&other), &partition, Conditions::all_up(&other));
    let tables = [Arc::clone(&served.tables), Arc::new(Tables::of(other.model(), other.table()))];
    let sides = [(&tables[0], served.decider.table()), (&tables[1], other.table())];
    let socket = link.socket()?;
    let expect = answers(&socket, &name)?;
    let (mut ratios, mut switches) = (Vec::new(), 0_u32);
    for _ in 0..PARTS {
        let quiet = ask_many(&socket, &name, &expect, PART)?;
        let ends = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let asked = ask_many(&socket, &name, &expect, PART);
                ends.store(true, Ordering::Relaxed);
                asked
            });
            // Away from the client, whose CPU answers as well: the program runs where the packets are sent.
            let apart = PinnedGuard::last();
            let mut built = apart.as_ref().map(drop).map_err(|error| anyhow::anyhow!("{error}"));
            while built.is_ok() && !ends.load(Ordering::Relaxed) {
                for (tables, table) in sides.iter().rev() {
                    built = built.and_then(|()| {
                        let next = Generation::load(&listen, tables, table)?;
                        let dataplane = &mut served.dataplane;
                        drop(link.edge.run(|| dataplane.install(XdpMode::Native, next))?);
                        switches += 1;
                        Ok(())
                    });
                }
            }
            built.and(asking.join().map_err(|_panic| anyhow::anyhow!("the client panicked"))?)
        })?;
        ratios.push(busy / quiet);
    }
    let name = format!("answers while rebuilding and switching ({switches} times), of quiet");
    report.add(figure(&name, ratios, Unit::Ratio, Some(Bar::at_least(13, 0.9, 0.97))));
    Ok(())
}

/// The answer now, and the one with another time to live.
fn answers(socket: &UdpSocket, name: &Name) -> anyhow::Result<[Vec<u8>; 2]> {
    let mut reply = [0; 512];
    socket.send(&Query::new(name.as_wire().to_vec(), TYPE_A).bytes())?;
    let length = socket.recv(&mut reply)?;
    let answer = reply.get(2..length).context("an answer")?.to_vec();
    let mut other = answer.clone();
    // The last byte of the TTL stands before the length and the four bytes of the address.
    let place = other.len().checked_sub(7).and_then(|place| other.get_mut(place)).context("a record")?;
    *place += 1;
    Ok([answer, other])
}

/// Answers per second; each must be one of those expected, behind its ID.
fn ask_many(socket: &UdpSocket, name: &Name, expect: &[Vec<u8>; 2], time: Duration) -> anyhow::Result<f64> {
    let _pinned = PinnedGuard::new()?;
    let mut query = Query::new(name.as_wire().to_vec(), TYPE_A).bytes();
    let (start, mut answered, mut reply) = (Instant::now(), 0_u32, [0; 512]);
    while start.elapsed() < time {
        for id in 0..UNDER_WAY {
            query.get_mut(..2).context("an ID")?.copy_from_slice(&id.to_be_bytes());
            socket.send(&query)?;
        }
        for id in 0..UNDER_WAY {
            let length = socket.recv(&mut reply).context("an answer was lost")?;
            let (got, rest) =
                reply.get(..length).and_then(|reply| reply.split_first_chunk()).context("short")?;
            ensure!(u16::from_be_bytes(*got) == id, "the answer to {got:?}, not {id}");
            ensure!(expect.iter().any(|expect| expect == rest), "a wrong answer: {rest:02x?}");
        }
        answered += u32::from(UNDER_WAY);
    }
    Ok(f64::from(answered) / start.elapsed().as_secs_f64())
}
