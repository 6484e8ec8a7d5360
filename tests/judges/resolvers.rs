//! Resolvers of others resolve names through us, from our root on, over IPv4 and over IPv6: they come to the right answers, and
//! find nothing wrong with us. They would say so: a faulty server in our place is found out.

mod faulty;
mod named;
mod resolver;
mod unbound;

use gtm_common::counters::Outcome;
use gtm_tests::counters::{risen, snapshot};

use crate::can_run;
use crate::network::{DEVICE, Network, Server};
use crate::printed::Lines;
use faulty::{Fault, FaultyServer};
use resolver::{Family, Resolver, Software};
use unbound::Subnets;

/// What is asked, and what is to be read beside the question. What a resolver knows from an earlier question it does not ask for
/// again.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("www.example.com. A", &["NOERROR qr rd ra", "answer www.example.com. IN A 203.0.113.10"]),
    ("www.example.com. AAAA", &["NOERROR qr rd ra", "answer www.example.com. IN AAAA 2001:db8:10::1"]),
    ("www.example.com. TXT", &["NOERROR qr rd ra"]),
    (
        "hop.example.com. A",
        &[
            "NOERROR qr rd ra",
            "answer hop.example.com. IN CNAME hop2.example.com.",
            "answer hop2.example.com. IN CNAME www.example.com.",
            "answer www.example.com. IN A 203.0.113.10",
        ],
    ),
    (
        "far.example.com. A",
        &[
            "NOERROR qr rd ra",
            "answer far.example.com. IN CNAME www.example.net.",
            "answer www.example.net. IN A 192.0.2.80",
        ],
    ),
    (
        "cdn.example.com. A",
        &[
            "NOERROR qr rd ra",
            "answer cdn.example.com. IN CNAME www.example.net.",
            "answer www.example.net. IN A 192.0.2.80",
        ],
    ),
    ("lost.example.com. A", &["NXDOMAIN qr rd ra", "answer lost.example.com. IN CNAME none.example.com."]),
    ("x.y.wild.example.com. A", &["NOERROR qr rd ra", "answer x.y.wild.example.com. IN A 203.0.113.30"]),
    ("x.y.wild.example.com. AAAA", &["NOERROR qr rd ra"]),
    (
        "x.alias.example.com. AAAA",
        &[
            "NOERROR qr rd ra",
            "answer x.alias.example.com. IN CNAME www.example.com.",
            "answer www.example.com. IN AAAA 2001:db8:10::1",
        ],
    ),
    ("a.b.empty.example.com. A", &["NOERROR qr rd ra", "answer a.b.empty.example.com. IN A 203.0.113.40"]),
    ("empty.example.com. A", &["NOERROR qr rd ra"]),
    ("x.y.none.example.com. A", &["NXDOMAIN qr rd ra"]),
    ("www.child.example.com. A", &["NOERROR qr rd ra", "answer www.child.example.com. IN A 192.0.2.81"]),
    ("x.child.example.com. A", &["NXDOMAIN qr rd ra"]),
    (
        "service.example.com. HTTPS",
        &["NOERROR qr rd ra", "answer service.example.com. IN HTTPS 1 . alpn=h2,h3 ipv4hint=203.0.113.50"],
    ),
    (
        "service.example.com. TYPE65400",
        &["NOERROR qr rd ra", r"answer service.example.com. IN TYPE65400 \# 4 01020304"],
    ),
];

const UNBOUND: Software = Software::Unbound(Subnets::Kept);

/// A record set that fits no datagram, and how many records it has.
const LARGE: (&str, usize) = ("large.example.com. TXT", 8);

#[test]
fn named_resolves_through_us() {
    resolves_through_us(Software::Named);
}

#[test]
fn unbound_resolves_through_us() {
    resolves_through_us(UNBOUND);
}

fn resolves_through_us(software: Software) {
    if !can_run(&["dig", software.program()]) {
        return;
    }
    let network = Network::build();
    let servers = [Server::Root, Server::Edge, Server::Below].map(|server| network.start(server));
    for family in [Family::Ipv4, Family::Ipv6] {
        let resolver = Resolver::start(&network, software, family);
        for (question, lines) in QUESTIONS {
            let (name, rtype) = question.split_once(' ').unwrap();
            let mut expect: Lines = lines.iter().map(ToString::to_string).collect();
            expect.push(format!("question {name} IN {rtype}"));
            expect.sort();
            assert_eq!(resolver.ask(question), expect, "{family:?} {}", resolver.output());
        }
        let (question, count) = LARGE;
        let lines = resolver.ask(question);
        assert_eq!(lines.iter().filter(|line| line.starts_with("answer")).count(), count, "{lines:?}");
        let complaints = resolver.complaints();
        assert!(complaints.is_empty(), "{family:?}: {complaints:#?}");
    }
    // Otherwise it was the server alone that was judged.
    let program = snapshot(network.namespace(Server::Edge), DEVICE).unwrap().unwrap();
    assert!(program.counters.get(Outcome::Answered) > 0);
    for gtm in servers {
        gtm.stop().unwrap();
    }
}

/// Whom a resolver asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Us,
    /// It knows.
    Nobody,
}

/// What it is answered for one client it keeps for those that are answered the same, and for no others.
#[test]
fn unbound_keeps_answers_by_client_subnet() {
    if !can_run(&["dig", "unbound"]) {
        return;
    }
    let network = Network::build();
    let servers = [Server::Root, Server::Edge].map(|server| network.start(server));
    let resolver = Resolver::start(&network, Software::Unbound(Subnets::Sent), Family::Ipv4);
    let check = |client: &str, address: &str, asked: Asked| {
        network.judges.add_address("lo", client.parse().unwrap()).unwrap();
        let ask = || resolver.ask(&format!("-b {client} www.example.com. A"));
        let (lines, counted) = risen(network.namespace(Server::Edge), DEVICE, ask).unwrap();
        assert!(lines.contains(&format!("answer www.example.com. IN A {address}")), "{client}: {lines:?}");
        assert_eq!(!counted.is_empty(), asked == Asked::Us, "{client}: {counted:?}");
    };
    check("192.0.2.77", "203.0.113.20", Asked::Us);
    check("203.0.113.77", "203.0.113.10", Asked::Us);
    check("192.0.2.78", "203.0.113.20", Asked::Nobody);
    // In 200.0.0.0/5, as the one before.
    check("201.0.0.1", "203.0.113.10", Asked::Nobody);
    check("192.0.3.1", "203.0.113.10", Asked::Us);
    let complaints = resolver.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    for gtm in servers {
        gtm.stop().unwrap();
    }
}

#[test]
fn faulty_servers_are_found_out() {
    if !can_run(&["dig", "named", "unbound"]) {
        return;
    }
    let network = Network::build();
    let _root = network.start(Server::Root);
    let check = |software: Software, fault: Fault, complaint: &str| {
        let _edge = FaultyServer::start(&network, fault);
        let resolver = Resolver::start(&network, software, Family::Ipv4);
        resolver.ask("www.example.com. A");
        let complaints = resolver.complaints();
        assert!(complaints.concat().contains(complaint), "{software:?} {fault:?}: {complaints:#?}");
    };
    check(UNBOUND, Fault::LowerCase, "wrong 0x20-ID in reply qname");
    check(UNBOUND, Fault::NoEdns, "attempt without EDNS");
    check(UNBOUND, Fault::Refuses, "was THROWAWAY");
    check(UNBOUND, Fault::NotAuthoritative, "REC_LAME");
    check(Software::Named, Fault::NoEdns, "EDNS0Fail");
    check(Software::Named, Fault::Refuses, "REFUSED unexpected RCODE");
    check(Software::Named, Fault::NotAuthoritative, "DNS format error");
}
