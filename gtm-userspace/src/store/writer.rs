//! Commits in the background what nobody waits for: the state of a check, an event that was observed.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::{Batch, Store, StoreError};
use crate::event::Event;

/// A thread that commits batches in the order in which they come, several as one when they come faster than the disk
/// takes them.
pub struct Writer {
    batches: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// A batch, and who waits for it.
struct Job {
    batch: Batch,
    reply: Option<Sender<Result<Vec<Event>, StoreError>>>,
}

impl Writer {
    /// Starts the thread. `newest` is told the sequence of the newest event whenever there is a newer one.
    pub fn start(store: Arc<Store>, newest: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || commit_all(&store, &receiver, newest))?;
        Ok(Self { batches: Some(sender), thread: Some(thread) })
    }

    /// Has a batch committed soon; one that fails is logged.
    pub fn put(&self, batch: Batch) {
        if !batch.is_empty() && !self.send(Job { batch, reply: None }) {
            tracing::error!("the thread that writes the store has ended");
        }
    }

    /// Commits a batch behind all that were put before, and waits for it; its events are given with their sequence.
    pub fn commit(&self, batch: Batch) -> Result<Vec<Event>, StoreError> {
        let (sender, receiver) = channel();
        self.send(Job { batch, reply: Some(sender) });
        receiver.recv().unwrap_or(Err(StoreError::WriterEnded))
    }

    /// False when the thread has ended; it receives until the sender is dropped.
    fn send(&self, job: Job) -> bool {
        self.batches.as_ref().is_some_and(|batches| batches.send(job).is_ok())
    }
}

impl Drop for Writer {
    /// Waits until everything is committed.
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

fn commit_all(store: &Store, jobs: &Receiver<Job>, newest: impl Fn(u64)) {
    let mut next = None;
    while let Some(Job { mut batch, reply }) = next.take().or_else(|| jobs.recv().ok()) {
        // One that somebody waits for stays a transaction of its own: its failure is nobody else's.
        if reply.is_none() {
            next = loop {
                match jobs.try_recv() {
                    Ok(Job { batch: more, reply: None }) => batch.append(more),
                    other => break other.ok(),
                }
            };
        }
        let result = store.commit(&batch);
        if let Some(event) = result.as_ref().ok().and_then(|events| events.last()) {
            newest(event.sequence);
        }
        match (reply, result) {
            (Some(reply), result) => {
                if reply.send(result).is_err() {
                    tracing::debug!("nobody waits for a commit any more");
                }
            }
            (None, Ok(_)) => {}
            (None, Err(error)) => tracing::error!(%error, "what happened was not kept"),
        }
    }
}
