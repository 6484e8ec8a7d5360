//! `cargo xtask parity`: many queries through the program and the server, with progress and a report.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use gtm_tests::parity::Plan;
use gtm_tests::privilege::is_root;

const USAGE: &str = "usage: gtm-parity QUERIES SEED";

fn main() -> ExitCode {
    let done = perform();
    if let Err(error) = &done {
        // Without anybody to read it the exit code still says it.
        drop(writeln!(io::stderr(), "error: {error:#}"));
    }
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn perform() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [queries, seed] = arguments.as_slice() else { bail!("{USAGE}") };
    let queries: u64 = queries.parse().with_context(|| format!("{queries:?} is no number; {USAGE}"))?;
    let seed: u64 = seed.parse().with_context(|| format!("{seed:?} is no number; {USAGE}"))?;
    ensure!(is_root(), "loading the program takes root: run it with sudo");
    // Ten lines of progress.
    let step = (queries / 10).max(1);
    let report = Plan { queries, seed }.run(|before, now| {
        if before / step < now / step {
            drop(writeln!(io::stderr(), "{now} of {queries} queries"));
        }
    })?;
    writeln!(io::stdout(), "{report}").context("cannot write the report")
}
