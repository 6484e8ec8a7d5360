//! Authoritative zones: the records of a zone in wire form, where they come from, and what a question finds among them.

mod loader;
pub mod lookup;
mod nodes;
mod source;
pub mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::Name;

pub(crate) use loader::parse_seconds;
pub use nodes::Nodes;
pub use source::{Source, load};

/// A zone as it stands in its file. Valid: exactly one SOA at the origin, every owner at or below the origin, no CNAME
/// beside other data. Clones share the records.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Name of the zone's apex.
    pub origin: Name,
    /// Where its records come from.
    pub source: Arc<Source>,
    /// Every name of the zone that exists, empty non-terminals included (their node has no record sets).
    pub nodes: Nodes,
}

/// The record sets at one name, by type number.
pub type Node = BTreeMap<u16, RecordSet>;

/// All records of one name and type (RFC 2181 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA of each record, uncompressed wire form, in the order of the file; never empty.
    pub rdata: Vec<Box<[u8]>>,
}
