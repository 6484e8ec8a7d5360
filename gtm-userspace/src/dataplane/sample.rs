//! Trying a new generation on real queries before it serves: what the verifier and the map sizes cannot show.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gtm_common::abi::ANY_TYPE;
use gtm_common::checksum::Sum;
use gtm_common::wire::{HEADER_LEN, class, rtype};

use super::names::NameRecords;
use super::{DataplaneError, Generation, slots};
use crate::decision::AnswerTable;
use crate::decision::answer::split;
use crate::name::Name;
use crate::server::{Asked, Finite, Response, Tables, Transport, respond};

/// Names that are asked, spread over the table.
const NAMES: usize = 64;
/// Who asks: documentation addresses (RFC 5737, RFC 3849), which no client has.
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const CLIENT_PORT: u16 = 53_535;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;
const UDP_LEN: usize = 8;

/// Asks the program for some names at the first served address, and for some that do not exist below them, and compares
/// with what the server answers.
pub(super) fn check(
    generation: &Generation,
    listen: &[SocketAddr],
    tables: &Tables,
    table: &AnswerTable,
    names: &NameRecords,
) -> Result<(), DataplaneError> {
    let Some(server) = listen.first().copied() else { return Ok(()) };
    let client = match server {
        SocketAddr::V4(_) => IpAddr::V4(CLIENT_V4),
        SocketAddr::V6(_) => IpAddr::V6(CLIENT_V6),
    };
    let sample = Sample { generation, server, client, tables, table };
    let step = (names.len() / NAMES).max(1);
    for (name, _) in names.step_by(step).filter(|(_, class)| *class == class::IN) {
        sample.ask(&name, rtype::A)?;
        if let Ok(below) = name.child(b"-") {
            sample.ask(&below, rtype::A)?;
        }
    }
    let step = (table.names.len() / NAMES).max(1);
    for (name, entries) in table.names.iter().step_by(step) {
        for entry in entries {
            sample.ask(name, if entry.qtype == ANY_TYPE { rtype::A } else { entry.qtype })?;
        }
    }
    Ok(())
}

/// Who is asked, and by whom.
struct Sample<'s> {
    generation: &'s Generation,
    server: SocketAddr,
    client: IpAddr,
    tables: &'s Tables,
    table: &'s AnswerTable,
}

impl Sample<'_> {
    fn ask(&self, name: &Name, qtype: u16) -> Result<(), DataplaneError> {
        let message = message(name, qtype);
        let frame = frame(self.client, self.server, &message);
        let (action, reply) = self.generation.run(&frame)?;
        let steered = self.table.find(name, qtype, self.client).map(|steered| steered.answer);
        let entries = self.table.names.get(name).into_iter().flatten();
        let views: Vec<&[u32]> = entries.map(|entry| self.table.view(entry)).collect();
        let fits = slots::all_fit(&views);
        let must_answer = fits && steered.is_some_and(|answer| answer.is_always_for_kernel());
        let is_right = match action {
            XDP_PASS => reply == frame && !must_answer,
            XDP_TX => self.is_answer(name, qtype, &message, reply.get(frame.len() - message.len()..)),
            _ => false,
        };
        if is_right {
            return Ok(());
        }
        let problem = format!("type {qtype}, action {action}, frame {reply:02x?}");
        Err(DataplaneError::Sample { name: name.to_string(), problem })
    }

    /// True when the server answers the same, or the same in another turn.
    fn is_answer(&self, name: &Name, qtype: u16, message: &[u8], reply: Option<&[u8]>) -> bool {
        let response = respond(message, self.client, Transport::Udp, self.tables);
        let (Some(reply), Some(Response { bytes, .. })) = (reply, response) else { return false };
        if reply == bytes {
            return true;
        }
        let asked = Asked::name(name.clone());
        match self.tables.finite(&asked, qtype) {
            Finite::Steered { name: steered, .. } if steered == *name => {
                let records = reply.get(message.len()..).and_then(split);
                let answer = self.table.find(name, qtype, self.client).map(|steered| steered.answer);
                let pair = records.zip(answer);
                pair.is_some_and(|(records, answer)| answer.admits(&records, self.client))
            }
            // Behind aliases another turn may have other records, and other numbers of them.
            Finite::Steered { .. } => {
                let asked =
                    |answer: &[u8]| Some([answer.get(..2)?, answer.get(HEADER_LEN..message.len())?].concat());
                asked(reply) == asked(&bytes)
            }
            Finite::Same(_) | Finite::Various => false,
        }
    }
}

/// A plain query.
fn message(name: &Name, qtype: u16) -> Vec<u8> {
    // ID, RD, one question.
    let mut message = vec![0x47, 0x54, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(name.as_wire());
    message.extend(qtype.to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    message
}

/// A frame with this message.
fn frame(client: IpAddr, server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let udp_len = narrow(UDP_LEN + message.len());
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
    frame.extend(message);
    frame
}

/// Lengths here are at most a few hundred bytes.
fn narrow(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
