//! The server of the control API. It checks what can be checked without the daemon and asks it for the rest.

mod document;
mod respond;
mod routes;
mod socket;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

pub use document::document;
pub use socket::SocketError;

use super::Request;
use super::api::{ApiError, ErrorCode};
use socket::SocketGuard;

/// Most connections at a time; more wait.
const MAX_CONNECTIONS: usize = 128;
/// Most bytes of a request line with its headers.
const MAX_HEAD: usize = 16 << 10;
/// Most headers.
const MAX_HEADERS: usize = 64;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take once the server ends.
const LINGER: Duration = Duration::from_secs(2);

/// A running server; it ends, and its socket goes away, when it is dropped.
#[derive(Debug)]
pub struct Server {
    ending: watch::Sender<Ending>,
    accepting: JoinHandle<()>,
    /// Removes the socket.
    _socket: SocketGuard,
}

/// Whether the server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Yes,
}

/// The way to the daemon.
#[derive(Debug, Clone)]
struct Daemon {
    requests: mpsc::Sender<Request>,
    /// Sequence number of the newest event.
    newest: watch::Receiver<u64>,
    ending: watch::Receiver<Ending>,
}

impl Server {
    /// Serves at this path: only its owner may connect. Requests go to `requests`; `newest` tells the sequence number of
    /// the newest event, for those that wait for one. Must be called inside a tokio runtime.
    pub fn start(
        path: &Path,
        requests: mpsc::Sender<Request>,
        newest: watch::Receiver<u64>,
    ) -> Result<Self, SocketError> {
        let (listener, socket) = socket::bind(path)?;
        let (ending, watching) = watch::channel(Ending::No);
        let router = routes::router(Daemon { requests, newest, ending: watching.clone() });
        let accepting = tokio::spawn(accept(listener, router, watching));
        Ok(Self { ending, accepting, _socket: socket })
    }

    /// Ends: new requests are refused, those being answered get a moment.
    pub async fn shutdown(mut self) {
        self.ending.send_replace(Ending::Yes);
        if let Err(error) = (&mut self.accepting).await {
            tracing::warn!(%error, "the control socket did not end well");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts connections until the end, and waits for those that are open.
async fn accept(listener: UnixListener, router: Router, mut ending: watch::Receiver<Ending>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = ended(&mut ending) => break,
            Some(_) = connections.join_next() => {}
            (permit, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let served = serve(stream, router.clone(), ending.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Out of files: others close theirs meanwhile.
                    tracing::warn!(%error, "no connection accepted on the control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(LINGER, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(stream: UnixStream, router: Router, mut ending: watch::Receiver<Ending>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = ended(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the control socket ended early");
    }
}

/// Waits until the server ends.
async fn ended(ending: &mut watch::Receiver<Ending>) {
    // A server that is gone has ended too.
    let _ended = ending.wait_for(|ending| *ending == Ending::Yes).await.is_ok();
}

impl Daemon {
    /// Asks the daemon, and waits no longer than this for its answer.
    async fn ask<T>(
        &self,
        patience: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, ApiError> {
        let unavailable = |message: String| ApiError::new(ErrorCode::Unavailable, message);
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(request(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(patience, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(unavailable("the daemon is ending".to_owned())),
            Err(_elapsed) => Err(unavailable(format!(
                "the daemon did not answer within {} s; it may still do what was asked",
                patience.as_secs()
            ))),
        }
    }
}
