//! What answers cost on a veth pair: ours and those of other servers, with the same questions in the same rounds.
//!
//! Each server has a pair of namespaces of its own. All that serves has the last CPU: the thread that receives, and the workers;
//! all that asks and checks has the first. So neither takes the other's time, and what is compared is answers for each CPU-second
//! of the serving side. Our own traffic is as much as is answered, never more: a server under more than it can do throws away work.
//! It reaches the server as frames in pages, as from a card.
//!
//! kxdpgun sends by a socket, at a fixed rate: what it sends the link has to copy into a page before an XDP program can have it, and
//! it comes a few queries at a time. So its figures say what links cost, and the bar is for those of our own traffic.

mod generator;
mod kxdpgun;
mod processor;
mod questions;
mod servers;
mod stage;

use anyhow::{Context as _, ensure};
use gtm_tests::cpu::{PinnedGuard, allowed};
use nix::unistd::Pid;

use crate::report::{Bar, Figure, Report, Unit};
use servers::SERVERS;
use stage::{Cpus, Load, Stage};

/// Everybody else is compared with it.
const OURS: &str = "gtm";

/// Measures gtm, and the servers whose names contain `filter`.
pub(crate) fn measure(rounds: u32, filter: &str, report: &mut Report) -> anyhow::Result<()> {
    let cpus = allowed()?;
    let (asking, serving) = (*cpus.first().context("no CPU")?, *cpus.last().context("no CPU")?);
    ensure!(asking != serving, "both sides would share the one CPU");
    let cpus = Cpus { asking, serving };
    let _pinned = PinnedGuard::on(asking)?;
    processor::hurry(Pid::this())?;
    generator::stop_on_signal()?;

    let mut stages = Vec::new();
    for server in SERVERS.iter().filter(|server| server.name == OURS || server.name.contains(filter)) {
        let Some(version) = server.version() else {
            eprintln!("skipped {}: {} is not installed", server.name, server.program.0);
            continue;
        };
        eprintln!("starts {}", server.name);
        report.servers.push(format!("{}: {version}", server.name));
        stages.push(Stage::start(server, cpus).with_context(|| server.name)?);
    }
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for stage in &mut stages {
            stage.measure().with_context(|| stage.server.name)?;
        }
    }
    for (load, by) in [(Load::Own, "live frames"), (Load::Kxdpgun, "kxdpgun")] {
        tell(&stages, load, by, report);
    }
    Ok(())
}

fn tell(stages: &[Stage], load: Load, by: &str, report: &mut Report) {
    let mut add = |name: String, values: Vec<f64>, unit, bar| {
        report.add(Figure::of("veth", name, values, unit, bar));
    };
    let ours = stages.iter().find(|stage| stage.server.name == OURS);
    for stage in stages {
        let rounds = || stage.rounds(load);
        let name = stage.server.name;
        add(
            format!("{name}, {by}: answers per CPU-second"),
            rounds().map(stage::Round::per_cpu_second).collect(),
            Unit::PerCpuSecond,
            None,
        );
        add(
            format!("{name}, {by}: answers per second"),
            rounds().map(|round| round.answers / round.time).collect(),
            Unit::PerSecond,
            None,
        );
        add(
            format!("{name}, {by}: CPUs of the serving side"),
            rounds().map(|round| round.serving / round.time).collect(),
            Unit::Cores,
            None,
        );
        add(
            format!("{name}, {by}: CPUs of the asking side"),
            rounds().map(|round| round.asking / round.time).collect(),
            Unit::Cores,
            None,
        );
        add(
            format!("{name}, {by}: queries without an answer"),
            rounds().map(|round| 100.0 * round.lost).collect(),
            Unit::Percent,
            None,
        );
    }
    for (stage, ours) in stages.iter().filter_map(|stage| Some((stage, ours?))) {
        let Some((row, must, aim)) = stage.server.bar else { continue };
        // The bar is for our own traffic: kxdpgun is the limit itself before gtm is.
        let bar = (load == Load::Own).then(|| Bar::at_least(row, must, aim));
        let ratios = ours.rounds(load).zip(stage.rounds(load));
        let ratios = ratios.map(|(ours, theirs)| ours.per_cpu_second() / theirs.per_cpu_second()).collect();
        add(format!("{OURS} / {}, {by}", stage.server.name), ratios, Unit::Ratio, bar);
    }
}
