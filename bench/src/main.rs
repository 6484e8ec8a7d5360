//! What gtm costs and how fast it is: the measurements behind `cargo xtask bench`, with the bar beside each figure.
//!
//! Traffic goes to loopback and to namespaces made for it alone, and ends by itself.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

mod chart;
mod control;
mod health;
mod prefixes;
mod program;
mod report;
mod veth;

use report::{Report, Unit};

/// The programs that are measured with.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/gtm-bench-ebpf"));

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
    /// Also write each part into this folder: its figures as JSON, and charts as SVG.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// How often each measurement is repeated, interleaved with the others.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only measurements whose name contains this, and what they are compared with.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
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
    /// What answers cost on a veth pair, beside other servers.
    Veth,
}

impl Part {
    fn measure(self, rounds: u32, only: &str, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Program => program::measure(rounds, only, report),
            Self::Health => health::measure(only, report),
            Self::Control => control::measure(rounds, only, report),
            Self::Veth => veth::measure(rounds, only, report),
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
    let Arguments { parts, json, rounds, only, save } = arguments;
    let parts = if parts.is_empty() { <Part as clap::ValueEnum>::value_variants() } else { parts };
    let mut report = Report::new();
    for part in parts {
        let measured = report.figures.len();
        part.measure(*rounds, only, &mut report)?;
        if let (Some(folder), Some(figure)) = (save, report.figures.get(measured)) {
            let name = figure.part;
            save_part(&report, name, folder).with_context(|| format!("{} in {}", name, folder.display()))?;
        }
    }
    if *json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// Each part has files of its own: parts that are measured on their own leave the others as they are.
fn save_part(report: &Report, part: &str, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join(format!("{part}.json")),
        serde_json::to_string_pretty(&report.of_part(part))? + "\n",
    )?;
    for unit in Unit::DRAWN {
        if let Some(svg) = chart::draw(report, part, unit) {
            fs::write(
                folder.join(format!("{part}-{}.svg", unit.text().replace(' ', "-").to_lowercase())),
                svg,
            )?;
        }
    }
    Ok(())
}
