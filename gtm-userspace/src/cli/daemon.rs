//! The way to the running daemon, for the verbs that ask it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::{DEFAULT_SOCKET, control_socket};
use crate::control::api::ErrorCode;
use crate::control::client::{Client, ClientError};

/// How long a daemon that has gone is left alone before it is asked again.
const RETRY: Duration = Duration::from_millis(500);

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

/// Asks a daemon again and again, also over its restart: once it has answered, it is waited for.
#[derive(Debug, Default)]
pub(super) struct Follower {
    has_answered: bool,
}

impl Follower {
    /// The next answer.
    pub(super) async fn ask<T>(
        &mut self,
        asking: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<T, ExitCode> {
        let mut is_told = false;
        loop {
            match asking().await {
                Ok(answer) => {
                    self.has_answered = true;
                    return Ok(answer);
                }
                Err(error) if self.has_answered && is_passing(&error) => {
                    if !is_told {
                        super::print_error(&format!("note: {error}; waiting for it"));
                        is_told = true;
                    }
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(told(&error)),
            }
        }
    }
}

/// Whether it goes away when the daemon is back.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::NoDaemon { .. } | ClientError::Broken { .. } | ClientError::Late { .. } => true,
        ClientError::Refused(refused) => refused.code == ErrorCode::Unavailable,
        ClientError::Permission { .. } | ClientError::Connect { .. } | ClientError::OtherVersion { .. } => {
            false
        }
    }
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
