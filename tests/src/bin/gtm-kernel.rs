//! `cargo xtask kernels`: what the kernel that runs makes of the program. On this machine it is an ordinary process; in
//! a guest it is the first one, makes the machine ready before and switches it off behind itself.
//!
//! What it finds out it says in lines of its own, `fact KIND TEXT`, among those of the tests that it starts.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{self, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::{env, fs, thread};

use anyhow::{Context as _, bail};
use gtm_tests::parity::configuration;
use gtm_userspace::config::model::XdpMode;
use gtm_userspace::dataplane::{Dataplane, Generation};
use gtm_userspace::server::Tables;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::utsname::uname;

const USAGE: &str = "usage: gtm-kernel PROG_RUN PARITY QUERIES SEED, the first two being programs";
/// What a process finds mounted everywhere, and the loader and the tests look for.
const MOUNTS: [(&str, &str); 3] = [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")];
/// Lines of the verifier's log that say what it refused.
const LOG_END: usize = 60;

fn main() -> ExitCode {
    let is_first = process::id() == 1;
    let examined = if is_first { make_ready() } else { Ok(()) }.and_then(|()| examine());
    if let Err(error) = &examined {
        fact("broken", &format!("{error:#}"));
    }
    if is_first {
        // It only returns when it could not. Then the first process ends, and with it the guest in a panic.
        let Err(error) = reboot(RebootMode::RB_POWER_OFF);
        say(&format!("not switched off: {error}"));
    }
    if examined.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A guest begins with nothing but the files of its image.
fn make_ready() -> anyhow::Result<()> {
    for (kind, place) in MOUNTS {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("{kind} could not be mounted on {place}"))?;
    }
    Ok(())
}

fn examine() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [prog_run, parity, queries, seed] = arguments.as_slice() else { bail!("{USAGE}") };
    fact("kernel", &uname()?.release().to_string_lossy());
    match load() {
        Ok(instructions) => fact("verified", &instructions),
        Err(error) => {
            log_end(error.as_ref()).lines().for_each(say);
            fact("refused", &error.to_string());
            return Ok(());
        }
    }
    run(Command::new(prog_run).env("GTM_TEST_STRICT", "1"), |line| {
        if let Some(result) = line.strip_prefix("test result: ") {
            fact("prog_run", result);
        }
    })?;
    run(Command::new(parity).args([queries, seed]), |_| {})?;
    fact("parity", queries);
    Ok(())
}

/// Puts the program on a loopback of its own, and another generation in its place: the instructions that were verified
/// for each of its programs.
fn load() -> anyhow::Result<String> {
    let service = configuration::ALL.first().context("there is no configuration")?.load()?;
    let listen = &service.model().service.listen;
    // No other thread has been started yet, so all of the process is moved.
    unshare(CloneFlags::CLONE_NEWNET).context("no network namespace of its own")?;
    let (mode, table) = (XdpMode::Generic, service.decider().table());
    let tables = Arc::new(Tables::of(service.model(), table));
    let mut dataplane = Dataplane::start(&["lo".to_owned()], mode, listen, &tables, table)?;
    dataplane.install(mode, Generation::load(listen, &tables, table)?);
    if dataplane.interfaces().next().is_none() {
        bail!("the second generation was not attached");
    }
    verified_instructions()
}

/// As the kernel counts them for every program that this process has open.
fn verified_instructions() -> anyhow::Result<String> {
    let mut counts = Vec::new();
    for descriptor in fs::read_dir("/proc/self/fdinfo")? {
        // The one with which the folder is read is among them, and gone afterwards.
        let Ok(information) = fs::read_to_string(descriptor?.path()) else { continue };
        let count = information.lines().find_map(|line| line.strip_prefix("verified_insns:"));
        counts.extend(count.map(|count| count.trim().to_owned()));
    }
    Ok(counts.join("+"))
}

/// The end of the longest text behind an error, the verifier's log when there is one, below the function it is about.
fn log_end(error: &(dyn Error + 'static)) -> String {
    let mut longest = String::new();
    let mut source = error.source();
    while let Some(error) = source {
        longest = [longest, error.to_string()].into_iter().max_by_key(String::len).unwrap_or_default();
        source = error.source();
    }
    let lines: Vec<&str> = longest.lines().collect();
    let (before, end) = lines.split_at(lines.len().saturating_sub(LOG_END));
    let function = before.iter().rfind(|line| line.starts_with("Validating ")).copied();
    function.into_iter().chain(end.iter().copied()).collect::<Vec<_>>().join("\n")
}

/// Runs a program that must succeed; every line that it prints is said here, and heard.
fn run(command: &mut Command, mut hear: impl FnMut(&str)) -> anyhow::Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} could not be started"))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| lines(errors).for_each(|line| say(&line)));
        for line in lines(output) {
            say(&line);
            hear(&line);
        }
    });
    let status = child.wait()?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

fn lines(from: Option<impl io::Read>) -> impl Iterator<Item = String> {
    from.into_iter().flat_map(|from| BufReader::new(from).lines().map_while(Result::ok))
}

/// Says a fact, which has one line.
fn fact(kind: &str, text: &str) {
    say(&format!("fact {kind} {}", text.lines().next().unwrap_or_default()));
}

/// A whole line at once: a guest's kernel writes to the same terminal.
fn say(line: &str) {
    // Without anybody to read it there is nothing left to do.
    drop(io::stdout().write_all(format!("{line}\n").as_bytes()));
}
