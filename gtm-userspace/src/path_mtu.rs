//! The socket option that no crate offers safely: whether path MTUs that were learned from ICMP are believed.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::AddressFamily;

/// Has a UDP socket send by the MTU of the interface alone, and never forbid fragmentation on the way.
///
/// Path MTUs are learned from anybody who sends ICMP. Who believes them lets others have its answers cut into fragments,
/// and replace these by their own (RFC 9715 appendix C).
pub(crate) fn ignore(socket: &impl AsFd, family: AddressFamily) -> io::Result<()> {
    let (level, option, value) = if family == AddressFamily::Inet6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
    };
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the pointer is to a value of this length, which lives until the call returns.
    let result = unsafe { libc::setsockopt(socket, level, option, ptr::from_ref(&value).cast(), length) };
    Ok(Errno::result(result).map(drop)?)
}
