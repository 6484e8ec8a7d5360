//! `gtm return`: back to the smallest available ordinal, for what is not preemptive.

use std::process::ExitCode;

use super::daemon::{DaemonArgs, exit_code, told, wait};
use super::overrides::{KindArg, object};
use crate::control::api::ReturnRequest;

/// Arguments of `gtm return`.
#[derive(Debug, clap::Args)]
pub(super) struct ReturnArgs {
    /// Which pools or access domains: a name, or a pattern with `*` and `?`; access domains also as NAME/TYPE.
    pattern: String,
    /// Of which kind they are, when the pattern matches both.
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Has them return, and says which.
pub(super) fn run(args: &ReturnArgs) -> ExitCode {
    exit_code(return_now(args))
}

fn return_now(args: &ReturnArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let wish = ReturnRequest { pattern: args.pattern.clone(), kind: args.kind.map(Into::into) };
    let returned = wait(async { client.return_now(&wish).await.map_err(|error| told(&error)) })?;
    for one in &returned.objects {
        super::print(&format!("{} returned", object(one)));
    }
    let answers = match returned.switched {
        0 => "no answer has".to_owned(),
        1 => "1 answer has".to_owned(),
        several => format!("{several} answers have"),
    };
    super::print(&format!("{answers} changed"));
    Ok(())
}
