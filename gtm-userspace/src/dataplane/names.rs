//! The name hash table and the name records, as the maps have them.

use std::collections::HashMap;

use gtm_common::abi::{Bucket, EMPTY_BUCKET, MAX_PROBES, MAX_TYPES, NO_TYPE, NameRecord, PageRef, TypeEntry};
use gtm_common::names::NameHash;

use super::DataplaneError;
use super::pages::PageCursor;
use crate::name::Name;

/// The table of one generation.
#[derive(Debug)]
pub(super) struct NameTable {
    /// Key of the hash.
    pub(super) key: u64,
    /// A power of two of them.
    pub(super) buckets: Vec<Bucket>,
    /// Each record's place and bytes: head and name.
    pub(super) records: Vec<(PageRef, Vec<u64>)>,
    /// Pages that the records take.
    pub(super) pages: u32,
}

impl NameTable {
    /// Places every name within [`MAX_PROBES`] of its hash's bucket, with another of the keys and a larger table until
    /// that holds.
    pub(super) fn new(
        names: &HashMap<Name, Vec<TypeEntry>>,
        mut keys: impl FnMut() -> u64,
    ) -> Result<Self, DataplaneError> {
        let mut cursor = PageCursor::default();
        let mut records = Vec::with_capacity(names.len());
        for (name, entries) in names {
            let record = record(name, entries)?;
            records.push((cursor.take(record.len()), record));
        }
        let mut size = (2 * names.len()).next_power_of_two().max(2);
        // Far beyond what memory holds: names that still do not spread never will.
        while size <= 1 << 30 {
            let key = keys();
            if let Some(buckets) = place(&records, key, size) {
                return Ok(Self { key, buckets, records, pages: cursor.pages() });
            }
            size *= 2;
        }
        Err(DataplaneError::TooLarge { what: "names", limit: 1 << 29 })
    }
}

/// Linear probing; `None` when a name would land too far from its bucket, or behind one with the same tag.
fn place(records: &[(PageRef, Vec<u64>)], key: u64, size: usize) -> Option<Vec<Bucket>> {
    let mut buckets = vec![Bucket { tag: 0, record: EMPTY_BUCKET }; size];
    for (reference, record) in records {
        let hash = name_words(record).iter().fold(NameHash::new(key), |hash, word| hash.add(*word));
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
        *buckets.get_mut(free?)? = Bucket { tag: hash.tag(), record: *reference };
    }
    Some(buckets)
}

/// The name's words in its record.
fn name_words(record: &[u64]) -> &[u64] {
    record.get(size_of::<NameRecord>() / 8..).unwrap_or_default()
}

/// The name in little-endian words, the last one padded with zeros.
fn words(name: &Name) -> Vec<u64> {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    name.as_wire().chunks(8).map(word).collect()
}

fn record(name: &Name, entries: &[TypeEntry]) -> Result<Vec<u64>, DataplaneError> {
    if entries.len() > MAX_TYPES || entries.iter().any(|entry| entry.qtype == NO_TYPE) {
        return Err(DataplaneError::TooLarge {
            what: "types at one name",
            limit: MAX_TYPES.try_into().unwrap_or(u64::MAX),
        });
    }
    let mut types = [TypeEntry::default(); MAX_TYPES];
    types.iter_mut().zip(entries).for_each(|(place, entry)| *place = *entry);
    let name_len = u32::try_from(name.as_wire().len()).unwrap_or(u32::MAX);
    let head = zerocopy::transmute!(NameRecord { name_len, reserved: 0, types });
    let head: [u64; size_of::<NameRecord>() / 8] = head;
    Ok(head.into_iter().chain(words(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_where_the_program_looks() {
        let entry = TypeEntry { qtype: 1, ..TypeEntry::default() };
        let names: HashMap<Name, Vec<TypeEntry>> = (0..20_000)
            .map(|index| (format!("host{index}.example.com").parse().unwrap(), vec![entry]))
            .collect();
        let mut key = 0;
        let table = NameTable::new(&names, || {
            key += 0x1234_5678_9abc_def1;
            key
        })
        .unwrap();
        assert!(table.buckets.len().is_power_of_two());
        for name in names.keys() {
            let hash = words(name).iter().fold(NameHash::new(table.key), |hash, word| hash.add(*word));
            let first = usize::try_from(hash.bucket()).unwrap();
            let probes = (0..8).map(|probe| table.buckets[(first + probe) & (table.buckets.len() - 1)]);
            let bucket = probes
                .into_iter()
                .find(|bucket| bucket.record == EMPTY_BUCKET || bucket.tag == hash.tag())
                .unwrap();
            let (_, record) =
                table.records.iter().find(|(reference, _)| *reference == bucket.record).unwrap();
            assert_eq!(name_words(record), words(name), "{name}");
        }
    }
}
