//! Clients of others ask the running daemon, through its XDP program and over TCP, with EDNS and without, and read every
//! answer as it is meant.

use gtm_common::counters::Outcome;
use gtm_tests::counters::snapshot;

use crate::can_run;
use crate::network::{DEVICE, Network, Server};
use crate::printed::{Lines, read, record};

/// What is asked, and what is to be read beside the question.
type Row = (&'static str, &'static [&'static str]);

const NEAR: &str = "answer www.example.com. 30 IN A 203.0.113.10";
const FAR: &str = "answer www.example.com. 30 IN A 203.0.113.20";
const SOA: &str =
    "authority example.com. 300 IN SOA ns.example.com. host.example.com. 1 7200 900 1209600 300";

/// For every client, in its words for name, type and class.
const QUESTIONS: &[Row] = &[
    ("www.example.com. A", &["NOERROR qr aa", NEAR]),
    ("www.example.com. AAAA", &["NOERROR qr aa", "answer www.example.com. 30 IN AAAA 2001:db8:10::1"]),
    ("wWw.ExAmPlE.cOm. A", &["NOERROR qr aa", "answer wWw.ExAmPlE.cOm. 30 IN A 203.0.113.10"]),
    (
        "TeXt.eXaMpLe.CoM. TXT",
        &["NOERROR qr aa", r#"answer TeXt.eXaMpLe.CoM. 3600 IN TXT "one" "two three""#],
    ),
    ("www.example.com. MX", &["NOERROR qr aa", SOA]),
    ("b.empty.example.com. A", &["NOERROR qr aa", SOA]),
    ("none.example.com. A", &["NXDOMAIN qr aa", SOA]),
    (
        "www.child.example.com. A",
        &[
            "NOERROR qr",
            "authority child.example.com. 3600 IN NS ns.child.example.com.",
            "additional ns.child.example.com. 3600 IN A 198.51.100.54",
            "additional ns.child.example.com. 3600 IN AAAA 2001:db8:54::53",
        ],
    ),
    ("orphan.example.com. A", &["NOERROR qr", "authority orphan.example.com. 3600 IN NS ns.example.net."]),
    ("x.y.wild.example.com. A", &["NOERROR qr aa", "answer x.y.wild.example.com. 3600 IN A 203.0.113.30"]),
    ("x.y.wild.example.com. AAAA", &["NOERROR qr aa", SOA]),
    (
        "x.alias.example.com. A",
        &["NOERROR qr aa", "answer x.alias.example.com. 3600 IN CNAME www.example.com.", NEAR],
    ),
    (
        "hop.example.com. AAAA",
        &[
            "NOERROR qr aa",
            "answer hop.example.com. 3600 IN CNAME hop2.example.com.",
            "answer hop2.example.com. 3600 IN CNAME www.example.com.",
            "answer www.example.com. 30 IN AAAA 2001:db8:10::1",
        ],
    ),
    ("far.example.com. A", &["NOERROR qr aa", "answer far.example.com. 3600 IN CNAME www.example.net."]),
    ("cdn.example.com. AAAA", &["NOERROR qr aa", "answer cdn.example.com. 30 IN CNAME www.example.net."]),
    (
        "lost.example.com. A",
        &["NXDOMAIN qr aa", "answer lost.example.com. 3600 IN CNAME none.example.com.", SOA],
    ),
    ("www.example.com. ANY", &["NOERROR qr aa", NEAR]),
    (
        "service.example.com. HTTPS",
        &["NOERROR qr aa", "answer service.example.com. 3600 IN HTTPS 1 . alpn=h2,h3 ipv4hint=203.0.113.50"],
    ),
    (
        "service.example.com. TYPE65400",
        &["NOERROR qr aa", r"answer service.example.com. 3600 IN TYPE65400 \# 4 01020304"],
    ),
    ("version.bind. TXT CH", &["NOERROR qr aa", r#"answer version.bind. 0 CH TXT "gtm 1""#]),
    ("www.example.org. A", &["REFUSED qr", "option EDE 20 (Not Authoritative)"]),
];

/// What `dig` and `kdig` ask of EDNS with a question for www.example.com, both in the same words.
const EDNS: &[Row] = &[
    ("+nsid", &[NEAR, "edns", "option NSID gtm"]),
    ("+dnssec", &[NEAR, "edns do"]),
    ("+bufsize=512", &[NEAR, "edns"]),
    ("+ednsopt=65001:abcd", &[NEAR, "edns"]),
    ("+subnet=192.0.2.128/25", &[FAR, "edns", "option CLIENT-SUBNET 192.0.2.128/25/24"]),
    // Nobody in 200.0.0.0/5 is answered otherwise.
    ("+subnet=203.0.113.0/24", &[NEAR, "edns", "option CLIENT-SUBNET 203.0.113.0/24/5"]),
    ("+subnet=2001:db8::/32", &[NEAR, "edns", "option CLIENT-SUBNET 2001:db8::/32/0"]),
    ("+subnet=0.0.0.0/0", &[NEAR, "edns", "option CLIENT-SUBNET 0.0.0.0/0/0"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Dig,
    Kdig,
    Drill,
}

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    UdpWithEdns,
    TcpWithEdns,
}

impl Client {
    const ALL: [Self; 3] = [Self::Dig, Self::Kdig, Self::Drill];

    fn program(self) -> &'static str {
        match self {
            Self::Dig => "dig",
            Self::Kdig => "kdig",
            Self::Drill => "drill",
        }
    }

    /// No recursion is asked for: `dig` and `kdig` complain where it is and is not available.
    fn arguments(self, way: Way) -> &'static str {
        match (self, way) {
            (Self::Dig, Way::Udp) => "+nocmd +norec +tries=1 +ignore +noedns",
            (Self::Dig, Way::UdpWithEdns) => "+nocmd +norec +tries=1 +ignore",
            (Self::Dig, Way::TcpWithEdns) => "+nocmd +norec +tries=1 +tcp",
            (Self::Kdig, Way::Udp) => "+noidn +norec +retry=0 +ignore",
            (Self::Kdig, Way::UdpWithEdns) => "+noidn +norec +retry=0 +ignore +edns",
            (Self::Kdig, Way::TcpWithEdns) => "+noidn +norec +retry=0 +tcp +edns",
            (Self::Drill, Way::Udp) => "-o rd",
            (Self::Drill, Way::UdpWithEdns) => "-o rd -b 1232",
            (Self::Drill, Way::TcpWithEdns) => "-o rd -b 1232 -t",
        }
    }

    /// Asks, and holds what is read against what was expected.
    fn check(self, network: &Network, arguments: &str, expect: &Lines) -> Result<(), String> {
        let printed = ask(network, self.program(), arguments)?;
        same(arguments, &printed, &read(&printed), expect)
    }
}

/// What a program prints for these arguments.
fn ask(network: &Network, program: &str, arguments: &str) -> Result<String, String> {
    let output = network.judges.command(program).args(arguments.split(' ')).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(printed.into_owned())
    } else {
        Err(format!("{program} {arguments}: {}\n{printed}", output.status))
    }
}

fn same(arguments: &str, printed: &str, lines: &Result<Lines, String>, expect: &Lines) -> Result<(), String> {
    if lines.as_ref() == Ok(expect) {
        return Ok(());
    }
    Err(format!("{arguments}\n{printed}expected {expect:#?}, read {lines:#?}"))
}

#[test]
fn every_client_reads_every_answer() {
    if !can_run(&["dig", "kdig", "drill"]) {
        return;
    }
    let network = Network::build();
    let gtm = network.start(Server::Edge);
    let mut wrong = Vec::new();
    for (question, lines) in QUESTIONS {
        for client in Client::ALL {
            for way in [Way::Udp, Way::UdpWithEdns, Way::TcpWithEdns] {
                for server in Server::Edge.addresses() {
                    let arguments = format!("{} @{server} {question}", client.arguments(way));
                    let expect = expected(question, lines, way);
                    wrong.extend(client.check(&network, &arguments, &expect).err());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Otherwise it was the server alone that was judged.
    let program = snapshot(network.namespace(Server::Edge), DEVICE).unwrap().unwrap();
    assert!(program.counters.get(Outcome::Answered) > 0);
    gtm.stop().unwrap();
}

#[test]
fn options_come_as_they_were_asked_for() {
    if !can_run(&["dig", "kdig"]) {
        return;
    }
    let network = Network::build();
    let gtm = network.start(Server::Edge);
    let mut wrong = Vec::new();
    for (option, lines) in EDNS {
        for client in [Client::Dig, Client::Kdig] {
            for way in [Way::UdpWithEdns, Way::TcpWithEdns] {
                for server in Server::Edge.addresses() {
                    let arguments =
                        format!("{} @{server} {option} www.example.com. A", client.arguments(way));
                    let mut expect = lines_of(&["NOERROR qr aa", "question www.example.com. IN A"]);
                    expect.extend(lines_of(lines));
                    expect.sort();
                    wrong.extend(client.check(&network, &arguments, &expect).err());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gtm.stop().unwrap();
}

#[test]
fn truncated_answers_are_asked_for_again_over_tcp() {
    if !can_run(&["dig", "kdig", "drill"]) {
        return;
    }
    let network = Network::build();
    let gtm = network.start(Server::Edge);
    for server in Server::Edge.addresses() {
        let check = |client: Client, arguments: &str, notice: &str| {
            let arguments = format!("{arguments} @{server} large.example.com. TXT");
            let printed = ask(&network, client.program(), &arguments).unwrap();
            let (notices, rest): (Vec<&str>, Vec<&str>) =
                printed.lines().partition(|line| line.contains("runcated"));
            assert!(notices.concat().contains(notice), "{printed}");
            let lines = read(&rest.join("\n")).unwrap();
            assert!(lines.contains(&"NOERROR qr aa".to_owned()), "{printed}");
            assert_eq!(lines.iter().filter(|line| line.starts_with("answer ")).count(), 8, "{printed}");
        };
        check(Client::Dig, "+nocmd +norec", "Truncated, retrying in TCP mode");
        check(Client::Kdig, "+norec +edns", "retrying over TCP");
        check(Client::Drill, "-o rd -a", "");

        let expect = lines_of(&["NOERROR qr aa tc", "edns", "question large.example.com. IN TXT"]);
        for client in [Client::Dig, Client::Kdig] {
            let arguments =
                format!("{} @{server} large.example.com. TXT", client.arguments(Way::UdpWithEdns));
            client.check(&network, &arguments, &expect).unwrap();
        }
    }
    gtm.stop().unwrap();
}

/// It is half a resolver: it needs the whole answer, so it cannot do with a referral, a refusal or an alias that leads to
/// another server.
#[test]
fn delv_takes_what_is_complete() {
    if !can_run(&["delv"]) {
        return;
    }
    let network = Network::build();
    let gtm = network.start(Server::Edge);
    let mut wrong = Vec::new();
    for (question, lines) in QUESTIONS {
        let is_complete = lines.iter().any(|line| line.ends_with(" qr aa"))
            && !lines.iter().any(|line| line.ends_with(" CNAME www.example.net."));
        if !is_complete || question.ends_with(" CH") {
            continue;
        }
        let mut expect: Lines =
            lines.iter().filter_map(|line| line.strip_prefix("answer ")).map(str::to_owned).collect();
        if lines.contains(&SOA) {
            let what = if lines.contains(&"NXDOMAIN qr aa") { "nxdomain" } else { "nxrrset" };
            expect.push(format!(";; resolution failed: ncache {what}"));
        }
        expect.sort();
        for server in Server::Edge.addresses() {
            for way in ["+notcp", "+tcp"] {
                let arguments = format!("-i @{server} {way} {question}");
                let result = ask(&network, "delv", &arguments).and_then(|printed| {
                    // What begins with one semicolon explains what is printed.
                    let lines = printed.lines().filter(|line| !line.is_empty() && !line.starts_with("; "));
                    let mut lines: Lines = lines.map(record).collect();
                    lines.sort();
                    same(&arguments, &printed, &Ok(lines), &expect)
                });
                wrong.extend(result.err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gtm.stop().unwrap();
}

/// The lines of a row, with the question and what belongs to EDNS.
fn expected(question: &str, lines: &[&str], way: Way) -> Lines {
    let mut words = question.split(' ');
    let (name, rtype) = (words.next().unwrap(), words.next().unwrap());
    let mut expected = lines_of(lines);
    expected.push(format!("question {name} {} {rtype}", words.next().unwrap_or("IN")));
    if way == Way::Udp {
        expected.retain(|line| !line.starts_with("option"));
    } else {
        expected.push("edns".to_owned());
    }
    expected.sort();
    expected
}

fn lines_of(lines: &[&str]) -> Lines {
    lines.iter().map(ToString::to_string).collect()
}
