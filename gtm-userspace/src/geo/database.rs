//! Databases read into memory: for each family a sorted list of ranges, and the facts they refer to.
//!
//! A file is read whole and dropped once the lists are built. It is never mapped: replacing or truncating a mapped file
//! in place, as an update script may, would kill the process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};

use super::interner::Interner;
use super::record::Record;
use super::search_tree::{Leaf, SearchTree, SearchTreeError};
use super::{Facts, push_range, range_of};

/// The largest file that is read; several times the largest database on offer.
const MAX_FILE_SIZE: u64 = 4 << 30;

/// Databases in the order of the configuration: for each network, the first that knows a fact gives it.
#[derive(Debug, Clone, Default)]
pub struct Databases(Vec<Database>);

/// One database: what it knows of each address.
///
/// Both lists begin at address 0 and are strictly ascending; a range reaches to the next one's start.
#[derive(Debug, Clone)]
pub struct Database {
    /// First address of each IPv4 range, and the index of its facts.
    pub(super) v4: Vec<(u32, u32)>,
    /// First address of each IPv6 range, and the index of its facts.
    pub(super) v6: Vec<(u128, u32)>,
    /// Distinct facts; the first is that nothing is known.
    pub(super) facts: Vec<Facts>,
}

/// Why a geo database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It does not exist, or may not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, a device or a pipe.
    #[error("{}: is not a regular file; a MaxMind database (.mmdb) is needed", path.display())]
    NotAFile {
        /// What was given as a file.
        path: PathBuf,
    },
    /// Larger than any database.
    #[error("{}: has {size} bytes; at most {MAX_FILE_SIZE} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// Its metadata are missing or contradict the file.
    #[error("{}: is not a MaxMind database (.mmdb), or a broken one: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MaxMindDbError,
    },
    /// Its search tree is no tree.
    #[error("{}: broken database: {source}", path.display())]
    SearchTree {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SearchTreeError,
    },
    /// The record of a network is not in the file, or not laid out as in a country, city or ASN database.
    #[error("{}: broken database, or not a country, city or ASN database: record of {network}: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The first network that has the record.
        network: String,
        /// What is wrong.
        source: MaxMindDbError,
    },
}

/// Reads all the databases; every file that cannot be used gives its own error.
pub fn load(paths: &[PathBuf]) -> Result<Databases, Vec<GeoError>> {
    let mut databases = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match Database::load(path) {
            Ok(database) => databases.push(database),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(Databases(databases)) } else { Err(errors) }
}

impl Databases {
    /// What is known of an address.
    pub fn facts(&self, address: IpAddr) -> Facts {
        self.0.iter().fold(Facts::default(), |known, database| match database.facts(address) {
            Some(facts) => known.or(facts),
            None => known,
        })
    }

    /// The databases in the order of the configuration.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Database> {
        self.0.iter()
    }
}

impl FromIterator<Database> for Databases {
    fn from_iter<I: IntoIterator<Item = Database>>(databases: I) -> Self {
        Self(databases.into_iter().collect())
    }
}

impl Database {
    /// Reads one database, checks its search tree and decodes every distinct record.
    pub fn load(path: &Path) -> Result<Self, GeoError> {
        Self::parse(path, &read(path)?)
    }

    /// Takes the content of a file; the path is for the errors.
    fn parse(path: &Path, file: &[u8]) -> Result<Self, GeoError> {
        let reader =
            Reader::from_source(file).map_err(|source| GeoError::Format { path: path.into(), source })?;
        let mut records = Records { reader: &reader, seen: HashMap::new(), facts: Interner::default() };
        records.facts.intern(Facts::default());
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let walked = SearchTree::new(file, reader.metadata()).walk(|leaf| {
            let facts = records.facts_of(leaf)?;
            match leaf.first {
                IpAddr::V4(first) => push_range(&mut v4, u32::from(first), facts),
                IpAddr::V6(first) => push_range(&mut v6, u128::from(first), facts),
            }
            Ok(())
        });
        walked.map_err(|error| match error {
            WalkError::SearchTree(source) => GeoError::SearchTree { path: path.into(), source },
            WalkError::Record(leaf, source) => {
                let network = format!("{}/{}", leaf.first, leaf.length);
                GeoError::Record { path: path.into(), network, source }
            }
        })?;
        Ok(Self { v4, v6, facts: records.facts.into_values() })
    }

    fn facts(&self, address: IpAddr) -> Option<&Facts> {
        let index = match address {
            IpAddr::V4(v4) => range_of(&self.v4, u32::from(v4)),
            IpAddr::V6(v6) => range_of(&self.v6, u128::from(v6)),
        };
        self.facts.get(usize::try_from(index?).ok()?)
    }
}

/// Why the walk over a database ended early.
enum WalkError {
    SearchTree(SearchTreeError),
    Record(Leaf, MaxMindDbError),
}

impl From<SearchTreeError> for WalkError {
    fn from(error: SearchTreeError) -> Self {
        Self::SearchTree(error)
    }
}

/// The records of a database, each decoded once.
struct Records<'a> {
    reader: &'a Reader<&'a [u8]>,
    /// Record, as the search tree writes it, to its index in `facts`.
    seen: HashMap<u32, u32>,
    facts: Interner<Facts>,
}

impl Records<'_> {
    /// The index of the facts of a network.
    fn facts_of(&mut self, leaf: Leaf) -> Result<u32, WalkError> {
        let Some(record) = leaf.record else { return Ok(0) };
        if let Some(index) = self.seen.get(&record) {
            return Ok(*index);
        }
        let decode = || self.reader.lookup(leaf.first)?.decode::<Record>();
        let facts =
            decode().map_err(|error| WalkError::Record(leaf, error))?.unwrap_or_default().into_facts();
        let index = self.facts.intern(facts);
        self.seen.insert(record, index);
        Ok(index)
    }
}

/// The content of a regular file of bearable size.
fn read(path: &Path) -> Result<Vec<u8>, GeoError> {
    let failed = |source| GeoError::Read { path: path.into(), source };
    // Before it is opened: opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(GeoError::NotAFile { path: path.into() });
    }
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_FILE_SIZE {
        return Err(GeoError::TooLarge { path: path.into(), size });
    }
    let mut content = Vec::new();
    file.take(MAX_FILE_SIZE).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}
