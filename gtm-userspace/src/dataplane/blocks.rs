//! Answers as the map of blocks has them: a node for each distinct part, children before their parents.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use gtm_common::abi::{
    self, BlockHead, ChoiceHead, ERROR_NODES, MAX_ANSWER, MAX_POINTERS, MAX_ROTATION, PageRef, TOO_LARGE,
    kind,
};
use gtm_common::wire::{HEADER_LEN, MAX_NAME, MAX_UDP_PAYLOAD, flags};
use zerocopy::IntoBytes;

use super::DataplaneError;
use super::mapped::MappedArray;
use super::pages::{self, PageCursor, Pages};
use crate::decision::answer::{Member, Picked};
use crate::decision::{Answer, Block};
use crate::server::{Asked, Sections, Tables};

/// Pages beyond what is needed when the generation is built: room for the answers of later conditions, before another
/// generation is needed.
const SPARE_PAGES: u32 = 4;
/// Length of a question behind its name.
const TYPE_AND_CLASS_LEN: usize = 4;

/// The nodes.
#[derive(Debug)]
pub(super) struct Blocks {
    nodes: Nodes,
    /// Nodes by the hash of their bytes. Slots and choices share those of steered answers.
    steered: HashMap<u64, PageRef>,
    /// Entries share the others, which are all there before there is a map.
    fixed: HashMap<u64, PageRef>,
    hasher: RandomState,
}

/// Where nodes are written.
#[derive(Debug)]
enum Nodes {
    /// There is no map yet.
    Unwritten(Pages),
    Map(MappedArray, PageCursor),
}

/// The nodes of answers that many slots have at once. Those of a small answer of records are the same for all of them.
#[derive(Debug, Default)]
pub(super) struct Batch(HashMap<*const Answer, (Arc<Answer>, Option<PageRef>)>);

/// What a node is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose<'p> {
    pub(super) tables: &'p Tables,
    pub(super) asked: &'p Asked,
    pub(super) qtype: u16,
    /// False where aliases lead to the steered name.
    pub(super) is_direct: bool,
}

impl Blocks {
    /// The nodes of the errors, which come first.
    pub(super) fn new() -> Result<Self, DataplaneError> {
        let mut nodes = Pages::default();
        for rcode in 0..ERROR_NODES {
            // The bits that the header has no room for stand in the OPT record.
            let head = BlockHead {
                kind: kind::UNTAILORED,
                flags: rcode & 0xf,
                rotations: 1,
                ..BlockHead::default()
            };
            nodes.write(&[head.as_bytes()])?;
        }
        Ok(Self {
            nodes: Nodes::Unwritten(nodes),
            steered: HashMap::new(),
            fixed: HashMap::new(),
            hasher: RandomState::new(),
        })
    }

    /// Pages that the map must have.
    pub(super) fn pages(&self) -> u32 {
        let cursor = match &self.nodes {
            Nodes::Unwritten(pages) => pages.cursor(),
            Nodes::Map(_, cursor) => *cursor,
        };
        cursor.pages() + SPARE_PAGES
    }

    /// Writes what was placed so far, and whatever follows, into the map.
    pub(super) fn go_to(&mut self, mut map: MappedArray) -> Result<(), DataplaneError> {
        if let Nodes::Unwritten(nodes) = &self.nodes {
            map.write_bytes(0, nodes.as_bytes())?;
            self.nodes = Nodes::Map(map, nodes.cursor());
        }
        self.fixed = HashMap::new();
        Ok(())
    }

    /// The node of sections that are the same for everyone; `None` where they are left to the server.
    pub(super) fn place_sections(
        &mut self,
        asked: &Asked,
        sections: Sections,
    ) -> Result<Option<PageRef>, DataplaneError> {
        let leaf = leaf(kind::UNTAILORED, asked, vec![sections]);
        let Some(bytes) = leaf else { return Ok(None) };
        let Self { nodes, fixed, hasher, .. } = self;
        nodes.place(&bytes, fixed, hasher).map(Some)
    }

    /// The node of a steered answer, as [`Self::place`] gives it, with what the batch knows of it already.
    pub(super) fn place_in(
        &mut self,
        batch: &mut Batch,
        purpose: Purpose<'_>,
        answer: &Arc<Answer>,
    ) -> Result<Option<PageRef>, DataplaneError> {
        if !purpose.is_direct {
            return self.place(purpose, answer);
        }
        if let Some((_, placed)) = batch.0.get(&Arc::as_ptr(answer)) {
            return Ok(*placed);
        }
        let placed = self.place(purpose, answer)?;
        if is_same_for_all(answer) {
            batch.0.insert(Arc::as_ptr(answer), (Arc::clone(answer), placed));
        }
        Ok(placed)
    }

    /// The node of a steered answer; `None` where it is left to the server.
    pub(super) fn place(
        &mut self,
        purpose: Purpose<'_>,
        answer: &Answer,
    ) -> Result<Option<PageRef>, DataplaneError> {
        if !answer.is_for_kernel() {
            return Ok(None);
        }
        let bytes = match answer {
            // The records of a gathering are put together as they are.
            Answer::Gather { .. } if !purpose.is_direct => None,
            Answer::Records(block) => records(purpose, block),
            Answer::Empty { rcode } => {
                let sections = purpose.tables.steered_nothing(purpose.asked, purpose.qtype, *rcode);
                leaf(kind::RECORDS, purpose.asked, vec![sections])
            }
            Answer::Turn(_) | Answer::Weighted(_) | Answer::Sticky(..) | Answer::Gather { .. } => {
                let nodes: Option<Vec<PageRef>> =
                    answer.members().map(|member| self.place(purpose, member)).collect::<Result<_, _>>()?;
                nodes.map(|nodes| choice(answer, &nodes))
            }
            Answer::Zone => None,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let Self { nodes, steered, hasher, .. } = self;
        nodes.place(&bytes, steered, hasher).map(Some)
    }
}

impl Nodes {
    /// The node of these bytes, which is written if it is not among those known.
    fn place(
        &mut self,
        bytes: &[u8],
        known: &mut HashMap<u64, PageRef>,
        hasher: &RandomState,
    ) -> Result<PageRef, DataplaneError> {
        let hash = hasher.hash_one(bytes);
        // Two nodes of one hash are rare: the second is not shared.
        if let Some(placed) = known.get(&hash).filter(|placed| self.holds(**placed, bytes)) {
            return Ok(*placed);
        }
        let place = match self {
            Self::Unwritten(pages) => pages.write(&[bytes])?,
            Self::Map(map, cursor) => {
                let mut next = *cursor;
                let place = next.take(bytes.len().div_ceil(8))?;
                if usize::try_from(place.page()).is_ok_and(|page| page >= map.len()) {
                    return Err(DataplaneError::BlocksFull);
                }
                map.write_bytes(pages::offset(place)?, bytes)?;
                *cursor = next;
                place
            }
        };
        known.insert(hash, place);
        Ok(place)
    }

    fn holds(&self, place: PageRef, bytes: &[u8]) -> bool {
        match self {
            Self::Unwritten(pages) => pages.at(place).starts_with(bytes),
            Self::Map(map, _) => pages::offset(place).is_ok_and(|start| map.holds(start, bytes)),
        }
    }
}

/// True for records that lead nowhere and fit behind every name: what is answered to one name is answered to all.
fn is_same_for_all(answer: &Answer) -> bool {
    let room = usize::from(MAX_UDP_PAYLOAD) - HEADER_LEN - MAX_NAME - TYPE_AND_CLASS_LEN;
    answer.is_always_for_kernel() && answer.most_bytes() <= room && !matches!(answer, Answer::Empty { .. })
}

/// The node of records in turn; `None` where it is left to the server.
fn records(purpose: Purpose<'_>, block: &Block) -> Option<Vec<u8>> {
    let Purpose { tables, asked, qtype, is_direct } = purpose;
    let turns = 0..u32::try_from(block.rotations).ok()?;
    let sections = |turn| {
        let picked = Picked { records: block.rotation(turn).to_vec(), alias: block.alias.clone() };
        tables.steered(asked, qtype, &picked)
    };
    if !is_direct || block.alias.is_some() {
        return leaf(kind::RECORDS, asked, turns.map(sections).collect::<Option<_>>()?);
    }
    // Each rotation begins one record later than the one before, and overlaps it.
    let first = leaf(kind::RECORDS, asked, vec![sections(0)?])?;
    let mut head: BlockHead = zerocopy::FromBytes::read_from_prefix(&first).ok()?.0;
    head.step = u16::try_from(block.record_len).ok()?;
    head.rotations = u16::try_from(block.rotations).ok()?;
    let records = if head.len == TOO_LARGE { &[] } else { &*block.bytes };
    Some([head.as_bytes(), records].concat())
}

/// The node of these rotations, one behind the other; `None` where it is left to the server: too many pointers, or too
/// large a whole.
fn leaf(kind: u8, asked: &Asked, mut rotations: Vec<Sections>) -> Option<Vec<u8>> {
    let room = usize::from(MAX_UDP_PAYLOAD) - HEADER_LEN - asked.qname.as_wire().len() - TYPE_AND_CLASS_LEN;
    // What never fits.
    for sections in &mut rotations {
        if sections.bytes.len() > room {
            sections.bytes.truncate(sections.len);
            let [.., optionals] = &mut sections.counts;
            *optionals = 0;
        }
    }
    let first = rotations.first()?;
    let is_uniform = |other: &Sections| {
        let parts = |of: &Sections| (of.bytes.len(), of.len, of.counts, of.rcode, of.authoritative);
        parts(other) == parts(first) && other.pointers == first.pointers
    };
    let (flags, [answers, authorities, additionals, optionals]) = (header_flags(first), first.counts);
    let head = BlockHead { kind, flags, rotations: 1, ..BlockHead::default() };
    if first.len > room {
        return Some(BlockHead { len: TOO_LARGE, full_len: TOO_LARGE, ..head }.as_bytes().to_vec());
    }
    let full_len = first.bytes.len();
    let pointers: Vec<u16> = first
        .pointers
        .iter()
        .filter(|pointer| **pointer < full_len)
        .map(|pointer| u16::try_from(*pointer))
        .collect::<Result<_, _>>()
        .ok()?;
    let is_small = full_len <= MAX_ANSWER
        && pointers.len() <= MAX_POINTERS
        && full_len * (rotations.len() - 1) <= MAX_ROTATION;
    if !is_small || !rotations.iter().all(is_uniform) {
        return None;
    }
    let head = BlockHead {
        pointers: u8::try_from(pointers.len()).ok()?,
        answers: u8::try_from(answers).ok()?,
        authorities: u8::try_from(authorities).ok()?,
        additionals: u8::try_from(additionals).ok()?,
        optionals: u8::try_from(optionals).ok()?,
        len: u16::try_from(first.len).ok()?,
        full_len: u16::try_from(full_len).ok()?,
        step: u16::try_from(full_len).ok()?,
        rotations: u16::try_from(rotations.len()).ok()?,
        ..head
    };
    let mut bytes = [head.as_bytes(), pointers.as_bytes()].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(rotations.iter().flat_map(|sections| &sections.bytes));
    Some(bytes)
}

/// AA and response code as they stand in the header.
fn header_flags(sections: &Sections) -> u16 {
    sections.rcode | if sections.authoritative { flags::AA } else { 0 }
}

/// The node of a choice whose members have these.
fn choice(answer: &Answer, nodes: &[PageRef]) -> Vec<u8> {
    let (scope_v4, scope_v6) = answer.sticky_bits();
    // What is for the kernel is small: see `Answer::is_for_kernel`.
    let members = u8::try_from(nodes.len()).unwrap_or(u8::MAX);
    let head = ChoiceHead { members, scope_v4, scope_v6, ..ChoiceHead::default() };
    let (head, weighed): (_, &[Member]) = match answer {
        Answer::Weighted(members) => (ChoiceHead { kind: kind::WEIGHTED, ..head }, members),
        Answer::Sticky(sticky, members) => {
            let (sticky_v4, sticky_v6) = (sticky.ipv4, sticky.ipv6);
            (ChoiceHead { kind: kind::STICKY, sticky_v4, sticky_v6, ..head }, members)
        }
        Answer::Gather { max, .. } => {
            let max = u16::try_from(*max).unwrap_or(u16::MAX);
            (ChoiceHead { kind: kind::GATHER, max, ..head }, &[])
        }
        Answer::Turn(_) | Answer::Records(_) | Answer::Empty { .. } | Answer::Zone => {
            (ChoiceHead { kind: kind::TURN, ..head }, &[])
        }
    };
    // Members that are given no key and weight have zeros.
    let parts = weighed.iter().map(|member| (member.key, member.weight)).chain(std::iter::repeat((0, 0)));
    let member = |(node, (key, weight)): (&PageRef, _)| abi::Member { key, weight, node: *node };
    let members: Vec<abi::Member> = nodes.iter().zip(parts).map(member).collect();
    [head.as_bytes(), members.as_bytes()].concat()
}
