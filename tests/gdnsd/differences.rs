//! Where we mean to answer otherwise than gdnsd, each with its reason and with what still holds.
//!
//! The same list is in `docs/decisions/0009-gdnsd.md`.

use std::collections::BTreeSet;

use crate::can_run;
use crate::failover::datacenters;
use crate::pair::{Both, CLIENT, Case, Drawn, Shares};
use crate::weighted::groups;

/// A difference.
struct Difference {
    /// As in the list for people.
    name: &'static str,
    /// Why we answer otherwise.
    reason: &'static str,
    /// What both answer, as far as it is determined.
    check: fn(),
}

const WWW: &str = "www.example.com A";

const DIFFERENCES: [Difference; 11] = [
    Difference {
        name: "TTL",
        reason: "the TTL is what the configuration says; how long a state lasts is not known beforehand",
        check: the_ttl_is_as_configured,
    },
    Difference {
        name: "forced down",
        reason: "an operator who takes an address or pool out means it, also when everything else is down",
        check: what_is_forced_down_is_no_last_resort,
    },
    Difference {
        name: "forced up",
        reason: "a pool that is forced up answers with what works in it, as long as something does",
        check: a_pool_forced_up_answers_what_works,
    },
    Difference {
        name: "share of the weights",
        reason: "judgement counts addresses, with every policy alike",
        check: judgement_counts_addresses,
    },
    Difference {
        name: "several by weight",
        reason: "a weight is the share of the answers that a member gets; several members by chance have no such shares",
        check: a_weight_is_a_share,
    },
    Difference {
        name: "weight of a group",
        reason: "the weight of a pool is the operator's and does not move with the health of its addresses",
        check: a_pool_keeps_its_weight,
    },
    Difference {
        name: "short list",
        reason: "a client whose pools are all down is better off with those of `default` than with a dead address",
        check: the_default_pools_come_after_the_list,
    },
    Difference {
        name: "all down",
        reason: "the default is Alibaba's rule; `as-if-up` is gdnsd's, and then both are the same",
        check: all_down_is_the_default_pool,
    },
    Difference {
        name: "families",
        reason: "A and AAAA are two access domains: one family does not move the other",
        check: a_family_does_not_move_the_other,
    },
    Difference {
        name: "embedded IPv4",
        reason: "an IPv6 client is where its own prefix says; what is behind a translator or a tunnel is not looked for",
        check: an_ipv6_client_is_an_ipv6_client,
    },
    Difference {
        name: "private subnet",
        reason: "an address that nobody on the Internet has says nothing of where a client is; the resolver's own says more",
        check: a_private_subnet_tells_nothing,
    },
];

#[test]
fn intended_differences_are_as_listed() {
    if !can_run() {
        return;
    }
    for difference in &DIFFERENCES {
        (difference.check)();
    }
}

#[test]
fn the_decision_lists_every_difference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decisions/0009-gdnsd.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| **")?.split("**").next()).collect();
    let names: Vec<&str> = DIFFERENCES.iter().map(|difference| difference.name).collect();
    assert_eq!(rows, names, "{path}");
    for Difference { name, reason, .. } in &DIFFERENCES {
        assert!(text.contains(reason), "{path} gives another reason for {name:?} than {reason:?}");
    }
}

/// A resource of three addresses with a threshold of one half.
fn three(name: &'static str) -> Case {
    Case {
        name,
        plugins: "multifo => {
    www => { service_types => checks, up_thresh => 0.5, 1 => 10.0.0.1, 2 => 10.0.0.2, 3 => 10.0.0.3 }
  }"
        .into(),
        records: "www 30 DYNA multifo!www".into(),
        ours: r#"
[pool.www]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "50%"
address = [
  { address = "10.0.0.1", ordinal = 1 },
  { address = "10.0.0.2", ordinal = 2 },
  { address = "10.0.0.3", ordinal = 3 },
]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    }
}

fn the_ttl_is_as_configured() {
    let ttls = |Both { theirs, ours }: Both| (theirs.ttl, ours.ttl);
    for (service_types, theirs) in [("checks", 30), ("brief", 20)] {
        let case = three("TTL");
        let plugins = case.plugins.replace("checks", service_types);
        let mut pair = Case { plugins, ..case }.start();
        for state in ["", "-10.0.0.1"] {
            pair.set(state);
            pair.check(WWW);
            assert_eq!(ttls(pair.ask(WWW, CLIENT)), (Some(theirs), Some(30)), "{service_types}, {state}");
        }
    }
}

fn what_is_forced_down_is_no_last_resort() {
    let mut pair = three("forced down").start();
    // Enough are up: no difference.
    pair.set("10.0.0.1=down");
    pair.check(WWW);
    pair.set("10.0.0.1=down -10.0.0.2");
    pair.check_differs(WWW, "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.2 10.0.0.3");
    pair.set("10.0.0.1=down 10.0.0.2=down 10.0.0.3=down");
    pair.check_differs(WWW, "10.0.0.1 10.0.0.2 10.0.0.3", "NODATA");

    let mut pair = datacenters().start();
    pair.set("near=down -10.2.0.1 -10.2.0.2 -10.3.0.1 -10.3.0.2");
    pair.check_differs(WWW, "10.1.0.1 10.1.0.2 10.1.0.3", "10.2.0.1 10.2.0.2");
    pair.set("near=down mid=down far=down");
    pair.check_differs(WWW, "10.1.0.1 10.1.0.2 10.1.0.3", "NODATA");
}

fn a_pool_forced_up_answers_what_works() {
    let mut pair = datacenters().start();
    // Nothing in it works: no difference.
    pair.set("-10.1.0.1 -10.1.0.2 -10.1.0.3 near=up");
    pair.check(WWW);
    pair.set("-10.1.0.1 -10.1.0.2 near=up");
    pair.check_differs(WWW, "10.1.0.1 10.1.0.2 10.1.0.3", "10.1.0.3");
}

/// Weights of 60, 30 and 10 with a threshold of one half.
fn weights(name: &'static str, multi: &str) -> Case {
    let plugins = format!(
        "weighted => {{
    www => {{ service_types => checks, multi => {multi}, up_thresh => 0.5
      1 => [ 10.0.0.1, 60 ], 2 => [ 10.0.0.2, 30 ], 3 => [ 10.0.0.3, 10 ] }}
  }}"
    );
    Case {
        name,
        plugins,
        records: "www 30 DYNA weighted!www".into(),
        ours: r#"
[pool.www]
kind = "ipv4"
templates = ["checks"]
policy = "weight"
judgement = "50%"
address = [
  { address = "10.0.0.1", ordinal = 1, weight = 60 },
  { address = "10.0.0.2", ordinal = 2, weight = 30 },
  { address = "10.0.0.3", ordinal = 3, weight = 10 },
]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    }
}

fn set(records: &[&str]) -> BTreeSet<String> {
    records.iter().map(ToString::to_string).collect()
}

fn judgement_counts_addresses() {
    let mut pair = weights("share of the weights", "false").start();
    pair.set("-10.0.0.2");
    pair.check_shares(WWW, 400);
    // Two of three are up, which is 40 of 100 by weight.
    pair.set("-10.0.0.1");
    let Drawn { theirs, server, program } = pair.drawn(WWW, 400);
    assert!(theirs.keys().eq(&[set(&["10.0.0.1"]), set(&["10.0.0.2"]), set(&["10.0.0.3"])]), "{theirs:?}");
    for ours in [server, program] {
        assert!(ours.keys().eq(&[set(&["10.0.0.2"]), set(&["10.0.0.3"])]), "{ours:?}");
    }
}

fn a_weight_is_a_share() {
    let pair = weights("several by weight", "true").start();
    let Drawn { theirs, server, program } = pair.drawn(WWW, 400);
    assert!(theirs.keys().all(|answer| answer.contains("10.0.0.1")), "the heaviest is in each: {theirs:?}");
    assert!(theirs.keys().any(|answer| answer.len() > 1), "some have several: {theirs:?}");
    let members = |shares: &Shares| shares.keys().flatten().cloned().collect::<BTreeSet<_>>();
    for ours in [server, program] {
        assert!(ours.keys().all(|answer| answer.len() == 1), "one in each: {ours:?}");
        assert_eq!(members(&theirs), members(&ours));
    }
}

fn a_pool_keeps_its_weight() {
    let mut pair = groups("false", "weight", "round-robin", [50, 50, 10, 10]).start();
    pair.check_shares(WWW, 1000);
    // The first group has lost half of its addresses: 50 of 70 there, and 100 of 120 here as before.
    pair.set("-10.1.0.1");
    let Drawn { theirs, server, program } = pair.drawn(WWW, 2000);
    let first = set(&["10.1.0.2"]);
    for ours in [server, program] {
        assert!(theirs.keys().eq(ours.keys()), "the same answers: {theirs:?}, {ours:?}");
        // In the middle between 1429 and 1667, six standard deviations from gdnsd's.
        assert!(theirs[&first] < 1548 && 1548 < ours[&first], "{theirs:?}, {ours:?}");
    }
}

/// Two data centres for some clients, another for all others.
fn short_list(name: &'static str, all_down: &str) -> Case {
    Case {
        name,
        plugins: "geoip => {
    maps => { world => { datacenters => [ far, near, mid ], nets => { 11.0.0.0/8 => [ near, mid ] } } }
    resources => { www => { map => world, service_types => checks,
      dcmap => { near => 10.1.0.1, mid => 10.2.0.1, far => 10.3.0.1 } } }
  }"
        .into(),
        records: "www 30 DYNA geoip!www".into(),
        ours: format!(
            r#"
[source.west]
prefixes = ["11.0.0.0/8"]

[pool.far]
kind = "ipv4"
templates = ["checks"]
address = [{{ address = "10.3.0.1", ordinal = 1 }}]
[pool.near]
kind = "ipv4"
templates = ["checks"]
address = [{{ address = "10.1.0.1", ordinal = 1 }}]
[pool.mid]
kind = "ipv4"
templates = ["checks"]
address = [{{ address = "10.2.0.1", ordinal = 1 }}]

[[domain]]
name = "www.example.com"
type = "A"
policy = "nearest-source"
all_down = "{all_down}"
pool = [
  {{ pool = "far", ordinal = 1, sources = ["default"] }},
  {{ pool = "near", ordinal = 2, sources = ["west", "default"] }},
  {{ pool = "mid", ordinal = 3, sources = ["west", "default"] }},
]
"#
        ),
        ..Case::default()
    }
}

fn the_default_pools_come_after_the_list() {
    let west = "www.example.com A edns ecs=11.1.2.0/24";
    let mut pair = short_list("short list", "as-if-up").start();
    for state in ["", "-10.1.0.1", "-10.2.0.1", "-10.3.0.1", "-10.1.0.1 -10.2.0.1 -10.3.0.1"] {
        pair.set(state);
        pair.check(west);
        pair.check(WWW);
    }
    pair.set("-10.1.0.1 -10.2.0.1");
    pair.check(WWW);
    pair.check_differs(west, "10.1.0.1", "10.3.0.1");
}

fn all_down_is_the_default_pool() {
    let west = "www.example.com A edns ecs=11.1.2.0/24";
    let mut pair = short_list("all down", "default-pool").start();
    pair.check(west);
    pair.set("-10.1.0.1 -10.2.0.1 -10.3.0.1");
    pair.check(WWW);
    pair.check_differs(west, "10.1.0.1", "10.3.0.1");
}

fn a_family_does_not_move_the_other() {
    let mut pair = Case {
        name: "families",
        plugins: "metafo => { resources => { www => {
      service_types => checks
      datacenters => [ near, far ]
      dcmap => {
        near => { addrs_v4 => [ 10.1.0.1 ], addrs_v6 => [ 2001:db8:1::1 ] }
        far => { addrs_v4 => [ 10.2.0.1 ], addrs_v6 => [ 2001:db8:2::1 ] }
      }
  } } }"
            .into(),
        records: "www 30 DYNA metafo!www".into(),
        ours: r#"
[pool.near4]
kind = "ipv4"
templates = ["checks"]
address = [{ address = "10.1.0.1", ordinal = 1 }]
[pool.far4]
kind = "ipv4"
templates = ["checks"]
address = [{ address = "10.2.0.1", ordinal = 1 }]
[pool.near6]
kind = "ipv6"
templates = ["checks"]
address = [{ address = "2001:db8:1::1", ordinal = 1 }]
[pool.far6]
kind = "ipv6"
templates = ["checks"]
address = [{ address = "2001:db8:2::1", ordinal = 1 }]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
pool = [{ pool = "near4", ordinal = 1 }, { pool = "far4", ordinal = 2 }]
[[domain]]
name = "www.example.com"
type = "AAAA"
policy = "ordinal"
pool = [{ pool = "near6", ordinal = 1 }, { pool = "far6", ordinal = 2 }]
"#
        .into(),
        ..Case::default()
    }
    .start();
    let six = "www.example.com AAAA";
    for state in ["", "-10.1.0.1 -2001:db8:1::1"] {
        pair.set(state);
        pair.check(WWW);
        pair.check(six);
    }
    pair.set("-2001:db8:1::1");
    pair.check(six);
    pair.check_differs(WWW, "10.2.0.1", "10.1.0.1");
}

fn an_ipv6_client_is_an_ipv6_client() {
    let pair = short_list("embedded IPv4", "as-if-up").start();
    // 11.1.2.3 by 6to4 (RFC 3056), as NAT64 writes it (RFC 6052), and by Teredo (RFC 4380), bits flipped.
    for prefix in ["2002:b01:203::/48", "64:ff9b::b01:203/128", "2001:0:c000:201:0:0:f4fe:fdfc/128"] {
        pair.check_differs(&format!("www.example.com A edns ecs={prefix}"), "10.1.0.1", "10.3.0.1");
    }
    // All other IPv6 clients get the same, and to gdnsd the embedded ones stand between them.
    let Both { theirs, ours } = pair.ask("www.example.com A edns ecs=2001:db8:1::/48", CLIENT);
    assert_eq!((theirs.words(), theirs.scope), ("10.3.0.1".to_owned(), Some(21)));
    assert_eq!((ours.words(), ours.scope), ("10.3.0.1".to_owned(), Some(0)));
}

fn a_private_subnet_tells_nothing() {
    let private = |text: &str| text.replace("11.0.0.0", "10.0.0.0");
    let case = short_list("private subnet", "as-if-up");
    let case = Case { plugins: private(&case.plugins), ours: private(&case.ours), ..case };
    let pair = case.start();
    pair.check_differs("www.example.com A edns ecs=10.1.2.0/24", "10.1.0.1", "10.3.0.1");
    let Both { theirs, ours } = pair.ask("www.example.com A edns ecs=10.1.2.0/24", CLIENT);
    assert_eq!((theirs.scope, ours.scope), (Some(8), Some(0)));
}
