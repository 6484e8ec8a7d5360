//! Geo data: databases and prefixes become a partition of the address space by what the sources say of it.
//!
//! [`load`] reads the databases, [`compile`] cuts the address space by the sources, [`why`] puts a match into words.
//! Nothing here decides which source answers a client: that is `decision`'s. Never panics, whatever a file holds; time and
//! memory are bounded by its size (each distinct record costs at most 65,536 values, the limit of the `maxminddb` crate).
#![forbid(unsafe_code)]

mod cities;
mod compile;
mod continent;
mod database;
mod facts;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod geo_tests;
mod interner;
#[cfg(test)]
mod mmdb_writer;
mod prefixes;
mod record;
mod search_tree;

use std::net::IpAddr;
use std::panic::resume_unwind;
use std::thread;

pub use self::cities::{City, each_city};
pub use self::compile::{Compiled, compile};
pub use self::database::{Databases, GeoError, Stamp, load};
pub use self::facts::{Code, Facts, why};
pub use self::search_tree::SearchTreeError;
use crate::config::model::SourceId;

/// A cell of the partition of the address space that all sources together induce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// The address space, cut into ranges of one class each.
///
/// Both lists begin at address 0, are strictly ascending, and neighbours differ in class: each range reaches to the
/// next one's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// What the sources say of each class; at least one class.
    pub classes: Vec<Class>,
    /// First address of each IPv4 range.
    pub v4: Vec<(u32, ClassId)>,
    /// First address of each IPv6 range.
    pub v6: Vec<(u128, ClassId)>,
}

/// The sources that clients of this class belong to, best match first; the last is always `default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Class {
    /// Sources by descending [`MatchedBy`]; equal ones in the order of the configuration.
    pub matches: Vec<SourceMatch>,
}

/// That a client belongs to a source, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceMatch {
    /// The source.
    pub source: SourceId,
    /// The most specific inclusion that matched.
    pub by: MatchedBy,
}

/// What made a client belong to a source, from the least specific to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchedBy {
    /// Everyone does.
    Default,
    /// Its continent.
    Continent,
    /// Its country.
    Country,
    /// Its subdivision.
    Subdivision,
    /// Its city.
    City,
    /// Its AS number.
    AsNumber,
    /// A configured prefix of this length.
    Prefix(u8),
}

impl Partition {
    /// The most ranges of both families together.
    pub const MAX_RANGES: usize = 12 << 20;

    /// The class of an address: the plain reference for every faster table.
    ///
    /// An IPv6 address that embeds an IPv4 address (mapped, 6to4, Teredo) is an IPv6 address like any other.
    pub fn class_of(&self, address: IpAddr) -> ClassId {
        let class = match address {
            IpAddr::V4(v4) => range_of(&self.v4, u32::from(v4)),
            IpAddr::V6(v6) => range_of(&self.v6, u128::from(v6)),
        };
        class.unwrap_or(ClassId(0))
    }
}

/// Runs both, each in a thread of its own: the families have nothing to do with each other.
fn in_parallel<T, U: Send>(one: impl FnOnce() -> T, other: impl FnOnce() -> U + Send) -> (T, U) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        (one(), other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// What the range that holds the address carries; none only where the list does not begin at 0.
fn range_of<A: Copy + Ord, T: Copy>(ranges: &[(A, T)], address: A) -> Option<T> {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    ranges.get(..after)?.last().map(|(_, value)| *value)
}

/// Appends a range that reaches from its start to the end, unless the last one already says the same.
fn push_range<A, T: PartialEq>(ranges: &mut Vec<(A, T)>, start: A, value: T) {
    if ranges.last().is_none_or(|(_, last)| *last != value) {
        ranges.push((start, value));
    }
}
