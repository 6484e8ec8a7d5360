//! The parameters of SVCB and HTTPS records (RFC 9460): from what is written (section 2.1, appendix A) to wire form, and
//! whether they are well formed and agree with each other.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::entries::Token;
use super::words::{is_number, unescape};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
/// RFC 9461.
const DOHPATH: u16 = 7;
/// RFC 9540.
const OHTTP: u16 = 8;

const KEYS: &[(&str, u16)] = &[
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4_HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6_HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
];

/// The wire form of the parameters, sorted by key (section 2.2); [`check`] says whether they can be served.
pub(super) fn parse(tokens: &[Token]) -> Result<Vec<u8>, String> {
    let mut params = Vec::new();
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        let awaits_value =
            !token.quoted && token.raw.split_once('=').is_some_and(|(_, value)| value.is_empty());
        let quoted = tokens.next_if(|next| awaits_value && next.quoted && next.glued);
        let raw = quoted.map_or_else(|| token.raw.clone(), |value| format!("{}{}", token.raw, value.raw));
        if token.quoted {
            return Err(format!("\"{raw}\" is in quotes; only the value of a parameter may be"));
        }
        params.push(parse_param(&raw)?);
    }
    params.sort_by_key(|(key, _)| *key);
    let mut wire = Vec::new();
    for (key, value) in params {
        let length = u16::try_from(value.len());
        let too_long = |_| format!("{} of {} bytes; at most 65535 are possible", key_name(key), value.len());
        wire.extend(key.to_be_bytes());
        wire.extend(length.map_err(too_long)?.to_be_bytes());
        wire.extend(value);
    }
    Ok(wire)
}

/// What is wrong with parameters in wire form.
pub(super) fn check(mut wire: &[u8]) -> Result<(), String> {
    let mut params: Vec<(u16, &[u8])> = Vec::new();
    while !wire.is_empty() {
        let (key, value, rest) = split_first(wire).ok_or("a parameter is longer than the record")?;
        let last = params.last().map(|(last, _)| *last);
        if last == Some(key) {
            return Err(format!("{} is there twice; leave one out", key_name(key)));
        }
        if last > Some(key) {
            return Err(format!("{} comes after a larger key", key_name(key)));
        }
        if !is_well_formed(key, value) {
            return Err(format!("{} has a value that does not belong to it", key_name(key)));
        }
        params.push((key, value));
        wire = rest;
    }
    let has = |wanted| params.iter().any(|(key, _)| *key == wanted);
    if has(NO_DEFAULT_ALPN) && !has(ALPN) {
        return Err("no-default-alpn without alpn leaves no protocol".to_owned());
    }
    let mandatory = params.iter().find(|(key, _)| *key == MANDATORY).map(|(_, keys)| keys.as_chunks().0);
    let missing = mandatory.unwrap_or_default().iter().find(|key| !has(u16::from_be_bytes(**key)));
    missing
        .map_or(Ok(()), |key| Err(format!("{} is mandatory but missing", key_name(u16::from_be_bytes(*key)))))
}

fn split_first(wire: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (key, rest) = wire.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((u16::from_be_bytes(*key), value, rest))
}

/// True when the value has the form of its key; any value is right for a key that we do not know.
fn is_well_formed(key: u16, value: &[u8]) -> bool {
    let whole = |size: usize| !value.is_empty() && value.len().is_multiple_of(size);
    match key {
        MANDATORY => {
            let keys = value.as_chunks::<2>().0;
            whole(2) && keys.first() != Some(&MANDATORY.to_be_bytes()) && keys.is_sorted_by(|a, b| a < b)
        }
        ALPN => {
            let mut rest = value;
            while let Some((length, after)) = rest.split_first() {
                match after.get(usize::from(*length)..) {
                    Some(after) if *length > 0 => rest = after,
                    _ => return false,
                }
            }
            !value.is_empty()
        }
        NO_DEFAULT_ALPN | OHTTP => value.is_empty(),
        PORT => value.len() == 2,
        IPV4_HINT => whole(4),
        IPV6_HINT => whole(16),
        ECH => !value.is_empty(),
        DOHPATH => str::from_utf8(value).is_ok_and(is_query_template),
        _ => true,
    }
}

/// A path in which something stands for the query, as in `/dns-query{?dns}` (RFC 9461 section 5).
fn is_query_template(path: &str) -> bool {
    let mut expressions = path.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0));
    let has_query = |expression: &str| {
        expression.trim_start_matches(['?', '&']).split(',').any(|variable| variable == "dns")
    };
    path.starts_with('/') && expressions.any(has_query)
}

/// Key and wire value of `KEY` or `KEY=VALUE`.
fn parse_param(raw: &str) -> Result<(u16, Vec<u8>), String> {
    let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
    let listed = KEYS.iter().find(|(listed, _)| *listed == name).map(|(_, key)| *key);
    let bad = |error: &dyn Display| format!("bad parameter \"{raw}\": {error}");
    let Some(key) = listed.or_else(|| generic_key(name)) else {
        let known: Vec<_> = KEYS.iter().map(|(listed, _)| *listed).collect();
        return Err(bad(&format!("not a key; known: {}, and key0 to key65535", known.join(", "))));
    };
    let value = unescape(value)?;
    if listed.is_none() {
        return Ok((key, value));
    }
    let wire = match key {
        MANDATORY => each(&value, |key| {
            let listed = KEYS.iter().find(|(listed, _)| *listed == key).map(|(_, key)| *key);
            listed.or_else(|| generic_key(key)).ok_or("not a key").map(u16::to_be_bytes)
        })
        .map(|mut keys| {
            keys.sort_unstable();
            keys.concat()
        }),
        ALPN => protocols(&value),
        PORT => text(&value).and_then(|port| match port.parse::<u16>() {
            Ok(number) if is_number(port) => Ok(number.to_be_bytes().to_vec()),
            _ => Err("not a number from 0 to 65535".to_owned()),
        }),
        IPV4_HINT => each(&value, |item| item.parse::<Ipv4Addr>().map(|address| address.octets()))
            .map(|addresses| addresses.concat()),
        IPV6_HINT => each(&value, |item| item.parse::<Ipv6Addr>().map(|address| address.octets()))
            .map(|addresses| addresses.concat()),
        ECH => BASE64.decode(&value).map_err(|error| format!("not base64: {error}")),
        _ => Ok(value),
    };
    wire.map(|wire| (key, wire)).map_err(|error| bad(&error))
}

/// `key123`, without leading zeros.
fn generic_key(name: &str) -> Option<u16> {
    let number = name.strip_prefix("key").filter(|digits| is_number(digits))?;
    number.parse().ok().filter(|_| number == "0" || !number.starts_with('0'))
}

fn key_name(key: u16) -> String {
    let listed = KEYS.iter().find(|(_, listed)| *listed == key);
    listed.map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned())
}

fn text(value: &[u8]) -> Result<&str, String> {
    str::from_utf8(value).map_err(|error| error.to_string())
}

/// The items of a list whose items hold neither commas nor escapes.
fn each<T, E: Display>(value: &[u8], parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, String> {
    let items = text(value)?.split(',');
    items.map(|item| parse(item).map_err(|error| format!("\"{item}\": {error}"))).collect()
}

/// Protocol names, each with its length before it. In one a comma and a backslash are escaped once more (appendix A.1).
fn protocols(value: &[u8]) -> Result<Vec<u8>, String> {
    let mut names = vec![Vec::new()];
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        let last = names.last_mut();
        match byte {
            b',' => names.push(Vec::new()),
            b'\\' => match bytes.next() {
                Some(escaped @ (b',' | b'\\')) => last.into_iter().for_each(|name| name.push(*escaped)),
                _ => return Err("in a list only a comma and a backslash are escaped".to_owned()),
            },
            _ => last.into_iter().for_each(|name| name.push(*byte)),
        }
    }
    let mut wire = Vec::new();
    for name in names {
        let length = u8::try_from(name.len()).ok().filter(|length| *length > 0);
        wire.push(length.ok_or("the name of a protocol has 1 to 255 bytes")?);
        wire.extend(name);
    }
    Ok(wire)
}
