//! Who asks: named sets of clients.

use std::fmt;
use std::net::IpAddr;

/// A named set of clients. A client belongs to it when one of the inclusions matches and no exclusion does.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Unique name; `default` for the first.
    pub name: String,
    /// What belongs to it. Both empty only for `default`, which everyone belongs to.
    pub include: ClientSet,
    /// What does not belong to it although an inclusion matches.
    pub exclude: ClientSet,
}

/// Clients by place, network operator or prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSet {
    /// Continent codes: AF, AN, AS, EU, NA, OC, SA.
    pub continents: Vec<String>,
    /// ISO 3166-1 alpha-2 country codes, upper case.
    pub countries: Vec<String>,
    /// ISO 3166-2 subdivision codes with the country, `US-CA`, upper case.
    pub subdivisions: Vec<String>,
    /// `GeoNames` identifiers of cities.
    pub cities: Vec<u32>,
    /// AS numbers.
    pub as_numbers: Vec<u32>,
    /// Prefixes, host bits zero.
    pub prefixes: Vec<Prefix>,
}

/// An address prefix; the bits below `length` are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// First address of the prefix.
    pub address: IpAddr,
    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub length: u8,
}

impl Prefix {
    /// True when the address lies in the prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        let length = u32::from(self.length);
        match (self.address, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.checked_shr(32_u32.saturating_sub(length)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}
