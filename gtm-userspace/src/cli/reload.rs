//! `gtm reload`: the files anew.

use std::process::ExitCode;

use super::daemon::{DaemonArgs, exit_code, told, wait};
use crate::config::Problem;

/// Arguments of `gtm reload`.
#[derive(Debug, clap::Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Has the files loaded, and prints every problem when they cannot be used.
pub(super) fn run(args: &ReloadArgs) -> ExitCode {
    exit_code(reload(args))
}

fn reload(args: &ReloadArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let reloaded = wait(async { client.reload().await.map_err(|error| told(&error)) })?;
    let warnings: Vec<Problem> = reloaded.warnings.into_iter().map(Into::into).collect();
    super::print_problems("warning", &warnings);
    super::print(&format!("reloaded: generation {} serves", reloaded.generation.number));
    Ok(())
}
