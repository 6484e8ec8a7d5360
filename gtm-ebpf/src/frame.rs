//! From Ethernet to UDP: the offsets of a datagram that is addressed to us.

use gtm_common::abi::{Listen, PerCpu};
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;

use crate::packet::Packet;
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
    // The lowest bit of the first byte marks group addresses: these are not for one host.
    if packet.load::<u8>(0).ok_or(short)? & 1 != 0 {
        return Err(short);
    }
    let mut ip = ETHERNET_LEN;
    let mut protocol = packet.load::<u16>(ip - 2).ok_or(short)?;
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
    // Version 4 and five words of header; protocol; neither "more fragments" nor an offset.
    if packet.load::<u8>(ip).ok_or(not_udp)? != 0x45
        || packet.load::<u8>(ip + 9).ok_or(not_udp)? != UDP
        || packet.load::<u16>(ip + 6).ok_or(not_udp)? & 0x3fff_u16.to_be() != 0
    {
        return Err(not_udp);
    }
    let destination = packet.load::<u32>(ip + 16).ok_or(not_udp)?;
    let mut address_be = [0; 16];
    let [a, b, c, d] = destination.to_ne_bytes();
    address_be[0] = a;
    address_be[1] = b;
    address_be[2] = c;
    address_be[3] = d;
    let udp = ip + IPV4_LEN;
    let (sender_port, udp_len) = served(packet, udp, address_be, 4)?;
    let mut sum = Sum::default();
    sum.add_u64(packet.load(ip).ok_or(not_udp)?);
    sum.add_u64(packet.load(ip + 8).ok_or(not_udp)?);
    sum.add_u32(destination);
    let total_len = usize::from(u16::from_be(packet.load(ip + 2).ok_or(not_udp)?));
    if sum.fold() != 0xffff || total_len != IPV4_LEN + udp_len {
        return Err(not_udp);
    }
    let sender = u32::from_be(packet.load(ip + 12).ok_or(not_udp)?);
    let first = sender >> 24;
    if sender_port == 0 || first == 0 || first == 127 || first >= 224 {
        return Err(Outcome::PassedBadSender);
    }
    Ok(Frame {
        ip,
        udp,
        end: udp + udp_len,
        sender: Sender { is_v6: false, high: u64::from(sender) << 32, low: 0 },
    })
}

#[inline(always)]
fn parse_v6(packet: Packet, ip: usize) -> Result<Frame, Outcome> {
    let not_udp = Outcome::PassedNotUdp;
    if packet.load::<u8>(ip).ok_or(not_udp)? >> 4 != 6 || packet.load::<u8>(ip + 6).ok_or(not_udp)? != UDP {
        return Err(not_udp);
    }
    let high = packet.load::<u64>(ip + 24).ok_or(not_udp)?.to_ne_bytes();
    let low = packet.load::<u64>(ip + 32).ok_or(not_udp)?.to_ne_bytes();
    let mut address_be = [0; 16];
    address_be[..8].copy_from_slice(&high);
    address_be[8..].copy_from_slice(&low);
    let udp = ip + IPV6_LEN;
    let (sender_port, udp_len) = served(packet, udp, address_be, 6)?;
    let payload_len = usize::from(u16::from_be(packet.load(ip + 4).ok_or(not_udp)?));
    // Without a checksum it is discarded (RFC 8200 section 8.1): that is for the stack.
    if payload_len != udp_len || packet.load::<u16>(udp + 6).ok_or(not_udp)? == 0 {
        return Err(not_udp);
    }
    let high = u64::from_be(packet.load(ip + 8).ok_or(not_udp)?);
    let low = u64::from_be(packet.load(ip + 16).ok_or(not_udp)?);
    // Multicast, and the unspecified and loopback addresses.
    if sender_port == 0 || high >> 56 == 0xff || (high == 0 && low <= 1) {
        return Err(Outcome::PassedBadSender);
    }
    Ok(Frame { ip, udp, end: udp + udp_len, sender: Sender { is_v6: true, high, low } })
}

/// The sender's port and the length of a datagram that lies within the frame and is for an address and port we serve.
#[inline(always)]
fn served(
    packet: Packet,
    udp: usize,
    address_be: [u8; 16],
    ip_version: u16,
) -> Result<(u16, usize), Outcome> {
    let not_udp = Outcome::PassedNotUdp;
    let port_be = packet.load::<u16>(udp + 2).ok_or(not_udp)?.to_ne_bytes();
    if !tables::is_served(&Listen { address_be, port_be, ip_version }) {
        return Err(Outcome::PassedNotServed);
    }
    let len = usize::from(u16::from_be(packet.load(udp + 4).ok_or(not_udp)?));
    if len < UDP_LEN || udp + len > packet.len() || udp + len > MAX_END {
        return Err(not_udp);
    }
    Ok((packet.load(udp).ok_or(not_udp)?, len))
}
