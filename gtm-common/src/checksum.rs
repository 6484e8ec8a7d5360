//! The Internet checksum (RFC 1071), summed in native byte order: the result is stored as it is loaded.

/// A running ones' complement sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Adds eight bytes that begin at an even offset.
    #[inline(always)]
    pub fn add_u64(&mut self, word: u64) {
        // Halves of 32 bits leave room for 2^32 additions before the sum could overflow.
        self.0 = self.0.wrapping_add(word & 0xffff_ffff).wrapping_add(word >> 32);
    }

    /// Adds four bytes that begin at an even offset.
    #[inline(always)]
    pub fn add_u32(&mut self, word: u32) {
        self.0 = self.0.wrapping_add(u64::from(word));
    }

    /// Adds two bytes that begin at an even offset.
    #[inline(always)]
    pub fn add_u16(&mut self, word: u16) {
        self.0 = self.0.wrapping_add(u64::from(word));
    }

    /// Adds a piece that was summed from its own start and begins at byte `offset` of the whole: at an odd offset its
    /// bytes change places (RFC 1071 section 2 (B)), which in ones' complement is a shift by eight.
    #[inline(always)]
    pub fn add_piece(&mut self, piece: Self, offset: usize) {
        // A sum of less than 2^16 words has less than 48 bits; with one shift within another, all 64 are enough.
        self.0 = self.0.wrapping_add(piece.0 << ((offset & 1) << 3));
    }

    /// The sum in 16 bits, end-around carries added.
    #[inline(always)]
    pub fn fold(self) -> u16 {
        let sum = (self.0 & 0xffff_ffff).wrapping_add(self.0 >> 32);
        let sum = (sum & 0xffff).wrapping_add((sum >> 16) & 0xffff).wrapping_add(sum >> 32);
        let sum = (sum & 0xffff).wrapping_add(sum >> 16);
        let [low, high, ..] = (sum & 0xffff).wrapping_add(sum >> 16).to_ne_bytes();
        u16::from_ne_bytes([low, high])
    }

    /// The checksum field of a UDP header: the complement, with zero sent as all ones (RFC 768).
    #[inline(always)]
    pub fn udp(self) -> u16 {
        match !self.fold() {
            0 => 0xffff,
            checksum => checksum,
        }
    }

    /// The checksum field of an IPv4 header: the complement (RFC 791).
    #[inline(always)]
    pub fn ipv4(self) -> u16 {
        !self.fold()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// The definition, byte pair by byte pair.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    fn summed(bytes: &[u8]) -> Sum {
        let mut sum = Sum::default();
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            sum.add_u64(u64::from_ne_bytes(padded));
        }
        sum
    }

    proptest! {
        #[test]
        fn pieces_sum_like_the_whole(bytes: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let mut sum = Sum::default();
            sum.add_piece(summed(&bytes[..cut]), 0);
            sum.add_piece(summed(&bytes[cut..]), cut);
            // Both zeros of ones' complement mean the same.
            prop_assert_eq!(sum.fold().to_be() % 0xffff, plain(&bytes) % 0xffff);
            prop_assert_eq!(sum.fold() == 0, bytes.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn udp_never_sends_zero() {
        let mut sum = Sum::default();
        sum.add_u16(0xffff);
        assert_eq!((sum.udp(), sum.ipv4()), (0xffff, 0));
    }
}
