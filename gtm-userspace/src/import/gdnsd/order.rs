//! Lists that may stand together in one order, and that order.

use std::collections::BTreeSet;

/// Lists that do not contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Indexes of the lists.
    pub(super) members: Vec<usize>,
    /// Everything in them, in an order that each of them keeps.
    pub(super) order: Vec<usize>,
}

/// Puts each list into the first group that it does not contradict. No list has anything twice.
pub(super) fn groups(lists: &[Vec<usize>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, list) in lists.iter().enumerate() {
        let fitting = groups.iter_mut().find_map(|group| {
            let mut together: Vec<&[usize]> =
                group.members.iter().filter_map(|member| lists.get(*member)).map(Vec::as_slice).collect();
            together.push(list);
            common_order(&together).map(|order| (group, order))
        });
        match fitting {
            Some((group, order)) => {
                group.members.push(index);
                group.order = order;
            }
            None => groups.push(Group { members: vec![index], order: list.clone() }),
        }
    }
    groups
}

/// An order that every list keeps, if there is one; earlier lists come first where it is open.
fn common_order(lists: &[&[usize]]) -> Option<Vec<usize>> {
    let mut rest: Vec<&[usize]> = lists.to_vec();
    let mut order = Vec::new();
    let total = lists.iter().copied().flatten().collect::<BTreeSet<_>>().len();
    while order.len() < total {
        // The first that no list wants to have something before.
        let is_free = |id: usize| !rest.iter().any(|list| list.iter().skip(1).any(|other| *other == id));
        let next = rest.iter().filter_map(|list| list.first().copied()).find(|id| is_free(*id))?;
        order.push(next);
        for list in &mut rest {
            if let Some((first, after)) = list.split_first()
                && *first == next
            {
                *list = after;
            }
        }
    }
    Some(order)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(lists: &[&[usize]], expect: &[(&[usize], &[usize])]) {
        let lists: Vec<Vec<usize>> = lists.iter().map(|list| list.to_vec()).collect();
        let groups = groups(&lists);
        let shown: Vec<_> =
            groups.iter().map(|group| (group.members.as_slice(), group.order.as_slice())).collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn lists_share_an_order_unless_they_contradict() {
        check(&[&[1, 2, 3], &[1, 3], &[2, 3, 4]], &[(&[0, 1, 2], &[1, 2, 3, 4])]);
        check(&[&[1, 2], &[2, 1], &[2]], &[(&[0, 2], &[1, 2]), (&[1], &[2, 1])]);
        check(&[&[1, 2], &[2, 3], &[3, 1]], &[(&[0, 1], &[1, 2, 3]), (&[2], &[3, 1])]);
        check(&[&[], &[1]], &[(&[0, 1], &[1])]);
        check(&[], &[]);
    }

    proptest! {
        #[test]
        fn every_list_keeps_its_order(lists in prop::collection::vec(prop::sample::subsequence((0..6).collect::<Vec<usize>>(), 0..6).prop_shuffle(), 0..8)) {
            let groups = groups(&lists);
            let mut seen = Vec::new();
            for group in &groups {
                for member in &group.members {
                    seen.push(*member);
                    let kept: Vec<usize> =
                        group.order.iter().copied().filter(|id| lists[*member].contains(id)).collect();
                    prop_assert_eq!(&kept, &lists[*member]);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lists.len()).collect::<Vec<_>>());
        }
    }
}
