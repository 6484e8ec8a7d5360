//! A million answers of the program: each member has its share by weight, to 2^-16.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use gtm_tests::cpu::PinnedGuard;
use gtm_tests::{Query, privilege};
use gtm_userspace::config::model::Target;
use gtm_userspace::decision::Selection;
use gtm_userspace::decision::selection::Member;

use crate::choices::{compile, service};

const MILLION: u32 = 1_000_000;

/// Addresses 192.0.2.N by weight.
fn by_weight(members: &[(u8, u8)]) -> Selection {
    let member = |(number, weight): &(u8, u8)| {
        let target = Target::Ip(Ipv4Addr::new(192, 0, 2, *number).into());
        Member { name: target.to_string(), weight: *weight, selection: Selection::Target(target) }
    };
    Selection::Weighted(members.iter().map(member).collect())
}

/// The weight of each address: its own, times that of its pool over the sum of the pool.
fn check(name: &str, selection: Selection, shares: &[(u8, f64)]) {
    let service = service(1);
    let table = service.decider().table();
    service.store(
        table.names[&name.parse::<gtm_userspace::name::Name>().unwrap()][0].slot,
        compile(selection, None),
    );
    let generation = service.generation().unwrap();
    let query: Query = format!("{name} A").parse().unwrap();
    let frame = service.datagram([192, 0, 2, 99].into(), &query.bytes()).unwrap().frame().unwrap();
    // Each CPU has turns of its own.
    let _pinned = PinnedGuard::new().unwrap();
    let mut counts = BTreeMap::<u8, u32>::new();
    for _ in 0..MILLION {
        let (_, reply) = generation.run(&frame).unwrap();
        *counts.entry(*reply.last().unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), shares.len(), "{counts:?}");
    for (address, expect) in shares {
        let share = f64::from(counts[address]) / f64::from(MILLION);
        assert!((share - expect).abs() <= 1.0 / 65_536.0, "{name}, {address}: {share}, not {expect}");
    }
}

#[test]
fn by_weight_at_one_level() {
    if !privilege::root_or_skip("by_weight_at_one_level") {
        return;
    }
    check("n0.example", by_weight(&[(1, 1), (2, 99)]), &[(1, 0.01), (2, 0.99)]);
    let parts = by_weight(&[(1, 7), (2, 11), (3, 13)]);
    check("t0.example", parts, &[(1, 7.0 / 31.0), (2, 11.0 / 31.0), (3, 13.0 / 31.0)]);
}

#[test]
fn by_weight_at_both_levels() {
    if !privilege::root_or_skip("by_weight_at_both_levels") {
        return;
    }
    let pool = |name: &str, weight, selection| Member { name: name.into(), weight, selection };
    let pools = vec![
        pool("a", 1, by_weight(&[(1, 7), (2, 11), (3, 13)])),
        pool("b", 2, by_weight(&[(4, 1), (5, 99)])),
    ];
    let (a, b) = (1.0 / 3.0 / 31.0, 2.0 / 3.0 / 100.0);
    let shares = [(1, a * 7.0), (2, a * 11.0), (3, a * 13.0), (4, b), (5, b * 99.0)];
    check("n0.example", Selection::Weighted(pools), &shares);
}

/// Two pools in every answer, and one of them by weight.
#[test]
fn by_weight_in_a_gathering() {
    if !privilege::root_or_skip("by_weight_in_a_gathering") {
        return;
    }
    // In every second answer the pool by weight comes last: its shares are one half of the whole.
    let all = |number: u8| Selection::Target(Target::Ip(Ipv4Addr::new(192, 0, 2, number).into()));
    let parts = vec![by_weight(&[(1, 1), (2, 2)]), Selection::All(vec![all(3), all(4)])];
    check("n0.example", Selection::All(parts), &[(1, 1.0 / 6.0), (2, 1.0 / 3.0), (3, 0.25), (4, 0.25)]);
}
