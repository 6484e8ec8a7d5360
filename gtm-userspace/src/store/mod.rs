//! The store: what must survive a restart, in one file, embedded and crash-safe.
//!
//! It keeps overrides, the memory of the decision, the last state of each check, events, and the responses to requests
//! that may be repeated. Nothing that was acknowledged is lost: a [`Store::commit`] that has returned survives a kill and
//! a power loss, and it keeps the whole of its [`Batch`] or nothing. A file that is damaged or foreign is refused and
//! left as it is. It decides nothing and reads no clock; every call may wait for the disk.
#![forbid(unsafe_code)]

mod batch;
mod image;
mod open;
mod tables;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Database, ReadTransaction, ReadableDatabase};
use serde::{Deserialize, Serialize};

pub use batch::Batch;
pub use writer::Writer;

use crate::decision::overrides::Override;
use crate::event::Event;
use crate::health::CheckState;
use image::Image;
use open::LockGuard;
use tables::{EVENT_KEY, EVENTS, Fault, HEALTH, MEMORY, META, OVERRIDES, RESPONSES, decode, number};

/// How long a response is kept for a request that is repeated, in milliseconds.
pub const KEEP_RESPONSES: u64 = 24 * 60 * 60 * 1000;

/// What was answered to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request, to tell a repetition from another request under the same key.
    pub request: String,
    /// The response, as JSON.
    pub body: String,
    /// When, in milliseconds since 1970 (UTC).
    pub time: u64,
}

/// Why the store cannot be used, or did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be made, opened or read.
    #[error("the store '{}' cannot be {what}: {source}", file.display())]
    Io {
        /// The file, or the folder that could not be made.
        file: PathBuf,
        /// What failed: `opened`, `created`, ..
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store '{}' is in use by another process; two gtm need a `store.file` each", .0.display())]
    InUse(PathBuf),
    /// The file is something else.
    #[error("'{}' is not a store of gtm: {what}; it was left as it is. {}", file.display(), way_out(file))]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is, or what it lacks.
        what: String,
    },
    /// The file is not as it was written.
    #[error("the store '{}' is damaged: {what}; it was left as it is. {}", file.display(), way_out(file))]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A later gtm wrote the file.
    #[error(
        "the store '{}' has {version}, and this gtm knows up to version {}; it was left as it is. Run the newer gtm, or: {}",
        file.display(),
        tables::VERSION,
        way_out(file)
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version, in words.
        version: String,
    },
    /// A read or a commit failed; nothing of the batch was acknowledged. The next one opens the file again.
    #[error("the store '{}' failed: {what}", file.display())]
    Failed {
        /// The file.
        file: PathBuf,
        /// What happened.
        what: String,
    },
    /// The thread that writes has ended.
    #[error("the thread that writes the store has ended; restart gtm")]
    WriterEnded,
    /// A response is kept under this key already; nothing of the batch was kept.
    #[error("a response for the key '{0}' is kept already")]
    KeyTaken(String),
}

/// How to go on without the file.
fn way_out(file: &Path) -> String {
    let file = file.display();
    format!(
        "To go on without it: `mv '{file}' '{file}.bad'` and start gtm; overrides, positions, last health and events start empty"
    )
}

/// The open store. One per file: opening it locks the file until it is dropped.
pub struct Store {
    file: PathBuf,
    lock: LockGuard,
    /// None after a failure: the next call opens the file again.
    opened: RwLock<Option<Opened>>,
    /// Held over a commit and its acknowledgement.
    commits: Mutex<()>,
}

/// An open database.
struct Opened {
    database: Database,
    image: Arc<Image>,
}

/// Why a call failed.
enum CallError {
    Fault(Fault),
    Panicked(String),
}

impl Store {
    /// Opens a store, or makes an empty one where no file is. The whole file is checked first.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let (lock, opened) = open::open(file)?;
        Ok(Self { file: file.to_owned(), lock, opened: RwLock::new(Some(opened)), commits: Mutex::new(()) })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Keeps all of a batch, or nothing of it when this is an error. When it returns it is on the disk. Gives the events
    /// of the batch with the sequence they have now.
    pub fn commit(&self, batch: &Batch) -> Result<Vec<Event>, StoreError> {
        let _alone = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        self.call(|opened| {
            let transaction = opened.database.begin_write()?;
            let (commit, events) = batch.apply(&transaction)?;
            transaction.commit()?;
            if let Err(error) = opened.image.acknowledge(commit) {
                // It is committed; only the guard against going back is one commit behind.
                tracing::warn!(file = %self.file.display(), %error, "the store's guard was not written");
            }
            Ok(events)
        })
    }

    /// An id for a new override: above all that were given out before, used or not, also by those who ran earlier.
    pub fn next_override_id(&self) -> Result<u64, StoreError> {
        let _alone = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        self.call(|opened| {
            let transaction = opened.database.begin_write()?;
            let (commit, id) = batch::take_override_id(&transaction)?;
            transaction.commit()?;
            if let Err(error) = opened.image.acknowledge(commit) {
                tracing::warn!(file = %self.file.display(), %error, "the store's guard was not written");
            }
            Ok(id)
        })
    }

    /// Every override, by id.
    pub fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(OVERRIDES)?;
            tables::all(&table)?.map(|entry| entry.map(|(_, value)| value)).collect()
        })
    }

    /// The memory of the decision.
    pub fn memory(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(MEMORY)?;
            tables::all(&table)?.collect()
        })
    }

    /// The last state of each check, by [`crate::health::identity_text`].
    pub fn health(&self) -> Result<HashMap<String, CheckState>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(HEALTH)?;
            tables::all(&table)?.collect()
        })
    }

    /// The first `limit` events above a sequence, in ascending order.
    pub fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let Some(first) = sequence.checked_add(1) else { return Ok(Vec::new()) };
        self.read(|transaction| {
            let table = transaction.open_table(EVENTS)?;
            table.range(first..)?.take(limit).map(|entry| decode(entry?.1.value())).collect()
        })
    }

    /// The newest `count` events, in ascending order.
    pub fn newest_events(&self, count: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(EVENTS)?;
            let newest = table.range::<u64>(..)?.rev().take(count).map(|entry| decode(entry?.1.value()));
            let mut events = newest.collect::<Result<Vec<_>, Fault>>()?;
            events.reverse();
            Ok(events)
        })
    }

    /// The last sequence that was given to an event, also when the event was removed since; 0 before the first.
    pub fn last_event(&self) -> Result<u64, StoreError> {
        self.read(|transaction| number(&transaction.open_table(META)?, EVENT_KEY))
    }

    /// The response under a key, unless it is older than [`KEEP_RESPONSES`].
    pub fn response(&self, key: &str, now: u64) -> Result<Option<Response>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(RESPONSES)?;
            let response: Option<Response> =
                table.get(key)?.map(|value| decode(value.value())).transpose()?;
            Ok(response.filter(|response| !is_over(response, now)))
        })
    }

    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.call(|opened| read(&opened.database.begin_read()?))
    }

    /// Calls the database. After a failure it is closed, and the next call opens it again, with all checks.
    fn call<T>(&self, call: impl FnOnce(&Opened) -> Result<T, Fault>) -> Result<T, StoreError> {
        let result = loop {
            let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(opened) = &*opened {
                break guarded(|| call(opened));
            }
            drop(opened);
            let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
            if opened.is_none() {
                *opened = Some(open::attach(&self.file, &self.lock)?);
                tracing::info!(file = %self.file.display(), "store opened again");
            }
        };
        let what = match result {
            Ok(value) => return Ok(value),
            Err(CallError::Fault(Fault::KeyTaken(key))) => return Err(StoreError::KeyTaken(key)),
            Err(CallError::Fault(Fault::Database(error))) => error.to_string(),
            Err(CallError::Fault(Fault::Content(what)) | CallError::Panicked(what)) => what,
        };
        self.close();
        Err(StoreError::Failed { file: self.file.clone(), what })
    }

    fn close(&self) {
        let opened = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(CallError::Panicked(what)) = guarded(|| {
            drop(opened);
            Ok(())
        }) {
            tracing::warn!(file = %self.file.display(), what, "the store was not closed well");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Calls the database, which panics over some pages that are not as it wrote them: a disk that goes bad must not take
/// the service down. Whoever gets a panic drops the database, so nothing that it left half done is used.
fn guarded<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, CallError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(CallError::Fault),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(CallError::Panicked(format!("its pages make no sense ({text})")))
        }
    }
}

fn is_over(response: &Response, now: u64) -> bool {
    now.saturating_sub(response.time) > KEEP_RESPONSES
}

#[cfg(test)]
mod tests;
