//! Processor time, of processes and of the kernel's threads.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gtm_tests::cpu::pin;
use gtm_tests::{Namespace, eventually};
use nix::unistd::Pid;

/// Clock ticks in a second: the kernel's `USER_HZ`, the same on every machine.
const TICKS: f64 = 100.0;
/// How long the kernel may take to start a thread.
const DEADLINE: Duration = Duration::from_secs(5);

/// Processor seconds, user and system, of all processes in a network namespace and of the NAPI thread of a device. What the
/// kernel does for a process in its context counts as the process's.
pub(crate) fn seconds(namespace: &Namespace, device: &str) -> anyhow::Result<f64> {
    let inside = namespace.processes()?.into_iter();
    inside.chain(napi_thread(device)?).map(of_process).sum()
}

/// Processor seconds of a process with all its threads.
pub(crate) fn of_process(process: Pid) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // proc_pid_stat(5): behind the name, which may hold anything, the fields go on with the third.
    let (_, fields) = text.rsplit_once(')').context("no name in stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    let (user, system) = (ticks().context("no utime")?, ticks().context("no stime")?);
    Ok((user + system) / TICKS)
}

/// Has the device's packets received by a thread of the kernel, on one CPU. The device needs an XDP program already.
pub(crate) fn thread_napi(namespace: &Namespace, device: &str, cpu: usize) -> anyhow::Result<()> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name(), "tee"]);
    // Only `ip netns exec` sees the devices of the namespace in /sys.
    let mut child = command
        .arg(format!("/sys/class/net/{device}/threaded"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child.stdin.take().context("piped")?.write_all(b"1")?;
    ensure!(child.wait()?.success(), "the NAPI of {device} gets no thread");
    wait_for_napi(device, cpu)
}

/// Waits for the thread that receives for a device, and has it stay on one CPU.
pub(crate) fn wait_for_napi(device: &str, cpu: usize) -> anyhow::Result<()> {
    eventually(DEADLINE, &format!("{device} has a NAPI thread"), || pin_napi(device, cpu).ok())
}

/// Has the thread that receives for a device stay on one CPU, if there is one.
pub(crate) fn pin_napi(device: &str, cpu: usize) -> anyhow::Result<()> {
    let threads = napi_thread(device)?;
    ensure!(!threads.is_empty(), "{device} has no NAPI thread");
    threads.into_iter().try_for_each(|thread| pin(thread, cpu).and_then(|()| hurry(thread)))
}

/// Has a device's thread go before all others on its CPU as soon as there is something to receive.
pub(crate) fn run_first(device: &str) -> anyhow::Result<()> {
    for thread in napi_thread(device)? {
        run("chrt", &["-f", "-p", "1", &thread.to_string()])?;
    }
    Ok(())
}

/// Has a process, and all that it starts, go before others: a busy machine takes less of a measurement's time.
pub(crate) fn hurry(process: Pid) -> anyhow::Result<()> {
    run("renice", &["-n", "-20", "-p", &process.to_string()])
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn napi_thread(device: &str) -> anyhow::Result<Vec<Pid>> {
    let is_its = |process: &Pid| {
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        name.strip_prefix("napi/")
            .and_then(|name| name.strip_prefix(device))
            .is_some_and(|rest| rest.starts_with('-'))
    };
    Ok(processes()?.into_iter().filter(is_its).collect())
}

fn processes() -> anyhow::Result<Vec<Pid>> {
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw).collect())
}
