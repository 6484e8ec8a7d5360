//! `unbound`: mixed letter case, and QNAME minimisation without falling back. Its log tells what it makes of every answer.

use std::fmt::Display;

use super::resolver::Family;

/// What it says of an answer that it finds fault with. It follows aliases one by one and says of those behind the first that they
/// are `extraneous`, whoever answers.
const COMPLAINTS: &[&str] = &[
    "wrong 0x20-ID",
    "Capsforid",
    "attempt without EDNS",
    "was THROWAWAY",
    "LAME",
    "parse error",
    "failed scrub",
    "poison",
    "error:",
    "warning:",
];

/// Its last line before it can be asked.
pub(super) const READY: &str = "start of service";

pub(super) const ARGUMENTS: &[&str] = &["-d", "-c"];

/// What becomes of the networks of its clients (RFC 7871).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subnets {
    /// No server is told of them.
    Kept,
    /// Every server is.
    Sent,
}

pub(super) fn config(folder: &impl Display, family: Family, subnets: Subnets) -> String {
    let (modules, subnet) = match subnets {
        Subnets::Kept => ("iterator", ""),
        Subnets::Sent => ("subnetcache iterator", "send-client-subnet: 0.0.0.0/0"),
    };
    let other = match family {
        Family::Ipv4 => "do-ip6",
        Family::Ipv6 => "do-ip4",
    };
    format!(
        r#"server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 4
  interface: {}
  access-control: 0.0.0.0/0 allow
  {other}: no
  root-hints: "hints"
  module-config: "{modules}"
  {subnet}
  use-caps-for-id: yes
  qname-minimisation: yes
  qname-minimisation-strict: yes
remote-control:
  control-enable: no
"#,
        family.loopback()
    )
}

/// The lines that find fault, and one if it did not look at the letter case.
pub(super) fn logged(output: &str) -> Vec<String> {
    let lines = output.lines().filter(|line| COMPLAINTS.iter().any(|text| line.contains(text)));
    let is_strict = output.contains("good 0x20-ID in reply qname");
    lines
        .chain((!is_strict).then_some("no answer had the letter case of its query"))
        .map(str::to_owned)
        .collect()
}
