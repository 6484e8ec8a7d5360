//! Many queries, each through the program and the server; `cargo xtask parity` asks others.

use std::io::{self, Write as _};

use gtm_tests::parity::Plan;
use gtm_tests::privilege;

const PLAN: Plan = Plan { queries: 1_000_000, seed: 1 };

#[test]
fn the_program_answers_as_the_server_does_or_passes() {
    if !privilege::root_or_skip("the_program_answers_as_the_server_does_or_passes") {
        return;
    }
    let report = PLAN.run(|_, _| ()).unwrap_or_else(|error| panic!("{error:#}"));
    // Not `println!`, which the test harness keeps to itself when the test passes.
    writeln!(io::stderr(), "parity, seed {}:\n{report}", PLAN.seed).unwrap();
    let (valid, _) = report.valid();
    assert!(valid * 2 > PLAN.queries, "only {valid} of {} queries are valid", PLAN.queries);
}
