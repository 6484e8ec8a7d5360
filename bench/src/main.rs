//! What gtm costs and how fast it is: the measurements behind `cargo xtask bench`, with the bar beside each figure.
//!
//! Traffic goes to loopback and to namespaces made for it alone, and ends by itself.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]

use std::process::ExitCode;

use clap::Parser;

mod control;
mod health;
mod prefixes;
mod program;
mod report;

use report::Report;

/// Measures gtm; without a part, all of them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// What to measure.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Print the figures as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each measurement is repeated, interleaved with the others.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only measurements whose name contains this, and what they are compared with.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// What the XDP program takes for one packet.
    Program,
    /// What checking 100,000 addresses takes.
    Health,
    /// What building, switching and changing answers takes.
    Control,
}

impl Part {
    fn measure(self, rounds: u32, only: &str, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Program => program::measure(rounds, only, report),
            Self::Health => health::measure(only, report),
            Self::Control => control::measure(rounds, only, report),
        }
    }
}

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { parts, json, rounds, only } = arguments;
    let parts = if parts.is_empty() { <Part as clap::ValueEnum>::value_variants() } else { parts };
    let mut report = Report::new();
    for part in parts {
        part.measure(*rounds, only, &mut report)?;
    }
    if *json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
