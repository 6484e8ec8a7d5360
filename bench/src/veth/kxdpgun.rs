//! Traffic by kxdpgun, the generator of Knot DNS: at a fixed rate, answers counted by it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gtm_tests::leftover::temporary_folder;
use gtm_tests::{Namespace, Process, eventually};

use super::{processor, questions};

/// How long it may go on after its time.
const GRACE: Duration = Duration::from_secs(10);
/// Its processor time is read each time so many looks whether it has ended are over: reading takes time itself.
const LOOKS: u32 = 10;
/// The network that its queries come from: it takes one.
const CLIENTS: &str = "8.0.0.0/8";

/// What it has counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Queries.
    pub(super) sent: f64,
    /// Answers.
    pub(super) answers: f64,
    /// Processor seconds that it took, and the thread that received for it.
    pub(super) asking: f64,
}

/// Asks for so long, so many questions in a second.
pub(super) fn run(
    namespace: &Namespace,
    device: &str,
    cpu: usize,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Counted> {
    let folder = temporary_folder()?;
    let queries = folder.path().join("queries");
    let lines: Vec<String> = questions::names().map(|name| format!("{name}.gtm.test. A\n")).collect();
    fs::write(&queries, lines.concat())?;
    let mut command = namespace.command("kxdpgun");
    command.args([
        "-t",
        &time.as_secs().to_string(),
        "-Q",
        &format!("{rate:.0}"),
        "-F",
        &format!("{cpu}s1"),
        "-I",
        device,
    ]);
    command.arg("-i").arg(&queries).args(["-l", CLIENTS, &questions::SERVER.to_string()]);

    let mut process = Process::start(command)?;
    let (mut asking, mut looks) = (0.0, 0);
    let status = eventually(time + GRACE, "kxdpgun ends", || {
        // What it took is seen only as long as it runs: then its program, and with it the thread, leave the device.
        if looks % LOOKS == 0 {
            processor::pin_napi(device, cpu).ok();
            asking = f64::max(asking, processor::seconds(namespace, device).unwrap_or_default());
        }
        looks += 1;
        process.try_wait().transpose()
    });
    let status = status.and_then(|status| status).map_err(|error| process.with_output(&error))?;
    process.wait(GRACE)?;
    // It leaves its program behind.
    namespace.ip(&["link", "set", "dev", device, "xdp", "off"])?;
    let output = process.output();
    ensure!(status.success(), "kxdpgun: {status}\n{output}");
    let count = |label: &str| {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(label)?.split_whitespace().next());
        line.and_then(|count| count.parse().ok()).with_context(|| format!("no {label:?} in {output}"))
    };
    Ok(Counted { sent: count("total queries:")?, answers: count("total replies:")?, asking })
}
