//! Geo data: databases and prefixes become a partition of the address space by what the sources say of it.

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
