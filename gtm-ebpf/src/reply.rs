//! Turning the query into its answer, in place.

use aya_ebpf::helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use gtm_common::abi::{BlockHead, MAX_ANSWER, MAX_NSID, MAX_POINTERS, PerCpu};
use gtm_common::checksum::Sum;
use gtm_common::counters::Outcome;
use gtm_common::wire::{HEADER_LEN, MAX_NAME, MAX_UDP_PAYLOAD, edns, flags, rcode, rtype};

use crate::answer::Chosen;
use crate::choice::Answer;
use crate::edns::{ECS_HEAD, Ecs, Edns, OPTION_HEAD};
use crate::frame::{OFFSET_MASK, UDP_LEN};
use crate::packet::{Packet, Window, opaque};
use crate::program::{AtHand, Query};
use crate::tables::{self, forget};

/// Longest part of a query that its answer keeps: Ethernet, two VLAN tags, IPv6, UDP, DNS header and question.
const MAX_KEPT: usize = 14 + 2 * 4 + 40 + UDP_LEN + HEADER_LEN + MAX_NAME + 4;
/// All bits of the length of an answer.
const LEN_MASK: usize = 0x7ff;
/// All bits of the length of an option with a name server identifier.
const NSID_MASK: usize = 0x7f;
/// All bits of the length of all options.
const OPTIONS_MASK: usize = 0x7f;
/// Length of an option with the code of an error.
const EDE_LEN: usize = OPTION_HEAD + 2;
/// The response code in the flags of a header.
const RCODE: u16 = 0x000f;
/// Bytes that are copied in one piece.
const PIECE: usize = 64;
/// Hop limit of what we send.
const TTL: u8 = 64;

/// The options of the OPT record, beside the client subnet.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// Length of the option with the name server identifier; 0 without.
    nsid_len: usize,
    /// The code that says more about an error; 0 without.
    extended_error: u16,
    /// Length of all options in bytes, the client subnet included.
    len: usize,
}

impl Options {
    /// What an answer has of what is asked for and configured. Of an error without a code `extended_error` is 0.
    #[inline(always)]
    pub(crate) fn new(edns: &Edns, extended_error: u16) -> Self {
        let nsid_len = if edns.nsid && tables::nsid_len() > 0 {
            (OPTION_HEAD + tables::nsid_len()) & NSID_MASK
        } else {
            0
        };
        let extended_error = if edns.present && tables::has_extended_errors() { extended_error } else { 0 };
        let subnet_len = if edns.has_ecs { ECS_HEAD + edns.ecs.address_len } else { 0 };
        let error_len = if extended_error == 0 { 0 } else { EDE_LEN };
        Self { nsid_len, extended_error, len: subnet_len + nsid_len + error_len }
    }
}

/// Length of the OPT record with these options; 0 where there is none.
#[inline(always)]
fn opt_len(edns: &Edns, options: &Options) -> usize {
    if edns.present { edns::OPT_LEN + options.len } else { 0 }
}

/// The records that are sent of an answer.
#[derive(Clone, Copy)]
struct Sent {
    /// Their length in bytes.
    len: usize,
    /// Their number in the three sections, without the OPT record.
    counts: [u8; 3],
    /// TC, in the first byte of the flags, if they are none because they do not fit.
    truncated: u8,
}

/// What the message is made of behind the question.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// The records.
    sent: Sent,
    /// The options of the OPT record.
    options: Options,
    /// Offset of the OPT record in the frame, or the end of the message.
    opt_at: usize,
}

impl Layout {
    /// What fits of an answer. The masks take nothing away; the verifier knows nothing of what was kept.
    #[inline(always)]
    fn new(query: &Query, chosen: &Chosen, head: &BlockHead, cpu: *const PerCpu) -> Option<Self> {
        let Query { frame, question, edns, .. } = query;
        let question_end = question.end & OFFSET_MASK;
        let options = Options::new(edns, chosen.extended_error);
        let empty_len = question_end - (frame.dns() & OFFSET_MASK) + opt_len(edns, &options);
        let (len, full_len) = (usize::from(head.len), usize::from(head.full_len));
        let sent = if empty_len + full_len <= edns.limit {
            let additionals = head.additionals.wrapping_add(head.optionals);
            Sent { len: full_len, counts: [head.answers, head.authorities, additionals], truncated: 0 }
        } else if empty_len + len <= edns.limit {
            Sent { len, counts: [head.answers, head.authorities, head.additionals], truncated: 0 }
        } else {
            Sent { len: 0, counts: [0; 3], truncated: (flags::TC >> 8) as u8 }
        };
        let sent = Sent { len: forget(cpu, sent.len, LEN_MASK), ..sent };
        (sent.len <= MAX_ANSWER).then_some(Self { sent, options, opt_at: question_end + sent.len })
    }
}

/// Gives the frame the length of the answer, and says what that is made of. Whatever fails leaves the packet untouched.
#[inline(always)]
pub(crate) fn make_room(
    context: &XdpContext,
    query: &Query,
    chosen: &Chosen,
    cpu: *const PerCpu,
) -> Result<Layout, Outcome> {
    let answer = chosen.records.answer(cpu).ok_or(Outcome::PassedNoBlock)?;
    let layout = Layout::new(query, chosen, &answer.head, cpu).ok_or(Outcome::PassedNoBlock)?;
    let end = layout.opt_at + opt_len(&query.edns, &layout.options);
    let growth = end as i32 - Packet::new(context).len() as i32;
    resize(context, growth, query.question.end & OFFSET_MASK, cpu)?;
    Ok(layout)
}

/// Writes the answer, for which there is room, but for the pointers that lack the length of the QNAME and the client
/// subnet.
#[inline(always)]
pub(crate) fn send(context: &XdpContext, at_hand: &AtHand, cpu: *const PerCpu) -> Outcome {
    let Some(answer) = at_hand.chosen.records.answer(cpu) else { return Outcome::DroppedInternal };
    if write(Packet::new(context), at_hand, &answer, cpu).is_none() {
        return Outcome::DroppedInternal;
    }
    let rcode = answer.head.flags & RCODE;
    let is_error = rcode != rcode::NOERROR && rcode != rcode::NXDOMAIN;
    if at_hand.layout.sent.truncated != 0 {
        Outcome::AnsweredTruncated
    } else if is_error || at_hand.query.edns.rcode != rcode::NOERROR {
        Outcome::AnsweredError
    } else {
        Outcome::Answered
    }
}

/// Makes the frame longer or shorter by `growth` bytes, at its end or, where there is no room (veth leaves next to none),
/// at its head; the first `keep` bytes stay what they are.
#[inline(always)]
fn resize(context: &XdpContext, growth: i32, keep: usize, cpu: *const PerCpu) -> Result<(), Outcome> {
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

/// Writes the answer from the last part to the first, and so has every sum when the UDP header needs it. The masks take
/// nothing away; the verifier knows nothing of what was kept.
#[inline(always)]
fn write(packet: Packet, at_hand: &AtHand, answer: &Answer, cpu: *const PerCpu) -> Option<()> {
    let AtHand { query: Query { frame, question, edns, .. }, chosen, layout, .. } = at_hand;
    let (sent, options) = (&layout.sent, &layout.options);
    let dns = frame.dns() & OFFSET_MASK;
    let (question_end, opt_at) = (question.end & OFFSET_MASK, layout.opt_at & OFFSET_MASK);
    // Offsets of the pieces within the DNS message; it begins at an even offset of the UDP datagram.
    let mut sum = question.sum;
    let records_sum = copy_records(packet, question_end, answer.records, sent.len & LEN_MASK, cpu)?;
    sum.add_piece(records_sum, question_end - dns);
    let mut dns_len = opt_at - dns;
    if edns.present {
        sum.add_piece(write_opt(packet, opt_at, edns, options.len)?, opt_at - dns);
        let mut at = opt_at + edns::OPT_LEN;
        if options.len > 0 {
            if edns.has_ecs {
                sum.add_piece(sum_subnet(&edns.ecs, chosen.scope), at - dns);
                at = forget(cpu, at + ECS_HEAD + edns.ecs.address_len, OFFSET_MASK);
            }
            let nsid_len = options.nsid_len & NSID_MASK;
            if nsid_len > 0 {
                sum.add_piece(write_nsid(packet, at, nsid_len, cpu)?, at - dns);
                at = forget(cpu, at + nsid_len, OFFSET_MASK);
            }
            if options.extended_error != 0 {
                sum.add_piece(write_extended_error(packet, at, options.extended_error)?, at - dns);
                at += EDE_LEN;
            }
        }
        dns_len = at - dns;
    }
    let [id0, id1] = question.id.to_ne_bytes();
    let [flags0, flags1] = (flags::QR | answer.head.flags).to_be_bytes();
    let flags0 = flags0 | question.copied_flags | sent.truncated;
    let [answers, authorities, additionals] = sent.counts;
    let first = u64::from_ne_bytes([id0, id1, flags0, flags1, 0, question.count, 0, answers]);
    let additionals = additionals.wrapping_add(u8::from(edns.present));
    let counts = u32::from_ne_bytes([0, authorities, 0, additionals]);
    let header: Window<HEADER_LEN> = packet.window(dns)?;
    header.store::<u64, 0>(first);
    header.store::<u32, 8>(counts);
    sum.add_u64(first);
    sum.add_u32(counts);

    let udp_len = (UDP_LEN + dns_len) as u16;
    let ip = frame.ip & OFFSET_MASK;
    if frame.sender.is_v6 {
        write_ipv6(packet.window(ip)?, udp_len, &mut sum);
    } else {
        write_ipv4(packet.window(ip)?, udp_len, &mut sum);
    }
    let udp: Window<UDP_LEN> = packet.window(frame.udp & OFFSET_MASK)?;
    let ports = udp.load::<u32, 0>().rotate_left(16);
    sum.add_u32(ports);
    // The length counts twice: in the header and in the pseudo header (RFC 768).
    sum.add_u16(udp_len.to_be());
    sum.add_u16(udp_len.to_be());
    sum.add_u16(17u16.to_be());
    let [port0, port1, port2, port3] = ports.to_ne_bytes();
    let ([len0, len1], [sum0, sum1]) = (udp_len.to_be_bytes(), sum.udp().to_ne_bytes());
    udp.store::<u64, 0>(u64::from_ne_bytes([port0, port1, port2, port3, len0, len1, sum0, sum1]));
    swap_ethernet(packet.window(0)?);
    Some(())
}

/// Adds the length of the QNAME to the pointers of an answer that lack it, and to the UDP checksum, which has them without.
/// A step of its own: the verifier would follow all that comes behind it for each number of pointers.
#[inline(always)]
pub(crate) fn finish_pointers(packet: Packet, at_hand: &AtHand, cpu: *const PerCpu) -> Option<()> {
    let AtHand { query: Query { frame, question, edns, .. }, chosen, layout, .. } = at_hand;
    let answer = chosen.records.answer(cpu)?;
    let (at, udp) = (question.end & OFFSET_MASK, frame.udp & OFFSET_MASK);
    let name_len = question.name_len as u16;
    // The frame ends with the message.
    let sent_len = packet.len().wrapping_sub(at + opt_len(edns, &layout.options));
    let mut added = Sum::default();
    for index in 0..MAX_POINTERS {
        // SAFETY: there are `MAX_POINTERS`, whatever the number.
        let offset = usize::from(unsafe { answer.pointers.add(index).read() }) & LEN_MASK;
        // Those of records that are left out come last.
        if index >= opaque(usize::from(answer.head.pointers)) || offset >= sent_len {
            break;
        }
        let place = forget(cpu, at + offset, OFFSET_MASK);
        let pointer = u16::from_be(packet.load(place)?).wrapping_add(name_len);
        packet.store(place, pointer.to_be())?;
        let mut piece = Sum::default();
        piece.add_u16(name_len.to_be());
        added.add_piece(piece, place - udp);
    }
    let mut sum = Sum::default();
    sum.add_u16(!packet.load::<u16>(udp + 6)?);
    sum.add_piece(added, 0);
    packet.store(udp + 6, sum.udp())
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
fn write_opt(packet: Packet, at: usize, edns: &Edns, options_len: usize) -> Option<Sum> {
    let [type0, type1] = rtype::OPT.to_be_bytes();
    let [size0, size1] = MAX_UDP_PAYLOAD.to_be_bytes();
    let [flags0, flags1] = if edns.dnssec_ok { edns::DO } else { 0 }.to_be_bytes();
    // The bits of the response code that the header has no room for.
    let extended_rcode = (edns.rcode >> 4) as u8;
    let head = u64::from_ne_bytes([0, type0, type1, size0, size1, extended_rcode, edns::VERSION, flags0]);
    // Never above 98, so its upper byte is zero.
    let (middle, last) = (u16::from_ne_bytes([flags1, 0]), options_len as u8);
    let record: Window<{ edns::OPT_LEN }> = packet.window(at)?;
    record.store::<u64, 0>(head);
    record.store::<u16, 8>(middle);
    record.store::<u8, 10>(last);
    let mut sum = Sum::default();
    sum.add_u64(head);
    sum.add_u16(middle);
    sum.add_u16(u16::from_ne_bytes([last, 0]));
    Some(sum)
}

/// Writes the name server identifier, an option of this length (RFC 5001); gives its sum.
#[inline(always)]
fn write_nsid(packet: Packet, at: usize, len: usize, cpu: *const PerCpu) -> Option<Sum> {
    let data_len = len - OPTION_HEAD;
    let [code0, code1] = edns::NSID.to_be_bytes();
    let head = u32::from_ne_bytes([code0, code1, 0, data_len as u8]);
    packet.store(at, head)?;
    let mut sum = Sum::default();
    sum.add_u32(head);
    let mut at = at + OPTION_HEAD;
    for word in 0..MAX_NSID / 8 {
        if word * 8 + 8 > opaque(data_len) {
            break;
        }
        packet.store(at + word * 8, tables::nsid_word(word))?;
        sum.add_u64(tables::nsid_word(word));
    }
    // The last word is padded with zeros, which change no sum.
    let mut rest = tables::nsid_word(data_len / 8);
    at = forget(cpu, at + (data_len & !7), OFFSET_MASK);
    if data_len & 7 != 0 {
        sum.add_u64(rest);
    }
    if data_len & 4 != 0 {
        packet.store(at, rest as u32)?;
        rest >>= 32;
        at += 4;
    }
    if data_len & 2 != 0 {
        packet.store(at, rest as u16)?;
        rest >>= 16;
        at += 2;
    }
    if data_len & 1 != 0 {
        packet.store(at, rest as u8)?;
    }
    Some(sum)
}

/// Writes the code that says more about an error (RFC 8914 section 2); gives its sum.
#[inline(always)]
fn write_extended_error(packet: Packet, at: usize, extended_error: u16) -> Option<Sum> {
    let [code0, code1] = edns::EDE.to_be_bytes();
    let head = u32::from_ne_bytes([code0, code1, 0, (EDE_LEN - OPTION_HEAD) as u8]);
    packet.store(at, head)?;
    packet.store(at + OPTION_HEAD, extended_error.to_be())?;
    let mut sum = Sum::default();
    sum.add_u32(head);
    sum.add_u16(extended_error.to_be());
    Some(sum)
}

/// The first eight bytes of the client subnet option as it came, with our scope (RFC 7871 section 7.2.1).
#[inline(always)]
fn subnet_head(ecs: &Ecs, scope: u8) -> u64 {
    let [code0, code1] = edns::ECS.to_be_bytes();
    let [family0, family1] = ecs.family.to_be_bytes();
    let len = (ECS_HEAD - OPTION_HEAD + ecs.address_len) as u8;
    u64::from_ne_bytes([code0, code1, 0, len, family0, family1, ecs.source, scope])
}

/// The sum of the client subnet option.
#[inline(always)]
fn sum_subnet(ecs: &Ecs, scope: u8) -> Sum {
    let mut sum = Sum::default();
    sum.add_u64(subnet_head(ecs, scope));
    sum.add_u64(ecs.high.to_be());
    sum.add_u64(ecs.low.to_be());
    sum
}

/// Writes the client subnet option of an answer that has one: the first option of the OPT record, which stands last. A
/// step of its own: an address has so many lengths.
#[inline(always)]
pub(crate) fn write_subnet(packet: Packet, at_hand: &AtHand) -> Option<()> {
    let AtHand { query: Query { edns, .. }, chosen, layout, .. } = at_hand;
    let options_len = layout.options.len & OPTIONS_MASK;
    let at = packet.len().checked_sub(options_len)? & OFFSET_MASK;
    packet.store(at, subnet_head(&edns.ecs, chosen.scope))?;
    store_address(packet, at + ECS_HEAD, &edns.ecs)
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
fn write_ipv4(ip: Window<20>, udp_len: u16, sum: &mut Sum) {
    let addresses = ip.load::<u64, 12>();
    let [len0, len1] = (20 + udp_len).to_be_bytes();
    // "Don't fragment" with identification 0: an atomic datagram (RFC 6864 section 4.1).
    let first = u64::from_ne_bytes([0x45, 0, len0, len1, 0, 0, 0x40, 0]);
    let mut header = Sum::default();
    header.add_u64(first);
    header.add_u16(u16::from_ne_bytes([TTL, 17]));
    header.add_u64(addresses);
    let ([ttl, protocol], [sum0, sum1]) = ([TTL, 17], header.ipv4().to_ne_bytes());
    ip.store::<u64, 0>(first);
    ip.store::<u32, 8>(u32::from_ne_bytes([ttl, protocol, sum0, sum1]));
    ip.store::<u64, 12>(addresses.rotate_left(32));
    sum.add_u64(addresses);
}

/// Writes the IPv6 header, addresses changed over; adds the addresses to the sum.
#[inline(always)]
fn write_ipv6(ip: Window<40>, udp_len: u16, sum: &mut Sum) {
    let source = [ip.load::<u64, 8>(), ip.load::<u64, 16>()];
    let destination = [ip.load::<u64, 24>(), ip.load::<u64, 32>()];
    let [len0, len1] = udp_len.to_be_bytes();
    ip.store::<u64, 0>(u64::from_ne_bytes([0x60, 0, 0, 0, len0, len1, 17, TTL]));
    ip.store::<u64, 8>(destination[0]);
    ip.store::<u64, 16>(destination[1]);
    ip.store::<u64, 24>(source[0]);
    ip.store::<u64, 32>(source[1]);
    for half in [source[0], source[1], destination[0], destination[1]] {
        sum.add_u64(half);
    }
}

/// Changes over the Ethernet addresses.
#[inline(always)]
fn swap_ethernet(ethernet: Window<12>) {
    let (first, second) = (ethernet.load::<u64, 0>(), u64::from(ethernet.load::<u32, 8>()));
    // Six bytes each: the sender's begin in the last two of the first word.
    ethernet.store::<u64, 0>(first >> 48 | second << 16 | first << 48);
    ethernet.store::<u32, 8>((first >> 16) as u32);
}
