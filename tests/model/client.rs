//! Who asks: a few clients of every class, several of one network, with and without a client subnet.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gtm_tests::Query;
use gtm_tests::query::client_subnet;
use gtm_userspace::name::Name;

/// Option code of the client subnet.
const ECS: u16 = 8;

const ADDRESSES: [&str; 22] = [
    "11.0.0.1",
    "11.200.3.4",
    "11.200.3.99",
    "11.200.9.4",
    "11.1.1.1",
    "11.1.1.77",
    "11.1.2.5",
    "11.1.2.200",
    "11.1.9.9",
    "172.32.5.5",
    "172.36.1.1",
    "8.8.8.8",
    "9.9.9.9",
    "2001:db8:a::1",
    "2001:db8:a:100::1",
    "2001:db8:a:100:8000::1",
    "2001:db8:a:1ff::1",
    "2001:db8:a:1ff::2",
    "2001:db8:b:7::1",
    "2400:cb00::1",
    "2400:cb00:0:1::1",
    "2a00:1450::8",
];

/// Prefix lengths of client subnets, by family.
const LENGTHS: [(u8, u8); 2] = [(24, 56), (32, 128)];

/// One who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// Who sends the query.
    pub(crate) sender: IpAddr,
    /// The client subnet.
    pub(crate) subnet: Option<(IpAddr, u8)>,
}

impl Client {
    /// Everyone who is asked for.
    pub(crate) fn all() -> Vec<Self> {
        let addresses: Vec<IpAddr> = ADDRESSES.iter().map(|address| address.parse().unwrap()).collect();
        let resolvers: [IpAddr; 2] = ["192.0.2.200".parse().unwrap(), "2001:db8:eeee::53".parse().unwrap()];
        let plain = addresses.iter().map(|address| Self { sender: *address, subnet: None });
        let behind = addresses.iter().enumerate().flat_map(|(index, address)| {
            LENGTHS.map(|(ipv4, ipv6)| {
                let length = if address.is_ipv4() { ipv4 } else { ipv6 };
                Self { sender: resolvers[index % 2], subnet: Some((first(*address, length), length)) }
            })
        });
        plain.chain(behind).collect()
    }

    /// The address that counts.
    pub(crate) fn address(&self) -> IpAddr {
        self.subnet.map_or(self.sender, |(address, _)| address)
    }

    /// A query of this client.
    pub(crate) fn query(&self, name: &Name, qtype: u16) -> Query {
        let query = Query::new(name.as_wire().to_vec(), qtype);
        match self.subnet {
            Some((address, length)) => query.with_opt(4096, vec![(ECS, client_subnet(address, length))]),
            None => query,
        }
    }
}

/// The first address of the prefix around an address.
pub(crate) fn first(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !host_bits_v4(length)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !host_bits_v6(length)).into(),
    }
}

/// The last address of the prefix around an address.
pub(crate) fn last(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() | host_bits_v4(length)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() | host_bits_v6(length)).into(),
    }
}

fn host_bits_v4(length: u8) -> u32 {
    u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn host_bits_v6(length: u8) -> u128 {
    u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subnet {
            Some((address, length)) => write!(f, "{address}/{length} behind {}", self.sender),
            None => self.sender.fmt(f),
        }
    }
}
