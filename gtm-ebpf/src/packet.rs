//! Bounds-checked access to the packet, in the form the verifier follows.

use core::arch::asm;
use core::ptr;

use aya_ebpf::helpers::bpf_xdp_get_buff_len;
use aya_ebpf::programs::XdpContext;

/// The packet's memory from its first byte to its end.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// The packet as it is now; stale after its length was changed.
    #[inline(always)]
    pub(crate) fn new(context: &XdpContext) -> Self {
        Self { start: opaque(context.data()), end: opaque(context.data_end()) }
    }

    /// Length of the frame in bytes.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }

    /// True when this is all of the frame: with a large MTU there may be more buffers, which we do not see.
    #[inline(always)]
    pub(crate) fn is_whole(self, context: &XdpContext) -> bool {
        // SAFETY: the context is the one the program was called with.
        let frame_len = unsafe { bpf_xdp_get_buff_len(context.ctx) };
        frame_len == self.len() as u64
    }

    /// `N` bytes from this offset on; `None` where they are not all there.
    #[inline(always)]
    pub(crate) fn window<const N: usize>(self, offset: usize) -> Option<Window<N>> {
        // Opaque, so that what was checked is what is accessed.
        let address = opaque(self.start + offset);
        if address + N > self.end { None } else { Some(Window(address)) }
    }

    /// Loads a plain number at this offset, at any alignment; `None` past the end.
    #[inline(always)]
    pub(crate) fn load<T: Number>(self, offset: usize) -> Option<T> {
        let address = self.start + offset;
        if address + size_of::<T>() > self.end {
            return None;
        }
        // SAFETY: the bytes lie within the packet, which nothing else accesses, and every bit pattern is a number.
        Some(unsafe { ptr::read_unaligned(ptr::with_exposed_provenance(address)) })
    }

    /// Stores a plain number at this offset, at any alignment; `None` past the end.
    #[inline(always)]
    pub(crate) fn store<T: Number>(self, offset: usize, value: T) -> Option<()> {
        let address = self.start + offset;
        if address + size_of::<T>() > self.end {
            return None;
        }
        // SAFETY: the bytes lie within the packet, which nothing else accesses.
        unsafe { ptr::write_unaligned(ptr::with_exposed_provenance_mut(address), value) };
        Some(())
    }
}

/// `N` bytes of the packet, whose bounds were checked once.
#[derive(Clone, Copy)]
pub(crate) struct Window<const N: usize>(usize);

impl<const N: usize> Window<N> {
    /// Loads a plain number `AT` bytes on.
    #[inline(always)]
    pub(crate) fn load<T: Number, const AT: usize>(self) -> T {
        const { assert!(AT + size_of::<T>() <= N) };
        // SAFETY: the bytes lie within the packet, which nothing else accesses, and every bit pattern is a number.
        unsafe { ptr::read_unaligned(ptr::with_exposed_provenance(self.0 + AT)) }
    }

    /// Stores a plain number `AT` bytes on.
    #[inline(always)]
    pub(crate) fn store<T: Number, const AT: usize>(self, value: T) {
        const { assert!(AT + size_of::<T>() <= N) };
        // SAFETY: the bytes lie within the packet, which nothing else accesses.
        unsafe { ptr::write_unaligned(ptr::with_exposed_provenance_mut(self.0 + AT), value) };
    }
}

/// The same number, of which the compiler knows nothing.
///
/// For pointers: the context's fields are 32 bits wide and become 64-bit pointers when they are loaded; a comparison
/// that was narrowed to 32 bits is not a bounds check to the verifier. For the end of a loop: two ends that were merged
/// into one that is met exactly bound nothing to the verifier.
#[inline(always)]
pub(crate) fn opaque(mut value: usize) -> usize {
    // A real instruction, if an idle one: line information for no instruction is refused by the kernel.
    // SAFETY: a register is moved to itself.
    unsafe { asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}

/// The same pointer, behind which everything may have changed as far as the compiler knows: what was stored there is loaded
/// anew, and to the verifier it is any number.
#[inline(always)]
pub(crate) fn kept<T>(mut pointer: *mut T) -> *mut T {
    // SAFETY: a register is moved to itself.
    unsafe { asm!("{0} = {0}", inout(reg) pointer, options(nostack, preserves_flags)) };
    pointer
}

/// Unsigned integers: every bit pattern is valid.
pub(crate) trait Number: Copy {}
impl Number for u8 {}
impl Number for u16 {}
impl Number for u32 {}
impl Number for u64 {}
