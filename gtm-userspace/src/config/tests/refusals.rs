//! What is said about configurations that cannot be used.

use proptest::prelude::*;

use super::examples::EXAMPLE;
use super::*;

/// A template that is added at line 49, its keys from line 50 on.
#[track_caller]
fn check_template(keys: &str, expect: &[&str]) {
    check_bad("", &format!("[template.t]\n{keys}"), expect);
}

/// A source that is added at line 49, its keys from line 50 on.
#[track_caller]
fn check_source(keys: &str, expect: &[&str]) {
    check_bad("", &format!("[source.s]\n{keys}"), expect);
}

#[test]
fn nothing_written_is_ignored() {
    check_bad("", "[servce]", &["49: servce: unknown key \"servce\"; did you mean \"service\"?"]);
    check_bad(
        "interfaces",
        "interface",
        &[
            "2: service: \"interfaces\" is missing; it is required here",
            "4: service.interface: unknown key \"interface\"; did you mean \"interfaces\"?",
        ],
    );
    check_template(
        "kind = \"ping\"\nintreval = \"1s\"",
        &["51: template.t.intreval: unknown key \"intreval\"; did you mean \"interval\"?"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = 2\nwieght = 5",
        &["24: pool.mainland.address[2].wieght: unknown key \"wieght\"; did you mean \"weight\"?"],
    );
    check_bad(
        "pool = [{ pool = \"six\",",
        "pool = [{ pool = \"six\", x = 1,",
        &[
            "43: domain[2].pool[1].x: unknown key \"x\"; valid here: \"pool\", \"ordinal\", \"sources\", \"weight\"",
        ],
    );
    check_bad(
        "file = ",
        "a = 1\nfile = ",
        &["8: zone.\"example.com\".a: unknown key \"a\"; valid here: \"file\""],
    );
    check_source(
        "country = [\"CN\"]",
        &[
            "49: source.s: nobody belongs to this source; add continents, countries, subdivisions, cities, as_numbers or prefixes, or use \"default\"",
            "50: source.s.country: unknown key \"country\"; did you mean \"countries\"?",
        ],
    );
    check_template(
        "kind = \"tcp\"\nport = 1\npath = \"/\"\nverify = true",
        &[
            "52: template.t.path: \"path\" does not belong to kind \"tcp\", only to http and https; leave it out",
            "53: template.t.verify: \"verify\" does not belong to kind \"tcp\", only to https; leave it out",
        ],
    );
    check_template(
        "kind = \"ping\"\nport = 1",
        &[
            "51: template.t.port: \"port\" does not belong to kind \"ping\", only to tcp, http and https; leave it out",
        ],
    );
    check_template(
        "kind = \"http\"\nverify = true",
        &["51: template.t.verify: \"verify\" does not belong to kind \"http\", only to https; leave it out"],
    );
}

/// A table that is added at line 49, its keys from line 50 on.
#[track_caller]
fn check_dns(keys: &str, expect: &[&str]) {
    check_bad("", &format!("[dns]\n{keys}"), expect);
}

#[test]
fn settings_of_the_protocol() {
    check_dns("nsdi = \"a\"", &["50: dns.nsdi: unknown key \"nsdi\"; did you mean \"nsid\"?"]);
    check_dns(
        "ecs = \"sometimes\"",
        &[
            "50: dns.ecs: \"sometimes\" is not one of the choices; allowed \"always\", \"never\" or a list like [\"192.0.2.0/24\"]",
        ],
    );
    check_dns(
        "ecs = true",
        &["50: dns.ecs: true is a truth value; \"always\", \"never\" or a list of prefixes is expected"],
    );
    check_dns("ecs = []", &["50: dns.ecs: an empty list; at least one item is expected"]);
    check_dns(
        "ecs = [\"192.0.2.1\", \"192.0.2.1/24\"]",
        &[
            "50: dns.ecs[1]: \"192.0.2.1\" is an address without a length; write \"192.0.2.1/32\"",
            "50: dns.ecs[2]: \"192.0.2.1/24\" is a prefix with bits set beyond its length; did you mean \"192.0.2.0/24\"?",
        ],
    );
    check_dns(
        "nsid = \"\"\nversion = 1\nextended_errors = \"yes\"",
        &[
            "50: dns.nsid: \"\" is 0 bytes long; allowed 1 to 64",
            "51: dns.version: 1 is a whole number; a string is expected",
            "52: dns.extended_errors: \"yes\" is a string; true or false is expected",
        ],
    );
    let (long, longer) = ("x".repeat(65), "y".repeat(256));
    check_dns(
        &format!("nsid = \"{long}\"\nid = \"{longer}\""),
        &[
            &format!("50: dns.nsid: \"{long}\" is 65 bytes long; allowed 1 to 64"),
            &format!("51: dns.id: \"{longer}\" is 256 bytes long; allowed 1 to 255"),
        ],
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "version = 1\n[service]\nlisten = 5\nxdp_mode = \"fast\"\n[source.a]\ncountries = [\"cn\"]\n[template.b]\n[pool.c]\nkind = \"ipv5\"\n[[domain]]\nname = \"a..b\"\n";
    let errors = load_text(text).unwrap_err();
    let lines: Vec<_> = errors.problems.iter().map(|problem| problem.line.unwrap()).collect();
    assert_eq!(lines, [3, 4, 6, 7, 9, 10, 10, 10, 11], "{errors}");
}

#[test]
fn version_is_known() {
    check_bad("version = 1", "version = 2", &["1: version: 2 is out of range; allowed 1"]);
    check_bad("version = 1\n", "", &["1: \"version\" is missing; it is required here"]);
}

#[test]
fn syntax_errors_stand_alone() {
    check_bad("kind = \"http\"", "kind = \"http\"\nkind = \"tcp\"", &["13: not valid TOML: duplicate key"]);
    let errors = load_text(&edited("kind = \"http\"", "kind = http")).unwrap_err();
    assert!(said(&errors.problems)[0].starts_with("12: not valid TOML: "), "{errors}");
}

#[test]
fn files_must_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("missing")] {
        let errors = load(&path).unwrap_err();
        assert!(errors.to_string().starts_with(&format!("{}: cannot be read: ", path.display())), "{errors}");
    }
    check_bad(
        "\"example.com.zone\"",
        "\"no.zone\"",
        &["8: zone.\"example.com\".file: \"no.zone\" cannot be read: No such file or directory (os error 2)"],
    );
}

#[test]
fn values_have_their_types_and_ranges() {
    check_bad(
        "ordinal = 2",
        "ordinal = 300000",
        &["23: pool.mainland.address[2].ordinal: 300000 is out of range; allowed 1 to 65535"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = 0",
        &["23: pool.mainland.address[2].ordinal: 0 is out of range; allowed 1 to 65535"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = -1",
        &["23: pool.mainland.address[2].ordinal: -1 is out of range; allowed 1 to 65535"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = 99999999999999999999999",
        &[
            "23: pool.mainland.address[2].ordinal: 99999999999999999999999 is out of range; allowed 1 to 65535",
        ],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = \"2\"",
        &["23: pool.mainland.address[2].ordinal: \"2\" is a string; a whole number, 1 to 65535, is expected"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = 2\nenabled = 1",
        &["24: pool.mainland.address[2].enabled: 1 is a whole number; true or false is expected"],
    );
    check_bad(
        "ordinal = 2",
        "ordinal = 2\nmode = \"on\"",
        &[
            "24: pool.mainland.address[2].mode: \"on\" is not one of the choices; allowed \"auto\", \"online\", \"offline\"",
        ],
    );
    check_bad(
        "countries = [\"CN\"]",
        "countries = \"CN\"",
        &["10: source.mainland.countries: \"CN\" is a string; a list is expected"],
    );
    check_bad(
        "[geo]\ndatabases",
        "[geo]\nx",
        &[
            "5: geo: \"databases\" is missing; it is required here",
            "6: geo.x: unknown key \"x\"; valid here: \"databases\"",
        ],
    );
    check_bad(
        "type = \"A\"",
        "type = \"A\"\nttl = 0",
        &["34: domain[1].ttl: 0 is out of range; allowed 1 to 86400"],
    );
}

#[test]
fn control_and_store_are_files() {
    let long = format!("/{}", "a".repeat(107));
    check_bad(
        "",
        &format!("[control]\nsocket = \"{long}\""),
        &[&format!(
            "50: control.socket: \"{long}\" is too long: \"{long}\" has 108 bytes; allowed at most 107, for example \"/run/gtm/gtm.sock\""
        )],
    );
    assert!(load_text(&edited("", &format!("[control]\nsocket = \"{}\"", &long[..107]))).is_ok());
    check_bad("", "[control]\nsocket = \"\"", &["50: control.socket: \"\" is not a path"]);
    check_bad(
        "",
        "[control]\nsokcet = \"a\"",
        &["50: control.sokcet: unknown key \"sokcet\"; did you mean \"socket\"?"],
    );
    check_bad("", "[store]\nfile = 5", &["50: store.file: 5 is a whole number; a string is expected"]);
    for keep in ["59m", "366d"] {
        check_bad(
            "",
            &format!("[store]\nkeep_events = \"{keep}\""),
            &[&format!("50: store.keep_events: \"{keep}\" is out of range; allowed \"1h\" to \"365d\"")],
        );
    }
    check_bad(
        "",
        "[store]\nkeep_events = \"1w\"",
        &[
            "50: store.keep_events: \"1w\" is not a duration like \"500ms\", \"5s\" or \"1m\"; allowed \"1h\" to \"365d\"",
        ],
    );
}

#[test]
fn tcp_limits_are_in_range() {
    for (key, value, expect) in [
        ("tcp_connections", "0", "0 is out of range; allowed 1 to 100000"),
        ("tcp_connections", "100001", "100001 is out of range; allowed 1 to 100000"),
        ("tcp_idle", "\"0s\"", "\"0s\" is out of range; allowed \"1s\" to \"10m\""),
        ("tcp_idle", "\"11m\"", "\"11m\" is out of range; allowed \"1s\" to \"10m\""),
    ] {
        let line = format!("interfaces = [\"eth0\"]\n{key} = {value}");
        check_bad("interfaces = [\"eth0\"]", &line, &[&format!("5: service.{key}: {expect}")]);
    }
}

#[track_caller]
fn check_listen(listen: &str, expect: &str) {
    let message = format!("3: service.listen[1]: \"{listen}\" is {expect}");
    check_bad("\"192.0.2.53\"", &format!("\"{listen}\""), &[&message]);
}

#[test]
fn listening_is_on_exact_addresses() {
    check_listen("0.0.0.0", "a wildcard; the kernel answers for exact addresses, so list each of them");
    check_listen("[::]:53", "a wildcard; the kernel answers for exact addresses, so list each of them");
    check_listen("224.0.0.1", "a multicast address; a unicast address is expected");
    check_listen("255.255.255.255", "the broadcast address; a unicast address is expected");
    check_listen("::ffff:192.0.2.1", "an IPv4 address in IPv6 form; write it as IPv4");
    for scoped in ["fe80::1", "[fe80::1%2]:53"] {
        check_listen(
            scoped,
            "a link-local address, which means another host on every link; use a global or unique local one",
        );
    }
    check_listen(
        "[2001:db8::1%2]:53",
        "with a scope, which only link-local addresses have; leave out \"%\" and what follows",
    );
    check_listen("192.0.2.1:0", "without a usable port; allowed 1 to 65535");
    check_listen(
        "eth0",
        "not an address to listen on, like \"192.0.2.53\", \"192.0.2.53:53\" or \"[2001:db8::53]:53\"",
    );
    check_bad(
        "[\"192.0.2.53\", ",
        "[\"192.0.2.53\", \"192.0.2.53:53\", ",
        &["3: service.listen[2]: the value \"192.0.2.53:53\" is already in line 3"],
    );
    check_bad(
        "[\"192.0.2.53\", \"[2001:db8::53]:5353\"]",
        "[]",
        &["3: service.listen: an empty list; at least one item is expected"],
    );
    check_bad(
        "[\"eth0\"]",
        "[\"a/b\"]",
        &[
            "4: service.interfaces[1]: \"a/b\" is not the name of an interface, like \"eth0\"; at most 15 characters without spaces, \"/\" and \":\"",
        ],
    );
    check_bad(
        "[\"eth0\"]",
        "[\"eth0\", \"eth0\"]",
        &["4: service.interfaces[2]: the value \"eth0\" is already in line 4"],
    );
}

#[test]
fn sources_are_sets_of_clients() {
    check_bad(
        "",
        "[source.default]\ncountries = [\"CN\"]",
        &["49: source.default: the source \"default\" is predefined; choose another name"],
    );
    check_bad(
        "",
        "[source.\"a b\"]",
        &[
            "49: source.\"a b\": \"a b\" is not a name for a source; allowed are 1 to 63 letters, digits, \"-\", \"_\" and \".\"",
        ],
    );
    check_source(
        "exclude_countries = [\"CN\"]",
        &[
            "49: source.s: only exclusions; add continents, countries, subdivisions, cities, as_numbers or prefixes, or use \"default\"",
        ],
    );
    check_source(
        "countries = [\"CN\"]\nexclude_countries = [\"CN\"]",
        &["51: source.s.exclude_countries[1]: \"CN\" is included in line 50; leave one of the two out"],
    );
    check_source(
        "countries = [\"CN\",\n\"CN\"]",
        &["51: source.s.countries[2]: the value \"CN\" is already in line 50"],
    );
    check_source(
        "countries = [\"cn\"]",
        &[
            "50: source.s.countries[1]: \"cn\" is not a country code; two upper-case letters (ISO 3166-1) like \"CN\" are expected",
        ],
    );
    check_source(
        "continents = [\"XX\"]",
        &["50: source.s.continents[1]: \"XX\" is not a continent; allowed AF, AN, AS, EU, NA, OC, SA"],
    );
    check_source(
        "subdivisions = [\"CA\"]",
        &[
            "50: source.s.subdivisions[1]: \"CA\" is not a subdivision code; the country and its part (ISO 3166-2) like \"US-CA\" are expected",
        ],
    );
    check_source("cities = [0]", &["50: source.s.cities[1]: 0 is out of range; allowed 1 to 4294967295"]);
    check_source(
        "as_numbers = [4294967296]",
        &["50: source.s.as_numbers[1]: 4294967296 is out of range; allowed 1 to 4294967295"],
    );
    check_source("countries = []", &["50: source.s.countries: an empty list; at least one item is expected"]);
}

#[track_caller]
fn check_prefix(prefix: &str, expect: &str) {
    check_source(
        &format!("prefixes = [\"{prefix}\"]"),
        &[&format!("50: source.s.prefixes[1]: \"{prefix}\" is {expect}")],
    );
}

#[test]
fn prefixes_have_no_host_bits() {
    let not_a_prefix = "not a prefix like \"192.0.2.0/24\" or \"2001:db8::/32\"";
    let with_lengths = format!("{not_a_prefix}; lengths 0 to 32, for IPv6 0 to 128");
    check_prefix("10.0.0.1/8", "a prefix with bits set beyond its length; did you mean \"10.0.0.0/8\"?");
    check_prefix("1.0.0.0/0", "a prefix with bits set beyond its length; did you mean \"0.0.0.0/0\"?");
    check_prefix(
        "2001:db8::1/32",
        "a prefix with bits set beyond its length; did you mean \"2001:db8::/32\"?",
    );
    check_prefix("::1/0", "a prefix with bits set beyond its length; did you mean \"::/0\"?");
    check_prefix("10.0.0.0", "an address without a length; write \"10.0.0.0/32\"");
    check_prefix("::1", "an address without a length; write \"::1/128\"");
    check_prefix("CN", not_a_prefix);
    check_prefix("10.0.0.0/33", &with_lengths);
    check_prefix("::/129", &with_lengths);
    check_prefix("10.0.0.0/+8", &with_lengths);
    check_prefix("10.0.0/8", &with_lengths);
    check_prefix("::ffff:10.0.0.0/104", "an IPv4 prefix in IPv6 form; write it as IPv4");
}

#[test]
fn templates_hold_what_their_kind_needs() {
    check_template("", &["49: template.t: \"kind\" is missing; it is required here"]);
    check_template(
        "kind = \"htp\"",
        &[
            "50: template.t.kind: \"htp\" is not one of the choices; allowed \"ping\", \"tcp\", \"http\", \"https\"",
        ],
    );
    check_template("kind = \"tcp\"", &["49: template.t: \"port\" is missing; it is required here"]);
    check_template(
        "kind = \"ping\"\ninterval = \"1s\"\ntimeout = \"1001ms\"",
        &["52: template.t.timeout: \"1001ms\" is above the interval; allowed at most \"1s\" here"],
    );
    check_template(
        "kind = \"ping\"\ninterval = \"5\"",
        &[
            "51: template.t.interval: \"5\" is not a duration like \"500ms\", \"5s\" or \"1m\"; allowed \"100ms\" to \"1h\"",
        ],
    );
    check_template(
        "kind = \"ping\"\ninterval = \"99ms\"",
        &["51: template.t.interval: \"99ms\" is out of range; allowed \"100ms\" to \"1h\""],
    );
    check_template(
        "kind = \"ping\"\ninterval = \"2h\"",
        &["51: template.t.interval: \"2h\" is out of range; allowed \"100ms\" to \"1h\""],
    );
    check_template(
        "kind = \"ping\"\ninterval = \"307445734561825861m\"",
        &[
            "51: template.t.interval: \"307445734561825861m\" is not a duration like \"500ms\", \"5s\" or \"1m\"; allowed \"100ms\" to \"1h\"",
        ],
    );
    check_template(
        "kind = \"ping\"\nfailures = 0",
        &["51: template.t.failures: 0 is out of range; allowed 1 to 100"],
    );
    check_template(
        "kind = \"ping\"\ninitial = \"first\"",
        &["51: template.t.initial: \"first\" is not one of the choices; allowed \"up\", \"down\", \"last\""],
    );
    check_template(
        "kind = \"http\"\npath = \"health\"",
        &[
            "51: template.t.path: \"health\" is not a path of a request; it begins with \"/\" and has at most 2048 ASCII characters without spaces and \"#\"",
        ],
    );
    check_template(
        "kind = \"http\"\nhost = \"a\\r\\nb\"",
        &[
            "51: template.t.host: \"a\\r\\nb\" is not a host name or address; letters, digits, \"-\", \"_\" and \".\" are expected, without a port",
        ],
    );
    check_template(
        "kind = \"http\"\nexpect_status = [99]",
        &["51: template.t.expect_status[1]: 99 is out of range; allowed 200 to 599"],
    );
}

#[test]
fn a_bad_definition_is_reported_once() {
    check_bad(
        "kind = \"ipv6\"",
        "kind = \"ipv5\"",
        &["26: pool.six.kind: \"ipv5\" is not one of the choices; allowed \"ipv4\", \"ipv6\", \"domain\""],
    );
    check_bad(
        "countries = [\"CN\"]",
        "countries = [5]",
        &["10: source.mainland.countries[1]: 5 is a whole number; a string is expected"],
    );
}

#[test]
fn problems_of_zone_files_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.zone"), format!("{ZONE}a A 1\nb A 2\n")).unwrap();
    let path = folder.path().join("gtm.toml");
    std::fs::write(&path, BASE).unwrap();
    let errors = load(&path).unwrap_err();
    let place = |problem: &Problem| (problem.file.ends_with("example.com.zone"), problem.line);
    let places: Vec<_> = errors.problems.iter().map(place).collect();
    assert_eq!(places, [(true, Some(10)), (true, Some(11))], "{errors}");
}

/// A model, or problems of which each has a line of the file.
fn read_or_refused(text: &str) -> Result<(), TestCaseError> {
    if let Err(errors) = load_text(text) {
        prop_assert!(!errors.problems.is_empty());
        for problem in errors.problems {
            prop_assert!(problem.line.is_some_and(|line| line <= 1 + text.lines().count()), "{}", problem);
        }
    }
    Ok(())
}

/// A text with a part of it cut out, or overwritten; the part ends between characters.
fn damaged(text: &str, from: usize, length: usize, new: &str) -> String {
    let to = (from + length).min(text.len());
    format!("{}{new}{}", &text[..from], &text[to..])
}

const NEW: &str = "(5|\"x\"|\\[\\]|\\{\\}|=|\n|\\PC){0,3}";

proptest! {
    /// Any part of the file cut out, or overwritten: never a panic.
    #[test]
    fn a_damaged_file_is_read_or_refused(from in 0..BASE.len(), length in 0_usize..60, new in NEW) {
        read_or_refused(&damaged(BASE, from, length, &new))?;
    }

    /// The same with every key of the language in it.
    #[test]
    fn a_damaged_example_is_read_or_refused(from in 0..EXAMPLE.len(), length in 0_usize..60, new in NEW) {
        read_or_refused(&damaged(EXAMPLE, from, length, &new))?;
    }
}
