//! The control API: HTTP and JSON over a Unix socket that only the owner may use, and its client.
//!
//! `api` is the contract, `server` speaks it, `client` too, `plan` says what a wish for an override comes to. The server
//! decides nothing and knows no daemon: each [`Request`] goes over a channel to the daemon's main loop, which answers
//! between two changes, so a client never sees half of one.
#![forbid(unsafe_code)]

pub mod api;
pub mod client;
#[cfg(test)]
pub(crate) mod fake;
pub mod plan;
pub mod server;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::api::{
    ApiError, ErrorBody, ErrorCode, Events, Explained, NewOverride, Overrides, ReturnRequest, Status,
};
use crate::decision::Client;
use crate::name::Name;

/// Where the daemon sends its answer. Nobody listens any more when the client has gone.
pub type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// What a client wants of the daemon. Syntax is checked already: what is left to find wrong is of the daemon's state.
#[derive(Debug)]
pub enum Request {
    /// The state of everything.
    Status(Reply<Status>),
    /// What a client is answered, and why.
    Explain {
        /// QNAME.
        name: Name,
        /// QTYPE.
        qtype: u16,
        /// Who asks.
        client: Client,
        /// Where the answer goes.
        reply: Reply<Explained>,
    },
    /// Events, without waiting for one.
    Events {
        /// Those after this one; the newest when none. [`Events::last`] is the sequence number of the last one that is given,
        /// else this one when there is none after it, else that of the newest that there ever was, else 0.
        after: Option<u64>,
        /// At most so many; at least 1.
        limit: usize,
        /// Where the answer goes.
        reply: Reply<Events>,
    },
    /// The overrides that hold.
    Overrides(Reply<Overrides>),
    /// A change.
    Write {
        /// Which.
        write: Write,
        /// To be looked up before, and kept with the change in one transaction.
        idempotency: Option<Idempotency>,
        /// Where the answer goes.
        reply: oneshot::Sender<Written>,
    },
}

/// What a client wants changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Overrides; [`plan::set`] says what it comes to, the answer is an [`api::OverrideSet`].
    SetOverrides(NewOverride),
    /// One override less; [`plan::undo`] says which, the answer is an [`api::Undone`].
    Undo(u64),
    /// Return now; [`crate::decision::pattern::returning`] says what, the answer is an [`api::Returned`].
    Return(ReturnRequest),
    /// The files anew; the answer is an [`api::Reloaded`].
    Reload,
}

/// That a request is the same one when it is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The `Idempotency-Key`.
    pub key: String,
    /// Method, path and body of the request.
    pub request: String,
}

/// The answer to a change, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// Whether it was done just now.
    pub done: Done,
}

/// When a change was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// For this request.
    Now,
    /// For an earlier request with the same key.
    Before,
}

/// What is kept of a request with an `Idempotency-Key`, for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Method, path and body.
    pub request: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// JSON of the answer.
    pub body: String,
}

impl Written {
    /// The answer to what was done just now, or could not be.
    pub fn now<T: Serialize>(outcome: Result<T, ApiError>) -> Self {
        let done = outcome.and_then(|value| {
            serde_json::to_string(&value).map_err(|error| {
                ApiError::new(ErrorCode::Internal, format!("done, but the answer is no JSON: {error}"))
            })
        });
        match done {
            Ok(body) => Self { status: 200, body, done: Done::Now },
            Err(error) => {
                let status = error.code.status();
                // Texts and numbers only: this always is JSON.
                let body = serde_json::to_string(&ErrorBody { error }).unwrap_or_default();
                Self { status, body, done: Done::Now }
            }
        }
    }
}

impl Idempotency {
    /// What is to be kept of this request and its answer; nothing of a failure of the daemon, which may be tried again.
    pub fn record(&self, answer: &Written) -> Option<Record> {
        let Written { status, body, .. } = answer;
        let record = || Record { request: self.request.clone(), status: *status, body: body.clone() };
        (*status < 500).then(record)
    }

    /// The answer to this request when its key has a record.
    pub fn replay(&self, record: &Record) -> Written {
        if record.request != self.request {
            let message = format!("the Idempotency-Key \"{}\" was used for another request", self.key);
            let error = ApiError::new(ErrorCode::IdempotencyKeyReused, message);
            return Written::now::<()>(Err(error.suggest("choose a new key for each new request")));
        }
        Written { status: record.status, body: record.body.clone(), done: Done::Before }
    }
}
