//! Answer blocks: resource records ready to copy, for the kernel and the server alike.

use std::net::IpAddr;

use gtm_common::wire::{class, rtype};

use crate::config::model::Target;
use crate::name::Name;

/// Records of one length that are answered in turn, as bytes, in every rotation.
///
/// The owner of every record is a compression pointer to the QNAME (`c0 0c`), so the block serves any name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Block {
    /// Records in one answer; at least 1.
    pub count: usize,
    /// Length of each record in bytes.
    pub record_len: usize,
    /// Number of rotations: each record is the first of one, and those behind it follow, as many as one answer has.
    pub rotations: usize,
    /// The records 0..n followed by the first ones again, so that each rotation is one contiguous piece.
    pub bytes: Box<[u8]>,
    /// The target when the answer is a CNAME into one of our zones.
    pub alias: Option<Name>,
}

impl Block {
    /// The block of these addresses, or of one name, at most `max` of them in one answer; `None` without any, or when
    /// one could not stand beside another.
    pub fn new(targets: &[&Target], ttl: u32, max: usize) -> Option<Self> {
        let records: Vec<Vec<u8>> = targets.iter().map(|target| record(target, ttl)).collect();
        let record_len = records.first()?.len();
        let is_uniform = records.iter().all(|record| record.len() == record_len);
        let is_alias = targets.iter().any(|target| matches!(target, Target::Name(_)));
        // A name has one CNAME, and nothing beside it (RFC 2181 section 10.1).
        if !is_uniform || (is_alias && targets.len() > 1) {
            return None;
        }
        let count = max.clamp(1, records.len());
        let again = records.iter().take(count - 1);
        Some(Self {
            count,
            record_len,
            rotations: records.len(),
            bytes: records.iter().chain(again).flatten().copied().collect(),
            alias: None,
        })
    }

    /// Length of one answer in bytes; the same in every rotation.
    pub fn len(&self) -> usize {
        self.count * self.record_len
    }

    /// True when an answer has no bytes, which no block has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records of the given turn: `turn` modulo the number of rotations picks the first one.
    pub fn rotation(&self, turn: u32) -> &[u8] {
        let turn = usize::try_from(turn).unwrap_or_default();
        let first = self.record_len * turn.checked_rem(self.rotations).unwrap_or_default();
        self.bytes.get(first..first + self.len()).unwrap_or_default()
    }

    /// The records of the given turn, one by one.
    pub fn records(&self, turn: u32) -> std::slice::ChunksExact<'_, u8> {
        self.rotation(turn).chunks_exact(self.record_len.max(1))
    }
}

/// The record that answers a target.
fn record(target: &Target, ttl: u32) -> Vec<u8> {
    let (rtype, rdata) = match target {
        Target::Ip(IpAddr::V4(address)) => (rtype::A, address.octets().to_vec()),
        Target::Ip(IpAddr::V6(address)) => (rtype::AAAA, address.octets().to_vec()),
        Target::Name(name) => (rtype::CNAME, name.as_wire().to_vec()),
    };
    resource_record(rtype, &rdata, ttl)
}

/// One resource record: owner pointer, type, class IN, TTL, RDLENGTH, RDATA (RFC 1035 section 4.1.3).
fn resource_record(rtype: u16, rdata: &[u8], ttl: u32) -> Vec<u8> {
    let mut record = vec![0xc0, 0x0c];
    record.extend(rtype.to_be_bytes());
    record.extend(class::IN.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    // An RDATA here has at most 255 bytes.
    record.extend(u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend(rdata);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(texts: &[&str], max: usize) -> Option<Block> {
        let target =
            |text: &&str| text.parse().map_or_else(|_| Target::Name(text.parse().unwrap()), Target::Ip);
        let targets: Vec<Target> = texts.iter().map(target).collect();
        Block::new(&targets.iter().collect::<Vec<_>>(), 30, max)
    }

    #[track_caller]
    fn check(texts: &[&str], max: usize, turn: u32, expect: &[&[u8]]) {
        let block = block(texts, max).unwrap();
        assert_eq!(block.rotation(turn), expect.concat());
        assert_eq!((block.count, block.rotations), (expect.len(), texts.len()));
    }

    const ONE: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01";
    const TWO: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x02";
    const THREE: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x03";
    const SIX: &[u8] = b"\xc0\x0c\0\x1c\0\x01\0\0\0\x1e\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x06";
    const ALIAS: &[u8] = b"\xc0\x0c\0\x05\0\x01\0\0\0\x1e\0\x05\x01a\x01b\0";

    #[test]
    fn records_are_in_wire_form() {
        check(&["10.0.0.1"], 16, 0, &[ONE]);
        check(&["2001:db8::6"], 16, 7, &[SIX]);
        check(&["A.b"], 16, 0, &[ALIAS]);
    }

    #[test]
    fn every_turn_begins_one_later() {
        check(&["10.0.0.1", "10.0.0.2"], 16, 0, &[ONE, TWO]);
        check(&["10.0.0.1", "10.0.0.2"], 16, 1, &[TWO, ONE]);
        check(&["10.0.0.1", "10.0.0.2"], 16, 2, &[ONE, TWO]);
    }

    #[test]
    fn an_answer_may_hold_a_part_of_them() {
        let three = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
        check(&three, 2, 0, &[ONE, TWO]);
        check(&three, 2, 1, &[TWO, THREE]);
        check(&three, 2, 2, &[THREE, ONE]);
        check(&three, 1, 2, &[THREE]);
        check(&three, 3, 1, &[TWO, THREE, ONE]);
        check(&three, 0, 1, &[TWO]);
    }

    #[test]
    fn a_name_stands_alone() {
        assert_eq!(block(&[], 16), None);
        assert_eq!(block(&["a.b", "c.d"], 16), None);
        assert_eq!(block(&["10.0.0.1", "a.b"], 16), None);
        assert_eq!(block(&["10.0.0.1", "2001:db8::6"], 16), None);
    }
}
