//! Traffic on a veth pair: a generator of queries, and a receiver that checks every answer.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_redirect, bpf_xdp_store_bytes};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::XdpContext;

use crate::programs::FAILED;

/// Number of queries; the ID of each is its number.
const QUERIES: u32 = 1 << 16;
/// Length of each query's frame: IPv4, a QNAME of 17 bytes in wire form, an OPT record without options.
const QUERY_LEN: usize = 86;

/// A query and what is right in answer to it.
#[repr(C)]
struct Asked {
    frame: [u8; QUERY_LEN],
    reserved: [u8; 6],
    /// The one address, in network byte order.
    address: [u8; 4],
}

#[map]
static ASKED: Array<Asked> = Array::with_max_entries(QUERIES, 0);
/// Answers that were right, and that were not. One thread of the kernel counts them.
#[map]
static ANSWERS: Array<u64> = Array::with_max_entries(2, 0);
#[map]
static STATE: Array<State> = Array::with_max_entries(1, 0);

/// The device that queries are sent from.
#[unsafe(no_mangle)]
static DEVICE: u32 = 0;

/// What the generator knows of its queries.
#[repr(C)]
struct State {
    sent: u64,
    /// Queries whose answers are waited for no longer.
    lost: u64,
    /// Right answers when last looked at while waiting, and since when there are no more, in nanoseconds.
    seen: u64,
    since: u64,
}

/// Queries that may be unanswered at a time: as many as the ring of a veth holds, so that none is lost before the server.
const WINDOW: u64 = 256;
/// Without any answer for so many nanoseconds, what is unanswered counts as lost.
const PATIENCE: u64 = 20_000_000;

/// Puts the next query in place and sends it, if not too many are unanswered.
///
/// The kernel runs it over and over: a run without a query is a look at the answers.
#[xdp(frags)]
pub(crate) fn generator(context: XdpContext) -> u32 {
    let (Some(state), Some(right)) = (STATE.get_ptr_mut(0), ANSWERS.get_ptr(0)) else { return FAILED };
    // SAFETY: only this program writes the state, and it runs once at a time.
    let state = unsafe { &mut *state };
    // SAFETY: volatile, because the receiver counts meanwhile.
    let right = unsafe { right.read_volatile() };
    // An answer that comes late makes fewer than none.
    let open = state.sent.wrapping_sub(state.lost).wrapping_sub(right) as i64;
    if open >= WINDOW as i64 {
        // SAFETY: without arguments.
        let now = unsafe { bpf_ktime_get_ns() };
        if right != state.seen {
            (state.seen, state.since) = (right, now);
        } else if now - state.since > PATIENCE {
            state.lost += open as u64;
            state.since = now;
        }
        return xdp_action::XDP_DROP;
    }
    let Some(asked) = ASKED.get_ptr(state.sent as u32 % QUERIES) else { return FAILED };
    let frame = asked.cast::<c_void>().cast_mut();
    // SAFETY: the frame is the first part of the element, and as long.
    if unsafe { bpf_xdp_store_bytes(context.ctx, 0, frame, QUERY_LEN as u32) } != 0 {
        return FAILED;
    }
    state.sent += 1;
    // SAFETY: a static is always there; volatile, because the loader writes the value after compilation.
    let device = unsafe { ptr::addr_of!(DEVICE).read_volatile() };
    // SAFETY: without pointers.
    unsafe { bpf_redirect(device, 0) as u32 }
}

/// Ports from here on are those of ordinary sockets.
const SOCKETS: u16 = 1 << 15;
/// Length of an answer's frame, as far as it is looked at.
const ANSWER_LEN: usize = 91;

/// Judges and drops what is sent in answer to the generator; passes everything else.
#[xdp(frags)]
pub(crate) fn receiver(context: XdpContext) -> u32 {
    let start = context.data();
    if start + ANSWER_LEN > context.data_end() {
        return xdp_action::XDP_PASS;
    }
    // SAFETY: so many bytes are there.
    let answer = unsafe { &*(start as *const [u8; ANSWER_LEN]) };
    let is_from_server = read::<3>(answer, 12) == [8, 0, 0x45] && answer[23] == 17 && word(answer, 34) == 53;
    if !is_from_server || word(answer, 36) >= SOCKETS {
        return xdp_action::XDP_PASS;
    }
    let Some(asked) = ASKED.get(u32::from(word(answer, 42))) else { return FAILED };
    let query = &asked.frame;
    // To the sender of the query: address and port.
    let is_right = read::<4>(answer, 30) == read::<4>(query, 26)
        && word(answer, 36) == word(query, 34)
        // Response, authoritative, no error; one question, one answer.
        && read::<6>(answer, 44) == [0x84, 0, 0, 1, 0, 1]
        && read::<8>(answer, 54) == read::<8>(query, 54)
        && read::<8>(answer, 62) == read::<8>(query, 62)
        && read::<5>(answer, 70) == read::<5>(query, 70)
        // An A record of class IN that belongs to the QNAME; its TTL is the server's business.
        && read::<6>(answer, 75) == [0xc0, 12, 0, 1, 0, 1]
        && word(answer, 85) == 4
        && read::<4>(answer, 87) == asked.address;
    let Some(count) = ANSWERS.get_ptr_mut(u32::from(!is_right)) else { return FAILED };
    // SAFETY: the device has one queue, so that one thread counts.
    unsafe { *count += 1 };
    xdp_action::XDP_DROP
}

/// Some bytes at a place that is known at compile time.
#[inline(always)]
fn read<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(read(bytes, at))
}
