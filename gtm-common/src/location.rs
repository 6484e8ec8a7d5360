//! Who asks: from an address to its class and to the prefix for which that holds.
//!
//! The address space is cut into ranges of one class each. A *directory* has an entry for each value of the upper bits,
//! and so a *cell* of addresses for each: its entry is the class of all of them, or leads to *nodes*. A node tells of the
//! next 15 bits, the *chunk*, where ranges begin within the cell, and what each is: a class, another cell for the chunks
//! whose addresses are of several classes, or, where the cell has more ranges than a node holds, the node with the part
//! in question. Starts are packed four to a word and compared four at a time, so there is nothing to branch on within a
//! node, and a node lies within one cache line: a search touches as many lines as it has steps.
//!
//! Neighbouring ranges differ in class, so the shortest prefix that holds the address and nothing of its neighbours is
//! the ECS scope. Cells that have several classes are longer than any prefix around them: what begins in the last one is
//! all that matters, and no prefix length is stored but for the cells that are of one class.
//!
//! Measurements and what else was tried: decision 0012.

/// False for addresses that no client on the Internet has, so that a client subnet which names one tells nothing (RFC 6890;
/// RFC 7871 section 11.3): this network, private, shared, loopback, link-local, multicast and reserved ones. Those for
/// documentation stay, for tests and examples.
#[inline(always)]
pub const fn is_client_v4(address: u32) -> bool {
    let first = address >> 24;
    !(first == 0
        || first == 10
        || first == 127
        || first >= 224
        || address >> 22 == 0x6440_0000 >> 22
        || address >> 16 == 0xa9fe
        || address >> 20 == 0xac1
        || address >> 16 == 0xc0a8)
}

/// The same for IPv6, as upper and lower 64 bits: unspecified, loopback and IPv4-compatible (`::/96`), IPv4-mapped
/// (`::ffff:0:0/96`), unique local, link-local and multicast addresses are no client's.
#[inline(always)]
pub const fn is_client_v6(high: u64, low: u64) -> bool {
    let upper_of_low = low >> 32;
    !(high >> 57 == 0xfc >> 1
        || high >> 54 == 0xfe80 >> 6
        || high >> 56 == 0xff
        || (high == 0 && (upper_of_low == 0 || upper_of_low == 0xffff)))
}

use crate::abi::LineRef;

/// An IPv6 address as two numbers: BPF has no 128-bit arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct V6 {
    /// Upper 64 bits.
    pub high: u64,
    /// Lower 64 bits.
    pub low: u64,
}

/// What one access to memory brings along.
pub type Line = [u64; 8];
/// Granules of a line: nodes begin at them.
pub const GRANULES: u32 = 4;
/// Words of a granule.
pub const GRANULE_WORDS: u32 = 2;

/// Bits that one cell looks at.
pub const CHUNK_BITS: u32 = 15;
/// Upper bits of an IPv4 address that the directory is indexed by.
pub const V4_BITS: u32 = 17;
/// Upper bits of an IPv6 address in `2000::/3`, which all that is routed lies in, that the directory is indexed by.
pub const GLOBAL_BITS: u32 = 19;
/// Upper bits of any other IPv6 address.
pub const OTHER_BITS: u32 = 3;
/// The upper bits of `2000::/3`.
pub const GLOBAL: u64 = 1;
/// First directory entry of `2000::/3`; those of IPv4 come before.
pub const GLOBAL_ENTRIES: u32 = 1 << V4_BITS;
/// First directory entry of the whole IPv6 address space; that of `2000::/3` is not used.
pub const OTHER_ENTRIES: u32 = GLOBAL_ENTRIES + (1 << (GLOBAL_BITS - OTHER_BITS));
/// Entries of the directory, two in a word. Its words stand in the first lines of the first sheets.
pub const ENTRIES: u32 = OTHER_ENTRIES + (1 << OTHER_BITS);
/// Lines of the directory in one sheet.
pub const DIRECTORY_LINES: u32 = 1 << DIRECTORY_BITS;
const DIRECTORY_BITS: u32 = 8;
/// Sheets that have such lines.
pub const DIRECTORY_SHEETS: u32 = ENTRIES.div_ceil(ENTRIES_OF_LINE << DIRECTORY_BITS);
/// Entries in a line.
const ENTRIES_OF_LINE: u32 = 16;

/// The line of an entry of the directory.
#[inline(always)]
const fn directory_line(entry: u32) -> LineRef {
    let line = entry / ENTRIES_OF_LINE;
    LineRef::new(line >> DIRECTORY_BITS, line & (DIRECTORY_LINES - 1))
}

/// The most cells of a search for an IPv6 address.
const MAX_CELLS: u32 = 9;
/// The most steps in a cell: three nodes that lead on to parts of it, and one that does not.
const MAX_STEPS: u32 = 4;

/// Kinds of nodes, by the upper four bits of a [`Node`].
///
/// A node has words of starts, one for each range but the first, which begins with the cell or part; the first start is
/// the lowest bits, and where there is no further range it is [`NO_START`]. What the ranges are follows. In a node of bytes
/// everything is half as wide: of the starts it has the upper byte, and the lower ones are zero.
///
/// | kind     | words of starts | behind them                                                           |
/// |----------|-----------------|-----------------------------------------------------------------------|
/// | CLASS    | it is no node: all addresses are of this class                                          ||
/// | NARROW4  | 1               | up to 4 classes of 16 bits                                            |
/// | NARROW8  | 2               | up to 8 classes of 16 bits                                            |
/// | NARROW16 | 4               | up to 16 classes of 16 bits                                           |
/// | WIDE5    | 1               | up to 5 [`Node`]s: classes, or cells                                  |
/// | WIDE9    | 2               | up to 9 [`Node`]s                                                     |
/// | PARTS5   | 1               | the [`Node`] with the first of up to 5 parts of the cell; the others are a line apart |
/// | PARTS17  | 4               | the same for up to 17                                                 |
/// | BYTES8   | 1               | up to 8 classes of 8 bits                                             |
/// | BYTES16  | 2               | up to 16 classes of 8 bits                                            |
/// | BYTES32  | 4               | up to 32 classes of 8 bits                                            |
#[expect(missing_docs, reason = "the table says it")]
pub mod kind {
    pub const CLASS: u32 = 0;
    pub const NARROW4: u32 = 1;
    pub const NARROW8: u32 = 2;
    pub const NARROW16: u32 = 3;
    pub const WIDE5: u32 = 4;
    pub const WIDE9: u32 = 5;
    pub const PARTS5: u32 = 6;
    pub const PARTS17: u32 = 7;
    pub const BYTES8: u32 = 8;
    pub const BYTES16: u32 = 9;
    pub const BYTES32: u32 = 10;
}

/// A number for each kind, in four bits. A look into these words is no branch, and the compiler makes none of it.
#[derive(Clone, Copy)]
struct ByKind(u64);

impl ByKind {
    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "four bits are left")]
    const fn of(self, kind: u32) -> u32 {
        (self.0 >> (kind * 4)) as u32 & 15
    }
}

/// The logarithm of the words of starts.
const WORDS: ByKind = ByKind(0x210_2010_2100);
/// The logarithm of the bits of what follows for each range.
const WIDTH: ByKind = ByKind(0x333_5555_4440);
/// The bits of the address that are used up where it leads to a node: those of the chunk where that is another cell.
const USED: ByKind = ByKind(0x00ff_0000);
/// How far to shift the number of a range to have it among what follows the starts: of parts, only the first one is there.
const TOLD: ByKind = ByKind(0x7700_0000);
/// How far to shift the granules before a part: for other kinds nothing is to be left.
const APART: ByKind = ByKind(0x777_0077_7777);

/// Above every chunk.
pub const NO_START: u16 = 1 << CHUNK_BITS;

/// A class or a node: its kind, and behind it where it begins, counted in granules; or the scope in 5 bits and the class in 23.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(pub u32);

/// Where the kind of a node is.
const KIND_SHIFT: u32 = 28;
/// Where a node begins.
const GRANULE_MASK: u32 = (1 << KIND_SHIFT) - 1;

/// More classes than there can be.
pub const MAX_CLASSES: u32 = 1 << SCOPE_SHIFT;
/// Where a scope is.
const SCOPE_SHIFT: u32 = 23;

impl Node {
    /// A class, which is below [`MAX_CLASSES`], and the scope of those of a whole entry of the directory, at most 31.
    #[inline(always)]
    pub const fn class(class: u32, scope: u32) -> Self {
        Self((scope << SCOPE_SHIFT) | class)
    }

    /// The node of a [`kind`] that begins at this granule, which is below 2^28.
    #[inline(always)]
    pub const fn at(kind: u32, granule: u32) -> Self {
        Self((kind << KIND_SHIFT) | granule)
    }

    #[inline(always)]
    const fn is_class(self) -> bool {
        self.0 >> KIND_SHIFT == kind::CLASS
    }

    #[inline(always)]
    const fn used(self) -> u32 {
        USED.of(self.0 >> KIND_SHIFT)
    }

    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it is 32 bits again")]
    fn forget<T: Tables>(self, tables: &T) -> Self {
        Self(tables.forget(self.0.into()) as u32)
    }
}

/// The parts of the table, in maps or in memory.
pub trait Tables {
    /// A line of the directory or of nodes.
    fn line(&self, line: LineRef) -> Option<&Line>;

    /// The same number, without its history: in the kernel, what keeps the verifier from following up every way through
    /// the search.
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }

    /// The same number, of which the compiler knows nothing: in the kernel, what keeps it from leaving out a mask that the
    /// verifier wants.
    #[inline(always)]
    fn opaque(&self, number: u32) -> u32 {
        number
    }
}

/// An address that is looked for.
pub trait Address: Copy {
    /// The most steps of a search.
    const STEPS: u32;
    /// Whether nodes of bytes occur: prefixes of IPv6 are seldom of lengths that fit.
    const BYTES: bool;

    /// Where the search begins.
    fn sought(self) -> Sought;
}

impl Address for u32 {
    const STEPS: u32 = MAX_STEPS;
    const BYTES: bool = true;

    #[inline(always)]
    fn sought(self) -> Sought {
        let high = u64::from(self) << (32 + V4_BITS);
        Sought { entry: self >> (32 - V4_BITS), depth: V4_BITS, high, low: 0 }
    }
}

impl Address for V6 {
    const STEPS: u32 = MAX_CELLS * MAX_STEPS;
    const BYTES: bool = false;

    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "no more bits are left")]
    fn sought(self) -> Sought {
        let Self { high, low } = self;
        let other = high >> (64 - OTHER_BITS);
        let (entry, bits) = if other == GLOBAL {
            (GLOBAL_ENTRIES + ((high >> (64 - GLOBAL_BITS)) as u32 & 0xffff), GLOBAL_BITS)
        } else {
            (OTHER_ENTRIES + other as u32, OTHER_BITS)
        };
        Sought { entry, depth: 0, high, low }.behind(bits)
    }
}

/// Where a search is: an entry of the directory, and what of the address is behind the bits that led there.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    entry: u32,
    depth: u32,
    high: u64,
    low: u64,
}

impl Sought {
    #[inline(always)]
    const fn behind(self, bits: u32) -> Self {
        // Right also when there are no bits.
        let high = (self.high << bits) | (self.low >> 1 >> (63 - bits));
        Self { entry: self.entry, depth: self.depth + bits, high, low: self.low << bits }
    }

    #[inline(always)]
    fn forget<T: Tables>(self, tables: &T) -> Self {
        Self { high: tables.forget(self.high), low: tables.forget(self.low), ..self }
    }

    /// Behind what a node has used, where the search goes on from there.
    #[inline(always)]
    fn next<A: Address, T: Tables>(self, node: Node, tables: &T) -> Self {
        if A::STEPS == MAX_STEPS { self } else { self.behind(node.used()).forget(tables) }
    }

    #[inline(always)]
    const fn chunk(self) -> u64 {
        self.high >> (64 - CHUNK_BITS)
    }

    #[inline(always)]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "one half of the word is meant"
    )]
    fn start<T: Tables>(self, tables: &T) -> Option<Node> {
        let pair = at(tables, tables.line(directory_line(self.entry))?, self.entry / 2)?;
        Some(Node((pair >> (self.entry % 2 * 32)) as u32))
    }
}

/// Class of the address; `None` only for broken tables.
#[inline(always)]
pub fn locate<A: Address, T: Tables>(tables: &T, address: A) -> Option<u32> {
    let mut sought = address.sought();
    let mut node = sought.start(tables)?;
    for _ in 0..A::STEPS {
        if node.is_class() {
            break;
        }
        let next = Look::at::<A, T>(tables, node, sought.chunk())?.node;
        sought = sought.next::<A, T>(node, tables);
        node = next.forget(tables);
    }
    Some(node.forget(tables).0 & (MAX_CLASSES - 1))
}

/// Length of the shortest prefix that holds the address and lies within its range: the scope of RFC 7871.
#[inline(always)]
pub fn scope<A: Address, T: Tables>(tables: &T, address: A) -> Option<u32> {
    let mut sought = address.sought();
    let mut node = sought.start(tables)?;
    if node.is_class() {
        return Some(node.0 >> SCOPE_SHIFT);
    }
    // What of the chunk a prefix must have to leave out what is before and behind the range.
    let (mut below, mut above) = (0, 0);
    let mut depth = u64::from(sought.depth);
    for _ in 0..A::STEPS {
        if node.is_class() {
            break;
        }
        let look = Look::at::<A, T>(tables, node, sought.chunk())?;
        let (start, end) = look.around(tables)?;
        if start > 0 {
            below = leave_out(sought.chunk(), start - 1);
        }
        below = tables.forget(below);
        if end < NO_START.into() {
            above = leave_out(sought.chunk(), end);
        }
        above = tables.forget(above);
        if node.used() > 0 && !look.node.is_class() {
            depth = depth.wrapping_add(CHUNK_BITS.into());
            (below, above) = (0, 0);
        }
        (below, above, depth) = (tables.forget(below), tables.forget(above), tables.forget(depth));
        sought = sought.next::<A, T>(node, tables);
        node = look.node.forget(tables);
    }
    u32::try_from(depth.wrapping_add(if below > above { below } else { above })).ok()
}

/// How many bits of a chunk a prefix must have that holds it and not the other one.
#[inline(always)]
fn leave_out(chunk: u64, other: u64) -> u64 {
    // The upper bits of both are zeros.
    u64::from((chunk ^ other).leading_zeros()).wrapping_sub(63 - u64::from(CHUNK_BITS))
}

/// A look at a node.
struct Look<'a> {
    /// What it says of the chunk.
    node: Node,
    line: &'a Line,
    /// Its first word in the line.
    word: u32,
    /// How many starts it has room for.
    room: u32,
    lanes: Lanes,
    /// How many starts are not above the chunk.
    count: u32,
}

/// How starts lie in a word.
#[derive(Clone, Copy)]
struct Lanes {
    /// One in each.
    ones: u64,
    /// Logarithm of their bits.
    log: u32,
    /// Lower bits that they do not have.
    missing: u32,
}

const BYTES: Lanes = Lanes { ones: 0x0101_0101_0101_0101, log: 3, missing: 8 };
const QUARTERS: Lanes = Lanes { ones: 0x0001_0001_0001_0001, log: 4, missing: 0 };

impl<'a> Look<'a> {
    /// What a node says of a chunk. All kinds but those of bytes are read in one way, without a branch: a CPU cannot
    /// predict which comes next, and the verifier has fewer ways to follow.
    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "half of the word is meant")]
    fn at<A: Address, T: Tables>(tables: &'a T, Node(node): Node, chunk: u64) -> Option<Self> {
        let line = tables.line(LineRef((node & GRANULE_MASK) / GRANULES))?;
        let word = node % GRANULES * GRANULE_WORDS;
        let kind = node >> KIND_SHIFT;
        let lanes = if A::BYTES && kind >= kind::BYTES8 { BYTES } else { QUARTERS };
        let words = 1 << WORDS.of(kind);
        // Each lane has a highest bit that no start in it has: it is left where nothing had to be borrowed from it.
        let bits = 1 << lanes.log;
        let tops = lanes.ones << (bits - 1);
        let chunks = (chunk >> lanes.missing).wrapping_mul(lanes.ones) | tops;
        // Of fewer than four words each counts twice or four times.
        let begun = |number: u32| {
            let starts = at(tables, line, word + (number & (words - 1)))?;
            Some((chunks.wrapping_sub(starts) & tops) >> (bits - 1))
        };
        let sums = begun(0)? + begun(1)? + begun(2)? + begun(3)?;
        let count = (sums.wrapping_mul(lanes.ones) >> (64 - bits)) as u32 >> (2 - WORDS.of(kind));
        let width = WIDTH.of(kind);
        let place = count >> TOLD.of(kind) << width;
        let value = (at(tables, line, word + words + place / 64)? >> (place % 64)) as u32
            & (u32::MAX >> (32 - (1 << width)));
        let node = Node(value.wrapping_add((count * GRANULES) >> APART.of(kind)));
        Some(Self { node, line, word, room: words << (6 - lanes.log), lanes, count })
    }

    /// The last start that is not above the chunk, 0 without one, and the first one that is, [`NO_START`] without one.
    #[inline(always)]
    fn around<T: Tables>(&self, tables: &T) -> Option<(u64, u64)> {
        let Lanes { log, missing, .. } = self.lanes;
        let start = |number: u32| {
            let place = number << log;
            let lanes = at(tables, self.line, self.word + place / 64)? >> (place % 64);
            Some((lanes & ((1 << (1 << log)) - 1)) << missing)
        };
        let before = if self.count > 0 { start(self.count - 1)? } else { 0 };
        let behind = if self.count < self.room { start(self.count)? } else { NO_START.into() };
        Some((before, behind))
    }
}

/// A word of a line, by the lower bits of its number.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "widening")]
fn at<T: Tables>(tables: &T, line: &Line, word: u32) -> Option<u64> {
    line.get(tables.opaque(word) as usize & 7).copied()
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::*;

    fn is_client(address: &str) -> bool {
        match address.parse().unwrap() {
            IpAddr::V4(address) => is_client_v4(address.to_bits()),
            IpAddr::V6(address) => {
                let [high, low] = [64, 0].map(|shift| address.to_bits() >> shift & u128::from(u64::MAX));
                is_client_v6(high.try_into().unwrap(), low.try_into().unwrap())
            }
        }
    }

    /// First and last address of a range that is no client's, and the neighbours that are.
    #[track_caller]
    fn check(before: &str, first: &str, last: &str, after: &str) {
        for address in [first, last] {
            assert!(!is_client(address), "{address}");
        }
        for address in [before, after].into_iter().filter(|address| !address.is_empty()) {
            assert!(is_client(address), "{address}");
        }
    }

    #[test]
    fn addresses_of_no_client_on_the_internet() {
        check("", "0.0.0.0", "0.255.255.255", "1.0.0.0");
        check("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0");
        check("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0");
        check("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0");
        check("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0");
        check("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0");
        check("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0");
        check("223.255.255.255", "224.0.0.0", "255.255.255.255", "192.0.2.1");
        check("", "::", "::ffff:ffff", "::1:0:0");
        check("::fffe:ffff:ffff", "::ffff:0:0", "::ffff:ffff:ffff", "::1:0:0:0");
        check("fbff:ffff::", "fc00::", "fdff:ffff::", "fe00::");
        check("fe7f:ffff::", "fe80::", "febf:ffff::", "fec0::");
        check("feff:ffff::", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1");
        check("0:0:0:1::", "::1", "::ffff:192.0.2.1", "0:0:0:1::ffff:0:0");
    }
}
