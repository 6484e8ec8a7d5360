//! Real and broken databases: the demo extract, the full country file, the vendor's own test files, and those
//! known to have crashed readers.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{Reader, path};

use super::database::Database;
use super::geo_tests::{geo_data, matches_of, source};
use super::mmdb_writer::{MmdbWriter, Value};
use super::*;

/// The expected end of every file in `bad/`: part of the error, or `None` for one that can be read.
const BAD: [(&str, Option<&str>); 25] = [
    ("GeoIP2-City-Test-Broken-Double-Format.mmdb", Some("record of 2.125.160.216/29: ")),
    ("GeoIP2-City-Test-Invalid-Node-Count.mmdb", Some("search tree extends beyond")),
    ("MaxMind-DB-test-broken-pointers-24.mmdb", Some("record of 1.1.1.16/28: ")),
    ("MaxMind-DB-test-broken-search-tree-24.mmdb", Some("search tree is deeper than an address has bits")),
    ("bad-unicode-in-map-key.mmdb", Some("record of 0.0.0.0/3: ")),
    ("cyclic-data-structure.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    ("invalid-bytes-length.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    ("invalid-data-record-offset.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    ("invalid-map-key-length.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    ("invalid-string-length.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    // Ninety-nine of its hundred nodes are reached by no address; the one that is holds two good records.
    ("libmaxminddb-corrupt-search-tree.mmdb", None),
    ("libmaxminddb-deep-array-nesting.mmdb", Some("record of 1.0.0.0/8: ")),
    ("libmaxminddb-deep-nesting.mmdb", Some("record of 1.0.0.0/8: ")),
    ("libmaxminddb-empty-array-last-in-metadata.mmdb", None),
    ("libmaxminddb-empty-map-last-in-metadata.mmdb", None),
    ("libmaxminddb-metadata-marker-only.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
    (
        "libmaxminddb-offset-integer-overflow.mmdb",
        Some("is not a MaxMind database (.mmdb), or a broken one: "),
    ),
    ("libmaxminddb-oversized-array.mmdb", Some("record of 0.0.0.0/1: ")),
    ("libmaxminddb-oversized-map.mmdb", Some("record of 0.0.0.0/1: ")),
    ("libmaxminddb-separator-record-max-left.mmdb", Some("record of 0.0.0.0/1: ")),
    ("libmaxminddb-separator-record-min-left.mmdb", Some("record of 0.0.0.0/1: ")),
    ("libmaxminddb-separator-record-min-right.mmdb", Some("record of 128.0.0.0/1: ")),
    ("libmaxminddb-uint64-max-epoch.mmdb", Some("timestamp is too large")),
    ("metadata-is-an-uint128.mmdb", Some("expected map")),
    ("unexpected-bytes.mmdb", Some("is not a MaxMind database (.mmdb), or a broken one: ")),
];

#[test]
fn every_bad_file_ends_in_a_clear_error_or_is_read() {
    let Some(folder) = geo_data("every_bad_file_ends_in_a_clear_error_or_is_read") else { return };
    let there: BTreeSet<String> = fs::read_dir(folder.join("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, BAD.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, expect) in BAD {
        let path = folder.join("bad").join(name);
        match (Database::load(&path), expect) {
            (Ok(database), None) => {
                assert_eq!(database.facts.len(), 1, "{name}: its records say nothing of a place");
            }
            (Err(error), Some(expect)) => {
                let error = error.to_string();
                assert!(error.starts_with(&path.display().to_string()) && error.contains(expect), "{error}");
            }
            (Ok(_), Some(_)) => panic!("{name} was read"),
            (Err(error), None) => panic!("{error}"),
        }
    }
}

/// A broken file never gets past `load` by a panic: cut and bent copies of good files.
#[test]
fn damaged_files_never_panic() {
    let Some(folder) = geo_data("damaged_files_never_panic") else { return };
    for name in ["MaxMind-DB-test-decoder.mmdb", "GeoIP2-Country-Test.mmdb", "GeoLite2-City-Test.mmdb"] {
        let whole = fs::read(folder.join(name)).unwrap();
        for end in (0..whole.len()).step_by(whole.len() / 200) {
            drop(Database::parse(Path::new(name), &whole[..end]));
            for bits in [0x01, 0x80, 0xff] {
                let mut bent = whole.clone();
                bent[end] ^= bits;
                drop(Database::parse(Path::new(name), &bent));
            }
        }
    }
}

#[track_caller]
fn check(databases: &Databases, address: &str, expect: &str) {
    let facts = databases.facts(address.parse().unwrap());
    let list = |codes: &[Code]| codes.iter().map(Code::to_string).collect::<Vec<_>>().join("+");
    let known = [
        facts.continent.map(|code| code.to_string()),
        facts.country.map(|code| code.to_string()),
        Some(list(&facts.subdivisions)).filter(|codes| !codes.is_empty()),
        facts.city.map(|id| format!("city {id}")),
        facts.as_number.map(|number| format!("AS{number}")),
    ];
    assert_eq!(known.into_iter().flatten().collect::<Vec<_>>().join(" "), expect, "{address}");
}

#[test]
fn the_paid_layouts_are_read() {
    let Some(folder) = geo_data("the_paid_layouts_are_read") else { return };
    let load =
        |names: &[&str]| load(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>()).unwrap();
    let country = load(&["GeoIP2-Country-Test.mmdb"]);
    check(&country, "2.125.160.216", "EU GB");
    check(&country, "2001:218::1", "AS JP");
    check(&country, "2002:27d:a0d8::", "");
    check(&country, "127.0.0.1", "");
    let city = load(&["GeoLite2-City-Test.mmdb"]);
    check(&city, "2.125.160.216", "EU GB GB-ENG+GB-WBK city 2655045");
    check(&city, "175.16.199.1", "AS CN CN-22 city 2038180");
    check(&city, "216.160.83.56", "NA US US-WA city 5803556");
    let asn = load(&["GeoLite2-ASN-Test.mmdb"]);
    check(&asn, "1.128.0.1", "AS1221");
    check(&asn, "12.81.92.1", "AS7018");
    let all = load(&["GeoLite2-ASN-Test.mmdb", "GeoLite2-City-Test.mmdb", "GeoIP2-Country-Test.mmdb"]);
    check(&all, "216.160.83.56", "NA US US-WA city 5803556 AS209");
    check(&load(&["MaxMind-DB-no-ipv4-search-tree.mmdb"]), "1.2.3.4", "");
    check(&load(&["MaxMind-DB-test-decoder.mmdb"]), "1.1.1.1", "");
}

#[test]
fn the_full_country_file_says_what_its_reader_says() {
    let Some(folder) = geo_data("the_full_country_file_says_what_its_reader_says") else { return };
    let path = folder.join("ipfire-country.mmdb");
    let sources = [
        source("default", &[], &[]),
        source("mainland", &["country CN"], &[]),
        source("hong-kong", &["country HK"], &[]),
        source("asia", &["continent AS"], &["country CN", "country HK"]),
    ];
    let Compiled { partition, warnings } = compile(&sources, &load(std::slice::from_ref(&path)).unwrap());
    partition.assert_valid();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(partition.classes.len(), 4);
    let reader = Reader::open_readfile(path).unwrap();
    for address in partition.edges() {
        let country =
            reader.lookup(address).unwrap().decode_path::<String>(&path!["country", "iso_code"]).unwrap();
        let expect = match country.as_deref() {
            Some("CN") => "mainland",
            Some("HK") => "hong-kong",
            Some("JP" | "KR" | "TW" | "SG" | "IN") => "asia",
            Some("US" | "DE" | "FR" | "BR") | None => "default",
            Some(_) => continue,
        };
        let best = matches_of(&partition, address).first().unwrap();
        assert_eq!(sources[best.source.0].name, expect, "{address} {country:?}");
    }
}

fn demo_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/country.mmdb")
}

/// A client in each network of the demo database, and its country.
const DEMO: [(&str, &str); 11] = [
    ("1.2.4.8", "CN"),
    ("1.64.0.1", "HK"),
    ("5.9.0.1", "DE"),
    ("8.8.8.8", "US"),
    ("200.160.0.8", "BR"),
    ("223.5.0.1", "CN"),
    ("2400:3200::1", "CN"),
    ("2404:c800::1", "HK"),
    ("2620:fe::fe", "US"),
    ("2804:14c::1", "BR"),
    ("2a01:4f8::1", "DE"),
];

#[test]
fn the_demo_database_knows_the_demo_clients() {
    let databases = load(&[demo_path()]).unwrap();
    for (address, country) in DEMO {
        assert_eq!(databases.facts(address.parse().unwrap()).country, Code::new(country), "{address}");
    }
    check(&databases, "223.6.0.1", "AS CN");
    check(&databases, "223.7.0.1", "AS CN");
    check(&databases, "9.9.9.9", "");
}

/// Also makes it: see `etc/demo/README.md`.
#[test]
fn the_demo_database_is_an_extract_of_the_full_one() {
    let Some(folder) = geo_data("the_demo_database_is_an_extract_of_the_full_one") else { return };
    let reader = Reader::open_readfile(folder.join("ipfire-country.mmdb")).unwrap();
    let metadata = reader.metadata();
    let mut writer = MmdbWriter::new(6, 24).describe(
        "IPFire-Location-Country-Extract",
        "Extract of the IPFire Location database, CC BY-SA 4.0, location.ipfire.org",
        metadata.build_epoch,
    );
    for (address, _) in DEMO {
        let found = reader.lookup(address.parse::<IpAddr>().unwrap()).unwrap();
        let iso_code = found.decode_path::<String>(&path!["country", "iso_code"]).unwrap().unwrap();
        let country = Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text(iso_code))]))]);
        writer.insert(&found.network().unwrap().to_string(), country);
    }
    let extract = writer.finish();
    if std::env::var_os("GTM_WRITE_DEMO").is_some() {
        fs::write(demo_path(), &extract).unwrap();
    }
    assert!(
        fs::read(demo_path()).unwrap() == extract,
        "etc/demo/country.mmdb differs; see etc/demo/README.md"
    );
}

/// Networks of the database that the comparison with gdnsd reads. gdnsd looks for a country within its continent alone, so
/// that the demo database, which has none, is of no use to it. The networks are invented.
const COMPARED: [(&str, &str, Option<&str>); 14] = [
    ("1.16.0.0/12", "AS", Some("CN")),
    ("1.64.0.0/14", "AS", Some("HK")),
    ("1.80.0.0/15", "AS", None),
    ("5.0.0.0/9", "EU", Some("DE")),
    ("5.128.0.0/10", "EU", Some("FR")),
    ("8.0.0.0/8", "NA", Some("US")),
    ("11.32.0.0/11", "NA", Some("CA")),
    ("196.64.0.0/10", "AF", Some("ZA")),
    ("200.128.0.0/9", "SA", Some("BR")),
    ("2400:4000::/22", "AS", Some("CN")),
    ("2404:8000::/25", "AS", Some("HK")),
    ("2600::/12", "NA", Some("US")),
    ("2804::/16", "SA", Some("BR")),
    ("2a00:8000::/17", "EU", Some("DE")),
];

/// Also makes it, when `GTM_WRITE_DEMO=1` is set.
#[test]
fn the_compared_database_is_as_written_here() {
    let mut writer =
        MmdbWriter::new(6, 24).describe("Invented-Country", "Invented networks for a test", 1_700_000_000);
    for (network, continent, country) in COMPARED {
        let code = |key, code: &str| Value::Map(vec![(key, Value::Text(code.to_owned()))]);
        let mut fields = vec![("continent", code("code", continent))];
        fields.extend(country.map(|country| ("country", code("iso_code", country))));
        writer.insert(network, Value::Map(fields));
    }
    let made = writer.finish();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/gdnsd/country.mmdb");
    if std::env::var_os("GTM_WRITE_DEMO").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(fs::read(&path).unwrap() == made, "{} differs; GTM_WRITE_DEMO=1 writes it", path.display());
}
