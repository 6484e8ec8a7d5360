//! Building the tables: one pass over the ranges of each family, cell by cell.

use gtm_common::location::{
    CHUNK_BITS, GLOBAL, GLOBAL_BITS, GRANULE_WORDS, GRANULES, Line, NO_START, Node, OTHER_BITS, V4_BITS, kind,
};

use super::Location;
use crate::geo::{ClassId, Partition};

/// An address as the upper bits of a number.
trait Address: Copy {
    fn bits(self) -> u128;
}

impl Address for u32 {
    fn bits(self) -> u128 {
        u128::from(self) << 96
    }
}

impl Address for u128 {
    fn bits(self) -> u128 {
        self
    }
}

/// The tables of a partition.
pub(super) fn build(partition: &Partition) -> Location {
    let mut builder = Builder::default();
    let mut entries = builder.entries(&partition.v4, cells(0, 0, V4_BITS));
    let (mut others, mut routed) = (Vec::new(), Vec::new());
    for space in 0..1 << OTHER_BITS {
        let bits = if space == GLOBAL { GLOBAL_BITS } else { OTHER_BITS };
        let of_space =
            builder.entries(&partition.v6, cells(u128::from(space) << (128 - OTHER_BITS), OTHER_BITS, bits));
        if space == GLOBAL {
            routed = of_space;
            others.push(Node::class(0, 0));
        } else {
            others.extend(of_space);
        }
    }
    entries.extend(routed);
    entries.extend(others);
    let pair = |pair: &[Node]| pair.iter().rev().fold(0, |word, node| (word << 32) | u64::from(node.0));
    Location {
        directory: entries.chunks(2).map(pair).collect(),
        small: builder.small,
        large: builder.large,
        classes: partition.classes.len(),
        ranges_v4: partition.v4.len(),
        ranges_v6: partition.v6.len(),
    }
}

/// The prefixes of `bits` bits in the prefix of `around` bits that begins at `first`.
fn cells(first: u128, around: u32, bits: u32) -> impl Iterator<Item = (u128, u32)> {
    (0..1_u128 << (bits - around)).map(move |cell| (first + (cell << (128 - bits)), bits))
}

/// A part of a cell: its first chunk, and what its addresses are.
type Part = (u16, Node);

/// The nodes so far.
#[derive(Default)]
struct Builder {
    small: Vec<Line>,
    /// Granules of the last small line that are taken.
    taken: u32,
    large: Vec<Line>,
    /// Room for the parts of a cell, to be used again.
    parts: Vec<Vec<Part>>,
}

impl Builder {
    /// The entries of the directory for cells that follow one another.
    fn entries<A: Address>(
        &mut self,
        ranges: &[(A, ClassId)],
        cells: impl Iterator<Item = (u128, u32)>,
    ) -> Vec<Node> {
        let mut entries = Vec::new();
        let (mut start, mut class, mut rest) = (0, ClassId(0), ranges);
        for (first, bits) in cells {
            while let Some(((next, of_next), behind)) =
                rest.split_first().filter(|((next, _), _)| next.bits() <= first)
            {
                (start, class, rest) = (next.bits(), *of_next, behind);
            }
            let last = first | (u128::MAX >> bits);
            let inside = rest.iter().take_while(|(start, _)| start.bits() <= last).count();
            let (inside, behind) = rest.split_at(inside);
            entries.push(match inside.last() {
                None => Node::class(class.0, scope(first, start, rest.first().map(|(next, _)| next.bits()))),
                Some((last, of_last)) => {
                    let node = self.cell(inside, class, bits);
                    (start, class, rest) = (last.bits(), *of_last, behind);
                    node
                }
            });
        }
        entries
    }

    /// The node of a cell behind this many bits: ranges that begin in it behind its first address, which is of class
    /// `class`.
    fn cell<A: Address>(&mut self, ranges: &[(A, ClassId)], mut class: ClassId, depth: u32) -> Node {
        let behind = depth + CHUNK_BITS;
        let mut parts = self.parts.pop().unwrap_or_default();
        put(&mut parts, 0, Node::class(class.0, 0));
        let chunk = |(start, _): &(A, ClassId)| chunk(start.bits(), depth);
        for group in ranges.chunk_by(|a, b| chunk(a) == chunk(b)) {
            let Some(((first, of_first), others)) = group.split_first() else { continue };
            let number = chunk(&(*first, *of_first));
            let (inside, at_first) =
                if first.bits().unbounded_shl(behind) == 0 { (others, *of_first) } else { (group, class) };
            class = inside.last().map_or(at_first, |(_, of_last)| *of_last);
            if inside.is_empty() {
                put(&mut parts, number, Node::class(class.0, 0));
            } else {
                let cell = self.cell(inside, at_first, behind);
                put(&mut parts, number, cell);
                if number + 1 < NO_START {
                    put(&mut parts, number + 1, Node::class(class.0, 0));
                }
            }
        }
        let node = self.node(&parts);
        parts.clear();
        self.parts.push(parts);
        node
    }

    /// The node of a cell: of one that holds all its parts, or of one that leads to those that hold them.
    fn node(&mut self, parts: &[Part]) -> Node {
        let is_narrow = parts.iter().all(|(_, node)| node.0 <= u16::MAX.into());
        let (large, most) = if is_narrow { (kind::NARROW16, 16) } else { (kind::WIDE10, 10) };
        match parts.len() {
            ..=4 if is_narrow => {
                return self.small(kind::NARROW4, 1, |line, word| narrow(line, word, 1, parts));
            }
            ..=8 if is_narrow => {
                return self.small(kind::NARROW8, 2, |line, word| narrow(line, word, 2, parts));
            }
            ..=5 if !is_narrow => return self.small(kind::WIDE5, 2, |line, word| wide(line, word, 1, parts)),
            _ => {}
        }
        let mut first = Node::at(large, position(&self.large));
        for some in parts.chunks(most) {
            let mut line = Line::default();
            if is_narrow {
                narrow(&mut line, 0, 4, some)
            } else {
                wide(&mut line, 0, 3, some)
            }
            self.large.push(line);
        }
        let mut nodes: Vec<u16> = parts.iter().step_by(most).map(|(start, _)| *start).collect();
        while nodes.len() > 7 {
            let level = Node::at(kind::PARTS31, position(&self.large));
            for starts in nodes.chunks(31) {
                let mut line = Line::default();
                lead(&mut line, 0, 8, starts, first);
                self.large.push(line);
                first = Node(first.0 + 31 * GRANULES);
            }
            nodes = nodes.into_iter().step_by(31).collect();
            first = level;
        }
        if nodes.len() == 1 {
            return first;
        }
        self.small(kind::PARTS7, 1, |line, word| lead(line, word, 2, &nodes, first))
    }

    /// Makes room for a small node of so many granules, and has it filled from its first word on.
    fn small(&mut self, kind: u32, granules: u32, fill: impl FnOnce(&mut Line, usize)) -> Node {
        // Those of two begin at an even one.
        let taken = self.taken.next_multiple_of(granules);
        if self.small.is_empty() || taken + granules > GRANULES {
            self.small.push(Line::default());
            self.taken = 0;
        } else {
            self.taken = taken;
        }
        let first = self.taken;
        self.taken += granules;
        if let Some(line) = self.small.last_mut() {
            fill(line, usize::try_from(first * GRANULE_WORDS).unwrap_or_default());
        }
        Node::at(kind, position(&self.small) - GRANULES + first)
    }
}

/// Where the next line begins, in granules. A partition has too few ranges for more than 2^27 lines.
fn position(lines: &[Line]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX).wrapping_mul(GRANULES)
}

/// Appends a part, or says anew what its chunk is.
fn put(parts: &mut Vec<Part>, chunk: u16, node: Node) {
    parts.pop_if(|(last, _)| *last == chunk);
    parts.push((chunk, node));
}

/// The chunk of an address behind this many bits.
fn chunk(bits: u128, depth: u32) -> u16 {
    u16::try_from((bits << depth) >> (128 - CHUNK_BITS)).unwrap_or(NO_START)
}

/// Length of the shortest prefix that holds `address` and nothing before its range's start or from the next one's on.
fn scope(address: u128, start: u128, next: Option<u128>) -> u32 {
    let leave_out = |other: u128| (address ^ other).leading_zeros() + 1;
    start.checked_sub(1).map_or(0, leave_out).max(next.map_or(0, leave_out))
}

/// Writes starts, `words` long from this word on.
fn write_starts(line: &mut Line, word: usize, words: usize, starts: impl Iterator<Item = u16>) {
    let mut starts = starts.skip(1).chain(std::iter::repeat(NO_START));
    for place in line.iter_mut().skip(word).take(words) {
        let four: [u16; 4] = std::array::from_fn(|_| starts.next().unwrap_or(NO_START));
        *place = four.iter().rfold(0, |word, start| (word << 16) | u64::from(*start));
    }
}

/// Writes a narrow node: starts, `words` long, and as many of classes.
fn narrow(line: &mut Line, word: usize, words: usize, parts: &[Part]) {
    write_starts(line, word, words, parts.iter().map(|(start, _)| *start));
    for (place, four) in line.iter_mut().skip(word + words).zip(parts.chunks(4)) {
        *place = four.iter().rfold(0, |word, (_, node)| (word << 16) | u64::from(node.0));
    }
}

/// Writes a wide node: starts, `words` long, and the nodes of the parts.
fn wide(line: &mut Line, word: usize, words: usize, parts: &[Part]) {
    write_starts(line, word, words, parts.iter().map(|(start, _)| *start));
    for (place, two) in line.iter_mut().skip(word + words).zip(parts.chunks(2)) {
        *place = two.iter().rfold(0, |word, (_, node)| (word << 32) | u64::from(node.0));
    }
}

/// Writes a node that leads to parts: starts, `words` long, and in the upper half of the last one the first part's node.
fn lead(line: &mut Line, word: usize, words: usize, starts: &[u16], first: Node) {
    write_starts(line, word, words, starts.iter().copied());
    if let Some(place) = line.get_mut(word + words - 1) {
        *place = (*place & u64::from(u32::MAX)) | (u64::from(first.0) << 32);
    }
}
