//! Loading files beside the loop: health goes on being decided meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::{Model, Problem};
use crate::control::{Idempotency, Written};
use crate::geo::{Databases, Stamp};
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
    /// The geo databases as they were looked at last, and as they were when they were last loaded, whatever came of it.
    seen: Vec<Option<Stamp>>,
    tried: Vec<Option<Stamp>>,
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
        Self {
            config: config.to_path_buf(),
            before,
            task: None,
            waiting: Vec::new(),
            again: None,
            seen: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// Loads the files, or once more when they are being loaded.
    pub(super) fn ask(&mut self, waiting: Option<Waiting>) {
        if self.task.is_some() {
            self.again.get_or_insert_default().extend(waiting);
        } else {
            self.start(waiting.into_iter().collect());
        }
    }

    /// Looks at the geo databases of the running configuration, once a second. When one is another file than what is
    /// loaded, and the same as at the last look, so that nobody is writing it, they are loaded: with this configuration,
    /// since nobody has said that what now stands in its file shall be in force. What cannot be used is tried once.
    pub(super) fn look(&mut self, model: &Arc<Model>, loaded: &Databases) {
        let now: Vec<_> = model.geo_databases.iter().map(|database| Stamp::of(&database.path)).collect();
        let is_new = !loaded.stamps().eq(now.iter().copied()) && now != self.tried;
        if is_new && now == self.seen && self.task.is_none() {
            let (config, model) = (self.config.clone(), Arc::clone(model));
            self.task = Some(spawn_blocking(move || Inputs::with_databases(&config, model)));
            self.tried.clone_from(&now);
        }
        self.seen = now;
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

    /// True when there is something that [`Self::loaded`] gives at once.
    pub(super) fn is_finished(&self) -> bool {
        self.task.as_ref().is_some_and(JoinHandle::is_finished)
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
        self.tried = before.geo_databases.iter().map(|database| Stamp::of(&database.path)).collect();
        self.task = Some(spawn_blocking(move || Inputs::load_after(&config, &before)));
        self.waiting = waiting;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::model::GeoDatabase;

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

    /// Looks twice, and waits for what comes of it.
    async fn look(loading: &mut Loading, model: &Arc<Model>, databases: &Databases) -> Option<Loaded> {
        loading.look(model, databases);
        assert!(loading.task.is_none(), "it may be half written");
        loading.look(model, databases);
        loading.task.as_ref()?;
        let loaded = loading.loaded().await;
        assert!(loading.finish().is_empty(), "nobody has asked");
        Some(loaded)
    }

    #[tokio::test]
    async fn a_changed_database_is_loaded_and_a_bad_one_tried_once() {
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/country.mmdb");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("country.mmdb");
        fs::copy(&good, &path).unwrap();
        let databases = vec![GeoDatabase { path: path.clone(), line: 1, key: "geo.databases[1]".to_owned() }];
        let model = Arc::new(Model { geo_databases: databases, ..Model::default() });
        let loaded = Inputs::with_databases(Path::new("/nowhere/gtm.toml"), Arc::clone(&model)).unwrap();
        let mut loading = Loading::new(Path::new("/nowhere/gtm.toml"), Arc::clone(&model));

        assert!(
            look(&mut loading, &model, &loaded.databases).await.is_none(),
            "it is the one that is loaded"
        );
        fs::write(&path, "no database").unwrap();
        let refused = look(&mut loading, &model, &loaded.databases).await.unwrap().unwrap_err();
        assert!(refused[0].to_string().contains("geo.databases[1]"), "{refused:?}");
        assert!(look(&mut loading, &model, &loaded.databases).await.is_none(), "it has been tried");
        fs::remove_file(&path).unwrap();
        assert!(look(&mut loading, &model, &loaded.databases).await.unwrap().is_err(), "it is gone");
        assert!(look(&mut loading, &model, &loaded.databases).await.is_none());
        // Put in its place, as an update does.
        fs::copy(&good, folder.path().join("new")).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        let again = look(&mut loading, &model, &loaded.databases).await.unwrap().unwrap();
        assert_eq!(again.partition, loaded.partition);
        assert!(look(&mut loading, &model, &again.databases).await.is_none());
    }
}
