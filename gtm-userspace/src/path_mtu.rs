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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// What the socket is set to. Over IPv6 no answer shows it: every path carries the longest one (RFC 8200 section 5).
    #[track_caller]
    fn check(family: AddressFamily, address: &str, (level, option): (i32, i32), expect: i32) {
        let socket = UdpSocket::bind(address).unwrap();
        ignore(&socket, family).unwrap();
        let mut value: libc::c_int = -1;
        let mut length = libc::socklen_t::try_from(size_of_val(&value)).unwrap();
        let place = ptr::from_mut(&mut value).cast();
        // SAFETY: the pointers are to a value and to its length, which live until the call returns.
        let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, place, &raw mut length) };
        Errno::result(result).unwrap();
        assert_eq!(value, expect, "{address}");
    }

    #[test]
    fn both_families_send_by_the_interface() {
        let v4 = (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER);
        check(AddressFamily::Inet, "127.0.0.1:0", v4, libc::IP_PMTUDISC_OMIT);
        let v6 = (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER);
        check(AddressFamily::Inet6, "[::1]:0", v6, libc::IPV6_PMTUDISC_OMIT);
    }
}
