//! Who asks: senders and client subnets, around the edges of classes and anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::query::client_subnet;
use crate::{Datagram, Random, Service};

/// Addresses that no client on the Internet has, and some right beside them (RFC 6890).
const SPECIAL: &[&str] = &[
    "0.1.2.3",
    "10.1.2.3",
    "100.63.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "100.128.0.0",
    "127.0.0.1",
    "169.254.1.1",
    "172.15.255.255",
    "172.16.0.1",
    "172.32.0.0",
    "192.168.255.255",
    "192.169.0.0",
    "223.255.255.255",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::a01:203",
    "::1:0:0",
    "::ffff:192.0.2.1",
    "::1:0:0:0:1",
    "fbff::1",
    "fc00::1",
    "fdff::1",
    "fe00::1",
    "fe7f::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff02::1",
];

/// Addresses that belong to a configuration.
pub(super) struct Clients {
    /// First addresses of the ranges of one class each.
    edges: Vec<IpAddr>,
    special: Vec<IpAddr>,
    listen: Vec<SocketAddr>,
}

impl Clients {
    pub(super) fn of(service: &Service) -> Self {
        let partition = service.partition();
        let v4 = partition.v4.iter().map(|(start, _)| Ipv4Addr::from_bits(*start).into());
        let v6 = partition.v6.iter().map(|(start, _)| Ipv6Addr::from_bits(*start).into());
        let special = SPECIAL.iter().filter_map(|text| text.parse().ok()).collect();
        Self { edges: v4.chain(v6).collect(), special, listen: service.model().service.listen.clone() }
    }

    /// A datagram without its payload, from a client whom one can answer to an address that is served: untagged, or
    /// behind one or two VLAN tags (IEEE 802.1Q, 802.1ad).
    pub(super) fn datagram(&self, random: &mut Random) -> Datagram {
        let to = *random.pick(&self.listen);
        let from = loop {
            let address = self.address(random);
            let is_answerable = match address {
                IpAddr::V4(v4) => !matches!(v4.octets(), [0 | 127 | 224.., ..]),
                IpAddr::V6(v6) => !v6.is_multicast() && v6.to_bits() > 1,
            };
            if is_answerable && address.is_ipv4() == to.is_ipv4() {
                break SocketAddr::new(address, random.word().max(1024));
            }
        };
        let mut datagram = Datagram::new(from, to, Vec::new());
        for tag in 0..random.below(3).saturating_sub(random.below(3)) {
            let protocol: [u8; 2] = if tag == 0 && random.one_in(2) { [0x88, 0xa8] } else { [0x81, 0x00] };
            let [high, low] = random.word().to_be_bytes();
            datagram.vlan_tags.push([protocol[0], protocol[1], high, low]);
        }
        datagram
    }

    /// Data of a well-formed client subnet option.
    pub(super) fn subnet(&self, random: &mut Random) -> Vec<u8> {
        match self.address(random) {
            IpAddr::V4(address) => {
                let length = *random.pick(&[0, 1, 8, 9, 12, 16, 20, 22, 23, 24, 24, 24, 25, 31, 32]);
                let kept = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                client_subnet(Ipv4Addr::from_bits(address.to_bits() & kept).into(), length)
            }
            IpAddr::V6(address) => {
                let length = *random
                    .pick(&[0, 1, 7, 10, 16, 32, 47, 48, 49, 56, 56, 56, 57, 63, 64, 65, 96, 100, 127, 128]);
                let kept = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                client_subnet(Ipv6Addr::from_bits(address.to_bits() & kept).into(), length)
            }
        }
    }

    fn address(&self, random: &mut Random) -> IpAddr {
        match random.below(8) {
            0 => *random.pick(&self.special),
            1 => {
                let bits = random.bytes(4).iter().fold(0, |bits, byte| (bits << 8) | u32::from(*byte));
                Ipv4Addr::from_bits(bits).into()
            }
            2 => {
                let bits = random.bytes(16).iter().fold(0, |bits, byte| (bits << 8) | u128::from(*byte));
                Ipv6Addr::from_bits(bits).into()
            }
            _ => {
                // Right before an edge, on it, and right behind it.
                let back = random.below(2) == 1;
                let step = u8::try_from(random.below(2)).unwrap_or_default();
                match *random.pick(&self.edges) {
                    IpAddr::V4(edge) => {
                        let bits = edge.to_bits().wrapping_add(step.into()).wrapping_sub(back.into());
                        Ipv4Addr::from_bits(bits).into()
                    }
                    IpAddr::V6(edge) => {
                        let bits = edge.to_bits().wrapping_add(step.into()).wrapping_sub(back.into());
                        Ipv6Addr::from_bits(bits).into()
                    }
                }
            }
        }
    }
}
