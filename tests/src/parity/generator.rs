//! Queries as resolvers send them, as they never should, and broken ones.

use super::clients::Clients;
use super::edns::{self, ECS};
use super::names::Names;
use crate::{Datagram, Query, Random, Service};

/// Most bytes of a message: what one page of the kernel's test run takes with room to spare.
const MAX_MESSAGE: usize = 1400;
/// Records that may stand where they should not: an OPT, a second one with an option, an A record, a TSIG with its owner
/// a pointer, an SOA record as an IXFR has it, one with a name that has no end.
const RECORDS: &[&[u8]] = &[
    b"\0\0\x29\x10\0\0\0\0\0\0\0",
    b"\0\0\x29\x10\0\0\0\0\0\0\x08\0\x08\0\x04\0\x01\0\0",
    b"\0\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01",
    b"\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\0",
    b"\xc0\x0c\0\x06\0\x01\0\0\0\0\0\x16\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x3faaa",
];

/// A datagram that asks something.
pub struct Case {
    /// The query, and between whom.
    pub datagram: Datagram,
    /// A correct query: opcode QUERY, a response's flags zero, one question with an uncompressed name, of class IN or of
    /// class CH for one of its names, no records but at most one OPT as [`edns::valid`] makes them, nothing behind it.
    /// Every type counts, those of no data (ANY, AXFR) among them.
    pub is_valid: bool,
}

/// Makes cases for one configuration.
pub struct Generator {
    random: Random,
    names: Names,
    clients: Clients,
}

impl Generator {
    /// The cases of this seed.
    pub fn new(service: &Service, seed: u64) -> Self {
        Self { random: Random::new(seed), names: Names::of(service), clients: Clients::of(service) }
    }

    /// Goes on with the cases of another seed.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    /// The next case.
    pub fn next_case(&mut self) -> Case {
        let mut datagram = self.clients.datagram(&mut self.random);
        let mut query = self.valid();
        let kind = self.random.below(10);
        let is_valid = kind < 6;
        if !is_valid {
            for _ in 0..=self.random.below(2) {
                self.make_odd(&mut query);
            }
        }
        datagram.payload = query.bytes();
        if kind == 9 {
            self.mutate(&mut datagram.payload);
        }
        datagram.payload.truncate(MAX_MESSAGE);
        Case { datagram, is_valid }
    }

    fn valid(&mut self) -> Query {
        let is_chaos = self.random.one_in(400);
        let (mut qname, qtype) =
            if is_chaos { Names::draw_chaos(&mut self.random) } else { self.names.draw(&mut self.random) };
        if self.random.one_in(2) {
            // 0x20: the length of a label is below every letter.
            for byte in &mut qname {
                if byte.is_ascii_alphabetic() && self.random.one_in(2) {
                    *byte ^= 0x20;
                }
            }
        }
        let mut query = Query::new(qname, qtype);
        query.qclass = if is_chaos { 3 } else { 1 };
        query.id = self.random.word();
        // RD, AD and CD.
        query.flags = self.random.word() & 0x0130;
        if !self.random.one_in(3) {
            query.counts[3] = 1;
            query.opt = Some(edns::valid(&self.clients, &mut self.random));
        }
        query
    }

    /// Changes one thing so that the query is no longer valid, or seldom is.
    fn make_odd(&mut self, query: &mut Query) {
        let random = &mut self.random;
        match random.below(17) {
            0 => query.flags = random.word(),
            1 => query.flags ^= 1 << random.below(16),
            2 => query.flags = (query.flags & !0x7800) | (random.word() & 0x7800),
            3 => {
                let count = *random.pick(&[0, 0, 1, 2, 3, 255, 256, u16::MAX]);
                if let Some(place) = query.counts.get_mut(random.below(4)) {
                    *place = count;
                }
            }
            4 => query.qclass = *random.pick(&[0, 2, 3, 4, 254, 255, 256, 0x0300, u16::MAX]),
            5 => (query.qname, query.qtype) = (Names::draw_chaos(random).0, *random.pick(&[16, 255, 1])),
            6 => {
                // One label or more too many for a name of 255 bytes.
                let label = [&[63][..], &[b'l'; 63]].concat();
                let times = 1 + random.below(8);
                query.qname.splice(0..0, label.repeat(times));
            }
            7 => {
                let at = random.below(query.qname.len());
                let byte = *random.pick(&[0, 1, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff]);
                query.qname.splice(at..=at, [byte]);
            }
            8 => {
                // A pointer instead of the end: to the QNAME, to the header, to itself, or cut off.
                let last = query.qname.len() - 1;
                query.qname.splice(
                    last..,
                    random.pick::<&[u8]>(&[b"\xc0\x0c", b"\xc0\x00", b"\xc0", b"\xff\xff"]).to_vec(),
                );
            }
            9 => {
                let length = 1 + random.below(20);
                query.tail = random.bytes(length);
            }
            10 => {
                // Another record behind the OPT, counted in any of the sections.
                if let Some(count) = query.counts.get_mut(*random.pick(&[3, 3, 3, 2, 1])) {
                    *count = count.saturating_add(1);
                }
                query.tail.extend(*random.pick(RECORDS));
            }
            11 => {
                // Another record before the OPT.
                if let Some(opt) = query.opt.take() {
                    query.counts[3] = 2;
                    query.tail = random.pick(RECORDS).to_vec();
                    query.tail.extend(edns::odd_record(&opt, random));
                }
            }
            12 => {
                // An IXFR with what the secondary has.
                query.qtype = 251;
                query.counts[2] = 1;
                let rest = Query { opt: query.opt.take(), ..Query::new(vec![], 0) }.bytes();
                query.tail = RECORDS.get(4).map(|record| record.to_vec()).unwrap_or_default();
                query.tail.extend(rest.get(16..).unwrap_or_default());
            }
            13 => {
                let data = self.clients.subnet(random);
                if let Some(opt) = &mut query.opt {
                    opt.options.push((ECS, data));
                }
            }
            14 | 15 => {
                let data = edns::odd_subnet(&self.clients, random);
                if let Some(opt) = &mut query.opt {
                    opt.options.retain(|(code, _)| *code != ECS);
                    opt.options.insert(random.below(opt.options.len() + 1), (ECS, data));
                }
            }
            _ => {
                if let Some(opt) = query.opt.take() {
                    query.tail = edns::odd_record(&opt, random);
                }
            }
        }
    }

    /// Changes, repeats or takes away some bytes, or cuts the message short.
    fn mutate(&mut self, message: &mut Vec<u8>) {
        let random = &mut self.random;
        for _ in 0..=random.below(3) {
            if message.is_empty() {
                return;
            }
            let at = random.below(message.len());
            let end = (at + 1 + random.below(8)).min(message.len());
            let Some(piece) = message.get(at..end) else { return };
            let byte = piece.first().copied().unwrap_or_default();
            match random.below(6) {
                0 => message.truncate(at),
                1 => drop(message.splice(at..at, piece.to_vec())),
                2 => drop(message.drain(at..end)),
                3 => drop(message.splice(at..=at, [random.byte()])),
                4 => drop(message.splice(at..=at, [byte.wrapping_add(1)])),
                _ => drop(message.splice(at..=at, [byte ^ (1 << random.below(8))])),
            }
        }
    }
}
