//! The words of explanations, rule by rule, on models of one line.

use std::sync::Arc;

use super::*;
use crate::decision::explain::{Outcome, PoolStep, Steering};

fn explained(pools: &[&str], client: &str, down: &[u8]) -> Steering {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", pools);
    let conditions = failing(&model, down);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class(client)), conditions);
    match explain(&decider, class(client)).outcome {
        Outcome::Steered(steering) => *steering,
        other @ (Outcome::Zone(_) | Outcome::Refused) => panic!("{other:?}"),
    }
}

fn said(pools: &[PoolStep]) -> Vec<String> {
    let said = |pool: &PoolStep| format!("{} {}: {}", pool.pool, pool.state.words(), pool.why);
    pools.iter().map(said).collect()
}

/// Each pool of the route and then each other one: its state and why it was taken or left.
#[track_caller]
fn check(pools: &[&str], client: &str, down: &[u8], tried: &[&str], others: &[&str]) {
    let steering = explained(pools, client, down);
    assert_eq!(said(&steering.pools), tried, "tried, of {pools:?}");
    assert_eq!(said(&steering.other_pools), others, "not tried, of {pools:?}");
}

#[test]
fn the_first_available_pool_is_taken() {
    check(&["1", "2"], "", &[], &["p0 ok: taken: the first available", "p1 ok: left: p0 comes first"], &[]);
    check(
        &["1", "2"],
        "",
        &[1],
        &["p0 down: left: none available", "p1 ok: taken: the first available"],
        &[],
    );
    check(
        &["disabled: 1", "", "3"],
        "",
        &[],
        &["p0 disabled: left: disabled", "p1 down: left: empty", "p2 ok: taken: the first available"],
        &[],
    );
    check(
        &["1", "disabled: 2"],
        "",
        &[],
        &["p0 ok: taken: the first available", "p1 disabled: left: disabled"],
        &[],
    );
}

#[test]
fn a_pool_without_an_address_for_the_client_is_left() {
    let left = "p0 no monitor: left: no address for this client";
    let pools = ["nearest-source: 1 unchecked for a", "2"];
    check(&pools, "b", &[], &[left, "p1 ok: taken: the first available"], &[]);
    let pools = ["nearest-source w2: 1 unchecked for a", "w0: 2"];
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &pools);
    model.domains[0].policy = Policy::Weight;
    let conditions = failing(&model, &[]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("b")), conditions);
    let Outcome::Steered(steering) = explain(&decider, class("b")).outcome else { panic!("not steered") };
    assert_eq!(said(&steering.pools), [left, "p1 ok: taken: by weight"]);
}

#[test]
fn pools_of_other_sources_are_left() {
    check(
        &["for a: 1", "for b: 2", "for c: 3", "for default: 4"],
        "a b",
        &[],
        &["p0 ok: taken: the first available", "p3 ok: left: p0 comes first"],
        &["p1 ok: left: for b, which matches less well", "p2 ok: left: for c"],
    );
}

#[test]
fn the_last_resort_is_taken_when_all_are_down() {
    check(
        &["for a: 1", "for b c: 2"],
        "b",
        &[1, 2],
        &["p1 down: left: none available"],
        &["p0 down: taken: the last resort"],
    );
    check(
        &["for a: 1", "for default: 2"],
        "a",
        &[1, 2],
        &["p0 down: left: none available", "p1 down: taken: the last resort"],
        &[],
    );
}

#[track_caller]
fn check_reason(pools: &[&str], client: &str, down: &[u8], reason: &str, why: &str) {
    let steering = explained(pools, client, down);
    assert_eq!((steering.reason, steering.why.as_str()), (reason, why));
    let is_empty = why.ends_with("(NODATA)") || why.ends_with("no address may be answered");
    assert_eq!(steering.answer.is_empty(), is_empty);
}

#[test]
fn the_reason_is_told_in_words() {
    check_reason(&["1"], "", &[], "pool", "p0 is the first available pool for these clients");
    let all_down = "every pool is down, so the all-down action: all of pool p0 whatever its health";
    check_reason(&["1", "2"], "", &[1, 2], "all_down", all_down);
    let empty = "every pool is down, so the all-down action: no address may be answered";
    check_reason(&["1 offline", ""], "", &[], "all_down", empty);
    let other = "other pools are up, but none for a or default (NODATA)";
    check_reason(&["for a: 1", "for b: 2"], "a", &[1], "no_pool_for_client", other);
    check_reason(&["for a: 1"], "b", &[], "no_pool_for_client", "no pool is for this client (NODATA)");
}

/// Each address of the first pool: its state and why it was taken or left.
#[track_caller]
fn check_addresses(pool: &str, down: &[u8], expect: &[&str]) {
    let steering = explained(&[pool], "", down);
    let steps = steering.pools[0].addresses.iter();
    let said: Vec<_> =
        steps.map(|step| format!("{} {}: {}", step.address, step.state.words(), step.why)).collect();
    assert_eq!(said, expect, "{pool}");
}

#[test]
fn each_address_is_told_with_its_state() {
    check_addresses(
        "1, 2 offline, 3 disabled, 4, 5 online, 6 unchecked",
        &[1],
        &[
            "10.0.0.1 down: check health failed",
            "10.0.0.2 offline: never answered",
            "10.0.0.3 disabled: does not count",
            "10.0.0.4 ok: answered: the first available",
            "10.0.0.5 online: left: 10.0.0.4 comes first",
            "10.0.0.6 no monitor: left: 10.0.0.4 comes first",
        ],
    );
    check_addresses(
        "1, 2 offline",
        &[1],
        &[
            "10.0.0.1 down: answered: check health failed, but everything is down",
            "10.0.0.2 offline: never answered",
        ],
    );
}

#[test]
fn several_aliases_are_answered_in_turn() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1, 2"]);
    model.domains[0].steered = SteeredType::Cname;
    for (address, name) in model.pools[0].addresses.iter_mut().zip(["one.example.net", "two.example.net"]) {
        address.target = Target::Name(name.parse().unwrap());
    }
    let conditions = failing(&model, &[1, 2]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let Outcome::Steered(steering) = explain(&decider, class("")).outcome else { panic!("not steered") };
    assert_eq!(steering.answer, ["one.example.net", "two.example.net"]);
    let taken: Vec<_> =
        steering.pools[0].addresses.iter().map(|step| (step.taken, step.why.as_str())).collect();
    let why = "answered: check health failed, but everything is down";
    assert_eq!(taken, [(true, why), (true, why)]);
}

#[test]
fn policy_and_source_are_told() {
    let text = |pools: &[&str], client| {
        let mut model = empty_model();
        add_domain(&mut model, "www.example.com", pools);
        let conditions = failing(&model, &[]);
        let decider = Decider::new(Arc::new(model), &partition_of_one(class(client)), conditions);
        explain(&decider, class(client)).to_string().lines().skip(2).take(2).collect::<Vec<_>>().join("\n")
    };
    let ordinal = "source    does not matter\npolicy    ordinal, access domain of type A";
    assert_eq!(text(&["1"], "a"), ordinal);
    let unused =
        "source    none that this access domain uses\npolicy    nearest-source, access domain of type A";
    assert_eq!(text(&["for a: 1"], "b"), unused);
    assert_eq!(text(&["for b: 1"], "a b"), "source    b, by country\n          also a, by prefix");
}
