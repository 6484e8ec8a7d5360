//! `gtm run`: the daemon.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::daemon::{self, StartError};

/// How long tasks that cannot be interrupted (a name that is being resolved) are waited for at the end.
const LINGER: Duration = Duration::from_millis(200);

/// Arguments of `gtm run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
}

/// Serves until it is told to end.
pub(super) fn run(args: &RunArgs) -> ExitCode {
    let filter = EnvFilter::try_from_env("GTM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            super::print_error(&format!("error: no threads to run on: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(daemon::run(&args.config));
    runtime.shutdown_timeout(LINGER);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Inputs(problems)) => {
            super::print_problems("error", &problems);
            ExitCode::from(super::UNUSABLE_INPUT)
        }
        Err(error) => {
            super::print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
