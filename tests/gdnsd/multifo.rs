//! `multifo`: all available addresses, and all there are below the threshold. Ours: policy `round-robin` with a judgement.

use crate::can_run;
use crate::pair::Case;

/// gdnsd's threshold and our judgement.
const THRESHOLDS: [(&str, &str); 12] = [
    ("0.01", "1%"),
    ("0.1", "10%"),
    ("0.2", "20%"),
    ("0.3", "30%"),
    ("0.33", "33%"),
    ("0.4", "40%"),
    ("0.5", "50%"),
    ("0.6", "60%"),
    ("0.7", "70%"),
    ("0.8", "80%"),
    ("0.9", "90%"),
    ("1.0", "100%"),
];
/// Most addresses in a resource.
const MOST: usize = 8;
/// Which of eight addresses are down, as bits: every number of them, from either end, and some patterns.
const DOWN: [u8; 22] = [
    0x00, 0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff, 0x80, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe, 0x55,
    0xaa, 0x33, 0x66, 0x18, 0xe7,
];

/// A resource for each threshold and number of addresses; those of the same number have the same addresses,
/// `10.0.NUMBER.POSITION`, counted from 1: gdnsd takes some milliseconds for each address that changes.
fn thresholds(all_down: &str) -> Case {
    let (mut resources, mut records, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for (t, (threshold, judgement)) in (1..).zip(THRESHOLDS) {
        for n in 1..=MOST {
            let addresses: Vec<String> = (1..=n).map(|position| format!("10.0.{n}.{position}")).collect();
            let theirs: Vec<String> =
                (1..=n).zip(&addresses).map(|(label, address)| format!("{label} => {address}")).collect();
            let pool: Vec<String> = (1..=n)
                .zip(&addresses)
                .map(|(ordinal, address)| format!("{{ address = \"{address}\", ordinal = {ordinal} }}"))
                .collect();
            resources.push(format!("t{t}-{n} => {{ up_thresh => {threshold}, {} }}\n", theirs.join(", ")));
            records.push(format!("t{t}-{n} 30 DYNA multifo!t{t}-{n}\n"));
            ours.push(format!(
                r#"
[pool.t{t}-{n}]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "{judgement}"
address = [{}]

[[domain]]
name = "t{t}-{n}.example.com"
type = "A"
policy = "ordinal"
all_down = "{all_down}"
pool = [{{ pool = "t{t}-{n}", ordinal = 1 }}]
"#,
                pool.join(", ")
            ));
        }
    }
    let plugins = format!("multifo => {{ service_types => checks\n{} }}", resources.concat());
    let (records, ours) = (records.concat(), ours.concat());
    Case { name: "multifo thresholds", plugins, records, ours, ..Case::default() }
}

/// Those that are down of so many addresses.
fn down(mask: u8, n: usize) -> String {
    let is_down = |position: &usize| mask & (1 << (position - 1)) != 0;
    (1..=n).filter(is_down).map(|position| format!("-10.0.{n}.{position} ")).collect::<Vec<_>>().concat()
}

/// Below the threshold all are answered, whichever way we are told to do that.
#[test]
fn thresholds_are_the_same_when_checks_fail() {
    if !can_run() {
        return;
    }
    for all_down in ["as-if-up", "default-pool"] {
        let mut pair = thresholds(all_down).start();
        for mask in DOWN {
            pair.set(&(1..=MOST).map(|n| down(mask, n)).collect::<String>());
            for t in 1..=THRESHOLDS.len() {
                for n in 1..=MOST {
                    pair.check(&format!("t{t}-{n}.example.com A"));
                }
            }
        }
    }
}

/// Forced states outrank what is monitored, in both directions.
#[test]
fn forced_states_are_the_same() {
    if !can_run() {
        return;
    }
    let mut pair = Case {
        name: "multifo forced",
        plugins: "multifo => {
    www => { service_types => checks, up_thresh => 0.5, 1 => 10.0.0.1, 2 => 10.0.0.2, 3 => 10.0.0.3, 4 => 10.0.0.4 }
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
  { address = "10.0.0.4", ordinal = 4 },
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
    .start();
    for state in [
        "10.0.0.1=down",
        "10.0.0.1=down 10.0.0.4=down",
        "-10.0.0.1 10.0.0.1=up",
        "-10.0.0.1 -10.0.0.2 -10.0.0.3 -10.0.0.4 10.0.0.2=up 10.0.0.3=up",
        "-10.0.0.1 10.0.0.2=down",
        "-10.0.0.1 -10.0.0.2 10.0.0.1=up 10.0.0.3=down",
        // Below the threshold by what is monitored alone: all of them, in both.
        "-10.0.0.1 -10.0.0.2 -10.0.0.3",
        "-10.0.0.1 -10.0.0.2 -10.0.0.3 10.0.0.4=up",
        "10.0.0.4=up",
        "",
    ] {
        pair.set(state);
        for query in ["www.example.com A", "WWW.example.com A edns", "www.example.com A edns ecs=10.0.0.0/8"]
        {
            pair.check(query);
        }
    }
}

/// One resource with both families: each of its families stands for itself, as our two access domains do.
#[test]
fn families_stand_for_themselves() {
    if !can_run() {
        return;
    }
    let mut pair = Case {
        name: "multifo, both families",
        plugins: "multifo => {
    www => {
      service_types => checks
      addrs_v4 => { up_thresh => 0.5, 1 => 10.0.0.1, 2 => 10.0.0.2, 3 => 10.0.0.3 }
      addrs_v6 => { up_thresh => 0.01, 1 => 2001:db8::1, 2 => 2001:db8::2 }
    }
    only6 => { service_types => checks, 1 => 2001:db8::6 }
  }"
        .into(),
        records: "www 30 DYNA multifo!www\nonly6 30 DYNA multifo!only6".into(),
        ours: r#"
[pool.www4]
kind = "ipv4"
templates = ["checks"]
policy = "round-robin"
judgement = "50%"
address = [
  { address = "10.0.0.1", ordinal = 1 },
  { address = "10.0.0.2", ordinal = 2 },
  { address = "10.0.0.3", ordinal = 3 },
]

[pool.www6]
kind = "ipv6"
templates = ["checks"]
policy = "round-robin"
judgement = "1%"
address = [{ address = "2001:db8::1", ordinal = 1 }, { address = "2001:db8::2", ordinal = 2 }]

[pool.only6]
kind = "ipv6"
templates = ["checks"]
address = [{ address = "2001:db8::6", ordinal = 1 }]

[[domain]]
name = "www.example.com"
type = "A"
policy = "ordinal"
pool = [{ pool = "www4", ordinal = 1 }]

[[domain]]
name = "www.example.com"
type = "AAAA"
policy = "ordinal"
pool = [{ pool = "www6", ordinal = 1 }]

[[domain]]
name = "only6.example.com"
type = "AAAA"
policy = "ordinal"
pool = [{ pool = "only6", ordinal = 1 }]
"#
        .into(),
        clients: vec!["2001:db8:1::1".parse().unwrap()],
    }
    .start();
    let members = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2"];
    for mask in 0..1_u32 << members.len() {
        let down = (0..).zip(members).filter(|(bit, _)| mask & (1 << bit) != 0);
        pair.set(&down.map(|(_, member)| format!("-{member} ")).collect::<Vec<_>>().concat());
        for query in
            ["www.example.com A", "www.example.com AAAA", "www.example.com TXT", "only6.example.com AAAA"]
        {
            pair.check(query);
            pair.check_from("2001:db8:1::1", &format!("{query} edns ecs=2001:db8:2::/48"));
        }
        // A family that a resource does not have is NODATA.
        pair.check("only6.example.com A");
    }
}
