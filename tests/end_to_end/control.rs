//! The running daemon through its control socket: overrides, explanations, events and reloads, also over a kill.

use std::fs;

use gtm_common::counters::Outcome;
use gtm_tests::gtm::CONFIG;
use gtm_tests::{Gtm, Query};

use crate::stage::{SERVER_V4, Stage, edit, folder};
use crate::{DEADLINE, beside_others, can_run};

const BERLIN: &str = "192.0.2.20";
const DEFAULT: &str = "192.0.2.10";

/// Asks for the German client: the address that is answered, and by whom.
#[track_caller]
fn check(stage: &Stage, expect: &str, outcome: Outcome) {
    let query: Query = "www.example.com A".parse().unwrap();
    let (answer, counted) = stage.counted(|| stage.side().client().send(SERVER_V4, &query.bytes()).unwrap());
    assert_eq!(answer.bytes, query.answer(&[expect.into()], 0), "{}", answer.message);
    assert_eq!(counted, [(outcome, 1)]);
}

/// A verb that must succeed.
#[track_caller]
fn run(gtm: &Gtm, arguments: &[&str]) -> String {
    let output = gtm.verb(arguments).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A verb that must fail: its exit code and what it says.
#[track_caller]
fn fail(gtm: &Gtm, arguments: &[&str], code: i32, expect: &str) {
    let output = gtm.verb(arguments).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(expect), "{arguments:?}: {errors}");
}

#[test]
fn an_override_changes_the_kernels_answer_and_survives_a_kill() {
    if !can_run("an_override_changes_the_kernels_answer_and_survives_a_kill", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    check(&stage, BERLIN, Outcome::Answered);
    let shown = run(&gtm, &["override", "down", "192.0.2.2?", "--reason", "a test", "--dry-run"]);
    assert!(shown.contains("address 192.0.2.20"), "{shown}");
    check(&stage, BERLIN, Outcome::Answered);
    fail(&gtm, &["override", "down", "192.0.2.2?", "--reason", "a test"], 2, "--yes");
    run(&gtm, &["override", "down", "192.0.2.2?", "--reason", "a test", "--for", "1h", "--yes"]);
    check(&stage, DEFAULT, Outcome::Answered);

    let gtm = gtm.kill_and_start(&stage.edge).unwrap();
    gtm.wait_for_line(DEADLINE, "configuration accepted").unwrap();
    check(&stage, DEFAULT, Outcome::Answered);
    let held = gtm.json(&["override", "list"]).unwrap();
    let [held] = held["overrides"].as_array().unwrap().as_slice() else { panic!("{held}") };
    assert_eq!((&held["object"]["target"], &held["reason"]), (&BERLIN.into(), &"a test".into()));
    // The real health is shown beside it.
    let status = gtm.json(&["status"]).unwrap();
    let addresses = status["addresses"].as_array().unwrap();
    let address = addresses.iter().find(|address| address["address"] == BERLIN).unwrap();
    assert_eq!((&address["state"], &address["health"]), (&"forced_down".into(), &"no_monitor".into()));

    run(&gtm, &["override", "undo", &held["id"].to_string()]);
    check(&stage, BERLIN, Outcome::Answered);
    let events = run(&gtm, &["events", "--limit", "100", "--json"]);
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let count = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!(["override_set", "override_cleared", "answer_switched"].map(count), [1, 1, 4], "{kinds:?}");
    let sequences: Vec<u64> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|one, two| one < two), "{sequences:?}");
    gtm.stop().unwrap();
}

#[test]
fn a_disabled_access_domain_is_answered_by_the_zone_at_once() {
    if !can_run("a_disabled_access_domain_is_answered_by_the_zone_at_once", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let folder = folder();
    edit(folder.path(), "example.com.zone", "text IN", "www IN A 203.0.113.80\ntext IN");
    let gtm = stage.run(folder);
    check(&stage, BERLIN, Outcome::Answered);
    run(&gtm, &["override", "disable", "www.example.com/A", "--reason", "a test", "--yes"]);
    let query: Query = "www.example.com A".parse().unwrap();
    let (answer, counted) = stage.counted(|| stage.side().client().send(SERVER_V4, &query.bytes()).unwrap());
    assert_eq!(
        answer.addresses(),
        ["203.0.113.80".parse::<std::net::IpAddr>().unwrap()],
        "{}",
        answer.message
    );
    assert_eq!(counted, [(Outcome::PassedNoBlock, 1)]);
    run(&gtm, &["override", "undo", "1"]);
    check(&stage, BERLIN, Outcome::Answered);
    gtm.stop().unwrap();
}

#[test]
fn the_running_daemon_explains_and_reloads() {
    if !can_run("the_running_daemon_explains_and_reloads", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let explained = gtm.json(&["explain", "www.example.com", "A", "--from", "5.9.0.1"]).unwrap();
    assert_eq!(explained["answer"], serde_json::json!([BERLIN]));
    assert_eq!(explained["source"]["by"], "country DE");

    edit(gtm.folder(), CONFIG, "192.0.2.20", "192.0.2.21");
    run(&gtm, &["reload"]);
    check(&stage, "192.0.2.21", Outcome::Answered);
    edit(gtm.folder(), CONFIG, "192.0.2.21", "192.0.2.921");
    fail(&gtm, &["reload"], 2, "pool.berlin.address");
    check(&stage, "192.0.2.21", Outcome::Answered);
    fail(
        &gtm,
        &["override", "down", "192.0.2.22", "--reason", "x", "--yes"],
        2,
        "did you mean \"192.0.2.21\"?",
    );
    let refused = gtm.json(&["events", "--limit", "1"]).unwrap();
    assert_eq!(refused["kind"], "configuration_refused");
    gtm.stop().unwrap();
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_is() {
    if !can_run("a_damaged_store_is_refused_and_left_as_it_is", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let folder = folder();
    let (store, set_aside) = (folder.path().join("gtm.redb"), folder.path().join("gtm.redb.bad"));
    fs::write(&store, b"no store of ours").unwrap();
    let mut gtm = Gtm::start(&stage.edge, folder).unwrap();
    assert_eq!(gtm.wait(DEADLINE).unwrap().code(), Some(1));
    let said = gtm.output();
    assert!(said.contains("is not a store of gtm") && said.contains("mv '"), "{said}");
    assert_eq!(fs::read(&store).unwrap(), b"no store of ours");
    fs::rename(&store, &set_aside).unwrap();
    let gtm = gtm.start_again(&stage.edge).unwrap();
    gtm.wait_for_line(DEADLINE, "serving").unwrap();
    check(&stage, BERLIN, Outcome::Answered);
    gtm.stop().unwrap();
}
