//! The programs and their maps.

use core::arch::asm;
use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::{bpf_xdp_adjust_tail, bpf_xdp_get_buff_len, bpf_xdp_store_bytes};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, PerCpuArray, ProgramArray};
use aya_ebpf::programs::XdpContext;

/// A prepared frame; this many bytes hold it and its length.
#[repr(C)]
struct Prepared<const BYTES: usize> {
    /// Length of the frame in bytes.
    len: u64,
    frame: [u8; BYTES],
}

// The loader gives each map the size that a measurement needs; the frames are a power of two many.
#[map]
static FRAMES: Array<Prepared<120>> = Array::with_max_entries(1, 0);
#[map]
static LONG_FRAMES: Array<Prepared<504>> = Array::with_max_entries(1, 0);
#[map]
static CURSOR: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
#[map]
static SUBJECT: ProgramArray = ProgramArray::with_max_entries(1, 0);
#[map]
static TRIE: LpmTrie<[u8; 4], u32> = LpmTrie::with_max_entries(1, 1);

/// Number of frames less one.
#[unsafe(no_mangle)]
static FRAME_MASK: u32 = 0;

/// Goes over to the program under test with the next frame of up to 120 bytes.
#[xdp(frags)]
pub(crate) fn wrapper(context: XdpContext) -> u32 {
    wrap(&context, &FRAMES)
}

/// The same for frames of up to 504 bytes.
#[xdp(frags)]
pub(crate) fn long_wrapper(context: XdpContext) -> u32 {
    wrap(&context, &LONG_FRAMES)
}

/// What a wrapper cannot do it ends with this verdict.
pub(crate) const FAILED: u32 = xdp_action::XDP_ABORTED;

#[inline(always)]
fn wrap<const BYTES: usize>(context: &XdpContext, frames: &Array<Prepared<BYTES>>) -> u32 {
    let Some(cursor) = CURSOR.get_ptr_mut(0) else { return FAILED };
    // SAFETY: this CPU's value; nobody else accesses it while the program runs.
    let number = unsafe { *cursor };
    // SAFETY: as above.
    unsafe { *cursor = number.wrapping_add(1) };
    // SAFETY: a static is always there; volatile, because the loader writes the value after compilation.
    let mask = unsafe { ptr::addr_of!(FRAME_MASK).read_volatile() };
    let Some(prepared) = frames.get_ptr(number as u32 & mask) else { return FAILED };
    // SAFETY: an element lies in its map.
    let len = unsafe { (*prepared).len };
    // SAFETY: the context is the one the program was called with.
    let growth = (len as i64).wrapping_sub(unsafe { bpf_xdp_get_buff_len(context.ctx) } as i64);
    // Also where nothing changes: so the wrapper takes as long around a program that answers as around one that drops.
    // SAFETY: the context is the one the program was called with.
    if unsafe { bpf_xdp_adjust_tail(context.ctx, growth as i32) } != 0 {
        return FAILED;
    }
    // Opaque, so that the number that was checked is the one that is handed over.
    let mut len = len & (size_of::<Prepared<BYTES>>() as u64 - 1);
    // SAFETY: a register is moved to itself.
    unsafe { asm!("{0} = {0}", inout(reg) len, options(pure, nomem, nostack, preserves_flags)) };
    if len == 0 || len > BYTES as u64 {
        return FAILED;
    }
    // SAFETY: the frame lies in the element.
    let frame = unsafe { prepared.cast::<u8>().add(offset_of!(Prepared<BYTES>, frame)) };
    // SAFETY: the element has as many bytes as were checked.
    if unsafe { bpf_xdp_store_bytes(context.ctx, 0, frame.cast::<c_void>().cast_mut(), len as u32) } != 0 {
        return FAILED;
    }
    // SAFETY: this only returns where there is no program.
    let _missing = unsafe { SUBJECT.tail_call(context, 0) };
    FAILED
}

/// What the wrapper itself takes.
#[xdp(frags)]
pub(crate) fn nothing(_context: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// The floor: changes the Ethernet addresses over and sends the frame back.
#[xdp(frags)]
pub(crate) fn reflect(context: XdpContext) -> u32 {
    let start = context.data();
    if start + 14 > context.data_end() {
        return FAILED;
    }
    let frame = start as *mut u8;
    // SAFETY: twelve bytes and more are there.
    let (first, second) =
        unsafe { (frame.cast::<u64>().read_unaligned(), frame.add(8).cast::<u32>().read_unaligned()) };
    let addresses = u128::from(first) | u128::from(second) << 64;
    let swapped = (addresses >> 48) & ((1 << 48) - 1) | (addresses & ((1 << 48) - 1)) << 48;
    // SAFETY: as above.
    unsafe { frame.cast::<u64>().write_unaligned(swapped as u64) };
    // SAFETY: as above.
    unsafe { frame.add(8).cast::<u32>().write_unaligned((swapped >> 64) as u32) };
    xdp_action::XDP_TX
}

/// One lookup of the sender, at byte 26 of the frame, in a trie of prefixes.
#[xdp(frags)]
pub(crate) fn trie(context: XdpContext) -> u32 {
    let start = context.data();
    if start + 30 > context.data_end() {
        return FAILED;
    }
    // SAFETY: 30 bytes are there.
    let address = unsafe { (start as *const u8).add(26).cast::<[u8; 4]>().read_unaligned() };
    match TRIE.get(&Key::new(32, address)) {
        Some(class) => *class,
        None => xdp_action::XDP_PASS,
    }
}

/// The licence the kernel asks for.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics; the verifier refuses the loop should that ever change.
    loop {}
}
