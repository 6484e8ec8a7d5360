//! What is answered: types, classes of clients, aliases, several addresses in turn.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gtm_tests::cpu::PinnedGuard;
use gtm_tests::dns::sorted;
use gtm_tests::{Query, Service};
use gtm_userspace::config::model::Verdict;

use crate::program::{Program, V4, V6, can_run};

#[test]
fn addresses_by_class() {
    let Some(program) = Program::example() else { return };
    for (client, last) in [
        (V4, 1),
        ("10.255.255.255", 1),
        ("11.0.0.0", 2),
        ("11.0.255.255", 2),
        ("11.1.0.0", 3),
        ("11.1.1.255", 3),
        ("11.1.2.0", 4),
        ("11.1.2.255", 4),
        ("11.1.3.0", 3),
        ("11.2.0.0", 2),
        ("11.255.255.255", 2),
        ("12.0.0.0", 1),
        (V6, 1),
        ("2001:db8:9:ffff:ffff:ffff:ffff:ffff", 1),
        ("2001:db8:a::", 2),
        ("2001:db8:a:ff:ffff:ffff:ffff:ffff", 2),
        ("2001:db8:a:100::", 3),
        ("2001:db8:a:1fe:ffff:ffff:ffff:ffff", 3),
        ("2001:db8:a:1ff::", 4),
        ("2001:db8:a:1ff:ffff:ffff:ffff:ffff", 4),
        ("2001:db8:a:200::", 2),
        ("2001:db8:b::", 1),
    ] {
        program.check(client, "www.example.com A", &format!("192.0.2.{last}0"));
        program.check(client, "www.example.com AAAA", &format!("2001:db8:ffff::{last}0"));
        program.check(client, "plain.example.com A", "192.0.2.10");
    }
}

#[test]
fn an_answer_without_room_is_left_to_the_server() {
    if !can_run() {
        return;
    }
    let mut program = Program::own_example();
    program.check_both("plain.example.com A", "192.0.2.10");
    program.fill("plain.example.com");
    program.check_both("plain.example.com A", "passed_no_block");
    program.check_both("www.example.com A", "192.0.2.10");
}

#[test]
fn aliases() {
    let Some(program) = Program::example() else { return };
    for rtype in ["A", "AAAA", "CNAME", "TXT", "HTTPS", "TYPE127", "TYPE256", "TYPE65535"] {
        program.check_both(&format!("cdn.example.com {rtype}"), "cdn.example.net");
        program.check("11.9.9.9", &format!("geo.example.com {rtype} edns"), "cdn1.example.net");
        program.check("2001:db8:a::1", &format!("geo.example.com {rtype} edns"), "cdn1.example.net");
        // What the target answers is added, but where it is another steered answer.
        let expect = if matches!(rtype, "A" | "AAAA") { "passed_no_block" } else { "server" };
        program.check_both(&format!("inside.example.com {rtype}"), expect);
    }
    for rtype in ["OPT", "TYPE128", "IXFR", "AXFR", "ANY"] {
        program.check_both(&format!("cdn.example.com {rtype}"), "server");
    }
    program.check_both("mixed.example.com A rd", "cdn1.example.net");
    program.check_both("mixed.example.com AAAA", "server");
    program.check_both("mixed.example.com CNAME", "server");
}

#[test]
fn what_is_the_same_for_everyone() {
    let Some(program) = Program::example() else { return };
    program.check_both("static.example.com A", "server");
    program.check_both("none.example.com A", "server");
    program.check_both("example.org A", "server");
    program.check_both("xn--www.example.com A", "server");
    program.check_both("below.www.example.com A", "server");
    program.check_both("ww.example.com A", "server");
    program.check_both("com A", "server");
    program.check_both(". A", "server");
    program.check_both("off.example.com AAAA", "server");
    program.check_both("www.example.com TXT", "server");
    program.check_both("www.example.com TYPE0", "server");
    program.check_both("www.example.com CNAME", "server");
    program.check_both("www.example.com ANY", "server");
    program.check_both("www.example.com AXFR", "server");
    program.check_both("www.example.com TYPE65535", "server");
    program.check_both("offline.example.com A", "server");
    program.check_both("members.example.com A", "server");
    program.check("11.1.1.1", "members.example.com A", "192.0.2.20");
}

/// Pools of 1 to 16 addresses, all down, so that all are answered: every rotation is met before any is met again.
#[test]
fn every_rotation_of_1_to_16_addresses() {
    if !can_run() {
        return;
    }
    let _pinned = PinnedGuard::new().unwrap();
    let mut config = String::from(
        "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'example']\nfile = 'zone'\n[template.down]\nkind = 'ping'\ninitial = 'down'\n",
    );
    let address = |kind: &str, last: u16| {
        if kind == "ipv4" { format!("192.0.2.{last}") } else { format!("2001:db8:ffff::{last}") }
    };
    for (kind, rtype) in [("ipv4", "A"), ("ipv6", "AAAA")] {
        for count in 1..=16 {
            writeln!(config, "[pool.{kind}-{count}]\nkind = '{kind}'\ntemplates = ['down']").unwrap();
            for last in 1..=count {
                let address = address(kind, last);
                writeln!(config, "[[pool.{kind}-{count}.address]]\naddress = '{address}'\nordinal = {last}")
                    .unwrap();
            }
            writeln!(config, "[[domain]]\nname = 'n{count}.example'\ntype = '{rtype}'\npolicy = 'ordinal'")
                .unwrap();
            writeln!(config, "[[domain.pool]]\npool = '{kind}-{count}'\nordinal = 1").unwrap();
        }
    }
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let program = Program::new(Service::from_text(&config, zone).unwrap());
    for (client, kind, rtype) in
        [(V4, "ipv4", "A"), (V6, "ipv4", "A"), (V4, "ipv6", "AAAA"), (V6, "ipv6", "AAAA")]
    {
        for count in 1..=16 {
            let query: Query = format!("n{count}.example {rtype} edns").parse().unwrap();
            let rotation = |first: u16| -> Vec<u8> {
                let order = (first..=count).chain(1..first);
                query.answer(&order.map(|last| address(kind, last).as_str().into()).collect::<Vec<_>>(), 0)
            };
            let expect: BTreeSet<_> = (1..=count).map(rotation).collect();
            let frame = program.datagram(client, &query.bytes()).frame().unwrap();
            let answers: Vec<_> = (0..2 * count).map(|_| program.run(&frame).unwrap().payload).collect();
            for turn in answers.windows(count.into()) {
                assert_eq!(turn.iter().cloned().collect::<BTreeSet<_>>(), expect, "{count} {kind}");
            }
            if let [first, second, ..] = answers.as_slice()
                && count > 2
            {
                let position =
                    |answer: &Vec<u8>| (1..=count).position(|start| &rotation(start) == answer).unwrap();
                assert_eq!((position(first) + 1) % usize::from(count), position(second), "rotates by one");
            }
        }
    }
}

/// Answers of one record and of three take turns behind an alias: whichever a sample query meets, it is right.
#[test]
fn turns_of_different_length_behind_an_alias() {
    if !can_run() {
        return;
    }
    let config = "version = 1
        service = { listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }
        zone.example.file = 'zone'
        pool.one = { kind = 'ipv4', address = [{ address = '192.0.2.1', ordinal = 1 }] }
        pool.three = { kind = 'ipv4', policy = 'round-robin', address = [
            { address = '192.0.2.2', ordinal = 1 }, { address = '192.0.2.3', ordinal = 2 }, { address = '192.0.2.4', ordinal = 3 }] }
        [[domain]]
        name = 'steered.example'
        type = 'A'
        policy = 'weight'
        pool = [{ pool = 'one', ordinal = 1, weight = 1 }, { pool = 'three', ordinal = 2, weight = 1 }]";
    let zone =
        "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nwww CNAME steered\n";
    let service = Service::from_text(config, zone).unwrap();
    let query: Query = "www.example A".parse().unwrap();
    let mut lengths = BTreeSet::new();
    for _ in 0..8 {
        let generation = service.generation().unwrap();
        let frame = service.datagram(V4.parse().unwrap(), &query.bytes()).unwrap().frame().unwrap();
        lengths.extend((0..8).map(|_| generation.run(&frame).unwrap().1.len()));
    }
    assert_eq!(lengths.len(), 2, "{lengths:?}");
}

/// A verdict changes the answer of the loaded program, and of the server with it.
#[test]
fn failover_and_back() {
    if !can_run() {
        return;
    }
    let config = "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'example']\nfile = 'zone'\n[template.ping]\nkind = 'ping'\n\
         [pool.two]\nkind = 'ipv4'\ntemplates = ['ping']\n\
         [[pool.two.address]]\naddress = '192.0.2.1'\nordinal = 1\n\
         [[pool.two.address]]\naddress = '192.0.2.2'\nordinal = 2\n\
         [pool.away]\nkind = 'domain'\n[[pool.away.address]]\naddress = 'away.example.net'\nordinal = 1\n\
         [[domain]]\nname = 'two.example'\ntype = 'A'\npolicy = 'ordinal'\n[[domain.pool]]\npool = 'two'\nordinal = 1\n\
         [[domain]]\nname = 'away.example'\ntype = 'A'\npolicy = 'ordinal'\n[[domain.pool]]\npool = 'two'\nordinal = 1\n\
         [[domain.pool]]\npool = 'away'\nordinal = 2\n";
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let mut program = Program::new(Service::from_text(config, zone).unwrap());
    for _ in 0..3 {
        program.check_both("two.example A", "192.0.2.1");
        program.check_both("away.example A", "192.0.2.1");
        program.set_verdict("192.0.2.1", Verdict::Failed);
        program.check_both("two.example A", "192.0.2.2");
        program.check_both("away.example A", "192.0.2.2");
        program.set_verdict("192.0.2.2", Verdict::Failed);
        program.check_both("away.example A", "away.example.net");
        let query: Query = "two.example A".parse().unwrap();
        let sent = program.run(&program.datagram(V4, &query.bytes()).frame().unwrap()).unwrap();
        assert_eq!(
            sorted(&sent.payload),
            sorted(&query.answer(&["192.0.2.1".into(), "192.0.2.2".into()], 0))
        );
        program.set_verdict("192.0.2.1", Verdict::Passing);
        program.check_both("two.example A", "192.0.2.1");
        program.set_verdict("192.0.2.2", Verdict::Passing);
    }
}
