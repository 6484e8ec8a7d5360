//! Answer blocks: the resource records of one steered answer, prebuilt, for the kernel and the server alike.

use std::net::IpAddr;

use gtm_common::abi::MAX_ANSWER;
use gtm_common::wire::{class, rtype};

use crate::config::model::Target;
use crate::name::Name;

/// The answer section of one steered answer as bytes, in every rotation.
///
/// The owner of every record is a compression pointer to the QNAME (`c0 0c`), so the block serves any name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Block {
    /// Records in one answer; 0 means NODATA.
    pub count: u16,
    /// Length of one answer in bytes; the same in every rotation.
    pub len: u16,
    /// Distance between two rotations in bytes; 0 when there is only one.
    pub step: u16,
    /// The records 0..n followed by 0..n-1 again, so that each rotation is one contiguous piece.
    pub bytes: Box<[u8]>,
    /// The target when the answer is a CNAME into one of our zones.
    pub alias: Option<Name>,
}

impl Block {
    /// The block of these targets, all of one kind; none gives NODATA.
    ///
    /// Targets that would go past [`MAX_ANSWER`] are left out: the configuration does not let a pool have that many.
    pub fn new(targets: &[&Target], ttl: u32) -> Self {
        let records: Vec<Vec<u8>> = targets.iter().map(|target| record(target, ttl)).collect();
        let Some(step) = records.first().map(Vec::len) else { return Self::default() };
        let alias = targets.iter().find_map(|target| match target {
            Target::Name(name) => Some(name.clone()),
            Target::Ip(_) => None,
        });
        // A name has one CNAME (RFC 2181 section 10.1): of several, the first.
        let count = if alias.is_some() { 1 } else { records.len().min(MAX_ANSWER / step) };
        let again = count.saturating_sub(1);
        let bytes: Vec<u8> =
            records.iter().take(count).chain(records.iter().take(again)).flatten().copied().collect();
        // All three are at most MAX_ANSWER.
        let narrow = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        Self {
            count: narrow(count),
            len: narrow(count * step),
            step: if count > 1 { narrow(step) } else { 0 },
            bytes: bytes.into(),
            alias,
        }
    }

    /// True when the kernel can answer it alone: NODATA has the zone's SOA, and an alias into our zones brings more
    /// records, which only the server has.
    pub fn is_for_kernel(&self) -> bool {
        self.count > 0 && self.alias.is_none()
    }

    /// Number of rotations; at least 1.
    pub fn rotations(&self) -> u16 {
        if self.step == 0 { 1 } else { self.count }
    }

    /// The answer section of the given turn: `turn` modulo the number of rotations picks the first record.
    pub fn rotation(&self, turn: u32) -> &[u8] {
        let index = turn % u32::from(self.rotations());
        let first = usize::from(self.step) * usize::try_from(index).unwrap_or_default();
        self.bytes.get(first..first + usize::from(self.len)).unwrap_or_default()
    }
}

/// One resource record: owner pointer, type, class IN, TTL, RDLENGTH, RDATA (RFC 1035 section 4.1.3).
fn record(target: &Target, ttl: u32) -> Vec<u8> {
    let (rtype, rdata) = match target {
        Target::Ip(IpAddr::V4(address)) => (rtype::A, address.octets().to_vec()),
        Target::Ip(IpAddr::V6(address)) => (rtype::AAAA, address.octets().to_vec()),
        Target::Name(name) => (rtype::CNAME, name.as_wire().to_vec()),
    };
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

    fn targets(texts: &[&str]) -> Vec<Target> {
        texts
            .iter()
            .map(|text| text.parse().map_or_else(|_| Target::Name(text.parse().unwrap()), Target::Ip))
            .collect()
    }

    #[track_caller]
    fn check(texts: &[&str], turn: u32, expect: &[&[u8]]) {
        let targets = targets(texts);
        let block = Block::new(&targets.iter().collect::<Vec<_>>(), 30);
        assert_eq!(block.rotation(turn), expect.concat());
        assert_eq!(usize::from(block.count), expect.len());
    }

    const ONE: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01";
    const TWO: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x02";
    const SIX: &[u8] = b"\xc0\x0c\0\x1c\0\x01\0\0\0\x1e\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x06";
    const ALIAS: &[u8] = b"\xc0\x0c\0\x05\0\x01\0\0\0\x1e\0\x05\x01a\x01b\0";

    #[test]
    fn records_are_in_wire_form() {
        check(&["10.0.0.1"], 0, &[ONE]);
        check(&["2001:db8::6"], 7, &[SIX]);
        check(&["A.b"], 0, &[ALIAS]);
        check(&[], 3, &[]);
    }

    #[test]
    fn every_turn_begins_one_later() {
        check(&["10.0.0.1", "10.0.0.2"], 0, &[ONE, TWO]);
        check(&["10.0.0.1", "10.0.0.2"], 1, &[TWO, ONE]);
        check(&["10.0.0.1", "10.0.0.2"], 2, &[ONE, TWO]);
    }

    #[test]
    fn sixteen_addresses_fit() {
        let texts: Vec<String> = (0..16).map(|last| format!("2001:db8::{last:x}")).collect();
        let targets = targets(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let block = Block::new(&targets.iter().collect::<Vec<_>>(), 30);
        assert_eq!((block.count, usize::from(block.len)), (16, MAX_ANSWER));
        assert_eq!(block.rotation(15).len(), MAX_ANSWER);
    }
}
