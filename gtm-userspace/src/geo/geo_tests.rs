//! What the tests of this module share, and the comparison of [`compile`] with a slow plain judgement of each address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::database::Database;
use super::mmdb_writer::{MmdbWriter, Value};
use super::*;
use crate::config::model::{ClientSet, DEFAULT_SOURCE, Prefix, Source};
use crate::skip;

impl Partition {
    /// Both lists begin at 0, ascend strictly and change class at each range; every class is used, none twice.
    #[track_caller]
    pub(super) fn assert_valid(&self) {
        fn assert_ranges<A: Copy + Ord + Default + std::fmt::Debug>(ranges: &[(A, ClassId)]) {
            assert_eq!(ranges.first().map(|(start, _)| *start), Some(A::default()));
            for pair in ranges.windows(2) {
                assert!(pair[0].0 < pair[1].0, "ascending: {pair:?}");
                assert_ne!(pair[0].1, pair[1].1, "merged: {pair:?}");
            }
        }
        assert_ranges(&self.v4);
        assert_ranges(&self.v6);
        let mut used: Vec<u32> =
            self.v4.iter().map(|range| range.1.0).chain(self.v6.iter().map(|range| range.1.0)).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, (0..u32::try_from(self.classes.len()).unwrap()).collect::<Vec<_>>());
        for (index, class) in self.classes.iter().enumerate() {
            assert!(!self.classes[..index].contains(class), "{class:?} twice");
            assert!(class.matches.windows(2).all(|pair| (std::cmp::Reverse(pair[0].by), pair[0].source)
                < (std::cmp::Reverse(pair[1].by), pair[1].source)));
            assert_eq!(class.matches.last().map(|last| last.source), Some(DEFAULT_SOURCE));
        }
    }

    /// First and last address of every range.
    pub(super) fn edges(&self) -> Vec<IpAddr> {
        let v4 = self.v4.iter().flat_map(|(start, _)| [*start, start.wrapping_sub(1)]).map(Ipv4Addr::from);
        let v6 = self.v6.iter().flat_map(|(start, _)| [*start, start.wrapping_sub(1)]).map(Ipv6Addr::from);
        v4.map(IpAddr::from).chain(v6.map(IpAddr::from)).collect()
    }
}

/// What the partition says of an address.
pub(super) fn matches_of(partition: &Partition, address: IpAddr) -> &[SourceMatch] {
    &partition.classes[usize::try_from(partition.class_of(address).0).unwrap()].matches
}

/// A source from words as [`clients`] reads them.
pub(super) fn source(name: &str, include: &[&str], exclude: &[&str]) -> Source {
    Source { name: name.to_owned(), include: clients(include), exclude: clients(exclude) }
}

/// Clients from words such as `country HK`, `subdivision US-CA`, `as 13335`, `prefix 1.0.0.0/8`.
pub(super) fn clients(words: &[&str]) -> ClientSet {
    let mut clients = ClientSet::default();
    for word in words {
        match word.split_once(' ').unwrap() {
            ("continent", code) => clients.continents.push(code.to_owned()),
            ("country", code) => clients.countries.push(code.to_owned()),
            ("subdivision", code) => clients.subdivisions.push(code.to_owned()),
            ("city", id) => clients.cities.push(id.parse().unwrap()),
            ("as", number) => clients.as_numbers.push(number.parse().unwrap()),
            ("prefix", prefix) => {
                let (address, length) = prefix.split_once('/').unwrap();
                clients
                    .prefixes
                    .push(Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() });
            }
            _ => panic!("{word}"),
        }
    }
    clients
}

/// A record in the layout of the city and ASN databases from words such as `country US, subdivision CA, city 5`;
/// `registered US` is where the network is registered.
pub(super) fn record(words: &str) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut fields = Vec::new();
    let mut subdivisions = Vec::new();
    for word in words.split(", ").filter(|word| !word.is_empty()) {
        match word.split_once(' ').unwrap() {
            ("continent", code) => fields.push(("continent", Value::Map(vec![("code", text(code))]))),
            ("country", code) => fields.push(("country", Value::Map(vec![("iso_code", text(code))]))),
            ("registered", code) => {
                fields.push(("registered_country", Value::Map(vec![("iso_code", text(code))])));
            }
            ("subdivision", code) => subdivisions.push(Value::Map(vec![("iso_code", text(code))])),
            ("city", id) => {
                fields.push(("city", Value::Map(vec![("geoname_id", Value::U32(id.parse().unwrap()))])));
            }
            ("as", number) => fields.push(("autonomous_system_number", Value::U32(number.parse().unwrap()))),
            _ => panic!("{word}"),
        }
    }
    fields.push(("subdivisions", Value::Array(subdivisions)));
    Value::Map(fields)
}

/// A database of `(network, record)`, the later one winning.
pub(super) fn database(ip_version: u16, record_size: u16, networks: &[(&str, &str)]) -> Database {
    let mut writer = MmdbWriter::new(ip_version, record_size);
    for (network, words) in networks {
        writer.insert(network, record(words));
    }
    Database::parse(Path::new("invented.mmdb"), &writer.finish()).unwrap()
}

/// The folder of real and broken databases; says so and gives none where there is no such folder.
pub(super) fn geo_data(test: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/geo");
    let folder = std::env::var_os("GTM_GEO_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    skip::report(test, &format!("no geo data in {} (set GTM_GEO_DATA)", folder.display()));
    None
}

/// An invented database: IP version, record size, networks with the words of their records.
type Invented = (u16, u16, Vec<(String, Vec<&'static str>)>);

/// The facts of a database for an address, from what was put in.
fn plain_facts((ip_version, _, networks): &Invented, address: IpAddr) -> Vec<&'static str> {
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    };
    if address.is_ipv6() && (*ip_version == 4 || number(address) < 1 << 32) {
        return Vec::new();
    }
    let holds = |network: &str| {
        let (first, length) = network.split_once('/').unwrap();
        let first: IpAddr = first.parse().unwrap();
        let length: u32 = length.parse::<u32>().unwrap() + if first.is_ipv4() { 96 } else { 0 };
        (number(first) ^ number(address)).checked_shr(128 - length).unwrap_or(0) == 0
            && (first.is_ipv4() <= address.is_ipv4())
    };
    networks
        .iter()
        .rev()
        .find(|(network, _)| holds(network))
        .map(|(_, words)| words.clone())
        .unwrap_or_default()
}

/// The facts of all databases: of each kind, those of the first database that has any.
fn merged_facts(databases: &[Invented], address: IpAddr) -> Vec<String> {
    let each: Vec<Vec<&str>> = databases.iter().map(|database| plain_facts(database, address)).collect();
    let kinds = ["continent", "country", "subdivision", "city", "as"];
    let facts = kinds.iter().flat_map(|kind| {
        let of_kind = |words: &Vec<&'static str>| {
            let country = words.iter().find_map(|word| word.strip_prefix("country "));
            let mut found: Vec<String> = words
                .iter()
                .filter(|word| word.split(' ').next() == Some(*kind))
                .filter_map(|word| match word.strip_prefix("subdivision ") {
                    Some(code) => country.map(|country| format!("subdivision {country}-{code}")),
                    None => Some((*word).to_owned()),
                })
                .collect();
            if *kind == "continent" && found.is_empty() {
                let continent = |country| if country == "CN" { "continent AS" } else { "continent EU" };
                found.extend(country.map(continent).map(str::to_owned));
            }
            Some(found).filter(|found| !found.is_empty())
        };
        each.iter().find_map(of_kind).unwrap_or_default()
    });
    facts.collect()
}

/// One source and one client, judged straight from the definition.
fn plain_match(source: &Source, facts: &[String], address: IpAddr) -> Option<MatchedBy> {
    let best = |clients: &ClientSet| {
        let has = |kind: &str, value: &dyn std::fmt::Display| facts.contains(&format!("{kind} {value}"));
        let prefix = |prefix: &&Prefix| match (prefix.address, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let bits = |address: Ipv4Addr| format!("{:032b}", u32::from(address));
                bits(first)[..prefix.length.into()] == bits(address)[..prefix.length.into()]
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let bits = |address: Ipv6Addr| format!("{:0128b}", u128::from(address));
                bits(first)[..prefix.length.into()] == bits(address)[..prefix.length.into()]
            }
            _ => false,
        };
        let longest =
            clients.prefixes.iter().filter(prefix).map(|prefix| MatchedBy::Prefix(prefix.length)).max();
        longest
            .or(clients.as_numbers.iter().any(|number| has("as", number)).then_some(MatchedBy::AsNumber))
            .or(clients.cities.iter().any(|id| has("city", id)).then_some(MatchedBy::City))
            .or(clients
                .subdivisions
                .iter()
                .any(|code| has("subdivision", code))
                .then_some(MatchedBy::Subdivision))
            .or(clients.countries.iter().any(|code| has("country", code)).then_some(MatchedBy::Country))
            .or(clients.continents.iter().any(|code| has("continent", code)).then_some(MatchedBy::Continent))
    };
    best(&source.include).filter(|_| best(&source.exclude).is_none())
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let few = [
        "0.0.0.0",
        "9.255.255.255",
        "10.0.0.0",
        "10.1.2.3",
        "10.1.2.200",
        "10.128.0.0",
        "255.255.255.255",
        "::",
    ];
    let more = ["::a01:203", "::1:0:0", "2400::", "2400:0:0:1::7", "2400:8000::", "2402::", "ffff::"];
    select([few.as_slice(), &more].concat()).prop_map(|address| address.parse().unwrap())
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (any_address(), 0..=128_u8).prop_map(|(address, length)| match address {
        IpAddr::V4(v4) => {
            let length = length / 4;
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Prefix { address: Ipv4Addr::from(u32::from(v4) & mask).into(), length }
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Prefix { address: Ipv6Addr::from(u128::from(v6) & mask).into(), length }
        }
    })
}

fn any_database() -> impl Strategy<Value = Invented> {
    let place = subsequence(
        vec!["continent AS", "country CN", "subdivision 1", "subdivision 2", "city 1", "as 1"],
        0..=6,
    );
    let other = subsequence(vec!["continent EU", "country FR", "subdivision 1", "city 2", "as 2"], 0..=5);
    let network = (any_prefix(), prop_oneof![place, other]);
    (select(vec![4_u16, 6]), select(vec![24_u16, 28, 32]), prop::collection::vec(network, 0..8)).prop_map(
        |(ip_version, record_size, mut networks)| {
            networks.retain(|(prefix, _)| ip_version == 6 || prefix.address.is_ipv4());
            // The most specific last: it wins over those before it.
            networks.sort_by_key(|(prefix, _)| prefix.length + if prefix.address.is_ipv4() { 96 } else { 0 });
            (
                ip_version,
                record_size,
                networks.into_iter().map(|(prefix, words)| (prefix.to_string(), words)).collect(),
            )
        },
    )
}

fn any_clients(at_least: usize) -> impl Strategy<Value = ClientSet> {
    let words = [
        "continent AS",
        "continent EU",
        "country CN",
        "country FR",
        "subdivision CN-1",
        "subdivision FR-1",
        "city 1",
        "city 2",
        "as 1",
        "as 2",
    ];
    (prop::collection::vec(select(words.to_vec()), at_least..3), prop::collection::vec(any_prefix(), 0..3))
        .prop_map(|(words, prefixes)| {
            let mut clients = clients(&words);
            clients.prefixes.extend(prefixes);
            clients
        })
}

fn any_source() -> impl Strategy<Value = Source> {
    (any_clients(1), any_clients(0), any::<bool>()).prop_map(|(include, exclude, excludes)| Source {
        name: "some".to_owned(),
        include,
        exclude: if excludes { exclude } else { ClientSet::default() },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_address_has_the_class_that_plain_judgement_gives(
        mut sources in prop::collection::vec(any_source(), 0..5),
        invented in prop::collection::vec(any_database(), 0..4),
        some in prop::collection::vec(any_address(), 3),
    ) {
        sources.insert(0, Source { name: "default".to_owned(), ..Source::default() });
        let databases = invented
            .iter()
            .map(|(ip_version, record_size, networks)| {
                let words: Vec<String> = networks.iter().map(|(_, words)| words.join(", ")).collect();
                let networks: Vec<(&str, &str)> =
                    networks.iter().zip(&words).map(|((network, _), words)| (network.as_str(), words.as_str())).collect();
                database(*ip_version, *record_size, &networks)
            })
            .collect();
        let partition = compile(&sources, &Databases(databases)).partition;
        partition.assert_valid();
        for address in partition.edges().into_iter().chain(some) {
            let facts = merged_facts(&invented, address);
            let mut expect: Vec<SourceMatch> = vec![SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default }];
            for (index, source) in sources.iter().enumerate().skip(1) {
                expect.extend(plain_match(source, &facts, address).map(|by| SourceMatch { source: SourceId(index), by }));
            }
            expect.sort_by_key(|entry| (std::cmp::Reverse(entry.by), entry.source));
            prop_assert_eq!(matches_of(&partition, address), expect.as_slice(), "{} {:?}", address, facts);
        }
    }
}
