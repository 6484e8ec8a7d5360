//! Trying a new generation on real queries before it serves: what the verifier and the map sizes cannot show.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gtm_common::abi::ANY_TYPE;
use gtm_common::checksum::Sum;
use gtm_common::wire::{HEADER_LEN, MIN_UDP_PAYLOAD, class, rtype};

use super::{DataplaneError, Generation};
use crate::decision::answer::split;
use crate::decision::{Answer, AnswerTable};
use crate::name::Name;

/// Names that are asked, spread over the table.
const NAMES: usize = 64;
/// Who asks: documentation addresses (RFC 5737, RFC 3849), which no client has.
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const CLIENT_PORT: u16 = 53_535;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;
const UDP_LEN: usize = 8;
const TYPE_AND_CLASS_LEN: usize = 4;

/// Asks the program for some names at the first served address and compares with the table.
pub(super) fn check(
    generation: &Generation,
    listen: &[SocketAddr],
    table: &AnswerTable,
) -> Result<(), DataplaneError> {
    let Some(server) = listen.first().copied() else { return Ok(()) };
    let client = match server {
        SocketAddr::V4(_) => IpAddr::V4(CLIENT_V4),
        SocketAddr::V6(_) => IpAddr::V6(CLIENT_V6),
    };
    let step = (table.names.len() / NAMES).max(1);
    for (name, entries) in table.names.iter().step_by(step) {
        for entry in entries {
            let qtype = if entry.qtype == ANY_TYPE { rtype::A } else { entry.qtype };
            let answer = table.look_up(name, qtype, client).map(|steered| steered.answer);
            let frame = query(client, server, name, qtype);
            let (action, reply) = generation.run(&frame)?;
            let passed = action == XDP_PASS && reply == frame;
            let is_right = match answer.filter(|answer| is_readable(name) && answer.is_for_kernel()) {
                Some(answer) if action == XDP_TX => is_answer(&reply, &frame, &answer, client),
                Some(answer) => passed && !always_fits(name, &answer),
                None => passed,
            };
            if !is_right {
                return Err(wrong(name, format!("type {qtype}, action {action}, frame {reply:02x?}")));
            }
        }
    }
    Ok(())
}

fn wrong(name: &Name, problem: impl Into<String>) -> DataplaneError {
    DataplaneError::Sample { name: name.to_string(), problem: problem.into() }
}

/// The program ends a name at its first zero byte, and one in a label is not the end.
fn is_readable(name: &Name) -> bool {
    name.labels().all(|label| !label.contains(&0))
}

/// Whether every answer at this name fits a plain reply.
fn always_fits(name: &Name, answer: &Answer) -> bool {
    let len = HEADER_LEN + name.as_wire().len() + TYPE_AND_CLASS_LEN + answer.most_bytes();
    len <= usize::from(MIN_UDP_PAYLOAD)
}

/// True when the reply ends in records that can be the answer, behind the question.
fn is_answer(reply: &[u8], query: &[u8], answer: &Answer, client: IpAddr) -> bool {
    let records = reply.get(query.len()..).and_then(split);
    records.is_some_and(|records| !records.is_empty() && answer.admits(&records, client))
}

/// A frame with a plain query.
fn query(client: IpAddr, server: SocketAddr, name: &Name, qtype: u16) -> Vec<u8> {
    // ID, RD, one question.
    let mut dns = vec![0x47, 0x54, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    dns.extend(name.as_wire());
    dns.extend(qtype.to_be_bytes());
    dns.extend(class::IN.to_be_bytes());
    let udp_len = narrow(UDP_LEN + dns.len());
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match (client, server.ip()) {
        (IpAddr::V4(client), IpAddr::V4(server)) => {
            frame.extend([0x08, 0x00]);
            let mut header = vec![0x45, 0];
            header.extend((20 + udp_len).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
            header.extend(client.octets());
            header.extend(server.octets());
            let mut sum = Sum::default();
            for pair in header.chunks_exact(2) {
                sum.add_u16(pair.try_into().map_or(0, u16::from_ne_bytes));
            }
            if let Some(checksum) = header.get_mut(10..12) {
                checksum.copy_from_slice(&sum.ipv4().to_ne_bytes());
            }
            frame.extend(header);
        }
        (IpAddr::V6(client), IpAddr::V6(server)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(udp_len.to_be_bytes());
            frame.extend([17, 64]);
            frame.extend(client.octets());
            frame.extend(server.octets());
        }
        // The caller asks in the server's family.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
    }
    frame.extend(CLIENT_PORT.to_be_bytes());
    frame.extend(server.port().to_be_bytes());
    frame.extend(udp_len.to_be_bytes());
    // The program does not add up a query, but over IPv6 there must be some checksum.
    frame.extend([0xff, 0xff]);
    frame.extend(dns);
    frame
}

/// Lengths here are at most a few hundred bytes.
fn narrow(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
