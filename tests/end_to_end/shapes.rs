//! Answers of every length over veth, where a frame has next to no room at its end and the program makes it at the head:
//! QNAMEs of all lengths, one to sixteen addresses, with and without EDNS and client subnet.
//!
//! Each answer comes through a socket, which drops what has a wrong checksum, and is compared byte by byte; the frame
//! of each one from the kernel is captured as well, and its lengths and sums are taken by hand.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gtm_common::counters::Outcome;
use gtm_tests::counters::{Snapshot, snapshot};
use gtm_tests::gtm::CONFIG;
use gtm_tests::query::{Record, wire};
use gtm_tests::{Query, RawSocket, dns};
use tempfile::TempDir;

use crate::stage::{CLIENT_DEVICE, EDGE0, Stage, folder};
use crate::{DEADLINE, beside_others, can_run};

/// Addresses of a pool, and the zone whose names have them.
const POOLS: [(u8, &str); 4] = [(1, "a"), (3, "b"), (7, "c"), (16, "d")];
/// From the shortest QNAME to the longest; seven is prime to eight, so all remainders come.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=255;
const STEP: usize = 7;
/// An answer that is this much longer than its query always finds room in the headroom of veth: 256 bytes
/// (`XDP_PACKET_HEADROOM`) less what the kernel keeps there for itself.
const ALWAYS_ROOM: usize = 200;

#[test]
fn answers_of_every_length_are_right() {
    if !can_run("answers_of_every_length_are_right", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(configuration());
    let raw = RawSocket::open(&stage.side().namespace, CLIENT_DEVICE).unwrap();
    let mut by_kernel = 0_u32;
    let mut no_room = 0_u32;
    let mut before = look(&stage);
    for (count, zone) in POOLS {
        for length in LENGTHS.step_by(STEP) {
            for (rtype, opt) in kinds() {
                let query: Query = format!("{} {rtype} rd {opt}", name(length, zone)).parse().unwrap();
                assert_eq!(query.qname.len(), length);
                let records: Vec<Record> =
                    (1..=count).map(|last| Record::Address(address(rtype, last))).collect();
                let expect = query.answer(&records, 0);
                for (client, server) in stage.side().pairs() {
                    let bytes = query.bytes();
                    let what =
                        format!("{rtype} of {count} addresses, QNAME of {length} bytes, {opt:?}, {server}");
                    let answer = client.send(server, &bytes);
                    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error:#}"));
                    let captured = raw.datagram_from(server.port(), DEADLINE);
                    let after = look(&stage);
                    let counted = gtm_tests::counters::difference(&before.counters, &after.counters);
                    before = after;
                    // More than 512 bytes without EDNS: truncated, by userspace.
                    if query.opt.is_none() && expect.len() > 512 {
                        assert_eq!(counted, [(Outcome::AnsweredTruncated, 1)], "{what}");
                        assert!(
                            answer.message.metadata.truncation && answer.message.answers.is_empty(),
                            "{what}"
                        );
                        continue;
                    }
                    assert!(
                        dns::sorted(&answer.bytes) == dns::sorted(&expect),
                        "{what}\n{}\nexpected {}",
                        dns::shown(&answer.bytes),
                        dns::shown(&expect)
                    );
                    if counted == [(Outcome::PassedNoRoom, 1)] {
                        assert!(expect.len() > bytes.len() + ALWAYS_ROOM, "no room for {what}");
                        no_room += 1;
                        continue;
                    }
                    assert_eq!(counted, [(Outcome::Answered, 1)], "{what}");
                    by_kernel += 1;
                    let reply = captured.unwrap_or_else(|error| panic!("{what}: {error:#}"));
                    assert_eq!(reply.payload, answer.bytes, "{what}");
                    assert_eq!((reply.from, reply.to.ip()), (server, client.address()), "{what}");
                }
            }
        }
    }
    // Both ways were gone.
    assert!(by_kernel > 0 && no_room > 0, "{by_kernel} by the kernel, {no_room} without room");
    crate::say(&format!(
        "{by_kernel} answers of all lengths by the kernel, {no_room} by userspace for want of room"
    ));
    gtm.stop().unwrap();
}

fn look(stage: &Stage) -> Snapshot {
    snapshot(&stage.edge, EDGE0).unwrap().unwrap()
}

/// Types, and what a query has beside its question.
fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let opts = ["", "edns=1232", "edns=4096 do ecs=203.0.113.0/24", "edns=1232 ecs=2001:db8:1::/56"];
    ["A", "AAAA"].into_iter().flat_map(move |rtype| opts.map(|opt| (rtype, opt)))
}

/// The address of this number in a pool of the type.
fn address(rtype: &str, last: u8) -> IpAddr {
    match rtype {
        "A" => Ipv4Addr::new(192, 0, 2, last).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0x30, 0, 0, 0, 0, u16::from(last)).into(),
    }
}

/// A name below the zone that has this length in wire form; the zone itself has three bytes.
fn name(length: usize, zone: &str) -> String {
    let mut name = String::new();
    let mut left = length - 3;
    while left > 0 {
        // A label of at most 63 letters and its length; never so that a single byte is left.
        let label = match left {
            0..=64 => left,
            65 => 63,
            _ => 64,
        };
        name.push_str(&"xY".repeat(32)[..label - 1]);
        name.push('.');
        left -= label;
    }
    let name = name + zone;
    assert_eq!(wire(&name).map(|wire| wire.len()).ok(), Some(length));
    name
}

/// A folder with all these names. Every address is down, so that all of a pool are answered.
fn configuration() -> TempDir {
    let folder = folder();
    let mut text = String::from(
        "version = 1
[service]
listen = [\"198.51.100.53\", \"2001:db8:53::53\"]
interfaces = [\"edge0\"]
xdp_mode = \"native\"
[control]
socket = \"gtm.sock\"
[store]
file = \"gtm.redb\"
[template.down]
kind = \"tcp\"
interval = \"1h\"
initial = \"down\"
port = 9
",
    );
    for (count, zone) in POOLS {
        writeln!(text, "[zone.\"{zone}\"]\nfile = \"{zone}.zone\"").unwrap();
        fs::write(
            folder.path().join(format!("{zone}.zone")),
            format!("$ORIGIN {zone}.\n$TTL 1h\n@ IN SOA ns.{zone}. host.{zone}. 1 2h 15m 2w 5m\n@ IN NS ns.example.com.\n"),
        )
        .unwrap();
        for (rtype, kind) in [("A", "ipv4"), ("AAAA", "ipv6")] {
            writeln!(text, "[pool.{zone}-{kind}]\nkind = \"{kind}\"\ntemplates = [\"down\"]").unwrap();
            for last in 1..=count {
                let address = address(rtype, last);
                writeln!(text, "[[pool.{zone}-{kind}.address]]\naddress = \"{address}\"\nordinal = {last}")
                    .unwrap();
            }
            for length in LENGTHS.step_by(STEP) {
                let name = name(length, zone);
                writeln!(text, "[[domain]]\nname = \"{name}\"\ntype = \"{rtype}\"\npolicy = \"ordinal\"")
                    .unwrap();
                writeln!(text, "pool = [{{ pool = \"{zone}-{kind}\", ordinal = 1 }}]").unwrap();
            }
        }
    }
    fs::write(folder.path().join(CONFIG), text).unwrap();
    folder
}
