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
/// Entries of the directory, two in a word.
pub const ENTRIES: u32 = OTHER_ENTRIES + (1 << OTHER_BITS);

/// The most steps of a search: nine cells, in each three nodes that lead on to parts of it and one that does not.
pub const MAX_STEPS: u32 = 36;

/// Kinds of nodes, by the upper three bits of a [`Node`].
///
/// A node has words of starts, 16 bits for each range but the first, which begins with the cell or part; the first start
/// is the lowest bits, and where there is no further range it is [`NO_START`]. What the ranges are follows.
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
pub mod kind {
    /// The class of all addresses.
    pub const CLASS: u32 = 0;
    /// Up to 4 ranges.
    pub const NARROW4: u32 = 1;
    /// Up to 8 ranges.
    pub const NARROW8: u32 = 2;
    /// Up to 16 ranges.
    pub const NARROW16: u32 = 3;
    /// Up to 5 ranges, some of which are cells.
    pub const WIDE5: u32 = 4;
    /// Up to 9 ranges, some of which are cells.
    pub const WIDE9: u32 = 5;
    /// Up to 5 parts of a cell.
    pub const PARTS5: u32 = 6;
    /// Up to 17 parts of a cell.
    pub const PARTS17: u32 = 7;
}

/// The logarithm of the words of starts of each kind: four bits for each.
const WORDS: u32 = 0x2010_2100;

/// Above every chunk.
pub const NO_START: u16 = 1 << CHUNK_BITS;
/// The highest bit of each start in a word.
const TOPS: u64 = 0x8000_8000_8000_8000;
/// One in each start of a word.
const ONES: u64 = 0x0001_0001_0001_0001;

/// A class or a node: its kind, and behind it where it begins, counted in granules; or the scope in 5 bits and the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(pub u32);

/// Where the kind of a node is.
const KIND_SHIFT: u32 = 29;
/// Where a node begins.
const GRANULE_MASK: u32 = (1 << KIND_SHIFT) - 1;

/// More classes than there can be.
pub const MAX_CLASSES: u32 = 1 << 24;

impl Node {
    /// A class, which is below [`MAX_CLASSES`], and the scope of those of a whole entry of the directory, at most 31.
    #[inline(always)]
    pub const fn class(class: u32, scope: u32) -> Self {
        Self((scope << 24) | class)
    }

    /// The node of a [`kind`] that begins at this granule, which is below 2^29.
    #[inline(always)]
    pub const fn at(kind: u32, granule: u32) -> Self {
        Self((kind << KIND_SHIFT) | granule)
    }

    #[inline(always)]
    const fn is_class(self) -> bool {
        self.0 >> KIND_SHIFT == kind::CLASS
    }

    /// How many bits of the address are used up where it leads to a node: those of the chunk where that is another cell.
    #[inline(always)]
    const fn bits(self) -> u32 {
        ((1 << kind::WIDE5 | 1 << kind::WIDE9) >> (self.0 >> KIND_SHIFT) & 1) * CHUNK_BITS
    }

    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it is 32 bits again")]
    fn forget<T: Tables>(self, tables: &T) -> Self {
        Self(tables.forget(self.0.into()) as u32)
    }
}

/// The parts of the table, in maps or in memory.
pub trait Tables {
    /// Two entries of the directory, that of the even number in the lower half.
    fn directory(&self, word: u32) -> Option<u64>;
    /// A line of nodes.
    fn line(&self, number: u32) -> Option<&Line>;

    /// The same number, without its history: in the kernel, what keeps the verifier from following up every way through
    /// the search.
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }
}

/// Where a search begins: an entry of the directory, and what of the address is behind its bits.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    entry: u32,
    depth: u32,
    high: u64,
    low: u64,
}

impl Sought {
    /// An IPv4 address.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "widening")]
    pub const fn v4(address: u32) -> Self {
        let high = (address as u64) << (32 + V4_BITS);
        Self { entry: address >> (32 - V4_BITS), depth: V4_BITS, high, low: 0 }
    }

    /// An IPv6 address.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "no more than the bits that are left")]
    pub const fn v6(V6 { high, low }: V6) -> Self {
        let whole = Self { entry: 0, depth: 0, high, low };
        let other = high >> (64 - OTHER_BITS);
        if other == GLOBAL {
            let index = (high >> (64 - GLOBAL_BITS)) as u32 & 0xffff;
            Self { entry: GLOBAL_ENTRIES + index, ..whole.behind(GLOBAL_BITS) }
        } else {
            Self { entry: OTHER_ENTRIES + other as u32, ..whole.behind(OTHER_BITS) }
        }
    }

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
        let pair = tables.directory(self.entry / 2)?;
        Some(Node((pair >> (self.entry % 2 * 32)) as u32))
    }
}

/// Class of the address; `None` only for broken tables.
#[inline(always)]
pub fn locate<T: Tables>(tables: &T, mut sought: Sought) -> Option<u32> {
    let mut node = sought.start(tables)?;
    for _ in 0..MAX_STEPS {
        if node.is_class() {
            break;
        }
        let next = Look::at(tables, node, sought.chunk())?.node;
        sought = sought.behind(node.bits()).forget(tables);
        node = next.forget(tables);
    }
    Some(node.forget(tables).0 & (MAX_CLASSES - 1))
}

/// Length of the shortest prefix that holds the address and lies within its range: the scope of RFC 7871.
#[inline(always)]
pub fn scope<T: Tables>(tables: &T, mut sought: Sought) -> Option<u32> {
    let mut node = sought.start(tables)?;
    if node.is_class() {
        return Some(node.0 >> 24);
    }
    // What of the chunk a prefix must have to leave out what is before and behind the range.
    let (mut below, mut above) = (0, 0);
    let mut depth = u64::from(sought.depth);
    for _ in 0..MAX_STEPS {
        if node.is_class() {
            break;
        }
        let look = Look::at(tables, node, sought.chunk())?;
        let (start, end) = look.around()?;
        if start > 0 {
            below = leave_out(sought.chunk(), start - 1);
        }
        below = tables.forget(below);
        if end < NO_START.into() {
            above = leave_out(sought.chunk(), end);
        }
        above = tables.forget(above);
        if node.bits() > 0 && !look.node.is_class() {
            depth = depth.wrapping_add(CHUNK_BITS.into());
            (below, above) = (0, 0);
        }
        (below, above, depth) = (tables.forget(below), tables.forget(above), tables.forget(depth));
        sought = sought.behind(node.bits()).forget(tables);
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
    /// Its words of starts.
    words: u32,
    /// How many starts are not above the chunk.
    count: u32,
}

impl<'a> Look<'a> {
    /// What a node says of a chunk. All kinds are read in one way, without a branch: a CPU cannot predict which comes
    /// next, and the verifier has one way to follow.
    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "half of the word is meant")]
    fn at<T: Tables>(tables: &'a T, Node(node): Node, chunk: u64) -> Option<Self> {
        let line = tables.line((node & GRANULE_MASK) / GRANULES)?;
        let word = node % GRANULES * GRANULE_WORDS;
        let kind = node >> KIND_SHIFT;
        let log = (WORDS >> (kind * 4)) & 3;
        let words = 1 << log;
        let chunks = chunk.wrapping_mul(ONES) | TOPS;
        // Of fewer than four words each counts twice or four times.
        let begun = |number: u32| {
            let starts = at(line, word + (number & (words - 1)))?;
            Some((chunks.wrapping_sub(starts) & TOPS) >> CHUNK_BITS)
        };
        let sums = begun(0)? + begun(1)? + begun(2)? + begun(3)?;
        let count = (sums.wrapping_mul(ONES) >> 48) as u32 >> (2 - log);
        // Nodes are twice as wide as classes; of the parts there is but the first.
        let is_wide = kind >> 2;
        let of_parts = 0_u32.wrapping_sub((kind + 2) >> 3);
        let index = count & !of_parts;
        let value = at(line, word + words + (index >> (2 - is_wide)))? >> ((index << (4 + is_wide)) & 63);
        let value = value as u32 & (0_u32.wrapping_sub(is_wide) | 0xffff);
        let node = Node(value.wrapping_add((count * GRANULES) & of_parts));
        Some(Self { node, line, word, words, count })
    }

    /// The last start that is not above the chunk, 0 without one, and the first one that is, [`NO_START`] without one.
    #[inline(always)]
    fn around(&self) -> Option<(u64, u64)> {
        let start = |number: u32| Some(at(self.line, self.word + number / 4)? >> (number % 4 * 16) & 0xffff);
        let before = if self.count > 0 { start(self.count - 1)? } else { 0 };
        let behind = if self.count < self.words * 4 { start(self.count)? } else { NO_START.into() };
        Some((before, behind))
    }
}

/// A word of a line.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "widening")]
fn at(line: &Line, word: u32) -> Option<u64> {
    line.get(word as usize & 7).copied()
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
