//! Turning the query into its answer, in place.

use aya_ebpf::helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use gtm_common::abi::{MAX_ANSWER, PerCpu};
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;
use gtm_common::wire::{HEADER_LEN, MAX_NAME, MAX_UDP_PAYLOAD, edns, flags, rtype};

use crate::choice::Answer;
use crate::edns::{ECS_HEAD, Ecs, Edns};
use crate::frame::{Frame, OFFSET_MASK, Sender, UDP_LEN};
use crate::packet::{Packet, opaque};
use crate::question::Question;
use crate::tables::forget;

/// Longest part of a query that its answer keeps: Ethernet, two VLAN tags, IPv6, UDP, DNS header and question.
const MAX_KEPT: usize = 14 + 2 * 4 + 40 + UDP_LEN + HEADER_LEN + MAX_NAME + 4;
/// All bits of the length of an answer.
const LEN_MASK: usize = 0x7ff;
/// Bytes that are copied in one piece.
const PIECE: usize = 64;
/// Hop limit of what we send.
const TTL: u8 = 64;

/// All that an answer is made of: what the steps before have found.
pub(crate) struct Reply<'a> {
    /// Where the datagram is.
    pub(crate) frame: &'a Frame,
    /// What was asked.
    pub(crate) question: &'a Question,
    /// What the query says of EDNS.
    pub(crate) edns: &'a Edns,
    /// What is answered.
    pub(crate) answer: Answer,
}

/// Makes room and writes the answer. Until there is room the packet is untouched.
#[inline(always)]
pub(crate) fn send(context: &XdpContext, reply: &Reply<'_>, cpu: *const PerCpu) -> Result<(), Outcome> {
    let Reply { frame, question, edns, answer } = reply;
    let answer_len = answer.len;
    let opt_len = match edns.ecs {
        _ if !edns.present => 0,
        None => edns::OPT_LEN,
        Some(ecs) => edns::OPT_LEN + ECS_HEAD + ecs.address_len,
    };
    let question_len = question.end - frame.dns();
    let dns_len = question_len + answer_len + opt_len;
    if dns_len > edns.limit || answer_len > MAX_ANSWER {
        return Err(Outcome::PassedTooLarge);
    }
    let end = question.end + answer_len + opt_len;
    let growth = end as i32 - Packet::new(context).len() as i32;
    make_room(context, growth, question.end, cpu)?;
    write(Packet::new(context), reply, dns_len, cpu).ok_or(Outcome::DroppedInternal)
}

/// Makes the frame longer or shorter by `growth` bytes, at its end or, where there is no room (veth leaves next to none),
/// at its head; the first `keep` bytes stay what they are.
#[inline(always)]
fn make_room(context: &XdpContext, growth: i32, keep: usize, cpu: *const PerCpu) -> Result<(), Outcome> {
    // SAFETY: the context is the one the program was called with.
    if unsafe { bpf_xdp_adjust_tail(context.ctx, growth) } == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    if growth <= 0 || unsafe { bpf_xdp_adjust_head(context.ctx, growth.wrapping_neg()) } != 0 {
        return Err(Outcome::PassedNoRoom);
    }
    let growth = forget(cpu, growth as usize, OFFSET_MASK);
    move_to_head(Packet::new(context), growth, keep, cpu).ok_or(Outcome::DroppedInternal)
}

/// Moves `len` bytes, at least eight, from offset `from` to the start of the frame.
#[inline(always)]
fn move_to_head(packet: Packet, from: usize, len: usize, cpu: *const PerCpu) -> Option<()> {
    // The last eight bytes overlap the words before them; they are loaded before anything is overwritten.
    let last_at = forget(cpu, len - 8, 0x1ff);
    let last = packet.load::<u64>(from + last_at)?;
    let words_len = forget(cpu, len, 0x1ff);
    for word in 0..MAX_KEPT / 8 {
        if word * 8 + 8 > opaque(words_len) {
            break;
        }
        packet.store(word * 8, packet.load::<u64>(from + word * 8)?)?;
    }
    packet.store(last_at, last)
}

/// Writes the answer from the last part to the first, and so has every sum when the UDP header needs it.
#[inline(always)]
fn write(packet: Packet, reply: &Reply<'_>, dns_len: usize, cpu: *const PerCpu) -> Option<()> {
    let Reply { frame, question, edns, answer } = *reply;
    let answer_len = answer.len;
    let opt_at = forget(cpu, question.end + answer_len, OFFSET_MASK);
    // Offsets of the pieces within the DNS message; it begins at an even offset of the UDP datagram.
    let mut sum = question.sum;
    sum.add_piece(
        copy_records(packet, question.end, answer.records, answer_len, cpu)?,
        question.end - frame.dns(),
    );
    if edns.present {
        sum.add_piece(write_opt(packet, opt_at, edns)?, opt_at - frame.dns());
        if let Some(ecs) = edns.ecs {
            let ecs_at = opt_at + edns::OPT_LEN;
            sum.add_piece(write_ecs(packet, ecs_at, &ecs, answer.scope)?, ecs_at - frame.dns());
        }
    }
    let [id0, id1] = question.id.to_ne_bytes();
    let [flags0, flags1] =
        (flags::QR | flags::AA | if question.recursion_desired { flags::RD } else { 0 }).to_be_bytes();
    let [count0, count1] = answer.count.to_be_bytes();
    let header = u64::from_ne_bytes([id0, id1, flags0, flags1, 0, 1, count0, count1]);
    let additional = u32::from_ne_bytes([0, 0, 0, u8::from(edns.present)]);
    packet.store(frame.dns(), header)?;
    packet.store(frame.dns() + HEADER_LEN - 4, additional)?;
    sum.add_u64(header);
    sum.add_u32(additional);

    let udp_len = (UDP_LEN + dns_len) as u16;
    match frame.sender {
        Sender::V4(_) => write_ipv4(packet, frame.ip, udp_len, &mut sum)?,
        Sender::V6(..) => write_ipv6(packet, frame.ip, udp_len, &mut sum)?,
    }
    let ports = packet.load::<u32>(frame.udp)?.rotate_left(16);
    packet.store(frame.udp, ports)?;
    packet.store(frame.udp + 4, udp_len.to_be())?;
    sum.add_u32(ports);
    // The length counts twice: in the header and in the pseudo header (RFC 768).
    sum.add_u16(udp_len.to_be());
    sum.add_u16(udp_len.to_be());
    sum.add_u16(17u16.to_be());
    packet.store(frame.udp + 6, sum.udp())?;
    swap_ethernet(packet)
}

/// Copies the records behind the question, in pieces of 64 bytes, words, and what is left; gives their sum.
#[inline(always)]
fn copy_records(
    packet: Packet,
    at: usize,
    records: *const u8,
    len: usize,
    cpu: *const PerCpu,
) -> Option<Sum> {
    let mut sum = Sum::default();
    let pieces_len = forget(cpu, len, LEN_MASK);
    for piece in 0..MAX_ANSWER / PIECE {
        if piece * PIECE + PIECE > opaque(pieces_len) {
            break;
        }
        for word in 0..PIECE / 8 {
            copy_word(packet, at, records, piece * PIECE + word * 8, &mut sum)?;
        }
    }
    let at = forget(cpu, at, OFFSET_MASK);
    let words_len = forget(cpu, len, LEN_MASK) & (PIECE - 1);
    let done = forget(cpu, len, LEN_MASK) & (LEN_MASK & !(PIECE - 1));
    for word in 0..PIECE / 8 - 1 {
        if word * 8 + 8 > opaque(words_len) {
            break;
        }
        copy_word(packet, at, records, done + word * 8, &mut sum)?;
    }
    let len = forget(cpu, len, LEN_MASK);
    let mut done = len & (LEN_MASK & !7);
    if len & 4 != 0 {
        // SAFETY: as for whole words.
        let bytes = unsafe { records.add(done).cast::<u32>().read_unaligned() };
        packet.store(at + done, bytes)?;
        sum.add_u32(bytes);
        done += 4;
    }
    if len & 2 != 0 {
        // SAFETY: as above.
        let bytes = unsafe { records.add(done).cast::<u16>().read_unaligned() };
        packet.store(at + done, bytes)?;
        sum.add_u16(bytes);
        done += 2;
    }
    if len & 1 != 0 {
        // SAFETY: as above.
        let byte = unsafe { records.add(done).read() };
        packet.store(at + done, byte)?;
        sum.add_u16(u16::from_ne_bytes([byte, 0]));
    }
    Some(sum)
}

/// Copies the word that begins `done` bytes on, and adds it to the sum.
#[inline(always)]
fn copy_word(packet: Packet, at: usize, records: *const u8, done: usize, sum: &mut Sum) -> Option<()> {
    // SAFETY: wherever records begin, there is room for `LEN_MASK` bytes and a piece.
    let bytes = unsafe { records.add(done).cast::<u64>().read_unaligned() };
    packet.store(at + done, bytes)?;
    sum.add_u64(bytes);
    Some(())
}

/// Writes the fixed part of our OPT record (RFC 6891 section 6.1.2); gives its sum.
#[inline(always)]
fn write_opt(packet: Packet, at: usize, edns: &Edns) -> Option<Sum> {
    let [type0, type1] = rtype::OPT.to_be_bytes();
    let [size0, size1] = MAX_UDP_PAYLOAD.to_be_bytes();
    let [flags0, flags1] = if edns.dnssec_ok { edns::DO } else { 0 }.to_be_bytes();
    let options_len = edns.ecs.map_or(0, |ecs| ECS_HEAD + ecs.address_len);
    let head = u64::from_ne_bytes([0, type0, type1, size0, size1, 0, edns::VERSION, flags0]);
    // Never above 24, so its upper byte is zero.
    let (middle, last) = (u16::from_ne_bytes([flags1, 0]), options_len as u8);
    packet.store(at, head)?;
    packet.store(at + 8, middle)?;
    packet.store(at + 10, last)?;
    let mut sum = Sum::default();
    sum.add_u64(head);
    sum.add_u16(middle);
    sum.add_u16(u16::from_ne_bytes([last, 0]));
    Some(sum)
}

/// Writes the client subnet option as it came, with our scope (RFC 7871 section 7.2.1); gives its sum.
#[inline(always)]
fn write_ecs(packet: Packet, at: usize, ecs: &Ecs, scope: u8) -> Option<Sum> {
    let [code0, code1] = edns::ECS.to_be_bytes();
    let [family0, family1] = ecs.family.to_be_bytes();
    let len = (ECS_HEAD - 4 + ecs.address_len) as u8;
    let head = u64::from_ne_bytes([code0, code1, 0, len, family0, family1, ecs.source, scope]);
    packet.store(at, head)?;
    store_address(packet, at + ECS_HEAD, ecs)?;
    let mut sum = Sum::default();
    sum.add_u64(head);
    sum.add_u64(ecs.high.to_be());
    sum.add_u64(ecs.low.to_be());
    Some(sum)
}

/// Stores just the bytes of the prefix, in pieces as [`crate::edns`] loads them.
#[inline(always)]
fn store_address(packet: Packet, mut at: usize, ecs: &Ecs) -> Option<()> {
    let len = ecs.address_len;
    if len & 16 != 0 {
        packet.store(at, ecs.high.to_be())?;
        return packet.store(at + 8, ecs.low.to_be());
    }
    let mut part = ecs.high;
    if len & 8 != 0 {
        packet.store(at, part.to_be())?;
        part = ecs.low;
        at += 8;
    }
    if len & 4 != 0 {
        packet.store(at, ((part >> 32) as u32).to_be())?;
        part <<= 32;
        at += 4;
    }
    if len & 2 != 0 {
        packet.store(at, ((part >> 48) as u16).to_be())?;
        part <<= 16;
        at += 2;
    }
    if len & 1 != 0 {
        packet.store(at, (part >> 56) as u8)?;
    }
    Some(())
}

/// Writes the IPv4 header, addresses changed over; adds the addresses to the sum.
#[inline(always)]
fn write_ipv4(packet: Packet, ip: usize, udp_len: u16, sum: &mut Sum) -> Option<()> {
    let source = packet.load::<u32>(ip + 12)?;
    let destination = packet.load::<u32>(ip + 16)?;
    let [len0, len1] = (20 + udp_len).to_be_bytes();
    // "Don't fragment" with identification 0: an atomic datagram (RFC 6864 section 4.1).
    let first = u64::from_ne_bytes([0x45, 0, len0, len1, 0, 0, 0x40, 0]);
    let mut header = Sum::default();
    header.add_u64(first);
    header.add_u16(u16::from_ne_bytes([TTL, 17]));
    header.add_u32(source);
    header.add_u32(destination);
    packet.store(ip, first)?;
    packet.store(ip + 8, u16::from_ne_bytes([TTL, 17]))?;
    packet.store(ip + 10, header.ipv4())?;
    packet.store(ip + 12, destination)?;
    packet.store(ip + 16, source)?;
    sum.add_u32(source);
    sum.add_u32(destination);
    Some(())
}

/// Writes the IPv6 header, addresses changed over; adds the addresses to the sum.
#[inline(always)]
fn write_ipv6(packet: Packet, ip: usize, udp_len: u16, sum: &mut Sum) -> Option<()> {
    let source: (u64, u64) = (packet.load(ip + 8)?, packet.load(ip + 16)?);
    let destination: (u64, u64) = (packet.load(ip + 24)?, packet.load(ip + 32)?);
    let [len0, len1] = udp_len.to_be_bytes();
    packet.store(ip, u64::from_ne_bytes([0x60, 0, 0, 0, len0, len1, 17, TTL]))?;
    packet.store(ip + 8, destination.0)?;
    packet.store(ip + 16, destination.1)?;
    packet.store(ip + 24, source.0)?;
    packet.store(ip + 32, source.1)?;
    for half in [source.0, source.1, destination.0, destination.1] {
        sum.add_u64(half);
    }
    Some(())
}

/// Changes over the Ethernet addresses.
#[inline(always)]
fn swap_ethernet(packet: Packet) -> Option<()> {
    let destination: (u32, u16) = (packet.load(0)?, packet.load(4)?);
    let source: (u32, u16) = (packet.load(6)?, packet.load(10)?);
    packet.store(0, source.0)?;
    packet.store(4, source.1)?;
    packet.store(6, destination.0)?;
    packet.store(10, destination.1)
}
