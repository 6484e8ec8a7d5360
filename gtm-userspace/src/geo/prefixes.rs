//! The prefixes that sources name, as sorted ranges: each range knows every prefix around it. Prefixes nest or are
//! disjoint, so one pass with a stack is enough.

use std::collections::BTreeMap;

use super::push_range;

/// Prefixes of one family and what was said of each.
#[derive(Debug)]
pub(super) struct PrefixTree<A, T> {
    /// First address of each range and the number of its innermost prefix; 0 is no prefix.
    ranges: Vec<(A, u32)>,
    /// By number less one.
    prefixes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    /// The number of the prefix around this one; 0 is none.
    around: u32,
    said: Vec<T>,
}

impl<A: TryFrom<u128> + PartialEq, T> PrefixTree<A, T> {
    /// Takes what was said of prefixes, by first address and length; `last` is the last address of the family.
    pub(super) fn new(said: BTreeMap<(u128, u8), Vec<T>>, last: u128) -> Self {
        let mut tree = Self { ranges: Vec::new(), prefixes: Vec::new() };
        tree.begin_range(0, 0);
        // The prefixes around the current one with their last addresses, outermost first.
        let mut open: Vec<(u128, u32)> = Vec::new();
        for ((first, length), said) in said {
            tree.close(&mut open, Some(first), last);
            let number = u32::try_from(tree.prefixes.len() + 1).unwrap_or(u32::MAX);
            tree.prefixes.push(Node { around: open.last().map_or(0, |(_, number)| *number), said });
            tree.begin_range(first, number);
            open.push((first | last.checked_shr(u32::from(length)).unwrap_or(0), number));
        }
        tree.close(&mut open, None, last);
        tree
    }

    /// First address of each range and the number of its innermost prefix.
    pub(super) fn ranges(&self) -> &[(A, u32)] {
        &self.ranges
    }

    /// What was said of a prefix and of all prefixes around it.
    pub(super) fn around(&self, number: u32) -> impl Iterator<Item = &T> {
        let node = |number: u32| self.prefixes.get(usize::try_from(number.checked_sub(1)?).ok()?);
        std::iter::successors(node(number), move |inner| node(inner.around)).flat_map(|node| &node.said)
    }

    /// Ends the open prefixes that do not reach `until`; all of them when there is nothing more.
    fn close(&mut self, open: &mut Vec<(u128, u32)>, until: Option<u128>, last: u128) {
        while let Some((end, _)) = open.pop_if(|(end, _)| until.is_none_or(|until| *end < until)) {
            if end < last {
                self.begin_range(end + 1, open.last().map_or(0, |(_, number)| *number));
            }
        }
    }

    /// The later of two ranges that begin at one address is the right one.
    fn begin_range(&mut self, first: u128, number: u32) {
        if let Ok(first) = A::try_from(first) {
            self.ranges.pop_if(|(start, _)| *start == first);
            push_range(&mut self.ranges, first, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefixes: &[(u8, u8)], expect: &[(u8, &[(u8, u8)])]) {
        let said =
            prefixes.iter().map(|(first, length)| ((u128::from(*first), *length), vec![(*first, *length)]));
        let tree = PrefixTree::<u8, _>::new(said.collect(), 255);
        let ranges: Vec<_> = tree
            .ranges()
            .iter()
            .map(|(first, number)| (*first, tree.around(*number).copied().collect::<Vec<_>>()))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(first, around)| (*first, around.to_vec())).collect();
        assert_eq!(ranges, expect, "{prefixes:?}");
    }

    #[test]
    fn ranges_know_the_prefixes_around_them() {
        check(&[], &[(0, &[])]);
        check(&[(0, 0)], &[(0, &[(0, 0)])]);
        check(&[(0, 8)], &[(0, &[(0, 8)]), (1, &[])]);
        check(&[(255, 8)], &[(0, &[]), (255, &[(255, 8)])]);
        check(&[(128, 1)], &[(0, &[]), (128, &[(128, 1)])]);
        check(&[(64, 2), (64, 4)], &[(0, &[]), (64, &[(64, 4), (64, 2)]), (80, &[(64, 2)]), (128, &[])]);
        check(&[(64, 2), (112, 4)], &[(0, &[]), (64, &[(64, 2)]), (112, &[(112, 4), (64, 2)]), (128, &[])]);
        check(&[(64, 4), (80, 4)], &[(0, &[]), (64, &[(64, 4)]), (80, &[(80, 4)]), (96, &[])]);
        check(
            &[(0, 0), (240, 4), (255, 8)],
            &[(0, &[(0, 0)]), (240, &[(240, 4), (0, 0)]), (255, &[(255, 8), (240, 4), (0, 0)])],
        );
    }
}
