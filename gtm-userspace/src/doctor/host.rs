//! What concerns the host as a whole.

use super::Finding;
use super::files::Root;
use crate::dataplane::{OLDEST_KERNEL, is_older_kernel};

/// Idle states that take longer than so many microseconds to leave delay the first packet after a pause.
const WAKE_UP: u64 = 50;
/// Open files that are enough for the defaults: 1000 TCP connections, and checks beside them.
const FILES: u64 = 4096;
/// The kernel's own budget of packets for one round of receiving.
const BUDGET: u64 = 300;
/// A round that ends too early for so many packets is nothing.
const RARE: u64 = 100_000;

/// All findings.
pub(super) fn examine(root: &Root) -> Vec<Finding> {
    [
        kernel,
        type_information,
        compiler,
        hardening,
        statistics,
        governor,
        idle_states,
        budget,
        balancer,
        memory,
        files,
    ]
    .map(|check| check(root))
    .into()
}

fn kernel(root: &Root) -> Finding {
    let what = "kernel";
    let Some(release) = root.text("proc/sys/kernel/osrelease") else { return Finding::not_readable(what) };
    if is_older_kernel(&release) {
        let [major, minor] = OLDEST_KERNEL;
        return Finding::change(what, release, format!("{major}.{minor} or later"), None);
    }
    Finding::right(what, release)
}

/// Only tools need it: the program brings all it needs along.
fn type_information(root: &Root) -> Finding {
    let what = "BTF of the kernel";
    if root.path("sys/kernel/btf/vmlinux").exists() {
        Finding::right(what, "there")
    } else {
        Finding::unknown(what, "not there: gtm does without, tools like bpftool show less")
    }
}

fn compiler(root: &Root) -> Finding {
    setting(root, "BPF compiler", "net.core.bpf_jit_enable", "1", |value| value == 1)
}

fn hardening(root: &Root) -> Finding {
    setting(
        root,
        "hardening of compiled BPF",
        "net.core.bpf_jit_harden",
        "0, or 1: for unprivileged programs",
        |value| value < 2,
    )
}

fn statistics(root: &Root) -> Finding {
    setting(root, "BPF statistics", "kernel.bpf_stats_enabled", "0: they cost time in every run", |value| {
        value == 0
    })
}

/// A kernel parameter.
fn setting(
    root: &Root,
    what: &'static str,
    key: &str,
    right: &str,
    is_right: impl Fn(u64) -> bool,
) -> Finding {
    let Some(value) = root.number(&format!("proc/sys/{}", key.replace('.', "/"))) else {
        return Finding::not_readable(what);
    };
    let found = format!("{key} = {value}");
    if is_right(value) {
        return Finding::right(what, found);
    }
    let first = right.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Finding::change(what, found, right, format!("sysctl -w {key}={first}"))
}

fn governor(root: &Root) -> Finding {
    let what = "CPU governor";
    let cpus = root.cpus();
    let path = |cpu: u32| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
    let governors: Vec<String> = cpus.into_iter().filter_map(|cpu| root.text(&path(cpu))).collect();
    let Some(first) = governors.first() else {
        return Finding::unknown(what, "not readable: a virtual machine has none of its own");
    };
    match governors.iter().find(|governor| *governor != "performance") {
        None => Finding::right(what, first.clone()),
        Some(other) => Finding::change(
            what,
            other.clone(),
            "performance",
            "cpupower frequency-set --governor performance".to_owned(),
        ),
    }
}

fn idle_states(root: &Root) -> Finding {
    let what = "idle states";
    let folder = "sys/devices/system/cpu/cpu0/cpuidle";
    let states = root.names(folder);
    if states.is_empty() {
        return Finding::unknown(what, "not readable: a virtual machine has none of its own");
    }
    let is_deep = |state: &String| {
        let latency = root.number(&format!("{folder}/{state}/latency"))?;
        let is_off = root.number(&format!("{folder}/{state}/disable")) == Some(1);
        (latency > WAKE_UP && !is_off).then_some(latency)
    };
    match states.iter().filter_map(is_deep).max() {
        None => Finding::right(what, format!("left within {WAKE_UP} µs")),
        Some(latency) => Finding::change(
            what,
            format!("up to {latency} µs to leave"),
            format!("none above {WAKE_UP} µs"),
            format!("cpupower idle-set --disable-by-latency {}", WAKE_UP + 1),
        ),
    }
}

/// Too small where the kernel often had to stop receiving although there was more.
fn budget(root: &Root) -> Finding {
    let (what, key) = ("packets in a round of receiving", "net.core.netdev_budget");
    let Some(value) = root.number("proc/sys/net/core/netdev_budget") else {
        return Finding::not_readable(what);
    };
    let [packets, squeezed] =
        [0, 2].map(|column| sum(&root.text("proc/net/softnet_stat").unwrap_or_default(), column));
    let found = format!("{key} = {value}, which ended {squeezed} rounds of {packets} packets");
    let is_often = squeezed.saturating_mul(RARE) > packets;
    if value < BUDGET || is_often && value < 2 * BUDGET {
        let right = 2 * BUDGET;
        return Finding::change(what, found, format!("{right} or more"), format!("sysctl -w {key}={right}"));
    }
    Finding::right(what, found)
}

/// The sum of a column over all CPUs: the first counts packets, the third rounds that ended before all were received.
fn sum(text: &str, column: usize) -> u64 {
    let of_line = |line: &str| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok();
    text.lines().filter_map(of_line).sum()
}

fn balancer(root: &Root) -> Finding {
    let what = "irqbalance";
    let is_it = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_digit())
            && root.text(&format!("proc/{name}/comm")).is_some_and(|comm| comm == "irqbalance")
    };
    if root.names("proc").iter().any(is_it) {
        let command = "systemctl disable --now irqbalance".to_owned();
        return Finding::change(what, "running", "not running: it moves the interrupts of queues", command);
    }
    Finding::right(what, "not running")
}

/// A new generation is built beside the one that serves.
fn memory(root: &Root) -> Finding {
    let what = "memory for maps";
    let text = root.text("proc/meminfo").unwrap_or_default();
    let kib = |key: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().split(' ').next()?.parse().ok())
    };
    let (Some(all), Some(available)) = (kib("MemTotal:"), kib("MemAvailable:")) else {
        return Finding::not_readable(what);
    };
    let found = format!("{} of {} MiB available", available / 1024, all / 1024);
    if available < all / 10 {
        return Finding::change(
            what,
            found,
            "a tenth or more: a change builds all maps anew beside those that serve",
            None,
        );
    }
    Finding::right(what, found)
}

/// The daemon raises its limit to the hard one.
fn files(root: &Root) -> Finding {
    let what = "open files";
    let text = root.text("proc/self/limits").unwrap_or_default();
    let limit = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let Some(hard) = limit.and_then(|limits| limits.split_whitespace().nth(1)) else {
        return Finding::not_readable(what);
    };
    let found = format!("at most {hard} for processes started as this one");
    if hard.parse().is_ok_and(|hard: u64| hard < FILES) {
        let command = "LimitNOFILE=65536 in the unit, or ulimit -Hn 65536".to_owned();
        return Finding::change(what, found, format!("{FILES} or more"), command);
    }
    Finding::right(what, found)
}

#[cfg(test)]
#[path = "host_tests.rs"]
pub(super) mod tests;
