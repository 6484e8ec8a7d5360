//! The running daemon through its control socket: overrides, explanations, events and reloads, also over a kill.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use gtm_common::counters::Outcome;
use gtm_tests::gtm::CONFIG;
use gtm_tests::{Gtm, Query, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::stage::{SERVER_V4, Stage, edit, folder, folder_with};
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
    let events = self::events(&events);
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
    assert_eq!(counted, [(Outcome::Answered, 1)], "the zone's own record, by the kernel");
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

/// Where the pool of the German client goes on when its first address is down.
const SECOND: &str = "192.0.2.21";

/// A folder whose German pool stays where it is.
fn staying() -> tempfile::TempDir {
    let one = "address = [{ address = \"192.0.2.20\", ordinal = 1 }]";
    let two = "preemptive = false\naddress = [{ address = \"192.0.2.20\", ordinal = 1 }, \
               { address = \"192.0.2.21\", ordinal = 2 }]";
    folder_with(one, two)
}

/// Sends a request as it stands, and gives the answer with its head.
fn http(socket: &Path, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: gtm\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Events as `--json` prints them.
fn events(lines: &str) -> Vec<Value> {
    let lines = lines.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_followed_over_a_kill() {
    if !can_run("events_are_followed_over_a_kill", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let mut following = gtm.follow(&["events", "--follow", "--limit", "100", "--json"]).unwrap();
    following.wait_for_line(DEADLINE, "geo_data_loaded").unwrap();
    run(&gtm, &["override", "down", BERLIN, "--reason", "a test", "--yes"]);
    following.wait_for_line(DEADLINE, "answer_switched").unwrap();
    let gtm = gtm.kill_and_start(&stage.edge).unwrap();
    gtm.wait_for_line(DEADLINE, "configuration accepted").unwrap();
    run(&gtm, &["override", "undo", "1"]);
    following.wait_for_line(DEADLINE, "override_cleared").unwrap();
    assert!(following.stop().is_ok(), "{}", following.output());
    let output = following.output();
    assert_eq!(output.matches("waiting for it").count(), 1, "{output}");
    let sequences: Vec<u64> =
        events(&output).iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|one, two| one + 1 == *two), "{output}");
    gtm.stop().unwrap();
}

#[test]
fn a_position_and_a_return_survive_a_kill() {
    if !can_run("a_position_and_a_return_survive_a_kill", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(staying());
    run(&gtm, &["override", "down", BERLIN, "--reason", "a test", "--yes"]);
    run(&gtm, &["override", "undo", "1"]);
    check(&stage, SECOND, Outcome::Answered);
    let restart = |gtm: Gtm| {
        let gtm = gtm.kill_and_start(&stage.edge).unwrap();
        gtm.wait_for_line(DEADLINE, "configuration accepted").unwrap();
        gtm
    };
    let gtm = restart(gtm);
    check(&stage, SECOND, Outcome::Answered);
    let said = run(&gtm, &["return", "berlin"]);
    assert_eq!(said, "pool berlin returned\n2 answers have changed\n");
    let gtm = restart(gtm);
    check(&stage, BERLIN, Outcome::Answered);
    fail(&gtm, &["return", "one"], 2, "pool one needs no return");
    gtm.stop().unwrap();
}

#[test]
fn a_repeated_request_is_answered_as_before_also_after_a_kill() {
    if !can_run("a_repeated_request_is_answered_as_before_also_after_a_kill", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let body = |reason: &str| {
        format!(r#"{{"pattern":"{BERLIN}","action":"down","who":"tests","reason":"{reason}"}}"#)
    };
    let post = |gtm: &Gtm, body: &str| {
        let headers = "Content-Type: application/json\r\nIdempotency-Key: once\r\n";
        http(&gtm.socket(), "POST", "/v1/overrides", headers, body)
    };
    let content = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    let first = post(&gtm, &body("a test"));
    assert!(first.starts_with("HTTP/1.1 200") && !first.contains("idempotency-replayed"), "{first}");
    let gtm = gtm.kill_and_start(&stage.edge).unwrap();
    gtm.wait_for_line(DEADLINE, "configuration accepted").unwrap();
    let again = post(&gtm, &body("a test"));
    assert!(again.starts_with("HTTP/1.1 200") && again.contains("idempotency-replayed: true"), "{again}");
    assert_eq!(content(&again), content(&first));
    let other = post(&gtm, &body("another"));
    assert!(other.starts_with("HTTP/1.1 422") && other.contains("idempotency_key_reused"), "{other}");
    let held = gtm.json(&["override", "list"]).unwrap();
    assert_eq!(held["overrides"].as_array().unwrap().len(), 1, "{held}");
    gtm.stop().unwrap();
}

#[test]
fn an_override_ends_with_its_time_also_while_nothing_runs() {
    if !can_run("an_override_ends_with_its_time_also_while_nothing_runs", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let mut gtm = stage.run(folder());
    let down = ["override", "down", BERLIN, "--reason", "a test", "--for", "2s", "--yes"];
    run(&gtm, &down);
    check(&stage, DEFAULT, Outcome::Answered);
    gtm.wait_for_line(DEADLINE, "its time is over").unwrap();
    eventually(DEADLINE, "the first address answers again", || {
        let query: Query = "www.example.com A".parse().unwrap();
        let answer = stage.side().client().send(SERVER_V4, &query.bytes()).unwrap();
        (answer.bytes == query.answer(&[BERLIN.into()], 0)).then_some(())
    })
    .unwrap();
    assert_eq!(run(&gtm, &["override", "list"]), "no overrides\n");

    run(&gtm, &down);
    let expires = gtm.json(&["override", "list"]).unwrap()["overrides"][0]["expires"].as_u64().unwrap();
    gtm.signal(Signal::SIGKILL).unwrap();
    gtm.wait(DEADLINE).unwrap();
    eventually(DEADLINE, "its time comes", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        (now > u128::from(expires)).then_some(())
    })
    .unwrap();
    let gtm = gtm.start_again(&stage.edge).unwrap();
    gtm.wait_for_line(DEADLINE, "configuration accepted").unwrap();
    // Not for a moment is it in force: nothing switches.
    check(&stage, BERLIN, Outcome::Answered);
    let output = gtm.output();
    let [ended, serving] = ["override cleared", "serving"].map(|text| output.find(text).unwrap());
    assert!(ended < serving && !output.contains("answer switched"), "{output}");
    assert_eq!(run(&gtm, &["override", "list"]), "no overrides\n");
    gtm.stop().unwrap();
}

#[test]
fn what_cannot_be_overridden_is_refused_with_the_nearest_valid_thing() {
    if !can_run("what_cannot_be_overridden_is_refused_with_the_nearest_valid_thing", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let refused = |arguments: &[&str], expect: &str| {
        fail(&gtm, &[&["override"], arguments, &["--reason", "a test", "--yes"]].concat(), 2, expect);
    };
    refused(&["down", "192.0.2.9"], "did you mean \"192.0.2.");
    refused(&["down", "berln"], "no address or pool matches \"berln\"; did you mean \"berlin\"?");
    refused(&["disable", "ww.example.com/A"], "did you mean \"www.example.com/A\"?");
    refused(&["down", "*"], "say which with the kind address or pool");
    refused(&["up", "www.example.com/A"], "no address or pool matches");
    refused(&["drain", "berlin"], "nothing that uses pool berlin chooses by weight");
    refused(&["pin", "www.example.com/A", "--pool", "elsewhere"], "valid here: \"one\", \"berlin\"");
    refused(&["pin", "www.example.com/A", "--pool", "berlni"], "did you mean \"berlin\"?");
    refused(
        &["down", BERLIN, "--until", "2020-01-01T00:00:00Z"],
        "the expiry 2020-01-01T00:00:00Z is in the past",
    );
    refused(&["down", BERLIN, "--for", "0s"], "out of range; allowed are a number and a unit, like \"30m\"");
    refused(&["down", BERLIN, "--for", "1 fortnight"], "not a duration; allowed are a number and a unit");
    fail(&gtm, &["override", "undo", "7"], 2, "no override has the id 7; none holds");
    assert_eq!(run(&gtm, &["override", "list"]), "no overrides\n");
    check(&stage, BERLIN, Outcome::Answered);
    gtm.stop().unwrap();
}

#[test]
fn the_status_is_the_same_for_people_and_programs() {
    if !can_run("the_status_is_the_same_for_people_and_programs", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    check(&stage, BERLIN, Outcome::Answered);
    run(&gtm, &["override", "down", "berlin", "--reason", "a test", "--yes"]);
    let status = gtm.json(&["status"]).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&status),
        "addresses answers checks domains generation overrides pools service started time version"
    );
    assert_eq!(keys(&status["domains"][0]), "answers enabled health name overrides policy state type");
    assert_eq!(keys(&status["pools"][0]), "available health kind name overrides policy state total");
    assert_eq!(keys(&status["addresses"][0]), "address health ordinal overrides pool state weight");
    let check = keys(&status["checks"][0]);
    // An error is there as soon as the first probe has come back.
    assert!(check.ends_with("since target template verdict"), "{check}");
    assert_eq!(status["service"]["interfaces"][0]["mode"], "native");
    assert_eq!(status["generation"]["number"], 1);
    // The real state of what is overridden, and of what follows from it.
    let german = status["domains"].as_array().unwrap().iter().find(|one| one["name"] == "german.example.com");
    let german = german.unwrap();
    assert_eq!((&german["state"], &german["health"]), (&"down".into(), &"ok".into()));
    assert_eq!(status["answers"]["kernel"]["total"], 1);
    // Asked all the time: however long a status takes, something was answered lately.
    eventually(DEADLINE, "the kernel's answers are counted by the second", || {
        self::check(&stage, DEFAULT, Outcome::Answered);
        let status = gtm.json(&["status"]).unwrap();
        (status["answers"]["kernel"]["per_second"].as_f64().unwrap() > 0.0).then_some(())
    })
    .unwrap();

    let text = run(&gtm, &["status"]);
    for expect in [
        "generation 1, since 2",
        "serves 198.51.100.53:53, [2001:db8:53::53]:53, on edge0 (native)\n",
        "answered by the kernel ",
        "\ngerman.example.com",
        "down (#1)",
        "\nCHECK OF",
        "pool berlin",
    ] {
        assert!(text.contains(expect), "no {expect:?} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "plain when it is no terminal: {text}");
    gtm.stop().unwrap();
}

#[test]
fn sigterm_answers_those_that_wait() {
    if !can_run("sigterm_answers_those_that_wait", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let mut gtm = stage.run(folder());
    // The store is written beside the daemon: the first events come when they come.
    let last = eventually(DEADLINE, "an event is kept", || {
        gtm.json(&["events", "--limit", "1"]).ok()?["sequence"].as_u64()
    });
    let last = last.unwrap();
    let (socket, path) = (gtm.socket(), format!("/v1/events?after={last}&wait=30"));
    // One that never finishes what it says.
    let mut slow = UnixStream::connect(gtm.socket()).unwrap();
    slow.write_all(b"GET /v1/status HT").unwrap();
    let waiting = thread::spawn(move || http(&socket, "GET", &path, "", ""));
    // It waits, or comes when the end has begun: either way it is answered, or it finds nobody.
    run(&gtm, &["status"]);
    gtm.signal(Signal::SIGTERM).unwrap();
    assert_eq!(gtm.wait(DEADLINE).unwrap().code(), Some(0), "{}", gtm.output());
    if let Ok(answer) = waiting.join() {
        assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    assert!(!gtm.socket().exists());
}

#[test]
fn a_second_daemon_on_the_same_socket_or_store_leaves_no_trace() {
    if !can_run("a_second_daemon_on_the_same_socket_or_store_leaves_no_trace", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let check_second = |from: &str, to: &str, expect: &str| {
        let folder = folder_with(from, to);
        edit(folder.path(), CONFIG, "[\"198.51.100.53\", \"2001:db8:53::53\"]", "[\"198.51.100.54\"]");
        edit(folder.path(), CONFIG, "interfaces = [\"edge0\"]\nxdp_mode = \"native\"", "xdp_mode = \"off\"");
        let mut second = Gtm::start(&stage.edge, folder).unwrap();
        assert_eq!(second.wait(DEADLINE).unwrap().code(), Some(1), "{}", second.output());
        let output = second.output();
        assert!(output.contains(expect) && !output.contains("serving"), "{output}");
    };
    let own = |file: &str| gtm.folder().join(file).display().to_string();
    check_second("gtm.sock", &own("gtm.sock"), "is served by another gtm (process ");
    check_second("gtm.redb", &own("gtm.redb"), "is in use by another process");
    check(&stage, BERLIN, Outcome::Answered);
    run(&gtm, &["status"]);
    gtm.stop().unwrap();
}
