//! `geoip`: a list of data centres for each network or place, in order. Ours: policy `nearest-source`, whose pools are one for
//! each list and data centre where the lists differ in their order.

use std::net::IpAddr;

use crate::can_run;
use crate::pair::{Case, Pair};

/// Each data centre: two addresses, of which one is enough.
const DATACENTERS: [(&str, [&str; 2]); 3] = [
    ("near", ["10.1.0.1", "10.1.0.2"]),
    ("mid", ["10.2.0.1", "10.2.0.2"]),
    ("far", ["10.3.0.1", "10.3.0.2"]),
];

/// States of the data centres: each alone and together, by checks and by force, part of one, and all.
const STATES: [&str; 12] = [
    "",
    "-10.1.0.1 -10.1.0.2",
    "-10.2.0.1 -10.2.0.2",
    "-10.3.0.1 -10.3.0.2",
    "-10.1.0.1 -10.1.0.2 -10.2.0.1 -10.2.0.2",
    "-10.2.0.1 -10.2.0.2 -10.3.0.1 -10.3.0.2",
    "-10.1.0.1 -10.2.0.2",
    "near=down",
    "mid=down -10.1.0.1 -10.1.0.2",
    "10.1.0.1=down 10.1.0.2=down",
    "-10.1.0.1 -10.1.0.2 near=up",
    "-10.1.0.1 -10.1.0.2 -10.2.0.1 -10.2.0.2 -10.3.0.1 -10.3.0.2",
];

/// The map `nets` or `countries` in both languages: sources, what they include in our words, and their lists.
fn case(name: &'static str, map: &str, ours: &str, lists: &[(&str, [&str; 3])]) -> Case {
    let dcmap: Vec<String> = DATACENTERS
        .iter()
        .map(|(name, addresses)| format!("{name} => [ {} ]", addresses.join(", ")))
        .collect();
    let plugins = format!(
        "geoip => {{
    maps => {{ world => {{ datacenters => [ mid, near, far ], {map} }} }}
    resources => {{ www => {{ map => world, service_types => checks, up_thresh => 0.5, dcmap => {{ {} }} }} }}
  }}",
        dcmap.join(", ")
    );
    let (mut pools, mut uses) = (Vec::new(), Vec::new());
    for (list, datacenters) in lists {
        for datacenter in datacenters {
            let (_, [one, two]) = DATACENTERS.iter().find(|(name, _)| name == datacenter).unwrap();
            pools.push(format!(
                r#"
[pool.{list}-{datacenter}]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "50%"
address = [{{ address = "{one}", ordinal = 1 }}, {{ address = "{two}", ordinal = 2 }}]
"#
            ));
            uses.push(format!(
                "{{ pool = \"{list}-{datacenter}\", ordinal = {}, sources = [\"{list}\"] }}",
                uses.len() + 1
            ));
        }
    }
    let ours = format!(
        r#"
{ours}
{pools}
[[domain]]
name = "www.example.com"
type = "A"
policy = "nearest-source"
all_down = "as-if-up"
pool = [
  {}
]
"#,
        uses.join(",\n  "),
        pools = pools.concat()
    );
    Case { name, plugins, records: "www 30 DYNA geoip!www".into(), ours, ..Case::default() }
}

/// The map by networks. Each list names every data centre, for a list without an available one is a difference.
pub(crate) fn nets() -> Case {
    case(
        "geoip nets",
        "nets => {
      12.0.0.0/8 => [ far, near, mid ], 12.1.0.0/16 => [ near, mid, far ], 12.1.128.0/17 => [ far, near, mid ]
      192.0.2.128/25 => [ near, mid, far ], 198.51.100.7/32 => [ far, near, mid ], 203.0.113.0/24 => [ mid, far, near ]
      2001:db8:100::/40 => [ far, near, mid ], 2001:db8:1ff::/48 => [ near, mid, far ]
      2001:db8:200::1/128 => [ mid, far, near ]
    }",
        r#"
[source.west]
prefixes = ["12.0.0.0/8", "12.1.128.0/17", "198.51.100.7/32", "2001:db8:100::/40"]
[source.east]
prefixes = ["12.1.0.0/16", "192.0.2.128/25", "2001:db8:1ff::/48"]
[source.south]
prefixes = ["203.0.113.0/24", "2001:db8:200::1/128"]
"#,
        &[
            ("west", ["far", "near", "mid"]),
            ("east", ["near", "mid", "far"]),
            ("south", ["mid", "far", "near"]),
            ("default", ["mid", "near", "far"]),
        ],
    )
}

/// The map by continent and country, with networks of its own above it.
pub(crate) fn countries() -> Case {
    case(
        "geoip countries",
        "geoip2_db => country.mmdb
      map => {
        AS => { CN => [ near, mid, far ], default => [ far, near, mid ] }
        EU => { DE => [ far, mid, near ], default => [ near, far, mid ] }
        NA => [ mid, far, near ]
        AF => { ZA => [ far, near, mid ] }
        default => [ mid, near, far ]
      }
      nets => { 1.20.0.0/14 => [ far, mid, near ], 8.8.8.0/24 => [ near, far, mid ], 2400:4100::/24 => [ far, mid, near ] }",
        r#"
[geo]
databases = ["country.mmdb"]

[source.china]
countries = ["CN"]
[source.asia]
continents = ["AS"]
countries = ["ZA"]
[source.germany]
countries = ["DE"]
prefixes = ["1.20.0.0/14", "2400:4100::/24"]
[source.europe]
continents = ["EU"]
prefixes = ["8.8.8.0/24"]
[source.america]
continents = ["NA"]
"#,
        &[
            ("china", ["near", "mid", "far"]),
            ("asia", ["far", "near", "mid"]),
            ("germany", ["far", "mid", "near"]),
            ("europe", ["near", "far", "mid"]),
            ("america", ["mid", "far", "near"]),
            ("default", ["mid", "near", "far"]),
        ],
    )
}

/// First and last address of a network and the ones beside it.
fn edges(network: &str) -> Vec<IpAddr> {
    let (address, length) = network.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match address.parse::<IpAddr>().unwrap() {
        IpAddr::V4(first) => {
            let first = first.to_bits();
            let last = first | u32::MAX.checked_shr(length).unwrap_or(0);
            let edges = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            edges.map(|bits| IpAddr::V4(bits.into())).to_vec()
        }
        IpAddr::V6(first) => {
            let first = first.to_bits();
            let last = first | u128::MAX.checked_shr(length).unwrap_or(0);
            let edges = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            edges.map(|bits| IpAddr::V6(bits.into())).to_vec()
        }
    }
}

/// The client subnets that are asked for: both edges of every network and what is beside them, as whole addresses and as the
/// subnets that resolvers send.
fn subnets(networks: &[&str]) -> Vec<String> {
    let mut subnets = Vec::new();
    for edge in networks.iter().flat_map(|network| edges(network)) {
        let lengths: &[u32] = if edge.is_ipv4() { &[32, 24, 16, 9] } else { &[128, 56, 48, 32, 20] };
        for length in lengths {
            let prefix = match edge {
                IpAddr::V4(address) => {
                    IpAddr::V4((address.to_bits() & !u32::MAX.checked_shr(*length).unwrap_or(0)).into())
                }
                IpAddr::V6(address) => {
                    IpAddr::V6((address.to_bits() & !u128::MAX.checked_shr(*length).unwrap_or(0)).into())
                }
            };
            if !embeds_ipv4(prefix) {
                subnets.push(format!("{prefix}/{length}"));
            }
        }
    }
    subnets.sort_unstable();
    subnets.dedup();
    subnets
}

/// Whether gdnsd reads an IPv4 address in it, which is a difference: 6to4, Teredo, NAT64 and what begins with zeros.
fn embeds_ipv4(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    matches!(address.segments(), [0x2002 | 0, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, ..])
}

fn check(case: Case, networks: &[&str]) {
    if !can_run() {
        return;
    }
    let clients: Vec<IpAddr> = networks.iter().map(|network| edges(network)[1]).collect();
    let mut pair: Pair = Case { clients: clients.clone(), ..case }.start();
    let subnets = subnets(networks);
    for state in STATES {
        pair.set(state);
        for subnet in &subnets {
            pair.check(&format!("www.example.com A edns ecs={subnet}"));
        }
        for client in &clients {
            pair.check_from(&client.to_string(), "www.example.com A");
            pair.check_from(&client.to_string(), "www.example.com A edns");
            // Where both are known it is the subnet that counts.
            pair.check_from(&client.to_string(), "www.example.com A edns ecs=99.1.2.0/24");
            // A subnet of length 0 says nothing: the sender counts, and the answer is for everyone (RFC 7871 section 7.2.1).
            pair.check_from(&client.to_string(), "www.example.com A edns ecs=0.0.0.0/0");
        }
    }
}

#[test]
fn networks_lead_to_the_same_datacenters() {
    check(
        nets(),
        &[
            "12.0.0.0/8",
            "12.1.0.0/16",
            "12.1.128.0/17",
            "192.0.2.128/25",
            "198.51.100.7/32",
            "203.0.113.0/24",
            "99.0.0.0/8",
            "2001:db8:100::/40",
            "2001:db8:1ff::/48",
            "2001:db8:200::1/128",
            "4000::/3",
        ],
    );
}

#[test]
fn countries_lead_to_the_same_datacenters() {
    check(
        countries(),
        &[
            "1.16.0.0/12",
            "1.20.0.0/14",
            "1.64.0.0/14",
            "1.80.0.0/15",
            "5.0.0.0/9",
            "5.128.0.0/10",
            "8.0.0.0/8",
            "8.8.8.0/24",
            "11.32.0.0/11",
            "196.64.0.0/10",
            "200.128.0.0/9",
            "99.0.0.0/8",
            "2400:4000::/22",
            "2400:4100::/24",
            "2404:8000::/25",
            "2600::/12",
            "2804::/16",
            "2a00:8000::/17",
        ],
    );
}
