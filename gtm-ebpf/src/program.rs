//! The entry, and the steps of one packet in their order.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use gtm_common::abi::PerCpu;
use gtm_common::counters::Outcome;

use crate::choice::Asked;
use crate::packet::Packet;
use crate::reply::Reply;
use crate::{choice, edns, frame, question, reply, tables};

/// The XDP program.
#[xdp(frags)]
pub(crate) fn gtm(context: XdpContext) -> u32 {
    let Some(cpu) = tables::per_cpu() else {
        return xdp_action::XDP_PASS;
    };
    let outcome = match answer(&context, cpu) {
        Ok(()) => Outcome::Answered,
        Err(outcome) => outcome,
    };
    tables::count(cpu, outcome);
    match outcome {
        Outcome::Answered => xdp_action::XDP_TX,
        Outcome::DroppedInternal => xdp_action::XDP_DROP,
        _ => xdp_action::XDP_PASS,
    }
}

/// Answers the packet in place, or says why not.
#[inline(always)]
fn answer(context: &XdpContext, cpu: *mut PerCpu) -> Result<(), Outcome> {
    let packet = Packet::new(context);
    let frame = frame::parse(packet, cpu)?;
    if !packet.is_whole(context) {
        return Err(Outcome::PassedNotUdp);
    }
    let question = question::parse(packet, &frame, cpu)?;
    let edns = edns::parse(packet, &frame, &question, cpu)?;
    let record = tables::find_name(cpu, &question).ok_or(Outcome::PassedUnknownName)?;
    let entry = tables::find_type(record, question.qtype).ok_or(Outcome::PassedUnknownType)?;
    let (client, is_ecs) = tables::client(&frame, &edns);
    let (class, scope) = if entry.is_tailored() {
        tables::locate(cpu, client, is_ecs).ok_or(Outcome::PassedNoBlock)?
    } else {
        (0, 0)
    };
    let slot = tables::slot(&entry, class).ok_or(Outcome::PassedNoBlock)?;
    let reference = tables::reference(slot).ok_or(Outcome::PassedNoBlock)?;
    let asked = Asked { cpu, slot, client, is_ecs, scope };
    let answer = choice::answer(&asked, reference)?;
    reply::send(context, &Reply { frame: &frame, question: &question, edns: &edns, answer }, cpu)
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
