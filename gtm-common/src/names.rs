//! Names by the word: lower-casing, finding the end and hashing, eight bytes at a time.
//!
//! A QNAME is handled as little-endian words. Its length bytes are below 64, so lower-casing every byte leaves them
//! alone; a zero byte that is not the root label makes the words differ from those of every valid name, so comparing
//! whole names is all the checking that is needed.

/// Words of the longest QNAME.
pub const MAX_WORDS: usize = 32;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Lower-cases the ASCII letters among the eight bytes.
#[inline(always)]
pub const fn lower(word: u64) -> u64 {
    let low = word & !HIGH_BITS;
    // Bit 7 of a byte after the addition: at or above `A`; above `Z`.
    let from_a = low.wrapping_add(LOW_BITS * (0x80 - 0x41));
    let above_z = low.wrapping_add(LOW_BITS * (0x80 - 0x5b));
    let upper = (from_a ^ above_z) & !word & HIGH_BITS;
    word | (upper >> 2)
}

/// Bit 7 of the first zero byte (and of some later bytes); zero when no byte is zero.
#[inline(always)]
pub const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

/// All bits of the bytes up to and including the first zero byte; `zeros` is [`zero_bytes`], not zero.
#[inline(always)]
pub const fn through_first_zero(zeros: u64) -> u64 {
    zeros ^ zeros.wrapping_sub(1)
}

/// Number of bytes before the first zero byte, 0 to 7; `zeros` is [`zero_bytes`], not zero.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "eight bits are left")]
pub const fn bytes_before_zero(zeros: u64) -> usize {
    let lowest = (zeros & zeros.wrapping_neg()) >> 7;
    // `lowest` is 2^(8k); multiplying by it moves the byte of value k to the top.
    (lowest.wrapping_mul(0x0001_0203_0405_0607) >> 56) as usize
}

/// A keyed hash over the words of a lower-cased name.
///
/// It spreads the configured names over sheets and places; who asks cannot add names, so it need not be cryptographic, and
/// the key keeps what is known of one generation from telling anything of the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct NameHash(u64);

impl NameHash {
    /// Starts with the generation's key, for a name of this class.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "sixteen bits fit")]
    pub const fn new(key: u64, class: u16) -> Self {
        Self(key ^ class as u64)
    }

    /// Takes the next word; the last one is padded with zeros.
    #[inline(always)]
    #[must_use]
    pub const fn add(self, word: u64) -> Self {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ (mixed >> 32))
    }

    /// The whole of it.
    #[inline(always)]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Index of the sheet that the name is placed in, of this many.
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "less than their number")]
    pub const fn sheet(self, sheets: u32) -> u32 {
        (((self.0 >> 32) * sheets as u64) >> 32) as u32
    }

    /// Number of the sheet's [`Displacements`] that counts for the name.
    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a few bits are left")]
    pub const fn group(self) -> usize {
        self.0 as usize & (GROUPS - 1)
    }

    /// Number of the name's place in its sheet, of this many, with the displacement of its group.
    #[inline(always)]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "half of it is meant")]
    pub const fn place(self, displacement: u8, places: u32) -> u32 {
        let displaced = self.0 as u32 ^ (displacement as u32).wrapping_mul(0x9e37_79b1);
        ((displaced.wrapping_mul(0x85eb_ca6b) as u64 * places as u64) >> 32) as u32
    }
}

/// For each group of a sheet's names what, mixed with their hashes, leads each to a place of its own.
pub type Displacements = [u8; GROUPS];
/// Groups of names in a sheet, a power of two.
pub const GROUPS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lower_is_bytewise(bytes: [u8; 8]) {
            prop_assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes(), bytes.map(|byte| byte.to_ascii_lowercase()));
        }

        #[test]
        fn first_zero_is_found(mut bytes in prop::array::uniform8(1u8..), zero in 0usize..9, after: [u8; 8]) {
            if let Some(tail) = bytes.get_mut(zero..) {
                tail.copy_from_slice(&after[zero..]);
                if let Some(first) = tail.first_mut() {
                    *first = 0;
                }
            }
            let zeros = zero_bytes(u64::from_le_bytes(bytes));
            prop_assert_eq!(zeros == 0, zero == 8);
            if zeros != 0 {
                prop_assert_eq!(bytes_before_zero(zeros), zero);
                let mut mask = [0; 8];
                mask[..=zero].fill(0xff);
                prop_assert_eq!(through_first_zero(zeros), u64::from_le_bytes(mask));
            }
        }
    }
}
