//! `cargo xtask run`: the worked scenario on real packets, real health checks and a real geo database.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::{Result, bail, ensure};
use gtm_tests::privilege::is_root;
use gtm_tests::scenario::daemon::Daemon;
use gtm_tests::scenario::live::{self, Event};
use gtm_tests::scenario::network::Network;
use gtm_tests::scenario::signals;
use gtm_tests::scenario::smoke;
use gtm_tests::scenario::terminal::Terminal;

const USAGE: &str = "\
The worked scenario of gtm: three namespaces, three sites, clients of five countries.

usage: gtm-scenario            show it and follow changes until Ctrl-C
       gtm-scenario --smoke    play all twelve rows, print pass or fail; exit code 0 only when all hold";

/// What the command line asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Play {
    Live,
    Smoke,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let play = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Play::Live,
        ["--smoke"] => Play::Smoke,
        ["--help" | "-h"] => return finish(&mut io::stdout(), USAGE, ExitCode::SUCCESS),
        _ => return finish(&mut io::stderr(), USAGE, ExitCode::from(2)),
    };
    match perform(play) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => finish(&mut io::stderr(), &format!("error: {error:#}"), ExitCode::FAILURE),
    }
}

/// True when all that was to hold did.
fn perform(play: Play) -> Result<bool> {
    ensure!(
        is_root(),
        "the scenario makes network namespaces and attaches an XDP program: run it as root, with sudo"
    );
    let (events, received) = mpsc::channel();
    let stop = events.clone();
    // Nobody listens any more once the end has begun.
    signals::catch(move || drop(stop.send(Event::Stop)))?;

    let terminal = Terminal::new();
    terminal.line("setting up namespaces, sites and the daemon")?;
    let mut network = Network::build()?;
    let mut daemon = Daemon::start(&network)?;
    let result = match play {
        Play::Live => {
            live::read_commands(events);
            live::follow(&mut network, &mut daemon, &terminal, &received).map(|()| true)
        }
        Play::Smoke => smoke::play(&mut network, &mut daemon, &terminal),
    };
    // What was wrong with the play comes before what was wrong with the end.
    let ended = daemon.stop();
    let held = result?;
    if let Err(error) = ended {
        bail!("the daemon did not end cleanly: {error:#}");
    }
    Ok(held)
}

fn finish(out: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    // Without anybody to read it the exit code still says it.
    drop(writeln!(out, "{text}"));
    code
}
