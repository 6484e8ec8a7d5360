//! The data of one record: from its text (RFC 1035 section 5.1) to uncompressed wire bytes, names lower-cased.
//!
//! A type is a row of fields. hickory-proto's readers of text are no help: they take `\DDD` for something else than RFC
//! 1035 does, and overlook what is left over.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::entries::Token;
use super::types::{ALGORITHMS, CERTIFICATES, Field, fields, type_name};
use super::words::{MAX_SECONDS, parse_name, parse_number, parse_seconds, unescape};
use super::{generic, loc, params, rules};
use crate::name::Name;

/// Longest data of a record: its length has 16 bits.
const MAX_RDATA: usize = 65535;

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
    rules::check(rtype, &wire)?;
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
        Field::U8 => wire.push(parse_number(bare(rest, "a number")?, u8::MAX)?),
        Field::U16 => wire.extend(parse_number::<u16>(bare(rest, "a number")?, u16::MAX)?.to_be_bytes()),
        Field::U32 => wire.extend(parse_number::<u32>(bare(rest, "a number")?, u32::MAX)?.to_be_bytes()),
        Field::Seconds => {
            let raw = &bare(rest, "a time")?.raw;
            let seconds = parse_seconds(raw);
            let wrong =
                || format!("\"{raw}\" is not a time like 3600 or 1h30m, at most {MAX_SECONDS} seconds");
            wire.extend(seconds.ok_or_else(wrong)?.to_be_bytes());
        }
        Field::Ipv4 => {
            let raw = &bare(rest, "an IPv4 address")?.raw;
            let address = raw.parse::<Ipv4Addr>();
            wire.extend(
                address.map_err(|error| format!("\"{raw}\" is not an IPv4 address: {error}"))?.octets(),
            );
        }
        Field::Ipv6 => {
            let raw = &bare(rest, "an IPv6 address")?.raw;
            let address = raw.parse::<Ipv6Addr>();
            wire.extend(
                address.map_err(|error| format!("\"{raw}\" is not an IPv6 address: {error}"))?.octets(),
            );
        }
        Field::Name => wire.extend(parse_name(bare(rest, "a domain name")?, origin)?.as_wire()),
        Field::Text => push_text(wire, one(rest, "a string")?)?,
        Field::Texts => {
            for token in all(rest, "a string")? {
                push_text(wire, token)?;
            }
        }
        Field::LongText => wire.extend(unescape(&one(rest, "a string")?.raw)?),
        Field::Hex => wire.extend(parse_hex(all(rest, "hexadecimal digits")?)?),
        Field::Base64 => wire.extend(parse_base64(all(rest, "base64")?)?),
        Field::Params => wire.extend(params::parse(std::mem::take(rest))?),
        Field::Algorithm => wire.push(parse_named(bare(rest, "an algorithm")?, ALGORITHMS, u8::MAX)?),
        Field::Certificate => {
            let kind = parse_named(bare(rest, "a kind of certificate")?, CERTIFICATES, u16::MAX)?;
            wire.extend(kind.to_be_bytes());
        }
        Field::Locator => {
            let raw = &bare(rest, "a locator")?.raw;
            let wrong = || format!("\"{raw}\" is not a locator like 2001:db8:1:2");
            wire.extend(parse_locator(raw).ok_or_else(wrong)?);
        }
        Field::Eui(length) => {
            let raw = &bare(rest, "an identifier")?.raw;
            let wrong =
                || format!("\"{raw}\" is not {length} pairs of hexadecimal digits with \"-\" between");
            wire.extend(parse_eui(raw, length).ok_or_else(wrong)?);
        }
        Field::Location => wire.extend(loc::parse(std::mem::take(rest))?),
    }
    Ok(())
}

/// Takes the next token, which is none in quotes: they are for strings.
fn bare<'t>(rest: &mut &'t [Token], expected: &str) -> Result<&'t Token, String> {
    let token = one(rest, expected)?;
    if token.quoted { Err(format!("\"{}\" is in quotes, but no string", token.raw)) } else { Ok(token) }
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
    let bytes = unescape(&token.raw)?;
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

/// A number, or the name of one.
fn parse_named<T: Copy + Display + FromStr>(token: &Token, names: &[(&str, T)], max: T) -> Result<T, String> {
    let listed = names.iter().find(|(name, _)| token.raw.eq_ignore_ascii_case(name));
    listed.map_or_else(|| parse_number(token, max), |(_, number)| Ok(*number))
}

fn parse_locator(text: &str) -> Option<Vec<u8>> {
    let group = |digits: &str| {
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits.len() <= 4;
        u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal).map(u16::to_be_bytes)
    };
    let groups: Option<Vec<_>> = text.split(':').map(group).collect();
    groups.filter(|groups| groups.len() == 4).map(|groups| groups.concat())
}

fn parse_eui(text: &str, length: usize) -> Option<Vec<u8>> {
    let byte =
        |digits: &str| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok().filter(|byte| byte.len() == 1);
    let bytes: Option<Vec<_>> = text.split('-').map(byte).collect();
    bytes.filter(|bytes| bytes.len() == length).map(|bytes| bytes.concat())
}
