//! The OPT record: sizes, options, client subnets.

use gtm_tests::{Query, Service};

use crate::program::{Program, V4, V6, can_run};

#[test]
fn opt_record() {
    let Some(program) = Program::example() else { return };
    for size in [0, 511, 512, 1232, 4096, 65535] {
        program.check_both(&format!("www.example.com A edns={size}"), "192.0.2.10");
        program.check_both(&format!("cdn.example.com A edns={size} do"), "cdn.example.net");
    }
    program.check_both("www.example.com A edns do", "192.0.2.10");
    for rest in ["version=1", "version=255 do", "version=1 option=3 option=8:00"] {
        program.check_both(&format!("www.example.com A edns {rest}"), "server");
    }
}

/// Sixteen addresses are 448 bytes and fit beside a short name; what does not fit is left out, and TC says so.
#[test]
fn size_limits() {
    let Some(program) = Program::example() else { return };
    let all: Vec<String> = (201..=216).map(|last| format!("2001:db8:ffff::{last}")).collect();
    let answered = |client: &str, query: &str| {
        let query: Query = query.parse().unwrap();
        let sent = program.run(&program.datagram(client, &query.bytes()).frame().unwrap());
        sent.map(|datagram| {
            if datagram.payload[2] & 2 != 0 {
                let server = program.service.respond(&query.bytes(), client.parse().unwrap()).unwrap();
                assert_eq!(datagram.payload, server);
                return 0;
            }
            let records: Vec<_> = all.iter().map(|address| address.as_str().into()).collect();
            assert_eq!(datagram.payload.len(), query.answer(&records, 0).len());
            assert_eq!(
                gtm_tests::dns::sorted(&datagram.payload),
                gtm_tests::dns::sorted(&query.answer(&records, 0))
            );
            datagram.payload.len()
        })
    };
    for client in [V4, V6] {
        // Header 12, question 21, records 448.
        assert_eq!(answered(client, "all.example.com AAAA"), Ok(481));
        // The OPT record has 11 bytes, a subnet of 56 bits 15 and one of 128 bits 24.
        assert_eq!(answered(client, "all.example.com AAAA edns=0"), Ok(492));
        assert_eq!(answered(client, "all.example.com AAAA edns=512 ecs=2001:db8::/56"), Ok(507));
        assert_eq!(answered(client, "all.example.com AAAA edns=512 ecs=2001:db8::/96"), Ok(512));
        assert_eq!(answered(client, "all.example.com AAAA edns=512 ecs=2001:db8::/97"), Ok(0));
        assert_eq!(answered(client, "all.example.com AAAA edns=511 ecs=2001:db8::/128"), Ok(0));
        assert_eq!(answered(client, "all.example.com AAAA edns=515 ecs=2001:db8::/128"), Ok(0));
        assert_eq!(answered(client, "all.example.com AAAA edns=516 ecs=2001:db8::/128"), Ok(516));
        assert_eq!(answered(client, "all.example.com AAAA edns=65535 ecs=2001:db8::/128"), Ok(516));
    }
}

/// An answer that only fits with EDNS is no reason to refuse the table.
#[test]
fn name_and_answer_beyond_512_bytes() {
    if !can_run() {
        return;
    }
    let name = ["l".repeat(60), "example".to_owned()].join(".");
    let addresses: Vec<_> =
        (1..=16).map(|last| format!("{{ address = '2001:db8:ffff::{last}', ordinal = {last} }}")).collect();
    let config = format!(
        "version = 1
        service = {{ listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }}
        zone.example.file = 'zone'
        template.down = {{ kind = 'ping', initial = 'down' }}
        pool.all = {{ kind = 'ipv6', templates = ['down'], address = [{}] }}
        domain = [{{ name = '{name}', type = 'AAAA', policy = 'ordinal', pool = [{{ pool = 'all', ordinal = 1 }}] }}]",
        addresses.join(", ")
    );
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let program = Program::new(Service::from_text(&config, zone).unwrap());
    program.check_both(&format!("{name} AAAA"), "server");
    let query: Query = format!("{name} AAAA edns=600").parse().unwrap();
    for client in [V4, V6] {
        let sent = program.run(&program.datagram(client, &query.bytes()).frame().unwrap()).unwrap();
        assert_eq!(sent.payload.len(), 12 + 70 + 4 + 448 + 11);
    }
}

#[test]
fn client_subnet() {
    let Some(program) = Program::example() else { return };
    for (subnet, last, scope) in [
        ("11.1.2.0/24", 4, 24),
        ("11.1.2.9/32", 4, 24),
        ("11.1.3.0/24", 3, 24),
        ("11.1.0.0/20", 3, 23),
        ("11.1.128.0/17", 3, 17),
        ("11.0.0.0/8", 2, 16),
        ("11.128.0.0/9", 2, 9),
        ("1.0.0.0/8", 1, 5),
        ("128.0.0.0/1", 1, 1),
        ("192.0.2.0/24", 1, 1),
        ("223.255.255.255/32", 1, 1),
        ("2001:db8::/32", 1, 45),
        ("2001:db8:a::/48", 2, 56),
        ("2001:db8:a:100::/56", 3, 57),
        ("2001:db8:a:1fe::/63", 3, 64),
        ("2001:db8:a:1ff::/64", 4, 64),
        ("2001:db8:a:1ff::1/128", 4, 64),
        ("2001:db8:a:200::/55", 2, 55),
        ("2001:db8:b::/48", 1, 48),
        ("8000::/1", 1, 1),
        ("1::/16", 1, 3),
    ] {
        for client in [V4, V6, "11.1.2.3"] {
            let query = format!("www.example.com A edns ecs={subnet}");
            program.check(client, &query, &format!("192.0.2.{last}0 scope {scope}"));
            let query = format!("www.example.com AAAA edns=512 do option=10:0011223344556677 ecs={subnet}");
            program.check(client, &query, &format!("2001:db8:ffff::{last}0 scope {scope}"));
            // The answer does not depend on the client.
            let query = format!("plain.example.com A edns ecs={subnet}");
            program.check(client, &query, "192.0.2.10 scope 0");
        }
    }
    // Every length of the address.
    for length in 1..=32 {
        program.check_both(&format!("www.example.com A edns ecs=128.0.0.0/{length}"), "192.0.2.10 scope 1");
    }
    for length in 1..=128 {
        program.check_both(&format!("www.example.com A edns ecs=8000::/{length}"), "192.0.2.10 scope 1");
    }
}

/// A subnet of length 0 tells nothing: the sender is the client, and the scope is 0 (RFC 7871 section 7.1.2).
#[test]
fn client_subnet_of_length_0() {
    let Some(program) = Program::example() else { return };
    for subnet in ["0.0.0.0/0", "::/0"] {
        program.check("11.1.2.3", &format!("www.example.com A edns ecs={subnet}"), "192.0.2.40 scope 0");
        program.check("2001:db8:a::3", &format!("www.example.com A edns ecs={subnet}"), "192.0.2.20 scope 0");
    }
}

/// So does one that names an address which nobody on the Internet has.
#[test]
fn client_subnet_of_nobody() {
    let Some(program) = Program::example() else { return };
    for subnet in
        ["10.1.2.0/24", "0.0.0.0/1", "192.168.0.0/16", "224.0.0.1/32", "::/1", "fc00::/7", "::1/128"]
    {
        program.check("11.1.2.3", &format!("www.example.com A edns ecs={subnet}"), "192.0.2.40 scope 0");
        program.check("2001:db8:a::3", &format!("www.example.com A edns ecs={subnet}"), "192.0.2.20 scope 0");
    }
}

#[test]
fn name_server_identifier() {
    let Some(program) = Program::example() else { return };
    for options in ["option=3", "option=3:abcd", "ecs=11.1.2.0/24 option=10:00 option=3"] {
        for question in
            ["www.example.com A", "none.example.com A", "www.example.org A", "static.example.com TXT"]
        {
            program.check_both(&format!("{question} edns {options}"), "server");
        }
    }
}

/// Identifiers that end at each place of a word, and the longest.
#[test]
fn name_server_identifiers_of_many_lengths() {
    if !can_run() {
        return;
    }
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    for length in (1..=9).chain([62, 63, 64]) {
        let identifier = "0123456789abcdef".repeat(4)[..length].to_owned();
        let config = format!(
            "version = 1
            service = {{ listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }}
            dns = {{ nsid = '{identifier}', extended_errors = true }}
            zone.example.file = 'zone'"
        );
        let program = Program::new(Service::from_text(&config, zone).unwrap());
        for question in ["ns.example A", "example.org A", "n.example AAAA"] {
            program.check_both(&format!("{question} edns option=3"), "server");
            program.check_both(&format!("{question} edns ecs=11.1.2.0/23 option=3"), "server");
        }
    }
}

/// The client subnets of senders in the list are heeded, those of others are options that nobody knows.
#[test]
fn trusted_senders() {
    if !can_run() {
        return;
    }
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    for (ecs, trusted) in [
        ("'always'", &["192.0.2.1", "11.0.0.1", "2001:db8:1::1"][..]),
        ("'never'", &[]),
        ("['192.0.2.0/24', '2001:db8:1::/48']", &["192.0.2.1", "192.0.2.255", "2001:db8:1:ffff::"]),
        ("['0.0.0.0/0']", &["192.0.2.1", "11.0.0.1"]),
        ("['::/0']", &["2001:db8:1::1", "2001:db8:2::1"]),
        ("['11.0.0.1/32', '11.0.0.128/25']", &["11.0.0.1", "11.0.0.128", "11.0.0.255"]),
    ] {
        let config = format!(
            "version = 1
            service = {{ listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }}
            dns = {{ ecs = {ecs} }}
            zone.example.file = 'zone'"
        );
        let program = Program::new(Service::from_text(&config, zone).unwrap());
        let senders = ["192.0.2.1", "192.0.2.255", "11.0.0.1", "11.0.0.2", "11.0.0.128", "11.0.0.255"];
        let others = ["2001:db8:1::1", "2001:db8:1:ffff::", "2001:db8:2::1"];
        for sender in senders.into_iter().chain(others) {
            let query: Query = "ns.example A edns ecs=11.1.2.0/24".parse().unwrap();
            let sent = program.run(&program.datagram(sender, &query.bytes()).frame().unwrap()).unwrap();
            assert_eq!(
                sent.payload,
                program.service.respond(&query.bytes(), sender.parse().unwrap()).unwrap()
            );
            let is_listed = trusted.contains(&sender);
            // The option of a subnet of 24 bits has 11 bytes.
            let without: Query = "ns.example A edns".parse().unwrap();
            let plain = program.run(&program.datagram(sender, &without.bytes()).frame().unwrap()).unwrap();
            assert!(sent.payload.len() - plain.payload.len() == 11 || !is_listed, "{ecs} {sender}");
        }
    }
}

#[test]
fn options_around_a_client_subnet() {
    let Some(program) = Program::example() else { return };
    let expect = "192.0.2.40 scope 24";
    for options in [
        "option=10:0011223344556677 ecs=11.1.2.0/24",
        "ecs=11.1.2.0/24 option=10:0011223344556677",
        "option=65001 option=4:abcd ecs=11.1.2.0/24 option=12:000000",
        "option=12:00 option=12:0000 option=12:000000 ecs=11.1.2.0/24",
        "option=1 option=2 option=30 option=4 option=5 option=6 option=7 ecs=11.1.2.0/24",
        "ecs=11.1.2.0/24 option=1 option=2 option=30 option=4 option=5 option=6 option=7:00",
    ] {
        program.check_both(&format!("www.example.com A edns {options}"), expect);
    }
    for options in [
        "option=1 option=2 option=30 option=4 option=5 option=6 option=7 option=9 ecs=11.1.2.0/24",
        "ecs=11.1.2.0/24 option=1 option=2 option=30 option=4 option=5 option=6 option=7 option=9",
        "option=1 option=2 option=30 option=4 option=5 option=6 option=7 option=9 option=10",
    ] {
        program.check_both(&format!("www.example.com A edns {options}"), "passed_many_options");
    }
    let long = "00".repeat(900);
    program.check_both(&format!("www.example.com A edns option=12:{long} ecs=11.1.2.0/24"), expect);
    program.check_both("www.example.com A edns option=10:00 option=1 option=2:00", "192.0.2.10");
}

#[test]
fn malformed_client_subnet() {
    let Some(program) = Program::example() else { return };
    for options in [
        "option=8",
        "option=8:0001",
        "option=8:000118",
        "option=8:00011800",           // no address
        "option=8:000118000a01",       // too short
        "option=8:000118000a010200",   // too long
        "option=8:00010000ff",         // the same, without a length
        "option=8:000117000a0103",     // a bit behind the prefix
        "option=8:00010100c0",         // the same
        "option=8:000118180a0102",     // a scope
        "option=8:000121000a01020300", // 33 bits
        "option=8:000308000a",         // family 3
        "option=8:010118000a0102",     // family 257
        "option=8:0002810020010db8000000000000000000000000 00",
        "option=8:0002400020010db80000000100",
        "option=8:0002410020010db80000000140",
        "option=8:00027f0020010db8000000000000000000000001",
        "ecs=11.1.2.0/24 ecs=11.1.2.0/24",
        "ecs=11.1.2.0/24 option=10 option=8:00010000",
        "option=8:00010000 ecs=11.1.2.0/24",
    ] {
        let options = options.replace(" 00", "00");
        program.check_both(&format!("www.example.com A edns {options}"), "server");
    }
}

/// Option lengths that do not fill the record.
#[test]
fn malformed_options() {
    let Some(program) = Program::example() else { return };
    for (length, options, expect) in [
        (1, "00", "server"),
        (3, "000a00", "server"),
        (4, "000a0001", "server"),
        (5, "000a000200", "server"),
        (4, "000affff", "server"),
        (8, "0008000800011800", "server"),
        (7, "0008000800011800", "passed_bad_edns"),
        (3, "000a0000", "passed_bad_edns"),
        (5, "000a0000", "passed_bad_edns"),
        (65535, "000a0000", "passed_bad_edns"),
    ] {
        let opt = format!("00 0029 1000 00000000 {length:04x} {options}").replace(' ', "");
        program.check_both(&format!("www.example.com A counts=1,0,0,1 tail={opt}"), expect);
    }
    // Another record than OPT, and an OPT record elsewhere than at the root.
    for record in [
        "00 0001 0001 0000001e 0004 0a000001",
        "0161 00 0029 1000 00000000 0000",
        "c00c 0029 1000 00000000 0000",
    ] {
        let record = record.replace(' ', "");
        program.check_both(&format!("www.example.com A counts=1,0,0,1 tail={record}"), "passed_bad_edns");
    }
}
