//! Queries from words, and the answers that they ought to get, byte by byte: nothing here shares code with the parsers
//! and writers that it judges.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};

/// TTL of every steered answer in the tests.
pub const TTL: u32 = 30;
/// The payload size that we advertise.
const OUR_SIZE: u16 = 1232;
/// Type number of OPT.
const OPT: u16 = 41;
/// DNSSEC OK among the flags of an OPT record.
const DO: u16 = 0x8000;
/// Option code of the client subnet.
const ECS: u16 = 8;

/// A query, every part of it at will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// ID.
    pub id: u16,
    /// The flags word.
    pub flags: u16,
    /// Questions, answers, authorities and additionals as the header tells them.
    pub counts: [u16; 4],
    /// QNAME in wire form.
    pub qname: Vec<u8>,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// The OPT record.
    pub opt: Option<Opt>,
    /// Bytes after everything else.
    pub tail: Vec<u8>,
}

/// An OPT record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// UDP payload size.
    pub size: u16,
    /// EDNS version.
    pub version: u8,
    /// The flags: DO and those that are not assigned.
    pub flags: u16,
    /// Options: code and data.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// A record of an expected answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME.
    Alias(String),
}

impl Query {
    /// A plain query of class IN.
    pub fn new(qname: Vec<u8>, qtype: u16) -> Self {
        let (counts, opt) = ([1, 0, 0, 0], None);
        Self { id: 0x1234, flags: 0, counts, qname, qtype, qclass: 1, opt, tail: Vec::new() }
    }

    /// The same query with an OPT record.
    #[must_use]
    pub fn with_opt(mut self, size: u16, options: Vec<(u16, Vec<u8>)>) -> Self {
        self.counts = [1, 0, 0, 1];
        self.opt = Some(Opt { size, version: 0, flags: 0, options });
        self
    }

    /// The message.
    pub fn bytes(&self) -> Vec<u8> {
        let mut message = words([self.id, self.flags]);
        message.extend(words(self.counts));
        message.extend(&self.qname);
        message.extend(words([self.qtype, self.qclass]));
        if let Some(opt) = &self.opt {
            let options: Vec<u8> = opt.options.iter().flat_map(|(code, data)| option(*code, data)).collect();
            message.push(0);
            message.extend(words([OPT, opt.size, u16::from(opt.version), opt.flags, length(&options)]));
            message.extend(options);
        }
        message.extend(&self.tail);
        message
    }

    /// The steered answer to this query; `scope` is that of the client subnet, if the query has one.
    pub fn answer(&self, records: &[Record], scope: u8) -> Vec<u8> {
        let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
        // Response, authoritative; of the flags of the query only RD is kept.
        let mut message = words([self.id, 0x8400 | (self.flags & 0x0100)]);
        message.extend(words([1, count, 0, u16::from(self.opt.is_some())]));
        message.extend(&self.qname);
        message.extend(words([self.qtype, self.qclass]));
        for record in records {
            let (rtype, data) = match record {
                Record::Address(IpAddr::V4(address)) => (1, address.octets().to_vec()),
                Record::Address(IpAddr::V6(address)) => (28, address.octets().to_vec()),
                Record::Alias(name) => (5, wire(name).unwrap_or_default()),
            };
            message.extend(words([0xc00c, rtype, 1]));
            message.extend(TTL.to_be_bytes());
            message.extend(length(&data).to_be_bytes());
            message.extend(data);
        }
        if let Some(opt) = &self.opt {
            let subnet = opt.options.iter().find(|(code, _)| *code == ECS).map(|(_, data)| data.clone());
            let options = subnet.map_or(Vec::new(), |mut data| {
                if let Some(place) = data.get_mut(3) {
                    *place = scope;
                }
                option(ECS, &data)
            });
            message.push(0);
            message.extend(words([OPT, OUR_SIZE, 0, opt.flags & DO, length(&options)]));
            message.extend(options);
        }
        message
    }
}

/// Data of a client subnet option for a prefix: as many bytes of the address as the length needs.
pub fn client_subnet(address: IpAddr, source: u8) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let mut data = vec![0, family, source, 0];
    data.extend(octets.iter().take(usize::from(source.div_ceil(8))));
    data
}

/// A name in wire form, in the letter case of the text; `\DDD` is the byte of that decimal number.
pub fn wire(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        let mut bytes = Vec::new();
        let mut rest = label.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            let (byte, after) = match after.split_at_checked(3) {
                Some((digits, after)) if first == b'\\' => (str::from_utf8(digits)?.parse()?, after),
                _ => (first, after),
            };
            bytes.push(byte);
            rest = after;
        }
        wire.push(u8::try_from(bytes.len())?);
        wire.extend(bytes);
    }
    wire.push(0);
    Ok(wire)
}

/// Bytes from hexadecimal; white space is for the reader.
pub fn hex(text: &str) -> anyhow::Result<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    ensure!(digits.len().is_multiple_of(2), "an odd number of digits: {text:?}");
    digits.chunks(2).map(|pair| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?)).collect()
}

/// The flags of a header by name (RFC 1035 section 4.1.1, RFC 4035 section 3.2).
pub const FLAGS: &[(&str, u16)] = &[
    ("qr", 0x8000),
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("z", 0x0040),
    ("ad", 0x0020),
    ("cd", 0x0010),
];

/// The number of a type by its name, or `TYPE` and a number.
pub fn type_number(text: &str) -> anyhow::Result<u16> {
    let known = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("PTR", 12),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("SRV", 33),
        ("DNAME", 39),
        ("OPT", OPT),
        ("DS", 43),
        ("DNSKEY", 48),
        ("SVCB", 64),
        ("HTTPS", 65),
        ("IXFR", 251),
        ("AXFR", 252),
        ("ANY", 255),
        ("CAA", 257),
    ];
    if let Some((_, number)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*number);
    }
    text.strip_prefix("TYPE")
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no type {text:?}"))
}

/// A query from words: name and type, then any of
///
/// - `qr aa tc rd ra z ad cd`, `opcode=N`, `rcode=N`, `class=N`, `id=N`, `counts=QD,AN,NS,AR`,
/// - `edns` (4096 bytes) or `edns=SIZE`; with it `do`, `ednsflags=HEX`, `version=N`, `ecs=PREFIX`, `option=CODE` or `option=CODE:HEX`,
/// - `tail=HEX`: bytes after everything else.
impl FromStr for Query {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut words = text.split_whitespace();
        let (name, rtype) = (words.next().context("no name")?, words.next().context("no type")?);
        let mut query = Self::new(wire(name)?, type_number(rtype)?);
        for word in words {
            query.apply(word).with_context(|| format!("{word:?} in {text:?}"))?;
        }
        Ok(query)
    }
}

impl Query {
    fn apply(&mut self, word: &str) -> anyhow::Result<()> {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if let Some((_, flag)) = FLAGS.iter().find(|(name, _)| *name == word) {
            self.flags |= flag;
            return Ok(());
        }
        match key {
            "opcode" => self.flags |= value.parse::<u16>()? << 11,
            "rcode" => self.flags |= value.parse::<u16>()?,
            "class" => self.qclass = value.parse()?,
            "id" => self.id = value.parse()?,
            "counts" => {
                let counts = value.split(',').map(str::parse).collect::<Result<Vec<u16>, _>>()?;
                self.counts = counts.as_slice().try_into()?;
            }
            "edns" => {
                let size = if value.is_empty() { 4096 } else { value.parse()? };
                *self = self.clone().with_opt(size, Vec::new());
            }
            "tail" => self.tail = hex(value)?,
            _ => {
                let opt = self.opt.as_mut().context("not without edns")?;
                match key {
                    "do" => opt.flags |= DO,
                    "ednsflags" => opt.flags |= u16::from_str_radix(value, 16)?,
                    "version" => opt.version = value.parse()?,
                    "ecs" => {
                        let (address, source) = value.split_once('/').context("no prefix")?;
                        opt.options.push((ECS, client_subnet(address.parse()?, source.parse()?)));
                    }
                    "option" => {
                        let (code, data) = value.split_once(':').unwrap_or((value, ""));
                        opt.options.push((code.parse()?, hex(data)?));
                    }
                    _ => bail!("no such word"),
                }
            }
        }
        Ok(())
    }
}

/// An address, or else an alias.
impl From<&str> for Record {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Alias(text.to_owned()), Self::Address)
    }
}

fn words<const N: usize>(words: [u16; N]) -> Vec<u8> {
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    [&words([code, length(data)]), data].concat()
}

fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expect: &str) {
        assert_eq!(query.parse::<Query>().unwrap().bytes(), hex(expect).unwrap());
    }

    #[test]
    fn queries_are_in_wire_form() {
        check("a A", "1234 0000 0001 0000 0000 0000 01 61 00 0001 0001");
        check("A.b AAAA rd class=3", "1234 0100 0001 0000 0000 0000 01 41 01 62 00 001c 0003");
        check(r". TYPE65535 qr opcode=2 rcode=3 tail=ff", "1234 9003 0001 0000 0000 0000 00 ffff 0001 ff");
        check(r"a\000 A counts=2,3,4,5 id=1", "0001 0000 0002 0003 0004 0005 02 61 00 00 0001 0001");
        check(
            "a A edns=512 do ednsflags=41",
            "1234 0000 0001 0000 0000 0001 01 61 00 0001 0001 00 0029 0200 0000 8041 0000",
        );
        check(
            "a A edns version=1 ecs=10.0.0.0/9 option=10:aabb",
            "1234 0000 0001 0000 0000 0001 01 61 00 0001 0001
             00 0029 1000 0001 0000 0010 0008 0006 0001 09 00 0a00 000a 0002 aabb",
        );
    }

    #[test]
    fn answers_are_in_wire_form() {
        let query: Query = "A A rd ad edns ecs=10.0.0.0/8 option=10:aabb".parse().unwrap();
        let expect = "1234 8500 0001 0002 0000 0001 01 41 00 0001 0001
            c00c 0001 0001 0000001e 0004 0a000001 c00c 0005 0001 0000001e 0003 016200
            00 0029 04d0 0000 0000 0009 0008 0005 0001 08 0c 0a";
        assert_eq!(query.answer(&["10.0.0.1".into(), "b".into()], 12), hex(expect).unwrap());
    }
}
