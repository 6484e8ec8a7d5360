//! From selections to answers: their shape, and what is picked from them.

use std::collections::BTreeMap;
use std::iter;

use proptest::prelude::*;

use super::*;
use crate::decision::selection::Member as Named;

fn target(text: &str) -> Selection {
    Selection::Target(text.parse().map_or_else(|_| Target::Name(text.parse().unwrap()), Target::Ip))
}

/// The addresses 192.0.2.N, rotating.
fn all(numbers: &[u8]) -> Selection {
    Selection::All(numbers.iter().map(|number| target(&format!("192.0.2.{number}"))).collect())
}

fn named(members: Vec<(&str, u8, Selection)>) -> Vec<Named> {
    let named = |(name, weight, selection): (&str, u8, _)| Named { name: name.into(), weight, selection };
    members.into_iter().map(named).collect()
}

/// Addresses 192.0.2.N, by weight.
fn weighted(members: &[(u8, u8)]) -> Selection {
    Selection::Weighted(addresses(members))
}

/// Addresses 192.0.2.N, by client.
fn sticky(members: &[(u8, u8)]) -> Selection {
    Selection::Sticky(Sticky::default(), addresses(members))
}

fn addresses(members: &[(u8, u8)]) -> Vec<Named> {
    let member = |(number, weight): &(u8, u8)| {
        let name = format!("192.0.2.{number}");
        Named { selection: target(&name), name, weight: *weight }
    };
    members.iter().map(member).collect()
}

fn compile(selection: Selection, max_answers: Option<u16>) -> Answer {
    let is_ours = |name: &Name| name.is_at_or_below(&"example.com".parse().unwrap());
    Answer::compile(&Response::Answer { selection, max_answers }, 30, is_ours)
}

/// The last byte of each record of an answer.
fn last_bytes(answer: &Answer, next: impl FnMut(u32) -> u32) -> Vec<u8> {
    let picked = answer.pick([10, 0, 0, 1].into(), next);
    let records = split(&picked.records).unwrap();
    assert!(answer.admits(&records, [10, 0, 0, 1].into()), "{answer:?} gave {records:?}");
    records.iter().map(|record| *record.last().unwrap()).collect()
}

fn shape(answer: &Answer) -> String {
    let members = || answer.members().map(shape).collect::<Vec<_>>().join(" ");
    match answer {
        Answer::Records(block) if block.alias.is_some() => "alias".into(),
        Answer::Records(block) => format!("{}/{}", block.count, block.rotations),
        Answer::Turn(_) => format!("turn({})", members()),
        Answer::Weighted(_) => format!("weighted({})", members()),
        Answer::Sticky(..) => format!("sticky({})", members()),
        Answer::Gather { .. } => format!("gather({})", members()),
        Answer::Empty { rcode } => format!("empty {rcode}"),
        Answer::Zone => "zone".into(),
    }
}

#[track_caller]
fn check(selection: Selection, max_answers: u16, expect: &str) {
    let max_answers = (max_answers > 0).then_some(max_answers);
    assert_eq!(shape(&compile(selection, max_answers)), expect);
}

#[test]
fn selections_become_answers() {
    let name = || target("www.example.net");
    let pools = |policy: fn(Vec<Named>) -> Selection| {
        policy(named(vec![("a", 1, all(&[1, 2])), ("b", 2, all(&[3]))]))
    };
    check(target("192.0.2.1"), 0, "1/1");
    check(all(&[1, 2, 3]), 0, "3/3");
    check(all(&[1, 2, 3]), 2, "2/3");
    check(all(&[1, 2, 3]), 1, "1/3");
    check(all(&[1, 2, 1]), 0, "2/2");
    check(Selection::All(vec![all(&[1]), all(&[2])]), 0, "2/2");
    check(Selection::All(vec![all(&[1, 2]), all(&[3])]), 0, "gather(2/2 1/1)");
    check(Selection::All(vec![all(&[1, 2]), all(&[3])]), 2, "gather(2/2 1/1)");
    check(Selection::All(vec![all(&[1, 2]), all(&[3])]), 1, "turn(1/2 1/1)");
    check(Selection::All(vec![weighted(&[(1, 1), (2, 1)]), all(&[3])]), 0, "gather(weighted(1/1 1/1) 1/1)");
    check(Selection::All(vec![name(), target("a.example.net")]), 0, "turn(1/1 1/1)");
    check(Selection::All(vec![name(), all(&[1, 2])]), 0, "turn(1/1 2/2)");
    check(Selection::All(vec![Selection::All(vec![]), all(&[1, 2])]), 0, "2/2");
    check(target("www.example.com"), 0, "alias");
    check(weighted(&[(1, 1), (2, 5)]), 0, "weighted(1/1 1/1)");
    check(weighted(&[(1, 5)]), 0, "1/1");
    check(weighted(&[(1, 5), (2, 0)]), 0, "1/1");
    check(sticky(&[(1, 1), (2, 5)]), 0, "sticky(1/1 1/1)");
    check(sticky(&[(2, 5)]), 0, "1/1");
    check(pools(Selection::Weighted), 0, "weighted(2/2 1/1)");
    check(pools(Selection::Weighted), 1, "weighted(1/2 1/1)");
    check(pools(|members| Selection::Sticky(Sticky::default(), members)), 0, "sticky(2/2 1/1)");
    check(Selection::All(Vec::new()), 0, "empty 0");
    check(weighted(&[]), 0, "empty 0");
}

#[test]
fn responses_without_addresses() {
    for (response, expect) in [
        (Response::NoData, "empty 0"),
        (Response::ServFail, "empty 2"),
        (Response::Refused, "empty 5"),
        (Response::Zone, "zone"),
    ] {
        let answer = Answer::compile(&response, 30, |_| false);
        assert_eq!(shape(&answer), expect);
        assert!(answer.is_for_kernel() != answer.is_of_zone() && answer.admits(&[], [10, 0, 0, 1].into()));
    }
}

#[test]
fn what_the_kernel_answers() {
    let check = |selection: Selection, expect: bool| {
        let answer = compile(selection, None);
        assert_eq!(answer.is_for_kernel(), expect, "{answer:?}");
    };
    let numbers = |count: u8| (0..count).collect::<Vec<_>>();
    check(all(&numbers(16)), true);
    check(all(&numbers(75)), true);
    check(all(&numbers(128)), true);
    check(target("www.example.net"), true);
    check(target("www.example.com"), true);
    check(Selection::All(vec![target("www.example.net"), target("www.example.com")]), true);
    let members = |count: u8| (0..count).map(|number| (number, 1)).collect::<Vec<_>>();
    check(weighted(&members(16)), true);
    check(weighted(&members(17)), false);
    check(sticky(&members(16)), true);
    check(sticky(&members(17)), false);
    let two = || Selection::Weighted(named(vec![("a", 1, weighted(&members(2))), ("b", 1, all(&[3]))]));
    check(two(), true);
    check(Selection::Weighted(named(vec![("a", 1, two()), ("b", 1, all(&[3]))])), false);
    check(Selection::All(vec![weighted(&[(1, 1), (2, 1)]), all(&[3, 4])]), true);
    check(Selection::All(vec![weighted(&[(1, 1), (2, 1)]), all(&[2, 4])]), false);
    check(
        Selection::Weighted(named(vec![
            ("a", 1, Selection::All(vec![all(&[1, 2]), all(&[3])])),
            ("b", 1, all(&[3])),
        ])),
        false,
    );
    // Of very many in turn, the last would be too far away.
    let many = |count: u8| compile(all(&numbers(count)), Some(1)).is_for_kernel();
    assert!(many(128) && !many(129));
}

#[test]
fn turns() {
    let check = |selection: Selection, max: Option<u16>, expect: &[&[u8]]| {
        let answer = compile(selection, max);
        for (turn, expect) in (0..).zip(expect) {
            // A counter for each choice, as if it had counted along.
            let next = |choice| if choice == 0 { turn } else { turn / 2 };
            assert_eq!(last_bytes(&answer, next), *expect, "turn {turn} of {answer:?}");
        }
    };
    check(all(&[1, 2, 3]), None, &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2], &[1, 2, 3]]);
    check(all(&[1, 2, 3]), Some(2), &[&[1, 2], &[2, 3], &[3, 1], &[1, 2]]);
    let pools = || Selection::All(vec![all(&[1, 2]), all(&[3])]);
    check(pools(), None, &[&[1, 2, 3], &[3, 1, 2], &[2, 1, 3], &[3, 2, 1], &[1, 2, 3]]);
    check(pools(), Some(2), &[&[1, 2], &[3, 1], &[2, 1], &[3, 2], &[1, 2]]);
    check(pools(), Some(1), &[&[1], &[3], &[2], &[3], &[1]]);
    // What is in both pools is answered once.
    check(
        Selection::All(vec![all(&[1, 2]), all(&[2, 3])]),
        None,
        &[&[1, 2, 3], &[2, 3, 1], &[2, 1, 3], &[3, 2, 1]],
    );
}

#[test]
fn shares_of_a_million() {
    let check = |answer: &Answer, expect: &[(u8, f64)]| {
        let (mut counters, mut counts) = (BTreeMap::<u32, u32>::new(), BTreeMap::<u8, u32>::new());
        for _ in 0..1_000_000 {
            let picked = answer.pick([10, 0, 0, 1].into(), |choice| {
                let turn = counters.entry(choice).or_insert(choice.wrapping_mul(12_345));
                *turn += 1;
                *turn
            });
            *counts.entry(*picked.records.last().unwrap()).or_default() += 1;
        }
        for (address, expect) in expect {
            let share = f64::from(counts[address]) / 1e6;
            assert!((share - expect).abs() <= 1.0 / 65_536.0, "{address}: {share}, not {expect}");
        }
    };
    check(&compile(weighted(&[(1, 1), (2, 99)]), None), &[(1, 0.01), (2, 0.99)]);
    let pools =
        named(vec![("a", 1, weighted(&[(1, 7), (2, 11), (3, 13)])), ("b", 2, weighted(&[(4, 1), (5, 2)]))]);
    let third = 1.0 / 3.0;
    check(
        &compile(Selection::Weighted(pools), None),
        &[
            (1, third * 7.0 / 31.0),
            (2, third * 11.0 / 31.0),
            (3, third * 13.0 / 31.0),
            (4, 2.0 / 9.0),
            (5, 4.0 / 9.0),
        ],
    );
}

#[test]
fn members_of_one_name_have_their_shares() {
    let twice = named(vec![("a", 1, all(&[1])), ("a", 1, all(&[2]))]);
    let answer = compile(Selection::Sticky(Sticky { ipv4: 32, ipv6: 128 }, twice), None);
    let of = |client: u32| answer.pick(IpAddr::V4(client.into()), |_| 0).records.last().copied();
    let ones = (0..1000).filter(|client| of(*client) == Some(1)).count();
    assert!((400..600).contains(&ones), "{ones}");
}

#[test]
fn the_scope_is_that_of_the_longest_prefix() {
    let sticky = |ipv4, ipv6, selection: Selection| {
        let members = named(vec![("a", 1, selection), ("b", 1, all(&[9]))]);
        Selection::Sticky(Sticky { ipv4, ipv6 }, members)
    };
    let check = |selection: Selection, expect| assert_eq!(compile(selection, None).sticky_bits(), expect);
    check(all(&[1]), (0, 0));
    check(sticky(24, 56, all(&[1])), (24, 56));
    check(sticky(24, 56, sticky(20, 64, all(&[1]))), (24, 64));
    check(Selection::All(vec![sticky(28, 48, all(&[1])), sticky(8, 49, all(&[2]))]), (28, 49));
}

#[test]
fn what_is_not_possible_is_not_admitted() {
    let record = |number: u8| compile(all(&[number]), None).pick([10, 0, 0, 1].into(), |_| 0).records;
    let check = |answer: &Answer, numbers: &[u8], expect: bool| {
        let records: Vec<_> = numbers.iter().map(|number| record(*number)).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        assert_eq!(answer.admits(&records, [10, 0, 0, 1].into()), expect, "{numbers:?} of {answer:?}");
    };
    let three = compile(all(&[1, 2, 3]), Some(2));
    check(&three, &[3, 1], true);
    check(&three, &[1, 3], false);
    check(&three, &[1], false);
    check(&three, &[1, 2, 3], false);
    check(&three, &[], false);
    let gathered = compile(Selection::All(vec![weighted(&[(1, 1), (2, 1)]), all(&[3, 4])]), None);
    for possible in [[1, 3, 4], [2, 3, 4], [1, 4, 3], [3, 4, 1], [4, 3, 2]] {
        check(&gathered, &possible, true);
    }
    for other in [[1, 2, 3], [3, 1, 4], [4, 1, 3], [1, 3, 3], [5, 3, 4]] {
        check(&gathered, &other, false);
    }
}

/// Addresses of a pool: few numbers, so that pools share them.
fn pool() -> impl Strategy<Value = Selection> {
    let members = || prop::collection::vec((0..20_u8, 1..=100_u8), 1..=5);
    prop_oneof![
        (0..20_u8).prop_map(|number| target(&format!("192.0.2.{number}"))),
        prop::collection::vec(0..20_u8, 1..=5).prop_map(|numbers| all(&numbers)),
        members().prop_map(|members| weighted(&members)),
        members().prop_map(|members| sticky(&members)),
    ]
}

fn selection() -> impl Strategy<Value = Selection> {
    let pools = || prop::collection::vec((pool(), 1..=100_u8), 1..=4);
    let name = |pools: Vec<(Selection, u8)>| -> Vec<Named> {
        let name = |(index, (selection, weight))| Named { name: format!("pool{index}"), weight, selection };
        pools.into_iter().enumerate().map(name).collect()
    };
    prop_oneof![
        pool(),
        prop::collection::vec(pool(), 1..=4).prop_map(Selection::All),
        pools().prop_map(move |pools| Selection::Weighted(name(pools))),
        pools().prop_map(move |pools| Selection::Sticky(Sticky::default(), name(pools))),
    ]
}

proptest! {
    #[test]
    fn what_is_picked_is_admitted(selection in selection(), max in prop::option::of(1..=16_u16), client: u32, turns: [u32; 8]) {
        let answer = compile(selection.clone(), max);
        let mut turns = turns.into_iter().chain(iter::repeat(0));
        for _ in 0..4 {
            let picked = answer.pick(IpAddr::V4(client.into()), |_| turns.next().unwrap());
            let records = split(&picked.records).unwrap();
            prop_assert!(answer.admits(&records, IpAddr::V4(client.into())), "{:?} gave {:?}", answer, records);
            prop_assert!(records.len() <= answer.most_records() && picked.records.len() <= answer.most_bytes());
            prop_assert!(records.len() <= usize::from(max.unwrap_or(u16::MAX)) && !records.is_empty());
            prop_assert_eq!(records.iter().collect::<HashSet<_>>().len(), records.len(), "no record twice");
            for record in records {
                let possible = |target: &&Target| matches!(target, Target::Ip(IpAddr::V4(v4)) if v4.octets() == record[12..]);
                prop_assert!(selection.targets().iter().any(possible), "{:?}", record);
            }
        }
    }
}
