//! Databases read into memory: for each family a sorted list of ranges, and the facts they refer to.
//!
//! A file is read whole and dropped once the lists are built. It is never mapped: replacing or truncating a mapped file
//! in place, as an update script may, would kill the process.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};

use super::interner::Interner;
use super::record::Record;
use super::search_tree::{Leaf, SearchTree, SearchTreeError};
use super::{Facts, in_parallel, push_range, range_of};

/// The largest file that is read; several times the largest database on offer.
const MAX_FILE_SIZE: u64 = 4 << 30;

/// Databases in the order of the configuration: for each network, the first that knows a fact gives it.
#[derive(Debug, Clone, Default)]
pub struct Databases(pub(super) Vec<Database>);

/// One database: what it knows of each address.
///
/// Both lists begin at address 0 and are strictly ascending; a range reaches to the next one's start.
#[derive(Debug, Clone)]
pub(super) struct Database {
    /// Of the file that it was read from.
    stamp: Option<Stamp>,
    /// First address of each IPv4 range, and the index of its facts.
    pub(super) v4: Vec<(u32, u32)>,
    /// First address of each IPv6 range, and the index of its facts.
    pub(super) v6: Vec<(u128, u32)>,
    /// Distinct facts; the first is that nothing is known.
    pub(super) facts: Vec<Facts>,
}

/// What tells a file from the one that was there before, without reading either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Stamp {
    /// That of the file at this path now; none where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        Some(Self::new(&fs::metadata(path).ok()?))
    }

    fn new(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
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

impl GeoError {
    /// The file that cannot be used.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::NotAFile { path }
            | Self::TooLarge { path, .. }
            | Self::Format { path, .. }
            | Self::SearchTree { path, .. }
            | Self::Record { path, .. } => path,
        }
    }
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
    /// Those of the files that were read.
    pub fn stamps(&self) -> impl Iterator<Item = Option<Stamp>> {
        self.0.iter().map(|database| database.stamp)
    }

    /// What is known of an address.
    pub fn facts(&self, address: IpAddr) -> Facts {
        self.0.iter().fold(Facts::default(), |known, database| match database.facts(address) {
            Some(facts) => known.or(facts),
            None => known,
        })
    }
}

impl Database {
    /// Reads one database, checks its search tree and decodes every distinct record.
    pub(super) fn load(path: &Path) -> Result<Self, GeoError> {
        let (file, stamp) = read(path)?;
        Ok(Self { stamp: Some(stamp), ..Self::parse(path, &file)? })
    }

    /// Takes the content of a file; the path is for the errors.
    pub(super) fn parse(path: &Path, file: &[u8]) -> Result<Self, GeoError> {
        let reader =
            Reader::from_source(file).map_err(|source| GeoError::Format { path: path.into(), source })?;
        let tree = SearchTree::new(file, reader.metadata());
        let (v4, v6) = in_parallel(
            || {
                let mut family = Family::new(&reader);
                tree.walk_v4(|leaf, first| family.push(leaf, first))?;
                Ok(family)
            },
            || {
                let mut family = Family::new(&reader);
                tree.walk_v6(|leaf, first| family.push(leaf, first))?;
                Ok(family)
            },
        );
        let at = |error: WalkError| error.at(path);
        let (v4, v6) = (v4.map_err(at)?, v6.map_err(at)?);
        let mut facts = v4.facts;
        let numbers: Vec<u32> = v6.facts.into_values().into_iter().map(|known| facts.intern(known)).collect();
        let mut of_v6 = v6.ranges;
        for (_, index) in &mut of_v6 {
            *index = usize::try_from(*index).ok().and_then(|index| numbers.get(index)).copied().unwrap_or(0);
        }
        Ok(Self { stamp: None, v4: v4.ranges, v6: of_v6, facts: facts.into_values() })
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
pub(super) enum WalkError {
    SearchTree(SearchTreeError),
    Record(Leaf, MaxMindDbError),
}

impl WalkError {
    /// The error of the file that was walked.
    pub(super) fn at(self, path: &Path) -> GeoError {
        match self {
            Self::SearchTree(source) => GeoError::SearchTree { path: path.into(), source },
            Self::Record(leaf, source) => {
                let network = format!("{}/{}", leaf.first, leaf.length);
                GeoError::Record { path: path.into(), network, source }
            }
        }
    }
}

impl From<SearchTreeError> for WalkError {
    fn from(error: SearchTreeError) -> Self {
        Self::SearchTree(error)
    }
}

/// The ranges of one family; each record is decoded once.
struct Family<'a, A> {
    reader: &'a Reader<&'a [u8]>,
    ranges: Vec<(A, u32)>,
    /// Record, as the search tree writes it, to its index in `facts`.
    seen: HashMap<u32, u32>,
    facts: Interner<Facts>,
}

impl<'a, A> Family<'a, A> {
    fn new(reader: &'a Reader<&'a [u8]>) -> Self {
        let mut facts = Interner::default();
        facts.intern(Facts::default());
        Self { reader, ranges: Vec::new(), seen: HashMap::new(), facts }
    }

    /// Takes the next network, which begins at this address.
    fn push(&mut self, leaf: Leaf, first: A) -> Result<(), WalkError> {
        let facts = self.facts_of(leaf)?;
        push_range(&mut self.ranges, first, facts);
        Ok(())
    }

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
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, Stamp), GeoError> {
    let failed = |source| GeoError::Read { path: path.into(), source };
    // Before it is opened: opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(GeoError::NotAFile { path: path.into() });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let size = metadata.len();
    if size > MAX_FILE_SIZE {
        return Err(GeoError::TooLarge { path: path.into(), size });
    }
    let mut content = Vec::new();
    file.take(MAX_FILE_SIZE).read_to_end(&mut content).map_err(failed)?;
    Ok((content, Stamp::new(&metadata)))
}

#[cfg(test)]
mod tests {
    use super::super::geo_tests::{database, record};
    use super::super::mmdb_writer::{MmdbWriter, Slot, Value};
    use super::*;

    /// What is known of an address: continent, country, subdivisions, city, AS number; `-` for what is not.
    #[track_caller]
    fn check(database: &Database, address: &str, expect: &str) {
        let Facts { continent, country, subdivisions, city, as_number } =
            database.facts(address.parse().unwrap()).unwrap().clone();
        let text = |known: Option<String>| known.unwrap_or_else(|| "-".to_owned());
        let subdivisions: Vec<String> = subdivisions.iter().map(ToString::to_string).collect();
        let found = [
            text(continent.map(|code| code.to_string())),
            text(country.map(|code| code.to_string())),
            text(Some(subdivisions.join("+")).filter(|codes| !codes.is_empty())),
            text(city.map(|id| id.to_string())),
            text(as_number.map(|number| number.to_string())),
        ];
        assert_eq!(found.join(" "), expect, "{address}");
    }

    #[test]
    fn every_ip_version_and_record_size_is_read() {
        for size in [24, 28, 32] {
            let four = database(4, size, &[("1.0.0.0/8", "country DE"), ("1.2.3.4/32", "as 7")]);
            check(&four, "0.255.255.255", "- - - - -");
            check(&four, "1.2.3.3", "EU DE - - -");
            check(&four, "1.2.3.4", "- - - - 7");
            check(&four, "1.255.255.255", "EU DE - - -");
            check(&four, "2.0.0.0", "- - - - -");
            check(&four, "::1.2.3.4", "- - - - -");
            let six = database(
                6,
                size,
                &[
                    ("1.0.0.0/8", "country US, subdivision CA, subdivision LA"),
                    ("2400::/12", "country CN, continent EU"),
                    ("2400::1/128", "city 5"),
                ],
            );
            check(&six, "1.2.3.4", "NA US US-CA+US-LA - -");
            check(&six, "2400::", "EU CN - - -");
            check(&six, "2400::1", "- - - 5 -");
            check(&six, "240f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "EU CN - - -");
            check(&six, "2410::", "- - - - -");
            check(&six, "::1.2.3.4", "- - - - -");
        }
    }

    #[test]
    fn a_network_around_both_families_counts_for_both() {
        let all = database(6, 24, &[("::/0", "country DE")]);
        check(&all, "1.2.3.4", "EU DE - - -");
        check(&all, "::1.2.3.4", "- - - - -");
        check(&all, "::1:0:0", "EU DE - - -");
        check(&all, "ffff::", "EU DE - - -");
        let v4 = database(6, 24, &[("0.0.0.0/0", "country DE")]);
        check(&v4, "255.255.255.255", "EU DE - - -");
        check(&v4, "::1:0:0", "- - - - -");
    }

    #[test]
    fn aliases_of_the_ipv4_tree_are_no_ipv6_networks() {
        let mut writer = MmdbWriter::new(6, 28);
        writer.insert("1.2.0.0/16", record("country CN"));
        writer.insert("2001:4000::/18", record("country DE"));
        for alias in ["::ffff:0:0/96", "2001::/32", "2002::/16"] {
            writer.alias(alias, "0.0.0.0/0");
        }
        let database = Database::parse(Path::new("alias.mmdb"), &writer.finish()).unwrap();
        check(&database, "1.2.3.4", "AS CN - - -");
        check(&database, "::ffff:1.2.3.4", "- - - - -");
        check(&database, "2002:102:304::", "- - - - -");
        check(&database, "2001:0:102:304::", "- - - - -");
        check(&database, "2001:4000::1", "EU DE - - -");
        assert_eq!((database.v4.len(), database.v6.len()), (3, 3));
    }

    #[test]
    fn a_record_without_known_fields_says_nothing() {
        for value in [
            Value::Text("1.0.0.0/8".to_owned()),
            Value::U32(1),
            Value::Array(vec![Value::U16(1), Value::Map(vec![])]),
            Value::Map(vec![("ip", Value::Text("1.0.0.0".to_owned())), ("location", Value::Map(vec![]))]),
            Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text("no code".to_owned()))]))]),
        ] {
            let mut writer = MmdbWriter::new(6, 24);
            writer.insert("1.0.0.0/8", value);
            check(&Database::parse(Path::new("odd.mmdb"), &writer.finish()).unwrap(), "1.2.3.4", "- - - - -");
        }
    }

    #[track_caller]
    fn check_error(writer: &MmdbWriter, expect: &str) {
        let error = Database::parse(Path::new("etc/bad.mmdb"), &writer.finish()).unwrap_err().to_string();
        assert!(error.starts_with("etc/bad.mmdb: ") && error.contains(expect), "{error}");
    }

    #[test]
    fn a_record_of_another_layout_is_refused() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, expect) in [
            (Value::Map(vec![("country", text("DE"))]), "record of 1.0.0.0/8: "),
            (Value::Map(vec![("autonomous_system_number", text("AS7"))]), "record of 1.0.0.0/8: "),
            (
                Value::Map(vec![("subdivisions", Value::Array(vec![Value::Map(vec![]); 33]))]),
                "33 subdivisions; at most 32",
            ),
        ] {
            let mut writer = MmdbWriter::new(6, 24);
            writer.insert("1.0.0.0/8", value);
            check_error(&writer, expect);
        }
    }

    /// A tree of these nodes, in a database for both families.
    fn bent(nodes: Vec<[Slot; 2]>) -> MmdbWriter {
        let mut writer = MmdbWriter::new(6, 24);
        writer.nodes = nodes;
        writer
    }

    #[test]
    fn a_search_tree_that_does_not_end_is_refused() {
        let root = Slot::Node(0);
        check_error(&bent(vec![[root, root]]), "search tree reaches its 1 nodes over and over");
        check_error(&bent(vec![[root, Slot::Empty]]), "search tree reaches its 1 nodes over and over");
        check_error(&bent(vec![[Slot::Empty, root]]), "search tree reaches its 1 nodes over and over");
        let mut long: Vec<[Slot; 2]> = (1..=65).map(|next| [Slot::Empty, Slot::Node(next)]).collect();
        long.push([Slot::Empty, root]);
        check_error(&bent(long.clone()), "search tree is deeper than an address has bits");
        let mut four = MmdbWriter::new(4, 32);
        four.nodes = long;
        check_error(&four, "search tree is deeper than an address has bits");
    }

    #[test]
    fn a_search_tree_that_multiplies_its_nodes_is_refused() {
        // Each node leads to the next one by both bits: 2^128 networks, all empty.
        let doubling = |depth: usize| (0..depth).map(|node| [Slot::Node(node + 1); 2]).collect::<Vec<_>>();
        let mut empty = doubling(127);
        empty.push([Slot::Empty; 2]);
        check_error(&bent(empty), "search tree reaches its 128 nodes over and over");
        // 2^96 aliases of the IPv4 tree.
        let mut aliases = doubling(96);
        aliases.push([Slot::Empty; 2]);
        check_error(&bent(aliases), "search tree reaches its 97 nodes over and over");
    }

    #[test]
    fn what_is_no_database_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty.mmdb"), b"").unwrap();
        fs::write(path("text.mmdb"), b"not a database").unwrap();
        for (name, expect) in [
            ("missing.mmdb", "missing.mmdb: cannot be read: No such file or directory"),
            ("", "is not a regular file; a MaxMind database (.mmdb) is needed"),
            ("empty.mmdb", "empty.mmdb: is not a MaxMind database (.mmdb), or a broken one: "),
            ("text.mmdb", "text.mmdb: is not a MaxMind database (.mmdb), or a broken one: "),
        ] {
            let error = Database::load(&path(name)).unwrap_err().to_string();
            assert!(
                error.starts_with(&path(name).display().to_string()) && error.contains(expect),
                "{error}"
            );
        }
        let device = Database::load(Path::new("/dev/null")).unwrap_err().to_string();
        assert_eq!(device, "/dev/null: is not a regular file; a MaxMind database (.mmdb) is needed");
        assert_eq!(load(&[path("missing.mmdb"), path("empty.mmdb")]).unwrap_err().len(), 2);
    }
}
