//! The partition in the form that the look-up of kernel and server reads.

mod build;

use std::net::{IpAddr, Ipv6Addr};

use gtm_common::abi::LineRef;
use gtm_common::location::{self, Line, Tables, V6};

use crate::geo::{ClassId, Partition};

/// The location tables of both address families: what [`gtm_common::location`] searches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The directory and what it leads to, by [`LineRef`]: those behind the last line of a sheet are not used.
    pub lines: Vec<Line>,
    /// Number of classes.
    pub classes: usize,
    /// Number of IPv4 ranges.
    pub ranges_v4: usize,
    /// Number of IPv6 ranges.
    pub ranges_v6: usize,
}

impl Location {
    /// The tables of a partition, which has at most [`Partition::MAX_RANGES`].
    pub fn new(partition: &Partition) -> Self {
        build::build(partition)
    }

    /// The class of an address, and the length of the shortest prefix around it that has this one class.
    pub fn find(&self, client: IpAddr) -> Option<(ClassId, u8)> {
        match client {
            IpAddr::V4(address) => self.find_one(address.to_bits()),
            IpAddr::V6(address) => self.find_one(v6(address)),
        }
    }

    fn find_one<A: location::Address>(&self, address: A) -> Option<(ClassId, u8)> {
        let class = location::locate(self, address)?;
        Some((ClassId(class), u8::try_from(location::scope(self, address)?).ok()?))
    }
}

impl Tables for Location {
    fn line(&self, LineRef(line): LineRef) -> Option<&Line> {
        self.lines.get(usize::try_from(line).ok()?)
    }
}

/// An IPv6 address as two numbers.
pub fn v6(address: Ipv6Addr) -> V6 {
    let octets = address.octets();
    let (high, low) = octets.split_at(8);
    let join = |half: &[u8]| half.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    V6 { high: join(high), low: join(low) }
}
