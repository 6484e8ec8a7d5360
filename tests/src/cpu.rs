//! One CPU for a thread: the program keeps turns by CPU, and a measurement keeps what it compares apart.

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// While this lives, the thread stays on one CPU; so do the threads and processes that it starts.
#[derive(Debug)]
pub struct PinnedGuard(CpuSet);

impl PinnedGuard {
    /// Stays on the first CPU that the thread may use.
    pub fn new() -> anyhow::Result<Self> {
        Self::on(*allowed()?.first().context("no CPU")?)
    }

    /// Stays on the last one.
    pub fn last() -> anyhow::Result<Self> {
        Self::on(*allowed()?.last().context("no CPU")?)
    }

    /// Stays on this CPU.
    pub fn on(cpu: usize) -> anyhow::Result<Self> {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this)?;
        pin(this, cpu)?;
        Ok(Self(before))
    }
}

impl Drop for PinnedGuard {
    fn drop(&mut self) {
        // The thread ends with its test in any case.
        sched_setaffinity(Pid::from_raw(0), &self.0).ok();
    }
}

/// The CPUs that this thread may use.
pub fn allowed() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true)).collect())
}

/// Has a thread stay on one CPU.
pub fn pin(thread: Pid, cpu: usize) -> anyhow::Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    Ok(sched_setaffinity(thread, &one)?)
}
