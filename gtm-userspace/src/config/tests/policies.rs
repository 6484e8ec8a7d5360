//! Policies and what belongs to them, judgement, all-down actions: what they mean, and what is refused.

use super::*;

/// A pool `p` with two addresses that is added at line 49: these keys in line 52, these in each address (54 and 55).
fn pool_text(keys: &str, in_address: &str) -> String {
    let address = |last| format!("{{ address = \"192.0.2.{last}\", ordinal = {last}{in_address} }},\n");
    format!("[pool.p]\nkind = \"ipv4\"\ntemplates = []\n{keys}\naddress = [\n{}{}]", address(1), address(2))
}

#[track_caller]
fn pool(keys: &str, in_address: &str) -> Pool {
    model("", &pool_text(keys, in_address)).pools.pop().unwrap()
}

/// What is said of a pool with these keys, in line 52.
#[track_caller]
fn check_pool(keys: &str, expect: &str) {
    check_bad("", &pool_text(keys, ""), &[&format!("52: pool.p.{expect}")]);
}

/// What is said of both addresses of a pool.
#[track_caller]
fn check_address(keys: &str, in_address: &str, expect: &str) {
    let expect = [1, 2].map(|number| format!("{}: pool.p.address[{number}]{expect}", 53 + number));
    check_bad("", &pool_text(keys, in_address), &expect.each_ref().map(String::as_str));
}

/// An access domain of type A that is added at line 49: these keys in line 52, and its pool in line 53.
fn domain_text(keys: &str, in_pool: &str) -> String {
    format!(
        "[[domain]]\nname = \"a.example.com\"\ntype = \"A\"\n{keys}\npool = [{{ pool = \"mainland\", ordinal = 1{in_pool} }}]"
    )
}

#[track_caller]
fn domain(keys: &str, in_pool: &str) -> AccessDomain {
    model("", &domain_text(keys, in_pool)).domains.pop().unwrap()
}

#[track_caller]
fn check_domain(keys: &str, in_pool: &str, expect: &[&str]) {
    check_bad("", &domain_text(keys, in_pool), expect);
}

/// The keys of each policy that need no others, for a pool and for an access domain.
const FROM: &str = ", sources = [\"default\"]";

#[test]
fn policies_are_read() {
    let policies = [
        ("ordinal", Policy::Ordinal, ""),
        ("round-robin", Policy::RoundRobin, ""),
        ("weight", Policy::Weight, ""),
        ("nearest-source", Policy::NearestSource, FROM),
    ];
    for (word, policy, inside) in policies {
        let keys = format!("policy = \"{word}\"");
        assert_eq!(pool(&keys, inside).policy, policy);
        assert_eq!(domain(&keys, inside).policy, policy);
    }
    assert_eq!(pool("policy = \"nearest-source\"", FROM).addresses[1].sources, [DEFAULT_SOURCE]);
    let allowed = "\"fastest\" is not one of the choices; allowed \"ordinal\", \"round-robin\", \"weight\", \"nearest-source\"";
    check_pool("policy = \"fastest\"", &format!("policy: {allowed}"));
    check_domain("policy = \"fastest\"", ", weight = 5", &[&format!("52: domain[4].policy: {allowed}")]);
}

#[test]
fn weights_belong_to_weight() {
    let weights = |keys: &str, inside: &str| {
        pool(keys, inside).addresses.iter().map(|address| address.weight).collect::<Vec<_>>()
    };
    assert_eq!(weights("policy = \"weight\"", ", weight = 100"), [100, 100]);
    assert_eq!(weights("policy = \"weight\"", ", weight = 0"), [0, 0]);
    assert_eq!(weights("policy = \"weight\"", ""), [1, 1]);
    assert_eq!(domain("policy = \"weight\"", ", weight = 7").pools[0].weight, 7);
    let beyond = ".weight: 101 is out of range; allowed 0 to 100";
    check_address("policy = \"weight\"", ", weight = 101", beyond);
    check_domain("policy = \"weight\"", ", weight = 101", &[&format!("53: domain[4].pool[1]{beyond}")]);
    check_address(
        "",
        ", weight = 1",
        ".weight: \"weight\" does not belong to policy \"ordinal\"; leave it out, or use policy \"weight\"",
    );
    check_domain(
        "policy = \"round-robin\"",
        ", weight = 1",
        &[
            "53: domain[4].pool[1].weight: \"weight\" does not belong to policy \"round-robin\"; leave it out, or use policy \"weight\"",
        ],
    );
}

#[test]
fn sources_belong_to_nearest_source() {
    check_address(
        "policy = \"weight\"",
        FROM,
        ".sources: \"sources\" does not belong to policy \"weight\"; leave it out, or use policy \"nearest-source\"",
    );
    check_address(
        "policy = \"nearest-source\"",
        "",
        ": \"sources\" is missing; policy \"nearest-source\" needs at least one, for example [\"default\"]",
    );
    check_address(
        "policy = \"nearest-source\"",
        ", sources = [\"mainlnd\"]",
        ".sources[1]: no source \"mainlnd\"; did you mean \"mainland\"?",
    );
    check_domain(
        "policy = \"weight\"",
        FROM,
        &[
            "53: domain[4].pool[1].sources: \"sources\" does not belong to policy \"weight\"; leave it out, or use policy \"nearest-source\"",
        ],
    );
}

#[test]
fn only_ordinals_are_returned_to() {
    for (keys, preemption) in [
        ("preemptive = false", Preemption::NonPreemptive),
        ("preemptive = true", Preemption::Preemptive),
        ("", Preemption::Preemptive),
    ] {
        assert_eq!(pool(keys, "").preemption, preemption);
        assert_eq!(domain(&format!("policy = \"ordinal\"\n{keys}"), "").preemption, preemption);
        assert_eq!(domain(&format!("policy = \"nearest-source\"\n{keys}"), FROM).preemption, preemption);
    }
    assert_eq!(pool("policy = \"weight\"\npreemptive = true", "").preemption, Preemption::Preemptive);
    check_pool(
        "preemptive = false\npolicy = \"weight\"",
        "preemptive: preemptive = false does not belong to policy \"weight\"; leave it out, or use policy \"ordinal\"",
    );
    check_pool("preemptive = 0", "preemptive: 0 is a whole number; true or false is expected");
    check_domain(
        "preemptive = false\npolicy = \"round-robin\"",
        "",
        &[
            "52: domain[4].preemptive: preemptive = false does not belong to policy \"round-robin\"; leave it out, or use policy \"ordinal\" or \"nearest-source\"",
        ],
    );
}

#[test]
fn clients_stick_to_what_is_picked() {
    let lengths = |ipv4, ipv6| Some(Sticky { ipv4, ipv6 });
    for (sticky, expect) in [
        ("true", lengths(24, 56)),
        ("false", None),
        ("{}", lengths(24, 56)),
        ("{ ipv4 = 32 }", lengths(32, 56)),
        ("{ ipv4 = 1, ipv6 = 128 }", lengths(1, 128)),
    ] {
        for policy in ["weight", "round-robin"] {
            let keys = format!("policy = \"{policy}\"\nsticky = {sticky}");
            assert_eq!(pool(&keys, "").sticky, expect);
            assert_eq!(domain(&keys, "").sticky, expect);
        }
    }
    assert_eq!(pool("sticky = false", "").sticky, None);
    let foreign = "\"sticky\" does not belong to policy \"ordinal\"; leave it out, or use policy \"weight\" or \"round-robin\"";
    check_pool("sticky = true", &format!("sticky: {foreign}"));
    check_domain("sticky = {}\npolicy = \"ordinal\"", "", &[&format!("52: domain[4].sticky: {foreign}")]);
    let weighed = |sticky: &str| format!("sticky = {sticky}\npolicy = \"weight\"");
    check_pool(
        &weighed("24"),
        "sticky: 24 is a whole number; true, false or a table like { ipv4 = 24, ipv6 = 56 } is expected",
    );
    check_pool(&weighed("{ ipv4 = 0 }"), "sticky.ipv4: 0 is out of range; allowed 1 to 32");
    check_pool(&weighed("{ ipv6 = 129 }"), "sticky.ipv6: 129 is out of range; allowed 1 to 128");
    check_pool(&weighed("{ ip4 = 1 }"), "sticky.ip4: unknown key \"ip4\"; did you mean \"ipv4\"?");
}

/// An access domain with this many pools, at line 49, its keys in line 52.
fn many_pools(count: usize, keys: &str) -> String {
    let uses: Vec<_> =
        (1..=count).map(|number| format!("{{ pool = \"p{number}\", ordinal = {number} }}")).collect();
    let pool = |number| {
        format!("[pool.p{number}]\nkind = \"ipv4\"\naddress = [{{ address = \"192.0.2.1\", ordinal = 1 }}]\n")
    };
    let pools: String = (1..=count).map(pool).collect();
    let head = "[[domain]]\nname = \"a.example.com\"\ntype = \"A\"";
    format!("{head}\n{keys}\npool = [{}]\n{pools}", uses.join(", "))
}

#[test]
fn a_sticky_level_is_small() {
    let message = "52: domain[4].sticky: 17 pools to keep clients at; at most 16: the kernel compares each of them for each query";
    let keys = "sticky = true\npolicy = \"round-robin\"";
    check_bad("", &many_pools(17, keys), &[message]);
    assert_eq!(model("", &many_pools(16, keys)).domains[3].pools.len(), 16);
    assert_eq!(model("", &many_pools(17, "policy = \"round-robin\"")).domains[3].pools.len(), 17);
}

#[test]
fn judgements_are_words_or_shares() {
    for (text, expect) in [
        ("any", Judgement::Any),
        ("all", Judgement::All),
        ("1%", Judgement::Percent(1)),
        ("50%", Judgement::Percent(50)),
        ("100%", Judgement::Percent(100)),
    ] {
        assert_eq!(pool(&format!("judgement = \"{text}\""), "").judgement, expect);
        let checked = pool(&format!("check_judgement = \"{text}\""), "");
        assert_eq!(checked.addresses[1].judgement, expect);
        let own = pool("check_judgement = \"2%\"", &format!(", check_judgement = \"{text}\""));
        assert_eq!(own.addresses[1].judgement, expect);
    }
    let allowed = "allowed \"any\", \"all\" and \"1%\" to \"100%\"";
    for (value, message) in [
        ("\"0%\"", format!("\"0%\" is out of range; {allowed}")),
        ("\"101%\"", format!("\"101%\" is out of range; {allowed}")),
        ("\"99999999999%\"", format!("\"99999999999%\" is out of range; {allowed}")),
        ("\"0\"", format!("\"0\" is out of range; {allowed}")),
        ("\"50\"", "\"50\" is a number without its unit; did you mean \"50%\"?".to_owned()),
        ("\"most\"", format!("\"most\" is not a judgement; {allowed}, in whole percents")),
        ("\"+5%\"", format!("\"+5%\" is not a judgement; {allowed}, in whole percents")),
        ("\"33.3%\"", format!("\"33.3%\" is not a judgement; {allowed}, in whole percents")),
        ("\"%\"", format!("\"%\" is not a judgement; {allowed}, in whole percents")),
        ("50", "50 is a whole number; \"any\", \"all\" or a share like \"50%\" is expected".to_owned()),
    ] {
        check_pool(&format!("judgement = {value}"), &format!("judgement: {message}"));
        check_pool(&format!("check_judgement = {value}"), &format!("check_judgement: {message}"));
        check_address("", &format!(", check_judgement = {value}"), &format!(".check_judgement: {message}"));
    }
}

#[test]
fn counts_have_their_ranges() {
    assert_eq!(pool("min_available = 2", "").min_available, 2);
    for count in [0, 17] {
        check_pool(
            &format!("min_available = {count}"),
            &format!("min_available: {count} is out of range; allowed 1 to 16"),
        );
        check_domain(
            &format!("max_answers = {count}\npolicy = \"ordinal\""),
            "",
            &[&format!("52: domain[4].max_answers: {count} is out of range; allowed 1 to 16")],
        );
    }
    assert_eq!(domain("policy = \"ordinal\"\nmax_answers = 16", "").max_answers, Some(16));
    check_bad(
        "type = \"CNAME\"",
        "type = \"CNAME\"\nmax_answers = 1",
        &[
            "47: domain[3].max_answers: \"max_answers\" does not belong to type CNAME, whose answer is one name; leave it out",
        ],
    );
}

#[test]
fn the_fallback_belongs_to_sources() {
    for (word, expect) in [("default", SourceFallback::Default), ("next-match", SourceFallback::NextMatch)] {
        let keys = format!("policy = \"nearest-source\"\nsource_fallback = \"{word}\"");
        assert_eq!(domain(&keys, FROM).source_fallback, expect);
    }
    check_domain(
        "source_fallback = \"default\"\npolicy = \"ordinal\"",
        "",
        &[
            "52: domain[4].source_fallback: \"source_fallback\" does not belong to policy \"ordinal\"; leave it out, or use policy \"nearest-source\"",
        ],
    );
    check_domain(
        "source_fallback = \"next\"\npolicy = \"nearest-source\"",
        FROM,
        &[
            "52: domain[4].source_fallback: \"next\" is not one of the choices; allowed \"default\", \"next-match\"",
        ],
    );
}

#[track_caller]
fn check_action(action: &str, expect: &AllDownAction) {
    assert_eq!(domain(&format!("policy = \"ordinal\"\nall_down = {action}"), "").all_down, *expect);
}

#[test]
fn all_down_actions_are_read() {
    check_action("\"default-pool\"", &AllDownAction::DefaultPool);
    check_action("\"as-if-up\"", &AllDownAction::AsIfUp);
    check_action("\"last-good\"", &AllDownAction::LastGood);
    check_action("\"nodata\"", &AllDownAction::NoData);
    check_action("\"servfail\"", &AllDownAction::ServFail);
    check_action("\"refused\"", &AllDownAction::Refused);
    check_action("{ pool = \"named\" }", &AllDownAction::Pool(PoolId(2)));
    let ip = |text: &str| Target::Ip(text.parse().unwrap());
    check_action(
        "{ fixed = [\"192.0.2.2\", \"192.0.2.1\"] }",
        &AllDownAction::Fixed(vec![ip("192.0.2.2"), ip("192.0.2.1")]),
    );
    let name = |text: &str| AllDownAction::Fixed(vec![Target::Name(text.parse().unwrap())]);
    check_action("{ fixed = [\"a.b\"] }", &name("a.b"));
    let alone = |old: &str, new: &str| model(old, &format!("{old}\n{new}")).domains;
    assert_eq!(
        alone("type = \"AAAA\"", "all_down = { fixed = [\"2001:db8::2\"] }")[1].all_down,
        AllDownAction::Fixed(vec![ip("2001:db8::2")])
    );
    assert_eq!(alone("type = \"CNAME\"", "all_down = { fixed = [\"a.b\"] }")[2].all_down, name("a.b"));
    assert_eq!(
        alone("type = \"CNAME\"", "all_down = { pool = \"named\" }")[2].all_down,
        AllDownAction::Pool(PoolId(2))
    );
}

/// What is said of the action of an access domain, in a line of its own after that of its type.
#[track_caller]
fn check_bad_action(steered: &str, action: &str, expect: &str) {
    let (line, number) = match steered {
        "A" => (34, 1),
        "AAAA" => (42, 2),
        _ => (47, 3),
    };
    let steered = format!("type = \"{steered}\"");
    let new = format!("{steered}\nall_down = {action}");
    check_bad(&steered, &new, &[&format!("{line}: domain[{number}].{expect}")]);
}

#[test]
fn all_down_actions_fit_the_type() {
    let words = "allowed \"default-pool\", \"as-if-up\", \"last-good\", \"nodata\", \"servfail\", \"refused\", { pool = \"NAME\" } or { fixed = [\"ADDRESS\"] }";
    check_bad_action(
        "A",
        "\"lastgood\"",
        &format!("all_down: \"lastgood\" is not one of the choices; {words}"),
    );
    check_bad_action(
        "A",
        "false",
        "all_down: false is a truth value; a word like \"default-pool\", { pool = \"NAME\" } or { fixed = [\"ADDRESS\"] } is expected",
    );
    check_bad_action(
        "A",
        "{}",
        "all_down: neither \"pool\" nor \"fixed\" is there; one of the two is expected",
    );
    check_bad_action(
        "A",
        "{ pool = \"named\", fixed = [\"a.b\"] }",
        "all_down: both \"pool\" and \"fixed\"; leave one of the two out",
    );
    check_bad_action(
        "A",
        "{ pool = \"six\" }",
        "all_down.pool: \"six\" is a pool of kind \"ipv6\"; an access domain of type A takes \"ipv4\" or \"domain\"; valid here: \"mainland\", \"named\"",
    );
    check_bad_action(
        "CNAME",
        "{ pool = \"mainland\" }",
        "all_down.pool: \"mainland\" is a pool of kind \"ipv4\"; an access domain of type CNAME takes \"domain\"; valid here: \"named\"",
    );
    check_bad_action("A", "{ pool = \"sixx\" }", "all_down.pool: no pool \"sixx\"; did you mean \"six\"?");
}

#[track_caller]
fn check_bad_fixed(steered: &str, targets: &str, expect: &str) {
    check_bad_action(steered, &format!("{{ fixed = [{targets}] }}"), &format!("all_down.fixed{expect}"));
}

#[test]
fn fixed_answers_are_addresses_or_one_name() {
    let v4 = "an access domain of type A takes IPv4 addresses or one domain name";
    let v6 = "an access domain of type AAAA takes IPv6 addresses or one domain name";
    check_bad_fixed("A", "\"::1\"", &format!("[1]: \"::1\" is an IPv6 address; {v4}"));
    check_bad_fixed("AAAA", "\"192.0.2.1\"", &format!("[1]: \"192.0.2.1\" is an IPv4 address; {v6}"));
    check_bad_fixed(
        "AAAA",
        "\"::ffff:192.0.2.1\"",
        &format!("[1]: \"::ffff:192.0.2.1\" is an IPv4 address in IPv6 form; {v6}"),
    );
    check_bad_fixed(
        "CNAME",
        "\"192.0.2.1\"",
        "[1]: \"192.0.2.1\" is an IPv4 address; an access domain of type CNAME takes one domain name",
    );
    for steered in ["A", "CNAME"] {
        check_bad_fixed(
            steered,
            "\"a.b\", \"c.d\"",
            ": 2 names; a name has one alias, so leave all but one out",
        );
    }
    check_bad_fixed(
        "A",
        "\"192.0.2.1\", \"c.d\"",
        ": addresses and names together; list addresses only, or one name",
    );
    check_bad_fixed("A", "", ": an empty list; at least one item is expected");
    check_bad_fixed(
        "A",
        "\"192.0.2.1\", \"192.0.2.1\"",
        "[2]: the value \"192.0.2.1\" is already in line 34",
    );
    check_bad_fixed(
        "A",
        "\"192.0.2.300\"",
        "[1]: \"192.0.2.300\" is neither an address nor a domain name: its last label is a number",
    );
    check_bad_fixed("A", "\"a..b\"", "[1]: \"a..b\" is not a domain name: empty label");
    check_bad_fixed(
        "A",
        "\"0.0.0.0\"",
        "[1]: \"0.0.0.0\" is the unspecified address; the address of a host is expected",
    );
    let many: Vec<_> = (1..=17).map(|last| format!("\"192.0.2.{last}\"")).collect();
    check_bad_fixed("A", &many.join(", "), ": 17 addresses; at most 16 fit an answer");
}

#[test]
fn the_last_resort_does_not_lead_to_itself() {
    check_bad(
        "type = \"CNAME\"",
        "type = \"CNAME\"\nall_down = { fixed = [\"alias.example.com\"] }",
        &["45: domain[3].name: all_down answers \"alias.example.com\" with itself: an endless alias"],
    );
    check_bad(
        "",
        "[[domain]]\nname = \"site.example.com\"\ntype = \"A\"\npolicy = \"ordinal\"\npool = [{ pool = \"mainland\", ordinal = 1 }]\nall_down = { pool = \"p\" }\n[pool.p]\nkind = \"domain\"\naddress = [{ address = \"site.example.com\", ordinal = 1 }]",
        &["50: domain[4].name: the pool \"p\" holds \"site.example.com\" itself: an endless alias"],
    );
}

/// A pool with addresses of these ordinals, the first in line 52, and what is said of them.
#[track_caller]
fn check_ordinals(ordinals: &[u32], expect: &[&str]) {
    let address = |(index, ordinal)| format!("{{ address = \"192.0.2.{index}\", ordinal = {ordinal} }},\n");
    let addresses: String = (1..).zip(ordinals).map(address).collect();
    check_bad("", &format!("[pool.p]\nkind = \"ipv4\"\naddress = [\n{addresses}]"), expect);
}

#[test]
fn the_next_free_ordinal_is_named() {
    check_ordinals(
        &[1, 1, 2],
        &["53: pool.p.address[2].ordinal: the ordinal \"1\" is already in line 52; the next free one is 3"],
    );
    check_ordinals(
        &[65534, 65534],
        &[
            "53: pool.p.address[2].ordinal: the ordinal \"65534\" is already in line 52; the next free one is 65535",
        ],
    );
    check_ordinals(
        &[65535, 65534, 65535],
        &[
            "54: pool.p.address[3].ordinal: the ordinal \"65535\" is already in line 52; the next free one is 65533",
        ],
    );
}

#[test]
fn tcp_limits_are_taken_from_the_file() {
    let read = |lines: &str| {
        let service = model("interfaces = [\"eth0\"]", lines).service;
        (service.tcp_connections, service.tcp_idle)
    };
    assert_eq!(read("interfaces = [\"eth0\"]"), (1000, Duration::from_secs(10)));
    let written = "interfaces = [\"eth0\"]\ntcp_connections = 7\ntcp_idle = \"2s\"";
    assert_eq!(read(written), (7, Duration::from_secs(2)));
}

#[test]
fn control_and_store_lie_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.zone"), ZONE).unwrap();
    let path = folder.path().join("gtm.toml");
    let tables = "[control]\nsocket = \"gtm.sock\"\n[store]\nfile = \"a/gtm.redb\"\nkeep_events = \"365d\"\n";
    std::fs::write(&path, format!("{BASE}{tables}")).unwrap();
    let model = load(&path).unwrap_or_else(|errors| panic!("{errors}")).model;
    assert_eq!(model.control.socket, folder.path().join("gtm.sock"));
    assert_eq!(model.store.file, folder.path().join("a/gtm.redb"));
    assert_eq!(model.store.keep_events, Duration::from_hours(365 * 24));
}
