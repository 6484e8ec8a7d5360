//! Commits in the background what nobody waits for: the state of a check, an event that was observed.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::{Batch, Store};

/// A thread that commits batches in the order in which they come, several as one when they come faster than the disk
/// takes them.
pub struct Writer {
    store: Arc<Store>,
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(store: Arc<Store>) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let committed = Arc::clone(&store);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || commit_all(&committed, &receiver))?;
        Ok(Self { store, batches: Some(sender), thread: Some(thread) })
    }

    /// The store it writes: for what is read, and for what must be kept before it goes on.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Has a batch committed soon; one that fails is logged.
    pub fn put(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        // The thread receives until the sender is dropped.
        if let Some(Err(_)) = self.batches.as_ref().map(|batches| batches.send(batch)) {
            tracing::error!("the thread that writes the store has ended");
        }
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

fn commit_all(store: &Store, batches: &Receiver<Batch>) {
    while let Ok(mut batch) = batches.recv() {
        while let Ok(next) = batches.try_recv() {
            batch.append(next);
        }
        if let Err(error) = store.commit(&batch) {
            tracing::error!(%error, "what happened was not kept");
        }
    }
}
