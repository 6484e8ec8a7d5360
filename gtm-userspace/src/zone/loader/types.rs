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
    /// Eight bits, written as a number or by the name of an algorithm of DNSSEC.
    Algorithm,
    /// 16 bits, written as a number or by the name of a kind of certificate (RFC 4398 section 2.1).
    Certificate,
    /// 64 bits, written as four groups of hexadecimal digits with colons between them (RFC 6742).
    Locator,
    /// So many bytes, written as pairs of hexadecimal digits with hyphens between them (RFC 7043).
    Eui(usize),
    /// A location up to the end (RFC 1876).
    Location,
}

use Field::{
    Algorithm, Base64, Certificate, Eui, Hex, Ipv4, Ipv6, Location, Locator, LongText, Name as NameField,
    Params, Seconds, Text, Texts, U8, U16, U32,
};

/// Every type that is written by name, with its number and fields.
const TYPES: &[(&str, u16, &[Field])] = &[
    ("A", rtype::A, &[Ipv4]),
    ("NS", rtype::NS, &[NameField]),
    ("CNAME", rtype::CNAME, &[NameField]),
    ("SOA", rtype::SOA, &[NameField, NameField, U32, Seconds, Seconds, Seconds, Seconds]),
    ("MB", 7, &[NameField]),
    ("MG", 8, &[NameField]),
    ("MR", 9, &[NameField]),
    ("PTR", 12, &[NameField]),
    ("HINFO", 13, &[Text, Text]),
    ("MINFO", 14, &[NameField, NameField]),
    ("MX", MX, &[U16, NameField]),
    ("TXT", 16, &[Texts]),
    ("RP", 17, &[NameField, NameField]),
    ("AFSDB", 18, &[U16, NameField]),
    ("RT", 21, &[U16, NameField]),
    ("PX", 26, &[U16, NameField, NameField]),
    ("AAAA", rtype::AAAA, &[Ipv6]),
    ("LOC", 29, &[Location]),
    ("SRV", SRV, &[U16, U16, U16, NameField]),
    ("NAPTR", 35, &[U16, U16, Text, Text, Text, NameField]),
    ("KX", 36, &[U16, NameField]),
    ("CERT", 37, &[Certificate, U16, Algorithm, Base64]),
    ("DNAME", 39, &[NameField]),
    ("DS", rtype::DS, &[U16, Algorithm, U8, Hex]),
    ("SSHFP", SSHFP, &[U8, U8, Hex]),
    ("DNSKEY", 48, &[U16, U8, Algorithm, Base64]),
    ("DHCID", 49, &[Base64]),
    ("TLSA", 52, &[U8, U8, U8, Hex]),
    ("SMIMEA", 53, &[U8, U8, U8, Hex]),
    ("CDS", CDS, &[U16, Algorithm, U8, Hex]),
    ("CDNSKEY", 60, &[U16, U8, Algorithm, Base64]),
    ("OPENPGPKEY", 61, &[Base64]),
    ("ZONEMD", ZONEMD, &[U32, U8, U8, Hex]),
    ("SVCB", SVCB, &[U16, NameField, Params]),
    ("HTTPS", HTTPS, &[U16, NameField, Params]),
    ("SPF", 99, &[Texts]),
    ("NID", 104, &[U16, Locator]),
    ("L32", 105, &[U16, Ipv4]),
    ("L64", 106, &[U16, Locator]),
    ("LP", 107, &[U16, NameField]),
    ("EUI48", 108, &[Eui(6)]),
    ("EUI64", 109, &[Eui(8)]),
    ("URI", 256, &[U16, U16, LongText]),
    ("CAA", CAA, &[U8, Text, LongText]),
    ("AVC", 258, &[Texts]),
];
pub(super) const MX: u16 = 15;
pub(super) const SRV: u16 = 33;
pub(super) const SSHFP: u16 = 44;
pub(super) const CDS: u16 = 59;
pub(super) const ZONEMD: u16 = 63;
pub(super) const SVCB: u16 = 64;
pub(super) const HTTPS: u16 = 65;
pub(super) const CAA: u16 = 257;

/// The algorithms of DNSSEC that are written by name.
pub(super) const ALGORITHMS: &[(&str, u8)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("NSEC3DSA", 6),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];
/// The kinds of certificates that are written by name.
pub(super) const CERTIFICATES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

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
    if number == 0 || number == u16::MAX || number == rtype::OPT || META.contains(&number) {
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
