//! One CPU for a thread: the program keeps turns by CPU.

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// While this lives, the thread stays on one CPU.
#[derive(Debug)]
pub struct PinnedGuard(CpuSet);

impl PinnedGuard {
    /// Stays on the first CPU that the thread may use.
    pub fn new() -> anyhow::Result<Self> {
        Self::on(|cpus| cpus.first().copied())
    }

    /// Stays on the last one.
    pub fn last() -> anyhow::Result<Self> {
        Self::on(|cpus| cpus.last().copied())
    }

    fn on(pick: impl FnOnce(&[usize]) -> Option<usize>) -> anyhow::Result<Self> {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this)?;
        let cpus: Vec<usize> = (0..CpuSet::count()).filter(|cpu| before.is_set(*cpu) == Ok(true)).collect();
        let cpu = pick(&cpus);
        let mut one = CpuSet::new();
        one.set(cpu.context("no CPU")?)?;
        sched_setaffinity(this, &one)?;
        Ok(Self(before))
    }
}

impl Drop for PinnedGuard {
    fn drop(&mut self) {
        // The thread ends with its test in any case.
        sched_setaffinity(Pid::from_raw(0), &self.0).ok();
    }
}
