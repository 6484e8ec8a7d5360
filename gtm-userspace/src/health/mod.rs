//! Health: checks run on their own time and report each change of verdict.
//!
//! `state` turns outcomes into a verdict, `scheduler` times the probes, `check` sends them, `room` says how many at a time. Nothing here decides what is
//! answered.
#![forbid(unsafe_code)]

pub mod check;
pub mod room;
pub mod scheduler;
pub mod state;

pub use check::Prober;
pub use scheduler::{Scheduler, identity_text};

use serde::{Deserialize, Serialize};

use crate::config::model::{CheckId, Verdict};

/// What is known of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckState {
    /// The verdict that counts now: the configured initial one until probes have said otherwise.
    pub verdict: Verdict,
    /// When it began to count, in milliseconds since 1970 (UTC).
    pub since: u64,
    /// Why the last bad probe was bad; `None` if there was none since the check last passed.
    pub last_error: Option<String>,
}

/// A change of verdict, as the scheduler reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictChange {
    /// Which check.
    pub check: CheckId,
    /// What it is now.
    pub verdict: Verdict,
    /// The error of the last bad probe when it failed.
    pub error: Option<String>,
}
