//! Who asks: from an address to its class and to the prefix for which that holds.
//!
//! The address space is cut into ascending ranges of one class each. An index over the upper 16 bits of the address
//! narrows the search to the ranges that begin there; a bounded binary search does the rest. Neighbouring ranges
//! differ in class, so the shortest prefix that holds the address and nothing of its neighbours is the ECS scope: no
//! prefix length is stored.

/// Elements of the index: one for each value of the upper 16 bits, and one past the end.
pub const INDEX_LEN: u32 = 65_537;

/// Binary search steps: enough for 2^24 ranges within one upper half.
pub const MAX_STEPS: u32 = 24;

/// False for addresses that no client on the Internet has, so that a client subnet which names one tells nothing (RFC 6890;
/// RFC 7871 section 11.3): this network, private, shared, loopback, link-local, multicast and reserved ones. Those for
/// documentation stay, for tests and examples.
#[inline(always)]
pub const fn is_client_v4(address: u32) -> bool {
    let first = address >> 24;
    !(first == 0
        || first == 10
        || first == 127
        || first >= 224
        || address >> 22 == 0x6440_0000 >> 22
        || address >> 16 == 0xa9fe
        || address >> 20 == 0xac1
        || address >> 16 == 0xc0a8)
}

/// The same for IPv6, as upper and lower 64 bits: unspecified, loopback and IPv4-compatible (`::/96`), IPv4-mapped
/// (`::ffff:0:0/96`), unique local, link-local and multicast addresses are no client's.
#[inline(always)]
pub const fn is_client_v6(high: u64, low: u64) -> bool {
    let upper_of_low = low >> 32;
    !(high >> 57 == 0xfc >> 1
        || high >> 54 == 0xfe80 >> 6
        || high >> 56 == 0xff
        || (high == 0 && (upper_of_low == 0 || upper_of_low == 0xffff)))
}

/// An IP address as a number.
pub trait Address: Copy {
    /// The upper 16 bits.
    fn index(self) -> u32;
    /// True when `self` is not above `other`.
    fn at_most(self, other: Self) -> bool;
    /// Number of leading bits in which the two agree.
    fn common_bits(self, other: Self) -> u8;
    /// The address before this one; address 0 has none.
    fn before(self) -> Option<Self>;
}

impl Address for u32 {
    #[inline(always)]
    fn index(self) -> u32 {
        self >> 16
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> bool {
        self <= other
    }

    #[inline(always)]
    fn common_bits(self, other: Self) -> u8 {
        narrow((self ^ other).leading_zeros())
    }

    #[inline(always)]
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

/// A number of bits: at most 128.
#[inline(always)]
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "no larger number is given")]
const fn narrow(bits: u32) -> u8 {
    bits as u8
}

/// An IPv6 address as two numbers: BPF has no 128-bit arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct V6 {
    /// Upper 64 bits.
    pub high: u64,
    /// Lower 64 bits.
    pub low: u64,
}

impl Address for V6 {
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "sixteen bits are left")]
    fn index(self) -> u32 {
        (self.high >> 48) as u32
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> bool {
        self.high < other.high || (self.high == other.high && self.low <= other.low)
    }

    #[inline(always)]
    fn common_bits(self, other: Self) -> u8 {
        let high = (self.high ^ other.high).leading_zeros();
        narrow(if high < 64 { high } else { (self.low ^ other.low).leading_zeros().wrapping_add(64) })
    }

    #[inline(always)]
    fn before(self) -> Option<Self> {
        match self.low.checked_sub(1) {
            Some(low) => Some(Self { high: self.high, low }),
            None => self.high.checked_sub(1).map(|high| Self { high, low: u64::MAX }),
        }
    }
}

/// The two arrays of one address family, in maps or in memory.
pub trait Ranges {
    /// The address family.
    type Address: Address;
    /// Element of the index: the last range that begins at or below the first address with these upper bits.
    fn index(&self, upper: u32) -> Option<u32>;
    /// First address and class of a range.
    fn range(&self, position: u32) -> Option<(Self::Address, u32)>;
    /// Number of ranges.
    fn count(&self) -> u32;

    /// The same number, without its history: in the kernel, what keeps the verifier from following up every way through
    /// the search.
    #[inline(always)]
    fn forget(&self, number: u32) -> u32 {
        number
    }
}

/// Position and class of the range that holds the address; `None` only for broken tables.
#[inline(always)]
pub fn locate<R: Ranges>(ranges: &R, address: R::Address) -> Option<(u32, u32)> {
    let mut low = ranges.index(address.index())?;
    let mut high = ranges.index(address.index().wrapping_add(1))?;
    let (_, mut class) = ranges.range(low)?;
    // Invariant: range `low` begins at or below the address; every range above `high` begins above it.
    for _ in 0..MAX_STEPS {
        if low >= high {
            break;
        }
        let middle = low.wrapping_add(high.wrapping_sub(low).wrapping_add(1) >> 1);
        let (start, middle_class) = ranges.range(middle)?;
        if start.at_most(address) {
            low = middle;
            class = middle_class;
        } else {
            high = middle.wrapping_sub(1);
        }
        low = ranges.forget(low);
        high = ranges.forget(high);
    }
    Some((ranges.forget(low), ranges.forget(class)))
}

/// Length of the shortest prefix that holds the address and lies within its range: the scope of RFC 7871.
#[inline(always)]
pub fn scope<R: Ranges>(ranges: &R, position: u32, address: R::Address) -> Option<u8> {
    let (start, _) = ranges.range(position)?;
    let below = start.before().map_or(0, |last| address.common_bits(last).wrapping_add(1));
    let next = position.wrapping_add(1);
    let above =
        if next < ranges.count() { address.common_bits(ranges.range(next)?.0).wrapping_add(1) } else { 0 };
    Some(if below > above { below } else { above })
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::*;

    fn is_client(address: &str) -> bool {
        match address.parse().unwrap() {
            IpAddr::V4(address) => is_client_v4(address.to_bits()),
            IpAddr::V6(address) => {
                let [high, low] = [64, 0].map(|shift| address.to_bits() >> shift & u128::from(u64::MAX));
                is_client_v6(high.try_into().unwrap(), low.try_into().unwrap())
            }
        }
    }

    /// First and last address of a range that is no client's, and the neighbours that are.
    #[track_caller]
    fn check(before: &str, first: &str, last: &str, after: &str) {
        for address in [first, last] {
            assert!(!is_client(address), "{address}");
        }
        for address in [before, after].into_iter().filter(|address| !address.is_empty()) {
            assert!(is_client(address), "{address}");
        }
    }

    #[test]
    fn addresses_of_no_client_on_the_internet() {
        check("", "0.0.0.0", "0.255.255.255", "1.0.0.0");
        check("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0");
        check("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0");
        check("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0");
        check("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0");
        check("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0");
        check("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0");
        check("223.255.255.255", "224.0.0.0", "255.255.255.255", "192.0.2.1");
        check("", "::", "::ffff:ffff", "::1:0:0");
        check("::fffe:ffff:ffff", "::ffff:0:0", "::ffff:ffff:ffff", "::1:0:0:0");
        check("fbff:ffff::", "fc00::", "fdff:ffff::", "fe00::");
        check("fe7f:ffff::", "fe80::", "febf:ffff::", "fec0::");
        check("feff:ffff::", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1");
        check("0:0:0:1::", "::1", "::ffff:192.0.2.1", "0:0:0:1::ffff:0:0");
    }
}
