//! The files that are, or would be, in a commit, and what a rule says about them.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::source;
use crate::process;

/// The tree of a commit.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Its files, sorted by path.
    pub(super) files: Vec<File>,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Path from the root of the workspace.
    pub(super) path: String,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
    /// The same as text; empty when it is none.
    pub(super) text: String,
    /// The text without comments and literals, when it is Rust; else empty.
    pub(super) code: String,
}

/// What a rule found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The file.
    pub(super) path: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong, and what would be right.
    pub(super) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl Tree {
    /// The files git knows, and new ones that it does not ignore.
    pub(super) fn read() -> anyhow::Result<Self> {
        let root = process::root();
        let mut git = Command::new("git");
        git.current_dir(&root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.output().context("cannot run git, which knows the files of the project")?;
        if !output.status.success() {
            bail!(
                "git cannot list the files of the project: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
            let place = root.join(path);
            // Removed but not yet committed as removed, a link, or another repository's folder.
            if fs::symlink_metadata(&place).is_ok_and(|data| data.is_file()) {
                files.push(File::new(path, fs::read(&place).with_context(|| format!("cannot read {path}"))?));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl File {
    /// A file of the tree.
    pub(super) fn new(path: &str, bytes: Vec<u8>) -> Self {
        let text = str::from_utf8(&bytes).unwrap_or_default().to_owned();
        let mut file = Self { path: path.to_owned(), bytes, text, code: String::new() };
        if file.is_rust() {
            file.code = source::code(&file.text);
        }
        file
    }

    /// Whether it is Rust.
    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Whether only tests compile it: the test package, or the test modules of another.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    /// Whether it is at `place`, or below it when `place` ends with a slash.
    pub(super) fn is_at(&self, place: &str) -> bool {
        self.path == place || (place.ends_with('/') && self.path.starts_with(place))
    }

    /// A finding at `line` of it.
    pub(super) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }
}

/// Runs `rule` over an invented tree and compares where it finds something.
#[cfg(test)]
#[track_caller]
pub(super) fn check(rule: impl Fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], expect: &[&str]) {
    let files = files.iter().map(|(path, text)| File::new(path, text.as_bytes().to_vec())).collect();
    let found: Vec<String> =
        rule(&Tree { files }).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect();
    assert_eq!(found, expect);
}
