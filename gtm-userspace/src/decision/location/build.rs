//! Building the tables: one pass over the ranges of each family, cell by cell.

use std::iter;

use gtm_common::abi::{LineRef, SHEET_LINES};
use gtm_common::location::{
    self, CHUNK_BITS, DIRECTORY_LINES, DIRECTORY_SHEETS, GLOBAL, GLOBAL_BITS, GRANULE_WORDS, GRANULES, Line,
    NO_START, Node, OTHER_BITS, V4_BITS, kind,
};

use super::Location;
use crate::geo::{ClassId, Partition};

/// An address as the upper bits of a number.
trait Address: Copy {
    /// What the look-up knows it as.
    type Sought: location::Address;

    fn bits(self) -> u128;
}

impl Address for u32 {
    type Sought = Self;

    fn bits(self) -> u128 {
        u128::from(self) << 96
    }
}

impl Address for u128 {
    type Sought = location::V6;

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
    let words: Vec<u64> = entries.chunks(2).map(pair).collect();
    Location {
        lines: builder.with_directory(&words),
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

/// What a node of some kind looks like.
struct Shape {
    kind: u32,
    /// Words of starts.
    words: usize,
    /// Bits of a start.
    start: usize,
    /// The most ranges.
    most: usize,
    /// How many of them are told of.
    values: usize,
    /// Bits for each of these.
    width: usize,
    granules: u32,
}

const NARROW4: Shape =
    Shape { kind: kind::NARROW4, words: 1, start: 16, most: 4, values: 4, width: 16, granules: 1 };
const NARROW8: Shape =
    Shape { kind: kind::NARROW8, words: 2, start: 16, most: 8, values: 8, width: 16, granules: 2 };
const NARROW16: Shape =
    Shape { kind: kind::NARROW16, words: 4, start: 16, most: 16, values: 16, width: 16, granules: 4 };
const WIDE5: Shape =
    Shape { kind: kind::WIDE5, words: 1, start: 16, most: 5, values: 5, width: 32, granules: 2 };
const WIDE9: Shape =
    Shape { kind: kind::WIDE9, words: 2, start: 16, most: 9, values: 9, width: 32, granules: 4 };
const PARTS5: Shape =
    Shape { kind: kind::PARTS5, words: 1, start: 16, most: 5, values: 1, width: 32, granules: 1 };
const PARTS17: Shape =
    Shape { kind: kind::PARTS17, words: 4, start: 16, most: 17, values: 1, width: 32, granules: 4 };
const BYTES8: Shape =
    Shape { kind: kind::BYTES8, words: 1, start: 8, most: 8, values: 8, width: 8, granules: 1 };
const BYTES16: Shape =
    Shape { kind: kind::BYTES16, words: 2, start: 8, most: 16, values: 16, width: 8, granules: 2 };
const BYTES32: Shape =
    Shape { kind: kind::BYTES32, words: 4, start: 8, most: 32, values: 32, width: 8, granules: 4 };

/// The nodes so far.
#[derive(Default)]
struct Builder {
    /// By [`LineRef`].
    lines: Vec<Line>,
    /// The granules that are left of a line, the first of them and how many.
    left: (u32, u32),
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
        let node = self.node::<A::Sought>(&parts);
        parts.clear();
        self.parts.push(parts);
        node
    }

    /// The node of a cell: one that holds all its parts, or one that leads to those that do.
    fn node<A: location::Address>(&mut self, parts: &[Part]) -> Node {
        let last = parts.iter().fold(0, |last, (_, node)| last.max(node.0));
        let starts = parts.iter().fold(0, |bits, (start, _)| bits | start);
        let (shapes, largest) = if last > u16::MAX.into() {
            ([WIDE5, WIDE9].as_slice(), WIDE9)
        } else if !A::BYTES || last > u8::MAX.into() || starts.trailing_zeros() < 8 {
            ([NARROW4, NARROW8, NARROW16].as_slice(), NARROW16)
        } else {
            ([BYTES8, BYTES16, BYTES32].as_slice(), BYTES32)
        };
        if let Some(shape) = shapes.iter().find(|shape| parts.len() <= shape.most) {
            return self.place(shape, parts);
        }
        let mut level = self.level(&largest, parts);
        while level.len() > PARTS17.most {
            level = self.level(&PARTS17, &level);
        }
        self.place(if level.len() > PARTS5.most { &PARTS17 } else { &PARTS5 }, &level)
    }

    /// Nodes for all these parts; those that one node may lead to, a line apart.
    fn level(&mut self, shape: &Shape, parts: &[Part]) -> Vec<Part> {
        let whole = Shape { granules: GRANULES, ..*shape };
        let mut level = Vec::new();
        for together in parts.chunks(shape.most * PARTS17.most) {
            self.keep_together(together.len().div_ceil(shape.most));
            for some in together.chunks(shape.most) {
                level.extend(some.first().map(|(start, _)| (*start, self.place(&whole, some))));
            }
        }
        level
    }

    /// Has so many lines to come, a few at most, lie in one sheet.
    fn keep_together(&mut self, lines: usize) {
        let next = self.next_line();
        let behind = next.line() + u32::try_from(lines).unwrap_or(SHEET_LINES);
        if behind > SHEET_LINES {
            self.skip_to(LineRef::new(next.sheet() + 1, 0));
        }
    }

    /// The next line that is free for nodes.
    fn next_line(&self) -> LineRef {
        let next = LineRef(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        let next = if next.line() < SHEET_LINES { next } else { LineRef::new(next.sheet() + 1, 0) };
        if next.sheet() < DIRECTORY_SHEETS {
            LineRef::new(next.sheet(), next.line().max(DIRECTORY_LINES))
        } else {
            next
        }
    }

    fn skip_to(&mut self, LineRef(line): LineRef) {
        // Nothing is skipped where there is no such number.
        self.lines.resize(usize::try_from(line).unwrap_or_default().max(self.lines.len()), Line::default());
    }

    /// All lines, those of the directory with these words.
    fn with_directory(mut self, words: &[u64]) -> Vec<Line> {
        self.skip_to(LineRef::new(DIRECTORY_SHEETS - 1, DIRECTORY_LINES));
        let lines = (0..DIRECTORY_SHEETS)
            .flat_map(|sheet| (0..DIRECTORY_LINES).map(move |line| LineRef::new(sheet, line)));
        for (words, LineRef(line)) in words.chunks(size_of::<Line>() / size_of::<u64>()).zip(lines) {
            let line = usize::try_from(line).ok().and_then(|line| self.lines.get_mut(line));
            line.into_iter().flatten().zip(words).for_each(|(place, word)| *place = *word);
        }
        self.lines
    }

    /// Writes a node where there is room.
    fn place(&mut self, shape: &Shape, parts: &[Part]) -> Node {
        let (left, count) = self.left;
        // Nodes do not cross lines, and those of two granules begin at an even one.
        let first = left.next_multiple_of(shape.granules);
        let first = if first + shape.granules <= left + count {
            self.left = (first + shape.granules, left + count - first - shape.granules);
            first
        } else {
            // A partition has too few ranges for 2^28 granules.
            let line = self.next_line();
            let first = line.0.wrapping_mul(GRANULES);
            self.skip_to(LineRef(line.0 + 1));
            if shape.granules < GRANULES {
                self.left = (first + shape.granules, GRANULES - shape.granules);
            }
            first
        };
        let word = usize::try_from(first * GRANULE_WORDS).unwrap_or(usize::MAX);
        if let Some(line) = self.lines.as_flattened_mut().get_mut(word..) {
            fill(line, shape, parts);
        }
        Node::at(shape.kind, first)
    }
}

/// Writes a node to the first of these words.
fn fill(words: &mut [u64], shape: &Shape, parts: &[Part]) {
    let (starts, values) = words.split_at_mut(shape.words);
    let mut begins = parts.iter().map(|(start, _)| *start).skip(1).chain(iter::repeat(NO_START));
    for word in starts {
        *word = (0..64).step_by(shape.start).fold(0, |word, place| {
            let start = begins.next().unwrap_or(NO_START) >> (16 - shape.start);
            word | u64::from(start) << place
        });
    }
    let told = parts.get(..shape.values).unwrap_or(parts);
    for (word, some) in values.iter_mut().zip(told.chunks(64 / shape.width)) {
        *word = some.iter().rfold(0, |word, (_, node)| (word << shape.width) | u64::from(node.0));
    }
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
