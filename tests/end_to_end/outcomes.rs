//! Every way a query can go: what the client sees, and which counter rises.

use gtm_common::counters::Outcome;
use gtm_tests::Query;

use crate::stage::{CLIENT_DEVICE, SERVER_V4, Stage, folder};
use crate::{beside_others, can_run};

const DIG: [&str; 2] = ["+tries=1", "+timeout=3"];

#[test]
fn dig_gets_an_answer_whoever_gives_it() {
    if !can_run("dig_gets_an_answer_whoever_gives_it", &["dig"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let check = |question: &str, outcome: Outcome, expect: &[&str]| {
        for (client, server) in stage.side().pairs() {
            let arguments: Vec<&str> = DIG.into_iter().chain(question.split(' ')).collect();
            let (printed, counted) = stage.counted(|| client.dig(server, &arguments).unwrap());
            assert_eq!(counted, [(outcome, 1)], "{question}\n{printed}");
            // One space, however many dig puts.
            let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
            for text in expect {
                assert!(printed.contains(text), "{question}: no {text:?} in {printed}");
            }
        }
    };

    let berlin = "www.example.com. 30 IN A 192.0.2.20";
    check("www.example.com A", Outcome::Answered, &["NOERROR", "qr aa rd;", berlin, "udp: 1232"]);
    check("www.example.com AAAA", Outcome::Answered, &["30 IN AAAA 2001:db8:20::1"]);
    check(
        "+noedns +norec wWw.ExAmPlE.com A",
        Outcome::Answered,
        &["flags: qr aa;", "wWw.ExAmPlE.com. 30 IN A"],
    );
    check(
        "+subnet=203.0.113.0/24 www.example.com A",
        Outcome::Answered,
        &["A 192.0.2.10", "203.0.113.0/24/"],
    );
    check("+subnet=5.9.0.0/16 www.example.com A", Outcome::Answered, &["A 192.0.2.20", "5.9.0.0/16/"]);
    check("+subnet=2a01:4f8::/32 www.example.com A", Outcome::Answered, &["A 192.0.2.20", "2a01:4f8::/32/"]);
    check("+subnet=0 www.example.com A", Outcome::Answered, &["A 192.0.2.20", "0.0.0.0/0/0"]);
    check("+dnssec +padding=128 www.example.com A", Outcome::Answered, &["flags: do;", berlin]);
    check("+nsid www.example.com A", Outcome::Answered, &["NOERROR", berlin]);
    check("german.example.com A", Outcome::Answered, &["192.0.2.20"]);
    check("alias.example.com A", Outcome::Answered, &["30 IN CNAME www.example.net."]);
    check("alias.example.com CNAME", Outcome::Answered, &["30 IN CNAME www.example.net."]);

    check(
        "+subnet=203.0.113.0/24 german.example.com A",
        Outcome::Answered,
        &["NOERROR", "ANSWER: 0", "SOA ns1"],
    );
    check("ns1.example.com A", Outcome::Answered, &["ns1.example.com. 3600 IN A 198.51.100.53"]);
    check("none.example.com A", Outcome::Answered, &["NXDOMAIN", "SOA ns1.example.com."]);
    check("example.org A", Outcome::AnsweredError, &["REFUSED"]);
    check("www.example.com TXT", Outcome::Answered, &["NOERROR", "ANSWER: 0", "SOA ns1"]);
    check("www.example.com ANY +notcp", Outcome::Answered, &["192.0.2.20"]);
    check("www.example.com A CH", Outcome::AnsweredError, &["REFUSED"]);
    check("+opcode=4 www.example.com A", Outcome::AnsweredError, &["NOTIMP"]);
    check("+edns=1 +noednsneg www.example.com A", Outcome::AnsweredError, &["BADVERS"]);
    check(
        "+ignore +noedns sixteen-addresses-make-an-answer-of-more-than-512-bytes.example.com AAAA",
        Outcome::AnsweredTruncated,
        &["qr aa tc rd;", "ANSWER: 0"],
    );
    gtm.stop().unwrap();
}

/// What no client of a distribution sends.
#[test]
fn odd_queries_are_passed_and_answered() {
    if !can_run("odd_queries_are_passed_and_answered", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let check = |query: &str, outcome: Outcome, code: u8| {
        for (client, server) in stage.side().pairs() {
            let bytes = query.parse::<Query>().unwrap().bytes();
            let (answer, counted) = stage.counted(|| client.send(server, &bytes).unwrap());
            assert_eq!(counted, [(outcome, 1)], "{query}");
            assert_eq!(answer.bytes.get(3).map(|byte| byte & 15), Some(code), "{query}: {}", answer.message);
        }
    };

    let options = "option=65001 ".repeat(9);
    check(&format!("www.example.com A edns {options}"), Outcome::PassedManyOptions, 0);
    // Longer than the address of the family has bytes.
    check("www.example.com A edns option=8:0001ff0001020304", Outcome::AnsweredError, 1);
    check("www.example.com A edns option=8:00", Outcome::AnsweredError, 1);
    check("www.example.com A counts=2,0,0,0", Outcome::AnsweredError, 1);
    // More than a kilobyte of options.
    check(&format!("www.example.com A edns option=65001:{}", "ab".repeat(1100)), Outcome::Answered, 0);
    check(&format!("www.example.com A tail={}", "00".repeat(600)), Outcome::PassedBadEdns, 1);
    gtm.stop().unwrap();
}

/// What gets no answer wedges nothing.
#[test]
fn rubbish_is_passed_and_dropped() {
    if !can_run("rubbish_is_passed_and_dropped", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let client = stage.side().client();
    for rubbish in
        ["", "00", "0001000000010000000000", "123484000001000000000000", "ffffffffffffffffffffffffffff"]
    {
        let bytes = gtm_tests::query::hex(rubbish).unwrap();
        let (answer, counted) = stage.counted(|| client.send(SERVER_V4, &bytes));
        assert_eq!(counted, [(Outcome::PassedNotQuery, 1)], "{rubbish:?} from {CLIENT_DEVICE}");
        assert!(answer.is_err(), "{rubbish:?}: {answer:?}");
    }
    let query: Query = "www.example.com A".parse().unwrap();
    let (answer, counted) = stage.counted(|| client.send(SERVER_V4, &query.bytes()).unwrap());
    assert_eq!(answer.bytes, query.answer(&["192.0.2.20".into()], 0));
    assert_eq!(counted, [(Outcome::Answered, 1)]);
    gtm.stop().unwrap();
}
