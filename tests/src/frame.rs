//! Ethernet frames that carry one UDP datagram: built, and taken apart with every length and checksum verified.
//!
//! All of it is etherparse's work: nothing here shares code with the program that it judges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, bail, ensure};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

/// Length of the two Ethernet addresses.
const MACS_LEN: usize = 12;
/// Length of an Ethernet header without VLAN tags.
pub const ETHERNET_LEN: usize = 14;
/// Shortest Ethernet frame without its checksum: shorter ones are padded on the wire (IEEE 802.3).
pub const MIN_FRAME: usize = 60;

/// A UDP datagram in its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Ethernet address of the receiver.
    pub mac_to: [u8; 6],
    /// Ethernet address of the sender.
    pub mac_from: [u8; 6],
    /// VLAN tags from the outside in: protocol identifier and tag control information.
    pub vlan_tags: Vec<[u8; 4]>,
    /// Who sends it.
    pub from: SocketAddr,
    /// Who receives it.
    pub to: SocketAddr,
    /// IPv4 time to live or IPv6 hop limit.
    pub ttl: u8,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

impl Datagram {
    /// A datagram between two hosts of a plain Ethernet; both addresses are of one family.
    pub fn new(from: SocketAddr, to: SocketAddr, payload: Vec<u8>) -> Self {
        let (mac_to, mac_from) = ([2, 0, 0, 0, 0, 0x53], [2, 0, 0, 0, 0, 1]);
        Self { mac_to, mac_from, vlan_tags: Vec::new(), from, to, ttl: 57, payload }
    }

    /// The answer to this datagram: sender and receiver changed over, TTL 64.
    #[must_use]
    pub fn reply(&self, payload: Vec<u8>) -> Self {
        Self {
            mac_to: self.mac_from,
            mac_from: self.mac_to,
            vlan_tags: self.vlan_tags.clone(),
            from: self.to,
            to: self.from,
            ttl: 64,
            payload,
        }
    }

    /// The frame, without padding.
    pub fn frame(&self) -> anyhow::Result<Vec<u8>> {
        let (builder, ether_type) = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                (PacketBuilder::ipv4(from.octets(), to.octets(), self.ttl), 0x0800_u16)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                (PacketBuilder::ipv6(from.octets(), to.octets(), self.ttl), 0x86dd)
            }
            (from, to) => bail!("{from} and {to} are of two address families"),
        };
        let mut frame = [self.mac_to, self.mac_from].concat();
        frame.extend(self.vlan_tags.iter().flatten());
        frame.extend(ether_type.to_be_bytes());
        builder.udp(self.from.port(), self.to.port()).write(&mut frame, &self.payload)?;
        Ok(frame)
    }

    /// Offset of the IP header in [`Self::frame`].
    pub fn ip_offset(&self) -> usize {
        ETHERNET_LEN + 4 * self.vlan_tags.len()
    }

    /// Offset of the UDP header in [`Self::frame`].
    pub fn udp_offset(&self) -> usize {
        self.ip_offset() + if self.from.is_ipv4() { 20 } else { 40 }
    }

    /// Takes a frame apart: no options, extensions, fragments or padding, every length and checksum right.
    pub fn read(frame: &[u8]) -> anyhow::Result<Self> {
        let packet = SlicedPacket::from_ethernet(frame)?;
        let Some(TransportSlice::Udp(udp)) = &packet.transport else { bail!("not UDP") };
        let (header, payload) = (udp.to_header(), udp.payload());
        let (from, to, ttl, ip_len, checksum) = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => {
                let ip = ip.header();
                ensure!(ip.options().is_empty(), "IP options");
                ensure!(!ip.is_fragmenting_payload(), "a fragment");
                // etherparse overlooks it, in the checksum too.
                ensure!(ip.slice().get(6).is_some_and(|flags| flags & 0x80 == 0), "the reserved flag");
                let right = ip.to_header().calc_header_checksum();
                ensure!(
                    ip.header_checksum() == right,
                    "IP checksum is {:04x}, not {right:04x}",
                    ip.header_checksum()
                );
                let (from, to) = (ip.source(), ip.destination());
                let checksum = header.calc_checksum_ipv4_raw(from, to, payload)?;
                (
                    Ipv4Addr::from(from).into(),
                    Ipv4Addr::from(to).into(),
                    ip.ttl(),
                    usize::from(ip.total_len()),
                    checksum,
                )
            }
            Some(NetSlice::Ipv6(ip)) => {
                ensure!(ip.extensions().slice().is_empty(), "IPv6 extension headers");
                let ip = ip.header();
                ensure!(
                    ip.traffic_class() == 0 && ip.flow_label().value() == 0,
                    "traffic class or flow label"
                );
                let (from, to) = (ip.source(), ip.destination());
                let checksum = header.calc_checksum_ipv6_raw(from, to, payload)?;
                let ip_len = 40 + usize::from(ip.payload_length());
                (
                    IpAddr::from(Ipv6Addr::from(from)),
                    IpAddr::from(Ipv6Addr::from(to)),
                    ip.hop_limit(),
                    ip_len,
                    checksum,
                )
            }
            Some(NetSlice::Arp(_)) | None => bail!("not IP"),
        };
        let written = udp.checksum();
        ensure!(written == checksum, "UDP checksum is {written:04x}, not {checksum:04x}");
        let tags = packet.link_exts.len();
        let ip_offset = ETHERNET_LEN + 4 * tags;
        ensure!(
            ip_offset + ip_len == frame.len(),
            "an IP packet of {ip_len} bytes in a frame of {}",
            frame.len()
        );
        let udp_len = frame.len() - ip_offset - if from.is_ipv4() { 20 } else { 40 };
        ensure!(usize::from(udp.length()) == udp_len, "UDP length {} of {udp_len} bytes", udp.length());
        let (macs, rest) = frame.split_at_checked(MACS_LEN).context("no Ethernet addresses")?;
        let (mac_to, mac_from) = macs.split_at(MACS_LEN / 2);
        Ok(Self {
            mac_to: mac_to.try_into()?,
            mac_from: mac_from.try_into()?,
            vlan_tags: rest.as_chunks().0.iter().take(tags).copied().collect(),
            from: SocketAddr::new(from, udp.source_port()),
            to: SocketAddr::new(to, udp.destination_port()),
            ttl,
            payload: payload.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(from: &str, to: &str) -> Datagram {
        Datagram {
            vlan_tags: vec![[0x88, 0xa8, 0x20, 7], [0x81, 0, 0, 9]],
            ..Datagram::new(from.parse().unwrap(), to.parse().unwrap(), b"hello".to_vec())
        }
    }

    #[test]
    fn what_is_built_is_read() {
        for (from, to) in
            [("192.0.2.1:1024", "198.51.100.53:53"), ("[2001:db8::1]:1024", "[2001:db8::53]:53")]
        {
            let datagram = datagram(from, to);
            let frame = datagram.frame().unwrap();
            assert_eq!(Datagram::read(&frame).unwrap(), datagram);
            assert_eq!(&frame[datagram.udp_offset() + 8..], b"hello");
        }
    }

    /// Whatever bit is wrong in the checksummed parts is noticed.
    #[test]
    fn every_wrong_bit_is_found() {
        for (from, to) in
            [("192.0.2.1:1024", "198.51.100.53:53"), ("[2001:db8::1]:1024", "[2001:db8::53]:53")]
        {
            let datagram = datagram(from, to);
            let frame = datagram.frame().unwrap();
            for bit in 8 * datagram.ip_offset()..8 * frame.len() {
                let mut wrong = frame.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert!(Datagram::read(&wrong).ok().as_ref() != Some(&datagram), "bit {bit}");
            }
        }
    }

    #[test]
    fn padding_is_found() {
        let mut frame = datagram("192.0.2.1:1024", "198.51.100.53:53").frame().unwrap();
        frame.push(0);
        assert!(Datagram::read(&frame).is_err());
    }
}
