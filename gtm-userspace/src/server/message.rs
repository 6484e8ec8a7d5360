//! Writes an answer as bytes: header, question as received, records, OPT record; and leaves out what does not fit. It
//! knows nothing of zones: what goes into an answer is decided before.

use gtm_common::query::{Edns, Header, Question};
use gtm_common::wire::{HEADER_LEN, MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, class, flags, rcode, rtype};

use super::opt::Opt;
use super::respond::{Response, Transport};
use crate::config::model::Dns;
use crate::name::Name;
use crate::zone::RecordSet;

/// Compression pointers reach no further than this (RFC 1035 section 4.1.4).
const MAX_POINTER: u16 = 0x3fff;
/// The upper bits that make a length a compression pointer.
const POINTER: u16 = 0xc000;
/// The pointer to the QNAME, right behind the header.
const QNAME: u16 = 0xc00c;
/// The owner of every steered record: a pointer to the QNAME, two bytes.
const STEERED_OWNER_LEN: usize = 2;
/// Type, class, TTL and RDLENGTH of a record.
const RECORD_FIXED_LEN: usize = 10;
/// Room that is taken at first: most answers fit, and allocators have it at hand.
const USUAL_LEN: usize = 512;
/// The bits of a response code that stand in the header; the others go into the OPT record.
pub(super) const HEADER_RCODE: u16 = 0x000f;

/// What an answer says.
#[derive(Debug, Default)]
pub(super) struct Content<'t> {
    pub(super) rcode: u16,
    pub(super) authoritative: bool,
    /// ECS scope of the answer; 0 when it does not depend on the client.
    pub(super) scope: u8,
    /// A code that says more about an error (RFC 8914).
    pub(super) extended_error: Option<u16>,
    pub(super) answer: Vec<Records<'t>>,
    pub(super) authority: Vec<Records<'t>>,
    /// Additional records without which the answer is of no use.
    pub(super) glue: Vec<Records<'t>>,
    /// Additional records that are left out, all of them, where one does not fit.
    pub(super) optional: Vec<Records<'t>>,
}

/// Records of one owner name.
#[derive(Debug)]
pub(super) enum Records<'t> {
    /// A record set of a zone.
    Set { owner: Name, rtype: u16, ttl: u32, set: &'t RecordSet },
    /// A steered answer: records whose owner is a pointer, to the name given here.
    Steered { owner: Name, records: Vec<u8> },
    /// A CNAME record that stands in no file.
    Alias { owner: Name, ttl: u32, target: Name },
    /// What the server says about itself, class CH.
    Identity { owner: Name, text: &'t str },
}

impl Content<'_> {
    /// An answer that has nothing but a response code.
    pub(super) fn error(rcode: u16) -> Self {
        Self { rcode, ..Self::default() }
    }

    /// REFUSED, and the code that says why.
    pub(super) fn refused(extended_error: u16) -> Self {
        Self { extended_error: Some(extended_error), ..Self::error(rcode::REFUSED) }
    }
}

impl<'t> Records<'t> {
    /// A record set with the TTL of its file.
    pub(super) fn set(owner: Name, rtype: u16, set: &'t RecordSet) -> Self {
        Self::Set { owner, rtype, ttl: set.ttl, set }
    }
}

/// Writes the answer, in no more bytes than the transport and the client take.
///
/// What does not fit: first the optional records go, all at once, then every record goes and TC is set. A stream has no larger
/// transport to turn to, so there the answer becomes SERVFAIL.
pub(super) fn encode(
    header: Header,
    question: Option<Question<'_>>,
    edns: Option<Edns<'_>>,
    content: &Content<'_>,
    transport: Transport,
    dns: &Dns,
) -> Response {
    let opt = edns.map(|edns| Opt::new(edns, content, transport, dns));
    let room = limit(edns, transport).saturating_sub(opt.as_ref().map_or(0, Opt::len));
    let mut writer = Writer::new(header.id, question);
    let empty = writer.bytes.len();

    let mut answers = writer.section(&content.answer);
    let mut authorities = writer.section(&content.authority);
    let mut additionals = writer.section(&content.glue);
    let mut response_code = content.rcode;
    let mut truncated = 0;
    if writer.bytes.len() > room {
        writer.bytes.truncate(empty);
        (answers, authorities, additionals) = (0, 0, 0);
        match transport {
            Transport::Udp => truncated = flags::TC,
            Transport::Tcp { .. } => response_code = rcode::SERVFAIL,
        }
    } else {
        let before = writer.bytes.len();
        let added = writer.section(&content.optional);
        if writer.bytes.len() > room {
            writer.bytes.truncate(before);
        } else {
            additionals += added;
        }
    }
    if let Some(opt) = opt {
        opt.write(response_code, &mut writer.bytes);
        additionals += 1;
    }

    let authoritative = if content.authoritative { flags::AA } else { 0 };
    let opcode = header.flags & flags::OPCODE;
    // RD means something in a QUERY alone; other opcodes have a zero there (RFC 2136 section 2.2).
    let recursion_desired = if opcode == 0 { header.flags & flags::RD } else { 0 };
    let flags =
        flags::QR | opcode | recursion_desired | authoritative | truncated | (response_code & HEADER_RCODE);
    let counts = [usize::from(question.is_some()), answers, authorities, additionals];
    Response { bytes: writer.finish(flags, counts), rcode: response_code }
}

/// The most bytes that an answer has.
fn limit(edns: Option<Edns<'_>>, transport: Transport) -> usize {
    usize::from(match transport {
        Transport::Tcp { .. } => u16::MAX,
        Transport::Udp => edns.map_or(MIN_UDP_PAYLOAD, |edns| edns.payload_size.min(MAX_UDP_PAYLOAD)),
    })
}

/// What follows the question, apart from any one query: of every QNAME that it answers the bytes are the same but for some
/// pointers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sections {
    /// Response code; below 16.
    pub rcode: u16,
    /// Whether AA is set.
    pub authoritative: bool,
    /// Records of answer, authority and additional section, and then those that are left out where they do not fit.
    pub counts: [usize; 4],
    /// The records.
    pub bytes: Vec<u8>,
    /// Length of those that are not left out.
    pub len: usize,
    /// Offsets of the compression pointers that lack the length of the QNAME; ascending.
    pub pointers: Vec<usize>,
}

impl Sections {
    /// The sections of an answer to this question, which stands for all the others.
    pub(super) fn new(question: Question<'_>, content: &Content<'_>) -> Self {
        let mut writer = Writer::new(0, Some(question));
        let start = writer.bytes.len();
        let [answers, authorities, additionals] =
            [&content.answer, &content.authority, &content.glue].map(|section| writer.section(section));
        let len = writer.bytes.len() - start;
        let optionals = writer.section(&content.optional);
        let mut bytes = writer.bytes.split_off(start);
        let pointers: Vec<usize> = writer.pointers.iter().map(|place| place - start).collect();
        let name_len = u16::try_from(question.qname.len()).unwrap_or(u16::MAX);
        for pointer in &pointers {
            if let Some(place) = bytes.get_mut(*pointer..).and_then(<[u8]>::first_chunk_mut) {
                *place = u16::from_be_bytes(*place).wrapping_sub(name_len).to_be_bytes();
            }
        }
        Self {
            rcode: content.rcode,
            authoritative: content.authoritative,
            counts: [answers, authorities, additionals, optionals],
            bytes,
            len,
            pointers,
        }
    }
}

/// A message in the making.
struct Writer {
    bytes: Vec<u8>,
    /// Names that were written in full, and where: what later owners point at. After a cut they may point at nothing, so
    /// no record follows a cut.
    anchors: Vec<(u16, Name)>,
    /// Where pointers to anything but the start of the QNAME stand.
    pointers: Vec<usize>,
}

impl Writer {
    /// The header with its flags and counts still zero, and the question.
    fn new(id: u16, question: Option<Question<'_>>) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_LEN);
        bytes.extend(id.to_be_bytes());
        bytes.resize(HEADER_LEN, 0);
        let mut writer = Self { bytes, anchors: Vec::new(), pointers: Vec::new() };
        if let Some(question) = question {
            writer.anchored(question.qname);
            writer.bytes.extend(question.bytes);
        }
        writer
    }

    fn finish(mut self, flags: u16, counts: [usize; 4]) -> Vec<u8> {
        // More records than a count can tell never fit into a message.
        let counts = counts.map(|count| u16::try_from(count).unwrap_or(u16::MAX));
        let fields = std::iter::once(flags).chain(counts).flat_map(u16::to_be_bytes);
        // The id stays as it is.
        for (place, byte) in self.bytes.iter_mut().skip(2).zip(fields) {
            *place = byte;
        }
        self.bytes
    }

    /// Writes a section and says how many records it has.
    fn section(&mut self, section: &[Records<'_>]) -> usize {
        section.iter().map(|records| self.records(records)).sum()
    }

    /// Writes the records and says how many they are.
    fn records(&mut self, records: &Records<'_>) -> usize {
        let mut count = 0;
        match records {
            Records::Set { owner, rtype, ttl, set } => {
                for rdata in &set.rdata {
                    self.record(owner, (*rtype, class::IN), *ttl, rdata);
                    count += 1;
                }
            }
            Records::Alias { owner, ttl, target } => {
                self.record(owner, (rtype::CNAME, class::IN), *ttl, target.as_wire());
                count += 1;
            }
            Records::Identity { owner, text } => {
                // A string of a TXT record: its length was checked when it was read.
                let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
                self.record(owner, (rtype::TXT, class::CH), 0, &[&[length], text.as_bytes()].concat());
                count += 1;
            }
            Records::Steered { owner, records } => {
                for record in SteeredRecords(records) {
                    self.owner(owner);
                    self.bytes.extend(record.fixed);
                    self.rdata(record.rtype, record.rdata);
                    count += 1;
                }
            }
        }
        count
    }

    fn record(&mut self, owner: &Name, (rtype, class): (u16, u16), ttl: u32, rdata: &[u8]) {
        self.owner(owner);
        self.bytes.extend(rtype.to_be_bytes());
        self.bytes.extend(class.to_be_bytes());
        self.bytes.extend(ttl.to_be_bytes());
        // Every RDATA comes out of a 16-bit length: a zone file's is checked when it is loaded.
        self.bytes.extend(u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.rdata(rtype, rdata);
    }

    /// Writes RDATA. Names in it are never compressed, but later owners may point at them.
    fn rdata(&mut self, rtype: u16, rdata: &[u8]) {
        if matches!(rtype, rtype::CNAME | rtype::NS) {
            self.anchored(rdata);
        }
        self.bytes.extend(rdata);
    }

    /// Writes an owner name: a pointer if it was written before, also as the end of a longer name.
    fn owner(&mut self, owner: &Name) {
        let pointer = self.anchors.iter().find_map(|(offset, name)| {
            let skipped = name.as_wire().len().checked_sub(owner.as_wire().len())?;
            let is_end = name.ancestors().any(|ancestor| ancestor == owner.as_wire());
            let target = offset.checked_add(u16::try_from(skipped).ok()?)?;
            (is_end && target <= MAX_POINTER).then_some(POINTER | target)
        });
        if let Some(pointer) = pointer {
            if pointer != QNAME {
                self.pointers.push(self.bytes.len());
            }
            self.bytes.extend(pointer.to_be_bytes());
        } else {
            self.anchored(owner.as_wire());
            self.bytes.extend(owner.as_wire());
        }
    }

    /// Remembers that this name is written next.
    fn anchored(&mut self, wire: &[u8]) {
        if let Ok(offset) = u16::try_from(self.bytes.len())
            && let Ok(name) = Name::from_wire(wire)
        {
            self.anchors.push((offset, name));
        }
    }
}

/// The records of a steered answer.
struct SteeredRecords<'b>(&'b [u8]);

/// One of them.
struct SteeredRecord<'b> {
    /// Type, class, TTL and RDLENGTH as bytes.
    fixed: &'b [u8],
    rtype: u16,
    rdata: &'b [u8],
}

impl<'b> Iterator for SteeredRecords<'b> {
    type Item = SteeredRecord<'b>;

    fn next(&mut self) -> Option<SteeredRecord<'b>> {
        let (_owner, rest) = self.0.split_at_checked(STEERED_OWNER_LEN)?;
        let (fixed, rest) = rest.split_at_checked(RECORD_FIXED_LEN)?;
        let rtype = fixed.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
        let length = fixed.last_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
        let (rdata, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some(SteeredRecord { fixed, rtype, rdata })
    }
}
