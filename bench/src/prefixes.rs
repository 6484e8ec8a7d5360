//! Address spaces of every size: synthetic ones, and the real country data.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::ensure;
use gtm_common::location::is_client_v4;
use gtm_tests::Random;
use gtm_userspace::geo::{Class, ClassId, Partition};

/// Sources, beside `default`.
pub(crate) const SOURCES: u32 = 8;
/// How many prefixes in a hundred are so many bits longer or shorter than most: as they are in the tables of the
/// Internet, where half are of one length (/24) and the rest mostly shorter.
const LENGTHS: [(i32, usize); 8] = [(0, 52), (-1, 13), (-2, 13), (-3, 4), (-4, 4), (-5, 2), (1, 6), (2, 6)];
/// Bits of a network that IPv6 addresses are handed out by; the rest of an address is its host's.
const V6_BITS: u32 = 64;

/// An address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Prefixes {
    /// Prefixes of each family, each of another class than its neighbours.
    pub(crate) count: u32,
}

impl Prefixes {
    /// The space by class.
    pub(crate) fn partition(self, classes: Vec<Class>) -> anyhow::Result<Partition> {
        ensure!(classes.len() > 2, "neighbours need classes that differ");
        let v4 = self.ranges(32, 0, 1 << 32);
        // Of IPv6 one eighth is handed out, 2000::/3.
        let v6 = self.ranges(V6_BITS, 1 << 61, 1 << 61);
        let mut random = Random::new(2);
        let mut last = 0;
        let mut class = || {
            last = (last + 1 + random.below(classes.len() - 1)) % classes.len();
            u32::try_from(last).map(ClassId)
        };
        let v4 = v4
            .into_iter()
            .map(|start| Ok((u32::try_from(start)?, class()?)))
            .collect::<anyhow::Result<_>>()?;
        let v6 = v6
            .into_iter()
            .map(|start| Ok((u128::from(start) << V6_BITS, class()?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let rest = v6.first().filter(|(start, _)| *start > 0).map(|_| (0, ClassId(0)));
        Ok(Partition { classes, v4, v6: rest.into_iter().chain(v6).collect() })
    }

    /// First addresses of prefixes that fill a space of `size` addresses, as evenly as aligned prefixes do.
    fn ranges(self, bits: u32, first: u64, size: u64) -> Vec<u64> {
        let mut random = Random::new(u64::from(bits));
        let mut starts = Vec::new();
        let (mut at, end) = (first, first + size);
        for rest in (1..=self.count).rev() {
            starts.push(at);
            // What is left, shared by those that are left; most are of the length next above.
            let share = ((end - at) / u64::from(rest)).max(1);
            let longer = pick_length(&mut random);
            let length = share.ilog2().saturating_add_signed(-longer).min(bits);
            let next = (at >> length).saturating_add(1) << length;
            // A prefix begins where its length lets it.
            at = if next > at && next + u64::from(rest) <= end { next } else { at + 1 };
        }
        starts
    }

    /// The first IPv4 prefix of each range: address and length.
    pub(crate) fn prefixes_v4(self) -> impl Iterator<Item = (u32, u32)> {
        let starts = self.ranges(32, 0, 1 << 32);
        let ends: Vec<u64> = starts.iter().skip(1).copied().chain([1 << 32]).collect();
        starts
            .into_iter()
            .zip(ends)
            .filter_map(|(start, end)| Some((u32::try_from(start).ok()?, 32 - (end - start).ilog2())))
    }

    /// Draws addresses of both families: each prefix as often as any other, and then each address in it.
    pub(crate) fn addresses(self) -> anyhow::Result<impl FnMut(&mut Random) -> (Ipv4Addr, Ipv6Addr)> {
        let v4 = self.ranges(32, 0, 1 << 32);
        let v6 = self.ranges(V6_BITS, 1 << 61, 1 << 61);
        ensure!(!v4.is_empty(), "at least one prefix");
        Ok(move |random: &mut Random| {
            let address_v4 = loop {
                let address = u32::try_from(within(&v4, 1 << 32, random)).unwrap_or_default();
                if is_client_v4(address) {
                    break Ipv4Addr::from_bits(address);
                }
            };
            let network = u128::from(within(&v6, 1 << 62, random));
            (address_v4, Ipv6Addr::from_bits(network << V6_BITS | u128::from(random.word())))
        })
    }
}

fn pick_length(random: &mut Random) -> i32 {
    let mut rest = random.below(LENGTHS.iter().map(|(_, share)| share).sum());
    for (longer, share) in LENGTHS {
        if rest < share {
            return longer;
        }
        rest -= share;
    }
    0
}

/// An address of a range that is drawn.
fn within(starts: &[u64], end: u64, random: &mut Random) -> u64 {
    let number = random.below(starts.len());
    let start = starts.get(number).copied().unwrap_or_default();
    let next = starts.get(number + 1).copied().unwrap_or(end);
    let offset = u64::from(random.word()) << 32 | u64::from(random.word()) << 16 | u64::from(random.word());
    start + offset % (next - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_has_as_many_prefixes_as_it_should() {
        for count in [1, 2, 1000, 100_000] {
            let starts = Prefixes { count }.ranges(32, 0, 1 << 32);
            assert!(starts.is_sorted_by(|one, next| one < next));
            assert_eq!(starts.len(), usize::try_from(count).unwrap());
            assert!(starts.last().copied().unwrap() < 1 << 32);
        }
    }
}
