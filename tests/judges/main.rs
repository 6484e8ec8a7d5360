//! Outside judges: programs of others that say whether we are right.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail, and so may what they share"
)]

mod clients;
mod network;
mod printed;
mod resolvers;
mod zone_files;

use std::thread;
use std::time::Duration;

use gtm_tests::privilege::{programs_or_skip, root_or_skip};

/// How long anything may take that a server does at once.
const DEADLINE: Duration = Duration::from_secs(10);

/// True when the test that runs, which needs root and these programs, can do so; otherwise it is skipped by name.
fn can_run(programs: &[&str]) -> bool {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test with outside judges");
    root_or_skip(name) && programs_or_skip(name, programs)
}
