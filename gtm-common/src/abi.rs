//! The layout of the maps: what the daemon writes and the program reads.
//!
//! One *generation* is one loaded program with maps of its own, sized for what is configured. A packet takes three
//! steps through them:
//!
//! ```text
//! QNAME  -> NAME_BUCKETS -> NAMES[record]: types { QTYPE, view, slot }
//! client -> INDEX_V4, RANGES_V4 / INDEX_V6, RANGES_V6 -> class
//! view + class -> VIEWS -> offset;  slot + offset -> SLOTS -> BLOCKS[block]: the answer section
//! ```
//!
//! Every type is `repr(C)` without padding (`zerocopy::IntoBytes` proves it); whatever is `reserved` is zero. A change
//! of anything here raises [`ABI_VERSION`].

use core::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::wire::rtype;

/// Version of this layout.
pub const ABI_VERSION: u32 = 1;

/// Name of the XDP program in the object.
pub const PROGRAM: &str = "gtm";
/// Symbol of the [`Settings`] in the object; it carries [`ABI_VERSION`], so that an object of another layout does not
/// load.
pub const SETTINGS_SYMBOL: &str = "SETTINGS_ABI_1";

/// Names of the maps.
pub mod map {
    /// Hash map [`super::Listen`] -> u32 (unused, zero): where we serve.
    pub const LISTEN: &str = "LISTEN";
    /// Array of [`super::Bucket`], a power of two long.
    pub const NAME_BUCKETS: &str = "NAME_BUCKETS";
    /// Array of [`super::Page`]: name records, addressed by [`super::PageRef`].
    pub const NAMES: &str = "NAMES";
    /// Array of u32, [`crate::location::INDEX_LEN`] long: for each upper 16 bits of an IPv4 address, the range that holds
    /// the first such address.
    pub const INDEX_V4: &str = "INDEX_V4";
    /// Array of [`super::RangeV4`], ascending.
    pub const RANGES_V4: &str = "RANGES_V4";
    /// As [`INDEX_V4`], for IPv6.
    pub const INDEX_V6: &str = "INDEX_V6";
    /// Array of [`super::RangeV6`], ascending.
    pub const RANGES_V6: &str = "RANGES_V6";
    /// Array of u32: what to add to a record's slot for each class, [`super::TypeEntry::view`] being the row.
    pub const VIEWS: &str = "VIEWS";
    /// Array of u64: the [`super::PageRef`] of the block that answers now, or [`super::NO_BLOCK`].
    pub const SLOTS: &str = "SLOTS";
    /// Array of [`super::Page`]: answer blocks, addressed by [`super::PageRef`].
    pub const BLOCKS: &str = "BLOCKS";
    /// Per-CPU array with one [`super::PerCpu`].
    pub const PER_CPU: &str = "PER_CPU";
}

/// What the program knows as constants: written before it is verified, so the verifier and the JIT see the numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Settings {
    /// Key of the name hash; chosen at random for each generation.
    pub hash_key: u64,
    /// Number of name buckets less one; the number is a power of two.
    pub bucket_mask: u32,
    /// Number of IPv4 ranges.
    pub ranges_v4: u32,
    /// Number of IPv6 ranges.
    pub ranges_v6: u32,
    /// Zero.
    pub reserved: u32,
}

/// Key of [`map::LISTEN`]: an address and port that we serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Listen {
    /// The address in network byte order; an IPv4 one in the first four bytes, the rest zero.
    pub address_be: [u8; 16],
    /// The UDP port in network byte order.
    pub port_be: [u8; 2],
    /// 4 or 6.
    pub ip_version: u16,
}

/// Where a record or block begins in an array of pages: page number and word within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct PageRef(pub u32);

/// Words of a page that a record or block can begin in.
pub const PAGE_WORDS: u32 = 8192;
/// Words after these, so that a record or block that begins in the last word still lies within the page.
pub const PAGE_SLACK_WORDS: u32 = 256;
/// One element of [`map::NAMES`] and [`map::BLOCKS`].
pub type Page = [u64; 8448];

impl PageRef {
    /// The reference to a word of a page; `word` is below [`PAGE_WORDS`].
    pub const fn new(page: u32, word: u32) -> Self {
        Self(page.wrapping_mul(PAGE_WORDS) | (word & (PAGE_WORDS - 1)))
    }

    /// Index of the page.
    #[inline(always)]
    pub const fn page(self) -> u32 {
        self.0 / PAGE_WORDS
    }

    /// Word within the page.
    #[inline(always)]
    pub const fn word(self) -> u32 {
        self.0 % PAGE_WORDS
    }
}

/// One place of the name hash table; open addressing, linear probing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Bucket {
    /// Upper half of the name's hash.
    pub tag: u32,
    /// The [`NameRecord`], or [`EMPTY_BUCKET`].
    pub record: PageRef,
}

/// Marks a bucket without a name; the search ends there.
pub const EMPTY_BUCKET: PageRef = PageRef(u32::MAX);
/// How many neighbouring buckets a search looks at. The builder keeps every name within that distance and the tags in
/// it distinct.
pub const MAX_PROBES: u32 = 8;

/// Types one name can be steered for.
pub const MAX_TYPES: usize = 4;

/// Head of a name record; the lower-cased QNAME follows in words, the last one padded with zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct NameRecord {
    /// Length of the QNAME in bytes, root label included.
    pub name_len: u32,
    /// Zero.
    pub reserved: u32,
    /// What is steered at this name; unused entries at the end have `qtype` [`NO_TYPE`].
    pub types: [TypeEntry; MAX_TYPES],
}

/// One steered type of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct TypeEntry {
    /// The QTYPE it answers, [`ANY_TYPE`] for all, or [`NO_TYPE`].
    pub qtype: u16,
    /// [`TAILORED`] or zero.
    pub flags: u16,
    /// Row of [`map::VIEWS`]: index of the element of class 0.
    pub view: u32,
    /// First slot; the view's element of the client's class is added.
    pub slot: u32,
}

impl TypeEntry {
    /// True when the answer depends on the client's class.
    #[inline(always)]
    pub const fn is_tailored(&self) -> bool {
        self.flags & TAILORED != 0
    }

    /// True when this entry answers the QTYPE. [`ANY_TYPE`] stands for every type of data; the meta types and QTYPEs
    /// (128 to 255 and OPT, RFC 6895 section 3.1) ask for something else than the records of a name.
    #[inline(always)]
    pub const fn answers(&self, qtype: u16) -> bool {
        let is_data = qtype != rtype::OPT && (qtype < 128 || qtype > 255);
        self.qtype == qtype || (self.qtype == ANY_TYPE && is_data)
    }
}

/// Marks an unused entry (type 0 is reserved, RFC 6895 section 3.1).
pub const NO_TYPE: u16 = 0;
/// Matches every QTYPE (type 65535 is reserved, RFC 6895 section 3.1).
pub const ANY_TYPE: u16 = u16::MAX;
/// The answer depends on the client: its class is looked up, and an ECS answer carries its scope.
pub const TAILORED: u16 = 1;

/// First IPv4 address of a range and its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct RangeV4 {
    /// First address, as a number.
    pub start: u32,
    /// Class of the addresses from here to the next range.
    pub class: u32,
}

/// First IPv6 address of a range and its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct RangeV6 {
    /// First address, as a number: upper 64 bits.
    pub start_high: u64,
    /// First address, as a number: lower 64 bits.
    pub start_low: u64,
    /// Class of the addresses from here to the next range.
    pub class: u32,
    /// Zero.
    pub reserved: u32,
}

/// A slot that the kernel does not answer: the packet is passed up.
pub const NO_BLOCK: u64 = u64::MAX;

/// Head of an answer block; the records follow, 0..n and then again 0..n-1, so that every rotation is one piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct BlockHead {
    /// Length of one answer in bytes, at most [`MAX_ANSWER`].
    pub len: u16,
    /// Records in one answer.
    pub count: u16,
    /// Distance between two rotations in bytes; 0 when there is one rotation.
    pub step: u16,
    /// Number of rotations; at least 1.
    pub rotations: u16,
}

/// Longest answer section of a block: sixteen AAAA records, in bytes.
pub const MAX_ANSWER: usize = 448;

/// Number of rotation counters of a CPU; slots share them by their lower bits.
pub const TURNS: usize = 256;

/// What one CPU keeps: counters, rotation and room to work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct PerCpu {
    /// Packets by [`crate::counters::Outcome`].
    pub outcomes: [u64; 32],
    /// The lower-cased QNAME of the packet at hand.
    pub name: [u64; 32],
    /// Which rotation a slot's next answer takes.
    pub turns: [u32; TURNS],
    /// Zero, which the verifier cannot know: what is added to it has no value that branches are followed up for.
    pub unknown_zero: u64,
}

#[expect(clippy::as_conversions, reason = "conversions of constants cannot be done otherwise in a constant")]
const _: () = {
    assert!(size_of::<Settings>() == 24);
    assert!(size_of::<Listen>() == 20);
    assert!(size_of::<Bucket>() == 8);
    assert!(size_of::<TypeEntry>() == 12);
    assert!(size_of::<NameRecord>() == 56 && offset_of!(NameRecord, types) == 8);
    assert!(size_of::<RangeV4>() == 8);
    assert!(size_of::<RangeV6>() == 24);
    assert!(size_of::<BlockHead>() == 8);
    assert!(size_of::<PerCpu>() == 256 + 256 + 4 * TURNS + 8 && offset_of!(PerCpu, turns) == 512);
    // A name record (head and 255 bytes) and a block (head and 2n-1 records) fit behind the last word they can begin in.
    assert!(size_of::<NameRecord>() + 256 <= 8 * PAGE_SLACK_WORDS as usize);
    assert!(size_of::<BlockHead>() + 2 * MAX_ANSWER <= 8 * PAGE_SLACK_WORDS as usize);
    assert!(size_of::<Page>() == 8 * (PAGE_WORDS + PAGE_SLACK_WORDS) as usize);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_symbol_names_the_version() {
        assert_eq!(SETTINGS_SYMBOL, std::format!("SETTINGS_ABI_{ABI_VERSION}"));
    }

    #[test]
    fn page_references_keep_page_and_word() {
        for (page, word) in [(0, 0), (0, 8191), (1, 0), (7, 4711)] {
            let reference = PageRef::new(page, word);
            assert_eq!((reference.page(), reference.word()), (page, word));
        }
    }
}
