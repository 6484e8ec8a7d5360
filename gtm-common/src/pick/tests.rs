//! Shares and consistency, against definitions in floating point.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the definitions are in floating point"
)]

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The tolerance of the requirement, over a million answers.
const TOLERANCE: f64 = 1.0 / 65_536.0;
const MILLION: u32 = 1_000_000;

fn last_points(weights: &[u32]) -> Vec<u32> {
    let total = weights.iter().sum();
    let mut sum = 0;
    let mut last_point_of = |weight: &u32| {
        sum += weight;
        last_point(sum, total)
    };
    weights.iter().map(&mut last_point_of).collect()
}

fn by_weight(last_points: &[u32], point: u32) -> usize {
    last_points.iter().position(|last| point <= *last).unwrap()
}

#[track_caller]
fn check_shares(weights: &[u32], start: u32, multiplier: u64) {
    let last_points = last_points(weights);
    let mut counts = std::vec![0_u32; weights.len()];
    for turn in 0..MILLION {
        counts[by_weight(&last_points, point(start.wrapping_add(turn), multiplier))] += 1;
    }
    let total: u32 = weights.iter().sum();
    for (count, weight) in counts.iter().zip(weights) {
        let share = f64::from(*count) / f64::from(MILLION);
        let expect = f64::from(*weight) / f64::from(total);
        assert!((share - expect).abs() <= TOLERANCE, "{weights:?} from {start}: {share}, not {expect}");
    }
}

#[test]
fn a_million_turns_are_exact() {
    for multiplier in GATHERED.into_iter().chain([OUTER, INNER]) {
        // The last start passes the end of the counter.
        for start in [0, 1, 123_456_789, u32::MAX - MILLION / 2] {
            for weights in [&[1, 2][..], &[1, 99], &[7, 11, 13], &[1], &[100; 16], &[1, 100, 3, 50]] {
                check_shares(weights, start, multiplier);
            }
        }
    }
}

#[test]
fn the_last_points_cover_everything_once() {
    assert_eq!(last_points(&[1]), [u32::MAX]);
    assert_eq!(last_points(&[1, 1]), [0x7fff_ffff, u32::MAX]);
    assert_eq!(last_points(&[1, 2, 1]), [0x3fff_ffff, 0xbfff_ffff, u32::MAX]);
    let last = last_points(&[100; 16]);
    assert!(last.windows(2).all(|pair| pair[0] < pair[1]), "{last:?}");
}

/// Both levels turn by counters of their own, or, where these fall on one another, by one.
#[test]
fn every_pair_of_a_nested_choice_has_its_share() {
    let (outer, inner) = ([1, 2, 4], [[7, 11, 13], [1, 99, 0], [1, 1, 1]]);
    for shared in [false, true] {
        let mut counts = BTreeMap::<(usize, usize), u32>::new();
        let (mut outer_turn, mut inner_turns) = (7_u32, [0_u32; 3]);
        for _ in 0..MILLION {
            let pool = by_weight(&last_points(&outer), point(outer_turn, OUTER));
            outer_turn += 1;
            let inner_turn = if shared { &mut outer_turn } else { &mut inner_turns[pool] };
            let address = by_weight(&last_points(&inner[pool]), point(*inner_turn, INNER));
            *inner_turn += 1;
            *counts.entry((pool, address)).or_default() += 1;
        }
        for ((pool, address), count) in counts {
            let share = f64::from(count) / f64::from(MILLION);
            let weights = f64::from(outer[pool]) * f64::from(inner[pool][address]);
            let expect = weights / f64::from(outer.iter().sum::<u32>() * inner[pool].iter().sum::<u32>());
            let tolerance = if shared { 4.0 * TOLERANCE } else { TOLERANCE };
            assert!((share - expect).abs() <= tolerance, "{pool} {address}: {share}, not {expect}");
        }
    }
}

#[test]
fn what_is_gathered_is_picked_independently() {
    let one_in_four = |turn, place| point(turn, gathered(place)) <= u32::MAX / 4;
    for (one, other) in (0..16).flat_map(|one| (0..one).map(move |other| (one, other))) {
        let both = (0..MILLION).filter(|turn| one_in_four(*turn, one) && one_in_four(*turn, other)).count();
        let share = f64::from(u32::try_from(both).unwrap()) / f64::from(MILLION);
        assert!((share - 1.0 / 16.0).abs() < 1e-3, "{one} and {other}: {share}");
    }
}

#[test]
fn prefixes_are_cut() {
    let v4 = |text: &str| Client::V4(text.parse::<std::net::Ipv4Addr>().unwrap().to_bits());
    let v6 = |text: &str| {
        let bits = text.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
        Client::V6(V6 { high: (bits >> 64) as u64, low: (bits << 64 >> 64).try_into().unwrap() })
    };
    let check = |one: Client, other: Client, v4, v6, expect: bool| {
        assert_eq!(one.hash(v4, v6) == other.hash(v4, v6), expect, "{one:?} {other:?} {v4} {v6}");
    };
    check(v4("192.0.2.1"), v4("192.0.2.255"), 24, 56, true);
    check(v4("192.0.2.1"), v4("192.0.3.1"), 24, 56, false);
    check(v4("192.0.2.1"), v4("192.0.3.1"), 23, 56, true);
    check(v4("192.0.2.1"), v4("192.0.2.0"), 32, 56, false);
    check(v4("0.0.0.0"), v4("127.0.0.0"), 1, 56, true);
    check(v4("0.0.0.0"), v4("128.0.0.0"), 1, 56, false);
    check(v6("2001:db8::"), v6("2001:db8:0:ff::"), 24, 56, true);
    check(v6("2001:db8::"), v6("2001:db8:0:100::"), 24, 56, false);
    check(v6("2001:db8::"), v6("2001:db8::ffff"), 24, 64, true);
    check(v6("2001:db8::"), v6("2001:db8::8000:0:0:0"), 24, 65, false);
    check(v6("2001:db8::"), v6("2001:db8::1"), 24, 128, false);
    check(v6("::"), v6("7fff::"), 24, 1, true);
    check(v6("::"), v6("8000::"), 24, 1, false);
    check(v6("::"), v4("0.0.0.0"), 32, 128, false);
}

fn exact_wait(r: u64) -> f64 {
    -(-(r as f64) / 2_f64.powi(64)).ln_1p()
}

proptest! {
    #[test]
    fn waits_are_exponential(r: u64, shift in 0_u32..24) {
        for r in [r >> shift, !(r >> shift).max(1 << 12)] {
            let (wait, expect) = (wait(r) as f64 / 2_f64.powi(51), exact_wait(r));
            // A wait is whole, so its last bit may be off; close to the end of the distribution the definition itself
            // is no longer exact.
            let (error, last_bit) = ((wait - expect).abs(), 2_f64.powi(-51));
            prop_assert!(error <= expect * 2_f64.powi(-20) + last_bit, "{r:x}: {wait}, not {expect}, error {error}");
        }
    }

    #[test]
    fn waits_ascend(r: u64, step in 1_u64..1 << 50) {
        prop_assert!(wait(r) <= wait(r.saturating_add(step)));
        prop_assert!(wait(u64::MAX) < 46 << 51);
    }
}

/// Members by name and weight.
type Members = Vec<(String, u32)>;

fn winner(client: u64, members: &Members) -> &str {
    let mut best: Option<(Draw, &str)> = None;
    for (name, weight) in members {
        let draw = Draw::new(client, key(name.as_bytes()), *weight);
        if best.is_none_or(|(best, _)| draw.is_before(best)) {
            best = Some((draw, name));
        }
    }
    best.unwrap().1
}

fn members() -> impl Strategy<Value = Members> {
    let named = |weights: Vec<u32>| {
        weights.into_iter().enumerate().map(|(index, weight)| (format!("pool{index}"), weight)).collect()
    };
    prop::collection::vec(1..=100_u32, 1..=16).prop_map(named)
}

proptest! {
    /// A member that leaves moves its own clients and nobody else's; when it returns, all is as it was.
    #[test]
    fn only_the_clients_of_a_leaving_member_move(members in members(), leaves in 0..16_usize, addresses in prop::collection::vec(any::<u32>(), 100)) {
        let mut fewer = members.clone();
        if members.len() > 1 {
            fewer.remove(leaves % members.len());
        }
        let by = leaves % fewer.len();
        fewer.rotate_left(by);
        for address in addresses {
            let client = Client::V4(address).hash(24, 56);
            let before = winner(client, &members);
            if fewer.iter().any(|(name, _)| name == before) {
                prop_assert_eq!(winner(client, &fewer), before);
            }
        }
    }

    /// A member whose weight grows loses no client, and one whose weight shrinks wins none.
    #[test]
    fn weights_move_clients_one_way(members in members(), grows in 0..16_usize, addresses in prop::collection::vec(any::<u32>(), 100)) {
        let mut heavier = members.clone();
        let grows = grows % members.len();
        heavier[grows].1 += 10;
        for address in addresses {
            let client = Client::V4(address).hash(32, 128);
            let (before, after) = (winner(client, &members), winner(client, &heavier));
            prop_assert!(before == after || after == members[grows].0, "{} {}", before, after);
        }
    }
}

/// Over 2^20 neighbouring prefixes every share is within five standard deviations.
#[test]
fn clients_are_spread_by_weight() {
    const CLIENTS: u32 = 1 << 20;
    for weights in [&[1, 2][..], &[1, 99], &[7, 11, 13], &[100; 16]] {
        let members: Members =
            weights.iter().enumerate().map(|(index, weight)| (format!("192.0.2.{index}"), *weight)).collect();
        let of_v4 = |index: u32| Client::V4(index << 8).hash(24, 56);
        let of_v6 = |index: u32| Client::V6(V6 { high: u64::from(index) << 8, low: 0 }).hash(24, 56);
        for client in [&of_v4 as &dyn Fn(u32) -> u64, &of_v6] {
            let mut counts = BTreeMap::<&str, u32>::new();
            for index in 0..CLIENTS {
                *counts.entry(winner(client(index), &members)).or_default() += 1;
            }
            let total: u32 = weights.iter().sum();
            for (name, weight) in &members {
                let expect = f64::from(*weight) / f64::from(total);
                let share = f64::from(counts[name.as_str()]) / f64::from(CLIENTS);
                let deviation = (expect * (1.0 - expect) / f64::from(CLIENTS)).sqrt();
                assert!(
                    (share - expect).abs() < 5.0 * deviation,
                    "{weights:?} {name}: {share}, not {expect}"
                );
            }
        }
    }
}
