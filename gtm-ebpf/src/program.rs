//! The entry, and the steps of one packet in their order.
//!
//! What one step finds it keeps in the CPU's room for the next, where neither compiler nor verifier knows it: so the ways
//! through one are not followed for each way through the others. Steps that few packets take are functions that the verifier
//! goes through by themselves.

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use gtm_common::abi::{MAX_STORES, PageRef, PerCpu, Store, StoreHead};
use gtm_common::counters::Outcome;

use crate::answer::{Chosen, Found};
use crate::choice::Asked;
use crate::edns::Edns;
use crate::frame::{Frame, OFFSET_MASK};
use crate::packet::{Packet, Window, kept, opaque};
use crate::question::Question;
use crate::reply::Layout;
use crate::{answer, choice, edns, frame, question, reply, tables};

/// A query.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    /// Where the datagram is.
    pub(crate) frame: Frame,
    /// What is asked.
    pub(crate) question: Question,
    /// What is said of EDNS.
    pub(crate) edns: Edns,
    /// True where its options are to be read.
    pub(crate) has_options: bool,
}

/// A query, and what answers it.
pub(crate) struct AtHand {
    pub(crate) query: Query,
    pub(crate) found: Found,
    pub(crate) chosen: Chosen,
    pub(crate) layout: Layout,
}

/// What a step gives that leads to the next one: no outcome has this number.
const NEXT: u32 = u32::MAX;

/// The XDP program.
#[xdp(frags)]
#[inline(always)]
pub(crate) fn gtm(context: XdpContext) -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return xdp_action::XDP_PASS;
    };
    let context = context.ctx;
    // The compiler would leave out the checks of what it sees the functions give; the verifier sees any number.
    let given = |outcome: u32| opaque(outcome as usize) as u32;
    let mut outcome = read(context, cpu, at_hand);
    // A name with a zero byte in a label has not ended there.
    if outcome == Outcome::PassedBadQuestion as u32 || outcome == Outcome::PassedBadEdns as u32 {
        outcome = given(gtm_reread(context, cpu, at_hand));
    }
    // SAFETY: `at_hand` points to this CPU's map value; what is written there is a truth.
    if outcome == NEXT && unsafe { (*at_hand).query.has_options } {
        outcome = given(gtm_read_options(context, cpu, at_hand));
    }
    if outcome == NEXT {
        outcome = find(cpu, kept(at_hand));
    }
    if outcome == NEXT {
        outcome = choose(cpu, kept(at_hand));
    }
    if outcome == NEXT {
        outcome = reply(context, cpu, kept(at_hand));
    }
    // SAFETY: `at_hand` points to this CPU's map value; whatever is written there are truths.
    let (has_pointers, has_subnet) =
        unsafe { ((*at_hand).chosen.records.has_pointers, (*at_hand).query.edns.has_ecs) };
    if is_answer(outcome) && has_pointers {
        outcome = given(gtm_finish_pointers(context, cpu, at_hand, outcome));
    }
    if is_answer(outcome) && has_subnet {
        outcome = given(gtm_write_subnet(context, cpu, at_hand, outcome));
    }
    end(cpu, outcome)
}

/// True for the number of an outcome that is an answer.
#[inline(always)]
fn is_answer(outcome: u32) -> bool {
    const { assert!(Outcome::Answered as u32 == 0 && Outcome::AnsweredError as u32 == 2) };
    outcome <= Outcome::AnsweredError as u32
}

/// Runs a step with the CPU's room: [`NEXT`], or the outcome as a number.
#[inline(always)]
fn step(cpu: *mut PerCpu, at_hand: *mut AtHand, run: impl FnOnce(&mut AtHand) -> Result<(), Outcome>) -> u32 {
    // To the verifier, what a function is given may be null.
    if cpu.is_null() || at_hand.is_null() {
        return Outcome::PassedNoBlock as u32;
    }
    // SAFETY: `at_hand` points to this CPU's map value, which is ours while a packet is at hand; each step runs after those
    // that write what it reads.
    match run(unsafe { &mut *at_hand }) {
        Ok(()) => NEXT,
        Err(outcome) => outcome as u32,
    }
}

/// Counts what became of the packet, and says what becomes of it now.
#[inline(always)]
fn end(cpu: *mut PerCpu, outcome: u32) -> u32 {
    tables::count(cpu, outcome);
    if is_answer(outcome) {
        xdp_action::XDP_TX
    } else if outcome == Outcome::DroppedInternal as u32 {
        xdp_action::XDP_DROP
    } else {
        xdp_action::XDP_PASS
    }
}

/// Reads the query but for the options of its OPT record.
#[inline(always)]
fn read(context: *mut xdp_md, cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    let context = XdpContext::new(context);
    step(cpu, at_hand, |AtHand { query, .. }| {
        let packet = Packet::new(&context);
        let frame = frame::parse(packet, cpu)?;
        // Only behind padding there is more of the frame than we see. Should it go on right behind the datagram all the
        // same, a longer answer has no room in this buffer and is dropped, and what follows another is no part of it.
        if opaque(frame.end ^ packet.len()) != 0 && !packet.is_whole(&context) {
            return Err(Outcome::PassedNotUdp);
        }
        query.frame = frame;
        query.question = question::parse(packet, &frame, cpu, question::up_to_zero)?;
        (query.edns, query.has_options) = edns::parse(packet, &frame, &query.question)?;
        Ok(())
    })
}

/// Reads it again from the question on, label by label.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_reread(context: *mut xdp_md, cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    step(cpu, at_hand, |AtHand { query, .. }| {
        // The masks take nothing away; the verifier knows nothing of what was kept.
        let frame =
            Frame { udp: query.frame.udp & OFFSET_MASK, end: query.frame.end & OFFSET_MASK, ..query.frame };
        let packet = Packet::new(&XdpContext::new(context));
        query.question = question::parse(packet, &frame, cpu, question::by_labels)?;
        (query.edns, query.has_options) = edns::parse(packet, &frame, &query.question)?;
        Ok(())
    })
}

/// Reads the options of the OPT record.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_read_options(context: *mut xdp_md, cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    step(cpu, at_hand, |AtHand { query: Query { frame, question, edns, .. }, .. }| {
        let packet = Packet::new(&XdpContext::new(context));
        edns::parse_options(packet, frame, question, edns, cpu)
    })
}

/// Finds what is known of the name.
#[inline(always)]
fn find(cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    // SAFETY: `at_hand` points to this CPU's map value, which is ours while a packet is at hand.
    let AtHand { query, found, .. } = unsafe { &mut *at_hand };
    match answer::find_exact(query, cpu) {
        Some(exact) => {
            *found = exact;
            NEXT
        }
        None => opaque(gtm_find_other(cpu, at_hand) as usize) as u32,
    }
}

/// The same for names without a record.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_find_other(cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    step(cpu, at_hand, |AtHand { query, found, .. }| {
        *found = answer::find_other(query)?;
        Ok(())
    })
}

/// Chooses what answers.
#[inline(always)]
fn choose(cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    // SAFETY: `at_hand` points to this CPU's map value, which is ours while a packet is at hand.
    let AtHand { query, found, chosen, .. } = unsafe { &mut *at_hand };
    match answer::choose(query, found, chosen, cpu) {
        Ok(answer::Choice::Made) => NEXT,
        Ok(answer::Choice::Among { reference, slot, scope }) => {
            opaque(gtm_choose_among(cpu, at_hand, reference.0, slot, u32::from(scope)) as usize) as u32
        }
        Err(outcome) => outcome as u32,
    }
}

/// The same where there is a choice.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_choose_among(
    cpu: *mut PerCpu,
    at_hand: *mut AtHand,
    reference: u32,
    slot: u32,
    scope: u32,
) -> u32 {
    step(cpu, at_hand, |AtHand { query, chosen, .. }| {
        let (client, is_ecs) = tables::client(cpu, &query.frame, &query.edns);
        let asked = Asked { cpu, slot, client, is_ecs, scope: scope as u8 };
        (chosen.records, chosen.scope) = choice::choose_among(&asked, PageRef(reference))?;
        Ok(())
    })
}

/// Gives the frame the length of the answer, and writes that in place, but for its pointers and the client subnet.
#[inline(always)]
fn reply(context: *mut xdp_md, cpu: *mut PerCpu, at_hand: *mut AtHand) -> u32 {
    let context = XdpContext::new(context);
    // SAFETY: `at_hand` points to this CPU's map value, which is ours while a packet is at hand.
    let AtHand { query, chosen, layout, .. } = unsafe { &mut *at_hand };
    match reply::make_room(&context, query, chosen, cpu) {
        Ok(made) => *layout = made,
        Err(outcome) => return outcome as u32,
    }
    // SAFETY: as above. Shared: of what nobody else can change the compiler makes copies, which the verifier follows
    // twice as long.
    reply::send(&context, unsafe { &*at_hand }, cpu) as u32
}

/// Puts the compression pointers of the answer right; gives the outcome that it is given.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_finish_pointers(
    context: *mut xdp_md,
    cpu: *mut PerCpu,
    at_hand: *mut AtHand,
    outcome: u32,
) -> u32 {
    finish(cpu, at_hand, outcome, |at_hand| {
        reply::finish_pointers(Packet::new(&XdpContext::new(context)), at_hand, cpu)
    })
}

/// Writes the client subnet into an answer that has one; gives the outcome that it is given.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_write_subnet(
    context: *mut xdp_md,
    cpu: *mut PerCpu,
    at_hand: *mut AtHand,
    outcome: u32,
) -> u32 {
    finish(cpu, at_hand, outcome, |at_hand| {
        reply::write_subnet(Packet::new(&XdpContext::new(context)), at_hand)
    })
}

/// Runs what finishes an answer: the outcome, but where a bound does not hold.
#[inline(always)]
fn finish(
    cpu: *mut PerCpu,
    at_hand: *mut AtHand,
    outcome: u32,
    run: impl FnOnce(&AtHand) -> Option<()>,
) -> u32 {
    if cpu.is_null() || at_hand.is_null() {
        return Outcome::DroppedInternal as u32;
    }
    // SAFETY: `at_hand` points to this CPU's map value, written before.
    match run(unsafe { &*at_hand }) {
        Some(()) => outcome,
        None => Outcome::DroppedInternal as u32,
    }
}

/// Stores to slots: the daemon cannot map the memory that they are in. Gives `XDP_PASS` when all were there.
#[xdp]
pub(crate) fn gtm_store(context: XdpContext) -> u32 {
    let packet = Packet::new(&context);
    store(packet).map_or(xdp_action::XDP_ABORTED, |()| xdp_action::XDP_PASS)
}

#[inline(always)]
fn store(packet: Packet) -> Option<()> {
    let stores = packet.load::<u32>(0)? as usize;
    let mut result = Some(());
    for number in 0..MAX_STORES {
        if number >= stores {
            break;
        }
        let at = opaque(size_of::<StoreHead>() + number * size_of::<Store>());
        let store: Window<{ size_of::<Store>() }> = packet.window(at)?;
        if tables::store(store.load::<u32, 0>(), store.load::<u32, 4>(), PageRef(store.load::<u32, 8>()))
            .is_none()
        {
            result = None;
        }
    }
    result
}

/// The licence the kernel asks for: some helpers are for GPL-compatible programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics; the verifier refuses the loop should that ever change.
    loop {}
}
