//! Files of /proc and /sys, below any root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the files of a host are.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// A host whose root is this folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// The text of a file, without white space around it; `None` when it is not readable.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        Some(fs::read_to_string(self.path(path)).ok()?.trim().to_owned())
    }

    /// The number in a file.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// The names in a folder, in order; none when it is not readable.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The CPUs that are online.
    pub(super) fn cpus(&self) -> BTreeSet<u32> {
        self.text("sys/devices/system/cpu/online").map(|text| list(&text)).unwrap_or_default()
    }

    /// The name that a link ends in.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.path(path)).ok()?;
        Path::new(&target).file_name()?.to_str().map(str::to_owned)
    }
}

/// A list of numbers as the kernel writes it: `0-3,8`.
pub(super) fn list(text: &str) -> BTreeSet<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse::<u32>().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        #[track_caller]
        fn check(text: &str, expect: &[u32]) {
            assert_eq!(list(text).into_iter().collect::<Vec<_>>(), expect, "{text}");
        }
        check("0-3,8", &[0, 1, 2, 3, 8]);
        check("5\n", &[5]);
        check("", &[]);
        check("0-1,x", &[0, 1]);
    }
}
