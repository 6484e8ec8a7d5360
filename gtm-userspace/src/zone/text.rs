//! Records as text, in the presentation form that a zone file would have (RFC 1035 section 5.1, RFC 3597 section 5).

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER;

use super::RecordSet;
use super::loader::types::{self, Field};
use crate::name::Name;

/// The number of a type that a zone can hold, written by name in any letter case, or as `TYPE123`.
pub fn type_number(text: &str) -> Option<u16> {
    types::type_number(text).ok()
}

/// A type by its name, or as `TYPE123`.
pub fn type_name(number: u16) -> String {
    types::type_name(number)
}

impl RecordSet {
    /// Each record on a line: owner, TTL, class, type and data. Data with fields that are not plain numbers, addresses,
    /// names or strings is in the generic form.
    pub fn to_lines(&self, owner: &Name, rtype: u16) -> Vec<String> {
        let line = |rdata: &[u8]| {
            let data = plain(rtype, rdata).unwrap_or_else(|| generic(rdata));
            format!("{} {} IN {} {data}", absolute(owner), self.ttl, type_name(rtype))
        };
        self.rdata.iter().map(|rdata| line(rdata)).collect()
    }
}

fn plain(rtype: u16, rdata: &[u8]) -> Option<String> {
    let mut words = Vec::new();
    let mut rest = rdata;
    for field in types::fields(rtype)? {
        match field {
            Field::U8 | Field::Algorithm => words.push(u8::from_be_bytes(take(&mut rest)?).to_string()),
            Field::U16 | Field::Certificate => words.push(u16::from_be_bytes(take(&mut rest)?).to_string()),
            Field::U32 | Field::Seconds => words.push(u32::from_be_bytes(take(&mut rest)?).to_string()),
            Field::Ipv4 => words.push(Ipv4Addr::from_octets(take(&mut rest)?).to_string()),
            Field::Ipv6 => words.push(Ipv6Addr::from_octets(take(&mut rest)?).to_string()),
            Field::Name => words.push(take_name(&mut rest)?),
            Field::Text => words.push(take_text(&mut rest)?),
            Field::Texts => {
                while !rest.is_empty() {
                    words.push(take_text(&mut rest)?);
                }
            }
            Field::LongText
            | Field::Hex
            | Field::Base64
            | Field::Params
            | Field::Locator
            | Field::Eui(_)
            | Field::Location => return None,
        }
    }
    rest.is_empty().then(|| words.join(" "))
}

fn generic(rdata: &[u8]) -> String {
    format!("\\# {} {}", rdata.len(), HEXLOWER.encode(rdata)).trim_end().to_owned()
}

fn absolute(name: &Name) -> String {
    if *name == Name::root() { name.to_string() } else { format!("{name}.") }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn take_name(rest: &mut &[u8]) -> Option<String> {
    let mut end = 0_usize;
    while let Some(length) = rest.get(end).filter(|length| **length != 0) {
        end += 1 + usize::from(*length);
    }
    let (wire, after) = rest.split_at_checked(end + 1)?;
    *rest = after;
    Name::from_wire(wire).ok().map(|name| absolute(&name))
}

/// A character string, quoted.
fn take_text(rest: &mut &[u8]) -> Option<String> {
    let [length] = take(rest)?;
    let (bytes, after) = rest.split_at_checked(usize::from(length))?;
    *rest = after;
    let shown = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\{byte:03}"),
    };
    Some(format!("\"{}\"", bytes.iter().map(shown).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as it is written in a zone file is read and written again.
    #[track_caller]
    fn check(written: &str, expect: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns.example.net.\nx {written}\n");
        std::fs::write(file.path(), text).unwrap();
        let origin: Name = "example.com".parse().unwrap();
        let zone = super::super::load(&origin, file.path(), &[]).unwrap();
        let owner: Name = "x.example.com".parse().unwrap();
        let lines: Vec<_> = zone
            .nodes
            .get(&owner)
            .unwrap()
            .iter()
            .flat_map(|(rtype, set)| set.to_lines(&owner, *rtype))
            .collect();
        assert_eq!(lines, [expect], "{written}");
    }

    #[test]
    fn records_are_written_as_they_are_read() {
        check("A 192.0.2.1", "x.example.com. 60 IN A 192.0.2.1");
        check("7 AAAA 2001:DB8::1", "x.example.com. 7 IN AAAA 2001:db8::1");
        check("CNAME www", "x.example.com. 60 IN CNAME www.example.com.");
        check("MX 10 .", "x.example.com. 60 IN MX 10 .");
        check("SRV 1 2 3 www", "x.example.com. 60 IN SRV 1 2 3 www.example.com.");
        check(r#"TXT a "b \" \\ c" "\000""#, r#"x.example.com. 60 IN TXT "a" "b \" \\ c" "\000""#);
        check("SSHFP 1 3 abcd", r"x.example.com. 60 IN SSHFP \# 4 0103abcd");
        check("CERT PKIX 1 8 AQID", r"x.example.com. 60 IN CERT \# 8 0001000108010203");
        check(r"TYPE65280 \# 0", r"x.example.com. 60 IN TYPE65280 \# 0");
    }

    #[test]
    fn types_have_names_and_numbers() {
        assert_eq!((type_number("aaaa"), type_name(28)), (Some(28), "AAAA".to_owned()));
        assert_eq!((type_number("TYPE65280"), type_name(65280)), (Some(65280), "TYPE65280".to_owned()));
        assert_eq!(type_number("ANY"), None);
        assert_eq!(type_number("AXFR"), None);
    }
}
