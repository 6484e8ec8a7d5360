//! The names above the QNAME: its labels, and the closest one that has a record. All of it for names without one, off
//! the path of the answers that matter most, and so in functions that the verifier goes through by themselves.

use core::ptr;

use gtm_common::abi::{LineRef, NOT_OURS};
use gtm_common::counters::Outcome;
use gtm_common::names::MAX_WORDS;
use gtm_common::wire::{MAX_LABEL, class};

use crate::packet::opaque;
use crate::tables::{self, Suffix, forget, forget_u32, name_word};

/// Labels of the longest name, the root label included.
pub(crate) const MAX_LABELS: usize = 128;
/// Enough steps to find one of [`MAX_LABELS`] by halving.
const MAX_STEPS: usize = 8;
/// What a function gives for no record: no reference has this value.
const NO_RECORD: u32 = u32::MAX;

/// Number of labels of the QNAME, the root label included, whose offsets are then in [`PerCpu::labels`]. An error when it
/// is not made of labels up to its end.
#[inline(always)]
pub(crate) fn labels(name_len: usize) -> Result<u32, Outcome> {
    let labels = gtm_labels(name_len as u32);
    if labels == 0 { Err(Outcome::PassedBadQuestion) } else { Ok(labels) }
}

/// [`labels`] by itself: the number of labels, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_labels(name_len: u32) -> u32 {
    let Some(cpu) = tables::per_cpu() else { return 0 };
    let mut start = 0;
    for label in 0..MAX_LABELS {
        // SAFETY: `cpu` points to this CPU's map value, and `label` is below the length of the array.
        unsafe { ptr::addr_of_mut!((*cpu).labels).cast::<u8>().add(label).write(start as u8) };
        // The lowest byte of the word that begins here.
        let len = name_word(cpu, start, 0) as usize & 0xff;
        if len == 0 {
            return if start + 1 == name_len as usize { label as u32 + 1 } else { 0 };
        }
        start = forget(cpu, start + 1 + len, 0x1ff);
        if len > MAX_LABEL || start >= name_len as usize {
            return 0;
        }
    }
    0
}

/// The record of all names that, like the QNAME of class IN, have none themselves and the same closest encloser; `None`
/// when they lie in no zone.
#[inline(always)]
pub(crate) fn below(labels: u32, name_len: usize) -> Result<Option<LineRef>, Outcome> {
    let closest = reference(gtm_closest(labels, name_len as u32)).ok_or(Outcome::PassedNoBlock)?;
    let closest = tables::record(closest).ok_or(Outcome::PassedNoBlock)?;
    let below = closest.head().below;
    Ok(if below == NOT_OURS { None } else { Some(below) })
}

/// The record of the closest encloser of a QNAME of so many labels, by halving: every name above one that has a record has
/// one.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_closest(labels: u32, name_len: u32) -> u32 {
    let Some(cpu) = tables::per_cpu() else { return NO_RECORD };
    // The first label that may begin the name looked for, and the last one.
    let (mut first, mut last) = (1, labels.wrapping_sub(1));
    let mut found = NO_RECORD;
    for _ in 0..MAX_STEPS {
        if first > last {
            break;
        }
        let middle = (first + last) >> 1;
        // SAFETY: `cpu` points to this CPU's map value; the mask keeps the index below the length of the array.
        let start = unsafe {
            ptr::addr_of!((*cpu).labels).cast::<u8>().add(middle as usize & (MAX_LABELS - 1)).read()
        };
        let record = gtm_suffix(u32::from(start), name_len, u32::from(class::IN));
        if record == NO_RECORD {
            first = middle + 1;
        } else {
            found = record;
            last = middle - 1;
        }
        first = forget_u32(cpu, first);
        last = forget_u32(cpu, last);
        found = forget_u32(cpu, found);
    }
    found
}

/// The record of the QNAME in another class than IN.
#[inline(always)]
pub(crate) fn find_in_class(class: u16, name_len: usize) -> Option<LineRef> {
    reference(gtm_suffix(0, name_len as u32, u32::from(class)))
}

/// The record of the name that begins at an offset of the QNAME.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_suffix(start: u32, name_len: u32, class: u32) -> u32 {
    let Some(cpu) = tables::per_cpu() else { return NO_RECORD };
    let start = start as usize & 0xff;
    let len = (name_len as usize).wrapping_sub(start) & 0x1ff;
    let class = class as u16;
    let mut hash = tables::name_hash(class);
    for word in 0..MAX_WORDS {
        if word * 8 >= opaque(len) {
            break;
        }
        hash = hash.add(name_word(cpu, start, word));
    }
    tables::find_name(cpu, &Suffix { hash, class, start, len }).map_or(NO_RECORD, |record| record.0)
}

#[inline(always)]
fn reference(record: u32) -> Option<LineRef> {
    if record == NO_RECORD { None } else { Some(LineRef(record)) }
}
