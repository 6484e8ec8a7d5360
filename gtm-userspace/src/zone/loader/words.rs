//! The words of a zone file: names, numbers, times and strings with their escapes.

use std::fmt::Display;
use std::str::FromStr;

use super::entries::Token;
use crate::name::Name;

/// Longest time to live and other interval (RFC 2181 section 8).
pub(super) const MAX_SECONDS: u32 = 0x7fff_ffff;

/// A domain name, `@` being the origin, and one without a final dot ending in it.
pub(super) fn parse_name(token: &Token, origin: &Name) -> Result<Name, String> {
    let raw = token.raw.as_str();
    let not_a_name = |why: &dyn Display| format!("\"{raw}\" is not a domain name: {why}");
    if !raw.is_ascii() {
        return Err(not_a_name(&"write international names in their xn-- form"));
    }
    if raw == "@" && !token.quoted {
        return Ok(origin.clone());
    }
    // A final dot counts unless an odd number of backslashes escapes it.
    let absolute = raw.strip_suffix('.').is_some_and(|rest| {
        let backslashes = rest.len() - rest.trim_end_matches('\\').len();
        backslashes % 2 == 0
    });
    if absolute {
        return raw.parse().map_err(|error| not_a_name(&error));
    }
    let absolute = if *origin == Name::root() { raw.to_owned() } else { format!("{raw}.{origin}") };
    absolute.parse().map_err(|error| not_a_name(&error))
}

/// A time in seconds, or with units as in `1h30m`; at most [`MAX_SECONDS`].
pub(crate) fn parse_seconds(text: &str) -> Option<u32> {
    if is_number(text) {
        return text.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS);
    }
    let mut total: u32 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let mut after = after.chars();
        let unit = match after.next()?.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    Some(total).filter(|seconds| !text.is_empty() && *seconds <= MAX_SECONDS)
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal number without a sign.
pub(super) fn parse_number<T: FromStr>(token: &Token, max: impl Display) -> Result<T, String> {
    let number = token.raw.parse().ok().filter(|_| is_number(&token.raw) && !token.quoted);
    number.ok_or_else(|| format!("\"{}\" is not a number from 0 to {max}", token.raw))
}

/// The bytes of a string: `\DDD` is the byte of that number, `\X` is X.
pub(super) fn unescape(raw: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let digits = after.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        if let Some(digits) = digits {
            let value = digits.iter().fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'));
            bytes.push(u8::try_from(value).map_err(|_too_large| bad_escape(raw))?);
            rest = after.get(3..).unwrap_or_default();
        } else {
            let (&escaped, after) = after.split_first().ok_or_else(|| bad_escape(raw))?;
            if escaped.is_ascii_digit() {
                return Err(bad_escape(raw));
            }
            bytes.push(escaped);
            rest = after;
        }
    }
    Ok(bytes)
}

fn bad_escape(raw: &str) -> String {
    format!("\"{raw}\" has an escape that is neither \\X nor \\DDD up to \\255")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(raw: &str) -> Token {
        Token { raw: raw.to_owned(), quoted: false, glued: false }
    }

    #[track_caller]
    fn check_name(raw: &str, origin: &str, expect: Option<&str>) {
        let name = parse_name(&token(raw), &origin.parse().unwrap());
        assert_eq!(
            name.as_ref().ok(),
            expect.map(|expect| expect.parse().unwrap()).as_ref(),
            "{raw}: {name:?}"
        );
    }

    #[test]
    fn names_are_relative_without_a_final_dot() {
        check_name("www", "example.com", Some("www.example.com"));
        check_name("www.", "example.com", Some("www"));
        check_name("@", "example.com", Some("example.com"));
        check_name("\\@", "example.com", Some("\\@.example.com"));
        check_name("www", ".", Some("www"));
        check_name(".", "example.com", Some("."));
        check_name(r"a\.", "example.com", Some(r"a\..example.com"));
        check_name(r"a\\.", "example.com", Some(r"a\\."));
        check_name(r"\065", "example.com", Some("a.example.com"));
        check_name("", "example.com", None);
        check_name("a..b", "example.com", None);
        check_name("é", "example.com", None);
        check_name(&"a".repeat(64), "example.com", None);
    }

    #[track_caller]
    fn check_seconds(text: &str, expect: Option<u32>) {
        assert_eq!(parse_seconds(text), expect, "{text}");
    }

    #[test]
    fn times_have_units() {
        check_seconds("0", Some(0));
        check_seconds("2147483647", Some(2_147_483_647));
        check_seconds("2147483648", None);
        check_seconds("1h30m", Some(5400));
        check_seconds("1W2D3H4M5S", Some(788_645));
        check_seconds("7102w", None);
        check_seconds("3550w", Some(2_147_040_000));
        check_seconds("3551w", None);
        check_seconds("", None);
        check_seconds("h", None);
        check_seconds("1h30", None);
        check_seconds("1x", None);
        check_seconds("+1", None);
        check_seconds("1é", None);
    }

    #[track_caller]
    fn check_string(raw: &str, expect: Option<&[u8]>) {
        assert_eq!(unescape(raw).ok().as_deref(), expect, "{raw}");
    }

    #[test]
    fn strings_are_unescaped() {
        check_string("", Some(b""));
        check_string(r"a\065\;\\", Some(br"aA;\"));
        check_string(r"\255\000", Some(b"\xff\0"));
        check_string(r"\256", None);
        check_string(r"\25", None);
        check_string("\\", None);
        check_string("é", Some("é".as_bytes()));
    }
}
