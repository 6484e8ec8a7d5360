//! The partition in the form that the look-up of kernel and server reads.

use std::net::{IpAddr, Ipv6Addr};

use gtm_common::abi::{RangeV4, RangeV6};
use gtm_common::location::{self, INDEX_LEN, Ranges, V6};

use crate::geo::{ClassId, Partition};

/// The location tables of both address families.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// For each upper 16 bits of an IPv4 address, the range of the first such address.
    pub index_v4: Vec<u32>,
    /// IPv4 ranges, ascending.
    pub ranges_v4: Vec<RangeV4>,
    /// For each upper 16 bits of an IPv6 address, the range of the first such address.
    pub index_v6: Vec<u32>,
    /// IPv6 ranges, ascending.
    pub ranges_v6: Vec<RangeV6>,
    /// Number of classes.
    pub classes: usize,
}

impl Location {
    /// The tables of a partition.
    pub fn new(partition: &Partition) -> Self {
        let ranges_v4: Vec<_> =
            partition.v4.iter().map(|(start, class)| RangeV4 { start: *start, class: class.0 }).collect();
        let to_range = |(start, class): &(u128, ClassId)| {
            let V6 { high, low } = v6(Ipv6Addr::from_bits(*start));
            RangeV6 { start_high: high, start_low: low, class: class.0, reserved: 0 }
        };
        let ranges_v6: Vec<_> = partition.v6.iter().map(to_range).collect();
        Self {
            classes: partition.classes.len(),
            index_v4: index(ranges_v4.iter().map(|range| u64::from(range.start) << 32)),
            index_v6: index(ranges_v6.iter().map(|range| range.start_high | u64::from(range.start_low != 0))),
            ranges_v4,
            ranges_v6,
        }
    }

    /// The class of an address, and the length of the shortest prefix around it that has this one class.
    pub fn find(&self, client: IpAddr) -> Option<(ClassId, u8)> {
        fn find<R: Ranges>(ranges: &R, address: R::Address) -> Option<(ClassId, u8)> {
            let (position, class) = location::locate(ranges, address)?;
            Some((ClassId(class), location::scope(ranges, position, address)?))
        }
        match client {
            IpAddr::V4(address) => find(&TableV4(self), address.to_bits()),
            IpAddr::V6(address) => find(&TableV6(self), v6(address)),
        }
    }
}

/// For each value of the upper 16 bits, and for one past the last: the last range whose start is not above the first
/// address with these bits. `starts` are ascending, begin at 0, and have the upper 16 bits at the top; a start whose
/// lower bits are not all zero is above.
fn index(starts: impl Iterator<Item = u64>) -> Vec<u32> {
    let mut starts = starts.skip(1).peekable();
    let mut last = 0;
    let mut index = Vec::with_capacity(usize::try_from(INDEX_LEN).unwrap_or_default());
    for upper in 0..u64::from(INDEX_LEN) - 1 {
        while starts.next_if(|start| *start <= upper << 48).is_some() {
            last += 1;
        }
        index.push(last);
    }
    index.push(starts.fold(last, |last, _| last + 1));
    index
}

/// An IPv6 address as two numbers.
pub fn v6(address: Ipv6Addr) -> V6 {
    let octets = address.octets();
    let (high, low) = octets.split_at(8);
    let join = |half: &[u8]| half.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    V6 { high: join(high), low: join(low) }
}

struct TableV4<'a>(&'a Location);

impl Ranges for TableV4<'_> {
    type Address = u32;

    fn index(&self, upper: u32) -> Option<u32> {
        get(&self.0.index_v4, upper).copied()
    }

    fn range(&self, position: u32) -> Option<(u32, u32)> {
        get(&self.0.ranges_v4, position).map(|range| (range.start, range.class))
    }

    fn count(&self) -> u32 {
        u32::try_from(self.0.ranges_v4.len()).unwrap_or(u32::MAX)
    }
}

struct TableV6<'a>(&'a Location);

impl Ranges for TableV6<'_> {
    type Address = V6;

    fn index(&self, upper: u32) -> Option<u32> {
        get(&self.0.index_v6, upper).copied()
    }

    fn range(&self, position: u32) -> Option<(V6, u32)> {
        get(&self.0.ranges_v6, position)
            .map(|range| (V6 { high: range.start_high, low: range.start_low }, range.class))
    }

    fn count(&self) -> u32 {
        u32::try_from(self.0.ranges_v6.len()).unwrap_or(u32::MAX)
    }
}

fn get<T>(list: &[T], position: u32) -> Option<&T> {
    list.get(usize::try_from(position).ok()?)
}
