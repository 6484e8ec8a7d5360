//! The command line: one file per verb. The only place that prints and sets the exit code.
#![forbid(unsafe_code)]

mod check;
mod daemon;
mod doctor;
mod events;
mod explain;
mod import;
mod output;
mod overrides;
mod reload;
mod return_now;
mod run;
mod status;
mod style;
mod table;
#[cfg(test)]
mod tests;
mod times;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::config::Problem;
use crate::inputs::Inputs;

/// Exit code for a configuration, zone or geo file that cannot be used, and for arguments that cannot be.
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
    /// Say what of this host slows the packet path down, and how to change it.
    Doctor(doctor::DoctorArgs),
    /// Say what a client is answered, and why: by the running daemon, or from the files.
    Explain(explain::ExplainArgs),
    /// Show what the running daemon serves: domains, pools, addresses, checks, overrides and answers.
    Status(status::StatusArgs),
    /// Show what happened.
    Events(events::EventsArgs),
    /// Force, enable, disable, drain or pin at run time; list and undo that.
    Override(overrides::OverrideArgs),
    /// Return pools and access domains that are not preemptive to their smallest available ordinal.
    Return(return_now::ReturnArgs),
    /// Have the running daemon load its configuration, zones and geo data anew.
    Reload(reload::ReloadArgs),
    /// Turn the configuration of another DNS server into ours, and name what has no equal.
    Import(import::ImportArgs),
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    run_verb(&Cli::parse().verb)
}

fn run_verb(verb: &Verb) -> ExitCode {
    match verb {
        Verb::Run(args) => run::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Events(args) => events::run(args),
        Verb::Override(args) => overrides::run(args),
        Verb::Return(args) => return_now::run(args),
        Verb::Reload(args) => reload::run(args),
        Verb::Import(args) => import::run(args),
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
    let _closed = try_print(text);
}

/// Prints to standard output, colours only where they are wanted; an error when it was closed.
fn try_print(text: &str) -> io::Result<()> {
    output::out(text)
}

/// Prints JSON: over several lines, for one document.
fn print_json(value: &impl Serialize) -> Result<(), ExitCode> {
    let json =
        serde_json::to_string_pretty(value).map_err(|error| fail(&format!("no JSON for this: {error}")))?;
    print(&json);
    Ok(())
}

/// Prints an error; the exit code for what failed.
fn fail(text: &str) -> ExitCode {
    print_error(&format!("error: {text}"));
    ExitCode::FAILURE
}

/// Prints an error; the exit code for what cannot be used.
fn refuse(text: &str) -> ExitCode {
    print_error(&format!("error: {text}"));
    ExitCode::from(UNUSABLE_INPUT)
}

/// Prints to standard error. Who closes it wants no messages.
fn print_error(text: &str) {
    let _closed = output::error(text);
}
