//! The entry, and the steps of one packet in their order.
//!
//! The steps are functions that the verifier goes through one by one, and so does not follow each way through the one for
//! each way through the others. What one finds it keeps in the CPU's room for the next.

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use gtm_common::abi::PerCpu;
use gtm_common::counters::Outcome;

use crate::answer::Chosen;
use crate::edns::Edns;
use crate::frame::{Frame, OFFSET_MASK};
use crate::packet::{Packet, opaque};
use crate::question::Question;
use crate::{answer, edns, frame, question, reply, tables};

/// A query.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    /// Where the datagram is.
    pub(crate) frame: Frame,
    /// What is asked.
    pub(crate) question: Question,
    /// What is said of EDNS.
    pub(crate) edns: Edns,
}

/// A query, and what answers it.
pub(crate) struct AtHand {
    pub(crate) query: Query,
    pub(crate) chosen: Chosen,
}

/// What a step gives that leads to the next one: no outcome has this number.
const NEXT: u32 = u32::MAX;

/// The XDP program.
#[xdp(frags)]
pub(crate) fn gtm(context: XdpContext) -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return xdp_action::XDP_PASS;
    };
    // The compiler would leave out the checks of what it sees the functions give; the verifier sees any number.
    let step = |given: u32| opaque(given as usize) as u32;
    let mut outcome = match read(&context, cpu, at_hand) {
        Ok(()) => step(gtm_read_edns(context.ctx)),
        Err(outcome) => outcome as u32,
    };
    // A name with a zero byte in a label has not ended there.
    if outcome == Outcome::PassedBadQuestion as u32 || outcome == Outcome::PassedBadEdns as u32 {
        outcome = step(gtm_reread_question(context.ctx));
        if outcome == NEXT {
            outcome = step(gtm_read_edns(context.ctx));
        }
    }
    if outcome == NEXT {
        outcome = step(gtm_choose());
    }
    if outcome == NEXT { gtm_reply(context.ctx) } else { end(cpu, outcome) }
}

/// Counts what became of the packet, an [`Outcome`] as a number, and says what becomes of it now.
#[inline(always)]
fn end(cpu: *mut PerCpu, outcome: u32) -> u32 {
    const { assert!(Outcome::Answered as u32 == 0 && Outcome::AnsweredError as u32 == 2) };
    tables::count(cpu, outcome);
    if outcome <= Outcome::AnsweredError as u32 {
        xdp_action::XDP_TX
    } else if outcome == Outcome::DroppedInternal as u32 {
        xdp_action::XDP_DROP
    } else {
        xdp_action::XDP_PASS
    }
}

/// Reads the query up to the question, or says why there is none.
#[inline(always)]
fn read(context: &XdpContext, cpu: *mut PerCpu, at_hand: *mut AtHand) -> Result<(), Outcome> {
    let packet = Packet::new(context);
    let frame = frame::parse(packet, cpu)?;
    if !packet.is_whole(context) {
        return Err(Outcome::PassedNotUdp);
    }
    // SAFETY: `at_hand` points to this CPU's map value, which is ours while this packet is at hand.
    let query = unsafe { &mut (*at_hand).query };
    query.frame = frame;
    query.question = question::parse(packet, &frame, cpu, question::up_to_zero)?;
    Ok(())
}

/// Reads the question again, label by label.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_reread_question(context: *mut xdp_md) -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return Outcome::PassedNoBlock as u32;
    };
    // SAFETY: `at_hand` points to this CPU's map value, whose frame was written before.
    let query = unsafe { &mut (*at_hand).query };
    // The masks take nothing away; the verifier knows nothing of what was kept.
    let frame =
        Frame { udp: query.frame.udp & OFFSET_MASK, end: query.frame.end & OFFSET_MASK, ..query.frame };
    let packet = Packet::new(&XdpContext::new(context));
    match question::parse(packet, &frame, cpu, question::by_labels) {
        Ok(question) => {
            query.question = question;
            NEXT
        }
        Err(outcome) => outcome as u32,
    }
}

/// Reads what follows the question.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_read_edns(context: *mut xdp_md) -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return Outcome::PassedNoBlock as u32;
    };
    // SAFETY: `at_hand` points to this CPU's map value, whose frame and question were written before.
    let query = unsafe { &mut (*at_hand).query };
    match edns::parse(Packet::new(&XdpContext::new(context)), &query.frame, &query.question, cpu) {
        Ok(edns) => {
            query.edns = edns;
            NEXT
        }
        Err(outcome) => outcome as u32,
    }
}

/// Chooses what answers.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_choose() -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return Outcome::PassedNoBlock as u32;
    };
    // SAFETY: `at_hand` points to this CPU's map value, whose query was written before.
    match answer::choose(unsafe { &(*at_hand).query }, cpu) {
        Ok(chosen) => {
            // SAFETY: as above; nothing refers to this part.
            unsafe { (*at_hand).chosen = chosen };
            NEXT
        }
        Err(outcome) => outcome as u32,
    }
}

/// Answers the packet in place, or passes it on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_reply(context: *mut xdp_md) -> u32 {
    let (Some(cpu), Some(at_hand)) = (tables::per_cpu(), tables::at_hand()) else {
        return xdp_action::XDP_PASS;
    };
    // SAFETY: `at_hand` points to this CPU's map value, written before.
    let outcome = match reply::send(&XdpContext::new(context), unsafe { &*at_hand }, cpu) {
        Ok(outcome) | Err(outcome) => outcome,
    };
    end(cpu, outcome as u32)
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
