//! Data in the generic form, `\# LENGTH HEXADECIMAL` (RFC 3597 section 5), and whether such bytes are well formed when
//! the type is a known one.

use super::entries::Token;
use super::rdata::parse_hex;
use super::types::Field;
use super::words::parse_number;
use crate::name::Name;

/// The bytes after `\#`; those of a known type must have its fields.
pub(super) fn parse(tokens: &[Token], fields: Option<&[Field]>) -> Result<Vec<u8>, String> {
    let Some((length, digits)) = tokens.split_first() else {
        return Err("the length after \\# is missing".to_owned());
    };
    let expected: u16 = parse_number(length, u16::MAX)?;
    let wire = parse_hex(digits)?;
    if wire.len() != usize::from(expected) {
        return Err(format!("{} bytes of data, but the length after \\# is {expected}", wire.len()));
    }
    if fields.is_some_and(|fields| !fits(fields, &wire)) {
        return Err("the bytes after \\# are not well-formed data of this type".to_owned());
    }
    Ok(wire)
}

/// True when the bytes are exactly these fields.
fn fits(fields: &[Field], wire: &[u8]) -> bool {
    let rest = fields.iter().try_fold(wire, |rest, field| after_field(*field, rest));
    rest.is_some_and(<[u8]>::is_empty)
}

fn after_field(field: Field, wire: &[u8]) -> Option<&[u8]> {
    match field {
        Field::U8 | Field::Algorithm => wire.get(1..),
        Field::U16 | Field::Certificate => wire.get(2..),
        Field::U32 | Field::Seconds | Field::Ipv4 => wire.get(4..),
        Field::Ipv6 => wire.get(16..),
        Field::Name => {
            // Only uncompressed names: a label's length is followed until the root.
            let mut at = 0_usize;
            while let Some(length) = wire.get(at).filter(|length| **length != 0) {
                at += 1 + usize::from(*length);
            }
            let (name, rest) = wire.split_at_checked(at + 1)?;
            Name::from_wire(name).ok().map(|_| rest)
        }
        Field::Text => {
            let (length, rest) = wire.split_first()?;
            rest.get(usize::from(*length)..)
        }
        Field::Texts => {
            let mut rest = after_field(Field::Text, wire)?;
            while !rest.is_empty() {
                rest = after_field(Field::Text, rest)?;
            }
            Some(rest)
        }
        Field::Locator => wire.get(8..),
        Field::Eui(length) => wire.get(length..),
        // Only version 0 has this form.
        Field::Location => wire.get(16..).filter(|_| wire.starts_with(&[0])),
        // Whether parameters are well formed is held against rules of their own.
        Field::LongText | Field::Params => Some(&[]),
        Field::Hex | Field::Base64 => (!wire.is_empty()).then_some(&[]),
    }
}
