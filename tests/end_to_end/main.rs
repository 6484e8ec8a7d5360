//! End to end: the real daemon as a child process, network namespaces, veth pairs, real clients and real sites.
//!
//! Nothing here looks into the daemon: what it answers, counts, logs and returns is all there is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may fail, and so may what they share")]

mod bad_input;
mod connections;
mod control;
mod doctor;
mod generations;
mod letter_case;
mod lifecycle;
mod links;
mod load;
mod outcomes;
mod rows;
mod shapes;
mod stage;
mod transport;

use std::io::{Write, stderr};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use gtm_tests::privilege::{programs_or_skip, root_or_skip};

/// How long anything may take that the daemon does at once.
const DEADLINE: Duration = Duration::from_secs(10);

static CPU: RwLock<()> = RwLock::new(());

/// While this is held, others may run as well.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    CPU.read().unwrap_or_else(PoisonError::into_inner)
}

/// While this is held, no other test of the tier runs: for those that need the machine for themselves.
fn alone() -> RwLockWriteGuard<'static, ()> {
    CPU.write().unwrap_or_else(PoisonError::into_inner)
}

/// True when the test `name`, which needs root and these programs, can run; otherwise it is skipped by name.
fn can_run(name: &str, programs: &[&str]) -> bool {
    root_or_skip(name) && programs_or_skip(name, programs)
}

/// Says something on standard error also when the test passes.
fn say(text: &str) {
    // Nobody is left to be told when it cannot be written.
    writeln!(stderr(), "{text}").ok();
}
