//! The OPT record of a query and its client subnet option (RFC 6891, RFC 7871).

use gtm_common::abi::PerCpu;
use gtm_common::counters::Outcome;
use gtm_common::location::{is_client_v4, is_client_v6};
use gtm_common::wire::{MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, edns, rcode, rtype};

use crate::frame::{Frame, OFFSET_MASK};
use crate::packet::{Packet, Window};
use crate::question::Question;
use crate::tables::{self, forget, forget_bool};

/// Options that are looked through before the packet is passed up.
const MAX_OPTIONS: usize = 8;
/// Length of an option's code and length.
pub(crate) const OPTION_HEAD: usize = 4;
/// Length of a client subnet option before its address: code, length, family and two prefix lengths.
pub(crate) const ECS_HEAD: usize = 8;

/// What the query's OPT record says; without one, the defaults of RFC 1035.
#[derive(Clone, Copy)]
pub(crate) struct Edns {
    /// True when there is an OPT record: the answer has one then.
    pub(crate) present: bool,
    /// True when DNSSEC records are welcome.
    pub(crate) dnssec_ok: bool,
    /// Largest answer in bytes.
    pub(crate) limit: usize,
    /// BADVERS or FORMERR, and nothing is told below; else NOERROR.
    pub(crate) rcode: u16,
    /// True when there is a client subnet option and it is heeded.
    pub(crate) has_ecs: bool,
    /// That option.
    pub(crate) ecs: Ecs,
    /// True when the name server identifier is asked for.
    pub(crate) nsid: bool,
}

impl Edns {
    /// What holds without an OPT record.
    pub(crate) const NONE: Self = Self {
        present: false,
        dnssec_ok: false,
        limit: MIN_UDP_PAYLOAD as usize,
        rcode: rcode::NOERROR,
        has_ecs: false,
        ecs: Ecs { family: 0, source: 0, address_len: 0, high: 0, low: 0 },
        nsid: false,
    };
}

/// A well-formed client subnet option of a query.
#[derive(Clone, Copy)]
pub(crate) struct Ecs {
    /// [`edns::FAMILY_IPV4`], [`edns::FAMILY_IPV6`], or 0 without an address.
    pub(crate) family: u16,
    /// Source prefix length in bits.
    pub(crate) source: u8,
    /// Bytes of address in the option.
    pub(crate) address_len: usize,
    /// The address from the top: upper 64 bits; an IPv4 address is in the upper half of these.
    pub(crate) high: u64,
    /// The address: lower 64 bits.
    pub(crate) low: u64,
}

impl Ecs {
    /// False when the option tells nothing: no bits of an address, or one that nobody on the Internet has.
    #[inline(always)]
    pub(crate) fn tells_client(&self) -> bool {
        self.source > 0
            && if self.family == edns::FAMILY_IPV4 {
                is_client_v4((self.high >> 32) as u32)
            } else {
                is_client_v6(self.high, self.low)
            }
    }
}

/// Reads what follows the question, but for the options of an OPT record; and whether there are some to read.
#[inline(always)]
pub(crate) fn parse(packet: Packet, frame: &Frame, question: &Question) -> Result<(Edns, bool), Outcome> {
    let bad = Outcome::PassedBadEdns;
    let mut parsed = Edns::NONE;
    if question.count == 0 {
        return Ok((parsed, false));
    }
    let (opt, end) = (question.end, frame.end);
    if !question.has_additional {
        return if opt == end { Ok((parsed, false)) } else { Err(bad) };
    }
    let record: Window<{ edns::OPT_LEN }> = packet.window(opt).ok_or(bad)?;
    // Root owner and type; payload size; extended RCODE, version; flags; length of the options.
    let [root, type0, type1, size0, size1, _, version, flags0] = record.load::<u64, 0>().to_ne_bytes();
    if root != 0 || [type0, type1] != rtype::OPT.to_be_bytes() {
        return Err(bad);
    }
    let payload = u16::from_be_bytes([size0, size1]);
    parsed.present = true;
    parsed.limit = usize::from(payload.clamp(MIN_UDP_PAYLOAD, MAX_UDP_PAYLOAD));
    parsed.dnssec_ok = u16::from_be_bytes([flags0, 0]) & edns::DO != 0;
    let options_len = usize::from(u16::from_be(record.load::<u16, 9>()));
    if opt + edns::OPT_LEN + options_len != end {
        return Err(bad);
    }
    // Version and options change nothing of an error before, nor the options of one of the version.
    if question.rcode != rcode::NOERROR {
        return Ok((parsed, false));
    }
    if version != edns::VERSION {
        return Ok((Edns { rcode: rcode::BADVERS, ..parsed }, false));
    }
    Ok((parsed, options_len > 0))
}

/// Reads the options behind an OPT record of which the rest is read.
#[inline(always)]
pub(crate) fn parse_options(
    packet: Packet,
    frame: &Frame,
    question: &Question,
    parsed: &mut Edns,
    cpu: *const PerCpu,
) -> Result<(), Outcome> {
    let bad = Outcome::PassedBadEdns;
    // The masks take nothing away; the verifier knows nothing of what was kept.
    let (mut at, end) = ((question.end & OFFSET_MASK) + edns::OPT_LEN, frame.end & OFFSET_MASK);
    let heeds_ecs = tables::heeds_ecs(frame.sender);
    let malformed =
        |parsed: &mut Edns| *parsed = Edns { rcode: rcode::FORMERR, has_ecs: false, nsid: false, ..*parsed };
    for _ in 0..MAX_OPTIONS {
        if at == end {
            return Ok(());
        }
        if at + OPTION_HEAD > end {
            return Ok(malformed(parsed));
        }
        let code = u16::from_be(packet.load(at).ok_or(bad)?);
        let len = usize::from(u16::from_be(packet.load(at + 2).ok_or(bad)?));
        if at + OPTION_HEAD + len > end {
            return Ok(malformed(parsed));
        }
        if code == edns::NSID {
            parsed.nsid = true;
        }
        if code == edns::ECS && heeds_ecs {
            if parsed.has_ecs {
                return Ok(malformed(parsed));
            }
            match parse_ecs(packet, at, len, cpu) {
                Some(ecs) => parsed.ecs = ecs,
                None => return Ok(malformed(parsed)),
            }
            parsed.has_ecs = true;
        }
        parsed.has_ecs = forget_bool(cpu, parsed.has_ecs);
        parsed.nsid = forget_bool(cpu, parsed.nsid);
        at = forget(cpu, at + OPTION_HEAD + len, OFFSET_MASK);
    }
    if at == end { Ok(()) } else { Err(Outcome::PassedManyOptions) }
}

/// Reads one client subnet option: known family, scope zero, just the bytes of the prefix, the bits after it zero.
#[inline(always)]
fn parse_ecs(packet: Packet, at: usize, len: usize, cpu: *const PerCpu) -> Option<Ecs> {
    let family = u16::from_be(packet.load(at + 4)?);
    let source = packet.load::<u8>(at + 6)?;
    let scope = packet.load::<u8>(at + 7)?;
    let bits = match family {
        0 => 0,
        edns::FAMILY_IPV4 => 32,
        edns::FAMILY_IPV6 => 128,
        _ => return None,
    };
    let address_len = forget(cpu, usize::from(source).div_ceil(8), 0x3f);
    if scope != 0 || source > bits || len != ECS_HEAD - OPTION_HEAD + address_len {
        return None;
    }
    let (high, low) = load_address(packet, at + ECS_HEAD, address_len)?;
    let unused = if source < 64 {
        (high << source) | low
    } else if source < 128 {
        low << (source - 64)
    } else {
        0
    };
    if unused != 0 {
        return None;
    }
    Some(Ecs { family, source, address_len: forget(cpu, address_len, 0x1f), high, low })
}

/// Loads an address of up to 16 bytes into the upper bits of two numbers, in pieces of 8, 4, 2 and 1: a loop over the
/// bytes would be followed up for every length.
#[inline(always)]
fn load_address(packet: Packet, mut at: usize, len: usize) -> Option<(u64, u64)> {
    if len & 16 != 0 {
        return Some((u64::from_be(packet.load(at)?), u64::from_be(packet.load(at + 8)?)));
    }
    let mut whole = 0;
    if len & 8 != 0 {
        whole = u64::from_be(packet.load(at)?);
        at += 8;
    }
    let (mut part, mut room) = (0u64, 64);
    if len & 4 != 0 {
        room -= 32;
        part |= u64::from(u32::from_be(packet.load(at)?)) << room;
        at += 4;
    }
    if len & 2 != 0 {
        room -= 16;
        part |= u64::from(u16::from_be(packet.load(at)?)) << room;
        at += 2;
    }
    if len & 1 != 0 {
        room -= 8;
        part |= u64::from(packet.load::<u8>(at)?) << room;
    }
    Some(if len & 8 != 0 { (whole, part) } else { (part, 0) })
}
