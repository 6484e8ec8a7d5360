//! An XDP program that passes everything, for the clients' end of a veth pair.
//!
//! What an XDP program sends back with `XDP_TX` is put into the receive ring of the other end, but on Linux up to at
//! least 6.18 that end is woken only if it has an XDP program itself; generic receive offload is not enough
//! (`veth_xdp_flush` in `drivers/net/veth.c`). A real NIC needs nothing of the kind.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{io, ptr};

use anyhow::{Context, Result};
use nix::libc;
use nix::net::if_::if_nametoindex;

use crate::namespace::Namespace;

/// Numbers of `linux/bpf.h` and `linux/if_link.h`.
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
/// The program takes frames in several buffers, so the device and its peer keep a large MTU.
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// `r0 = XDP_PASS; exit`, as two instructions of eight bytes.
static INSTRUCTIONS: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
const LICENSE: &CStr = c"Dual MIT/GPL";

/// The program on one device in native mode; detached on drop.
#[derive(Debug)]
pub struct PassProgram {
    /// The attachment lasts as long as this descriptor.
    _link: OwnedFd,
}

impl PassProgram {
    /// Attaches it to a device of a namespace.
    pub fn attach(namespace: &Namespace, device: &str) -> Result<Self> {
        let link = namespace.run(|| {
            let interface = if_nametoindex(device)?;
            create_link(&load()?, interface)
        })?;
        Ok(Self { _link: link.with_context(|| format!("passing XDP program on {device}"))? })
    }
}

/// The part of `union bpf_attr` that loads a program.
#[repr(C)]
#[derive(Default)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of `union bpf_attr` that attaches a program to an interface.
#[repr(C)]
struct CreateLink {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

fn load() -> io::Result<OwnedFd> {
    let attributes = Load {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: 2,
        instructions: user_pointer(INSTRUCTIONS.as_ptr()),
        license: user_pointer(LICENSE.as_ptr()),
        flags: BPF_F_XDP_HAS_FRAGS,
        ..Load::default()
    };
    // SAFETY: the attributes belong to this command, and both pointers in them are to constants: two whole
    // instructions and a terminated string.
    unsafe { bpf(BPF_PROG_LOAD, &attributes) }
}

fn create_link(program: &OwnedFd, interface: u32) -> io::Result<OwnedFd> {
    let attributes = CreateLink {
        program: program.as_raw_fd().cast_unsigned(),
        interface,
        attach_type: BPF_XDP,
        flags: XDP_FLAGS_DRV_MODE,
    };
    // SAFETY: the attributes belong to this command and hold no pointers.
    unsafe { bpf(BPF_LINK_CREATE, &attributes) }
}

/// A pointer as the kernel's interface carries it.
fn user_pointer<T>(pointer: *const T) -> u64 {
    // An address fits: Linux runs on no machine with wider ones.
    u64::try_from(pointer.addr()).unwrap_or_default()
}

/// Calls bpf(2) with a command that gives a descriptor.
///
/// # Safety
///
/// `attributes` must be what the command reads, and its pointers valid for what the command reads through them.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the attributes; the kernel reads no more than the size given.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_ref(attributes), size_of::<T>()) };
    let descriptor = nix::errno::Errno::result(result)?;
    let descriptor = libc::c_int::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
