//! Many queries, each through the program and the server.
//!
//! `GTM_PARITY_QUERIES` and `GTM_PARITY_SEED` set how many and which.

use std::env;
use std::io::{self, Write as _};

use gtm_tests::parity::Plan;
use gtm_tests::privilege;

const QUERIES: u64 = 1_000_000;
const SEED: u64 = 1;

#[test]
fn the_program_answers_as_the_server_does_or_passes() {
    if !privilege::root_or_skip("the_program_answers_as_the_server_does_or_passes") {
        return;
    }
    let plan = Plan { queries: number("GTM_PARITY_QUERIES", QUERIES), seed: number("GTM_PARITY_SEED", SEED) };
    let report = plan.run(|_, _| ()).unwrap_or_else(|error| panic!("{error:#}"));
    // Not `println!`, which the test harness keeps to itself when the test passes.
    writeln!(io::stderr(), "parity, seed {}:\n{report}", plan.seed).unwrap();
    let (valid, _) = report.valid();
    assert!(valid * 2 > plan.queries, "only {valid} of {} queries are valid", plan.queries);
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}
