//! Writes an expected answer, given in words, as bytes. Nothing here shares code with the writer that it judges.
//!
//! An owner is a pointer when the name, or a longer one that ends with it, was written before: as QNAME, as an owner, or
//! as the target of an NS or CNAME record. Names in the data of a record are written in full, which every reader of every
//! type understands (RFC 3597 section 4).

use std::net::IpAddr;

use anyhow::{Context as _, bail, ensure};
use gtm_tests::Query;
use gtm_tests::query::{FLAGS, client_subnet, hex, type_number, wire};

const RCODES: &[(&str, u16)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("BADVERS", 16),
];
const SECTIONS: [&str; 3] = ["answer", "authority", "additional"];
/// A response, and what else of the flags the words do not say: the opcode.
const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;

/// The answer to the query. The first line names the response code and the flags beside QR, each of the others is
///
/// - `answer`, `authority` or `additional`, and a record: owner, TTL, type and data. Names and numbers stand as in a zone
///   file, TXT is one string up to the end of the line, and what is not listed in [`data`] is hexadecimal;
/// - `opt`, with `do`, `ecs=ADDRESS/SOURCE/SCOPE`, `option=CODE:HEX`.
pub(crate) fn bytes(query: &Query, text: &str) -> anyhow::Result<Vec<u8>> {
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let rcode = number(RCODES, words.next().context("no response code")?)?;
    let mut flags = RESPONSE | (query.flags & OPCODE) | (rcode & 0xf);
    for word in words {
        flags |= number(FLAGS, word)?;
    }
    let mut message = Message { bytes: vec![0; 12], anchors: Vec::new() };
    message.name(&query.qname);
    message.words([query.qtype, query.qclass]);
    let mut counts = [0_u16; SECTIONS.len()];
    let mut section = 0;
    for line in lines {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if word == "opt" {
            section = SECTIONS.len() - 1;
            message.opt(rcode, rest)?;
        } else {
            let at = SECTIONS.iter().position(|name| *name == word).with_context(|| format!("{word:?}"))?;
            ensure!(at >= section, "{word} behind {}", SECTIONS[section]);
            section = at;
            message.record(rest.trim()).with_context(|| format!("{rest:?}"))?;
        }
        counts[section] += 1;
    }
    let header = [query.id, flags, 1, counts[0], counts[1], counts[2]];
    message.bytes.splice(..12, header.into_iter().flat_map(u16::to_be_bytes));
    Ok(message.bytes)
}

/// A message in the making.
struct Message {
    bytes: Vec<u8>,
    /// Names that can be pointed at, lower-cased, and where they begin.
    anchors: Vec<(usize, Vec<u8>)>,
}

impl Message {
    fn words<const N: usize>(&mut self, words: [u16; N]) {
        self.bytes.extend(words.into_iter().flat_map(u16::to_be_bytes));
    }

    /// Writes a name in full.
    fn name(&mut self, name: &[u8]) {
        self.anchors.push((self.bytes.len(), name.to_ascii_lowercase()));
        self.bytes.extend(name);
    }

    fn owner(&mut self, name: &[u8]) -> anyhow::Result<()> {
        let wanted = name.to_ascii_lowercase();
        for (start, anchor) in &self.anchors {
            let mut at = 0;
            while at < anchor.len() {
                if anchor[at..] == wanted {
                    self.words([0xc000 | u16::try_from(start + at)?]);
                    return Ok(());
                }
                at += 1 + usize::from(anchor[at]);
            }
        }
        self.name(name);
        Ok(())
    }

    /// Owner, TTL, type, data.
    fn record(&mut self, text: &str) -> anyhow::Result<()> {
        let mut words = text.splitn(4, ' ');
        let mut next = || words.next().context("owner, TTL, type, data");
        let (owner, ttl, rtype, text) = (next()?, next()?, next()?, next()?);
        let data = data(rtype, text)?;
        self.owner(&wire(owner)?)?;
        self.words([type_number(rtype)?, 1]);
        self.bytes.extend(ttl.parse::<u32>()?.to_be_bytes());
        self.words([u16::try_from(data.len())?]);
        match rtype {
            "NS" | "CNAME" => self.name(&data),
            _ => self.bytes.extend(data),
        }
        Ok(())
    }

    fn opt(&mut self, rcode: u16, text: &str) -> anyhow::Result<()> {
        let (mut flags, mut options) = (0, Vec::new());
        for word in text.split_whitespace() {
            let (code, data) = match word.split_once('=') {
                None if word == "do" => {
                    flags = 0x8000;
                    continue;
                }
                Some(("ecs", prefix)) => {
                    let parts: Vec<_> = prefix.split('/').collect();
                    let [address, source, scope] = parts[..] else { bail!("{word:?}") };
                    let mut data = client_subnet(address.parse()?, source.parse()?);
                    data[3] = scope.parse()?;
                    (8, data)
                }
                Some(("option", option)) => {
                    let (code, data) = option.split_once(':').context("no data")?;
                    (code.parse()?, hex(data)?)
                }
                _ => bail!("no such word: {word:?}"),
            };
            options.push((code, data));
        }
        let length: usize = options.iter().map(|(_, data)| 4 + data.len()).sum();
        self.bytes.push(0);
        self.words([41, 1232, rcode >> 4 << 8, flags, u16::try_from(length)?]);
        for (code, data) in options {
            self.words([code, u16::try_from(data.len())?]);
            self.bytes.extend(data);
        }
        Ok(())
    }
}

/// The data of a record.
fn data(rtype: &str, text: &str) -> anyhow::Result<Vec<u8>> {
    let words: Vec<_> = text.split_whitespace().collect();
    Ok(match (rtype, &words[..]) {
        ("A" | "AAAA", [address]) => match address.parse()? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        ("NS" | "CNAME" | "DNAME" | "PTR", [name]) => wire(name)?,
        ("MX", [preference, name]) => [&preference.parse::<u16>()?.to_be_bytes()[..], &wire(name)?].concat(),
        ("SOA", [server, mailbox, numbers @ ..]) => {
            let mut data = [wire(server)?, wire(mailbox)?].concat();
            for number in numbers {
                data.extend(number.parse::<u32>()?.to_be_bytes());
            }
            data
        }
        ("TXT", _) => [&[u8::try_from(text.len())?], text.as_bytes()].concat(),
        _ => hex(text)?,
    })
}

fn number(known: &[(&str, u16)], word: &str) -> anyhow::Result<u16> {
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, number)| *number).with_context(|| format!("no such word: {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, answer: &str, expect: &str) {
        assert_eq!(bytes(&query.parse().unwrap(), answer).unwrap(), hex(expect).unwrap(), "{answer}");
    }

    #[test]
    fn answers_are_in_wire_form() {
        check("a A rd", "REFUSED rd", "1234 8105 0001 0000 0000 0000 01 61 00 0001 0001");
        check("a A opcode=4", "NOTIMP", "1234 a004 0001 0000 0000 0000 01 61 00 0001 0001");
        check(
            "x.a TXT edns",
            "BADVERS aa tc\nauthority a 1 SOA n.a m 1 2 3 4 5\nopt do ecs=10.0.0.0/8/9 option=3:ff",
            "1234 8600 0001 0000 0001 0001  01 78 01 61 00 0010 0001
             c00e 0006 0001 00000001 001c  016e 0161 00 016d 00  00000001 00000002 00000003 00000004 00000005
             00 0029 04d0 0100 8000 000e  0008 0005 0001 08 09 0a  0003 0001 ff",
        );
        check(
            "B.a MX",
            "NOERROR\nanswer b.A 7 MX 10 c\nauthority a 8 NS d.B\nadditional d.b 9 AAAA ::1\nadditional e.b 9 A 10.0.0.1",
            "1234 8000 0001 0001 0001 0002  01 42 01 61 00 000f 0001
             c00c 000f 0001 00000007 0005  000a 0163 00
             c00e 0002 0001 00000008 0005  0164 0142 00
             c032 001c 0001 00000009 0010  00000000000000000000000000000001
             0165 0162 00 0001 0001 00000009 0004  0a000001",
        );
        check(
            "a TXT",
            "NOERROR aa\nanswer a 1 TXT b c\nanswer a 1 CAA 00 01 ff\nanswer a 2 TYPE65280 aa bb",
            "1234 8400 0001 0003 0000 0000  01 61 00 0010 0001
             c00c 0010 0001 00000001 0004  03 622063
             c00c 0101 0001 00000001 0003  0001ff
             c00c ff00 0001 00000002 0002  aabb",
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let refused = |answer: &str| bytes(&"a A".parse().unwrap(), answer).unwrap_err().to_string();
        assert_eq!(refused("NONE"), "no such word: \"NONE\"");
        assert_eq!(refused("NOERROR\nopt\nanswer a 1 A 10.0.0.1"), "answer behind additional");
        assert_eq!(refused("NOERROR\nanswer a 1 A"), "\"a 1 A\"");
    }
}
