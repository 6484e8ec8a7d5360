//! `simplefo` and `metafo`: the first that is available. Ours: policy `ordinal`, inside a pool and between pools.

use crate::can_run;
use crate::pair::Case;

/// Every subset of these as a state of failed checks.
fn subsets(members: &[&str]) -> impl Iterator<Item = String> {
    let of = move |mask: u32| {
        let down = (0..).zip(members).filter(|(bit, _)| mask & (1 << bit) != 0);
        down.map(|(_, member)| format!("-{member} ")).collect::<Vec<_>>().concat()
    };
    (0..1_u32 << members.len()).map(of)
}

#[test]
fn the_secondary_answers_while_the_primary_is_down() {
    if !can_run() {
        return;
    }
    let mut pair = Case {
        name: "simplefo",
        plugins: "simplefo => {
    www => {
      service_types => checks
      addrs_v4 => { primary => 10.0.0.1, secondary => 10.0.0.2 }
      addrs_v6 => { primary => 2001:db8::1, secondary => 2001:db8::2 }
    }
  }"
        .into(),
        records: "www 30 DYNA simplefo!www".into(),
        ours: r#"
[pool.www4]
kind = "ipv4"
templates = ["checks"]
address = [{ address = "10.0.0.1", ordinal = 1 }, { address = "10.0.0.2", ordinal = 2 }]

[pool.www6]
kind = "ipv6"
templates = ["checks"]
address = [{ address = "2001:db8::1", ordinal = 1 }, { address = "2001:db8::2", ordinal = 2 }]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www4", ordinal = 1 }]

[[domain]]
name = "www.example.com"
type = "AAAA"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "www6", ordinal = 1 }]
"#
        .into(),
        ..Case::default()
    }
    .start();
    let forced = ["10.0.0.1=down", "-10.0.0.1 10.0.0.1=up", "-10.0.0.2 10.0.0.2=up 10.0.0.1=down"];
    let failed = subsets(&["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"]);
    for state in failed.chain(forced.map(str::to_owned)) {
        pair.set(&state);
        pair.check("www.example.com A");
        pair.check("www.example.com AAAA edns ecs=10.0.0.0/8");
    }
}

/// Data centres in order, each with addresses and a threshold of its own.
pub(crate) fn datacenters() -> Case {
    Case {
        name: "metafo over multifo",
        plugins: "metafo => { resources => {
    www => {
      service_types => checks
      datacenters => [ near, mid, far ]
      dcmap => {
        near => { plugin => multifo, up_thresh => 0.5, 1 => 10.1.0.1, 2 => 10.1.0.2, 3 => 10.1.0.3 }
        mid => { plugin => multifo, up_thresh => 0.01, 1 => 10.2.0.1, 2 => 10.2.0.2 }
        far => { plugin => simplefo, primary => 10.3.0.1, secondary => 10.3.0.2 }
      }
    }
  } }"
        .into(),
        records: "www 30 DYNA metafo!www".into(),
        ours: r#"
[pool.near]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "50%"
address = [
  { address = "10.1.0.1", ordinal = 1 },
  { address = "10.1.0.2", ordinal = 2 },
  { address = "10.1.0.3", ordinal = 3 },
]

[pool.mid]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
address = [{ address = "10.2.0.1", ordinal = 1 }, { address = "10.2.0.2", ordinal = 2 }]

[pool.far]
kind = "ipv4"
templates = ["checks"]
address = [{ address = "10.3.0.1", ordinal = 1 }, { address = "10.3.0.2", ordinal = 2 }]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
all_down = "as-if-up"
pool = [{ pool = "near", ordinal = 1 }, { pool = "mid", ordinal = 2 }, { pool = "far", ordinal = 3 }]
"#
        .into(),
        ..Case::default()
    }
}

/// Every subset of the addresses is down once: over to the next data centre as soon as the threshold of one is missed, back
/// at once, and when all are down the first one as if it were up.
#[test]
fn the_first_available_datacenter_answers() {
    if !can_run() {
        return;
    }
    let mut pair = datacenters().start();
    let addresses = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.2.0.1", "10.2.0.2", "10.3.0.1", "10.3.0.2"];
    for state in subsets(&addresses) {
        pair.set(&state);
        pair.check("www.example.com A");
    }
}

/// Data centres and addresses that an administrator forces.
#[test]
fn forced_datacenters_are_the_same() {
    if !can_run() {
        return;
    }
    let mut pair = datacenters().start();
    for state in [
        "near=down",
        "near=down mid=down",
        "near=down -10.2.0.1",
        "near=down -10.2.0.1 -10.2.0.2",
        "-10.1.0.1 -10.1.0.2 -10.1.0.3 near=up",
        "mid=up",
        "mid=down -10.1.0.1 -10.1.0.2",
        "10.1.0.1=down",
        "10.1.0.1=down 10.1.0.2=down",
        "10.1.0.1=down 10.1.0.2=down mid=down",
        "10.1.0.1=down 10.1.0.2=down mid=down 10.3.0.1=down",
        "near=down mid=down far=up -10.3.0.1",
        "",
    ] {
        pair.set(state);
        pair.check("www.example.com A");
        pair.check("www.example.com A edns ecs=10.0.0.0/8");
    }
}
