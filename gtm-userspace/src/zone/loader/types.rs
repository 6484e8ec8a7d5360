//! The record types that a zone can hold, and the fields of their data.

use gtm_common::wire::rtype;

use super::words::is_number;

/// One field of a record's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zone) enum Field {
    U8,
    U16,
    U32,
    /// 32 bits, written in seconds or with units.
    Seconds,
    Ipv4,
    Ipv6,
    Name,
    /// A character string of at most 255 bytes.
    Text,
    /// Character strings up to the end, at least one.
    Texts,
    /// One string up to the end, without a length.
    LongText,
    /// Hexadecimal digits up to the end.
    Hex,
    /// Base64 up to the end.
    Base64,
    /// The parameters of SVCB and HTTPS (RFC 9460) up to the end.
    Params,
}

use Field::{
    Base64, Hex, Ipv4, Ipv6, LongText, Name as NameField, Params, Seconds, Text, Texts, U8, U16, U32,
};

/// Every type that is written by name, with its number and fields.
const TYPES: &[(&str, u16, &[Field])] = &[
    ("A", rtype::A, &[Ipv4]),
    ("NS", rtype::NS, &[NameField]),
    ("CNAME", rtype::CNAME, &[NameField]),
    ("SOA", rtype::SOA, &[NameField, NameField, U32, Seconds, Seconds, Seconds, Seconds]),
    ("PTR", 12, &[NameField]),
    ("HINFO", 13, &[Text, Text]),
    ("MX", 15, &[U16, NameField]),
    ("TXT", 16, &[Texts]),
    ("RP", 17, &[NameField, NameField]),
    ("AFSDB", 18, &[U16, NameField]),
    ("AAAA", rtype::AAAA, &[Ipv6]),
    ("SRV", 33, &[U16, U16, U16, NameField]),
    ("NAPTR", 35, &[U16, U16, Text, Text, Text, NameField]),
    ("CERT", 37, &[U16, U16, U8, Base64]),
    ("DNAME", 39, &[NameField]),
    ("DS", rtype::DS, &[U16, U8, U8, Hex]),
    ("SSHFP", 44, &[U8, U8, Hex]),
    ("DNSKEY", 48, &[U16, U8, U8, Base64]),
    ("TLSA", 52, &[U8, U8, U8, Hex]),
    ("SMIMEA", 53, &[U8, U8, U8, Hex]),
    ("CDS", 59, &[U16, U8, U8, Hex]),
    ("CDNSKEY", 60, &[U16, U8, U8, Base64]),
    ("OPENPGPKEY", 61, &[Base64]),
    ("SVCB", SVCB, &[U16, NameField, Params]),
    ("HTTPS", 65, &[U16, NameField, Params]),
    ("SPF", 99, &[Texts]),
    ("URI", 256, &[U16, U16, LongText]),
    ("CAA", 257, &[U8, Text, LongText]),
];
pub(super) const SVCB: u16 = 64;

/// Types that only a signed zone has (RFC 4034, RFC 5155).
const SIGNED: &[(&str, u16)] = &[("SIG", 24), ("RRSIG", 46), ("NSEC", 47), ("NSEC3", 50), ("NSEC3PARAM", 51)];
/// Types for questions and transactions, never in a zone (RFC 6895 section 3.1).
const META: std::ops::RangeInclusive<u16> = 128..=255;

/// The number of a type that a zone can hold, written by name or as `TYPE123`.
pub(in crate::zone) fn type_number(text: &str) -> Result<u16, String> {
    let word = text.to_ascii_uppercase();
    let listed = TYPES.iter().find(|(name, ..)| *name == word).map(|(_, number, _)| *number);
    let signed = SIGNED.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    let generic =
        word.strip_prefix("TYPE").filter(|digits| is_number(digits)).and_then(|digits| digits.parse().ok());
    let number = listed.or(signed).or(generic).ok_or_else(|| {
        format!("\"{text}\" is not a known type; write an unknown one as TYPE123 \\# LENGTH HEXADECIMAL")
    })?;
    if SIGNED.iter().any(|(_, signed)| *signed == number) {
        return Err(format!(
            "\"{text}\" belongs to a signed zone, and steered answers cannot be signed; leave it out"
        ));
    }
    if number == 0 || number == rtype::OPT || META.contains(&number) {
        return Err(format!("\"{text}\" is never in a zone; leave it out"));
    }
    Ok(number)
}

/// The fields of a type that is written by name.
pub(in crate::zone) fn fields(number: u16) -> Option<&'static [Field]> {
    TYPES.iter().find(|(_, listed, _)| *listed == number).map(|(.., fields)| *fields)
}

/// A type as it is shown in messages.
pub(in crate::zone) fn type_name(number: u16) -> String {
    let listed = TYPES.iter().find(|(_, listed, _)| *listed == number);
    listed.map_or_else(|| format!("TYPE{number}"), |(name, ..)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<u16, &str>) {
        match (type_number(text), expect) {
            (Ok(number), Ok(expect)) => assert_eq!(number, expect),
            (Err(message), Err(expect)) => assert!(message.contains(expect), "{message}"),
            (result, expect) => panic!("{text}: {result:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn types_have_names_and_numbers() {
        check("A", Ok(1));
        check("cname", Ok(5));
        check("TYPE1", Ok(1));
        check("type65280", Ok(65280));
        check("TYPE65536", Err("not a known type"));
        check("TYPE+1", Err("not a known type"));
        check("AA", Err("not a known type"));
        check("TYPE0", Err("never in a zone"));
        check("TYPE41", Err("never in a zone"));
        check("TYPE255", Err("never in a zone"));
        check("RRSIG", Err("signed zone"));
        check("TYPE50", Err("signed zone"));
    }
}
