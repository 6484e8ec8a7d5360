//! The configurations of this folder.

use std::path::Path;
use std::sync::Arc;

use gtm_userspace::config::{self, Model};

/// Their files.
pub(crate) const FILES: [&str; 3] = ["first.toml", "second.toml", "third.toml"];

/// Loads all of them.
pub(crate) fn load() -> Vec<Arc<Model>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    let load = |file: &str| match config::load(&folder.join(file)) {
        Ok(loaded) => Arc::new(loaded.model),
        Err(errors) => panic!("{errors}"),
    };
    FILES.into_iter().map(load).collect()
}
