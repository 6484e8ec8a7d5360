//! Set-up, build, run, test and tidy: `cargo xtask --help`.
//!
//! Depends on no other crate of the workspace: they need what `setup` installs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

mod bench;
mod build;
mod emulator;
mod fuzz;
mod kernels;
mod parity;
mod process;
mod requirement;
mod run;
mod setup;
mod test;
mod tidy;
#[path = "../../gtm-userspace/build/toolchain.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the same file is a module of the build script, which uses the rest"
)]
mod toolchain;

/// Set-up, build, run, test and tidy of gtm.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Install what is missing to build, run and test; changes nothing when nothing is missing.
    Setup,
    /// Build gtm in release mode and say where it is.
    Build,
    /// Run the worked scenario in network namespaces of its own, or gtm with a configuration on this host.
    Run {
        /// Go through all rows of the scenario, print pass or fail, and exit 0 only when all hold.
        #[arg(long, conflicts_with = "config")]
        smoke: bool,
        /// Serve with this configuration on the host's own interfaces instead.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Further arguments for the program that is run, after `--`.
        #[arg(last = true, value_name = "ARGUMENT")]
        further: Vec<OsString>,
    },
    /// Check format, lints and tidiness, then run all tests; with filters only the tests that match.
    Test {
        /// Leave out the tiers that need root.
        #[arg(long)]
        quick: bool,
        /// Run only tests whose name contains one of these.
        #[arg(value_name = "FILTER")]
        filters: Vec<String>,
    },
    /// Send queries of every kind through the XDP program and the server: equal answers, or the program passes.
    Parity {
        /// How many queries.
        #[arg(long, value_name = "N", default_value_t = 1_000_000)]
        queries: u64,
        /// Which queries: the same number makes the same ones.
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
    },
    /// Measure what gtm costs and how fast it is, with the bar beside each figure: `cargo xtask bench -- --help`.
    Bench {
        /// Parts and options of the benchmark.
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Let libFuzzer look for inputs that break a target, or each of them in turn.
    Fuzz {
        /// The target; without one, all of them.
        #[arg(value_name = "TARGET", value_parser = fuzz::TARGETS)]
        target: Option<String>,
        /// How long each target runs.
        #[arg(long, value_name = "N", default_value_t = 60)]
        seconds: u32,
    },
    /// Try one build of the program and its tests on this kernel and, in guests, on those of Debian.
    Kernels {
        /// Only kernels of this version, `6.1` or `6.1.176` say; may be given several times.
        #[arg(long = "kernel", value_name = "VERSION")]
        versions: Vec<String>,
        /// How many generated queries each is asked.
        #[arg(long, value_name = "N", default_value_t = 20_000)]
        queries: u64,
        /// Which queries: the same number makes the same ones.
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
    },
    /// Check what clippy cannot: the rules of the architecture and of the house.
    Tidy {
        /// Record the present map layout as that of the raised `ABI_VERSION`.
        #[arg(long)]
        bless: bool,
    },
}

fn main() -> ExitCode {
    let done = match Verb::parse() {
        Verb::Setup => setup::everything(),
        Verb::Build => build::build(),
        Verb::Run { smoke, config: None, further } => run::scenario(smoke, &further),
        Verb::Run { config: Some(config), further, .. } => run::host(&config, &further),
        Verb::Test { quick: false, filters } => test::test(test::Tiers::All, &filters),
        Verb::Test { quick: true, filters } => test::test(test::Tiers::Unprivileged, &filters),
        Verb::Parity { queries, seed } => parity::parity(queries, seed),
        Verb::Bench { arguments } => bench::bench(&arguments),
        Verb::Fuzz { target, seconds } => fuzz::fuzz(target.as_deref(), seconds),
        Verb::Kernels { versions, queries, seed } => {
            kernels::kernels(&kernels::Plan { versions, queries, seed })
        }
        Verb::Tidy { bless: false } => tidy::check(),
        Verb::Tidy { bless: true } => tidy::bless(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
