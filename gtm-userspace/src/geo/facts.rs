//! What is known of an address, and why that made it match a source. Knows no file format.

use std::fmt;
use std::net::IpAddr;

use super::MatchedBy;
use crate::config::model::{Prefix, Source};

/// What the databases know of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Continent code, such as `AS`.
    pub continent: Option<Code>,
    /// ISO 3166-1 alpha-2 country code, such as `HK`.
    pub country: Option<Code>,
    /// ISO 3166-2 subdivision codes with the country, such as `US-CA`, the largest subdivision first; empty when
    /// unknown.
    pub subdivisions: Vec<Code>,
    /// `GeoNames` identifier of the city.
    pub city: Option<u32>,
    /// Number of the autonomous system that announces the network.
    pub as_number: Option<u32>,
}

impl Facts {
    /// These facts, and those of `next` where nothing is known here.
    #[must_use]
    pub fn or(self, next: &Self) -> Self {
        Self {
            continent: self.continent.or(next.continent),
            country: self.country.or(next.country),
            subdivisions: if self.subdivisions.is_empty() {
                next.subdivisions.clone()
            } else {
                self.subdivisions
            },
            city: self.city.or(next.city),
            as_number: self.as_number.or(next.as_number),
        }
    }
}

/// A short upper-case code of a place: continent, country or subdivision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code([u8; Code::MAX]);

impl Code {
    /// The longest code, `US-CA` and the like, has 6 bytes.
    const MAX: usize = 8;

    /// Takes 1 to 8 letters, digits and hyphens in any letter case; anything else is no code.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        bytes.get_mut(..text.len()).filter(|_| valid)?.copy_from_slice(text.to_ascii_uppercase().as_bytes());
        Some(Self(bytes))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What made a client belong to a source, in words: `country HK`, `prefix 1.64.0.0/15`, `everyone`.
///
/// `facts` and `address` are the client's, `by` is what [`super::compile`] found for it and this source.
pub fn why(source: &Source, facts: &Facts, address: IpAddr, by: MatchedBy) -> String {
    let include = &source.include;
    match by {
        MatchedBy::Default => "everyone".to_owned(),
        MatchedBy::Continent => named("continent", facts.continent),
        MatchedBy::Country => named("country", facts.country),
        MatchedBy::Subdivision => {
            let included = |code: &&Code| include.subdivisions.iter().any(|wanted| wanted == code.as_str());
            named("subdivision", facts.subdivisions.iter().find(included))
        }
        MatchedBy::City => named("city", facts.city),
        MatchedBy::AsNumber => named("AS", facts.as_number),
        MatchedBy::Prefix(length) => {
            let holds = |prefix: &&Prefix| prefix.length == length && prefix.contains(address);
            named("prefix", include.prefixes.iter().find(holds))
        }
    }
}

fn named(kind: &str, value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| kind.to_owned(), |value| format!("{kind} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::ClientSet;

    #[track_caller]
    fn check_code(text: &str, expect: Option<&str>) {
        assert_eq!(Code::new(text).as_ref().map(Code::as_str), expect, "{text:?}");
    }

    #[test]
    fn codes_are_short_and_upper_case() {
        check_code("CN", Some("CN"));
        check_code("us-ca", Some("US-CA"));
        check_code("12345678", Some("12345678"));
        check_code("123456789", None);
        check_code("", None);
        check_code("C N", None);
        check_code("C\0", None);
        check_code("\u{e9}\u{e9}", None);
    }

    #[track_caller]
    fn check_why(address: &str, by: MatchedBy, expect: &str) {
        let prefix = |text: &str, length| Prefix { address: text.parse().unwrap(), length };
        let include = ClientSet {
            subdivisions: vec!["US-NY".to_owned(), "US-CA".to_owned()],
            prefixes: vec![
                prefix("10.0.0.0", 8),
                prefix("1.0.0.0", 8),
                prefix("1.64.0.0", 15),
                prefix("::", 0),
                prefix("2400:3200::", 32),
            ],
            ..ClientSet::default()
        };
        let source = Source { name: "somewhere".to_owned(), include, exclude: ClientSet::default() };
        let facts = Facts {
            continent: Code::new("AS"),
            country: Code::new("HK"),
            subdivisions: vec![Code::new("US-XX").unwrap(), Code::new("US-CA").unwrap()],
            city: Some(5),
            as_number: Some(13335),
        };
        assert_eq!(why(&source, &facts, address.parse().unwrap(), by), expect);
    }

    #[test]
    fn a_match_is_told_with_what_matched() {
        check_why("1.65.2.3", MatchedBy::Default, "everyone");
        check_why("1.65.2.3", MatchedBy::Continent, "continent AS");
        check_why("1.65.2.3", MatchedBy::Country, "country HK");
        check_why("1.65.2.3", MatchedBy::Subdivision, "subdivision US-CA");
        check_why("1.65.2.3", MatchedBy::City, "city 5");
        check_why("1.65.2.3", MatchedBy::AsNumber, "AS 13335");
        check_why("1.65.2.3", MatchedBy::Prefix(15), "prefix 1.64.0.0/15");
        check_why("1.65.2.3", MatchedBy::Prefix(8), "prefix 1.0.0.0/8");
        check_why("2400:3200::1", MatchedBy::Prefix(32), "prefix 2400:3200::/32");
        check_why("2400:3200::1", MatchedBy::Prefix(0), "prefix ::/0");
    }
}
