//! Where the records of a zone come from, and whether they are still the same.
//!
//! Today that is a zone file with the files it includes. Whatever else a zone may come from one day, a primary server
//! first of all, is decided in [`load`]: it makes a [`Zone`] and leaves in its [`Source`] what tells that the zone has
//! not changed (for a file its digest, for a transfer the serial of the SOA). Nothing outside this module asks for more.

use std::path::{Path, PathBuf};

use ring::digest;

use super::Zone;
use super::loader::{self, MAX_BYTES};
use crate::config::{Problem, read_text};
use crate::name::Name;

/// What a zone was read from, and what is doubtful in it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The zone file, then those it includes.
    pub(super) files: Vec<SourceFile>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
    /// Names that records of the zone point at and that have no address in it: doubtful unless they are steered.
    pub without_address: Vec<(Name, Problem)>,
}

impl Source {
    /// The zone file; `None` of a zone that was made otherwise.
    pub fn file(&self) -> Option<&Path> {
        self.files.first().map(|file| &*file.path)
    }
}

/// A file and what was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    path: PathBuf,
    sha256: Box<[u8]>,
}

impl SourceFile {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let sha256 = digest::digest(&digest::SHA256, text.as_bytes());
        Self { path: path.to_path_buf(), sha256: sha256.as_ref().into() }
    }
}

/// Reads the zone of this name from a file, and from the files it includes. When all of them have the same content as
/// when one of the zones `before` was read from them, it is that zone, and shares its records. Content is what counts:
/// the time of a file may change without it, or stay the same although it changes.
///
/// A problem without a line is about the file as a whole; its message goes on where the file's name ends.
pub fn load(origin: &Name, file: &Path, before: &[Zone]) -> Result<Zone, Vec<Problem>> {
    match before.iter().find(|zone| zone.origin == *origin && zone.source.is_unchanged(file)) {
        Some(zone) => Ok(zone.clone()),
        None => loader::load(origin, file),
    }
}

impl Source {
    /// True when the zone was read from this file, and each of its files still has the same content. Which files a zone
    /// includes is said by their content too.
    fn is_unchanged(&self, file: &Path) -> bool {
        let is_same = |known: &SourceFile| {
            read_text(&known.path, MAX_BYTES).is_ok_and(|text| SourceFile::new(&known.path, &text) == *known)
        };
        self.files.first().is_some_and(|first| first.path == file) && self.files.iter().all(is_same)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MAIN: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n$INCLUDE more\n";

    #[test]
    fn a_zone_is_read_anew_when_a_file_of_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(file(name), text).unwrap();
        write("zone", MAIN);
        write("more", "ns A 192.0.2.1\n");
        let origin: Name = "example.com".parse().unwrap();
        let first = load(&origin, &file("zone"), &[]).unwrap();
        let before = [first.clone()];
        let is_shared = |origin: &str, path: &str| {
            let zone = load(&origin.parse().unwrap(), &file(path), &before).unwrap();
            zone.nodes.are_shared_with(&first.nodes)
        };
        assert!(is_shared("example.com", "zone"));
        // The same content in a file that was written anew is the same zone.
        fs::remove_file(file("more")).unwrap();
        write("more", "ns A 192.0.2.1\n");
        assert!(is_shared("example.com", "zone"));
        assert!(!is_shared("example.net", "zone"));
        write("copy", MAIN);
        assert!(!is_shared("example.com", "copy"));
        // Of the same length, within the same second.
        let modified = fs::metadata(file("more")).unwrap().modified().unwrap();
        write("more", "ns A 192.0.2.2\n");
        fs::File::options().write(true).open(file("more")).unwrap().set_modified(modified).unwrap();
        assert!(!is_shared("example.com", "zone"));
        write("more", "ns A 192.0.2.1\n");
        write("zone", &format!("{MAIN};\n"));
        assert!(!is_shared("example.com", "zone"));
        write("zone", MAIN);
        assert!(is_shared("example.com", "zone"));
        fs::remove_file(file("more")).unwrap();
        assert!(load(&origin, &file("zone"), &before).is_err());
    }
}
