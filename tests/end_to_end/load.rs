//! `dnsperf` asks without pause while the world changes: no question goes without its right answer.
//!
//! It has at most a hundred questions under way, so a busy machine makes it slower and loses nothing.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use gtm_common::counters::Outcome;
use gtm_tests::counters::snapshot;
use gtm_tests::gtm::CONFIG;
use gtm_tests::leftover::temporary_folder;
use gtm_tests::scenario::daemon::Daemon;
use gtm_tests::scenario::network::Network;
use gtm_tests::scenario::places::{Asker, EDGE_DEVICE, Family, NAME, Place};
use gtm_tests::{Namespace, Process, eventually};

use crate::stage::{SERVER_V4, Stage, edit, folder};
use crate::{DEADLINE, alone, can_run, say};

/// Questions per second.
const RATE: &str = "20000";
/// How long it may take from its end to its report; a lost question is waited for.
const REPORT: Duration = Duration::from_secs(30);

/// A run of dnsperf.
struct Dnsperf {
    process: Process,
}

/// What it reports.
#[derive(Debug)]
struct Report {
    sent: u64,
    text: String,
}

impl Dnsperf {
    fn start(
        clients: &Namespace,
        from: IpAddr,
        server: SocketAddr,
        questions: &Path,
        time: Duration,
    ) -> Self {
        let mut command = clients.command("dnsperf");
        command.args(["-s", &server.ip().to_string(), "-a", &from.to_string(), "-d"]).arg(questions);
        command.args(["-l", &time.as_secs().to_string(), "-Q", RATE, "-c", "1", "-e"]);
        Self { process: Process::start(command).unwrap() }
    }

    fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for its end; every question must have been answered with NOERROR.
    fn finish(mut self) -> Report {
        assert!(self.process.wait(REPORT).unwrap().success(), "{}", self.process.output());
        let text = self.process.output();
        let number = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {key} in {text}"))
        };
        let sent = number("Queries sent:");
        assert_eq!(number("Queries completed:"), sent, "{text}");
        assert_eq!(number("Queries lost:"), 0, "{text}");
        assert!(text.contains(&format!("NOERROR {sent} (100.00%)")), "{text}");
        assert!(sent > 0 && !text.contains("Warning"), "{text}");
        Report { sent, text }
    }
}

#[test]
fn nothing_is_lost_while_a_site_fails_and_recovers() {
    if !can_run("nothing_is_lost_while_a_site_fails_and_recovers", &["dnsperf"]) {
        return;
    }
    let _cpu = alone();
    let mut network = Network::build().unwrap();
    let daemon = Daemon::start(&network).unwrap();
    let questions = temporary_folder().unwrap();
    let file = questions.path().join("questions");
    fs::write(&file, format!("{NAME} A\n{NAME} AAAA\n")).unwrap();
    let answered = |network: &Network| {
        let snapshot = snapshot(network.edge(), EDGE_DEVICE).unwrap().unwrap();
        snapshot.counters.get(Outcome::Answered)
    };

    let before = answered(&network);
    let from = Asker::Cn.address(Family::Ipv4);
    let server = Family::Ipv4.server();
    let mut dnsperf = Dnsperf::start(network.clients(), from, server, &file, Duration::from_secs(10));
    eventually(DEADLINE, "dnsperf asks", || (answered(&network) > before + 1000).then_some(())).unwrap();

    // Both within the ten seconds, in which the sites are looked at every second.
    let switched = |network: &Network, to: Place| {
        let start = Instant::now();
        let client = network.client(Asker::Cn, Family::Ipv4);
        let seen = eventually(DEADLINE, &format!("the answer changes to {to:?}"), || {
            let answer = client.ask(server, NAME, Family::Ipv4.record_type()).unwrap();
            (answer.addresses() == [to.address(Family::Ipv4)]).then_some(())
        });
        seen.unwrap_or_else(|error| panic!("{error}\n{}", daemon.output()));
        start.elapsed()
    };
    network.set_down(&[Place::DataCentre]).unwrap();
    let failover = switched(&network, Place::HongKong);
    network.set_down(&[]).unwrap();
    let recovery = switched(&network, Place::DataCentre);
    assert!(dnsperf.is_running(), "failover {failover:.2?} and recovery {recovery:.2?} outlasted dnsperf");

    let report = dnsperf.finish();
    let by_kernel = answered(&network) - before;
    assert!(by_kernel >= report.sent, "{by_kernel} answered by the kernel\n{}", report.text);
    say(&format!(
        "failover {:.2} s, recovery {:.2} s, {} questions meanwhile, none lost",
        failover.as_secs_f64(),
        recovery.as_secs_f64(),
        report.sent
    ));
    daemon.stop().unwrap();
}

#[test]
fn nothing_is_lost_by_reloading() {
    if !can_run("nothing_is_lost_by_reloading", &["dnsperf"]) {
        return;
    }
    let _cpu = alone();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let file = gtm.folder().join("questions");
    fs::write(&file, "www.example.com A\nwww.example.com AAAA\nalias.example.com CNAME\n").unwrap();
    let side = stage.side();
    let first = stage.program();
    let mut dnsperf =
        Dnsperf::start(&side.namespace, side.client().address(), SERVER_V4, &file, Duration::from_secs(5));

    // To and fro between two configurations, and once in between a bad one.
    let (one, other) = ("\"192.0.2.20\"", "\"192.0.2.21\"");
    let mut reloads = 0;
    let mut program = first;
    while dnsperf.is_running() {
        let (from, to) = if reloads % 2 == 0 { (one, other) } else { (other, one) };
        edit(gtm.folder(), CONFIG, from, "\"nonsense\"");
        assert!(gtm.reload().unwrap().contains("configuration refused"));
        assert_eq!(stage.program(), program);
        edit(gtm.folder(), CONFIG, "\"nonsense\"", to);
        let written = gtm.reload().unwrap();
        assert!(written.contains("configuration accepted"), "{written}");
        assert_ne!(stage.program(), program, "a new generation is a new program");
        program = stage.program();
        reloads += 1;
    }
    let report = dnsperf.finish();
    assert!(reloads > 0, "no reload while dnsperf ran");
    say(&format!("{reloads} reloads, {} questions meanwhile, none lost", report.sent));
    gtm.stop().unwrap();
}
