//! Commits in the background what nobody waits for: the state of a check, an event that was observed.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Batch, Store, StoreError};
use crate::event::Event;

/// How long after a failure it is tried again, unless there is something new to keep before.
const RETRY: Duration = Duration::from_secs(5);
/// Events that wait for a store that fails; the oldest beyond them are left out.
const MAX_WAITING: usize = 10_000;

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

    /// Has a batch committed soon; when that fails it is tried again until it is kept.
    pub fn put(&self, batch: Batch) {
        if !batch.is_empty() && !self.send(Job { batch, reply: None }) {
            tracing::error!("the thread that writes the store has ended");
        }
    }

    /// Commits a batch behind all that were put before, and waits for it; its events are given with their sequence. While
    /// those cannot be kept, nothing is.
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
    /// Waits until everything is committed, or could not be for a last time.
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

/// Batches that nobody waits for, until they are kept: a disk that is full for a while loses none of them.
struct Waiting {
    batch: Batch,
    /// How often it could not be kept since it was last empty.
    failures: u64,
}

impl Waiting {
    /// Tries to keep them.
    fn keep(&mut self, store: &Store, newest: &impl Fn(u64)) -> Result<(), StoreError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        match store.commit(&self.batch) {
            Ok(events) => {
                tell(&events, newest);
                if self.failures > 0 {
                    tracing::info!("what happened meanwhile is kept now");
                }
                *self = Self { batch: Batch::default(), failures: 0 };
                Ok(())
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::error!(%error, "what happened is not kept; it is tried again");
                }
                self.failures += 1;
                self.batch.shrink(MAX_WAITING);
                Err(error)
            }
        }
    }
}

fn commit_all(store: &Store, jobs: &Receiver<Job>, newest: impl Fn(u64)) {
    let mut waiting = Waiting { batch: Batch::default(), failures: 0 };
    let mut next = None;
    loop {
        let job = match next.take() {
            Some(job) => job,
            None if waiting.batch.is_empty() => match jobs.recv() {
                Ok(job) => job,
                Err(_ended) => return,
            },
            None => match jobs.recv_timeout(RETRY) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => Job { batch: Batch::default(), reply: None },
                Err(RecvTimeoutError::Disconnected) => break,
            },
        };
        let Some(reply) = job.reply else {
            waiting.batch.append(job.batch);
            next = loop {
                match jobs.try_recv() {
                    Ok(Job { batch: more, reply: None }) => waiting.batch.append(more),
                    other => break other.ok(),
                }
            };
            // A failure is logged, and tried again.
            let _kept = waiting.keep(store, &newest).is_ok();
            continue;
        };
        // One that somebody waits for stays a transaction of its own: its failure is nobody else's.
        let result = waiting.keep(store, &newest).and_then(|()| store.commit(&job.batch));
        if let Ok(events) = &result {
            tell(events, &newest);
        }
        if reply.send(result).is_err() {
            tracing::debug!("nobody waits for a commit any more");
        }
    }
    if let Err(error) = waiting.keep(store, &newest) {
        tracing::error!(%error, "what happened was not kept");
    }
}

fn tell(events: &[Event], newest: &impl Fn(u64)) {
    if let Some(event) = events.last() {
        newest(event.sequence);
    }
}
