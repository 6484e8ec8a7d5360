//! The DNS header and the question.

use core::ptr;

use gtm_common::abi::PerCpu;
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;
use gtm_common::names::{self, MAX_WORDS, NameHash};
use gtm_common::wire::{HEADER_LEN, MAX_NAME, class};

use crate::frame::Frame;
use crate::packet::Packet;
use crate::tables::{self, forget};

/// A query of one question.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// ID and flags as they stand in the packet.
    pub(crate) id: u16,
    /// True when recursion is desired.
    pub(crate) recursion_desired: bool,
    /// True when one additional record follows.
    pub(crate) has_additional: bool,
    /// Length of the QNAME in bytes, root label included.
    pub(crate) name_len: usize,
    /// Number of words of the lower-cased QNAME in [`PerCpu::name`].
    pub(crate) words: usize,
    /// Hash of the lower-cased QNAME.
    pub(crate) hash: NameHash,
    /// QTYPE.
    pub(crate) qtype: u16,
    /// Sum of the question section from its own start.
    pub(crate) sum: Sum,
    /// Offset of the first byte after the question.
    pub(crate) end: usize,
}

/// Reads the header and the question, and leaves the lower-cased QNAME in the CPU's room.
#[inline(always)]
pub(crate) fn parse(packet: Packet, frame: &Frame, cpu: *mut PerCpu) -> Result<Question, Outcome> {
    let not_query = Outcome::PassedNotQuery;
    let dns = frame.dns();
    let [id0, id1, flags0, flags1, qd0, qd1, an0, an1] =
        packet.load::<u64>(dns).ok_or(not_query)?.to_ne_bytes();
    let [ns0, ns1, ar0, ar1] = packet.load::<u32>(dns + 8).ok_or(not_query)?.to_ne_bytes();
    // Only RD, AD and CD may be set: anything else is not a plain query.
    if flags0 & 0xfe != 0
        || flags1 & 0xcf != 0
        || [qd0, qd1, an0, an1] != [0, 1, 0, 0]
        || [ns0, ns1, ar0] != [0, 0, 0]
        || ar1 > 1
    {
        return Err(not_query);
    }
    let name = name(packet, dns + HEADER_LEN, cpu).ok_or(Outcome::PassedBadQuestion)?;
    let fixed = packet.load::<u32>(dns + HEADER_LEN + name.len).ok_or(Outcome::PassedBadQuestion)?;
    let [type0, type1, class0, class1] = fixed.to_ne_bytes();
    let end = dns + HEADER_LEN + name.len + 4;
    if u16::from_be_bytes([class0, class1]) != class::IN || end > frame.end {
        return Err(Outcome::PassedBadQuestion);
    }
    let mut sum = name.sum;
    let mut fixed_sum = Sum::default();
    fixed_sum.add_u32(fixed);
    sum.add_piece(fixed_sum, name.len);
    Ok(Question {
        id: u16::from_ne_bytes([id0, id1]),
        recursion_desired: flags0 & 1 != 0,
        has_additional: ar1 == 1,
        name_len: name.len,
        words: name.words,
        hash: name.hash,
        qtype: u16::from_be_bytes([type0, type1]),
        sum,
        end,
    })
}

struct Name {
    len: usize,
    words: usize,
    hash: NameHash,
    sum: Sum,
}

/// Goes over the name word by word up to its zero byte: lower-cases, hashes, sums and keeps it.
#[inline(always)]
fn name(packet: Packet, offset: usize, cpu: *mut PerCpu) -> Option<Name> {
    let mut hash = NameHash::new(tables::hash_key());
    let mut sum = Sum::default();
    for word in 0..MAX_WORDS {
        let at = offset + word * 8;
        // Four bytes of type and class follow a name: where eight bytes are no longer there, the name ends within the
        // next three, and four bytes are.
        let raw = match packet.load::<u64>(at) {
            Some(raw) => raw,
            None => u64::from(packet.load::<u32>(at)?),
        };
        let zeros = names::zero_bytes(raw);
        let kept = if zeros == 0 { raw } else { raw & names::through_first_zero(zeros) };
        let lowered = names::lower(kept);
        hash = hash.add(lowered);
        sum.add_u64(kept);
        // SAFETY: `cpu` points to this CPU's map value, and `word` is below the length of the array.
        unsafe { ptr::addr_of_mut!((*cpu).name).cast::<u64>().add(word).write(lowered) };
        if zeros != 0 {
            let len = word * 8 + names::bytes_before_zero(zeros) + 1;
            let (len, words) = (forget(cpu, len, 0x1ff), forget(cpu, word + 1, 0x3f));
            return if len <= MAX_NAME { Some(Name { len, words, hash, sum }) } else { None };
        }
    }
    None
}
