//! `named` of BIND 9: QNAME minimisation without falling back. It says little of what it finds wrong, so its counters are read too.

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use gtm_tests::Namespace;

use super::resolver::Family;

/// Where it gives its counters.
const STATISTICS_PORT: u16 = 8053;
/// Those that count what is wrong with a server. That an answer was late is none: the machine may be slow.
const COUNTERS: &[&str] = &[
    "FORMERR",
    "SERVFAIL",
    "REFUSED",
    "OtherError",
    "EDNS0Fail",
    "BadEDNSVersion",
    "Mismatch",
    "Lame",
    "BadCookieRcode",
];

/// Its last line before it can be asked.
pub(super) const READY: &str = "all zones loaded";

pub(super) fn arguments(family: Family) -> &'static [&'static str] {
    match family {
        Family::Ipv4 => &["-g", "-4", "-c"],
        Family::Ipv6 => &["-g", "-6", "-c"],
    }
}

pub(super) fn config(folder: &impl Display, family: Family) -> String {
    let (ipv4, ipv6) = match family {
        Family::Ipv4 => ("127.0.0.1", "none"),
        Family::Ipv6 => ("none", "::1"),
    };
    format!(
        r#"options {{
  directory "{folder}";
  listen-on {{ {ipv4}; }};
  listen-on-v6 {{ {ipv6}; }};
  recursion yes;
  dnssec-validation no;
  qname-minimization strict;
  max-cache-size 16m;
  pid-file none;
  session-keyfile none;
}};
controls {{ }};
statistics-channels {{ inet {} port {STATISTICS_PORT}; }};
zone "." {{ type hint; file "hints"; }};
"#,
        family.loopback()
    )
}

/// Between its start and its end it has nothing to say but that it knows the servers of the root.
pub(super) fn logged(output: &str) -> Vec<String> {
    let lines = output.lines().skip_while(|line| !line.ends_with(" running")).skip(1);
    let lines = lines.take_while(|line| !line.contains("no longer listening"));
    lines
        .filter(|line| !line.ends_with("resolver priming query complete: success"))
        .map(str::to_owned)
        .collect()
}

/// Its counters of what is wrong that are not zero, which it does not give.
pub(super) fn counted(judges: &Namespace, family: Family) -> Vec<String> {
    let connect = || TcpStream::connect((family.loopback(), STATISTICS_PORT));
    let mut connection = judges.run(connect).unwrap().unwrap();
    connection.write_all(b"GET /json/v1/server HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (_head, body) = answer.split_once("\r\n\r\n").unwrap();
    let all: serde_json::Value = serde_json::from_str(body).unwrap();
    let counters = all.pointer("/views/_default/resolver/stats").unwrap();
    COUNTERS.iter().filter_map(|name| Some(format!("{name}: {}", counters.get(name)?))).collect()
}
