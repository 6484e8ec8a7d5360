//! The layout of the maps: what the daemon writes and the program reads.
//!
//! One *generation* is one loaded program with maps of its own, sized for what is configured. A packet takes these steps
//! through them:
//!
//! ```text
//! server -> LISTEN[place of its address and port]: the same, or not for us
//! QNAME  -> NAME_DISPLACEMENTS -> NAMES[record]: types { QTYPE, view, slot }; if no such name: record.below of its closest encloser
//! client -> LOCATION -> class
//! view + class -> VIEWS -> offset;  record[slot + offset] -> BLOCKS[node]; or the entry tells the node itself
//! node: records (what follows the question), or a choice -> BLOCKS[node of a member]
//! ```
//!
//! Every name that exists in a zone has a record, and so have the names above the zones up to the root: whatever is
//! asked, the closest encloser has one. The slots of a name stand right behind its record: where they are few, they
//! come into the cache with it. What is large lies in *sheets*, each a map of its own: the kernel takes memory up to 32 KiB
//! from its own mapping, which is of large pages, and larger memory from small ones (decision 13). A node of [`map::BLOCKS`] begins with a [`BlockHead`] or, told by its first byte, a
//! [`ChoiceHead`]. It is written before any that refers to it, and a slot last, in one store. Below a slot there are at most
//! two choices and then records.
//!
//! Every type is `repr(C)` without padding (`zerocopy::IntoBytes` proves it); whatever is `reserved` is zero. A change
//! of anything here raises [`ABI_VERSION`].

use core::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::wire::rtype;

/// Version of this layout.
pub const ABI_VERSION: u32 = 6;

/// Name of the XDP program in the object.
pub const PROGRAM: &str = "gtm";
/// Name of the program that stores to slots, run by the daemon with a [`StoreHead`] and [`Store`]s as the packet.
pub const STORE_PROGRAM: &str = "gtm_store";
/// Symbol of the [`Settings`] in the object; it carries [`ABI_VERSION`], so that an object of another layout does not
/// load.
pub const SETTINGS_SYMBOL: &str = "SETTINGS_ABI_6";

/// Names of the maps.
pub mod map {
    /// Array of [`super::Listen`], a power of two long: where we serve, each at its [`super::Listen::place`].
    pub const LISTEN: &str = "LISTEN";
    /// Longest prefix match over [`super::Trusted`] -> u32 (unused, zero): the senders whose client subnets are heeded, if
    /// [`super::ecs::LISTED`].
    pub const TRUSTED: &str = "TRUSTED";
    /// Array of [`crate::names::Displacements`], one for each sheet of [`NAMES`] that names are placed in by their hash.
    pub const NAME_DISPLACEMENTS: &str = "NAME_DISPLACEMENTS";
    /// Array of maps of one [`super::Sheet`] each: name records and slots, addressed by [`super::LineRef`]. A slot is 32
    /// bits: the [`super::PageRef`] of the node that answers now, or [`super::NO_NODE`].
    pub const NAMES: &str = "NAMES";
    /// Array of maps of one [`super::Sheet`] each: what [`crate::location`] searches.
    pub const LOCATION: &str = "LOCATION";
    /// Array of u32: what to add to a record's slot for each class, [`super::TypeEntry::view`] being the row.
    pub const VIEWS: &str = "VIEWS";
    /// Array of [`super::Page`]: records and choices, addressed by [`super::PageRef`].
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
    /// Key of the places of [`Listen`]; odd.
    pub listen_key: u64,
    /// Number of places of [`Listen`] less one; the number is a power of two.
    pub listen_mask: u32,
    /// Sheets that names are placed in by their hash; those behind them hold records without a name of their own, and long ones.
    pub name_sheets: u32,
    /// Places of such a sheet. A name's hash leads to one; a record that does not fit is elsewhere.
    pub places: u32,
    /// Lines of a place.
    pub place_lines: u32,
    /// Whose client subnets are heeded: one of [`ecs`].
    pub ecs: u32,
    /// 1 if errors have a code that says more (RFC 8914), else 0.
    pub extended_errors: u32,
    /// Bytes of the name server identifier (RFC 5001), at most [`MAX_NSID`]; 0 without one.
    pub nsid_len: u32,
    /// Offset in bytes of the first line of a [`Sheet`], below 64: that lines are lines of the cache.
    pub line_shift: u32,
    /// The identifier, as bytes in words, zeros behind it.
    pub nsid: [u64; MAX_NSID / 8],
}

/// Longest name server identifier in bytes.
pub const MAX_NSID: usize = 64;

/// Whose client subnets are heeded (RFC 7871 section 11.3).
pub mod ecs {
    /// Everyone's.
    pub const ALWAYS: u32 = 0;
    /// Nobody's.
    pub const NEVER: u32 = 1;
    /// Those of the senders in [`super::map::TRUSTED`].
    pub const LISTED: u32 = 2;
}

/// Key of [`map::TRUSTED`] behind its prefix length: the family first, so that no prefix of one family holds addresses of
/// the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Trusted {
    /// 4 or 6, in network byte order.
    pub ip_version_be: [u8; 4],
    /// The address in network byte order; an IPv4 one in the first four bytes, the rest zero.
    pub address_be: [u8; 16],
}

/// Bits of a [`Trusted`] before the address: what a prefix length of the map counts beside those of the address.
pub const TRUSTED_FAMILY_BITS: u32 = 32;

/// An address and port that we serve, or all zeros; the numbers are as they are loaded from a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Listen {
    /// The first eight bytes of an IPv6 address, or an IPv4 address in the lower half.
    pub high: u64,
    /// The other eight bytes of an IPv6 address, or zero.
    pub low: u64,
    /// The UDP port.
    pub port: u16,
    /// 4 or 6.
    pub ip_version: u16,
    /// Zero.
    pub reserved: u32,
}

impl Listen {
    /// Its place in [`map::LISTEN`] before the mask, by the key with which no two of a generation have the same one.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "thirty-two bits are left")]
    pub const fn place(&self, key: u64) -> u32 {
        let mixed = (self.high ^ self.low.rotate_left(32) ^ ((self.port as u64) << 32)).wrapping_mul(key);
        (mixed >> 32) as u32
    }
}

/// Where a node begins in an array of pages: page number and word within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct PageRef(pub u32);

/// Words of a page that a node can begin in.
pub const PAGE_WORDS: u32 = 8192;
/// Words after these, so that a node that begins in the last word still lies within the page.
pub const PAGE_SLACK_WORDS: u32 = 544;
/// One element of [`map::BLOCKS`].
pub type Page = [u64; 8736];

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

/// Lines of a sheet.
pub const SHEET_LINES: u32 = 495;
/// Bytes of a line.
pub const LINE_BYTES: u32 = 64;
/// The one element of each map of [`map::NAMES`] and [`map::LOCATION`]: [`Settings::line_shift`] bytes, and lines. With what
/// the kernel keeps before it, it is within 32 KiB.
pub type Sheet = [u64; 3968];

/// A line of a sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct LineRef(pub u32);

/// Bits of a line's number.
const LINE_BITS: u32 = 9;
/// Most sheets of a map.
pub const MAX_SHEETS: u32 = (1 << (32 - LINE_BITS)) - 1;

impl LineRef {
    /// The reference to a line of a sheet; they are below [`SHEET_LINES`] and [`MAX_SHEETS`].
    #[inline(always)]
    pub const fn new(sheet: u32, line: u32) -> Self {
        Self((sheet << LINE_BITS) | line)
    }

    /// Index of the sheet.
    #[inline(always)]
    pub const fn sheet(self) -> u32 {
        self.0 >> LINE_BITS
    }

    /// Number of the line in it.
    #[inline(always)]
    pub const fn line(self) -> u32 {
        self.0 & ((1 << LINE_BITS) - 1)
    }
}

/// Last line that a record begins in, so that any head, name and types lie within the sheet.
pub const LAST_RECORD_LINE: u32 = 484;

/// Before the [`Store`]s that one run of [`STORE_PROGRAM`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct StoreHead {
    /// Their number, at most [`MAX_STORES`].
    pub stores: u32,
    /// Zero: a packet has at least an Ethernet header.
    pub reserved: [u32; 3],
}

/// A slot, and what it holds from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Store {
    /// Index of the sheet in [`map::NAMES`].
    pub sheet: u32,
    /// Place of the slot among those of the sheet, counted from its first line.
    pub place: u32,
    /// The slot.
    pub node: PageRef,
}

/// Most stores of one run.
pub const MAX_STORES: usize = 240;

/// Most types that one name has answers of its own for.
pub const MAX_TYPES: usize = 32;

/// Head of a name record. The lower-cased QNAME follows in words, the last one padded with zeros, then the
/// [`TypeEntry`]s, and then the slots. A record that stands for the names below another one has no name of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct NameRecord {
    /// Length of the QNAME in bytes, root label included; 0 without a name, and where there is no record.
    pub name_len: u16,
    /// The class of the name.
    pub class: u16,
    /// Number of types, at most [`MAX_TYPES`].
    pub types: u32,
    /// The record of the names below this one that have none, or [`NOT_OURS`]; with [`ELSEWHERE`] the record itself.
    pub below: LineRef,
    /// [`ELSEWHERE`] or zero.
    pub flags: u32,
}

/// The record is not here, but where [`NameRecord::below`] says.
pub const ELSEWHERE: u32 = 1;

/// There is no such record: the names lie in no zone.
pub const NOT_OURS: LineRef = LineRef(u32::MAX);

/// What a name answers to one type, or to all the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct TypeEntry {
    /// The QTYPE it answers, [`ANY_TYPE`] for every type of data, or [`REST`]. The first entry that answers a QTYPE counts.
    pub qtype: u16,
    /// [`TAILORED`], [`DIRECT`] or zero.
    pub flags: u16,
    /// Row of [`map::VIEWS`]: index of the element of class 0.
    pub view: u32,
    /// Number of the first slot, counted in slots from the start of the record; the view's element of the client's class, below
    /// [`MAX_SLOTS`], is added. With [`DIRECT`] the [`PageRef`] of the node, or [`NO_NODE`].
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
        self.qtype == qtype || (self.qtype == ANY_TYPE && is_data) || self.qtype == REST
    }
}

/// Matches every QTYPE (type 0 is reserved, RFC 6895 section 3.1).
pub const REST: u16 = 0;
/// Matches every QTYPE of data (type 65535 is reserved, RFC 6895 section 3.1).
pub const ANY_TYPE: u16 = u16::MAX;
/// The answer depends on the client: its class is looked up, and an ECS answer carries its scope.
pub const TAILORED: u16 = 1;
/// The answer is the same for everyone and for good: there is no slot.
pub const DIRECT: u16 = 2;

/// Most slots of one entry.
pub const MAX_SLOTS: usize = 1024;

/// No node: the packet is passed up.
pub const NO_NODE: PageRef = PageRef(u32::MAX);

/// The node of an answer that has nothing but a response code: they are the first ones of [`map::BLOCKS`].
#[inline(always)]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "sixteen bits and the length of a head fit"
)]
pub const fn error_node(rcode: u16) -> PageRef {
    PageRef::new(0, rcode as u32 * (size_of::<BlockHead>() / 8) as u32)
}

/// Response codes that have such a node: those up to BADVERS.
pub const ERROR_NODES: u16 = 17;

/// Kinds of nodes: their first byte.
pub mod kind {
    /// A [`super::BlockHead`] and records.
    pub const RECORDS: u8 = 0;
    /// A [`super::ChoiceHead`] and members, of which each answer takes the next one.
    pub const TURN: u8 = 1;
    /// The same, and each answer takes one by weight.
    pub const WEIGHTED: u8 = 2;
    /// The same, and each client prefix has one by weight.
    pub const STICKY: u8 = 3;
    /// The same, and each answer takes all, beginning one later than the one before. Only directly below a slot; its
    /// members have addresses of one kind, none of them twice, and nothing but an answer section.
    pub const GATHER: u8 = 4;
    /// A [`super::BlockHead`] and records that are the same for everyone: of scope 0. Never below a choice.
    pub const UNTAILORED: u8 = 5;
}

/// Head of what follows the question. Behind it come as many offsets as there are [`BlockHead::pointers`], each 16 bits,
/// padded to whole words, and then the records: those of the first rotation, [`BlockHead::step`] bytes on those of the
/// second, and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct BlockHead {
    /// [`kind::RECORDS`] or [`kind::UNTAILORED`].
    pub kind: u8,
    /// Compression pointers among the records that lack the length of the QNAME, at most [`MAX_POINTERS`]. Their offsets
    /// ascend.
    pub pointers: u8,
    /// AA and the response code, as they stand in the header.
    pub flags: u16,
    /// Records of the answer section.
    pub answers: u8,
    /// Records of the authority section.
    pub authorities: u8,
    /// Records of the additional section, without the optional ones and the OPT record.
    pub additionals: u8,
    /// Records at the end of the additional section that are left out where they do not fit.
    pub optionals: u8,
    /// Length in bytes without the optional records, at most [`MAX_ANSWER`]; [`TOO_LARGE`] for what never fits.
    pub len: u16,
    /// Length in bytes with them, at most [`MAX_ANSWER`].
    pub full_len: u16,
    /// Distance between two rotations in bytes. The last one is at most [`MAX_ROTATION`] away from the first.
    pub step: u16,
    /// Number of rotations; at least 1.
    pub rotations: u16,
}

/// Most pointers of a block.
pub const MAX_POINTERS: usize = 63;
/// Length of an answer that fits no datagram: it is truncated.
pub const TOO_LARGE: u16 = 2047;

/// Head of a choice; its [`Member`]s follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct ChoiceHead {
    /// One of [`kind`], but none that has records.
    pub kind: u8,
    /// Number of members: 1 to [`MAX_MEMBERS`].
    pub members: u8,
    /// [`kind::STICKY`]: length of an IPv4 client prefix, 1 to 32; else 0.
    pub sticky_v4: u8,
    /// [`kind::STICKY`]: length of an IPv6 client prefix, 1 to 128; else 0.
    pub sticky_v6: u8,
    /// Longest IPv4 client prefix of this choice and those below: the least scope of an answer to an IPv4 client.
    pub scope_v4: u8,
    /// The same for IPv6.
    pub scope_v6: u8,
    /// [`kind::GATHER`]: most records in one answer; else 0.
    pub max: u16,
}

/// One member of a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Member {
    /// [`kind::STICKY`]: what draws for it; else 0.
    pub key: u64,
    /// [`kind::WEIGHTED`]: its [`crate::pick::last_point`]; [`kind::STICKY`]: its weight; else 0.
    pub weight: u32,
    /// The node that answers.
    pub node: PageRef,
}

/// Longest answer in bytes, without header, question and OPT record: what the shortest question leaves of 1232, in whole
/// words.
pub const MAX_ANSWER: usize = 1208;
/// Greatest offset in bytes of a rotation among the records of a block.
pub const MAX_ROTATION: usize = 2047;
/// Most members of a choice.
pub const MAX_MEMBERS: usize = 16;
/// Longest part of one member in bytes that is gathered: sixteen AAAA records.
pub const MAX_GATHERED: usize = 448;
/// Words that an answer is gathered in.
pub const GATHER_WORDS: usize = 320;

/// Number of turn counters of a CPU; slots share them by their lower bits, and so do the choices below them.
pub const TURNS: usize = 256;

/// What one CPU keeps: counters, rotation and room to work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct PerCpu {
    /// Packets by [`crate::counters::Outcome`].
    pub outcomes: [u64; 32],
    /// The lower-cased QNAME of the packet at hand, and a word of zeros; room behind it, so that whatever part of it is
    /// looked at lies within.
    pub name: [u64; 64],
    /// Offset of each label of the QNAME, the root label included, where they were looked for.
    pub labels: [u8; 128],
    /// The next turn of a slot, or of a choice below it; they begin anywhere.
    pub turns: [u32; TURNS],
    /// Zero, which the verifier cannot know: what is added to it has no value that branches are followed up for.
    pub unknown_zero: u64,
    /// Room for the records of several nodes, one behind the other.
    pub gathered: [u64; GATHER_WORDS],
}

#[expect(clippy::as_conversions, reason = "conversions of constants cannot be done otherwise in a constant")]
const _: () = {
    assert!(size_of::<Settings>() == 48 + MAX_NSID);
    assert!(size_of::<Listen>() == 24);
    assert!(MAX_SLOTS.is_power_of_two());
    assert!(size_of::<Sheet>() == (SHEET_LINES * LINE_BYTES + 64) as usize && SHEET_LINES <= 1 << LINE_BITS);
    assert!(
        (LAST_RECORD_LINE * LINE_BYTES + (LINE_BYTES - 1)) as usize
            + size_of::<NameRecord>()
            + 256
            + MAX_TYPES * size_of::<TypeEntry>()
            <= size_of::<Sheet>()
    );
    assert!(size_of::<StoreHead>() == 16 && size_of::<Store>() == 12);
    assert!(size_of::<Trusted>() == 20);
    assert!(size_of::<TypeEntry>() == 12);
    assert!(size_of::<NameRecord>() == 16);
    assert!(size_of::<BlockHead>() == 16 && size_of::<ChoiceHead>() == 8);
    assert!(offset_of!(BlockHead, kind) == 0 && offset_of!(ChoiceHead, kind) == 0);
    assert!(size_of::<Member>() == 16);
    assert!(offset_of!(PerCpu, turns) == 256 + 512 + 128);
    assert!(size_of::<PerCpu>() == 256 + 512 + 128 + 4 * TURNS + 8 + 8 * GATHER_WORDS);
    // A choice, and all that copying records may touch, fit behind the last word they can begin in.
    let slack = 8 * PAGE_SLACK_WORDS as usize;
    assert!(size_of::<ChoiceHead>() + MAX_MEMBERS * size_of::<Member>() <= slack);
    assert!(size_of::<BlockHead>() + 2 * (MAX_POINTERS + 1) + MAX_ROTATION + 2048 + 64 <= slack);
    assert!(2048 + MAX_GATHERED + 8 <= 8 * GATHER_WORDS);
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
