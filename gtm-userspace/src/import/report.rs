//! What has no equal here, and where it is written.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A setting of the other server that has no equal here.
///
/// Displayed as `/etc/gdnsd/config:14: options.tcp_threads: reason`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// The file it is in.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The key, with those around it: `plugins.multifo.www.up_thresh`; in a zone file the owner name.
    pub key: String,
    /// Why it has no equal, and what stands in its place.
    pub reason: String,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.key, self.reason)
    }
}

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) file: Rc<Path>,
    /// The line, counted from 1.
    pub(super) line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Gathers what has no equal; the same is said once.
#[derive(Debug, Default)]
pub(super) struct Report {
    settings: RefCell<Vec<Setting>>,
}

impl Report {
    /// Notes that a setting has no equal here.
    pub(super) fn no_equal(&self, place: &Place, key: &str, reason: impl Into<String>) {
        let setting = Setting {
            file: place.file.to_path_buf(),
            line: place.line,
            key: key.to_owned(),
            reason: reason.into(),
        };
        let mut settings = self.settings.borrow_mut();
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }

    /// All of it, in the order it was found.
    pub(super) fn into_settings(self) -> Vec<Setting> {
        self.settings.into_inner()
    }
}
