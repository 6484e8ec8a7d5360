//! The daemon: wires configuration, health, decision, dataplane and server together, and lives until it is told to end.

mod building;
mod events;
mod kept;
mod loading;
mod overrides;
mod rates;
mod reload;
mod requests;
mod service;
mod status;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Problem;
use crate::control;
use crate::control::server::SocketError;
use crate::dataplane::DataplaneError;
use crate::health::Prober;
use crate::inputs::Inputs;
use crate::server::BindError;
use crate::store::StoreError;
use kept::Kept;
use loading::Loading;
use service::Running;

/// Requests that wait for the loop; more wait with their clients.
const REQUESTS: usize = 64;
/// How often overrides are looked through for those that are over, rates are measured, and geo databases looked at.
const TICK: Duration = Duration::from_secs(1);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Configuration, zones or geo data cannot be used.
    #[error("the configuration cannot be used ({} problems)", .0.len())]
    Inputs(Vec<Problem>),
    /// An address cannot be served.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The program cannot be loaded or attached.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("no thread to write the store: {0}")]
    Thread(#[source] std::io::Error),
    /// The control socket cannot be opened.
    #[error(transparent)]
    Control(#[from] SocketError),
    /// The TLS of the https checks cannot be set up.
    #[error("the https checks cannot be set up: {0}")]
    Tls(String),
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(#[source] std::io::Error),
}

/// Serves until SIGTERM or SIGINT; SIGHUP loads the configuration anew. Must be called inside a multi-threaded tokio
/// runtime.
pub async fn run(config: &Path) -> Result<(), StartError> {
    let mut hangup = signals(SignalKind::hangup())?;
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    raise_file_limit();
    let inputs = tokio::task::block_in_place(|| Inputs::load(config)).map_err(StartError::Inputs)?;
    let prober = Prober::new().map_err(|error| StartError::Tls(error.to_string()))?;
    let (kept, decided) = tokio::task::block_in_place(|| Kept::open(&inputs.model))?;
    let (sender, mut requests) = mpsc::channel(REQUESTS);
    // Before anything serves: whoever finds another daemon here leaves no trace. Requests wait until it does.
    let control = control::server::Server::start(&inputs.model.control.socket, sender, kept.newest())?;
    let mut running = Running::start(config, inputs, (kept, decided), Arc::new(prober))?;
    let mut loading = Loading::new(config, Arc::clone(&running.model));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Whichever is ready, by chance: a flood of verdicts does not keep an operator out, nor one of requests a verdict.
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => loading.ask(None),
            Some(request) = requests.recv() => if let Some(waiting) = running.answer(request) {
                loading.ask(Some(waiting));
            },
            // One thing is built at a time.
            loaded = loading.loaded(), if running.building.is_idle() => running.reload(loaded, loading.finish()),
            finished = running.building.finished() => running.finish(finished).await,
            _ = ticks.tick() => {
                running.tick();
                // What is being built may be of another configuration than the one that a look would load for.
                if running.building.is_idle() {
                    loading.look(&running.model, &running.databases);
                }
            }
            verdicts = service::next_changes(&mut running.changes) => running.take(&verdicts),
        }
        // What is loaded takes its turn: with it comes whatever is wanted of what serves.
        if !loading.is_finished() {
            running.go_on();
        }
    }
    drop(requests);
    control.shutdown().await;
    running.stop().await;
    Ok(())
}

fn signals(kind: SignalKind) -> Result<Signal, StartError> {
    signal(kind).map_err(StartError::Signals)
}

/// Every probe and connection holds a file: take as many as we may.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files was not raised");
    }
}
