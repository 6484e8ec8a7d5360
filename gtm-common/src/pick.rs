//! Which of several members answers: by turn, by weight, or by the client's prefix. Nothing here is random, and nothing
//! is kept but turn counters: both readers of the answer table pick with these functions.
//!
//! Why weights follow a sequence and not random numbers, and why clients are spread by rendezvous: decision 0007.

use crate::location::V6;

/// Multiplies the turns of a choice: the golden ratio less one, as a fraction of 2^64.
pub const OUTER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Multiplies the turns of a choice within a choice: the square root of two less one. It and [`OUTER`] are independent
/// over the rational numbers, so that the two choices are not correlated, whatever turns they are given.
pub const INNER: u64 = 0x6a09_e667_f3bc_c909;

/// What [`INNER`] is to one choice, for the choices of a gathering, which share a turn: the square roots of the primes
/// 2, 3, 7, 11, 19, 23, 29, 31, 37, 41, 43, 53, 59, 61, 67 and 73, less their whole parts. Each is independent of the others, of [`OUTER`] and of one, so that no
/// member that one of them picks tells which another does.
const GATHERED: [u64; 16] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x5be0_cd19_137e_2179,
    0xcbbb_9d5d_c105_9ed9,
    0x629a_292a_367c_d507,
    0x9159_015a_3070_dd17,
    0x152f_ecd8_f70e_5939,
    0x6733_2667_ffc0_0b31,
    0x8eb4_4a87_6858_1511,
    0x47b5_481d_befa_4fa5,
    0xae5f_9156_e7b6_d99b,
    0xcf6c_85d3_9d1a_1e15,
    0x2f73_477d_6a45_63cb,
    0x8b43_d457_0a51_b937,
];

/// Multiplies the turns of the choice in this place of a gathering; every place has its own.
#[inline(always)]
pub fn gathered(place: usize) -> u64 {
    GATHERED.get(place).copied().unwrap_or(INNER)
}

/// The point of [0, 2^32) of this turn: one Weyl sequence for each multiplier. Over n turns in a row, or n of any fixed
/// step, an interval holds its length times n of them but for a few, however large n is.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "thirty-two bits are left")]
pub const fn point(turn: u32, multiplier: u64) -> u32 {
    ((turn as u64).wrapping_mul(multiplier) >> 32) as u32
}

/// The last point of a member, of which `cumulative` is the sum of the weights up to and including its own, and `total`
/// that of all, which is not zero. The member whose last point is the first at or above a point has that point.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a share is at most one")]
pub const fn last_point(cumulative: u32, total: u32) -> u32 {
    match ((cumulative as u64) << 32).checked_div(total as u64) {
        Some(end) => end.wrapping_sub(1) as u32,
        None => u32::MAX,
    }
}

/// A client's address as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// IPv4.
    V4(u32),
    /// IPv6.
    V6(V6),
}

impl Client {
    /// A hash of the client's prefix of these lengths, by address family: 1 to 32 and 1 to 128. It has no key, so that
    /// it is the same after a restart and on every host.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "widening")]
    pub const fn hash(self, ipv4: u8, ipv6: u8) -> u64 {
        match self {
            Self::V4(address) => {
                let host_bits = 32_u32.wrapping_sub(ipv4 as u32) & 63;
                mix(((address as u64) >> host_bits << host_bits) ^ 0x4000_0000_0000_0001)
            }
            Self::V6(V6 { high, low }) => {
                let (high_host, low_host) = if ipv6 <= 64 {
                    (64_u32.wrapping_sub(ipv6 as u32) & 63, 64)
                } else {
                    (0, 128_u32.wrapping_sub(ipv6 as u32) & 63)
                };
                let low = if low_host == 64 { 0 } else { low >> low_host << low_host };
                mix(mix((high >> high_host << high_host) ^ 0x6000_0000_0000_0001) ^ low)
            }
        }
    }
}

/// The key of a member, from what it is called.
pub fn key(name: &[u8]) -> u64 {
    // FNV-1a: short names; the mixing is what spreads them.
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(name.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// What a member draws for a client: an exponentially distributed wait, divided by its weight. The member with the
/// shortest one answers, so each has its share by weight, and a member that leaves takes nobody else's clients along
/// (weighted rendezvous hashing, Schindelhauer and Schomaker 2005).
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    wait: u64,
    weight: u64,
}

impl Draw {
    /// The draw of a member for a client, by the key of the one and the hash of the other; the weight is at most 2^12.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "widening")]
    pub const fn new(client: u64, key: u64, weight: u32) -> Self {
        Self { wait: wait(mix(client ^ key)), weight: weight as u64 }
    }

    /// True when this one is before the other.
    #[inline(always)]
    pub const fn is_before(self, other: Self) -> bool {
        self.wait.wrapping_mul(other.weight) < other.wait.wrapping_mul(self.weight)
    }
}

/// Spreads 64 bits: the finalizer of `SplitMix64` (Steele, Lea and Flood 2014).
#[inline(always)]
const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Natural logarithm of two in units of 2^-51.
const LN_2: u64 = 1_560_828_692_041_340;
/// Coefficients of -ln(1-x)/x over [0, 1/2], lowest first, in units of 2^-30: relative error below 2^-22.
const SERIES: [i64; 8] = [
    1_073_741_689,
    536_905_457,
    356_489_619,
    290_422_504,
    51_924_068,
    810_233_146,
    -1_112_438_391,
    1_244_052_340,
];

/// -ln(1 - r / 2^64) in units of 2^-51, at most 45; its relative error is below 2^-20 wherever it is above 2^-30.
///
/// Each leading one of `r` is one half of the distribution gone by: the wait has ln 2 behind it, and what is left is
/// distributed as at the start. Behind them 1 - x is at least one half, and the series holds.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "widening")]
const fn wait(r: u64) -> u64 {
    let halves = (!r | 1).leading_zeros();
    let rest = r << halves;
    let (upper, lower) = (rest >> 32, rest & 0xffff_ffff);
    let x = upper.cast_signed();
    let [c0, c1, c2, c3, c4, c5, c6, c7] = SERIES;
    let series = c6.wrapping_add(c7.wrapping_mul(x) >> 32);
    let series = c5.wrapping_add(series.wrapping_mul(x) >> 32);
    let series = c4.wrapping_add(series.wrapping_mul(x) >> 32);
    let series = c3.wrapping_add(series.wrapping_mul(x) >> 32);
    let series = c2.wrapping_add(series.wrapping_mul(x) >> 32);
    let series = c1.wrapping_add(series.wrapping_mul(x) >> 32);
    let series = c0.wrapping_add(series.wrapping_mul(x) >> 32).cast_unsigned();
    let product = upper.wrapping_mul(series).wrapping_add(lower.wrapping_mul(series) >> 32);
    (halves as u64).wrapping_mul(LN_2).wrapping_add(product >> 11)
}

#[cfg(test)]
mod tests;
