//! The client of the control API: one connection for each request, and errors that say what to do.

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, SERVER};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::api::{
    ApiError, ErrorBody, ErrorCode, EventQuery, Events, ExplainQuery, Explained, NewOverride, OverrideSet,
    Overrides, Reloaded, ReturnRequest, Returned, Status, Undone,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the answer to a change is waited for; the daemon gives up before.
const WRITE_PATIENCE: Duration = Duration::from_secs(125);
/// Most bytes of an answer: the status of many thousand addresses.
const MAX_ANSWER: usize = 256 << 20;
/// This version of gtm.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A client of the daemon at a socket.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why there is no answer, or no good one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "no gtm answers at \"{socket}\": is it running? (`gtm run`; `--socket` or `--config` say where it listens)"
    )]
    NoDaemon {
        /// Where it was asked.
        socket: PathBuf,
    },
    /// The socket is another user's.
    #[error("no permission for \"{socket}\": only the user that gtm runs as may use it")]
    Permission {
        /// Where it was asked.
        socket: PathBuf,
    },
    /// The socket cannot be used.
    #[error("no connection to \"{socket}\": {error}")]
    Connect {
        /// Where it was asked.
        socket: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The connection ended before the answer.
    #[error("gtm at \"{socket}\" did not answer: {error}")]
    Broken {
        /// Where it was asked.
        socket: PathBuf,
        /// Why.
        error: String,
    },
    /// The daemon is too slow.
    #[error("gtm at \"{socket}\" did not answer within {} s", .patience.as_secs())]
    Late {
        /// Where it was asked.
        socket: PathBuf,
        /// How long was waited.
        patience: Duration,
    },
    /// The two do not understand each other.
    #[error(
        "the gtm at \"{socket}\" is {there}, this one is {VERSION}: {error}; restart it, or use its own version"
    )]
    OtherVersion {
        /// Where it was asked.
        socket: PathBuf,
        /// Version of the daemon, in words.
        there: String,
        /// What was not understood.
        error: String,
    },
    /// The daemon refuses.
    #[error(transparent)]
    Refused(#[from] ApiError),
}

impl Client {
    /// A client of the daemon at this socket.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The state of everything.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status", PATIENCE).await
    }

    /// What a client is answered, and why.
    pub async fn explain(&self, query: &ExplainQuery) -> Result<Explained, ClientError> {
        self.get(&self.with_query("/v1/explain", query)?, PATIENCE).await
    }

    /// What happened.
    pub async fn events(&self, query: &EventQuery) -> Result<Events, ClientError> {
        let patience = PATIENCE + Duration::from_secs(query.wait.unwrap_or(0));
        self.get(&self.with_query("/v1/events", query)?, patience).await
    }

    /// The overrides that hold.
    pub async fn overrides(&self) -> Result<Overrides, ClientError> {
        self.get("/v1/overrides", PATIENCE).await
    }

    /// Overrides all objects that a pattern means, or says what would be done.
    pub async fn set_overrides(&self, wish: &NewOverride) -> Result<OverrideSet, ClientError> {
        self.write(Method::POST, "/v1/overrides", Some(wish)).await
    }

    /// Undoes an override.
    pub async fn undo(&self, id: u64) -> Result<Undone, ClientError> {
        self.write(Method::DELETE, &format!("/v1/overrides/{id}"), None::<&()>).await
    }

    /// Returns to the smallest ordinal that is available.
    pub async fn return_now(&self, wish: &ReturnRequest) -> Result<Returned, ClientError> {
        self.write(Method::POST, "/v1/return", Some(wish)).await
    }

    /// Loads the files anew.
    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        self.write(Method::POST, "/v1/reload", None::<&()>).await
    }

    fn with_query<Q: Serialize>(&self, path: &str, query: &Q) -> Result<String, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(&error))?;
        Ok(format!("{path}?{query}"))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None, patience).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| self.broken(&error))?;
        self.ask(method, path, body, WRITE_PATIENCE).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "gtm");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| self.broken(&error))?;
        let answer = timeout(patience, self.exchange(request)).await;
        let answer =
            answer.map_err(|_elapsed| ClientError::Late { socket: self.socket.clone(), patience })??;
        self.understand(&answer)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unconnected(error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(&error))?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| self.broken(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| self.broken(&error))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let answer = answer.await;
        connection.abort();
        answer
    }

    fn understand<T: DeserializeOwned>(&self, answer: &Response<Bytes>) -> Result<T, ClientError> {
        let there = answer.headers().get(SERVER).and_then(|server| server.to_str().ok());
        let version = there.and_then(|server| server.strip_prefix("gtm/"));
        let misunderstood = |error: String| ClientError::OtherVersion {
            socket: self.socket.clone(),
            there: version.map_or_else(|| "no gtm that is known".to_owned(), str::to_owned),
            error,
        };
        if answer.status().is_success() {
            return serde_json::from_slice(answer.body()).map_err(|error| misunderstood(error.to_string()));
        }
        let refused = serde_json::from_slice(answer.body());
        let ErrorBody { error } =
            refused.map_err(|_no_json| misunderstood(format!("it answered {}", answer.status())))?;
        let no_route = matches!(error.code, ErrorCode::NoSuchRoute | ErrorCode::MethodNotAllowed);
        let other_words = error.code == ErrorCode::BadRequest && version != Some(VERSION);
        Err(if no_route || other_words { misunderstood(error.message) } else { ClientError::Refused(error) })
    }

    fn unconnected(&self, error: io::Error) -> ClientError {
        let socket = self.socket.clone();
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
            ClientError::NoDaemon { socket }
        } else if error.kind() == ErrorKind::PermissionDenied {
            ClientError::Permission { socket }
        } else {
            ClientError::Connect { socket, error }
        }
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), error: error.to_string() }
    }
}
