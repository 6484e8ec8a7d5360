//! Hosts that are folders, and what is found on them.

use super::super::{Finding, Verdict};
use super::*;

/// A host as it should be.
const RIGHT: &[(&str, &str)] = &[
    ("proc/sys/kernel/osrelease", "6.12.95+deb13-amd64\n"),
    ("sys/kernel/btf/vmlinux", ""),
    ("proc/sys/net/core/bpf_jit_enable", "1\n"),
    ("proc/sys/net/core/bpf_jit_harden", "0\n"),
    ("proc/sys/kernel/bpf_stats_enabled", "0\n"),
    ("sys/devices/system/cpu/online", "0-1\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state0/latency", "2\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "133\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "1\n"),
    ("proc/sys/net/core/netdev_budget", "300\n"),
    ("proc/net/softnet_stat", "00ffffff 00000000 00000002 00000000\n0000000a 00000000 00000000 00000000\n"),
    ("proc/1/comm", "systemd\n"),
    ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:  100 kB\nMemAvailable:    4000000 kB\n"),
    (
        "proc/self/limits",
        "Limit          Soft Limit  Hard Limit  Units\nMax open files 1024        524288      files\n",
    ),
];

/// With one file more, or another one, a finding is this.
#[track_caller]
fn check((path, text): (&str, &str), what: &str, verdict: Verdict, command: &str) {
    let (_folder, root) = folder(RIGHT.iter().chain([&(path, text)]));
    let found: Vec<Finding> =
        examine(&root).into_iter().filter(|finding| finding.verdict != Verdict::Right).collect();
    let [finding] = found.as_slice() else { panic!("{path}: {found:?}") };
    assert_eq!((finding.what, finding.verdict), (what, verdict), "{finding:?}");
    assert_eq!(finding.command.as_deref().unwrap_or_default(), command, "{finding:?}");
}

/// The files as a host.
pub(in crate::doctor) fn folder<'f>(
    files: impl Iterator<Item = &'f (&'f str, &'f str)>,
) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = Root::new(folder.path());
    (folder, root)
}

#[test]
fn a_host_as_it_should_be_has_nothing_to_change() {
    let (_folder, root) = folder(RIGHT.iter());
    for finding in examine(&root) {
        assert_eq!((finding.verdict, finding.command.clone()), (Verdict::Right, None), "{finding:?}");
    }
}

#[test]
fn what_is_wrong_is_found_with_its_remedy() {
    use Verdict::Change;
    check(("proc/sys/kernel/osrelease", "5.10.0-32-amd64"), "kernel", Change, "");
    let jit = ("proc/sys/net/core/bpf_jit_enable", "0");
    check(jit, "BPF compiler", Change, "sysctl -w net.core.bpf_jit_enable=1");
    let harden = ("proc/sys/net/core/bpf_jit_harden", "2");
    check(harden, "hardening of compiled BPF", Change, "sysctl -w net.core.bpf_jit_harden=0");
    let statistics = ("proc/sys/kernel/bpf_stats_enabled", "1");
    check(statistics, "BPF statistics", Change, "sysctl -w kernel.bpf_stats_enabled=0");
    let governor = ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave");
    check(governor, "CPU governor", Change, "cpupower frequency-set --governor performance");
    let idle = ("sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "0");
    check(idle, "idle states", Change, "cpupower idle-set --disable-by-latency 51");
    let squeezed = ("proc/net/softnet_stat", "000000ff 00000000 00000000\n000000ff 00000000 0000000b\n");
    check(squeezed, "packets in a round of receiving", Change, "sysctl -w net.core.netdev_budget=600");
    check(("proc/812/comm", "irqbalance\n"), "irqbalance", Change, "systemctl disable --now irqbalance");
    check(("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 700000 kB\n"), "memory for maps", Change, "");
    let files = ("proc/self/limits", "Max open files 1024 1024 files");
    check(files, "open files", Change, "LimitNOFILE=65536 in the unit, or ulimit -Hn 65536");
}

#[test]
fn what_cannot_be_read_is_said_and_is_no_fault() {
    let (_folder, root) = folder([].iter());
    for finding in examine(&root).into_iter().filter(|finding| finding.what != "irqbalance") {
        assert_eq!(finding.verdict, Verdict::Unknown, "{finding:?}");
    }
}
