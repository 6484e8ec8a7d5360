//! Domain names: uncompressed, lower-cased wire form, as the tables and the zones compare them (RFC 1035 section 3.1,
//! RFC 4343).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use gtm_common::wire::{MAX_LABEL, MAX_NAME};

/// A domain name in lower-cased wire form: length-prefixed labels and the root label.
///
/// Always valid: every label has 1 to 63 bytes, the whole 1 to 255. Ordered by bytes, which is not the canonical order
/// of RFC 4034.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// Why a text or a sequence of bytes is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or a dot at the start.
    #[error("empty label")]
    EmptyLabel,
    /// A label has more than 63 bytes.
    #[error("label of {0} bytes; at most 63 are allowed")]
    LabelTooLong(usize),
    /// The name has more than 255 bytes in wire form.
    #[error("name of {0} bytes in wire form; at most 255 are allowed")]
    TooLong(usize),
    /// A backslash is followed by neither one character nor three decimal digits up to 255.
    #[error("escape sequence that is neither \\X nor \\DDD")]
    BadEscape,
    /// The bytes end before the root label, go on after it, or hold a compression pointer.
    #[error("not one uncompressed name")]
    NotWireForm,
}

impl Name {
    /// The root name, `.`.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Takes exactly one uncompressed name in wire form, in any letter case.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, NameError> {
        if bytes.len() > MAX_NAME {
            return Err(NameError::TooLong(bytes.len()));
        }
        let mut rest = bytes;
        loop {
            let (&length, after) = rest.split_first().ok_or(NameError::NotWireForm)?;
            if length == 0 {
                return if after.is_empty() {
                    Ok(Self(bytes.to_ascii_lowercase().into()))
                } else {
                    Err(NameError::NotWireForm)
                };
            }
            if usize::from(length) > MAX_LABEL {
                return Err(NameError::NotWireForm);
            }
            rest = after.get(usize::from(length)..).ok_or(NameError::NotWireForm)?;
        }
    }

    /// The wire form, lower-cased, root label included: 1 to 255 bytes.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the leftmost on, without the root label.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.as_wire();
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            let (label, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(label)
        })
    }

    /// The wire forms of this name and of every name above it, from itself up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(Some(self.as_wire()), |wire| {
            let (&length, after) = wire.split_first()?;
            if length == 0 { None } else { after.get(usize::from(length)..) }
        })
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (&length, after) = self.0.split_first()?;
        if length == 0 {
            return None;
        }
        after.get(usize::from(length)..).map(|rest| Self(rest.into()))
    }

    /// True when this name is `ancestor` or lies below it.
    pub fn is_at_or_below(&self, ancestor: &Self) -> bool {
        let mut name = Some(self.clone());
        while let Some(current) = name {
            if &current == ancestor {
                return true;
            }
            name = current.parent();
        }
        false
    }

    /// This name with one label put before it.
    pub fn child(&self, label: &[u8]) -> Result<Self, NameError> {
        let length = u8::try_from(label.len()).ok().filter(|length| usize::from(*length) <= MAX_LABEL);
        match length {
            None => Err(NameError::LabelTooLong(label.len())),
            Some(0) => Err(NameError::EmptyLabel),
            Some(length) => {
                let mut wire = vec![length];
                wire.extend(label.iter().map(u8::to_ascii_lowercase));
                wire.extend_from_slice(&self.0);
                if wire.len() > MAX_NAME {
                    Err(NameError::TooLong(wire.len()))
                } else {
                    Ok(Self(wire.into()))
                }
            }
        }
    }
}

/// Maps keyed by names are searched by the wire form of an ancestor without building a name.
impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads the presentation form (RFC 1035 section 5.1); the final dot may be left out. The result is absolute.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut bytes = text.bytes().peekable();
        loop {
            let byte = bytes.next();
            match byte {
                Some(b'\\') => label.push(unescape(&mut bytes)?),
                Some(b'.') | None => {
                    let length =
                        u8::try_from(label.len()).ok().filter(|length| usize::from(*length) <= MAX_LABEL);
                    let length = length.ok_or(NameError::LabelTooLong(label.len()))?;
                    if length == 0 {
                        return Err(NameError::EmptyLabel);
                    }
                    wire.push(length);
                    wire.append(&mut label);
                    if byte.is_none() || bytes.peek().is_none() {
                        break;
                    }
                }
                Some(other) => label.push(other.to_ascii_lowercase()),
            }
        }
        wire.push(0);
        if wire.len() > MAX_NAME { Err(NameError::TooLong(wire.len())) } else { Ok(Self(wire.into())) }
    }
}

/// Reads what follows a backslash: three decimal digits, or one character that stands for itself.
fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first.to_ascii_lowercase());
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map(|byte| byte.to_ascii_lowercase()).ok().ok_or(NameError::BadEscape)
}

impl fmt::Display for Name {
    /// The presentation form without the final dot; the root is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[u8], NameError>) {
        let name = text.parse::<Name>();
        assert_eq!(name.clone().map(|name| name.0), expect.map(Into::into));
        if let Ok(name) = name {
            assert_eq!(name.to_string().parse(), Ok(name.clone()), "presentation form of {text}");
            assert_eq!(Name::from_wire(name.as_wire()), Ok(name));
        }
    }

    #[test]
    fn names_are_lower_cased_wire_form() {
        check(".", Ok(b"\0"));
        check("WWW.Example.com", Ok(b"\x03www\x07example\x03com\0"));
        check("www.example.com.", Ok(b"\x03www\x07example\x03com\0"));
        check("a\\.b.c", Ok(b"\x03a.b\x01c\0"));
        check("\\000\\065.c", Ok(b"\x02\0a\x01c\0"));
        check("", Err(NameError::EmptyLabel));
        check("a..b", Err(NameError::EmptyLabel));
        check("a\\25", Err(NameError::BadEscape));
        check("a\\256", Err(NameError::BadEscape));
        check(&"a".repeat(64), Err(NameError::LabelTooLong(64)));
        check(&["a"; 128].join("."), Err(NameError::TooLong(257)));
    }

    #[test]
    fn longest_name_fits() {
        let text = ["a"; 127].join(".");
        assert_eq!(text.parse::<Name>().map(|name| name.as_wire().len()), Ok(255));
    }

    #[test]
    fn wire_form_is_one_whole_name() {
        for bad in [&b""[..], b"\x01", b"\x01a", b"\x01a\0\0", b"\xc0\x0c", b"\x40aaaa\0"] {
            assert_eq!(Name::from_wire(bad), Err(NameError::NotWireForm), "{bad:?}");
        }
    }

    #[test]
    fn ancestry() {
        let name: Name = "a.b.c".parse().unwrap();
        assert!(name.is_at_or_below(&"b.c".parse().unwrap()));
        assert!(name.is_at_or_below(&name));
        assert!(name.is_at_or_below(&Name::root()));
        assert!(!name.is_at_or_below(&"a.c".parse().unwrap()));
        assert!(name.ancestors().eq([&b"\x01a\x01b\x01c\0"[..], b"\x01b\x01c\0", b"\x01c\0", b"\0"]));
        assert_eq!(name.parent().unwrap().child(b"A"), Ok(name));
    }
}
