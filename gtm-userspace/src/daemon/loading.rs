//! Loading files beside the loop: health goes on being decided meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::{Model, Problem};
use crate::control::{Idempotency, Written};
use crate::inputs::Inputs;

/// What came of loading the files.
pub(super) type Loaded = Result<Inputs, Vec<Problem>>;

/// Files that are being loaded, and who waits for what comes of it.
pub(super) struct Loading {
    config: PathBuf,
    /// What was loaded last: zones that have not changed since are not read anew.
    before: Arc<Model>,
    task: Option<JoinHandle<Loaded>>,
    waiting: Vec<Waiting>,
    /// Who asked while files were being loaded: what is read already may be older than they want, so it is loaded once
    /// more.
    again: Option<Vec<Waiting>>,
}

/// A client that asked for a reload.
pub(super) struct Waiting {
    /// Told apart from the same request sent again.
    pub(super) idempotency: Option<Idempotency>,
    /// Where the answer goes.
    pub(super) reply: oneshot::Sender<Written>,
}

impl Loading {
    /// Nothing is being loaded, and this was.
    pub(super) fn new(config: &Path, before: Arc<Model>) -> Self {
        Self { config: config.to_path_buf(), before, task: None, waiting: Vec::new(), again: None }
    }

    /// Loads the files, or once more when they are being loaded.
    pub(super) fn ask(&mut self, waiting: Option<Waiting>) {
        if self.task.is_some() {
            self.again.get_or_insert_default().extend(waiting);
        } else {
            self.start(waiting.into_iter().collect());
        }
    }

    /// What came of it; for ever when nothing is being loaded. Nothing is lost when it is not waited for any longer.
    pub(super) async fn loaded(&mut self) -> Loaded {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let loaded = task.await;
        self.task = None;
        // A panic while loading is a defect; the daemon goes on with what it has.
        let loaded =
            loaded.unwrap_or_else(|error| Err(vec![Problem::of_file(&self.config, error.to_string())]));
        if let Ok(inputs) = &loaded {
            self.before = Arc::clone(&inputs.model);
        }
        loaded
    }

    /// Who waits for what was loaded; loads once more when somebody asked meanwhile.
    pub(super) fn finish(&mut self) -> Vec<Waiting> {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(again) = self.again.take() {
            self.start(again);
        }
        waiting
    }

    fn start(&mut self, waiting: Vec<Waiting>) {
        let (config, before) = (self.config.clone(), Arc::clone(&self.before));
        self.task = Some(spawn_blocking(move || Inputs::load_after(&config, &before)));
        self.waiting = waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_meanwhile_has_it_loaded_once_more() {
        let mut loading = Loading::new(Path::new("/nowhere/gtm.toml"), Arc::default());
        let ask = || {
            let (reply, answer) = oneshot::channel();
            (Some(Waiting { idempotency: None, reply }), answer)
        };
        let ((first, _), (second, _), (third, _)) = (ask(), ask(), ask());
        loading.ask(first);
        loading.ask(second);
        loading.ask(third);
        assert!(loading.loaded().await.is_err());
        assert_eq!(loading.finish().len(), 1);
        assert!(loading.loaded().await.is_err());
        assert_eq!(loading.finish().len(), 2);
        assert!(loading.task.is_none());
    }
}
