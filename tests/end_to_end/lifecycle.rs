//! TCP, the other ways to attach, and the end of the daemon: what it leaves behind is nothing.

use gtm_common::counters::Outcome;
use gtm_tests::{Gtm, Query, eventually};
use nix::sys::signal::Signal;

use crate::stage::{EDGE0, SERVER_V4, Stage, folder, folder_with};
use crate::{DEADLINE, beside_others, can_run};

#[test]
fn tcp_has_the_same_answers_and_more_room() {
    if !can_run("tcp_has_the_same_answers_and_more_room", &["dig", "kdig"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let check = |outcomes: &[Outcome], question: &[&str], expect: &str, lines: usize| {
        for (client, server) in stage.side().pairs() {
            let dig = || client.dig(server, &[&["+short", "+timeout=3"], question].concat()).unwrap();
            let kdig = || client.kdig(server, &[&["+short", "+timeout=3"], question].concat()).unwrap();
            let clients: [&dyn Fn() -> String; 2] = [&dig, &kdig];
            for ask in clients {
                let (printed, counted) = stage.counted(ask);
                assert!(printed.contains(expect), "{question:?}: {printed}");
                // Comments and empty lines tell of the turn to TCP.
                let records = printed.lines().filter(|line| !line.is_empty() && !line.starts_with(";;"));
                assert_eq!(records.count(), lines, "{question:?}: {printed}");
                let counted: Vec<Outcome> = counted.into_iter().map(|(outcome, _)| outcome).collect();
                assert_eq!(counted, outcomes, "{question:?}");
            }
        }
    };
    check(&[Outcome::PassedNotUdp], &["+tcp", "www.example.com", "A"], "192.0.2.20", 1);
    check(
        &[Outcome::PassedNotUdp],
        &["+tcp", "+subnet=203.0.113.0/24", "www.example.com", "A"],
        "192.0.2.10",
        1,
    );
    check(&[Outcome::PassedNotUdp], &["+tcp", "text.example.com", "TXT"], "static", 1);
    // Too long for UDP without EDNS: the client turns to TCP by itself.
    let turned = [Outcome::AnsweredTruncated, Outcome::PassedNotUdp];
    check(
        &turned,
        &["+noedns", "sixteen-addresses-make-an-answer-of-more-than-512-bytes.example.com", "AAAA"],
        "2001:db8:30::10",
        16,
    );
    gtm.stop().unwrap();
}

#[test]
fn generic_mode_answers_in_the_kernel() {
    if !can_run("generic_mode_answers_in_the_kernel", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder_with("\"native\"", "\"generic\""));
    assert_eq!(mode(&stage).as_deref(), Some("xdpgeneric"), "{}", gtm.output());
    check_kernel(&stage);
    gtm.stop().unwrap();
    assert_eq!(mode(&stage), None);
}

#[test]
fn auto_mode_takes_the_driver_where_it_can() {
    if !can_run("auto_mode_takes_the_driver_where_it_can", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder_with("[\"edge0\"]\nxdp_mode = \"native\"", "[\"edge0\", \"lo\"]"));
    assert_eq!(mode(&stage).as_deref(), Some("xdp"));
    assert!(stage.edge.ip(&["link", "show", "dev", "lo"]).unwrap().contains("xdpgeneric"));
    check_kernel(&stage);
    gtm.stop().unwrap();
}

#[test]
fn sigterm_detaches_and_ends_with_success() {
    if !can_run("sigterm_detaches_and_ends_with_success", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut gtm = stage.run(folder());
        check_kernel(&stage);
        gtm.signal(signal).unwrap();
        let status = gtm.wait(DEADLINE).unwrap();
        assert_eq!(status.code(), Some(0), "{}", gtm.output());
        assert_eq!(stage.program(), None, "{}", gtm.output());
        let stopped = gtm.wait_for_line(DEADLINE, "stopped").unwrap();
        assert!(stopped.contains("answered_by_kernel=2"), "{stopped}");
        // Nobody is there any more.
        let client = stage.side().client();
        assert!(client.send(SERVER_V4, &query().bytes()).is_err());
    }
}

#[test]
fn sigkill_leaves_nothing_in_the_way_of_a_new_start() {
    if !can_run("sigkill_leaves_nothing_in_the_way_of_a_new_start", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let kill = |mut gtm: Gtm| {
        gtm.signal(Signal::SIGKILL).unwrap();
        assert_eq!(gtm.wait(DEADLINE).unwrap().code(), None);
    };
    kill(stage.run(folder()));
    // The kernel detaches the program when the last descriptor of its link is closed.
    eventually(DEADLINE, "the program goes", || stage.program().is_none().then_some(())).unwrap();
    kill(stage.run(folder()));
    eventually(DEADLINE, "the program goes", || stage.program().is_none().then_some(())).unwrap();
    let gtm = stage.run(folder());
    check_kernel(&stage);
    gtm.stop().unwrap();
}

fn query() -> Query {
    "www.example.com A rd edns ecs=203.0.113.0/24".parse().unwrap()
}

/// The kernel answers over IPv4 and IPv6.
#[track_caller]
fn check_kernel(stage: &Stage) {
    for (client, server) in stage.side().pairs() {
        let (answer, counted) = stage.counted(|| client.send(server, &query().bytes()).unwrap());
        assert_eq!(counted, [(Outcome::Answered, 1)]);
        assert_eq!(answer.addresses(), ["192.0.2.10".parse::<std::net::IpAddr>().unwrap()]);
    }
}

/// How a program is attached to the first interface, as `ip` calls it: `xdp` in the driver.
fn mode(stage: &Stage) -> Option<String> {
    let shown = stage.edge.ip(&["link", "show", "dev", EDGE0]).unwrap();
    shown.split_whitespace().find(|word| word.starts_with("xdp")).map(str::to_owned)
}
