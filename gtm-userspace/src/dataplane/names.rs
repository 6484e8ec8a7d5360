//! The records of all names, and where they are placed.

use std::collections::HashMap;

use gtm_common::abi::{
    DIRECT, ELSEWHERE, LAST_RECORD_LINE, LINE_BYTES, LineRef, MAX_SHEETS, NOT_OURS, NameRecord, PageRef,
    SHEET_LINES, TypeEntry, map,
};
use gtm_common::names::{Displacements, GROUPS, NameHash};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::DataplaneError;
use super::sheets::Sheets;
use crate::name::Name;

/// Bytes of all lines of a sheet.
const SHEET_BYTES: usize = bytes(SHEET_LINES);
/// Bytes of one.
const LINE_LEN: usize = bytes(1);
/// Of ten places, those that are to have a name, on average: so that a few displacements are enough to try. With more places
/// than these for each group, groups are larger and harder to place; with fewer, sheets differ more in how many names they get.
const FULL: usize = 7;
const LESS_FULL: usize = 5;
const USUAL_PLACES: std::ops::Range<usize> = 60..300;
/// One of so many names may be longer than a place, and so elsewhere.
const LONG: usize = 16;
/// Most lines of a place.
const MAX_PLACE_LINES: usize = 16;
/// So many slots a record has room for, whatever its name and the number of its types.
pub(super) const MAX_SLOTS_OF_RECORD: u64 = 7500;
/// Tries with other keys, half of them with more sheets than before.
const TRIES: usize = 16;

#[expect(clippy::as_conversions, reason = "conversions of constants cannot be done otherwise in a constant")]
const fn bytes(lines: u32) -> usize {
    (lines * LINE_BYTES) as usize
}

/// Number of a record, in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordId(pub(super) u32);

/// No record.
pub(super) const NONE: RecordId = RecordId(u32::MAX);

/// The records of all names.
#[derive(Debug, Default)]
pub(super) struct NameRecords {
    /// Their bytes, one behind the other, without what [`NameRecord::below`] says.
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// The number of those that have a name.
    named: usize,
    /// Those that stand for the names below others: of one zone they are the same.
    below: HashMap<Vec<TypeEntry>, RecordId>,
}

#[derive(Debug)]
struct Record {
    /// Where its bytes end; those of the one before end where they begin.
    end: usize,
    below: RecordId,
}

/// A record in the making: its types, and how long it is with the slots so far.
#[derive(Debug)]
pub(super) struct Draft {
    types: Vec<TypeEntry>,
    len: usize,
}

impl Draft {
    /// That of a record of a name of so many bytes, none for those below others, and so many types.
    pub(super) fn new(name_len: usize, types: usize) -> Self {
        let head = size_of::<NameRecord>() + name_len.next_multiple_of(8);
        Self { types: Vec::with_capacity(types), len: head + types * size_of::<TypeEntry>() }
    }

    /// Adds a type.
    pub(super) fn push(&mut self, entry: TypeEntry) {
        self.types.push(entry);
    }

    /// Room for slots: the number of the first one in the record; `None` where the sheet has none for so many.
    pub(super) fn slots(&mut self, slots: usize) -> Option<u32> {
        let first = u32::try_from(self.len / size_of::<PageRef>()).ok()?;
        let len = self.len + slots * size_of::<PageRef>();
        if len > SHEET_BYTES {
            return None;
        }
        self.len = len;
        Some(first)
    }
}

impl NameRecords {
    /// What the next one will be known as.
    pub(super) fn next(&self) -> Result<RecordId, DataplaneError> {
        let limit = || DataplaneError::TooLarge { what: "names", limit: u64::from(u32::MAX) };
        u32::try_from(self.records.len()).ok().filter(|next| *next < u32::MAX).map(RecordId).ok_or_else(limit)
    }

    /// Adds the record of a name that has none. There are at most [`abi::MAX_TYPES`](gtm_common::abi::MAX_TYPES) types.
    pub(super) fn add(
        &mut self,
        name: &Name,
        class: u16,
        draft: &Draft,
        below: RecordId,
    ) -> Result<(), DataplaneError> {
        self.named += 1;
        self.write(name.as_wire(), class, draft, below).map(drop)
    }

    /// The record of the names below another one.
    pub(super) fn below(&mut self, draft: Draft) -> Result<RecordId, DataplaneError> {
        // Slots are a record's own.
        let is_shared = draft.types.iter().all(|entry| entry.flags & DIRECT != 0);
        if let Some(known) = self.below.get(&draft.types).filter(|_| is_shared) {
            return Ok(*known);
        }
        let record = self.write(&[], 0, &draft, NONE)?;
        if is_shared {
            self.below.insert(draft.types, record);
        }
        Ok(record)
    }

    fn write(
        &mut self,
        wire: &[u8],
        class: u16,
        draft: &Draft,
        below: RecordId,
    ) -> Result<RecordId, DataplaneError> {
        let record = self.next()?;
        let start = self.bytes.len();
        let head = NameRecord {
            name_len: u16::try_from(wire.len()).unwrap_or(u16::MAX),
            class,
            types: u32::try_from(draft.types.len()).unwrap_or(u32::MAX),
            ..NameRecord::default()
        };
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(wire);
        self.bytes.resize(start + (self.bytes.len() - start).next_multiple_of(8), 0);
        self.bytes.extend_from_slice(draft.types.as_bytes());
        // Until they are stored, slots are left to the server.
        self.bytes.resize(start + draft.len, 0xff);
        self.records.push(Record { end: self.bytes.len(), below });
        Ok(record)
    }

    /// The number of names.
    pub(super) fn len(&self) -> usize {
        self.named
    }

    /// Every `step`th name, with its class.
    pub(super) fn step_by(&self, step: usize) -> impl Iterator<Item = (Name, u16)> {
        self.parts().filter(|(head, _)| head.name_len > 0).step_by(step).filter_map(|(head, bytes)| {
            let name = bytes.get(size_of::<NameRecord>()..)?.get(..usize::from(head.name_len))?;
            Some((Name::from_wire(name).ok()?, head.class))
        })
    }

    /// The head and all bytes of each.
    fn parts(&self) -> impl Iterator<Item = (NameRecord, &[u8])> {
        let mut start = 0;
        self.records.iter().filter_map(move |Record { end, .. }| {
            let bytes = self.bytes.get(std::mem::replace(&mut start, *end)..*end)?;
            Some((NameRecord::read_from_prefix(bytes).ok()?.0, bytes))
        })
    }
}

fn hash(head: NameRecord, record: &[u8], key: u64) -> NameHash {
    let words = record.get(size_of::<NameRecord>()..).unwrap_or_default();
    let words = words.get(..usize::from(head.name_len).next_multiple_of(8)).unwrap_or_default();
    let words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(NameHash::new(key, head.class), NameHash::add)
}

/// Where the names lead to, and all records in their places.
#[derive(Debug)]
pub(super) struct NameTable {
    /// Key of the hash.
    pub(super) key: u64,
    /// Those of each sheet that names are placed in by their hash.
    pub(super) displacements: Vec<Displacements>,
    /// How such a sheet is divided.
    pub(super) division: Division,
    /// Where each record is.
    pub(super) places: Vec<LineRef>,
    /// All sheets.
    pub(super) sheets: Sheets,
}

/// The places of a sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    /// How many there are.
    pub(super) places: u32,
    /// Lines of each.
    pub(super) place_lines: u32,
}

impl Division {
    /// Places that are long enough for nearly all names.
    fn new(records: &NameRecords) -> Self {
        let mut counts = [0; MAX_PLACE_LINES];
        for (_, bytes) in records.parts().filter(|(head, _)| head.name_len > 0) {
            let longer = bytes.len().div_ceil(LINE_LEN) - 1;
            counts.get_mut(longer).into_iter().for_each(|count| *count += 1);
        }
        // Those longer than any place have no say in it.
        let all: usize = counts.iter().sum();
        let mut left = all;
        let lines = counts.iter().position(|count| {
            left -= count;
            left <= all / LONG
        });
        let place_lines = lines.and_then(|lines| u32::try_from(lines + 1).ok()).unwrap_or(1);
        Self { places: (LAST_RECORD_LINE + 1) / place_lines, place_lines }
    }
}

impl NameTable {
    /// Places every name where its hash leads to, with another of the keys until each has a place of its own.
    pub(super) fn new(
        records: &NameRecords,
        shift: u32,
        mut keys: impl FnMut() -> u64,
    ) -> Result<Self, DataplaneError> {
        let division = Division::new(records);
        let places = usize::try_from(division.places).unwrap_or(usize::MAX);
        let full = if USUAL_PLACES.contains(&places) { FULL } else { LESS_FULL };
        let limit = || DataplaneError::TooLarge {
            what: "names",
            limit: u64::from(MAX_SHEETS) * u64::from(division.places),
        };
        let mut count = records.len().div_ceil(places * full / 10).max(1);
        for attempt in 0..TRIES {
            let sheets = u32::try_from(count).ok().filter(|sheets| *sheets < MAX_SHEETS).ok_or_else(limit)?;
            let key = keys();
            if let Some((displacements, places)) = displace(records, key, sheets, division) {
                let sheets = Sheets::new(count);
                return Self { key, displacements, division, places, sheets }.fill(records, shift);
            }
            count += count * (attempt % 2) / 8 + attempt % 2;
        }
        Err(DataplaneError::map(map::NAMES, format!("names found no places with any of {TRIES} hash keys")))
    }

    /// Writes every record to its place, or elsewhere.
    fn fill(mut self, records: &NameRecords, shift: u32) -> Result<Self, DataplaneError> {
        let mut next = LineRef::new(u32::try_from(self.sheets.len()).unwrap_or(MAX_SHEETS), 0);
        let place_len = usize::try_from(self.division.place_lines).unwrap_or_default() * LINE_LEN;
        let mut stubs = Vec::new();
        for ((head, bytes), place) in records.parts().zip(&mut self.places) {
            if head.name_len == 0 || bytes.len() > place_len {
                let lines = u32::try_from(bytes.len()).unwrap_or(u32::MAX).div_ceil(LINE_BYTES);
                if next.line() > LAST_RECORD_LINE || next.line() + lines > SHEET_LINES {
                    next = LineRef::new(next.sheet() + 1, 0);
                }
                if next.sheet() >= MAX_SHEETS {
                    return Err(DataplaneError::TooLarge {
                        what: "records of names",
                        limit: u64::from(MAX_SHEETS),
                    });
                }
                let here = std::mem::replace(place, next);
                if head.name_len > 0 {
                    stubs.push((here, next));
                }
                next = LineRef::new(next.sheet(), next.line() + lines);
            }
        }
        let last = usize::try_from(next.sheet()).unwrap_or_default();
        while self.sheets.len() <= last {
            self.sheets.push();
        }
        for (((head, bytes), place), record) in records.parts().zip(&self.places).zip(&records.records) {
            let RecordId(below) = record.below;
            let below = usize::try_from(below).ok().and_then(|below| self.places.get(below));
            let head = NameRecord { below: below.copied().unwrap_or(NOT_OURS), ..head };
            self.sheets.write(*place, 0, bytes, shift);
            self.sheets.write(*place, 0, head.as_bytes(), shift);
        }
        for (here, below) in stubs {
            let stub = NameRecord { below, flags: ELSEWHERE, ..NameRecord::default() };
            self.sheets.write(here, 0, stub.as_bytes(), shift);
        }
        Ok(self)
    }
}

/// Finds displacements with which no two names of a sheet have the same place; with them, the place of each named record
/// among all. `None` where a sheet has too many names, or two of one hash.
fn displace(
    records: &NameRecords,
    key: u64,
    sheets: u32,
    division: Division,
) -> Option<(Vec<Displacements>, Vec<LineRef>)> {
    let mut places = vec![NOT_OURS; records.records.len()];
    let mut names: Vec<(u32, NameHash, usize)> = records
        .parts()
        .enumerate()
        .filter(|(_, (head, _))| head.name_len > 0)
        .map(|(number, (head, bytes))| {
            let hash = hash(head, bytes, key);
            (hash.sheet(sheets), hash, number)
        })
        .collect();
    names.sort_unstable_by_key(|(sheet, hash, _)| (*sheet, hash.group()));
    let mut displacements = vec![[0; GROUPS]; usize::try_from(sheets).ok()?];
    for names in names.chunk_by(|(one, ..), (other, ..)| one == other) {
        let sheet = names.first()?.0;
        let of_sheet = displacements.get_mut(usize::try_from(sheet).ok()?)?;
        let mut is_taken = vec![false; usize::try_from(division.places).ok()?];
        let mut groups: Vec<_> =
            names.chunk_by(|(_, one, _), (_, other, _)| one.group() == other.group()).collect();
        // Those that need most are placed while there is most room.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut taken = Vec::new();
        for group in groups {
            let displacement = (0..=u8::MAX).find(|displacement| {
                taken.clear();
                group.iter().all(|(_, hash, _)| {
                    let place = hash.place(*displacement, division.places);
                    let is_free =
                        usize::try_from(place).is_ok_and(|place| is_taken.get(place) == Some(&false));
                    let is_free = is_free && !taken.contains(&place);
                    taken.push(place);
                    is_free
                })
            })?;
            *of_sheet.get_mut(group.first()?.1.group())? = displacement;
            for (place, (.., number)) in taken.iter().zip(group) {
                *is_taken.get_mut(usize::try_from(*place).ok()?)? = true;
                *places.get_mut(*number)? = LineRef::new(sheet, place * division.place_lines);
            }
        }
    }
    Some((displacements, places))
}

#[cfg(test)]
mod tests {
    use gtm_common::abi::REST;

    use super::*;

    const SHIFT: u32 = 8;

    fn draft(name_len: usize, slots: usize) -> Draft {
        let mut draft = Draft::new(name_len, 1);
        let slot = draft.slots(slots).unwrap();
        draft.push(TypeEntry { qtype: REST, slot, ..TypeEntry::default() });
        draft
    }

    fn table(records: &NameRecords) -> NameTable {
        let mut key = 0;
        NameTable::new(records, SHIFT, || {
            key += 0x1234_5678_9abc_def1;
            key
        })
        .unwrap()
    }

    /// The record that the program finds: its head, and where it is.
    fn find(table: &NameTable, name: &Name) -> Option<(NameRecord, LineRef)> {
        let words = name.as_wire().chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let hash = words.fold(NameHash::new(table.key, 1), NameHash::add);
        let sheet = hash.sheet(u32::try_from(table.displacements.len()).unwrap());
        let displacement = table.displacements[usize::try_from(sheet).unwrap()][hash.group()];
        let place = hash.place(displacement, table.division.places);
        assert!(place < table.division.places);
        let mut here = LineRef::new(sheet, place * table.division.place_lines);
        let head = |place| NameRecord::read_from_prefix(table.sheets.at(place, SHIFT)).unwrap().0;
        if head(here).flags & ELSEWHERE != 0 {
            here = head(here).below;
        }
        let stored = &table.sheets.at(here, SHIFT)[size_of::<NameRecord>()..];
        let len = name.as_wire().len();
        let is_name = usize::from(head(here).name_len) == len && stored.starts_with(name.as_wire());
        is_name.then(|| (head(here), here))
    }

    /// Short ones and some long ones, with no slots, an odd number and so many that they fill most of a sheet.
    #[test]
    fn every_name_is_found_where_the_program_looks() {
        let name = |index: usize| -> Name {
            let long = if index.is_multiple_of(100) { "x".repeat(60) + "." } else { String::new() };
            format!("host{index}.{long}example.com").parse().unwrap()
        };
        let slots = |index: usize| if index == 7 { 7000 } else { index % 4 };
        let mut records = NameRecords::default();
        let shared = records.below(draft(0, 0)).unwrap();
        let own = records.below(draft(0, 3)).unwrap();
        let count = 20_000;
        for index in 0..count {
            let below = [NONE, shared, own][index % 3];
            records.add(&name(index), 1, &draft(name(index).as_wire().len(), slots(index)), below).unwrap();
        }
        let table = table(&records);
        assert!(records.step_by(1).eq((0..count).map(|index| (name(index), 1))));
        let below = |RecordId(record)| table.places.get(usize::try_from(record).unwrap()).copied();
        for index in 0..count {
            let (head, place) = find(&table, &name(index)).unwrap();
            assert_eq!(head.below, below([NONE, shared, own][index % 3]).unwrap_or(NOT_OURS), "{index}");
            // Two records come before, and slots begin where the entry says: behind it.
            assert_eq!(Some(place), below(RecordId(u32::try_from(index + 2).unwrap())));
            let entry = size_of::<NameRecord>() + name(index).as_wire().len().next_multiple_of(8);
            let bytes = table.sheets.at(place, SHIFT);
            let entry = TypeEntry::read_from_prefix(&bytes[entry..]).unwrap().0;
            let first = usize::try_from(entry.slot).unwrap() * size_of::<PageRef>();
            let stored = &bytes[first..first + slots(index) * size_of::<PageRef>()];
            assert!(stored.iter().all(|byte| *byte == 0xff), "{index}");
        }
        assert_eq!(find(&table, &name(count)), None);
    }

    /// In one line, in three where most need so many, and whatever one has that fits in none.
    #[test]
    fn places_are_as_long_as_nearly_all_records_need() {
        let place_lines = |slots: &[usize]| {
            let mut records = NameRecords::default();
            for (index, slots) in slots.iter().enumerate() {
                let name: Name = format!("h{index}.example").parse().unwrap();
                records.add(&name, 1, &draft(name.as_wire().len(), *slots), NONE).unwrap();
            }
            Division::new(&records).place_lines
        };
        assert_eq!(place_lines(&[]), 1);
        assert_eq!(place_lines(&[0; 20]), 1);
        assert_eq!(place_lines(&[30; 20]), 3);
        assert_eq!(place_lines(&[&[30; 1][..], &[0; 19]].concat()), 1);
        assert_eq!(place_lines(&[&[30; 2][..], &[0; 18]].concat()), 3);
        assert_eq!(place_lines(&[&[7000; 10][..], &[30; 2]].concat()), 3);
    }

    #[test]
    fn the_longest_record_has_room_for_the_slots_that_are_counted_on() {
        let mut draft = Draft::new(255, gtm_common::abi::MAX_TYPES);
        assert!(draft.slots(usize::try_from(MAX_SLOTS_OF_RECORD).unwrap()).is_some());
    }

    #[test]
    fn slots_that_no_sheet_holds_have_no_room() {
        let mut draft = Draft::new(17, 2);
        assert!(draft.slots(7000).is_some());
        assert_eq!(draft.slots(1000), None);
        assert!(draft.slots(100).is_some());
    }

    #[test]
    fn records_below_are_shared_where_they_have_no_slots() {
        let direct = || {
            let mut draft = Draft::new(0, 1);
            draft.push(TypeEntry { qtype: REST, flags: DIRECT, view: 0, slot: 4 });
            draft
        };
        let mut records = NameRecords::default();
        let first = records.below(direct()).unwrap();
        assert_eq!(records.below(direct()).unwrap(), first);
        let first = records.below(draft(0, 2)).unwrap();
        assert_ne!(records.below(draft(0, 2)).unwrap(), first);
    }

    #[test]
    fn no_names_and_one_name() {
        let mut records = NameRecords::default();
        let name: Name = "www.example.com".parse().unwrap();
        assert_eq!(find(&table(&records), &name), None);
        records.add(&name, 1, &draft(name.as_wire().len(), 1), NONE).unwrap();
        assert!(find(&table(&records), &name).is_some());
    }
}
