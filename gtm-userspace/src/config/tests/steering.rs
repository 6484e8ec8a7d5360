//! What is said about pools and access domains that cannot be used.

use super::*;

/// A pool that is added at line 49, its addresses at line 51.
#[track_caller]
fn check_pool(kind: &str, addresses: &str, expect: &[&str]) {
    check_bad("", &format!("[pool.p]\nkind = \"{kind}\"\naddress = [{addresses}]"), expect);
}

/// An access domain of policy ordinal that is added at line 49: its name in line 50, its pools in line 53.
#[track_caller]
fn check_domain(name: &str, steered: &str, pools: &str, expect: &[&str]) {
    let text = format!(
        "[[domain]]\nname = \"{name}\"\ntype = \"{steered}\"\npolicy = \"ordinal\"\npool = [{pools}]"
    );
    check_bad("", &text, expect);
}

const SIX: &str = "{ pool = \"six\", ordinal = 1 }";
const MAINLAND: &str = "{ pool = \"mainland\", ordinal = 1 }";
const NAMED: &str = "{ pool = \"named\", ordinal = 1 }";

#[track_caller]
fn check_address(kind: &str, address: &str, expect: &str) {
    let addresses = format!("{{ address = \"{address}\", ordinal = 1 }}");
    check_pool(kind, &addresses, &[&format!("51: pool.p.address[1].address: \"{address}\" is {expect}")]);
}

#[test]
fn addresses_are_of_the_kind_of_their_pool() {
    check_address("ipv4", "::1", "an IPv6 address in a pool of kind \"ipv4\"; an IPv4 address is expected");
    check_address("ipv4", "a.b", "not an IPv4 address, as a pool of kind \"ipv4\" needs");
    check_address(
        "ipv6",
        "192.0.2.1",
        "an IPv4 address in a pool of kind \"ipv6\"; an IPv6 address is expected",
    );
    check_address("ipv6", "a.b", "not an IPv6 address, as a pool of kind \"ipv6\" needs");
    check_address("ipv6", "::ffff:192.0.2.1", "an IPv4 address in IPv6 form; use a pool of kind \"ipv4\"");
    check_address(
        "domain",
        "192.0.2.1",
        "an address in a pool of kind \"domain\"; a domain name is expected",
    );
    check_address(
        "domain",
        "192.0.2.300",
        "neither an address nor a domain name: its last label is a number",
    );
    check_address("domain", "a..b", "not a domain name: empty label");
    check_address("domain", "é.b", "not a domain name: write international names in their xn-- form");
    check_address("domain", ".", "the root; the name of a host is expected");
    check_address("ipv4", "0.0.0.0", "the unspecified address; the address of a host is expected");
    check_address("ipv6", "ff02::1", "a multicast address; the address of a host is expected");
    check_address("ipv4", "255.255.255.255", "the broadcast address; the address of a host is expected");
}

#[test]
fn pools_are_ordered_sets() {
    let two = |second: &str| format!("{{ address = \"192.0.2.1\", ordinal = 1 }},\n{{ {second} }}");
    check_pool(
        "ipv4",
        &two("address = \"192.0.2.2\", ordinal = 1"),
        &["52: pool.p.address[2].ordinal: the ordinal \"1\" is already in line 51; the next free one is 2"],
    );
    check_pool(
        "ipv4",
        &two("address = \"192.0.2.1\", ordinal = 2"),
        &["52: pool.p.address[2].address: the address \"192.0.2.1\" is already in line 51"],
    );
    check_pool(
        "ipv4",
        &two("address = \"192.0.2.2\""),
        &["52: pool.p.address[2]: \"ordinal\" is missing; it is required here"],
    );
    check_pool(
        "ipv4",
        &two("address = \"192.0.2.2\", ordinal = 2, templates = [\"webb\", \"other\", \"other\"]"),
        &[
            "52: pool.p.address[2].templates[3]: the template \"other\" is already in line 52",
            "52: pool.p.address[2].templates[1]: no template \"webb\"; did you mean \"web\"?",
        ],
    );
    let many = |count: usize| -> String {
        let one = |index| format!("{{ address = \"192.0.2.{index}\", ordinal = {index} }},");
        (1..=count).map(one).collect::<Vec<_>>().concat()
    };
    check_pool(
        "ipv4",
        &many(MAX_POOL_ADDRESSES + 1),
        &["49: pool.p: 17 addresses in this pool; at most 16 fit an answer"],
    );
    assert!(
        load_text(&edited(
            "",
            &format!("[pool.p]\nkind = \"ipv4\"\naddress = [{}]", many(MAX_POOL_ADDRESSES))
        ))
        .is_ok()
    );
    check_bad(
        "templates = [\"web\"]",
        "templates = [\"x\"]",
        &["17: pool.mainland.templates[1]: no template \"x\"; valid here: \"web\", \"other\""],
    );
}

#[test]
fn access_domains_use_pools_that_fit() {
    let used = |pool: &str, ordinal: u32| format!("{{ pool = \"{pool}\", ordinal = {ordinal} }}");
    check_domain(
        "a.example.com",
        "A",
        SIX,
        &[
            "53: domain[4].pool[1].pool: \"six\" is a pool of kind \"ipv6\"; an access domain of type A takes \"ipv4\" or \"domain\"; valid here: \"mainland\", \"named\"",
        ],
    );
    check_domain(
        "a.example.com",
        "AAAA",
        MAINLAND,
        &[
            "53: domain[4].pool[1].pool: \"mainland\" is a pool of kind \"ipv4\"; an access domain of type AAAA takes \"ipv6\" or \"domain\"; valid here: \"six\", \"named\"",
        ],
    );
    check_domain(
        "a.example.com",
        "CNAME",
        MAINLAND,
        &[
            "53: domain[4].pool[1].pool: \"mainland\" is a pool of kind \"ipv4\"; an access domain of type CNAME takes \"domain\"; valid here: \"named\"",
        ],
    );
    check_domain(
        "a.example.com",
        "A",
        &used("mainlnd", 1),
        &["53: domain[4].pool[1].pool: no pool \"mainlnd\"; did you mean \"mainland\"?"],
    );
    check_domain(
        "a.example.com",
        "A",
        &format!("{MAINLAND},\n{}", used("mainland", 2)),
        &["54: domain[4].pool[2].pool: the pool \"mainland\" is already in line 53"],
    );
    check_domain(
        "a.example.com",
        "A",
        &format!("{MAINLAND},\n{}", used("named", 1)),
        &["54: domain[4].pool[2].ordinal: the ordinal \"1\" is already in line 53; the next free one is 2"],
    );
    check_domain(
        "a.example.com",
        "A",
        "",
        &["53: domain[4].pool: an empty list; at least one item is expected"],
    );
    check_domain(
        "a.example.com",
        "A",
        "{ pool = \"mainland\", ordinal = 1, sources = [\"default\"] }",
        &[
            "53: domain[4].pool[1].sources: \"sources\" does not belong to policy \"ordinal\"; leave it out, or use policy \"nearest-source\"",
        ],
    );
    check_bad(
        "sources = [\"mainland\", \"default\"]",
        "",
        &[
            "35: domain[1].pool[1]: \"sources\" is missing; policy \"nearest-source\" needs at least one, for example [\"default\"]",
        ],
    );
    check_bad(
        "[\"mainland\", \"default\"]",
        "[]",
        &["38: domain[1].pool[1].sources: an empty list; at least one item is expected"],
    );
    check_bad(
        "[\"mainland\", \"default\"]",
        "[\"mainland\", \"default\", \"default\"]",
        &["38: domain[1].pool[1].sources[3]: the value \"default\" is already in line 38"],
    );
    check_bad(
        "[\"mainland\", \"default\"]",
        "[\"mainland\", \"defualt\"]",
        &["38: domain[1].pool[1].sources[2]: no source \"defualt\"; did you mean \"default\"?"],
    );
    check_bad(
        "policy = \"nearest-source\"",
        "",
        &["31: domain[1]: \"policy\" is missing; it is required here"],
    );
}

#[test]
fn access_domains_lie_in_a_zone() {
    check_domain(
        "a.example.org",
        "A",
        MAINLAND,
        &["50: domain[4].name: \"a.example.org\" is in none of the zones; zones: \"example.com\""],
    );
    check_domain(
        "sub.example.com",
        "A",
        MAINLAND,
        &[
            "50: domain[4].name: \"sub.example.com\" is not answered here: the zone has NS records at \"sub.example.com\"",
        ],
    );
    check_domain(
        "a.b.sub.example.com",
        "A",
        MAINLAND,
        &[
            "50: domain[4].name: \"a.b.sub.example.com\" is not answered here: the zone has NS records at \"sub.example.com\"",
        ],
    );
    check_domain(
        "a.dname.example.com",
        "A",
        MAINLAND,
        &[
            "50: domain[4].name: \"a.dname.example.com\" is not answered here: the zone has DNAME records at \"dname.example.com\"",
        ],
    );
    check_domain(
        "*.example.com",
        "A",
        MAINLAND,
        &["50: domain[4].name: \"*.example.com\" is a wildcard; an access domain is one literal name"],
    );
    check_bad(
        "file = \"example.com.zone\"",
        "file = \"example.com.zone\"\n[zone.\"EXAMPLE.com.\"]\nfile = \"example.com.zone\"",
        &["9: zone.\"EXAMPLE.com.\": the zone \"example.com\" is already in line 7"],
    );
    check_bad(
        "[zone.\"example.com\"]",
        "[zone.\"a..b\"]",
        &[
            "7: zone.\"a..b\": \"a..b\" is not a domain name: empty label",
            "32: domain[1].name: \"www.example.com\" is in none of the zones; none is configured",
            "40: domain[2].name: \"www.example.com\" is in none of the zones; none is configured",
            "45: domain[3].name: \"alias.example.com\" is in none of the zones; none is configured",
        ],
    );
}

#[test]
fn a_cname_is_alone_at_its_name() {
    check_domain(
        "WWW.example.com",
        "A",
        MAINLAND,
        &["50: domain[4].name: \"www.example.com\" is already an access domain of type A in line 32"],
    );
    check_domain(
        "alias.example.com",
        "A",
        MAINLAND,
        &[
            "50: domain[4].name: \"alias.example.com\" is an access domain of type CNAME in line 45; a CNAME has no other type beside it, so leave one of the two out",
        ],
    );
    check_domain(
        "ns.example.com",
        "CNAME",
        NAMED,
        &[
            "50: domain[4].name: the zone \"example.com\" has other records at \"ns.example.com\"; a CNAME has none beside it, so remove them or choose another name",
        ],
    );
    check_domain(
        "example.com",
        "CNAME",
        NAMED,
        &[
            "50: domain[4].name: the zone \"example.com\" has other records at \"example.com\"; a CNAME has none beside it, so remove them or choose another name",
        ],
    );
}

#[test]
fn an_alias_does_not_lead_to_itself() {
    check_bad(
        "site.example.net",
        "alias.example.com",
        &["45: domain[3].name: the pool \"named\" holds \"alias.example.com\" itself: an endless alias"],
    );
}
