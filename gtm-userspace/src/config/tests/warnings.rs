//! What is allowed but probably not meant.

use std::fmt::Write as _;

use super::*;

#[track_caller]
fn check(old: &str, new: &str, expect: &[&str]) {
    let loaded = load_text(&edited(old, new)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), expect, "{new}");
}

#[test]
fn what_is_defined_is_used() {
    check("", "[source.s]\ncountries = [\"HK\"]", &["49: source.s: the source \"s\" is not used"]);
    check("", "[template.t]\nkind = \"ping\"", &["49: template.t: the template \"t\" is not used"]);
    for no_address in ["", "\naddress = []"] {
        check(
            "",
            &format!("[pool.p]\nkind = \"ipv4\"{no_address}"),
            &[
                "49: pool.p: this pool has no address, so it is never available",
                "49: pool.p: the pool \"p\" is not used",
            ],
        );
    }
    check(
        "interfaces = [\"eth0\"]",
        "interfaces = [\"eth0\"]\nxdp_mode = \"off\"",
        &["4: service.interfaces: not used with xdp_mode = \"off\""],
    );
    assert_eq!(model("interfaces = [\"eth0\"]", "xdp_mode = \"off\"").service.interfaces, [""; 0]);
}

#[test]
fn clients_get_an_answer() {
    check(
        "[\"mainland\", \"default\"]",
        "[\"mainland\"]",
        &[
            "32: domain[1].name: no pool has the source \"default\": clients that match no source get no answer",
        ],
    );
    check(
        "[geo]\ndatabases = [\"country.mmdb\"]\n",
        "",
        &["7: source.mainland: this source goes by place or AS number, but there is no [geo] database"],
    );
}

/// An access domain of policy ordinal and type A that is added at line 49, its name in line 50.
#[track_caller]
fn check_domain(name: &str, pool: &str, expect: &[&str]) {
    let pool = format!("pool = [{{ pool = \"{pool}\", ordinal = 1 }}]");
    check("", &format!("[[domain]]\nname = \"{name}\"\ntype = \"A\"\npolicy = \"ordinal\"\n{pool}"), expect);
}

#[test]
fn aliases_and_addresses_do_not_mix() {
    check_domain(
        "cname.example.com",
        "mainland",
        &[
            "50: domain[4].name: the zone \"example.com\" has a CNAME at \"cname.example.com\": a resolver that holds it does not ask for type A",
        ],
    );
    check_domain(
        "example.com",
        "named",
        &[
            "50: domain[4].name: an alias from a pool of kind \"domain\" hides the zone's other records at \"example.com\" from resolvers",
        ],
    );
    check_domain("new.example.com", "named", &[]);
    check_domain("ns.example.com", "named", &[]);
}

#[test]
fn warnings_of_zone_files_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.zone"), format!("{ZONE}www A 203.0.113.80\n")).unwrap();
    let path = folder.path().join("gtm.toml");
    std::fs::write(&path, BASE).unwrap();
    let warnings = load(&path).unwrap().warnings;
    assert_eq!((warnings.len(), warnings[0].line), (1, Some(10)), "{warnings:?}");
}

/// A pool that is added at line 49, its addresses at line 51, its other keys after them; it is not used.
#[track_caller]
fn check_pool(addresses: &str, keys: &str, expect: &[&str]) {
    let mut expect: Vec<_> = expect.iter().map(|message| format!("49: pool.p: {message}")).collect();
    expect.push("49: pool.p: the pool \"p\" is not used".to_owned());
    let text = format!("[pool.p]\nkind = \"ipv4\"\naddress = [{addresses}]\n{keys}");
    check("", &text, &expect.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn pools_can_be_available() {
    let two = "{ address = \"192.0.2.1\", ordinal = 1 }, { address = \"192.0.2.2\", ordinal = 2 }";
    let one = &two.replace("ordinal = 2", "ordinal = 2, enabled = false");
    let message = "min_available is 2, but the enabled addresses are 1, so this pool is never available";
    check_pool(two, "min_available = 2", &[]);
    check_pool(one, "min_available = 2", &[message]);
    check_pool(one, "", &[]);
}

#[test]
fn some_weight_is_not_zero() {
    let message =
        "every weight is 0, so all are used alike; give those that should answer a weight of 1 to 100";
    let weights = |first: u8, second: &str| {
        format!(
            "{{ address = \"192.0.2.1\", ordinal = 1, weight = {first} }}, {{ address = \"192.0.2.2\", ordinal = 2{second} }}"
        )
    };
    check_pool(&weights(0, ", weight = 0"), "policy = \"weight\"", &[message]);
    check_pool(&weights(0, ", enabled = false"), "policy = \"weight\"", &[message]);
    check_pool(&weights(0, ""), "policy = \"weight\"", &[]);
    check_pool(&weights(1, ", weight = 0"), "policy = \"weight\"", &[]);
    let domain = |weight: u8| {
        format!(
            "[[domain]]\nname = \"a.example.com\"\ntype = \"A\"\npolicy = \"weight\"\npool = [{{ pool = \"mainland\", ordinal = 1, weight = {weight} }}]"
        )
    };
    check("", &domain(0), &[&format!("50: domain[4].name: {message}")]);
    check("", &domain(1), &[]);
}

#[test]
fn a_pool_by_source_serves_everyone() {
    let from = |sources: &str| format!("{{ address = \"192.0.2.1\", ordinal = 1, sources = [{sources}] }}");
    let message =
        "no address has the source \"default\": clients that match no source get nothing from this pool";
    check_pool(&from("\"mainland\""), "policy = \"nearest-source\"", &[message]);
    check_pool(&from("\"mainland\", \"default\""), "policy = \"nearest-source\"", &[]);
}

/// An access domain by round-robin with this many pools of 16 IPv6 addresses each; its name in line 50.
#[track_caller]
fn check_round_robin(pools: usize, pool_keys: &str, domain_keys: &str, expect: &[&str]) {
    let uses: Vec<_> =
        (1..=pools).map(|pool| format!("{{ pool = \"p{pool}\", ordinal = {pool} }}")).collect();
    let mut text = format!(
        "[[domain]]\nname = \"a.example.com\"\ntype = \"AAAA\"\npolicy = \"round-robin\"\n{domain_keys}\npool = [{}]\n",
        uses.join(", ")
    );
    for pool in 1..=pools {
        let address = |last| format!("{{ address = \"2001:db8:{pool}::{last:x}\", ordinal = {last} }}");
        let addresses: Vec<_> = (1..=16).map(address).collect();
        let addresses = addresses.join(", ");
        writeln!(text, "[pool.p{pool}]\nkind = \"ipv6\"\n{pool_keys}\naddress = [{addresses}]").unwrap();
    }
    check("", &text, expect);
}

#[test]
fn an_answer_fits_a_datagram() {
    let message = "50: domain[4].name: 48 addresses may be in one answer, of which 43 fit into 1232 bytes; set max_answers to 16 or less";
    check_round_robin(3, "policy = \"round-robin\"", "", &[message]);
    check_round_robin(2, "policy = \"round-robin\"", "", &[]);
    check_round_robin(3, "policy = \"round-robin\"", "max_answers = 16", &[]);
    check_round_robin(3, "policy = \"round-robin\"", "sticky = true", &[]);
    check_round_robin(3, "policy = \"round-robin\"\nsticky = true", "", &[]);
    check_round_robin(3, "policy = \"round-robin\"\nenabled = false", "", &[]);
    check_round_robin(3, "policy = \"weight\"", "", &[]);
    check_round_robin(3, "", "", &[]);
}

/// Sources `s0` in line 11, `s1` in line 12 and so on, after `mainland` in line 10 (country CN): each is for another
/// address of one pool.
#[track_caller]
fn check_sources(sources: &[&str], expect: &[&str]) {
    let mut table = String::from("[source]\nmainland = { countries = [\"CN\"] }");
    let mut addresses =
        String::from("{ address = \"192.0.2.250\", ordinal = 250, sources = [\"mainland\", \"default\"] }");
    for (index, keys) in sources.iter().enumerate() {
        write!(table, "\ns{index} = {{ {keys} }}").unwrap();
        let address = format!("address = \"192.0.2.{}\", ordinal = {}", index + 1, index + 1);
        write!(addresses, ", {{ {address}, sources = [\"s{index}\"] }}").unwrap();
    }
    let text = edited("[source.mainland]\ncountries = [\"CN\"]", &table);
    let text = format!(
        "{text}[pool.p]\nkind = \"ipv4\"\npolicy = \"nearest-source\"\naddress = [{addresses}]\n{USE_OF_P}"
    );
    let loaded = load_text(&text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), expect, "{sources:?}");
}

const USE_OF_P: &str = "[[domain]]
name = \"a.example.com\"
type = \"A\"
policy = \"ordinal\"
pool = [{ pool = \"p\", ordinal = 1 }]
";

#[test]
fn sources_are_defined_once() {
    check_sources(
        &["countries = [\"CN\"]"],
        &[
            "11: source.s0: the source \"s0\" has the definition of \"mainland\" in line 10; use one of the two",
        ],
    );
    check_sources(
        &["cities = [1, 2], exclude_as_numbers = [1, 2]", "exclude_as_numbers = [2, 1], cities = [2, 1]"],
        &["12: source.s1: the source \"s1\" has the definition of \"s0\" in line 11; use one of the two"],
    );
    check_sources(&["cities = [1]", "as_numbers = [1]"], &[]);
}

#[test]
fn sources_share_no_clients() {
    let shares = |what: &str| {
        format!(
            "12: source.s1: the source \"s1\" includes {what} as \"s0\" in line 11 does; the one defined first wins"
        )
    };
    let check = |first: &str, second: &str, expect: Option<&str>| {
        let expect = expect.map(shares);
        check_sources(&[first, second], &expect.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check("continents = [\"AS\"]", "continents = [\"AS\", \"EU\"]", Some("continent \"AS\""));
    check("countries = [\"HK\"]", "countries = [\"HK\"], cities = [1]", Some("country \"HK\""));
    check(
        "subdivisions = [\"US-CA\"]",
        "subdivisions = [\"US-CA\", \"US-OR\"]",
        Some("subdivision \"US-CA\""),
    );
    check("cities = [1]", "cities = [1, 2]", Some("city 1"));
    check("as_numbers = [1]", "as_numbers = [1, 2]", Some("AS number 1"));
    check(
        "prefixes = [\"10.0.0.0/8\"]",
        "prefixes = [\"10.0.0.0/8\", \"::/0\"]",
        Some("prefix \"10.0.0.0/8\""),
    );
    check(
        "cities = [1, 2, 3, 4, 5, 6]",
        "cities = [7, 6, 5, 4, 3, 2, 1]",
        Some("city 1, city 2, city 3 and 3 more"),
    );
    // What is within something else is told apart by how closely it matches.
    check("continents = [\"AS\"]", "countries = [\"HK\"]", None);
    check("prefixes = [\"10.0.0.0/8\"]", "prefixes = [\"10.0.0.0/9\"]", None);
    // Exclusions, of one source or of both together.
    check("as_numbers = [1], exclude_countries = [\"HK\"]", "as_numbers = [1]", Some("AS number 1"));
    check(
        "as_numbers = [1], exclude_continents = [\"AS\"]",
        "as_numbers = [1], exclude_continents = [\"EU\", \"AF\", \"AN\", \"NA\", \"OC\", \"SA\"]",
        None,
    );
    check(
        "as_numbers = [1], exclude_continents = [\"AS\"]",
        "as_numbers = [1], exclude_continents = [\"EU\", \"AF\", \"AN\", \"NA\", \"OC\"]",
        Some("AS number 1"),
    );
    check(
        "subdivisions = [\"US-CA\", \"CA-ON\"], exclude_countries = [\"CA\"]",
        "subdivisions = [\"US-CA\", \"CA-ON\"]",
        Some("subdivision \"US-CA\""),
    );
    check(
        "prefixes = [\"10.0.0.0/8\"], exclude_prefixes = [\"10.0.0.0/9\"]",
        "prefixes = [\"10.0.0.0/8\"], exclude_prefixes = [\"10.128.0.0/10\", \"10.192.0.0/10\"]",
        None,
    );
    check(
        "prefixes = [\"10.0.0.0/8\"], exclude_prefixes = [\"10.0.0.0/9\"]",
        "prefixes = [\"10.0.0.0/8\"], exclude_prefixes = [\"10.128.0.0/10\"]",
        Some("prefix \"10.0.0.0/8\""),
    );
    check(
        "prefixes = [\"2001:db8::1/128\"], exclude_prefixes = [\"0.0.0.0/0\"]",
        "prefixes = [\"2001:db8::1/128\", \"::/0\"], exclude_prefixes = [\"2001:db8::/127\"]",
        None,
    );
}

/// Two sources with something in common, at lines 49 and 51, and an access domain that they are written into.
#[track_caller]
fn check_side_by_side(pools: &str, expect: &[&str]) {
    let sources = "[source.a]\ncities = [1]\n[source.b]\ncities = [1, 2]\n";
    let head = "[pool.p]\nkind = \"ipv4\"\naddress = [{ address = \"192.0.2.1\", ordinal = 1 }]\n";
    let domain = "[[domain]]\nname = \"a.example.com\"\ntype = \"A\"\npolicy = \"nearest-source\"\n";
    let rest = "[[domain]]\nname = \"b.example.com\"\ntype = \"A\"\npolicy = \"nearest-source\"\n\
                pool = [{ pool = \"p\", ordinal = 1, sources = [\"b\", \"default\"] }]";
    check("", &format!("{sources}{head}{domain}pool = [{pools}]\n{rest}"), expect);
}

#[test]
fn sources_that_are_not_used_side_by_side_may_share_clients() {
    let message =
        "51: source.b: the source \"b\" includes city 1 as \"a\" in line 49 does; the one defined first wins";
    let mainland = "{ pool = \"mainland\", ordinal = 2, sources = [\"a\", \"default\"] }";
    check_side_by_side(
        &format!("{mainland}, {{ pool = \"p\", ordinal = 1, sources = [\"b\"] }}"),
        &[message],
    );
    check_side_by_side(mainland, &[]);
    check_side_by_side("{ pool = \"p\", ordinal = 1, sources = [\"a\", \"b\", \"default\"] }", &[]);
}

#[test]
fn the_alias_of_last_resort_hides_records() {
    let domain = |name: &str, all_down: &str| {
        format!(
            "[[domain]]\nname = \"{name}\"\ntype = \"A\"\npolicy = \"ordinal\"\npool = [{{ pool = \"mainland\", ordinal = 1 }}]\nall_down = {all_down}"
        )
    };
    let hides = |what: &str| {
        format!("50: domain[4].name: {what} hides the zone's other records at \"example.com\" from resolvers")
    };
    check(
        "",
        &domain("example.com", "{ pool = \"named\" }"),
        &[&hides("an alias from a pool of kind \"domain\"")],
    );
    check("", &domain("example.com", "{ fixed = [\"a.b\"] }"), &[&hides("the alias of all_down")]);
    check("", &domain("example.com", "{ fixed = [\"192.0.2.1\"] }"), &[]);
    check("", &domain("new.example.com", "{ fixed = [\"a.b\"] }"), &[]);
}

/// A host has an address in its zone, or by steering.
#[test]
fn a_steered_host_needs_no_address_in_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gtm.toml");
    std::fs::write(&file, edited("", "")).unwrap();
    let zone = ZONE.replace("www A 203.0.113.80\n", "@ MX 1 nowhere\n@ MX 2 www\n");
    std::fs::write(folder.path().join("example.com.zone"), &zone).unwrap();
    let loaded = load(&file).unwrap_or_else(|errors| panic!("{errors}"));
    let missing = "MX \"nowhere.example.com\" has neither an A nor an AAAA record in the zone";
    assert_eq!(said(&loaded.warnings), [format!("5: example.com: {missing}")]);
}
