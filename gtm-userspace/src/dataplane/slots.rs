//! The slots of the program. Each follows one of the answer table: that of the steered name itself, or the same for a name
//! whose aliases lead to it.

use std::sync::Arc;

use gtm_common::abi::{DIRECT, MAX_SLOTS, NO_NODE, TypeEntry};

use super::blocks::Purpose;
use super::names::{Draft, RecordId};
use super::{DataplaneError, names};
use crate::server::{Asked, Tables};

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// For what the slots are, and where they are: a run of them each.
    runs: Vec<(Run, Place)>,
    /// The run of each slot.
    run_of: Vec<u32>,
    /// The slot of the table that each follows, until all are there.
    sources: Vec<u32>,
    /// The slots by those of the table that they follow.
    followers: Vec<u32>,
    /// Where those of each slot of the table begin among them, and where the last ones end.
    starts: Vec<u32>,
}

/// The slots of one name and type.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) asked: Arc<Asked>,
    pub(super) qtype: u16,
    /// False where aliases lead to the steered name.
    pub(super) is_direct: bool,
}

/// Where the slots of a run are.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Number of the first one.
    first: u32,
    /// The record that they are in.
    record: RecordId,
    /// Number of the first one in the record.
    at: u32,
}

impl Slots {
    /// The slots that follow one of the table, each by its record and its number in that, and what it is for.
    pub(super) fn followers<'s>(
        &'s self,
        tables: &'s Tables,
        source: u32,
    ) -> impl Iterator<Item = ((RecordId, usize), Purpose<'s>)> {
        let bound = |source: usize| usize::try_from(*self.starts.get(source)?).ok();
        let bounds = usize::try_from(source).ok().and_then(|source| Some(bound(source)?..bound(source + 1)?));
        let slots = bounds.and_then(|bounds| self.followers.get(bounds)).unwrap_or_default();
        slots.iter().filter_map(move |slot| {
            let run = self.run_of.get(usize::try_from(*slot).ok()?)?;
            let (Run { asked, qtype, is_direct }, Place { first, record, at }) =
                self.runs.get(usize::try_from(*run).ok()?)?;
            let number = usize::try_from(at.checked_add(slot.checked_sub(*first)?)?).ok()?;
            Some(((*record, number), Purpose { tables, asked, qtype: *qtype, is_direct: *is_direct }))
        })
    }

    /// Adds slots to a record that follow those of a table's entry, as an entry for the QTYPE; one that leaves it to the
    /// server where they are too many.
    pub(super) fn follow(
        &mut self,
        run: Run,
        source: &TypeEntry,
        views: &[u32],
        record: RecordId,
        draft: &mut Draft,
    ) -> Result<TypeEntry, DataplaneError> {
        let limit = || DataplaneError::TooLarge { what: "slots", limit: u64::from(u32::MAX) };
        let first = u32::try_from(self.run_of.len()).ok().ok_or_else(limit)?;
        let number = u32::try_from(self.runs.len()).ok().ok_or_else(limit)?;
        let last = last(views);
        let slots = usize::try_from(last).map_or(usize::MAX, |last| last.saturating_add(1));
        let Some(at) = Some(slots).filter(|_| fit(views)).and_then(|slots| draft.slots(slots)) else {
            let name = run.asked.qname.to_string();
            tracing::warn!(
                name,
                qtype = run.qtype,
                "more answers by client than {MAX_SLOTS}, or than one name has room for: left to the server"
            );
            return Ok(TypeEntry { qtype: run.qtype, flags: DIRECT, view: 0, slot: NO_NODE.0 });
        };
        first.checked_add(last).and_then(|last| last.checked_add(1)).ok_or_else(limit)?;
        for offset in 0..=last {
            self.sources.push(source.slot + offset);
            self.run_of.push(number);
        }
        let entry = TypeEntry { qtype: run.qtype, slot: at, ..*source };
        self.runs.push((run, Place { first, record, at }));
        Ok(entry)
    }

    /// Sorts the slots, when all are there, by those of the table, which has so many.
    pub(super) fn finish(&mut self, sources: usize) {
        let mut starts = vec![0; sources + 1];
        for source in &self.sources {
            let after = usize::try_from(*source).ok().and_then(|source| starts.get_mut(source + 1));
            if let Some(count) = after {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        self.followers = vec![0; self.sources.len()];
        for (slot, source) in (0..).zip(std::mem::take(&mut self.sources)) {
            let next = usize::try_from(source).ok().and_then(|source| next.get_mut(source));
            if let Some(next) = next
                && let Some(place) = usize::try_from(*next).ok().and_then(|next| self.followers.get_mut(next))
            {
                *place = slot;
                *next += 1;
            }
        }
        self.starts = starts;
    }
}

/// True when one entry holds the slots of these views.
fn fit(views: &[u32]) -> bool {
    usize::try_from(last(views)).is_ok_and(|last| last < MAX_SLOTS)
}

/// True when one record holds the slots of all these entries' views.
pub(super) fn all_fit(entries: &[&[u32]]) -> bool {
    let slots: u64 = entries.iter().map(|views| u64::from(last(views)) + 1).sum();
    entries.iter().all(|views| fit(views)) && slots <= names::MAX_SLOTS_OF_RECORD
}

/// The last slot of these views, of which the first one is 0.
fn last(views: &[u32]) -> u32 {
    views.iter().copied().max().unwrap_or_default()
}
