//! The OPT record of a query and its client subnet option (RFC 6891, RFC 7871).

use gtm_common::abi::PerCpu;
use gtm_common::counters::Outcome;
use gtm_common::location::{is_client_v4, is_client_v6};
use gtm_common::wire::{MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, edns, rtype};

use crate::frame::{Frame, OFFSET_MASK};
use crate::packet::Packet;
use crate::question::Question;
use crate::tables::forget;

/// Options that are looked through before the packet is passed up.
const MAX_OPTIONS: usize = 8;
/// Length of an option's code and length.
const OPTION_HEAD: usize = 4;
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
    /// The client subnet option.
    pub(crate) ecs: Option<Ecs>,
}

/// A well-formed client subnet option of a query.
#[derive(Clone, Copy)]
pub(crate) struct Ecs {
    /// [`edns::FAMILY_IPV4`] or [`edns::FAMILY_IPV6`].
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

/// Reads what follows the question.
#[inline(always)]
pub(crate) fn parse(
    packet: Packet,
    frame: &Frame,
    question: &Question,
    cpu: *const PerCpu,
) -> Result<Edns, Outcome> {
    let bad = Outcome::PassedBadEdns;
    let mut parsed =
        Edns { present: false, dnssec_ok: false, limit: usize::from(MIN_UDP_PAYLOAD), ecs: None };
    let opt = question.end;
    if !question.has_additional {
        return if opt == frame.end { Ok(parsed) } else { Err(bad) };
    }
    // Root owner and type; payload size; extended RCODE, version; flags; length of the options.
    let is_root = packet.load::<u8>(opt).ok_or(bad)? == 0;
    let is_opt = packet.load::<u16>(opt + 1).ok_or(bad)? == rtype::OPT.to_be();
    let version = packet.load::<u8>(opt + 6).ok_or(bad)?;
    if !is_root || !is_opt || version != edns::VERSION {
        return Err(bad);
    }
    let payload = u16::from_be(packet.load(opt + 3).ok_or(bad)?);
    parsed.present = true;
    parsed.limit = usize::from(payload.clamp(MIN_UDP_PAYLOAD, MAX_UDP_PAYLOAD));
    parsed.dnssec_ok = u16::from_be(packet.load(opt + 7).ok_or(bad)?) & edns::DO != 0;
    let options_len = usize::from(u16::from_be(packet.load(opt + 9).ok_or(bad)?));
    let mut at = opt + edns::OPT_LEN;
    if at + options_len != frame.end {
        return Err(bad);
    }
    for _ in 0..MAX_OPTIONS {
        if at == frame.end {
            return Ok(parsed);
        }
        let code = u16::from_be(packet.load(at).ok_or(bad)?);
        let len = usize::from(u16::from_be(packet.load(at + 2).ok_or(bad)?));
        if at + OPTION_HEAD + len > frame.end {
            return Err(bad);
        }
        if code == edns::NSID {
            return Err(Outcome::PassedBadEdns);
        }
        if code == edns::ECS {
            if parsed.ecs.is_some() {
                return Err(Outcome::PassedBadEcs);
            }
            parsed.ecs = Some(parse_ecs(packet, at, len, cpu).ok_or(Outcome::PassedBadEcs)?);
        }
        at = forget(cpu, at + OPTION_HEAD + len, OFFSET_MASK);
    }
    if at == frame.end { Ok(parsed) } else { Err(Outcome::PassedManyOptions) }
}

/// Reads one client subnet option: known family, scope zero, just the bytes of the prefix, the bits after it zero.
#[inline(always)]
fn parse_ecs(packet: Packet, at: usize, len: usize, cpu: *const PerCpu) -> Option<Ecs> {
    let family = u16::from_be(packet.load(at + 4)?);
    let source = packet.load::<u8>(at + 6)?;
    let scope = packet.load::<u8>(at + 7)?;
    let bits = match family {
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
