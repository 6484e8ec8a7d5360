//! What zone files mean, and what is said about bad ones.

use std::path::Path;

use proptest::prelude::*;

use super::*;

mod generate;
mod locations;
mod params;
mod sanity;

/// What every valid zone of these tests begins with, on one line.
const APEX: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n";
const APEX_LINES: usize = 3;

fn load_text(text: &str) -> Result<Zone, Vec<Problem>> {
    load_files(&[("zone", text)])
}

/// Loads the first of these files, in a folder with the others.
fn load_files(files: &[(&str, &str)]) -> Result<Zone, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    load(&"example.com".parse().unwrap(), &folder.path().join(files[0].0))
}

/// Every record of the zone as `owner ttl TYPE hexadecimal`, sorted; names without records as `owner -`.
fn shown(zone: &Zone) -> Vec<String> {
    let mut lines = Vec::new();
    for (owner, node) in zone.nodes.iter() {
        if node.is_empty() {
            lines.push(format!("{owner} -"));
        }
        for (rtype, set) in node {
            for rdata in &set.rdata {
                let data = data_encoding::HEXLOWER.encode(rdata);
                lines.push(format!("{owner} {} {} {data}", set.ttl, types::type_name(*rtype)));
            }
        }
    }
    lines.sort();
    lines
}

/// The records that a text adds to a valid apex.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let base = shown(&load_text(APEX).unwrap());
    let loaded =
        load_text(&format!("{APEX}{text}")).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let mut added = shown(&loaded);
    added.retain(|line| !base.contains(line));
    assert_eq!(added, expect, "{text}");
}

/// The problems of a text after a valid apex, lines counted in the text alone.
#[track_caller]
fn check_bad(text: &str, expect: &[&str]) {
    let problems = load_text(&format!("{APEX}{text}")).expect_err(text);
    assert_eq!(said(&problems, APEX_LINES), expect, "{text}");
}

fn said(problems: &[Problem], skipped: usize) -> Vec<String> {
    let lines = problems.iter().map(|problem| {
        let line = problem.line.map(|line| format!("{}:", line - skipped)).unwrap_or_default();
        format!("{line}{}: {}", problem.key, problem.message)
    });
    lines.collect()
}

#[test]
fn records_have_owner_ttl_and_class_in_any_form() {
    check("a A 192.0.2.1", &["a.example.com 60 A c0000201"]);
    check("a.example.com. 5 IN A 192.0.2.1", &["a.example.com 5 A c0000201"]);
    check("A in 1h30m a 192.0.2.1", &["a.example.com 5400 A c0000201"]);
    check(
        "a 5 A 192.0.2.1\n\n  AAAA ::1",
        &["a.example.com 5 A c0000201", "a.example.com 60 AAAA 00000000000000000000000000000001"],
    );
    check("a CLASS1 A 192.0.2.1", &["a.example.com 60 A c0000201"]);
    check("@ A 192.0.2.1", &["example.com 60 A c0000201"]);
    check("* A 192.0.2.1", &["*.example.com 60 A c0000201"]);
    check("in A 192.0.2.1", &["in.example.com 60 A c0000201"]);
    check("a (\n A ; comment\n 192.0.2.1 )", &["a.example.com 60 A c0000201"]);
}

#[test]
fn directives_change_what_follows() {
    check("$ORIGIN b\na A 192.0.2.1", &["a.b.example.com 60 A c0000201", "b.example.com -"]);
    check("$ORIGIN example.com.\n$ttl 2m\na A 192.0.2.1", &["a.example.com 120 A c0000201"]);
    let without_default = "@ 7 SOA ns host 1 2 3 4 5\n@ NS ns\n";
    let zone = load_text(without_default).unwrap();
    assert!(shown(&zone).iter().all(|line| line.starts_with("example.com 7 ")), "the last TTL holds on");
    let zone = load_text("@ SOA ns host 1 2 3 4 5\n@ 7 NS ns\na TXT x\n$TTL 9\nb TXT x").unwrap();
    for line in ["a.example.com 5 TXT 0178", "b.example.com 9 TXT 0178"] {
        assert!(shown(&zone).contains(&line.to_owned()), "without $TTL the SOA record says it");
    }
}

#[test]
fn names_between_owner_and_origin_exist() {
    check("a.b.c A 192.0.2.1", &["a.b.c.example.com 60 A c0000201", "b.c.example.com -", "c.example.com -"]);
}

#[test]
fn data_of_every_type() {
    check("a NS B.c.", &["a.example.com 60 NS 0162016300"]);
    check("a CNAME @", &["a.example.com 60 CNAME 076578616d706c6503636f6d00"]);
    check("a PTR b.", &["a.example.com 60 PTR 016200"]);
    check("a MX 10 b.", &["a.example.com 60 MX 000a016200"]);
    check("a TXT \"b c\" d\\;\\065 \"\"", &["a.example.com 60 TXT 0362206303643b4100"]);
    check("a HINFO b \"c\"", &["a.example.com 60 HINFO 01620163"]);
    check("a RP b. c.", &["a.example.com 60 RP 016200016300"]);
    check("a AFSDB 1 b.", &["a.example.com 60 AFSDB 0001016200"]);
    check("a SRV 1 2 3 b.", &["a.example.com 60 SRV 000100020003016200"]);
    check("a NAPTR 1 2 u s \"!r!\" .", &["a.example.com 60 NAPTR 00010002017501730321722100"]);
    check("a CERT 1 2 3 AQID", &["a.example.com 60 CERT 0001000203010203"]);
    check("a DNAME b.", &["a.example.com 60 DNAME 016200"]);
    check("a DS 1 8 9 01 ( 02\n 03 )", &["a.example.com 60 DS 00010809010203"]);
    check("a CDS 0 0 0 00", &["a.example.com 60 CDS 0000000000"]);
    check("a SSHFP 1 3 Ff", &["a.example.com 60 SSHFP 0103ff"]);
    check("a CERT pkix 2 RSASHA256 AQID", &["a.example.com 60 CERT 0001000208010203"]);
    check("a DNSKEY 256 3 ed25519 AQID", &["a.example.com 60 DNSKEY 0100030f010203"]);
    check("a KX 1 b.", &["a.example.com 60 KX 0001016200"]);
    check("a NID 10 0014:4fff:ff20:ee64", &["a.example.com 60 NID 000a00144fffff20ee64"]);
    check("a L32 10 192.0.2.1", &["a.example.com 60 L32 000ac0000201"]);
    check("a EUI48 00-00-5e-00-53-2A", &["a.example.com 60 EUI48 00005e00532a"]);
    check("a EUI64 00-00-5e-ef-10-00-00-2a", &["a.example.com 60 EUI64 00005eef1000002a"]);
    check("a DNSKEY 256 3 8 AQ ID", &["a.example.com 60 DNSKEY 01000308010203"]);
    check("a TLSA 3 1 1 ab", &["a.example.com 60 TLSA 030101ab"]);
    check("a OPENPGPKEY AQID", &["a.example.com 60 OPENPGPKEY 010203"]);
    check("a URI 1 2 \"b\"", &["a.example.com 60 URI 0001000262"]);
    check("a CAA 128 issue \"b\"", &["a.example.com 60 CAA 8005697373756562"]);
    check("a HTTPS 0 b.", &["a.example.com 60 HTTPS 0000016200"]);
    check(
        "a SVCB 1 . port=80 alpn=\"h2,h3\"",
        &["a.example.com 60 SVCB 00010000010006026832026833000300020050"],
    );
    check("a TYPE65280 \\# 3 01 0203", &["a.example.com 60 TYPE65280 010203"]);
    check("a TYPE65280 \\# 0", &["a.example.com 60 TYPE65280 "]);
    check("a TYPE1 192.0.2.1", &["a.example.com 60 A c0000201"]);
    check("a A \\# 4 c0000201", &["a.example.com 60 A c0000201"]);
    check("a MX \\# 5 000a016200", &["a.example.com 60 MX 000a016200"]);
    check("a EUI48 \\# 6 00005e00532a", &["a.example.com 60 EUI48 00005e00532a"]);
    check("a SVCB \\# 9 000100 0003 0002 0050", &["a.example.com 60 SVCB 000100000300020050"]);
}

#[test]
fn bad_data_is_refused() {
    check_bad(
        "a A 192.0.2",
        &["1:a.example.com: A: \"192.0.2\" is not an IPv4 address: invalid IPv4 address syntax"],
    );
    check_bad("a A 192.0.2.1 192.0.2.2", &["1:a.example.com: A: \"192.0.2.2\" is more than this type takes"]);
    check_bad("a A", &["1:a.example.com: A: the data ends where an IPv4 address is expected"]);
    check_bad("a TXT x\rb TXT y", &["1:: a carriage return within a line; end lines with a line feed"]);
    check_bad(
        "*.w NS ns",
        &["1:*.w.example.com: a wildcard cannot be delegated; delegate each name by itself"],
    );
    check_bad(
        "@ DS 1 8 1 2bb183af5f22588179a53b0a98631fad1a292118",
        &["1:example.com: the DS records of a zone stand in the zone above it; leave them out here"],
    );
    check_bad("a TYPE65535 \\# 1 00", &["1:a.example.com: \"TYPE65535\" is never in a zone; leave it out"]);
    check_bad("a MX 65536 b", &["1:a.example.com: MX: \"65536\" is not a number from 0 to 65535"]);
    check_bad("a MX +1 b", &["1:a.example.com: MX: \"+1\" is not a number from 0 to 65535"]);
    check_bad("a TXT", &["1:a.example.com: TXT: the data ends where a string is expected"]);
    check_bad(
        "a TXT \\300",
        &["1:a.example.com: TXT: \"\\300\" has an escape that is neither \\X nor \\DDD up to \\255"],
    );
    let long = format!("a TXT {}", "x".repeat(256));
    check_bad(&long, &["1:a.example.com: TXT: a string of 256 bytes; at most 255 are possible, so split it"]);
    check_bad("a CNAME b..c", &["1:a.example.com: CNAME: \"b..c\" is not a domain name: empty label"]);
    check_bad(
        "a TYPE65280 01",
        &["1:a.example.com: TYPE65280: the data of TYPE65280 is written as \\# LENGTH HEXADECIMAL"],
    );
    check_bad(
        "a A \\# 3 c00002",
        &["1:a.example.com: A: the bytes after \\# are not well-formed data of this type"],
    );
    check_bad(
        "a NS \\# 2 c00c",
        &["1:a.example.com: NS: the bytes after \\# are not well-formed data of this type"],
    );
    check_bad("a A \\# 5 c0000201", &["1:a.example.com: A: 4 bytes of data, but the length after \\# is 5"]);
    check_bad("a A \\#", &["1:a.example.com: A: the length after \\# is missing"]);
    check_bad("a A \"192.0.2.1\"", &["1:a.example.com: A: \"192.0.2.1\" is in quotes, but no string"]);
    check_bad("a CAA 0 \"\" b", &["1:a.example.com: CAA: the tag is empty"]);
    check_bad("a CAA 0 b-c d", &["1:a.example.com: CAA: the tag has letters and digits only"]);
    check_bad("a DS 1 8 2 010203", &["1:a.example.com: DS: a digest of 3 bytes; one of type 2 has 32"]);
    check_bad("a SSHFP 1 1 ff", &["1:a.example.com: SSHFP: a digest of 1 bytes; one of type 1 has 20"]);
    check_bad("a ZONEMD 1 1 1 ff", &["1:a.example.com: ZONEMD: a digest of 1 bytes; one of type 1 has 48"]);
    check_bad(
        "a DNSKEY 256 3 RSASHA3 AQID",
        &["1:a.example.com: DNSKEY: \"RSASHA3\" is not a number from 0 to 255"],
    );
    check_bad("a NID 10 1:2:3", &["1:a.example.com: NID: \"1:2:3\" is not a locator like 2001:db8:1:2"]);
    check_bad(
        "a EUI48 00-00-5e-00-53",
        &[
            "1:a.example.com: EUI48: \"00-00-5e-00-53\" is not 6 pairs of hexadecimal digits with \"-\" between",
        ],
    );
    check_bad(
        "a LOC \\# 16 01000000000000000000000000000000",
        &["1:a.example.com: LOC: the bytes after \\# are not well-formed data of this type"],
    );
}

#[test]
fn bad_records_are_refused() {
    check_bad(
        "a 2147483648 A 192.0.2.1",
        &[
            "1:a.example.com: \"2147483648\" is not a time to live like 3600 or 1h30m, at most 2147483647 seconds",
        ],
    );
    check_bad("a CH A 192.0.2.1", &["1:a.example.com: class \"CH\" is not served; the only class is IN"]);
    check_bad("a", &["1:a.example.com: the record ends before its type"]);
    check_bad("a \"A\" ::", &["1:a.example.com: \"A\" is in quotes where a type is expected"]);
    check_bad(
        "a IN IN A 192.0.2.1",
        &[
            "1:a.example.com: \"IN\" is not a known type; write an unknown one as TYPE123 \\# LENGTH HEXADECIMAL",
        ],
    );
    check_bad(
        "a.. A 192.0.2.1\n A 192.0.2.2",
        &[
            "1:: \"a..\" is not a domain name: empty label",
            "2:: no owner: no valid record before this one names it",
        ],
    );
    check_bad(
        "a. A 192.0.2.1",
        &["1:a: \"a\" is outside the zone \"example.com\"; did you forget the final dot?"],
    );
    check_bad("a SOA b c 1 2 3 4 5", &["1:a.example.com: an SOA record belongs to \"example.com\" alone"]);
    check_bad(
        "@ SOA b c 1 2 3 4 5",
        &["1:example.com: a second SOA record; the one in line 2 is all there can be"],
    );
    check_bad(
        "a CNAME b\na CNAME c",
        &["2:a.example.com: a second CNAME record; the one in line 4 is all there can be"],
    );
    check_bad(
        "a A 192.0.2.1\na CNAME b",
        &["2:a.example.com: a CNAME record has no other type beside it, but A is here too"],
    );
    check_bad(
        "@ CNAME b",
        &["1:example.com: a CNAME record has no other type beside it, but NS, SOA is here too"],
    );
    check_bad(
        "a A \"192.0.2.1\na A 1",
        &[
            "1:: a string without its closing quote",
            "2:a.example.com: A: \"1\" is not an IPv4 address: invalid IPv4 address syntax",
        ],
    );
    check_bad(
        "$DATE 1",
        &["1:$DATE: \"$DATE\" is not a directive; allowed $ORIGIN, $TTL, $INCLUDE, $GENERATE"],
    );
    check_bad("$TTL", &["1:$TTL: one time to live is expected"]);
    check_bad("$ORIGIN a b", &["1:$ORIGIN: one domain name is expected"]);
    check_bad("$INCLUDE", &["1:$INCLUDE: a file and possibly a domain name are expected"]);
    check_bad(
        "$INCLUDE missing",
        &["1:$INCLUDE: \"missing\" cannot be read: No such file or directory (os error 2)"],
    );
}

#[test]
fn a_set_larger_than_a_message_is_refused() {
    let big = (0..250).fold(String::new(), |text, index| format!("{text}a TXT {index:0>255}\n"));
    let problems = load_text(&format!("{APEX}{big}")).unwrap_err();
    assert_eq!(
        said(&problems, APEX_LINES),
        ["244:a.example.com: the TXT records of this name are too many for one answer: over 65253 bytes"]
    );
}

#[test]
fn a_zone_needs_its_apex() {
    let said = |text: &str| said(&load_text(text).unwrap_err(), 0);
    assert_eq!(said("$TTL 1\n@ NS a"), [": has no SOA record at \"example.com\"; a zone needs one"]);
    assert_eq!(
        said("$TTL 1\n@ SOA a b 1 2 3 4 5"),
        [": has no NS record at \"example.com\"; a zone needs one"]
    );
    assert_eq!(said("").len(), 2);
    assert_eq!(
        said("@ NS a"),
        ["1:example.com: no time to live; write one, or a $TTL directive at the top of the file"]
    );
    assert_eq!(said(" NS a"), ["1:: no owner: no valid record before this one names it"]);
}

#[track_caller]
fn check_warned(text: &str, expect_records: &[&str], expect: &[&str]) {
    let loaded = load_text(&format!("{APEX}{text}")).unwrap();
    let records: Vec<_> = shown(&loaded).into_iter().filter(|line| line.starts_with("a.")).collect();
    assert_eq!(records, expect_records);
    assert_eq!(said(&loaded.source.warnings, APEX_LINES), expect);
}

#[test]
fn doubtful_records_are_warned_of() {
    check_warned(
        "a A 192.0.2.1\nA A 192.0.2.1",
        &["a.example.com 60 A c0000201"],
        &["2:a.example.com: this A record is already in line 4; it is dropped"],
    );
    check_warned(
        "a A 192.0.2.1\na 5 A 192.0.2.2\na 7 A 192.0.2.3",
        &["a.example.com 5 A c0000201", "a.example.com 5 A c0000202", "a.example.com 5 A c0000203"],
        &[
            "2:a.example.com: TTL 5, but 60 in the A records before; all of them get the smallest, 5",
            "3:a.example.com: TTL 7, but 5 in the A records before; all of them get the smallest, 5",
        ],
    );
    // Glue is what an address below a cut is for.
    check_warned(
        "b NS a.b\na.b A 192.0.2.1\na.b TXT x\nb TXT x",
        &["a.b.example.com 60 A c0000201", "a.b.example.com 60 TXT 0178"],
        &[
            "3:a.b.example.com: this TXT record is never answered: the zone has NS records at \"b.example.com\"",
        ],
    );
}

#[test]
fn included_files_have_their_own_origin() {
    let main = format!("{APEX}a A 192.0.2.1\n$INCLUDE sub/one b\n  A 192.0.2.4\nc A 192.0.2.5\n");
    let loaded = load_files(&[
        ("zone", &main),
        ("sub/one", "  A 192.0.2.2\nc A 192.0.2.3\n$ORIGIN d\n$INCLUDE two\n"),
        ("sub/two", "e A 192.0.2.6"),
    ]);
    let shown = shown(&loaded.unwrap());
    for line in [
        "a.example.com 60 A c0000201",
        "a.example.com 60 A c0000202",
        "c.b.example.com 60 A c0000203",
        "a.example.com 60 A c0000204",
        "c.example.com 60 A c0000205",
        "e.d.b.example.com 60 A c0000206",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line} in {shown:?}");
    }
}

#[test]
fn problems_of_included_files_name_them() {
    let main = format!("{APEX}$INCLUDE one\n");
    let problems = load_files(&[("zone", &main), ("one", "\na A 1\n")]).unwrap_err();
    assert!(problems[0].file.ends_with("one"));
    assert_eq!(problems[0].line, Some(2));
}

#[test]
fn endless_includes_end() {
    let deep = load_files(&[("zone", "$INCLUDE zone\n")]).unwrap_err();
    assert_eq!(said(&deep, 0), ["1:$INCLUDE: included more than 8 files deep; does a file include itself?"]);
    let wide = load_files(&[("zone", &"$INCLUDE zone\n".repeat(50))]).unwrap_err();
    assert!(wide.iter().any(|problem| problem.message.starts_with("more than 1000 files")));
}

#[test]
fn a_missing_file_is_one_problem() {
    let problems = load(&"example.com".parse().unwrap(), Path::new("missing.zone")).unwrap_err();
    assert_eq!(said(&problems, 0), [": cannot be read: No such file or directory (os error 2)"]);
}

/// hickory reads the same data as we do, where the text has no escapes.
#[test]
fn hickory_agrees() {
    use hickory_proto::rr::{RData, RecordType};
    use hickory_proto::serialize::binary::BinEncodable as _;
    for (rtype, text) in [
        (RecordType::A, "192.0.2.1"),
        (RecordType::AAAA, "2001:db8::1"),
        (RecordType::NS, "a.b."),
        (RecordType::SOA, "a. b. 1 2 3h 4 5"),
        (RecordType::MX, "10 a.b."),
        (RecordType::TXT, "a \"b c\""),
        (RecordType::SRV, "1 2 3 a."),
        (RecordType::NAPTR, "1 2 u s \"!a!\" b."),
        (RecordType::CAA, "0 issue \"a\""),
        (RecordType::CERT, "1 2 3 AQID"),
        (RecordType::SSHFP, "1 3 ff"),
        (RecordType::TLSA, "3 1 1 ab"),
        (RecordType::HTTPS, "1 a. alpn=h2 ipv4hint=192.0.2.1"),
        (RecordType::SVCB, "1 . mandatory=alpn,port alpn=h2,h3 port=80 ech=AQID ipv6hint=::1,::2"),
    ] {
        let theirs = RData::try_from_str(rtype, text).unwrap().to_bytes().unwrap();
        let entry = Entries::new(text).next().unwrap().unwrap();
        let ours = rdata::parse(rtype.into(), &entry.tokens, &Name::root());
        assert_eq!(ours.as_deref(), Ok(theirs.as_slice()), "{rtype} {text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_zone_or_problems(text in "([a-c@.*]{0,3}[ \t]|\n|\\$TTL |\\$GENERATE |1-3 |\\$\\{?|60 |IN |A |NS |TXT |SVCB |[\"();\\\\0-9]|\\PC){0,40}") {
        // Either is fine; a panic is not.
        let _loaded = load_text(&format!("{APEX}{text}")).is_ok();
    }

    #[test]
    fn any_data_is_read_or_refused(rtype in prop::sample::select(vec![1_u16, 2, 6, 15, 16, 28, 29, 33, 35, 37, 43, 44, 52, 61, 104, 108, 256, 257, 65280]), words in prop::collection::vec("[a-z0-9\\\\.#@=+/\\PC]{0,6}", 0..8)) {
        let tokens: Vec<_> = words.into_iter().map(|raw| Token { raw, quoted: false, glued: false }).collect();
        let _read = rdata::parse(rtype, &tokens, &Name::root()).is_ok();
    }

    #[test]
    fn any_parameters_are_read_or_refused(words in prop::collection::vec("(alpn|mandatory|no-default-alpn|port|ohttp|ipv4hint|ipv6hint|ech|dohpath|key[0-9]{0,6}|\\PC{0,4})=?[a-z0-9:.,=+/\"!-~]{0,12}", 0..4)) {
        let fixed = ["1", "."].map(str::to_owned);
        let tokens: Vec<_> = fixed.into_iter().chain(words).map(|raw| Token { raw, quoted: false, glued: false }).collect();
        if let Ok(wire) = rdata::parse(types::SVCB, &tokens, &Name::root()) {
            let hexadecimal = data_encoding::HEXLOWER.encode(&wire);
            let generic = ["\\#".to_owned(), wire.len().to_string(), hexadecimal];
            let generic = generic.map(|raw| Token { raw, quoted: false, glued: false });
            prop_assert_eq!(rdata::parse(types::SVCB, &generic, &Name::root()), Ok(wire));
        }
    }
}
