//! What the fuzzers run: each target takes any bytes, and panics where something does not hold that always must.
//!
//! `cargo xtask fuzz` puts libFuzzer before them, which finds its way by what the code does; `tests/short.rs` runs each a
//! few thousand times on its corpus and what is made from it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a target fails by a panic"
)]

use std::fs;
use std::path::{Path, PathBuf};

pub mod config;
pub mod mmdb;
pub mod mutate;
pub mod parity;
pub mod query;
pub mod zone;

/// The inputs of a target that are kept in the repository.
pub fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// A folder with these files, which goes when it is dropped.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file in a temporary folder");
    }
    folder
}
