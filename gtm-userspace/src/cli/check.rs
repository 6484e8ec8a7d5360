//! `gtm check`: is the configuration good?

use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gtm check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
}

/// Prints every problem and warning, or what was found to be good.
pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let inputs = match super::load(&args.config) {
        Ok(inputs) => inputs,
        Err(code) => return code,
    };
    super::print_problems("warning", &inputs.warnings);
    let model = &inputs.model;
    let addresses: usize = model.pools.iter().map(|pool| pool.addresses.len()).sum();
    super::print(&format!(
        "{}: ok\n  {} zones, {} access domains, {} pools with {addresses} addresses, {} checks\n  {} sources, {} classes \
         of clients in {} IPv4 and {} IPv6 ranges",
        args.config.display(),
        model.zones.len(),
        model.domains.len(),
        model.pools.len(),
        model.checks.len(),
        model.sources.len(),
        inputs.partition.classes.len(),
        inputs.partition.v4.len(),
        inputs.partition.v6.len(),
    ));
    ExitCode::SUCCESS
}
