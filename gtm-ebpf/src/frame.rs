//! From Ethernet to UDP: the offsets of a datagram that is addressed to us.

use gtm_common::abi::{Listen, PerCpu};
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;

use crate::packet::{Packet, Window};
use crate::tables::{self, forget, forget_bool};

const ETHERNET_LEN: usize = 14;
const VLAN_LEN: usize = 4;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
/// Length of a UDP header.
pub(crate) const UDP_LEN: usize = 8;
const UDP: u8 = 17;
/// Frames with a datagram that ends beyond this are passed up. With offsets of at most [`OFFSET_MASK`] every load is
/// within what the verifier allows of a packet.
const MAX_END: usize = OFFSET_MASK;
/// All bits of an offset in a frame that is looked at.
pub(crate) const OFFSET_MASK: usize = 0x7ff;

/// Where the parts of the datagram are, and who sent it.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// Offset of the IP header.
    pub(crate) ip: usize,
    /// Offset of the UDP header.
    pub(crate) udp: usize,
    /// Offset of the first byte after the datagram; padding may follow.
    pub(crate) end: usize,
    /// Who sent it.
    pub(crate) sender: Sender,
}

/// The sender's address as numbers.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    /// The family.
    pub(crate) is_v6: bool,
    /// Upper 64 bits; an IPv4 address is in the upper half of these.
    pub(crate) high: u64,
    /// Lower 64 bits.
    pub(crate) low: u64,
}

impl Frame {
    /// Offset of the DNS message.
    #[inline(always)]
    pub(crate) fn dns(&self) -> usize {
        self.udp + UDP_LEN
    }
}

/// Reads Ethernet with up to two VLAN tags, IPv4 or IPv6, and UDP.
#[inline(always)]
pub(crate) fn parse(packet: Packet, cpu: *const PerCpu) -> Result<Frame, Outcome> {
    let short = Outcome::PassedNotIp;
    let ethernet: Window<ETHERNET_LEN> = packet.window(0).ok_or(short)?;
    // The lowest bit of the first byte marks group addresses: these are not for one host.
    if ethernet.load::<u8, 0>() & 1 != 0 {
        return Err(short);
    }
    let mut ip = ETHERNET_LEN;
    let mut protocol = ethernet.load::<u16, { ETHERNET_LEN - 2 }>();
    for _ in 0..2 {
        if protocol == 0x8100_u16.to_be() || protocol == 0x88a8_u16.to_be() {
            ip += VLAN_LEN;
            protocol = packet.load::<u16>(ip - 2).ok_or(short)?;
        }
    }
    let ip = forget(cpu, ip, OFFSET_MASK);
    let mut frame = if protocol == 0x0800_u16.to_be() {
        parse_v4(packet, ip)?
    } else if protocol == 0x86dd_u16.to_be() {
        parse_v6(packet, ip)?
    } else {
        return Err(Outcome::PassedNotIp);
    };
    frame.sender.is_v6 = forget_bool(cpu, frame.sender.is_v6);
    frame.udp = forget(cpu, frame.udp, OFFSET_MASK);
    frame.end = forget(cpu, frame.end, OFFSET_MASK);
    Ok(frame)
}

#[inline(always)]
fn parse_v4(packet: Packet, ip: usize) -> Result<Frame, Outcome> {
    let not_udp = Outcome::PassedNotUdp;
    let headers: Window<{ IPV4_LEN + UDP_LEN }> = packet.window(ip).ok_or(not_udp)?;
    // Version 4 and five words of header; length; neither "more fragments" nor an offset.
    let first = headers.load::<u64, 0>();
    let [version, _, len0, len1, _, _, fragment0, fragment1] = first.to_ne_bytes();
    // Time to live, protocol, checksum.
    let second = headers.load::<u32, 8>();
    let [_, protocol, ..] = second.to_ne_bytes();
    if version != 0x45 || protocol != UDP || [fragment0 & 0x3f, fragment1] != [0, 0] {
        return Err(not_udp);
    }
    let (sender, destination) = (headers.load::<u32, 12>(), headers.load::<u32, 16>());
    let udp = Udp::new(headers.load::<u64, IPV4_LEN>());
    let high = u64::from(destination);
    if !tables::is_served(&Listen { high, low: 0, port: udp.port, ip_version: 4, reserved: 0 }) {
        return Err(Outcome::PassedNotServed);
    }
    let mut sum = Sum::default();
    sum.add_u64(first);
    sum.add_u32(second);
    sum.add_u32(sender);
    sum.add_u32(destination);
    let total_len = usize::from(u16::from_be_bytes([len0, len1]));
    if sum.fold() != 0xffff || total_len != IPV4_LEN + udp.len {
        return Err(not_udp);
    }
    let sender = u32::from_be(sender);
    let first = sender >> 24;
    let end = udp.end(packet, ip + IPV4_LEN)?;
    if udp.sender_port == 0 || first == 0 || first == 127 || first >= 224 {
        return Err(Outcome::PassedBadSender);
    }
    let sender = Sender { is_v6: false, high: u64::from(sender) << 32, low: 0 };
    Ok(Frame { ip, udp: ip + IPV4_LEN, end, sender })
}

#[inline(always)]
fn parse_v6(packet: Packet, ip: usize) -> Result<Frame, Outcome> {
    let not_udp = Outcome::PassedNotUdp;
    let headers: Window<{ IPV6_LEN + UDP_LEN }> = packet.window(ip).ok_or(not_udp)?;
    // Version; length of the payload, next header.
    let [version, _, _, _, len0, len1, next, _] = headers.load::<u64, 0>().to_ne_bytes();
    if version >> 4 != 6 || next != UDP {
        return Err(not_udp);
    }
    let udp = Udp::new(headers.load::<u64, IPV6_LEN>());
    let (high, low) = (headers.load::<u64, 24>(), headers.load::<u64, 32>());
    if !tables::is_served(&Listen { high, low, port: udp.port, ip_version: 6, reserved: 0 }) {
        return Err(Outcome::PassedNotServed);
    }
    // Without a checksum it is discarded (RFC 8200 section 8.1): that is for the stack.
    if usize::from(u16::from_be_bytes([len0, len1])) != udp.len || !udp.has_checksum {
        return Err(not_udp);
    }
    let end = udp.end(packet, ip + IPV6_LEN)?;
    let (high, low) = (u64::from_be(headers.load::<u64, 8>()), u64::from_be(headers.load::<u64, 16>()));
    // Multicast, and the unspecified and loopback addresses.
    if udp.sender_port == 0 || high >> 56 == 0xff || (high == 0 && low <= 1) {
        return Err(Outcome::PassedBadSender);
    }
    Ok(Frame { ip, udp: ip + IPV6_LEN, end, sender: Sender { is_v6: true, high, low } })
}

/// What a UDP header says.
struct Udp {
    sender_port: u16,
    /// The receiver's, as it is loaded.
    port: u16,
    len: usize,
    has_checksum: bool,
}

impl Udp {
    #[inline(always)]
    fn new(header: u64) -> Self {
        let [from0, from1, to0, to1, len0, len1, sum0, sum1] = header.to_ne_bytes();
        Self {
            sender_port: u16::from_be_bytes([from0, from1]),
            port: u16::from_ne_bytes([to0, to1]),
            len: usize::from(u16::from_be_bytes([len0, len1])),
            has_checksum: [sum0, sum1] != [0, 0],
        }
    }

    /// Offset of the first byte after a datagram that begins at `at` and lies within the frame.
    #[inline(always)]
    fn end(&self, packet: Packet, at: usize) -> Result<usize, Outcome> {
        let end = at + self.len;
        if self.len < UDP_LEN || end > packet.len() || end > MAX_END {
            return Err(Outcome::PassedNotUdp);
        }
        Ok(end)
    }
}
