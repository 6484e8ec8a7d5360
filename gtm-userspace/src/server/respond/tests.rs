//! Vectors of the responder, one line each: a query in words, its answer in words as an independent decoder reads it.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use gtm_common::wire::HEADER_LEN;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record};
use proptest::prelude::*;

mod options;

use super::*;
use crate::server::fixture::{TCP, hex, query, tables, tables_with};

/// Who asks unless a case says otherwise.
const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));

fn describe_record(record: &Record) -> String {
    let data = if let RData::SOA(_) = &record.data {
        String::new()
    } else if let RData::Unknown { code, rdata } = &record.data
        && u16::from(*code) == DNAME
    {
        format!(" {}.", Name::from_wire(&rdata.anything).unwrap())
    } else {
        format!(" {}", record.data)
    };
    format!("{} {} {}{data}", record.name, record.ttl, record.record_type())
}

/// The records with these numbers, as [`describe`] writes them.
fn each(numbers: std::ops::Range<u8>, record: impl Fn(u8) -> String) -> String {
    numbers.map(record).collect::<Vec<_>>().concat()
}

fn describe(bytes: &[u8]) -> String {
    let message = Message::from_vec(bytes).unwrap();
    let head = &message.metadata;
    let mut text = format!("{:?}", head.response_code);
    let flags = [
        (head.authoritative, "aa"),
        (head.truncation, "tc"),
        (head.recursion_desired, "rd"),
        (head.recursion_available, "ra"),
        (head.authentic_data, "ad"),
        (head.checking_disabled, "cd"),
    ];
    for (_, flag) in flags.iter().filter(|(is_set, _)| *is_set) {
        write!(text, " {flag}").unwrap();
    }
    let sections = [("", &message.answers), ("auth ", &message.authorities), ("add ", &message.additionals)];
    for (section, records) in sections {
        for record in records {
            write!(text, " | {section}{}", describe_record(record)).unwrap();
        }
    }
    if let Some(edns) = &message.edns {
        assert_eq!((edns.version(), edns.max_payload(), edns.flags().z), (0, 1232, 0));
        text.push_str(" | edns");
        if edns.flags().dnssec_ok {
            text.push_str(" do");
        }
        for (code, option) in edns.options().as_ref() {
            if let EdnsOption::Subnet(ecs) = option {
                write!(text, " {}/{}/{}", ecs.addr(), ecs.source_prefix(), ecs.scope_prefix()).unwrap();
            } else {
                write!(text, " {}={:02x?}", u16::from(*code), Vec::try_from(option).unwrap()).unwrap();
            }
        }
    }
    text
}

/// What holds for every answer to whatever message.
fn check_frame(message: &[u8], response: &Response, transport: Transport) {
    assert_eq!(response.bytes.get(..2), message.get(..2), "id");
    let limit = if transport == Transport::Udp { 1232 } else { 65_535 };
    assert!(response.bytes.len() <= limit);
    let decoded = Message::from_vec(&response.bytes).unwrap();
    assert_eq!(u16::from(decoded.metadata.response_code), response.rcode);
    if let Ok(query) = Query::parse(message, true) {
        let end = HEADER_LEN + query.question.bytes.len();
        assert_eq!(response.bytes.get(HEADER_LEN..end), Some(query.question.bytes), "question");
        assert_eq!(decoded.edns.is_some(), query.edns.is_some());
        let accepted = query.edns.map_or(512, |edns| usize::from(edns.payload_size));
        assert!(transport == TCP || response.bytes.len() <= accepted);
    }
}

#[track_caller]
fn check(spec: &str, expect: &str) {
    check_from(&tables(), spec, expect);
}

#[track_caller]
fn check_from(tables: &Tables, spec: &str, expect: &str) {
    let (message, transport, client) = query(spec);
    let response = respond(&message, client.unwrap_or(SENDER), transport, tables).unwrap();
    check_frame(&message, &response, transport);
    assert_eq!(describe(&response.bytes), expect, "{spec}");
}

#[track_caller]
fn check_bytes(message: &str, expect: Option<&str>) {
    let response = respond(&hex(message), SENDER, Transport::Udp, &tables());
    assert_eq!(response.map(|response| response.bytes), expect.map(hex));
}

#[test]
fn zone_data() {
    check("www.example.com A", "NoError aa | www.example.com. 300 A 192.0.2.1");
    check("www.example.com AAAA", "NoError aa | www.example.com. 300 AAAA 2001:db8::1");
    check(
        "example.com NS",
        "NoError aa | example.com. 3600 NS ns.example.com. | example.com. 3600 NS ns.example.net.",
    );
    check("example.com SOA", "NoError aa | example.com. 3600 SOA");
    check("www.example.com A tcp", "NoError aa | www.example.com. 300 A 192.0.2.1");
}

#[test]
fn negative_answers() {
    check("www.example.com TXT", "NoError aa | auth example.com. 60 SOA");
    check("none.example.com A", "NXDomain aa | auth example.com. 60 SOA");
    check("below.www.example.com A", "NXDomain aa | auth example.com. 60 SOA");
    check("empty.example.com A", "NoError aa | auth example.com. 60 SOA");
    check("none.example.com A edns do", "NXDomain aa | auth example.com. 60 SOA | edns do");
}

#[test]
fn not_ours() {
    check("www.example.org A", "Refused");
    check("com NS", "Refused");
    check(". NS edns", "Refused | edns");
    check("www.example.org A edns ecs=198.51.100.0/24", "Refused | edns 198.51.100.0/24/0");
    check("www.example.com A class=CH", "Refused");
    check("www.example.com A class=ANY", "Refused");
    check("example.com AXFR", "Refused");
    check("example.com AXFR tcp", "Refused");
    check("example.com IXFR", "Refused");
}

#[test]
fn header_flags() {
    check("www.example.com A rd", "NoError aa rd | www.example.com. 300 A 192.0.2.1");
    check("www.example.com A rd ad cd ra z", "NoError aa rd | www.example.com. 300 A 192.0.2.1");
    check("www.example.org A rd", "Refused rd");
    check("www.example.com A rd opcode=4", "NotImp");
    check("example.com SOA opcode=5", "NotImp");
    check("example.com SOA opcode=4 edns", "NotImp | edns");
}

#[test]
fn aliases() {
    check(
        "alias.example.com A",
        "NoError aa | alias.example.com. 300 CNAME www.example.com. | www.example.com. 300 A 192.0.2.1",
    );
    check("alias.example.com CNAME", "NoError aa | alias.example.com. 300 CNAME www.example.com.");
    check("alias.example.com ANY", "NoError aa | alias.example.com. 300 CNAME www.example.com.");
    check(
        "alias.example.com TXT",
        "NoError aa | alias.example.com. 300 CNAME www.example.com. | auth example.com. 60 SOA",
    );
    check(
        "dangling.example.com A",
        "NXDomain aa | dangling.example.com. 300 CNAME none.example.com. | auth example.com. 60 SOA",
    );
    check("outside.example.com A", "NoError aa | outside.example.com. 300 CNAME www.example.org.");
    check(
        "other.example.com A",
        "NoError aa | other.example.com. 300 CNAME www.example.net. | www.example.net. 30 A 192.0.2.30",
    );
    check(
        "loop.example.com A",
        "NoError aa | loop.example.com. 300 CNAME loop2.example.com. | loop2.example.com. 300 CNAME loop.example.com.",
    );
    check("self.example.com A", "NoError aa | self.example.com. 300 CNAME self.example.com.");
    check(
        "into-cut.example.com A",
        "NoError aa | into-cut.example.com. 300 CNAME x.sub.example.com. | auth sub.example.com. 900 NS ns.sub.example.com. \
         | add ns.sub.example.com. 900 A 192.0.2.53",
    );
}

#[test]
fn chains_are_bounded() {
    let (message, transport, client) = query("chain0.example.com A tcp");
    let response = respond(&message, client.unwrap_or(SENDER), transport, &tables()).unwrap();
    assert_eq!(Message::from_vec(&response.bytes).unwrap().answers.len(), MAX_ALIASES);
}

#[test]
fn renamed_names() {
    check(
        "www.old.example.com A",
        "NoError aa | old.example.com. 120 DNAME example.com. | www.old.example.com. 120 CNAME www.example.com. \
         | www.example.com. 300 A 192.0.2.1",
    );
    check("old.example.com A", "NoError aa | auth example.com. 60 SOA");
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(40)].join(".");
    check(
        &format!("{long}.l.example.com A"),
        "YXDomain aa | l.example.com. 120 DNAME longer.target.example.com.",
    );
}

#[test]
fn wildcards() {
    check("x.wild.example.com A", "NoError aa | x.wild.example.com. 300 A 192.0.2.7");
    check("x.y.wild.example.com A", "NoError aa | x.y.wild.example.com. 300 A 192.0.2.7");
    check("x.wild.example.com AAAA", "NoError aa | auth example.com. 60 SOA");
    check(
        "x.star.example.com A",
        "NoError aa | x.star.example.com. 300 CNAME www.example.com. | www.example.com. 300 A 192.0.2.1",
    );
}

#[test]
fn referrals() {
    let referral = "NoError | auth sub.example.com. 900 NS ns.sub.example.com. | add ns.sub.example.com. 900 A 192.0.2.53";
    check("sub.example.com A", referral);
    check("sub.example.com NS", referral);
    check("www.sub.example.com A", referral);
    check("ns.sub.example.com A", referral);
    check("sub.example.com DS", "NoError aa | auth example.com. 60 SOA");
    check("sub.example.com A edns", &format!("{referral} | edns"));
}

#[test]
fn any_gets_one_record_set() {
    check("www.example.com ANY", "NoError aa | www.example.com. 300 A 192.0.2.1");
    check("none.example.com ANY", "NXDomain aa | auth example.com. 60 SOA");
    check("steer.example.com ANY from=198.51.100.7", "NoError aa | steer.example.com. 20 A 203.0.113.1");
}

#[test]
fn steered_answers() {
    check("steer.example.com A from=198.51.100.7", "NoError aa | steer.example.com. 20 A 203.0.113.1");
    check(
        "steer.example.com A",
        "NoError aa | steer.example.com. 20 A 192.0.2.80 | steer.example.com. 20 A 192.0.2.81",
    );
    check("over.example.com A from=198.51.100.7", "NoError aa | over.example.com. 20 A 203.0.113.1");
    check("over.example.com AAAA from=198.51.100.7", "NoError aa | over.example.com. 300 AAAA 2001:db8::9");
    check("steer.example.com AAAA", "NoError aa | auth example.com. 60 SOA");
    check("x.steer.example.com A", "NXDomain aa | auth example.com. 60 SOA");
    check("nodata.deep.example.com A", "NoError aa | auth example.com. 60 SOA");
    check("deep.example.com A", "NoError aa | auth example.com. 60 SOA");
}

#[test]
fn steered_failures_are_bare() {
    check("servfail.example.com A rd", "ServFail rd");
    check("refused.example.com A", "Refused");
    check("servfail.example.com A edns ecs=198.51.100.0/24", "ServFail | edns 198.51.100.0/24/24");
    check("to-servfail.example.com A", "ServFail");
    // Other types of the name are the zone's.
    check("servfail.example.com AAAA", "NoError aa | auth example.com. 60 SOA");
}

#[test]
fn steered_aliases() {
    check(
        "cdn.example.com A",
        "NoError aa | cdn.example.com. 20 CNAME www.example.com. | www.example.com. 300 A 192.0.2.1",
    );
    check("cdn.example.com CNAME", "NoError aa | cdn.example.com. 20 CNAME www.example.com.");
    check("cdn.example.com ANY", "NoError aa | cdn.example.com. 20 CNAME www.example.com.");
    check(
        "cdn.example.com TXT",
        "NoError aa | cdn.example.com. 20 CNAME www.example.com. | auth example.com. 60 SOA",
    );
    check("away.example.com A", "NoError aa | away.example.com. 20 CNAME x.cdn.example.org.");
    check(
        "to-steered.example.com A from=198.51.100.7",
        "NoError aa | to-steered.example.com. 300 CNAME steer.example.com. | steer.example.com. 20 A 203.0.113.1",
    );
    check(
        "to-steered.example.com A edns ecs=198.51.100.0/24",
        "NoError aa | to-steered.example.com. 300 CNAME steer.example.com. | steer.example.com. 20 A 203.0.113.1 \
         | edns 198.51.100.0/24/24",
    );
    check(
        "to-cdn.example.com A",
        "NoError aa | to-cdn.example.com. 300 CNAME cdn.example.com. | cdn.example.com. 20 CNAME www.example.com. \
         | www.example.com. 300 A 192.0.2.1",
    );
}

#[test]
fn client_subnet() {
    let mine = "NoError aa | steer.example.com. 20 A 203.0.113.1";
    let all = "NoError aa | steer.example.com. 20 A 192.0.2.80 | steer.example.com. 20 A 192.0.2.81";
    check("steer.example.com A edns ecs=198.51.100.0/24", &format!("{mine} | edns 198.51.100.0/24/24"));
    check("steer.example.com A edns ecs=198.51.0.0/16", &format!("{all} | edns 198.51.0.0/16/16"));
    check("steer.example.com A edns ecs=2001:db8::/56", &format!("{all} | edns 2001:db8::/56/48"));
    check("steer.example.com A edns ecs=0.0.0.0/0 from=198.51.100.7", &format!("{mine} | edns 0.0.0.0/0/0"));
    check("steer.example.com A edns from=198.51.100.7", &format!("{mine} | edns"));
    check(
        "www.example.com A edns ecs=198.51.100.0/24",
        "NoError aa | www.example.com. 300 A 192.0.2.1 | edns 198.51.100.0/24/0",
    );
    check(
        "nodata.deep.example.com A edns ecs=198.51.100.0/24",
        "NoError aa | auth example.com. 60 SOA | edns 198.51.100.0/24/20",
    );
    check(
        "steer.example.com A edns option=10 ecs=198.51.100.0/24",
        &format!("{mine} | edns 198.51.100.0/24/24"),
    );
}

#[test]
fn steered_answer_byte_for_byte() {
    check_bytes(
        "abcd 0120 0001 0000 0000 0001  05 5374456552 07 6578616d706c65 03 434f4d 00 0001 0001
         00 0029 1000 0000 8000 0017  000a 0008 0011223344556677  0008 0007 0001 18 00 c63364",
        Some(
            "abcd 8500 0001 0001 0000 0001  05 5374456552 07 6578616d706c65 03 434f4d 00 0001 0001
             c00c 0001 0001 00000014 0004 cb007101
             00 0029 04d0 0000 8000 000b  0008 0007 0001 18 18 c63364",
        ),
    );
    check_bytes(
        "0001 0000 0001 0000 0000 0000  05 7374656572 07 6578616d706c65 03 636f6d 00 0001 0001",
        Some(
            "0001 8400 0001 0002 0000 0000  05 7374656572 07 6578616d706c65 03 636f6d 00 0001 0001
             c00c 0001 0001 00000014 0004 c0000250 c00c 0001 0001 00000014 0004 c0000251",
        ),
    );
    check_bytes(
        "0001 0000 0001 0000 0000 0001  05 7374656572 07 6578616d706c65 03 636f6d 00 0001 0001
         00 0029 0200 0000 0000 0008  0008 0004 0000 00 00",
        Some(
            "0001 8400 0001 0002 0000 0001  05 7374656572 07 6578616d706c65 03 636f6d 00 0001 0001
             c00c 0001 0001 00000014 0004 c0000250 c00c 0001 0001 00000014 0004 c0000251
             00 0029 04d0 0000 0000 0008  0008 0004 0000 00 00",
        ),
    );
}

#[test]
fn rotation_goes_by_name_and_type() {
    let tables = tables();
    let first = |spec: &str| {
        let (message, transport, _) = query(spec);
        let response = respond(&message, SENDER, transport, &tables).unwrap();
        Message::from_vec(&response.bytes).unwrap().answers.first().unwrap().data.to_string()
    };
    let asked: Vec<String> = (0..4)
        .map(|_| {
            first("www.example.com A");
            first("over.example.com A");
            first("steer.example.com A")
        })
        .collect();
    assert_eq!(asked, ["192.0.2.80", "192.0.2.81", "192.0.2.80", "192.0.2.81"]);
}

#[test]
fn sizes() {
    let many = each(0..80, |i| format!(" | big.example.com. 20 A 10.0.0.{i}"));
    check("big.example.com A", "NoError aa tc");
    check("big.example.com A edns=65535", "NoError aa tc | edns");
    check("big.example.com A edns ecs=198.51.100.0/24", "NoError aa tc | edns 198.51.100.0/24/24");
    check("big.example.com A tcp", &format!("NoError aa{many}"));
    check("huge.example.com TXT tcp", "ServFail aa");
    check("huge.example.com TXT", "NoError aa tc");
    // 12 bytes of header, 20 of question, 480 of records: exactly 512. The next name has one byte more.
    let thirty = |name: &str| each(0..30, |i| format!(" | {name}. 20 A 10.0.0.{i}"));
    check("mm.example.com A", &format!("NoError aa{}", thirty("mm.example.com")));
    check("mmm.example.com A", "NoError aa tc");
    check("mmm.example.com A edns=524", &format!("NoError aa{} | edns", thirty("mmm.example.com")));
    check("mmm.example.com A edns=523", "NoError aa tc | edns");
    check("mm.example.com A edns=100", "NoError aa tc | edns");
}

#[test]
fn optional_glue_is_left_out_first_and_as_a_whole() {
    let servers = each(0..8, |i| {
        format!(" | auth many.example.com. 900 NS a-rather-long-server-name-{i}.example.com.")
    });
    let glue = |count: u8| {
        each(0..count, |i| format!(" | add a-rather-long-server-name-{i}.example.com. 900 A 192.0.2.{i}"))
    };
    check("x.many.example.com A edns", &format!("NoError{servers}{} | edns", glue(8)));
    check("x.many.example.com A edns=599", &format!("NoError{servers}{} | edns", glue(8)));
    check("x.many.example.com A edns=598", &format!("NoError{servers} | edns"));
    check("x.many.example.com A", &format!("NoError{servers}"));
    check("x.needed.example.com A", "NoError tc");
}

#[test]
fn names_out_of_reach_of_a_pointer_are_written_in_full() {
    let server = |i| format!("{i}.{}.example.com", "x".repeat(60));
    let servers = each(0..250, |i| format!(" | auth wide.example.com. 900 NS {}.", server(i)));
    let glue = each(0..250, |i| format!(" | add {}. 900 A 192.0.2.{i}", server(i)));
    check("x.wide.example.com A tcp", &format!("NoError{servers}{glue}"));
}

#[test]
fn errors_echo_what_can_be_read() {
    let question = "0161 00 0001 0001";
    let opt = "00 0029 04d0 0000 0000 0000";
    check_bytes("0001 0000 0001 0000 0000", None);
    check_bytes(&format!("0001 8000 0001 0000 0000 0000 {question}"), None);
    check_bytes("0001 0100 0000 0000 0000 0000", Some("0001 8101 0000 0000 0000 0000"));
    check_bytes(
        &format!("0001 0000 0002 0000 0000 0000 {question} {question}"),
        Some("0001 8001 0000 0000 0000 0000"),
    );
    check_bytes("0001 0000 0001 0000 0000 0000 c00c 0001 0001", Some("0001 8001 0000 0000 0000 0000"));
    check_bytes(
        &format!("0001 0000 0001 0000 0000 0000 {question} 00"),
        Some(&format!("0001 8001 0001 0000 0000 0000 {question}")),
    );
    check_bytes(
        &format!("0001 0000 0001 0000 0000 0001 {question} 00 0029 1000 0001 8000 0000"),
        Some(&format!("0001 8000 0001 0000 0000 0001 {question} 00 0029 04d0 0100 8000 0000")),
    );
    check_bytes(
        &format!("0001 0000 0001 0000 0000 0001 {question} 00 0029 1000 0000 0000 0008 0008 0004 0001 00 08"),
        Some(&format!("0001 8001 0001 0000 0000 0001 {question} {opt}")),
    );
    check_bytes("0001 2800 0000 0000 0000 0000", Some("0001 a804 0000 0000 0000 0000"));
    check_bytes(
        &format!("0001 2000 0001 0000 0000 0000 {question}"),
        Some(&format!("0001 a004 0001 0000 0000 0000 {question}")),
    );
}

/// Building them takes longer than answering, so the random cases share them.
static TABLES: LazyLock<Tables> = LazyLock::new(tables);

fn any_transport() -> impl Strategy<Value = Transport> {
    prop_oneof![Just(Transport::Udp), Just(TCP)]
}

fn any_query() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "www", "steer", "alias", "x.wild", "x.many", "x.sub", "big", "cdn", "none", "x.old", "chain0", "huge",
    ];
    let types = ["A", "AAAA", "NS", "CNAME", "SOA", "DS", "ANY", "TXT", "IXFR"];
    let options = ["", "edns", "edns=512 do", "edns ecs=198.51.100.0/24", "edns option=10 ecs=2001:db8::/56"];
    let select = |from: &[&'static str]| proptest::sample::select(from.to_vec());
    (select(&names), select(&types), select(&options))
        .prop_map(|(name, qtype, options)| query(&format!("{name}.example.com {qtype} {options}")).0)
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered_or_dropped(
        message in proptest::collection::vec(any::<u8>(), 0..300),
        transport in any_transport(),
    ) {
        if let Some(response) = respond(&message, SENDER, transport, &TABLES) {
            check_frame(&message, &response, transport);
        }
    }

    #[test]
    fn changed_queries_are_answered_or_dropped(
        mut message in any_query(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)],
        transport in any_transport(),
    ) {
        for (place, byte) in changes {
            let place = place.index(message.len());
            message[place] = byte;
        }
        if let Some(cut) = cut {
            message.truncate(cut.index(message.len()));
        }
        if let Some(response) = respond(&message, SENDER, transport, &TABLES) {
            check_frame(&message, &response, transport);
        }
    }
}
