//! One server with its clients: a pair of namespaces, a link between them, and what was measured.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use gtm_tests::cpu::PinnedGuard;
use gtm_tests::pass::PassProgram;
use gtm_tests::{Client, Namespace, Veth, eventually};
use hickory_proto::rr::RecordType;
use nix::unistd::Pid;

use super::generator::Generator;
use super::kxdpgun::Counted;
use super::servers::{Running, Server};
use super::{kxdpgun, processor, questions};

/// How long each load lasts in a round.
pub(super) const TIME: Duration = Duration::from_secs(2);
/// What of the rate that our own traffic found kxdpgun asks at: it does not wait for answers.
const SHARE: f64 = 0.9;
/// And at most so many queries in a second: with more it loses answers itself where it shares a core with its own receiving.
const MOST: f64 = 150_000.0;
/// Behind it the clients are, for the server.
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(20);
/// Names that are asked for in each country before anything is measured.
const NAMES: usize = 4;

/// The CPU of each side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpus {
    pub(super) asking: usize,
    pub(super) serving: usize,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Our generator.
    Own,
    /// The one of Knot.
    Kxdpgun,
}

/// What was counted in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    load: Load,
    /// Answers that came back.
    pub(super) answers: f64,
    /// What of the queries had none.
    pub(super) lost: f64,
    /// Seconds that the load lasted.
    pub(super) time: f64,
    /// Processor seconds of the serving side.
    pub(super) serving: f64,
    /// Processor seconds of the asking side.
    pub(super) asking: f64,
}

impl Round {
    pub(super) fn per_cpu_second(&self) -> f64 {
        self.answers / self.serving
    }
}

/// A server that runs, and its clients. What is dropped first stands first.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) server: &'static Server,
    rounds: Vec<Round>,
    running: Running,
    generator: Generator,
    _pass: Option<PassProgram>,
    _veth: Veth,
    asking: Side,
    serving: Side,
}

/// One end of the link.
#[derive(Debug)]
struct Side {
    namespace: Arc<Namespace>,
    device: String,
    cpu: usize,
}

impl Side {
    /// `letter` and the process make the name of the device one of its own: NAPI threads are found by it.
    fn new(server: &Server, letter: char, cpu: usize) -> anyhow::Result<Self> {
        let label: String =
            server.name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(6).collect();
        let namespace = Arc::new(Namespace::create(&format!("bench-{letter}-{label}"))?);
        let number =
            namespace.name().bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let device = format!("{letter}{:x}-{number:x}", std::process::id());
        Ok(Self { namespace, device, cpu })
    }

    fn processor_seconds(&self) -> anyhow::Result<f64> {
        processor::seconds(&self.namespace, &self.device)
    }

    fn thread_napi(&self) -> anyhow::Result<()> {
        processor::thread_napi(&self.namespace, &self.device, self.cpu)
    }
}

impl Stage {
    /// Starts it, and has some of its answers decoded.
    pub(super) fn start(server: &'static Server, cpus: Cpus) -> anyhow::Result<Self> {
        let (asking, serving) = (Side::new(server, 'a', cpus.asking)?, Side::new(server, 's', cpus.serving)?);
        let veth =
            Veth::connect((&asking.namespace, &asking.device), (&serving.namespace, &serving.device), 1500)?;
        let mac_from = asking.namespace.mac(&asking.device)?;
        let mac_to = serving.namespace.mac(&serving.device)?;
        let address = IpAddr::V4(questions::SERVER);
        serving.namespace.add_address(&serving.device, address)?;
        serving.namespace.add_neighbour(&serving.device, GATEWAY, mac_from)?;
        let gateway = GATEWAY.to_string();
        let route = ["route", "add", "default", "via", &gateway, "dev", &serving.device, "onlink"];
        serving.namespace.ip(&route)?;
        asking.namespace.add_route(&asking.device, address)?;
        asking.namespace.add_neighbour(&asking.device, address, mac_to)?;

        let questions = questions::questions(mac_from, mac_to, server.steering)?;
        let mut generator = Generator::new(&asking.namespace, &asking.device, &questions)?;
        generator.attach(&asking.namespace)?;
        // A server without a program of its own gets the queries as from a NIC: received in batches.
        let pass = if server.has_program {
            None
        } else {
            Some(PassProgram::attach(&serving.namespace, &serving.device)?)
        };
        let running = {
            let _pinned = PinnedGuard::on(cpus.serving)?;
            server.start(&serving.namespace, &serving.device)?
        };
        let rounds = Vec::new();
        let stage = Self { server, rounds, running, generator, _pass: pass, _veth: veth, asking, serving };
        stage.decode_some().map_err(|error| stage.running.with_output(&error))?;
        stage.asking.thread_napi()?;
        // The generator has the same CPU and never waits.
        processor::run_first(&stage.asking.device)?;
        stage.serving.thread_napi()?;
        Ok(stage)
    }

    /// Measures one round of each load.
    pub(super) fn measure(&mut self) -> anyhow::Result<()> {
        let rate = self.measure_own()?;
        self.generator.detach()?;
        self.measure_kxdpgun((SHARE * rate).min(MOST))?;
        self.generator.attach(&self.asking.namespace)?;
        processor::wait_for_napi(&self.asking.device, self.asking.cpu)?;
        processor::run_first(&self.asking.device)
    }

    /// Gives the answers per second.
    fn measure_own(&mut self) -> anyhow::Result<f64> {
        let seconds = || {
            let asking = self.asking.processor_seconds()? + processor::of_process(Pid::this())?;
            anyhow::Ok((asking, self.serving.processor_seconds()?))
        };
        let counted = self.generator.run(&self.asking.namespace, TIME, seconds);
        let traffic = counted.map_err(|error| self.running.with_output(&error))?;
        let [(asked, served), (asking, serving)] = traffic.seconds;
        let (asking, serving) = (asking - asked, serving - served);
        let time = traffic.time.as_secs_f64();
        let [sent, answers] = [traffic.sent, traffic.right].map(number);
        // What was under way at the beginning came back too.
        let lost = ((sent - answers) / sent).max(0.0);
        self.rounds.push(Round { load: Load::Own, answers, lost, time, serving, asking });
        Ok(answers / time)
    }

    fn measure_kxdpgun(&mut self, rate: f64) -> anyhow::Result<()> {
        let served = self.serving.processor_seconds()?;
        let Side { namespace, device, cpu } = &self.asking;
        let Counted { sent, answers, asking } = kxdpgun::run(namespace, device, *cpu, rate, TIME)?;
        let serving = self.serving.processor_seconds()? - served;
        let (lost, time) = ((sent - answers) / sent, TIME.as_secs_f64());
        self.rounds.push(Round { load: Load::Kxdpgun, answers, lost, time, serving, asking });
        Ok(())
    }

    /// Clients of every country ask, over ordinary sockets: so checksums count too, and all of an answer is decoded.
    fn decode_some(&self) -> anyhow::Result<()> {
        let server = SocketAddr::new(questions::SERVER.into(), 53);
        for (client, address) in questions::clients(self.server.steering) {
            self.asking.namespace.add_address(&self.asking.device, client.into())?;
            let client = Client::new(&self.asking.namespace, client.into());
            for name in questions::names().take(NAMES) {
                let name = format!("{name}.gtm.test.");
                let ask = || client.ask(server, &name, RecordType::A).ok();
                let answer = eventually(START, &format!("{name} is answered"), ask)?.message;
                let records: Vec<_> = answer.answers.iter().map(|record| record.data.ip_addr()).collect();
                ensure!(
                    answer.metadata.authoritative && records == [Some(address.into())],
                    "{} should be answered {address}, not {answer}",
                    client.address()
                );
            }
        }
        Ok(())
    }

    /// What was measured with this load.
    pub(super) fn rounds(&self, load: Load) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(move |round| round.load == load)
    }
}

/// A count as a number to calculate with.
fn number(count: u64) -> f64 {
    // Counts of a few seconds are far below 2^32.
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
