//! The name hash table and the name records, as the maps have them.

use std::collections::HashMap;

use gtm_common::abi::{Bucket, EMPTY_BUCKET, MAX_PROBES, NOT_OURS, NameRecord, PageRef, TypeEntry};
use gtm_common::names::NameHash;
use zerocopy::IntoBytes as _;

use super::DataplaneError;
use super::pages::PageCursor;
use super::plan::PlannedName;
use crate::name::Name;

/// The table of one generation.
#[derive(Debug)]
pub(super) struct NameTable {
    /// Key of the hash.
    pub(super) key: u64,
    /// A power of two of them.
    pub(super) buckets: Vec<Bucket>,
    /// Each record's place and words.
    pub(super) records: Vec<(PageRef, Vec<u64>)>,
    /// Pages that the records take.
    pub(super) pages: u32,
}

impl NameTable {
    /// Places every name within [`MAX_PROBES`] of its hash's bucket, with another of the keys and a larger table until
    /// that holds.
    pub(super) fn new(names: &[PlannedName], mut keys: impl FnMut() -> u64) -> Result<Self, DataplaneError> {
        let mut cursor = PageCursor::default();
        let mut records = Vec::with_capacity(names.len());
        // Names of one zone have the same below them.
        let mut shared: HashMap<&[TypeEntry], PageRef> = HashMap::new();
        let mut placed = Vec::with_capacity(names.len());
        for planned in names {
            let below = match planned.below.as_deref() {
                None => NOT_OURS,
                Some(types) => *shared.entry(types).or_insert_with(|| {
                    let record = record(NameRecord::default(), &[], types);
                    let place = cursor.take(record.len());
                    records.push((place, record));
                    place
                }),
            };
            let wire = planned.name.as_wire();
            let name_len = u16::try_from(wire.len()).unwrap_or(u16::MAX);
            let head = NameRecord { name_len, class: planned.class, below, ..NameRecord::default() };
            let words = words(&planned.name);
            let record = record(head, &words, &planned.types);
            let place = cursor.take(record.len());
            records.push((place, record));
            placed.push(Placed { place, class: planned.class, words });
        }
        let mut size = (2 * placed.len()).next_power_of_two().max(2);
        // Far beyond what memory holds: names that still do not spread never will.
        while size <= 1 << 30 {
            let key = keys();
            if let Some(buckets) = place(&placed, key, size) {
                return Ok(Self { key, buckets, records, pages: cursor.pages() });
            }
            size *= 2;
        }
        Err(DataplaneError::TooLarge { what: "names", limit: 1 << 29 })
    }
}

/// A name that has a record.
struct Placed {
    place: PageRef,
    class: u16,
    words: Vec<u64>,
}

impl Placed {
    fn hash(&self, key: u64) -> NameHash {
        self.words.iter().fold(NameHash::new(key, self.class), |hash, word| hash.add(*word))
    }
}

/// Linear probing; `None` when a name would land too far from its bucket, or behind one with the same tag.
fn place(names: &[Placed], key: u64, size: usize) -> Option<Vec<Bucket>> {
    let mut buckets = vec![Bucket { tag: 0, record: EMPTY_BUCKET }; size];
    for name in names {
        let hash = name.hash(key);
        let first = usize::try_from(hash.bucket()).ok()?;
        let mut free = None;
        for place in
            (0..usize::try_from(MAX_PROBES).ok()?).map(|probe| first.wrapping_add(probe) & (size - 1))
        {
            let bucket = buckets.get(place)?;
            if bucket.record == EMPTY_BUCKET {
                free = free.or(Some(place));
            } else if bucket.tag == hash.tag() {
                return None;
            }
        }
        *buckets.get_mut(free?)? = Bucket { tag: hash.tag(), record: name.place };
    }
    Some(buckets)
}

/// The name in little-endian words, the last one padded with zeros.
fn words(name: &Name) -> Vec<u64> {
    name.as_wire().chunks(8).map(word).collect()
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// Head, name and types in words; there are at most [`abi::MAX_TYPES`](gtm_common::abi::MAX_TYPES).
fn record(head: NameRecord, name: &[u64], types: &[TypeEntry]) -> Vec<u64> {
    let head = NameRecord { types: u32::try_from(types.len()).unwrap_or(u32::MAX), ..head };
    let head: [u64; size_of::<NameRecord>() / 8] = zerocopy::transmute!(head);
    let types = types.as_bytes().chunks(8).map(word);
    head.into_iter().chain(name.iter().copied()).chain(types).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_where_the_program_looks() {
        let planned = |index| PlannedName {
            name: format!("host{index}.example.com").parse().unwrap(),
            class: 1,
            types: vec![TypeEntry { qtype: 1, ..TypeEntry::default() }],
            below: None,
        };
        let names: Vec<PlannedName> = (0..20_000).map(planned).collect();
        let mut key = 0;
        let table = NameTable::new(&names, || {
            key += 0x1234_5678_9abc_def1;
            key
        })
        .unwrap();
        assert!(table.buckets.len().is_power_of_two());
        let records: HashMap<PageRef, &Vec<u64>> =
            table.records.iter().map(|(place, record)| (*place, record)).collect();
        for planned in &names {
            let words = words(&planned.name);
            let hash = words.iter().fold(NameHash::new(table.key, 1), |hash, word| hash.add(*word));
            let first = usize::try_from(hash.bucket()).unwrap();
            let mut probes = (0..8).map(|probe| table.buckets[(first + probe) & (table.buckets.len() - 1)]);
            let bucket =
                probes.find(|bucket| bucket.record == EMPTY_BUCKET || bucket.tag == hash.tag()).unwrap();
            let head = size_of::<NameRecord>() / 8;
            assert_eq!(records[&bucket.record][head..head + words.len()], words, "{}", planned.name);
        }
    }
}
