//! From a slot's node to the records of one answer: the choices on the way.

use core::ptr;

use gtm_common::abi::{
    BlockHead, ChoiceHead, GATHER_WORDS, MAX_ANSWER, MAX_GATHERED, MAX_MEMBERS, MAX_POINTERS, MAX_ROTATION,
    Member, PageRef, PerCpu, kind,
};
use gtm_common::counters::Outcome;
use gtm_common::pick::{self, Client, Draw, INNER, OUTER};
use gtm_common::wire::flags;

use crate::packet::opaque;
use crate::tables::{self, forget, forget_u32, from_numbers, numbers};

/// All bits of the number of a member.
const MEMBER_MASK: usize = MAX_MEMBERS - 1;
/// All bits of the length of records, and of an offset among them.
const LEN_MASK: usize = 0x7ff;

/// Who asks for which slot.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// This CPU's counters and room to work in.
    pub(crate) cpu: *mut PerCpu,
    /// The number of the slot, which its turns are counted by.
    pub(crate) slot: u32,
    /// The client.
    pub(crate) client: Client,
    /// Whether it was told by a client subnet option, which the answer has a scope for.
    pub(crate) is_ecs: bool,
    /// The scope as far as the client's class goes.
    pub(crate) scope: u8,
}

/// The records that were chosen.
#[derive(Clone, Copy)]
pub(crate) struct Records {
    /// The node with the records.
    reference: PageRef,
    /// Its turn.
    turn: u32,
    /// Records that were gathered: their length and, in the upper half, number; 0 where it is the node that has them.
    gathered: u64,
    /// True when some pointers lack the length of the QNAME.
    pub(crate) has_pointers: bool,
}

/// What follows the question in one answer.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    /// How much there is of what.
    pub(crate) head: BlockHead,
    /// The offsets of pointers that lack the length of the QNAME; there are [`MAX_POINTERS`], whatever the number.
    pub(crate) pointers: *const u16,
    /// The records; there is room for `LEN_MASK` bytes and a word, whatever the length.
    pub(crate) records: *const u8,
}

impl Records {
    /// Those of a node, and whether they depend on the client; `None` within where it has a choice instead.
    #[inline(always)]
    pub(crate) fn of(cpu: *mut PerCpu, reference: PageRef, counter: u32) -> Option<Option<(Self, bool)>> {
        let head = block_head(tables::node(reference)?);
        if head.kind != kind::RECORDS && head.kind != kind::UNTAILORED {
            return Some(None);
        }
        let turn = if head.rotations > 1 { tables::turn(cpu, counter) } else { 0 };
        let records = Self { reference, turn, gathered: 0, has_pointers: head.pointers > 0 };
        Some(Some((records, head.kind == kind::RECORDS)))
    }

    /// They and all that is told with them.
    #[inline(always)]
    pub(crate) fn answer(&self, cpu: *const PerCpu) -> Option<Answer> {
        if self.gathered == 0 {
            let node = tables::node(self.reference)?;
            return Some(records(node, &block_head(node), self.turn));
        }
        // SAFETY: `cpu` points to this CPU's map value.
        let records = unsafe { ptr::addr_of!((*cpu).gathered) }.cast::<u8>();
        let len = (self.gathered as usize & LEN_MASK) as u16;
        let answers = (self.gathered >> 32) as u8;
        let head = BlockHead { flags: flags::AA, answers, len, full_len: len, ..BlockHead::default() };
        Some(Answer { head, pointers: records.cast(), records })
    }
}

/// Chooses among what a node refers to; gives the scope of the client subnet as well.
#[inline(always)]
pub(crate) fn choose_among(asked: &Asked, reference: PageRef) -> Result<(Records, u8), Outcome> {
    let node = tables::node(reference).ok_or(Outcome::PassedNoBlock)?;
    let scope = least_scope(asked, node);
    if block_head(node).kind == kind::GATHER {
        let gathered = gather(asked, reference)?;
        return Ok((Records { reference, turn: 0, gathered, has_pointers: false }, scope));
    }
    let (reference, counter) = descend(asked, reference, node)?;
    let records = Records::of(asked.cpu, PageRef(forget_u32(asked.cpu, reference.0)), counter);
    let (records, _) = records.flatten().ok_or(Outcome::PassedNoBlock)?;
    Ok((records, scope))
}

/// The scope of an answer that may depend on the client by more than its class.
#[inline(always)]
fn least_scope(asked: &Asked, top: *const u64) -> u8 {
    let head = choice_head(top);
    let least = match asked.client {
        _ if !asked.is_ecs => 0,
        Client::V4(_) => head.scope_v4,
        Client::V6(_) => head.scope_v6,
    };
    forget(asked.cpu, usize::from(if least > asked.scope { least } else { asked.scope }), 0xff) as u8
}

/// Goes through the choices at `top` and below, to the node with records and what counts its turns.
#[inline(always)]
fn descend(asked: &Asked, top: PageRef, node: *const u64) -> Result<(PageRef, u32), Outcome> {
    let head = choice_head(node);
    let turn = if head.kind == kind::STICKY { 0 } else { tables::turn(asked.cpu, asked.slot) };
    let index = choose_member(asked.cpu, asked.client, top, node, &head, turn, OUTER);
    let counter = nested(asked.slot, index);
    let mut reference = member(node, index).node;
    let mut node = tables::node(reference).ok_or(Outcome::PassedNoBlock)?;
    if block_head(node).kind != kind::RECORDS {
        let head = choice_head(node);
        let turn = if head.kind == kind::STICKY { 0 } else { tables::turn(asked.cpu, counter) };
        let index = choose_member(asked.cpu, asked.client, reference, node, &head, turn, INNER);
        reference = member(node, index).node;
        node = tables::node(reference).ok_or(Outcome::PassedNoBlock)?;
    }
    if block_head(node).kind == kind::RECORDS {
        Ok((reference, counter))
    } else {
        Err(Outcome::PassedNoBlock)
    }
}

/// The records of a node in this turn.
#[inline(always)]
fn records(node: *const u64, head: &BlockHead, turn: u32) -> Answer {
    let pointers_len = (usize::from(head.pointers) & MAX_POINTERS).next_multiple_of(4) * 2;
    // SAFETY: behind any word that a node can begin in, its page has room for a head and as many pointers as there can be.
    let pointers = unsafe { node.cast::<u8>().add(size_of::<BlockHead>()) };
    // SAFETY: there is room for an offset, and what an answer's records need, as well; the masks tell the verifier so.
    let records = unsafe { pointers.add(pointers_len + rotation(head, turn)) };
    Answer { head: *head, pointers: pointers.cast(), records }
}

/// Offset in bytes of this turn's rotation among the records.
#[inline(always)]
fn rotation(head: &BlockHead, turn: u32) -> usize {
    if head.rotations <= 1 {
        return 0;
    }
    // The mask takes nothing away.
    ((turn % u32::from(head.rotations)) as usize * usize::from(head.step)) & MAX_ROTATION
}

/// The counter of a choice in a member.
#[inline(always)]
fn nested(slot: u32, index: usize) -> u32 {
    // An odd distance: sixteen members and the slot itself have different counters.
    slot.wrapping_add((index as u32 + 1).wrapping_mul(37))
}

/// Number of the member of a choice that answers in this turn, or to this client.
#[inline(always)]
fn choose_member(
    cpu: *const PerCpu,
    client: Client,
    reference: PageRef,
    node: *const u64,
    head: &ChoiceHead,
    turn: u32,
    multiplier: u64,
) -> usize {
    match head.kind {
        kind::WEIGHTED => by_weight(cpu, node, head, pick::point(turn, multiplier)),
        kind::STICKY => by_client(cpu, reference, client),
        _ => forget(cpu, (turn % u32::from(head.members)) as usize, MEMBER_MASK),
    }
}

#[inline(always)]
fn by_weight(cpu: *const PerCpu, node: *const u64, head: &ChoiceHead, point: u32) -> usize {
    let mut found = 0;
    for index in 0..MAX_MEMBERS {
        if index >= opaque(usize::from(head.members)) || point <= member(node, index).weight {
            found = index;
            break;
        }
    }
    forget(cpu, found, MEMBER_MASK)
}

#[inline(always)]
fn by_client(cpu: *const PerCpu, reference: PageRef, client: Client) -> usize {
    let (high, low, is_v6) = numbers(client);
    forget(cpu, gtm_by_client(reference.0, high, low, is_v6) as usize, MEMBER_MASK)
}

/// [`by_client`] as a function that the verifier goes through by itself, once, wherever it is called.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_by_client(reference: u32, high: u64, low: u64, is_v6: u32) -> u32 {
    draw(PageRef(reference), from_numbers(high, low, is_v6)).unwrap_or(0) as u32
}

/// Number of the member that draws the shortest wait for the client.
#[inline(always)]
fn draw(reference: PageRef, client: Client) -> Option<usize> {
    let cpu = tables::per_cpu()?;
    let node = tables::node(reference)?;
    let head = choice_head(node);
    let hash = client.hash(head.sticky_v4, head.sticky_v6);
    let first = member(node, 0);
    let mut best = Draw::new(hash, first.key, first.weight);
    let mut found = 0;
    for index in 1..MAX_MEMBERS {
        if index >= opaque(usize::from(head.members)) {
            break;
        }
        let Member { key, weight, .. } = member(node, index);
        let draw = Draw::new(hash, key, weight);
        if draw.is_before(best) {
            best = draw;
            found = forget(cpu, index, MEMBER_MASK);
        }
    }
    Some(found)
}

/// Puts the records of all members, one behind the other, into this CPU's room: at most as many as one answer holds. Their
/// length and, in the upper half, number.
#[inline(always)]
fn gather(asked: &Asked, reference: PageRef) -> Result<u64, Outcome> {
    let (high, low, is_v6) = numbers(asked.client);
    match gtm_gather(asked.slot, reference.0, high, low, is_v6) {
        0 => Err(Outcome::PassedNoBlock),
        gathered => Ok(gathered),
    }
}

/// [`gather`] as a function that the verifier goes through by itself, once, whoever calls it with what: its loop within
/// a loop has many ways out. 0 when it is left to the server.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_gather(slot: u32, reference: u32, high: u64, low: u64, is_v6: u32) -> u64 {
    gather_members(slot, PageRef(reference), from_numbers(high, low, is_v6)).unwrap_or(0)
}

#[inline(always)]
fn gather_members(slot: u32, reference: PageRef, client: Client) -> Option<u64> {
    let cpu = tables::per_cpu()?;
    let top = tables::node(reference)?;
    let head = choice_head(top);
    let members = u32::from(head.members);
    let turn = tables::turn(cpu, slot);
    // Rotations follow the rounds, so that each is met at each place; shares by weight are exact over turns in a row.
    let (first, round) = (turn % members, turn / members);
    let (mut len, mut count) = (0, 0);
    for place in 0..MAX_MEMBERS as u32 {
        if place >= opaque(members as usize) as u32 || count >= u32::from(head.max) {
            break;
        }
        let next = first + place;
        let index = forget(cpu, (if next >= members { next - members } else { next }) as usize, MEMBER_MASK);
        let reference = member(top, index).node;
        let mut node = tables::node(reference)?;
        if block_head(node).kind != kind::RECORDS {
            let head = choice_head(node);
            let turn = if head.kind == kind::TURN { round } else { turn };
            let index = choose_member(cpu, client, reference, node, &head, turn, pick::gathered(index));
            node = tables::node(member(node, index).node)?;
        }
        let block = block_head(node);
        if block.kind != kind::RECORDS {
            return None;
        }
        let room = u32::from(head.max) - count;
        let taken = if u32::from(block.answers) < room { u32::from(block.answers) } else { room };
        let taken_len = taken as usize * usize::from(block.step);
        if taken_len > MAX_GATHERED || len + taken_len > MAX_ANSWER {
            return None;
        }
        copy(cpu, len, records(node, &block, round).records, taken_len);
        len = forget(cpu, len + taken_len, LEN_MASK);
        count = forget_u32(cpu, count + taken);
    }
    Some(len as u64 | u64::from(count) << 32)
}

/// Copies records behind those that are gathered already; past their end, up to the next whole word, come bytes that
/// the next records overwrite.
#[inline(always)]
fn copy(cpu: *mut PerCpu, at: usize, records: *const u8, len: usize) {
    const { assert!(LEN_MASK + 1 + MAX_GATHERED <= 8 * GATHER_WORDS) };
    // SAFETY: `cpu` points to this CPU's map value, whose room is longer than the mask; the mask takes nothing away.
    let target = unsafe { ptr::addr_of_mut!((*cpu).gathered).cast::<u8>().add(at & LEN_MASK) };
    for word in 0..MAX_GATHERED / 8 {
        if word * 8 >= opaque(len) {
            break;
        }
        // SAFETY: wherever records begin, there is room for `LEN_MASK` bytes and a word.
        let bytes = unsafe { records.add(word * 8).cast::<u64>().read_unaligned() };
        // SAFETY: behind any offset that the mask allows there is room for `MAX_GATHERED` bytes.
        unsafe { target.add(word * 8).cast::<u64>().write_unaligned(bytes) };
    }
}

/// The head of a node that holds records, or of which only the kind is looked at.
#[inline(always)]
fn block_head(node: *const u64) -> BlockHead {
    // SAFETY: a node lies within its page.
    let mut head = unsafe { node.cast::<BlockHead>().read() };
    // The mask takes nothing away: `MAX_ANSWER` and `TOO_LARGE` are not above it.
    head.len &= LEN_MASK as u16;
    head.full_len &= LEN_MASK as u16;
    head
}

#[inline(always)]
fn choice_head(node: *const u64) -> ChoiceHead {
    // SAFETY: a node lies within its page.
    let mut head = unsafe { node.cast::<ChoiceHead>().read() };
    // No choice is without members; so the compiler knows.
    head.members = if head.members == 0 { 1 } else { head.members };
    head
}

/// A member of a choice; `index` is at most [`MEMBER_MASK`].
#[inline(always)]
fn member(node: *const u64, index: usize) -> Member {
    // SAFETY: behind any word that a node can begin in, its page has room for a head and as many members as there can be.
    unsafe { node.add(1).cast::<Member>().add(index & MEMBER_MASK).read() }
}
