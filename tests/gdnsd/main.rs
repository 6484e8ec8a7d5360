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

use std::thread;

use gtm_tests::privilege::{programs_or_skip, root_or_skip};

/// True when the test that runs can start gdnsd in a namespace; otherwise it is skipped by name.
fn can_run() -> bool {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test against gdnsd");
    root_or_skip(name) && programs_or_skip(name, &["gdnsd"])
}
