//! How the service speaks DNS, apart from what it answers.

use std::net::IpAddr;

use super::Prefix;

/// Whose client subnets count, and what the service says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Whose client subnet options are heeded.
    pub ecs: EcsTrust,
    /// What the NSID option holds (RFC 5001): 1 to 64 bytes.
    pub nsid: Option<String>,
    /// The text of `version.bind` and `version.server`, class CH: 1 to 255 bytes.
    pub version: Option<String>,
    /// The text of `id.server` (RFC 4892) and `hostname.bind`, class CH: 1 to 255 bytes.
    pub id: Option<String>,
    /// Whether errors have a code that says more (RFC 8914).
    pub extended_errors: bool,
}

/// Which senders' client subnet options are heeded (RFC 7871 section 11.3). Those of others are as options that nobody
/// knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EcsTrust {
    /// Everyone's.
    #[default]
    Always,
    /// Nobody's.
    Never,
    /// Those of senders in one of the prefixes.
    Prefixes(Vec<Prefix>),
}

impl EcsTrust {
    /// True when the options of this sender are heeded.
    pub fn heeds(&self, sender: IpAddr) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| prefix.contains(sender)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trust: &EcsTrust, sender: &str, expect: bool) {
        assert_eq!(trust.heeds(sender.parse().unwrap()), expect, "{trust:?} {sender}");
    }

    #[test]
    fn senders_in_a_prefix_are_trusted() {
        let prefix = |address: &str, length| Prefix { address: address.parse().unwrap(), length };
        let some = EcsTrust::Prefixes(vec![
            prefix("192.0.2.128", 25),
            prefix("2001:db8::", 32),
            prefix("198.51.100.7", 32),
        ]);
        check(&some, "192.0.2.127", false);
        check(&some, "192.0.2.128", true);
        check(&some, "192.0.2.255", true);
        check(&some, "198.51.100.7", true);
        check(&some, "198.51.100.6", false);
        check(&some, "2001:db8:ffff::1", true);
        check(&some, "2001:db9::", false);
        let all_v6 = EcsTrust::Prefixes(vec![prefix("::", 0)]);
        check(&all_v6, "ffff::", true);
        check(&all_v6, "192.0.2.1", false);
        check(&EcsTrust::Always, "192.0.2.1", true);
        check(&EcsTrust::Never, "192.0.2.1", false);
    }
}
