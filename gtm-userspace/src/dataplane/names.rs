//! The name hash table and the name records, as the maps have them.

use std::collections::HashMap;

use gtm_common::abi::{Bucket, EMPTY_BUCKET, MAX_PROBES, NameRecord, PageRef, TypeEntry};
use gtm_common::names::NameHash;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::DataplaneError;
use super::pages::Pages;
use crate::name::Name;

/// The records of all names.
#[derive(Debug, Default)]
pub(super) struct NameRecords {
    pub(super) pages: Pages,
    /// Those that have a name.
    named: Vec<PageRef>,
    /// Those that stand for the names below others: of one zone they are the same.
    below: HashMap<Vec<TypeEntry>, PageRef>,
}

impl NameRecords {
    /// Adds the record of a name that has none. There are at most [`abi::MAX_TYPES`](gtm_common::abi::MAX_TYPES) types.
    pub(super) fn add(
        &mut self,
        name: &Name,
        class: u16,
        types: &[TypeEntry],
        below: PageRef,
    ) -> Result<(), DataplaneError> {
        let wire = name.as_wire();
        let name_len = u16::try_from(wire.len()).unwrap_or(u16::MAX);
        let place =
            self.write(NameRecord { name_len, class, below, ..NameRecord::default() }, wire, types)?;
        self.named.push(place);
        Ok(())
    }

    /// The record of the names below another one.
    pub(super) fn below(&mut self, types: Vec<TypeEntry>) -> Result<PageRef, DataplaneError> {
        if let Some(place) = self.below.get(&types) {
            return Ok(*place);
        }
        let place = self.write(NameRecord::default(), &[], &types)?;
        self.below.insert(types, place);
        Ok(place)
    }

    fn write(
        &mut self,
        head: NameRecord,
        wire: &[u8],
        types: &[TypeEntry],
    ) -> Result<PageRef, DataplaneError> {
        let head = NameRecord { types: u32::try_from(types.len()).unwrap_or(u32::MAX), ..head };
        let padding = [0; 8];
        let padding = padding.get(..wire.len().next_multiple_of(8) - wire.len()).unwrap_or_default();
        self.pages.write(&[head.as_bytes(), wire, padding, types.as_bytes()])
    }

    /// The number of names.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// Every `step`th name, with its class.
    pub(super) fn step_by(&self, step: usize) -> impl Iterator<Item = (Name, u16)> {
        self.named.iter().step_by(step).filter_map(|place| {
            let (head, wire) = self.at(*place)?;
            let name = Name::from_wire(wire.get(..usize::from(head.name_len))?).ok()?;
            Some((name, head.class))
        })
    }

    fn at(&self, place: PageRef) -> Option<(NameRecord, &[u8])> {
        NameRecord::read_from_prefix(self.pages.at(place)).ok()
    }

    fn hash(&self, place: PageRef, key: u64) -> NameHash {
        let Some((head, wire)) = self.at(place) else { return NameHash::default() };
        let words = wire.get(..usize::from(head.name_len).next_multiple_of(8)).unwrap_or_default();
        let words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        words.fold(NameHash::new(key, head.class), NameHash::add)
    }
}

/// The hash table over the records.
#[derive(Debug)]
pub(super) struct NameTable {
    /// Key of the hash.
    pub(super) key: u64,
    /// A power of two of them.
    pub(super) buckets: Vec<Bucket>,
}

impl NameTable {
    /// Places every name within [`MAX_PROBES`] of its hash's bucket, with another of the keys and a larger table until
    /// that holds.
    pub(super) fn new(records: &NameRecords, mut keys: impl FnMut() -> u64) -> Result<Self, DataplaneError> {
        let mut size = (2 * records.len()).next_power_of_two().max(2);
        // Far beyond what memory holds: names that still do not spread never will.
        while size <= 1 << 30 {
            let key = keys();
            if let Some(buckets) = place(records, key, size) {
                return Ok(Self { key, buckets });
            }
            size *= 2;
        }
        Err(DataplaneError::TooLarge { what: "names", limit: 1 << 29 })
    }
}

/// Linear probing, names that are to begin earlier first, so that none is pushed far off; `None` when one would land too
/// far from its bucket, or behind one with the same tag.
fn place(records: &NameRecords, key: u64, size: usize) -> Option<Vec<Bucket>> {
    let home = |hash: u32| usize::try_from(hash).ok().map(|hash| hash & (size - 1));
    let hashes = records.named.iter().map(|record| (records.hash(*record, key), *record));
    let hashes =
        hashes.map(|(hash, record)| Some((home(hash.bucket())?, Bucket { tag: hash.tag(), record })));
    let mut names: Vec<(usize, Bucket)> = hashes.collect::<Option<_>>()?;
    names.sort_unstable_by_key(|(home, bucket)| (*home, bucket.tag));
    let probes = usize::try_from(MAX_PROBES).ok()?;
    let mut buckets = vec![Bucket { tag: 0, record: EMPTY_BUCKET }; size];
    // What the last ones need beyond the end of the table is taken at its front: found by placing all of them once before.
    let end = |next: usize| names.iter().fold(next, |next, (home, _)| next.max(*home) + 1);
    let first = end(end(0).saturating_sub(size)).saturating_sub(size);
    let placed = || {
        names.iter().scan(first, |next, (home, bucket)| {
            let position = (*next).max(*home);
            *next = position + 1;
            Some((*home, position, *bucket))
        })
    };
    for (home, position, bucket) in placed() {
        if position - home >= probes {
            return None;
        }
        *buckets.get_mut(position & (size - 1))? = bucket;
    }
    for (home, position, bucket) in placed() {
        for before in home..position {
            if buckets.get(before & (size - 1))?.tag == bucket.tag {
                return None;
            }
        }
    }
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use gtm_common::abi::NOT_OURS;

    use super::*;

    #[test]
    fn every_name_is_found_where_the_program_looks() {
        let mut records = NameRecords::default();
        let types = [TypeEntry { qtype: 1, ..TypeEntry::default() }];
        let names: Vec<Name> =
            (0..20_000).map(|index| format!("host{index}.example.com").parse().unwrap()).collect();
        for name in &names {
            records.add(name, 1, &types, NOT_OURS).unwrap();
        }
        let mut key = 0;
        let table = NameTable::new(&records, || {
            key += 0x1234_5678_9abc_def1;
            key
        })
        .unwrap();
        assert!(table.buckets.len().is_power_of_two());
        assert!(records.step_by(1).eq(names.iter().map(|name| (name.clone(), 1))));
        for name in &names {
            let words = name.as_wire().chunks(8).map(|bytes| {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(word)
            });
            let hash = words.fold(NameHash::new(table.key, 1), NameHash::add);
            let first = usize::try_from(hash.bucket()).unwrap();
            let mut probes = (0..8).map(|probe| table.buckets[(first + probe) & (table.buckets.len() - 1)]);
            let bucket =
                probes.find(|bucket| bucket.record == EMPTY_BUCKET || bucket.tag == hash.tag()).unwrap();
            let (record, head) = (records.pages.at(bucket.record), size_of::<NameRecord>());
            assert_eq!(&record[head..head + name.as_wire().len()], name.as_wire(), "{name}");
        }
    }
}
