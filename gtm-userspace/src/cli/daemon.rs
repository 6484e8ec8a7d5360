//! The way to the running daemon, for the verbs that ask it.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{DEFAULT_SOCKET, control_socket};
use crate::control::api::ErrorCode;
use crate::control::client::{Client, ClientError};

/// Which daemon is meant.
#[derive(Debug, Default, clap::Args)]
pub(super) struct DaemonArgs {
    /// The control socket of the daemon [default: /run/gtm/gtm.sock].
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(super) socket: Option<PathBuf>,
    /// The configuration that says where the control socket is.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl DaemonArgs {
    /// A client of that daemon.
    pub(super) fn client(&self) -> Result<Client, ExitCode> {
        let socket = match (&self.socket, &self.config) {
            (Some(socket), _) => socket.clone(),
            (None, None) => PathBuf::from(DEFAULT_SOCKET),
            (None, Some(config)) => {
                control_socket(config).map_err(|problem| super::refuse(&problem.to_string()))?
            }
        };
        Ok(Client::new(&socket))
    }
}

/// Runs what asks the daemon.
pub(super) fn wait<T>(asking: impl Future<Output = Result<T, ExitCode>>) -> Result<T, ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| super::fail(&format!("no runtime to wait in: {error}")))?;
    runtime.block_on(asking)
}

/// Prints why the daemon was of no help; the exit code says whether the input was the reason.
pub(super) fn told(error: &ClientError) -> ExitCode {
    if let ClientError::Refused(refused) = error
        && !matches!(refused.code, ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::RequestTimeout)
    {
        let problems: Vec<_> = refused.problems.iter().cloned().map(Into::into).collect();
        super::print_problems("error", &problems);
        return super::refuse(&error.to_string());
    }
    super::fail(&error.to_string())
}

/// The exit code of a verb.
pub(super) fn exit_code(outcome: Result<(), ExitCode>) -> ExitCode {
    outcome.err().unwrap_or(ExitCode::SUCCESS)
}
