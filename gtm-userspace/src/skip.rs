//! What becomes of a unit test that cannot run here: it says so by name, and in a strict run it fails.

use std::env;
use std::io::{self, Write as _};

/// Says that the test `name` does not run here, and why.
pub(crate) fn report(name: &str, reason: &str) {
    // Not `eprintln!`, which the test harness keeps to itself when the test passes. Where standard error cannot be
    // written to, nobody reads it.
    writeln!(io::stderr(), "skipped {name}: {reason}").ok();
}

/// The same for a test that lacks what the set-up installs or root has: fails it when `GTM_TEST_STRICT=1`.
pub(crate) fn report_or_fail(name: &str, reason: &str) {
    report(name, reason);
    let is_strict = env::var_os("GTM_TEST_STRICT").is_some_and(|value| value == "1");
    assert!(!is_strict, "{name} was skipped although GTM_TEST_STRICT=1: {reason}");
}
