//! The command line: one file per verb. The only place that prints and sets the exit code.
#![forbid(unsafe_code)]

mod check;
mod explain;
mod import;
mod run;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Problem;
use crate::inputs::Inputs;

/// Exit code for a configuration, zone or geo file that cannot be used.
const UNUSABLE_INPUT: u8 = 2;
/// Where the configuration is unless `--config` says otherwise.
const DEFAULT_CONFIG: &str = "/etc/gtm/gtm.toml";

/// A global traffic manager: authoritative DNS, answered in the kernel.
#[derive(Debug, Parser)]
#[command(name = "gtm", version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM; SIGHUP loads the configuration anew.
    Run(run::RunArgs),
    /// Report every problem of a configuration, its zone files and its geo databases.
    Check(check::CheckArgs),
    /// Say what a client is answered, and why, without a running daemon.
    Explain(explain::ExplainArgs),
    /// Turn the configuration of another DNS server into ours, and name what has no equal.
    Import(import::ImportArgs),
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Import(args) => import::run(&args),
    }
}

/// Loads what a verb works on; prints every problem when it cannot be used.
fn load(config: &Path) -> Result<Inputs, ExitCode> {
    Inputs::load(config).map_err(|problems| {
        print_problems("error", &problems);
        ExitCode::from(UNUSABLE_INPUT)
    })
}

/// Prints problems, one to a line.
fn print_problems(kind: &str, problems: &[Problem]) {
    for problem in problems {
        print_error(&format!("{kind}: {problem}"));
    }
}

/// Prints to standard output. Who closes it early wants no more.
fn print(text: &str) {
    let _closed = writeln!(io::stdout(), "{text}");
}

/// Prints to standard error. Who closes it wants no messages.
fn print_error(text: &str) {
    let _closed = writeln!(io::stderr(), "{text}");
}
