//! `gtm explain`.
use std::process::ExitCode;
/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {}
pub(super) fn run(_args: &ExplainArgs) -> ExitCode {
    ExitCode::SUCCESS
}
