//! What a network driver tells of an interface (`linux/ethtool.h`). Asks, never sets.

use std::io;
use std::os::fd::AsRawFd as _;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Words of a request: more than any command here reads or writes.
const WORDS: usize = 64;
const GET_DRIVER: u32 = 0x03;
const GET_RING: u32 = 0x10;
const GET_FLAGS: u32 = 0x25;
const GET_HASH: u32 = 0x29;
const GET_CHANNELS: u32 = 0x3c;
/// UDP over IPv4, as a kind of flow.
const UDP_V4: u32 = 0x02;

/// A request and its answer: the command, and what it gives.
#[repr(C, align(8))]
struct Request([u32; WORDS]);

/// The driver's name.
pub(crate) fn driver(interface: &str) -> io::Result<String> {
    let words = ask(interface, GET_DRIVER, 0)?;
    // Behind command and nothing else: 32 bytes that end with a zero.
    let bytes: Vec<u8> = words.iter().skip(1).take(8).flat_map(|word| word.to_ne_bytes()).collect();
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
}

/// Slots of the receive ring: as many as there may be, and as there are.
pub(crate) fn ring(interface: &str) -> io::Result<(u32, u32)> {
    let words = ask(interface, GET_RING, 0)?;
    Ok((word(&words, 1), word(&words, 5)))
}

/// Queues that receive, alone or combined with one that sends: as many as there may be, and as there are.
pub(crate) fn channels(interface: &str) -> io::Result<(u32, u32)> {
    let words = ask(interface, GET_CHANNELS, 0)?;
    Ok((word(&words, 1).max(word(&words, 4)), word(&words, 5) + word(&words, 8)))
}

/// Flags: [`LRO`] and [`RX_VLAN`] are among them.
pub(crate) fn flags(interface: &str) -> io::Result<u32> {
    Ok(word(&ask(interface, GET_FLAGS, 0)?, 1))
}

/// Received packets are put together before the program sees them.
pub(crate) const LRO: u32 = 1 << 15;
/// VLAN tags are taken off received frames.
pub(crate) const RX_VLAN: u32 = 1 << 8;

/// What of UDP over IPv4 decides the queue: [`HASH_PORTS`] are among it.
pub(crate) fn udp_hash(interface: &str) -> io::Result<u32> {
    // One word of 64 bits, of which the lower half is used.
    let words = ask(interface, GET_HASH, UDP_V4)?;
    Ok(word(&words, 2) | word(&words, 3))
}

/// The ports of sender and receiver.
pub(crate) const HASH_PORTS: u32 = 1 << 6 | 1 << 7;

fn word(words: &[u32; WORDS], at: usize) -> u32 {
    words.get(at).copied().unwrap_or_default()
}

fn ask(interface: &str, command: u32, argument: u32) -> io::Result<[u32; WORDS]> {
    // The request is the kernel's to fill: shared with it, not moved.
    let mut request = Request([0; WORDS]);
    let [first, second, ..] = &mut request.0;
    (*first, *second) = (command, argument);
    // SAFETY: all bytes of this plain struct may be zero.
    let mut named: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = named.ifr_name.len();
    if interface.len() >= room {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (place, byte) in named.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    named.ifr_ifru.ifru_data = ptr::from_mut(&mut request).cast();
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: the pointer is to a named request, and the one in it to more bytes than these commands read or write; both live
    // until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, ptr::from_mut(&mut named)) };
    Errno::result(result)?;
    Ok(request.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_tells_nothing() {
        assert!(driver("no-such-one").is_err());
        assert!(driver("a-name-that-is-far-too-long").is_err());
    }
}
