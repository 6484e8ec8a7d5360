//! Names of what a run makes on the system, and the sweep that removes what a crashed run left behind.
//!
//! Every namespace and temporary folder is called `gtm-PID-LABEL` after the process that made it. What belongs to a
//! process that is gone is a leftover; what a living process made is never touched.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Command};
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::eventually;

/// Where named network namespaces are mounted, as `ip netns` expects them.
pub(crate) const NETNS_FOLDER: &str = "/run/netns";
/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// The name of something of this process.
pub(crate) fn own_name(label: &str) -> String {
    format!("gtm-{}-{label}", process::id())
}

/// A temporary folder that is removed on drop, or by the sweep of a later run.
pub fn temporary_folder() -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(&own_name("")).tempdir().context("no temporary folder could be made")
}

/// Removes the leftovers of crashed runs, once per process: later calls do nothing.
pub(crate) fn sweep_once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
}

/// Removes namespaces, with the processes in them, and temporary folders of processes that are gone.
///
/// What cannot be removed stays for the next sweep: a leftover never stops a run, for names are not used twice.
pub fn sweep() {
    for name in leftovers(Path::new(NETNS_FOLDER)) {
        drop(delete_namespace(&name));
    }
    let folder = std::env::temp_dir();
    for name in leftovers(&folder) {
        drop(fs::remove_dir_all(folder.join(name)));
    }
}

/// Ends the processes in a named network namespace and deletes the namespace with all its links.
pub(crate) fn delete_namespace(name: &str) -> Result<()> {
    let file = Path::new(NETNS_FOLDER).join(name);
    if let Ok(metadata) = fs::metadata(&file) {
        end_processes(metadata.ino());
    }
    let output =
        Command::new("ip").args(["netns", "delete", name]).output().context("ip could not be started")?;
    ensure!(
        output.status.success(),
        "network namespace {name}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// The names in `folder` that carry our form of name and a process that is gone.
fn leftovers(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| owner_is_gone(name))
        .collect()
}

/// True when the process has ended, reaped or not: only a living one has a program.
fn owner_is_gone(name: &str) -> bool {
    let program = owner(name).map(|pid| fs::read_link(format!("/proc/{pid}/exe")));
    program.is_some_and(|program| program.is_err_and(|error| error.kind() == io::ErrorKind::NotFound))
}

/// The process that made what is called `name`; `None` when the name is not one of ours.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix("gtm-")?.split_once('-')?.0.parse().ok()
}

/// Ends every process whose main thread is in the network namespace with this inode: SIGTERM, then SIGKILL.
fn end_processes(namespace_inode: u64) {
    let inside = processes_in(namespace_inode);
    for &pid in &inside {
        // The process may have ended by itself: that is what is wanted.
        kill(pid, Signal::SIGTERM).ok();
    }
    let ended = eventually(GRACE, "processes in the namespace end", || {
        processes_in(namespace_inode).is_empty().then_some(())
    });
    if ended.is_err() {
        for pid in processes_in(namespace_inode) {
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}

/// Every process whose main thread is in the network namespace with this inode.
pub(crate) fn processes_in(namespace_inode: u64) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| namespace_of(*pid).is_ok_and(|inode| inode == namespace_inode))
        .map(Pid::from_raw)
        .collect()
}

/// Inode of the network namespace of a process; an error also for a process that has ended but is not yet reaped.
fn namespace_of(pid: i32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/net"))?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<u32>) {
        assert_eq!(owner(name), expect, "{name}");
    }

    #[test]
    fn only_our_names_have_an_owner() {
        check("gtm-4711-edge", Some(4711));
        check("gtm-4711-edge-2", Some(4711));
        check("gtm-4711-", Some(4711));
        check("gtm-4711", None);
        check("gtm-edge", None);
        check("gtm-x-edge", None);
        check("other-4711-edge", None);
    }

    #[test]
    fn what_a_living_process_made_is_no_leftover() {
        assert!(!owner_is_gone(&own_name("edge")));
        assert!(owner_is_gone("gtm-4294967295-edge"));
    }
}
