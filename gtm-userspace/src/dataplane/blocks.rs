//! Answers as the map of blocks has them: a node for each distinct part, children before their parents.

use std::collections::{HashMap, HashSet};

use gtm_common::abi::{self, BlockHead, ChoiceHead, PageRef, kind};
use zerocopy::IntoBytes;

use super::DataplaneError;
use super::mapped::MappedArray;
use super::pages::{self, PageCursor};
use crate::decision::answer::Member;
use crate::decision::{Answer, AnswerTable, Block};

/// Pages beyond what the table needs when the generation is built: room for the answers of later conditions, before
/// another generation is needed.
const SPARE_PAGES: u32 = 4;

/// The map, and what is in it.
#[derive(Debug)]
pub(super) struct Blocks {
    map: MappedArray,
    cursor: PageCursor,
    /// Where each distinct node is: slots and choices share them.
    placed: HashMap<Answer, PageRef>,
}

/// Pages that the map of a table has.
pub(super) fn pages(table: &AnswerTable) -> u32 {
    let answers: Vec<_> = table.slots.iter().map(arc_swap::ArcSwap::load_full).collect();
    let mut nodes = HashSet::new();
    answers.iter().filter(|answer| answer.is_for_kernel()).for_each(|answer| collect(answer, &mut nodes));
    let mut cursor = PageCursor::default();
    for node in nodes {
        cursor.take(length(node));
    }
    cursor.pages() + SPARE_PAGES
}

fn collect<'a>(answer: &'a Answer, nodes: &mut HashSet<&'a Answer>) {
    if nodes.insert(answer) {
        answer.members().for_each(|member| collect(member, nodes));
    }
}

/// Words of one node.
fn length(node: &Answer) -> usize {
    match node {
        Answer::Records(block) | Answer::ZoneRecords(block) => 1 + block.bytes.len().div_ceil(8),
        Answer::Turn(_) | Answer::Weighted(_) | Answer::Sticky(..) | Answer::Gather { .. } => {
            1 + node.members().count() * (size_of::<abi::Member>() / 8)
        }
        Answer::Empty { .. } | Answer::Zone => 0,
    }
}

impl Blocks {
    /// An empty map.
    pub(super) fn new(map: MappedArray) -> Self {
        Self { map, cursor: PageCursor::default(), placed: HashMap::new() }
    }

    /// Where this answer is, which must be one for the kernel; what is new of it is written now.
    pub(super) fn place(&mut self, answer: &Answer) -> Result<PageRef, DataplaneError> {
        if let Some(placed) = self.placed.get(answer) {
            return Ok(*placed);
        }
        let nodes = answer.members().map(|member| self.place(member)).collect::<Result<Vec<_>, _>>()?;
        let bytes = node(answer, &nodes);
        let reference = self.cursor.take(length(answer));
        if usize::try_from(reference.page()).is_ok_and(|page| page >= self.map.len()) {
            return Err(DataplaneError::BlocksFull);
        }
        self.map.write_bytes(pages::offset(reference)?, &bytes)?;
        self.placed.insert(answer.clone(), reference);
        Ok(reference)
    }
}

/// The node of an answer whose members have these.
fn node(answer: &Answer, nodes: &[PageRef]) -> Vec<u8> {
    let (scope_v4, scope_v6) = answer.sticky_bits();
    let head =
        |kind| ChoiceHead { kind, members: narrow(nodes.len()), scope_v4, scope_v6, ..ChoiceHead::default() };
    match answer {
        Answer::Records(block) => records(kind::RECORDS, block),
        Answer::ZoneRecords(block) => records(kind::ZONE_RECORDS, block),
        Answer::Turn(_) => choice(head(kind::TURN), &[], nodes),
        Answer::Weighted(members) => choice(head(kind::WEIGHTED), members, nodes),
        Answer::Sticky(sticky, members) => {
            let head = ChoiceHead { sticky_v4: sticky.ipv4, sticky_v6: sticky.ipv6, ..head(kind::STICKY) };
            choice(head, members, nodes)
        }
        Answer::Gather { max, .. } => {
            let max = u16::try_from(*max).unwrap_or(u16::MAX);
            choice(ChoiceHead { max, ..head(kind::GATHER) }, &[], nodes)
        }
        Answer::Empty { .. } | Answer::Zone => Vec::new(),
    }
}

fn records(kind: u8, block: &Block) -> Vec<u8> {
    let head = BlockHead {
        kind,
        count: narrow(block.count),
        len: narrow(block.len()),
        step: narrow(block.record_len),
        rotations: narrow(block.rotations),
    };
    [head.as_bytes(), &block.bytes].concat()
}

/// A choice; members that are given no key and weight have zeros.
fn choice(head: ChoiceHead, members: &[Member], nodes: &[PageRef]) -> Vec<u8> {
    let parts = members.iter().map(|member| (member.key, member.weight)).chain(std::iter::repeat((0, 0)));
    let member = |(node, (key, weight)): (&PageRef, _)| abi::Member { key, weight, node: *node };
    let members: Vec<abi::Member> = nodes.iter().zip(parts).map(member).collect();
    [head.as_bytes(), members.as_bytes()].concat()
}

/// What is for the kernel is small: see [`Answer::is_for_kernel`].
fn narrow<T: TryFrom<usize> + Default>(number: usize) -> T {
    T::try_from(number).unwrap_or_default()
}
