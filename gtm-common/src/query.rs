//! Reads one DNS message as a query, borrowed from its bytes, or says how it must be answered instead (RFC 1035, 5001,
//! 6891, 7828, 7871, 9619).
//!
//! It decides form alone: which zones exist and what they answer is not known here. It never panics and reads nothing
//! beyond the message.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::location::{is_client_v4, is_client_v6};
use crate::wire::{HEADER_LEN, MAX_LABEL, MAX_NAME, MIN_UDP_PAYLOAD, edns, flags, rcode, rtype};

/// One well-formed query: opcode QUERY, exactly one question, at most one OPT record of version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The parts of the header that an answer needs.
    pub header: Header,
    /// The question.
    pub question: Question<'a>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
}

/// The parts of the header that an answer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Copied into the answer.
    pub id: u16,
    /// The whole flags word, as received.
    pub flags: u16,
}

/// The question, as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// QNAME, QTYPE and QCLASS: what is echoed byte for byte.
    pub bytes: &'a [u8],
    /// QNAME in uncompressed wire form, root label included, in the letter case of the client.
    pub qname: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
}

/// What the OPT record says (RFC 6891 section 6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns<'a> {
    /// UDP payload size of the client, at least 512 (section 6.2.3).
    pub payload_size: u16,
    /// Version of the client; 0 in every [`Query`].
    pub version: u8,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
    /// The client subnet option, well-formed.
    pub ecs: Option<Ecs<'a>>,
    /// The name server identifier is asked for (RFC 5001).
    pub nsid: bool,
    /// The idle timeout of a connection is asked for (RFC 7828).
    pub keepalive: bool,
}

/// A well-formed client subnet option of a query (RFC 7871 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ecs<'a> {
    /// 1 is IPv4, 2 is IPv6. 0 only with source length 0: some clients opt out without naming a family.
    pub family: u16,
    /// SOURCE PREFIX-LENGTH: 0 to 32 or 128.
    pub source: u8,
    /// ADDRESS as received: as many bytes as the source length needs, the bits beyond it zero.
    pub address: &'a [u8],
}

/// Why a message is not a [`Query`], and so what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// Never answered: shorter than a header, or itself a response.
    Drop,
    /// Answered with an error.
    Reject(Reject<'a>),
}

/// An answer that only tells the error, with as much of the query as could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject<'a> {
    /// The parts of the header that an answer needs.
    pub header: Header,
    /// FORMERR, NOTIMP or BADVERS.
    pub rcode: u16,
    /// The question, if there is exactly one that can be read.
    pub question: Option<Question<'a>>,
    /// The OPT record, if one was read; without what its options say.
    pub edns: Option<Edns<'a>>,
}

impl<'a> Query<'a> {
    /// Reads a whole message. A client subnet is an option that nobody knows unless `heeds_ecs`.
    ///
    /// - a response, or shorter than a header: dropped;
    /// - opcode not QUERY: NOTIMP, with the question and OPT record where they can be read;
    /// - not exactly one question (RFC 9619), a compressed QNAME, records in the answer section, records in the
    ///   authority section of anything but IXFR, an OPT record that is not alone or not at the root, bytes after the
    ///   last record: FORMERR. Other additional records (TSIG, SIG(0)) are walked over: an unsigned answer is all that
    ///   a server without keys can give.
    /// - EDNS version above 0: BADVERS, whatever its options (RFC 6891 section 6.1.3);
    /// - options that overrun the record, a malformed or second client subnet, one of an unknown family (RFC 7871
    ///   section 7.2.1): FORMERR with an OPT record (RFC 6891 section 7). Options that are known by their code alone may
    ///   have any data and come more than once.
    pub fn parse(message: &'a [u8], heeds_ecs: bool) -> Result<Self, ParseError<'a>> {
        let mut reader = Reader(message);
        let (header, counts) = reader.header().ok_or(ParseError::Drop)?;
        if header.flags & flags::QR != 0 {
            return Err(ParseError::Drop);
        }
        let mut reject = Reject { header, rcode: rcode::FORMERR, question: None, edns: None };
        let is_query = header.flags & flags::OPCODE == 0;
        if !is_query {
            reject.rcode = rcode::NOTIMP;
        }
        if counts.questions > 1 {
            return Err(ParseError::Reject(reject));
        }
        if counts.questions == 1 {
            reject.question = Some(reader.question().ok_or(ParseError::Reject(reject))?);
        }

        let mut opt = None;
        let walked = reader.records(counts, &mut opt);
        reject.edns = opt.map(|opt| opt.edns);
        // An OPT record is answered with one, also where there is no question (RFC 6891 section 6.1.1).
        let question = reject.question.ok_or(ParseError::Reject(reject))?;
        let authority_allowed = question.qtype == rtype::IXFR;
        let sections_fit = counts.answers == 0 && (counts.authorities == 0 || authority_allowed);
        if !is_query || walked.is_none() || !sections_fit || !reader.0.is_empty() {
            return Err(ParseError::Reject(reject));
        }
        let Some(opt) = opt else {
            return Ok(Self { header, question, edns: None });
        };
        if opt.edns.version != edns::VERSION {
            return Err(ParseError::Reject(Reject { rcode: rcode::BADVERS, ..reject }));
        }
        let edns = opt.read(heeds_ecs).ok_or(ParseError::Reject(reject))?;
        Ok(Self { header, question, edns: Some(edns) })
    }
}

impl Ecs<'_> {
    /// The client this option speaks for: the first address of its prefix. `None` when it tells nothing: the source
    /// length is 0, or nobody on the Internet has the address.
    pub fn client(&self) -> Option<IpAddr> {
        if self.source == 0 {
            return None;
        }
        if self.family == edns::FAMILY_IPV4 {
            let address = Ipv4Addr::from_octets(padded(self.address)?);
            is_client_v4(address.to_bits()).then_some(IpAddr::V4(address))
        } else {
            let octets = padded::<16>(self.address)?;
            let high = u64::from_be_bytes(*octets.first_chunk()?);
            let low = u64::from_be_bytes(*octets.last_chunk()?);
            is_client_v6(high, low).then_some(IpAddr::V6(Ipv6Addr::from_octets(octets)))
        }
    }
}

/// The bytes with zeros after them, `N` in all; `None` when there are more.
fn padded<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut padded = [0; N];
    padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(padded)
}

/// The number of records in each section.
#[derive(Clone, Copy)]
struct Counts {
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

/// An OPT record whose options are not read yet.
#[derive(Clone, Copy)]
struct Opt<'a> {
    edns: Edns<'a>,
    options: &'a [u8],
}

impl<'a> Opt<'a> {
    /// Reads the options; `None` when they are malformed.
    fn read(self, heeds_ecs: bool) -> Option<Edns<'a>> {
        let mut edns = self.edns;
        let mut reader = Reader(self.options);
        while !reader.0.is_empty() {
            let (code, data) = reader.option()?;
            if code == edns::ECS && heeds_ecs && edns.ecs.replace(read_ecs(data)?).is_some() {
                return None;
            }
            edns.nsid |= code == edns::NSID;
            edns.keepalive |= code == edns::KEEPALIVE;
        }
        Some(edns)
    }
}

/// What is left to read of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn header(&mut self) -> Option<(Header, Counts)> {
        let mut fields = Reader(self.take(HEADER_LEN)?);
        let header = Header { id: fields.u16()?, flags: fields.u16()? };
        let counts = Counts {
            questions: fields.u16()?,
            answers: fields.u16()?,
            authorities: fields.u16()?,
            additionals: fields.u16()?,
        };
        Some((header, counts))
    }

    fn question(&mut self) -> Option<Question<'a>> {
        let start = self.0;
        if self.name()? == NameForm::Compressed {
            return None;
        }
        let qname = start.get(..start.len().checked_sub(self.0.len())?)?;
        if qname.len() > MAX_NAME {
            return None;
        }
        let (qtype, qclass) = (self.u16()?, self.u16()?);
        let bytes = start.get(..start.len().checked_sub(self.0.len())?)?;
        Some(Question { bytes, qname, qtype, qclass })
    }

    /// Walks over a name; what a compression pointer points at is not looked at.
    fn name(&mut self) -> Option<NameForm> {
        loop {
            let length = self.u8()?;
            if length == 0 {
                return Some(NameForm::Plain);
            }
            if length >= 0xc0 {
                self.u8()?;
                return Some(NameForm::Compressed);
            }
            if usize::from(length) > MAX_LABEL {
                return None;
            }
            self.take(usize::from(length))?;
        }
    }

    /// One option: its code and data.
    fn option(&mut self) -> Option<(u16, &'a [u8])> {
        let (code, length) = (self.u16()?, self.u16()?);
        Some((code, self.take(usize::from(length))?))
    }

    /// Walks over the three sections of records and finds the OPT record on the way.
    fn records(&mut self, counts: Counts, opt: &mut Option<Opt<'a>>) -> Option<()> {
        let before = u32::from(counts.answers) + u32::from(counts.authorities);
        // Each step takes bytes away, so the length of the message bounds the loop, not what the counts claim.
        for index in 0..before + u32::from(counts.additionals) {
            let is_root = self.0.first() == Some(&0);
            self.name()?;
            let (rtype, class) = (self.u16()?, self.u16()?);
            let (_extended_rcode, version, ttl_flags) = (self.u8()?, self.u8()?, self.u16()?);
            let length = self.u16()?;
            let rdata = self.take(usize::from(length))?;
            if rtype == rtype::OPT {
                if opt.is_some() || !is_root || index < before {
                    return None;
                }
                let edns = Edns {
                    payload_size: class.max(MIN_UDP_PAYLOAD),
                    version,
                    dnssec_ok: ttl_flags & edns::DO != 0,
                    ecs: None,
                    nsid: false,
                    keepalive: false,
                };
                *opt = Some(Opt { edns, options: rdata });
            }
        }
        Some(())
    }
}

/// How a name ends.
#[derive(PartialEq, Eq)]
enum NameForm {
    /// With the root label.
    Plain,
    /// With a compression pointer.
    Compressed,
}

/// Reads a client subnet; `None` when it is malformed for a query.
fn read_ecs(data: &[u8]) -> Option<Ecs<'_>> {
    let mut reader = Reader(data);
    let (family, source, scope) = (reader.u16()?, reader.u8()?, reader.u8()?);
    let address = reader.0;
    let longest = match family {
        0 => 0,
        edns::FAMILY_IPV4 => 32,
        edns::FAMILY_IPV6 => 128,
        _ => return None,
    };
    if scope != 0 || source > longest || address.len() != usize::from(source).div_ceil(8) {
        return None;
    }
    let spare_bits = match source % 8 {
        0 => 0,
        used => 0xff_u8 >> used,
    };
    let spare = address.last().copied().unwrap_or(0) & spare_bits;
    (spare == 0).then_some(Ecs { family, source, address })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// Bytes from hexadecimal; spaces are for the reader.
    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn describe_edns(edns: Option<Edns<'_>>) -> String {
        edns.map_or(String::new(), |edns| {
            let dnssec_ok = if edns.dnssec_ok { " do" } else { "" };
            let ecs = edns.ecs.map_or(String::new(), |ecs| match ecs.client() {
                Some(client) => format!(" ecs {client}/{}", ecs.source),
                None => format!(" ecs family {}/{}", ecs.family, ecs.source),
            });
            let nsid = if edns.nsid { " nsid" } else { "" };
            let keepalive = if edns.keepalive { " keepalive" } else { "" };
            format!(" edns {}{dnssec_ok}{ecs}{nsid}{keepalive}", edns.payload_size)
        })
    }

    fn describe(message: &[u8], heeds_ecs: bool) -> String {
        match Query::parse(message, heeds_ecs) {
            Ok(query) => format!("type {}{}", query.question.qtype, describe_edns(query.edns)),
            Err(ParseError::Drop) => "drop".into(),
            Err(ParseError::Reject(reject)) => {
                let question = if reject.question.is_some() { " question" } else { "" };
                format!("rcode {}{question}{}", reject.rcode, describe_edns(reject.edns))
            }
        }
    }

    #[track_caller]
    fn check(message: &str, expect: &str) {
        assert_eq!(describe(&hex(message), true), expect);
    }

    /// What a query for `a. A IN` means, its additional section being one OPT record with these options.
    #[track_caller]
    fn check_options(options: &str, expect: &str) {
        assert_eq!(describe(&with_options(options), true), expect, "{options}");
    }

    /// The same from a sender whose client subnets are not heeded.
    #[track_caller]
    fn check_untrusted_options(options: &str, expect: &str) {
        assert_eq!(describe(&with_options(options), false), expect, "{options}");
    }

    fn with_options(options: &str) -> Vec<u8> {
        let options = hex(options);
        let mut message = hex("0001 0000 0001 0000 0000 0001 0161 00 0001 0001 00 0029 1000 00000000");
        message.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        message.extend(options);
        message
    }

    #[test]
    fn header_and_question() {
        check("", "drop");
        check("0001 0000 0001 0000 0000 00", "drop");
        check("0001 8000 0001 0000 0000 0000 0161 00 0001 0001", "drop");
        check("0001 0100 0001 0000 0000 0000 0161 00 0001 0001", "type 1");
        check("0001 0000 0001 0000 0000 0000 00 0002 0001", "type 2");
        check("0001 0000 0000 0000 0000 0000", "rcode 1");
        check("0001 0000 0002 0000 0000 0000 0161 00 0001 0001 0161 00 0001 0001", "rcode 1");
        check("0001 0000 0001 0000 0000 0000", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 0161", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 0161 00 0001 00", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 c00c 0001 0001", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 0161 c00c 0001 0001", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 4061 00 0001 0001", "rcode 1");
        check("0001 0000 0001 0000 0000 0000 0161 00 0001 0001 00", "rcode 1 question");
    }

    #[test]
    fn other_opcodes_are_not_implemented() {
        check("0001 2000 0001 0000 0000 0000 0161 00 0001 0001", "rcode 4 question");
        check("0001 2800 0000 0000 0000 0000", "rcode 4");
        check("0001 2800 0001 0000 0000 0000 c00c", "rcode 4");
        check(
            "0001 2000 0001 0000 0000 0001 0161 00 0001 0001 00 0029 1000 00000000 0000",
            "rcode 4 question edns 4096",
        );
        check("0001 2000 0001 0000 0000 0001 0161 00 0001 0001 00", "rcode 4 question");
    }

    #[test]
    fn name_is_at_most_255_bytes() {
        for (last, expect) in [(61_u8, "type 1"), (62, "rcode 1")] {
            let mut message = hex("0001 0000 0001 0000 0000 0000");
            for length in [63, 63, 63, last] {
                message.push(length);
                message.extend(std::iter::repeat_n(b'x', usize::from(length)));
            }
            message.extend(hex("00 0001 0001"));
            assert_eq!(describe(&message, true), expect, "last label of {last} bytes");
        }
    }

    #[test]
    fn sections() {
        let a_record = "0161 00 0001 0001 00000000 0004 01020304";
        let opt = "00 0029 0200 00000000 0000";
        let tsig = "0161 00 00fa 00ff 00000000 0000";
        let case = |counts: &str, qtype: &str, records: &[&str]| {
            format!("0001 0000 0001 {counts} 0161 00 {qtype} 0001 {}", records.concat())
        };
        check(&case("0001 0000 0000", "0001", &[a_record]), "rcode 1 question");
        check(&case("0000 0001 0000", "0001", &[a_record]), "rcode 1 question");
        check(&case("0000 0001 0000", "00fb", &[a_record]), "type 251");
        check(&case("0000 0000 0001", "0001", &[a_record]), "type 1");
        check(&case("0000 0000 0002", "0001", &[opt, tsig]), "type 1 edns 512");
        check(&case("0000 0000 0002", "0001", &[opt, opt]), "rcode 1 question edns 512");
        check(&case("0000 0001 0000", "00fb", &[opt]), "rcode 1 question");
        check(&case("0000 0000 0001", "0001", &["0161 00 0029 0200 00000000 0000"]), "rcode 1 question");
        check(&case("0000 0000 0001", "0001", &["c00c 0010 0001 00000000 0000"]), "type 1");
        check(&case("0000 0000 0002", "0001", &[opt]), "rcode 1 question edns 512");
        check(&case("0000 0000 0001", "0001", &["00 0029 0200 00000000 0001"]), "rcode 1 question");
        check(&case("0000 0000 ffff", "0001", &[]), "rcode 1 question");
    }

    #[test]
    fn opt_fields() {
        let case = |opt: &str| format!("0001 0000 0001 0000 0000 0001 0161 00 0001 0001 00 0029 {opt}");
        check(&case("04d0 0000 8000 0000"), "type 1 edns 1232 do");
        check(&case("0000 0000 7fff 0000"), "type 1 edns 512");
        check(&case("ffff ff00 0000 0000"), "type 1 edns 65535");
        check(&case("1000 0001 0000 0000"), "rcode 16 question edns 4096");
        check(&case("1000 0001 0000 0003 000000"), "rcode 16 question edns 4096");
    }

    #[test]
    fn options() {
        check_options("000a 0008 0011223344556677", "type 1 edns 4096");
        check_options("000a 0000", "type 1 edns 4096");
        check_options("000a 0001", "rcode 1 question edns 4096");
        check_options("000a 00", "rcode 1 question edns 4096");
    }

    #[test]
    fn options_known_by_their_code() {
        check_options("0003 0000", "type 1 edns 4096 nsid");
        check_options("0003 0002 aabb 0003 0000", "type 1 edns 4096 nsid");
        check_options("000b 0000 0003 0000", "type 1 edns 4096 nsid keepalive");
        check_options("000b 0002 0064", "type 1 edns 4096 keepalive");
        check_options("0003 0001", "rcode 1 question edns 4096");
        check_options("0003 0000 0008 0003 0001 18", "rcode 1 question edns 4096");
        check_options("0008 0007 0001 18 00 c00002 0003 0000", "type 1 edns 4096 ecs 192.0.2.0/24 nsid");
    }

    #[test]
    fn client_subnets_of_untrusted_senders_are_unknown_options() {
        check_untrusted_options("0008 0007 0001 18 00 c00002", "type 1 edns 4096");
        check_untrusted_options("0008 0003 0001 00 0003 0000", "type 1 edns 4096 nsid");
        check_untrusted_options("0008 0004 0001 00 00 0008 0004 0001 00 00", "type 1 edns 4096");
        check_untrusted_options("0008 0007 0001 18 00 c000", "rcode 1 question edns 4096");
    }

    #[test]
    fn client_subnet() {
        check_options("0008 0007 0001 18 00 c00002", "type 1 edns 4096 ecs 192.0.2.0/24");
        check_options("0008 0008 0001 20 00 c0000201", "type 1 edns 4096 ecs 192.0.2.1/32");
        check_options("0008 0007 0001 17 00 c00002", "type 1 edns 4096 ecs 192.0.2.0/23");
        check_options("0008 0006 0001 09 00 c080", "type 1 edns 4096 ecs 192.128.0.0/9");
        check_options("0008 000b 0002 38 00 20010db8000001", "type 1 edns 4096 ecs 2001:db8:0:100::/56");
        check_options("0008 0004 0001 00 00", "type 1 edns 4096 ecs family 1/0");
        check_options("0008 0004 0002 00 00", "type 1 edns 4096 ecs family 2/0");
        check_options("0008 0004 0000 00 00", "type 1 edns 4096 ecs family 0/0");
        check_options("000a 0000 0008 0005 0001 08 00 c6 000c 0000", "type 1 edns 4096 ecs 198.0.0.0/8");
        check_options("0008 0005 0001 08 00 0a", "type 1 edns 4096 ecs family 1/8");
        check_options("0008 000a 0002 30 00 fe8000000000", "type 1 edns 4096 ecs family 2/48");
        check_options("0008 0005 0002 01 00 00", "type 1 edns 4096 ecs family 2/1");
        for bad in [
            "0008 0003 0001 00",                                        // cut short
            "0008 0007 0001 18 08 c00002",                              // scope in a query
            "0008 0009 0001 21 00 c000020100",                          // longer than an address
            "0008 0015 0002 81 00 20010db8000000000000000000000000 00", // the same, IPv6
            "0008 0006 0001 18 00 c000",                                // too few bytes
            "0008 0008 0001 18 00 c0000200",                            // too many bytes
            "0008 0005 0001 00 00 00",                                  // bytes although the length is 0
            "0008 0007 0001 17 00 c00003",                              // bits beyond the prefix
            "0008 0005 0000 08 00 0a",                                  // no family but an address
            "0008 0005 0003 08 00 0a",                                  // unknown family
            "0008 0004 0001 00 00 0008 0004 0001 00 00",                // two of them
        ] {
            check_options(bad, "rcode 1 question edns 4096");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(message in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(query) = Query::parse(&message, true) {
                prop_assert!(query.question.qname.len() <= MAX_NAME);
                prop_assert!(message.get(HEADER_LEN..).is_some_and(|rest| rest.starts_with(query.question.bytes)));
            }
        }

        #[test]
        fn changed_queries_never_panic(position in 0_usize..60, byte in any::<u8>(), length in 0_usize..=60) {
            let mut message =
                hex("0001 0000 0001 0000 0000 0001 0377 7777 0765 7861 6d70 6c65 00 0001 0001
                     00 0029 1000 00000000 000b 0008 0007 0001 18 00 c00002");
            if let Some(place) = message.get_mut(position) {
                *place = byte;
            }
            message.truncate(length);
            let shorter = Query::parse(&message, true);
            if let Ok(query) = shorter {
                prop_assert!(query.edns.is_none_or(|edns| edns.version == 0 && edns.payload_size >= 512));
            }
        }
    }
}
