//! The same resources in gdnsd and in ours, the same states, the same queries: the same answers, but for the differences
//! that `differences` lists.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail, and so may what they share"
)]

mod differences;
mod failover;
mod geoip;
mod multifo;
mod pair;
mod weighted;

use std::process::{Command, Stdio};
use std::thread;

use gtm_tests::privilege::{root_or_skip, skip};

/// True when the test that runs can start gdnsd in a namespace; otherwise it is skipped by name.
fn can_run() -> bool {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test against gdnsd");
    if !root_or_skip(name) {
        return false;
    }
    // What it prints about its usage is of no interest, only that it is there.
    let found = Command::new("gdnsd").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        skip(name, "needs gdnsd; `cargo xtask setup` installs it");
    }
    found
}
