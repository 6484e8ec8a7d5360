//! Zones, steered answers and queries for the tests of the server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{Steering, Tables, Transport};
use crate::config::model::Dns;
use crate::decision::table::Steered;
use crate::decision::{Answer, Block};
use crate::name::Name;
use crate::zone::lookup::ZoneSet;
use crate::zone::{RecordSet, Zone};

const ZONE: &str = "
    example.com 3600 SOA 60
    example.com 3600 NS ns.example.com
    example.com 3600 NS ns.example.net
    ns.example.com 3600 A 192.0.2.53
    www.example.com 300 A 192.0.2.1
    www.example.com 300 AAAA 2001:db8::1
    over.example.com 300 A 192.0.2.9
    over.example.com 300 AAAA 2001:db8::9
    below.empty.example.com 300 A 192.0.2.2
    alias.example.com 300 CNAME www.example.com
    dangling.example.com 300 CNAME none.example.com
    outside.example.com 300 CNAME www.example.org
    other.example.com 300 CNAME www.example.net
    loop.example.com 300 CNAME loop2.example.com
    loop2.example.com 300 CNAME loop.example.com
    self.example.com 300 CNAME self.example.com
    into-cut.example.com 300 CNAME x.sub.example.com
    to-steered.example.com 300 CNAME steer.example.com
    to-cdn.example.com 300 CNAME cdn.example.com
    to-servfail.example.com 300 CNAME servfail.example.com
    old.example.com 120 DNAME example.com
    l.example.com 120 DNAME longer.target.example.com
    *.wild.example.com 300 A 192.0.2.7
    *.star.example.com 300 CNAME www.example.com
    sub.example.com 900 NS ns.sub.example.com
    ns.sub.example.com 900 A 192.0.2.53
";

/// A connection that may be idle for some time.
pub(super) const TCP: Transport = Transport::Tcp { idle: Duration::from_secs(20) };

/// The zones `example.com` and `example.net`, with what the names in [`Fixture::find`] answer.
pub(super) fn tables() -> Tables {
    tables_with(Dns::default())
}

/// The same with these settings.
pub(super) fn tables_with(dns: Dns) -> Tables {
    static ZONES: LazyLock<[Zone; 2]> = LazyLock::new(|| {
        let other = "example.net 3600 SOA 60\nwww.example.net 30 A 192.0.2.30";
        [zone("example.com", &example_com()), zone("example.net", other)]
    });
    let steered = ["steer", "nodata.deep", "servfail", "refused", "cdn", "away", "over", "big", "mm", "mmm"];
    let steered = steered.iter().map(|name| format!("{name}.example.com").parse().unwrap());
    Tables::new(ZoneSet::new(ZONES.clone(), steered), Arc::new(Fixture), dns)
}

fn example_com() -> String {
    let chain = (0..20).map(|i| format!("chain{i}.example.com 300 CNAME chain{}.example.com", i + 1));
    let huge = (0..300).map(|i| format!("huge.example.com 300 TXT {}", "x".repeat(250 + i % 2)));
    let servers = (0..8).flat_map(|i| {
        let server = format!("a-rather-long-server-name-{i}");
        [
            format!("many.example.com 900 NS {server}.example.com"),
            format!("{server}.example.com 900 A 192.0.2.{i}"),
            format!("needed.example.com 900 NS {server}.needed.example.com"),
            format!("{server}.needed.example.com 900 A 192.0.2.{i}"),
            format!("{server}.needed.example.com 900 AAAA 2001:db8::{i}"),
        ]
    });
    let wide = (0..250).flat_map(|i| {
        let server = format!("{i}.{}.example.com", "x".repeat(60));
        [format!("wide.example.com 900 NS {server}"), format!("{server} 900 A 192.0.2.{i}")]
    });
    let lines = std::iter::once(ZONE.to_owned()).chain(chain).chain(huge).chain(servers).chain(wide);
    lines.collect::<Vec<_>>().join("\n")
}

fn zone(origin: &str, text: &str) -> Zone {
    let mut nodes: HashMap<Name, crate::zone::Node> = HashMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let [owner, ttl, rtype, data] = line.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
        let rdata: Box<[u8]> = match rtype {
            "A" | "AAAA" => octets(data.parse().unwrap()).into(),
            "TXT" => [&[u8::try_from(data.len()).unwrap()], data.as_bytes()].concat().into(),
            "SOA" => [&[0; 18], &data.parse::<u32>().unwrap().to_be_bytes()[..]].concat().into(),
            _ => data.parse::<Name>().unwrap().as_wire().into(),
        };
        let owner: Name = owner.parse().unwrap();
        for ancestor in owner.ancestors().filter(|ancestor| ancestor.ends_with(name(origin).as_wire())) {
            nodes.entry(Name::from_wire(ancestor).unwrap()).or_default();
        }
        let node = nodes.get_mut(&owner).unwrap();
        let set = RecordSet { ttl: ttl.parse().unwrap(), rdata: Vec::new() };
        node.entry(type_number(rtype)).or_insert(set).rdata.push(rdata);
    }
    Zone { origin: name(origin), source: Arc::default(), nodes: nodes.into() }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn type_number(text: &str) -> u16 {
    let types = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("TXT", 16),
        ("AAAA", 28),
        ("DNAME", 39),
        ("DS", 43),
        ("IXFR", 251),
        ("AXFR", 252),
        ("ANY", 255),
    ];
    types.iter().find(|(known, _)| *known == text).unwrap().1
}

/// Steered answers made by hand.
#[derive(Debug)]
struct Fixture;

impl Steering for Fixture {
    fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        let is_mine = matches!(client, IpAddr::V4(address) if address.octets().starts_with(&[198, 51, 100]));
        let scope = if is_mine {
            24
        } else if client.is_ipv4() {
            16
        } else {
            48
        };
        let steered = |block| Some(Steered { answer: Arc::new(Answer::Records(block)), scope });
        let addresses = |count: u8| (0..count).map(|i| [10, 0, 0, i]).collect::<Vec<_>>();
        match (name.to_string().as_str(), qtype) {
            ("steer.example.com" | "over.example.com", 1) if is_mine => {
                steered(block_of_a(&[[203, 0, 113, 1]]))
            }
            ("steer.example.com" | "over.example.com", 1) => {
                steered(block_of_a(&[[192, 0, 2, 80], [192, 0, 2, 81]]))
            }
            ("big.example.com", 1) => steered(block_of_a(&addresses(80))),
            ("mm.example.com" | "mmm.example.com", 1) => steered(block_of_a(&addresses(30))),
            ("nodata.deep.example.com", 1) => Some(Steered { scope: 20, ..empty(0) }),
            ("servfail.example.com", 1) => Some(Steered { scope, ..empty(2) }),
            ("refused.example.com", 1) => Some(Steered { scope, ..empty(5) }),
            ("cdn.example.com", _) => steered(block_of_alias("www.example.com")),
            ("away.example.com", 1) => steered(block_of_alias("x.cdn.example.org")),
            _ => None,
        }
    }
}

fn record(rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rdata.len()).unwrap().to_be_bytes();
    [&[0xc0, 0x0c][..], &rtype.to_be_bytes(), &[0, 1, 0, 0, 0, 20], &length, rdata].concat()
}

fn empty(rcode: u16) -> Steered {
    Steered { answer: Arc::new(Answer::Empty { rcode }), scope: 0 }
}

fn block_of_a(addresses: &[[u8; 4]]) -> Block {
    let records: Vec<Vec<u8>> = addresses.iter().map(|address| record(1, address)).collect();
    let again = records.iter().take(records.len().saturating_sub(1));
    let bytes = records.iter().chain(again).flatten().copied().collect();
    let count = records.len();
    Block { count, record_len: 16, rotations: count, bytes, alias: None }
}

fn block_of_alias(target: &str) -> Block {
    let bytes = record(5, name(target).as_wire());
    let alias = Some(name(target));
    Block { count: 1, record_len: bytes.len(), rotations: 1, bytes: bytes.into(), alias }
}

/// Bytes from hexadecimal; white space is for the reader.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// A query from words: name and type, then any of `rd ad cd ra z do tcp`, `opcode=N`, `class=CH`, `edns` or
/// `edns=SIZE`, `ecs=PREFIX`, `option=CODE`, `from=ADDRESS`.
pub(super) fn query(spec: &str) -> (Vec<u8>, Transport, Option<IpAddr>) {
    let (mut flags, mut class, mut transport, mut client) = (0_u16, 1_u16, Transport::Udp, None);
    let (mut size, mut dnssec_ok, mut options) = (None, 0_u16, Vec::new());
    let mut words = spec.split_whitespace();
    let (qname, qtype) = (name(words.next().unwrap()), type_number(words.next().unwrap()));
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "rd" => flags |= 0x0100,
            "ra" => flags |= 0x0080,
            "z" => flags |= 0x0040,
            "ad" => flags |= 0x0020,
            "cd" => flags |= 0x0010,
            "opcode" => flags |= value.parse::<u16>().unwrap() << 11,
            "class" => class = if value == "CH" { 3 } else { 255 },
            "tcp" => transport = TCP,
            "from" => client = Some(value.parse().unwrap()),
            "edns" => size = Some(value.parse::<u16>().unwrap_or(4096)),
            "do" => dnssec_ok = 0x8000,
            "option" => {
                options.extend(value.parse::<u16>().unwrap().to_be_bytes());
                options.extend([0, 2, 0xaa, 0xbb]);
            }
            "ecs" => {
                let (address, source) = value.split_once('/').unwrap();
                let (address, source) = (address.parse::<IpAddr>().unwrap(), source.parse::<u8>().unwrap());
                let bytes = usize::from(source.div_ceil(8));
                options.extend([
                    0,
                    8,
                    0,
                    4 + u8::try_from(bytes).unwrap(),
                    0,
                    1 + u8::from(address.is_ipv6()),
                ]);
                options.extend([source, 0]);
                options.extend(&octets(address)[..bytes]);
            }
            _ => panic!("no such word: {word}"),
        }
    }
    let counts = [1, 0, 0, u16::from(size.is_some())];
    let mut message: Vec<u8> = [0x1234, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect();
    message.extend(qname.as_wire());
    message.extend([qtype, class].into_iter().flat_map(u16::to_be_bytes));
    if let Some(size) = size {
        let length = u16::try_from(options.len()).unwrap();
        message.push(0);
        message.extend([41, size, 0, dnssec_ok, length].into_iter().flat_map(u16::to_be_bytes));
        message.extend(options);
    }
    (message, transport, client)
}
