//! The addresses of the scenario: who serves, who asks, and where the sites are. Facts only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::rr::RecordType;

/// The steered name.
pub const NAME: &str = "www.cloud-example.com";
/// The edge's interface towards the clients: the one with the XDP program.
pub const EDGE_DEVICE: &str = "edge0";

/// What is asked for, and over which protocol: A over IPv4, AAAA over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Type A, asked over IPv4.
    Ipv4,
    /// Type AAAA, asked over IPv6.
    Ipv6,
}

impl Family {
    /// Both, A first.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The type that is asked for.
    pub fn record_type(self) -> RecordType {
        match self {
            Self::Ipv4 => RecordType::A,
            Self::Ipv6 => RecordType::AAAA,
        }
    }

    /// The served address of this family.
    pub fn server(self) -> SocketAddr {
        let address =
            self.pick(Ipv4Addr::new(198, 51, 100, 53), Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53));
        SocketAddr::new(address, 53)
    }

    /// The zone's own record at the steered name, which answers while the access domain is disabled.
    pub fn zone_record(self) -> IpAddr {
        self.pick(Ipv4Addr::new(203, 0, 113, 80), Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x80))
    }

    /// The one of two addresses that is of this family.
    fn pick(self, v4: Ipv4Addr, v6: Ipv6Addr) -> IpAddr {
        match self {
            Self::Ipv4 => v4.into(),
            Self::Ipv6 => v6.into(),
        }
    }
}

/// One of the three places that serve; each has an address of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The data centre on China's mainland.
    DataCentre,
    /// The cloud in Hong Kong.
    HongKong,
    /// The cloud in Singapore.
    Singapore,
}

impl Place {
    /// All three, in the order of the scenario.
    pub const ALL: [Self; 3] = [Self::DataCentre, Self::HongKong, Self::Singapore];

    /// Its address of a family.
    pub fn address(self, family: Family) -> IpAddr {
        let (v4, v6) = match self {
            Self::DataCentre => (Ipv4Addr::new(223, 5, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 0, 1)),
            Self::HongKong => (Ipv4Addr::new(223, 6, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1)),
            Self::Singapore => (Ipv4Addr::new(223, 7, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 1)),
        };
        family.pick(v4, v6)
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::DataCentre => "data centre",
            Self::HongKong => "cloud Hong Kong",
            Self::Singapore => "cloud Singapore",
        }
    }
}

/// Those who ask, by the country their addresses are registered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// China's mainland.
    Cn,
    /// Hong Kong.
    Hk,
    /// The United States.
    Us,
    /// Germany.
    De,
    /// Brazil.
    Br,
    /// An address in no country: from the blocks for documentation (RFC 5737, RFC 3849).
    Nowhere,
}

impl Asker {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Cn, Self::Hk, Self::Us, Self::De, Self::Br, Self::Nowhere];

    /// Its address of a family: real networks of the country.
    pub fn address(self, family: Family) -> IpAddr {
        let (v4, v6) = match self {
            Self::Cn => (Ipv4Addr::new(1, 2, 4, 8), Ipv6Addr::new(0x2400, 0x3200, 0, 0, 0, 0, 0, 1)),
            Self::Hk => (Ipv4Addr::new(1, 64, 0, 1), Ipv6Addr::new(0x2404, 0xc800, 0, 0, 0, 0, 0, 1)),
            Self::Us => (Ipv4Addr::new(8, 8, 8, 8), Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 9)),
            Self::De => (Ipv4Addr::new(5, 9, 0, 1), Ipv6Addr::new(0x2a01, 0x4f8, 0, 0, 0, 0, 0, 1)),
            Self::Br => (Ipv4Addr::new(200, 160, 0, 8), Ipv6Addr::new(0x2804, 0x14c, 0, 0, 0, 0, 0, 1)),
            Self::Nowhere => {
                (Ipv4Addr::new(203, 0, 113, 9), Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9))
            }
        };
        family.pick(v4, v6)
    }

    /// The country code; `-` for none.
    pub fn country(self) -> &'static str {
        match self {
            Self::Cn => "CN",
            Self::Hk => "HK",
            Self::Us => "US",
            Self::De => "DE",
            Self::Br => "BR",
            Self::Nowhere => "-",
        }
    }
}
