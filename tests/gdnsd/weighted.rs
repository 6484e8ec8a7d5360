//! `weighted`: gdnsd draws at random. What it can give is what our server and program can give, and as often.

use crate::can_run;
use crate::pair::{Case, Pair};

/// Draws in each state.
const DRAWS: u32 = 1000;

fn check(case: Case, states: &[&str]) {
    each(case, states, |pair| pair.check_shares("www.example.com A", DRAWS));
}

fn each(case: Case, states: &[&str], check: impl Fn(&Pair)) {
    if !can_run() {
        return;
    }
    let mut pair: Pair = case.start();
    for state in states {
        pair.set(state);
        check(&pair);
    }
}

/// One address by weight. Below the threshold, which is of the sum of the weights there, all weights count again.
#[test]
fn one_address_by_weight() {
    let case = Case {
        name: "weighted, one address",
        plugins: "weighted => {
    www => {
      service_types => checks, up_thresh => 0.01
      1 => [ 10.0.0.1, 60 ], 2 => [ 10.0.0.2, 30 ], 3 => [ 10.0.0.3, 10 ]
    }
  }"
        .into(),
        records: "www 30 DYNA weighted!www".into(),
        ours: r#"
[pool.www]
kind = "ipv4"
templates = ["checks"]
policy = "weight"
address = [
  { address = "10.0.0.1", ordinal = 1, weight = 60 },
  { address = "10.0.0.2", ordinal = 2, weight = 30 },
  { address = "10.0.0.3", ordinal = 3, weight = 10 },
]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    };
    check(
        case,
        &[
            "",
            "-10.0.0.1",
            "-10.0.0.2",
            "-10.0.0.1 -10.0.0.2",
            "-10.0.0.1 -10.0.0.2 -10.0.0.3",
            "10.0.0.1=down",
            "-10.0.0.3 10.0.0.3=up 10.0.0.1=down",
        ],
    );
}

/// The threshold with equal weights, where a share of the weights is a share of the addresses.
#[test]
fn below_the_threshold_all_weights_count() {
    let case = Case {
        name: "weighted, threshold",
        plugins: "weighted => {
    www => {
      service_types => checks, up_thresh => 0.5
      1 => [ 10.0.0.1, 7 ], 2 => [ 10.0.0.2, 7 ], 3 => [ 10.0.0.3, 7 ]
    }
  }"
        .into(),
        records: "www 30 DYNA weighted!www".into(),
        ours: r#"
[pool.www]
kind = "ipv4"
templates = ["checks"]
policy = "weight"
judgement = "50%"
address = [
  { address = "10.0.0.1", ordinal = 1, weight = 7 },
  { address = "10.0.0.2", ordinal = 2, weight = 7 },
  { address = "10.0.0.3", ordinal = 3, weight = 7 },
]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    };
    check(case, &["", "-10.0.0.2", "-10.0.0.2 -10.0.0.3"]);
}

/// One name by weight.
#[test]
fn one_name_by_weight() {
    let case = Case {
        name: "weighted, names",
        plugins: "weighted => {
    www => { service_types => checks, up_thresh => 0.01
      1 => [ alpha.example.net., 75 ], 2 => [ beta.example.net., 25 ] }
  }"
        .into(),
        records: "www 30 DYNC weighted!www".into(),
        ours: r#"
[pool.www]
kind = "domain"
templates = ["checks"]
policy = "weight"
address = [
  { address = "alpha.example.net", ordinal = 1, weight = 75 },
  { address = "beta.example.net", ordinal = 2, weight = 25 },
]

[[domain]]
name = "www.example.com"
type = "CNAME"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    };
    check(case, &["", "-alpha.example.net", "-beta.example.net", "-alpha.example.net -beta.example.net"]);
}

/// Several of equal weight: all of them, which is round robin here.
#[test]
fn several_of_equal_weight_are_all() {
    let case = Case {
        name: "weighted, multi",
        plugins: "weighted => {
    www => { service_types => checks, multi => true, up_thresh => 0.5
      1 => [ 10.0.0.1, 5 ], 2 => [ 10.0.0.2, 5 ], 3 => [ 10.0.0.3, 5 ], 4 => [ 10.0.0.4, 5 ] }
  }"
        .into(),
        records: "www 30 DYNA weighted!www".into(),
        ours: r#"
[pool.www]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "50%"
address = [
  { address = "10.0.0.1", ordinal = 1 },
  { address = "10.0.0.2", ordinal = 2 },
  { address = "10.0.0.3", ordinal = 3 },
  { address = "10.0.0.4", ordinal = 4 },
]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    };
    check(case, &["", "-10.0.0.1", "-10.0.0.1 -10.0.0.4", "-10.0.0.1 -10.0.0.2 -10.0.0.3"]);
}

/// Two groups in both languages; the policy of the access domain and of the pools is given.
pub(crate) fn groups(multi: &str, between: &str, within: &str, weights: [u32; 4]) -> Case {
    let [a1, a2, b1, b2] = weights;
    let (weight, weights) = if between == "weight" {
        ([format!(", weight = {}", a1 + a2), format!(", weight = {}", b1 + b2)], [const { String::new() }; 4])
    } else {
        ([const { String::new() }; 2], [a1, a2, b1, b2].map(|weight| format!(", weight = {weight}")))
    };
    let ([a, b], [wa1, wa2, wb1, wb2]) = (weight, weights);
    Case {
        name: "weighted, groups",
        plugins: format!(
            "weighted => {{
    www => {{ service_types => checks, multi => {multi}, up_thresh => 0.01
      a => {{ 1 => [ 10.1.0.1, {a1} ], 2 => [ 10.1.0.2, {a2} ] }}
      b => {{ 1 => [ 10.2.0.1, {b1} ], 2 => [ 10.2.0.2, {b2} ] }}
    }}
  }}"
        ),
        records: "www 30 DYNA weighted!www".into(),
        ours: format!(
            r#"
[pool.a]
kind = "ipv4"
templates = ["checks"]
policy = "{within}"
address = [{{ address = "10.1.0.1", ordinal = 1{wa1} }}, {{ address = "10.1.0.2", ordinal = 2{wa2} }}]

[pool.b]
kind = "ipv4"
templates = ["checks"]
policy = "{within}"
address = [{{ address = "10.2.0.1", ordinal = 1{wb1} }}, {{ address = "10.2.0.2", ordinal = 2{wb2} }}]

[[domain]]
name = "www.example.com"
type = "A"
policy = "{between}"
all_down = "as-if-up"
pool = [{{ pool = "a", ordinal = 1{a} }}, {{ pool = "b", ordinal = 2{b} }}]
"#
        ),
        ..Case::default()
    }
}

/// One group by weight, and all of the group.
#[test]
fn one_group_by_weight() {
    let case = groups("false", "weight", "round-robin", [30, 30, 20, 20]);
    check(
        case,
        &[
            "",
            "-10.1.0.1 -10.1.0.2",
            "-10.2.0.1 -10.2.0.2",
            // As much of both.
            "-10.1.0.1 -10.2.0.2",
            "-10.1.0.1 -10.1.0.2 -10.2.0.1 -10.2.0.2",
        ],
    );
}

/// All groups, and one of each by weight, each for itself.
#[test]
fn one_of_each_group_by_weight() {
    each(
        groups("true", "round-robin", "weight", [30, 10, 25, 15]),
        &["", "-10.1.0.1 -10.1.0.2", "-10.2.0.1 -10.2.0.2", "-10.1.0.1 -10.1.0.2 -10.2.0.1 -10.2.0.2"],
        |pair| pair.check_shares("www.example.com A", DRAWS),
    );
}
