//! The data of one record: from its text (RFC 1035 section 5.1) to uncompressed wire bytes, names lower-cased.
//!
//! Most types are a row of fields. hickory-proto reads only the parameters of SVCB and HTTPS: its readers of the other
//! types take `\DDD` for something else than RFC 1035 does, and overlook what is left over.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::BinEncodable as _;

use super::entries::Token;
use super::generic;
use super::types::{Field, fields, type_name};
use super::words::{MAX_SECONDS, parse_name, parse_number, parse_seconds, unescape};
use crate::name::Name;

/// Longest data of a record: its length has 16 bits.
const MAX_RDATA: usize = 65535;
/// What stands before the parameters in an SVCB record: priority 1 and the root as target.
const PARAMS_PREFIX: &[u8] = &[0, 1, 0];

/// The wire form of one record's data; relative names end in `origin`.
pub(super) fn parse(rtype: u16, tokens: &[Token], origin: &Name) -> Result<Box<[u8]>, String> {
    let wire = match (tokens, fields(rtype)) {
        ([first, rest @ ..], fields) if !first.quoted && first.raw == "\\#" => generic::parse(rest, fields)?,
        (_, Some(fields)) => parse_fields(fields, tokens, origin)?,
        (_, None) => {
            return Err(format!("the data of {} is written as \\# LENGTH HEXADECIMAL", type_name(rtype)));
        }
    };
    if wire.len() > MAX_RDATA {
        return Err(format!("{} bytes of data; at most {MAX_RDATA} are possible", wire.len()));
    }
    Ok(wire.into())
}

fn parse_fields(fields: &[Field], tokens: &[Token], origin: &Name) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    let mut rest = tokens;
    for field in fields {
        push_field(&mut wire, *field, &mut rest, origin)?;
    }
    match rest.first() {
        Some(token) => Err(format!("\"{}\" is more than this type takes", token.raw)),
        None => Ok(wire),
    }
}

fn push_field(wire: &mut Vec<u8>, field: Field, rest: &mut &[Token], origin: &Name) -> Result<(), String> {
    match field {
        Field::U8 => wire.push(parse_number(one(rest, "a number")?, u8::MAX)?),
        Field::U16 => wire.extend(parse_number::<u16>(one(rest, "a number")?, u16::MAX)?.to_be_bytes()),
        Field::U32 => wire.extend(parse_number::<u32>(one(rest, "a number")?, u32::MAX)?.to_be_bytes()),
        Field::Seconds => {
            let raw = &one(rest, "a time")?.raw;
            let seconds = parse_seconds(raw);
            let wrong =
                || format!("\"{raw}\" is not a time like 3600 or 1h30m, at most {MAX_SECONDS} seconds");
            wire.extend(seconds.ok_or_else(wrong)?.to_be_bytes());
        }
        Field::Ipv4 => {
            let raw = &one(rest, "an IPv4 address")?.raw;
            let address = raw.parse::<Ipv4Addr>();
            wire.extend(
                address.map_err(|error| format!("\"{raw}\" is not an IPv4 address: {error}"))?.octets(),
            );
        }
        Field::Ipv6 => {
            let raw = &one(rest, "an IPv6 address")?.raw;
            let address = raw.parse::<Ipv6Addr>();
            wire.extend(
                address.map_err(|error| format!("\"{raw}\" is not an IPv6 address: {error}"))?.octets(),
            );
        }
        Field::Name => wire.extend(parse_name(one(rest, "a domain name")?, origin)?.as_wire()),
        Field::Text => push_text(wire, one(rest, "a string")?)?,
        Field::Texts => {
            for token in all(rest, "a string")? {
                push_text(wire, token)?;
            }
        }
        Field::LongText => wire.extend(unescape(one(rest, "a string")?)?),
        Field::Hex => wire.extend(parse_hex(all(rest, "hexadecimal digits")?)?),
        Field::Base64 => wire.extend(parse_base64(all(rest, "base64")?)?),
        Field::Params => wire.extend(parse_params(std::mem::take(rest))?),
    }
    Ok(())
}

/// Takes the next token.
fn one<'t>(rest: &mut &'t [Token], expected: &str) -> Result<&'t Token, String> {
    let (token, after) =
        rest.split_first().ok_or_else(|| format!("the data ends where {expected} is expected"))?;
    *rest = after;
    Ok(token)
}

/// Takes every token that is left, at least one.
fn all<'t>(rest: &mut &'t [Token], expected: &str) -> Result<&'t [Token], String> {
    let tokens = std::mem::take(rest);
    if tokens.is_empty() { Err(format!("the data ends where {expected} is expected")) } else { Ok(tokens) }
}

/// A character string: its length in one byte, then its bytes.
fn push_text(wire: &mut Vec<u8>, token: &Token) -> Result<(), String> {
    let bytes = unescape(token)?;
    let length = u8::try_from(bytes.len());
    let too_long = |_| format!("a string of {} bytes; at most 255 are possible, so split it", bytes.len());
    wire.push(length.map_err(too_long)?);
    wire.extend(bytes);
    Ok(())
}

/// Hexadecimal digits, possibly in several words.
pub(super) fn parse_hex(tokens: &[Token]) -> Result<Vec<u8>, String> {
    let digits = joined(tokens);
    HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .map_err(|error| format!("not pairs of hexadecimal digits: {error}"))
}

fn parse_base64(tokens: &[Token]) -> Result<Vec<u8>, String> {
    BASE64.decode(joined(tokens).as_bytes()).map_err(|error| format!("not base64: {error}"))
}

fn joined(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.raw.as_str()).collect()
}

/// The parameters of SVCB and HTTPS, sorted by key as RFC 9460 section 2.2 demands.
fn parse_params(tokens: &[Token]) -> Result<Vec<u8>, String> {
    let mut params = tokens.iter().map(parse_param).collect::<Result<Vec<_>, _>>()?;
    // The key comes first and in network order.
    params.sort_unstable();
    let key = |param: &[u8]| param.get(..2).map(<[u8]>::to_vec);
    if params.windows(2).any(|pair| matches!(pair, [first, second] if key(first) == key(second))) {
        return Err("a parameter is there twice; leave one out".to_owned());
    }
    Ok(params.concat())
}

fn parse_param(token: &Token) -> Result<Vec<u8>, String> {
    let raw = token.raw.as_str();
    // Anything else means something of its own to hickory's splitter.
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"();@$".contains(&byte);
    if token.quoted || raw.is_empty() || !raw.bytes().all(plain) {
        return Err(format!("\"{raw}\" is a parameter that can only be given as \\# LENGTH HEXADECIMAL"));
    }
    let bad = |error: &dyn Display| format!("bad parameter \"{raw}\": {error}");
    let data = RData::try_from_str(RecordType::SVCB, &format!("1 . {raw}")).map_err(|error| bad(&error))?;
    let wire = data.to_bytes().map_err(|error| bad(&error))?;
    wire.strip_prefix(PARAMS_PREFIX).map(<[u8]>::to_vec).ok_or_else(|| bad(&"not understood"))
}
