//! The DNS header and the question.

use core::ptr;

use gtm_common::abi::PerCpu;
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;
use gtm_common::names::{self, MAX_WORDS, NameHash};
use gtm_common::wire::{HEADER_LEN, MAX_LABEL, MAX_NAME, class, flags, rcode};

use crate::closest::MAX_LABELS;
use crate::frame::{Frame, OFFSET_MASK};
use crate::packet::{Packet, Window, opaque};
use crate::tables::{self, forget};

/// Bits of the first byte of the flags.
const QR: u8 = (flags::QR >> 8) as u8;
const OPCODE: u8 = (flags::OPCODE >> 8) as u8;
const RD: u8 = (flags::RD >> 8) as u8;

/// What header and question say.
#[derive(Clone, Copy, Default)]
pub(crate) struct Question {
    /// ID as it stands in the packet.
    pub(crate) id: u16,
    /// OPCODE or RD, which the answer copies, in the first byte of the flags.
    pub(crate) copied_flags: u8,
    /// NOTIMP or FORMERR where the header tells that it is no query; else NOERROR.
    pub(crate) rcode: u16,
    /// 1, or 0 where it cannot be told what the question is: nothing behind the header was looked at then.
    pub(crate) count: u8,
    /// True when one additional record follows.
    pub(crate) has_additional: bool,
    /// Length of the QNAME in bytes, root label included.
    pub(crate) name_len: usize,
    /// Hash of the lower-cased QNAME in class IN.
    pub(crate) hash: NameHash,
    /// QTYPE.
    pub(crate) qtype: u16,
    /// QCLASS.
    pub(crate) qclass: u16,
    /// Sum of the question section from its own start.
    pub(crate) sum: Sum,
    /// Offset of the first byte after the question.
    pub(crate) end: usize,
}

/// Reads header and question, and leaves the lower-cased QNAME in [`PerCpu::name`]. `name` is one of [`up_to_zero`] and
/// [`by_labels`].
#[inline(always)]
pub(crate) fn parse(
    packet: Packet,
    frame: &Frame,
    cpu: *mut PerCpu,
    name: impl Fn(Packet, usize, *mut PerCpu) -> Option<Name>,
) -> Result<Question, Outcome> {
    let not_query = Outcome::PassedNotQuery;
    let dns = frame.dns();
    if dns + HEADER_LEN > frame.end {
        return Err(not_query);
    }
    let header: Window<HEADER_LEN> = packet.window(dns).ok_or(not_query)?;
    let [id0, id1, flags0, _, qd0, qd1, an0, an1] = header.load::<u64, 0>().to_ne_bytes();
    let [ns0, ns1, ar0, ar1] = header.load::<u32, 8>().to_ne_bytes();
    if flags0 & QR != 0 {
        return Err(not_query);
    }
    let is_query = flags0 & OPCODE == 0;
    let id = u16::from_ne_bytes([id0, id1]);
    // RD means something in a query alone.
    let copied_flags = if is_query { flags0 & RD } else { flags0 & OPCODE };
    let has_records = [an0, an1] != [0, 0] || [ns0, ns1, ar0] != [0, 0, 0];
    if [qd0, qd1] != [0, 1] {
        // Without a question the OPT record is still answered with one.
        if [qd0, qd1] == [0, 0] && (has_records || ar1 > 0) {
            return Err(not_query);
        }
        let rcode = if is_query { rcode::FORMERR } else { rcode::NOTIMP };
        return Ok(Question { id, copied_flags, rcode, end: dns + HEADER_LEN, ..Question::default() });
    }
    if has_records || ar1 > 1 {
        return Err(not_query);
    }
    let name = name(packet, dns + HEADER_LEN, cpu).ok_or(Outcome::PassedBadQuestion)?;
    let fixed = packet.load::<u32>(dns + HEADER_LEN + name.len).ok_or(Outcome::PassedBadQuestion)?;
    let [type0, type1, class0, class1] = fixed.to_ne_bytes();
    let end = dns + HEADER_LEN + name.len + 4;
    if end > frame.end {
        return Err(Outcome::PassedBadQuestion);
    }
    let mut sum = name.sum;
    let mut fixed_sum = Sum::default();
    fixed_sum.add_u32(fixed);
    sum.add_piece(fixed_sum, name.len);
    Ok(Question {
        id,
        copied_flags,
        rcode: if is_query { rcode::NOERROR } else { rcode::NOTIMP },
        count: 1,
        has_additional: ar1 == 1,
        name_len: name.len,
        hash: name.hash,
        qtype: u16::from_be_bytes([type0, type1]),
        qclass: u16::from_be_bytes([class0, class1]),
        sum,
        end,
    })
}

/// A QNAME.
pub(crate) struct Name {
    len: usize,
    hash: NameHash,
    sum: Sum,
}

/// Goes over the name word by word up to its first zero byte, which ends nearly every name there is: lower-cases, hashes,
/// sums and keeps it. Whether there are labels up to there is not known yet.
#[inline(always)]
pub(crate) fn up_to_zero(packet: Packet, offset: usize, cpu: *mut PerCpu) -> Option<Name> {
    let mut hash = tables::name_hash(class::IN);
    let mut sum = Sum::default();
    for word in 0..MAX_WORDS {
        let at = offset + word * 8;
        let raw = load_word(packet, at)?;
        let zeros = names::zero_bytes(raw);
        let kept = if zeros == 0 { raw } else { raw & names::through_first_zero(zeros) };
        let lowered = names::lower(kept);
        hash = hash.add(lowered);
        sum.add_u64(kept);
        keep_word(cpu, word, lowered);
        if zeros != 0 {
            keep_word(cpu, word + 1, 0);
            let len = word * 8 + names::bytes_before_zero(zeros) + 1;
            let len = forget(cpu, len, 0x1ff);
            return if len <= MAX_NAME { Some(Name { len, hash, sum }) } else { None };
        }
    }
    None
}

/// The same for a name with zero bytes in its labels: these are gone through first.
#[inline(always)]
pub(crate) fn by_labels(packet: Packet, offset: usize, cpu: *mut PerCpu) -> Option<Name> {
    let offset = forget(cpu, offset, OFFSET_MASK);
    let mut at = offset;
    for _ in 0..MAX_LABELS {
        let len = usize::from(packet.load::<u8>(at)?);
        if len == 0 {
            break;
        }
        if len > MAX_LABEL {
            return None;
        }
        at = forget(cpu, at + 1 + len, OFFSET_MASK);
    }
    let len = at + 1 - offset;
    if packet.load::<u8>(at)? != 0 || len > MAX_NAME {
        return None;
    }
    let len = forget(cpu, len, 0xff);
    let mut hash = tables::name_hash(class::IN);
    let mut sum = Sum::default();
    for word in 0..MAX_WORDS {
        if word * 8 >= opaque(len) {
            break;
        }
        let raw = load_word(packet, offset + word * 8)?;
        let rest = len - word * 8;
        let kept = if rest < 8 { raw & ((1 << (rest * 8)) - 1) } else { raw };
        let lowered = names::lower(kept);
        hash = hash.add(lowered);
        sum.add_u64(kept);
        keep_word(cpu, word, lowered);
        keep_word(cpu, word + 1, 0);
    }
    Some(Name { len, hash, sum })
}

/// Eight bytes of a name. Four bytes of type and class follow it: where eight bytes are no longer there, the name ends
/// within the next three, and four bytes are.
#[inline(always)]
fn load_word(packet: Packet, at: usize) -> Option<u64> {
    match packet.load::<u64>(at) {
        Some(raw) => Some(raw),
        None => packet.load::<u32>(at).map(u64::from),
    }
}

/// Keeps a word of the lower-cased QNAME.
#[inline(always)]
fn keep_word(cpu: *mut PerCpu, word: usize, lowered: u64) {
    // SAFETY: `cpu` points to this CPU's map value, which has room for more words than the longest name.
    unsafe { ptr::addr_of_mut!((*cpu).name).cast::<u64>().add(word).write(lowered) };
}
