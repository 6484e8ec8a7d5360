//! Queries as resolvers send them, as they never should, and broken ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gtm_common::abi::{ANY_TYPE, TypeEntry};
use gtm_tests::query::{client_subnet, wire};
use gtm_tests::{Query, Random};
use gtm_userspace::decision::AnswerTable;
use gtm_userspace::name::Name;

const ECS: u16 = 8;

/// Names that are not steered: below, above, beside, outside, static and absent ones.
const OTHER_NAMES: &[&str] = &[
    ".",
    "com",
    "example.com",
    "none.example.com",
    "static.example.com",
    "alias.example.com",
    "off.example.com",
    "ns1.example.com",
    "below.www.example.com",
    "ww.example.com",
    "wwww.example.com",
    "www.example.co",
    "www.example.org",
    "www.example.com.com",
    r"www\000.example.com",
    r"\000",
    r"www.example\003com",
];

const TYPES: &[u16] =
    &[1, 28, 5, 0, 2, 6, 15, 16, 41, 43, 65, 127, 128, 249, 250, 251, 252, 255, 256, 257, 65535];

/// A message and who sends it.
pub(crate) struct Case {
    pub(crate) client: IpAddr,
    pub(crate) message: Vec<u8>,
    /// A well-formed query of class IN for a steered name and type, that the program looks through.
    pub(crate) is_plain: bool,
}

/// Makes cases for one table.
pub(crate) struct Generator<'t> {
    random: Random,
    table: &'t AnswerTable,
    /// Steered names and types, sorted: the order of a hash map is another one in every run.
    steered: Vec<(Vec<u8>, u16)>,
    /// Addresses at which classes begin.
    edges: Vec<IpAddr>,
}

impl<'t> Generator<'t> {
    pub(crate) fn new(seed: u64, table: &'t AnswerTable) -> Self {
        let pairs = |(name, entries): (&Name, &'t Vec<TypeEntry>)| {
            let name = name.as_wire().to_vec();
            entries.iter().map(move |entry| (name.clone(), entry.qtype))
        };
        let mut steered: Vec<_> = table.names.iter().flat_map(pairs).collect();
        steered.sort_unstable();
        let location = &table.location;
        let v4 = location.ranges_v4.iter().map(|range| IpAddr::from(Ipv4Addr::from(range.start)));
        let v6 = location.ranges_v6.iter().map(|range| {
            let bits = (u128::from(range.start_high) << 64) | u128::from(range.start_low);
            IpAddr::from(Ipv6Addr::from(bits))
        });
        Self { random: Random::new(seed), table, steered, edges: v4.chain(v6).collect() }
    }

    pub(crate) fn next(&mut self) -> Case {
        let client = self.client();
        let mut query = self.plain();
        if self.random.one_in(2) {
            let message = query.bytes();
            return Case { client, message, is_plain: self.is_steered(&query, client) };
        }
        for _ in 0..=self.random.below(2) {
            self.make_odd(&mut query);
        }
        let mut message = query.bytes();
        if self.random.one_in(3) {
            self.mutate(&mut message);
        }
        Case { client, message, is_plain: false }
    }

    /// Whether the table has an answer to the name and type: not when the access domain is disabled.
    fn is_steered(&self, query: &Query, client: IpAddr) -> bool {
        let name = Name::from_wire(&query.qname.to_ascii_lowercase());
        name.is_ok_and(|name| self.table.find(&name, query.qtype, client).is_some())
    }

    /// An address that queries come from: around the edges of classes, or anywhere.
    fn client(&mut self) -> IpAddr {
        loop {
            let client = self.address();
            let answerable = match client {
                IpAddr::V4(v4) => !matches!(v4.octets()[0], 0 | 127 | 224..),
                IpAddr::V6(v6) => !v6.is_multicast() && v6.to_bits() > 1,
            };
            if answerable {
                return client;
            }
        }
    }

    fn address(&mut self) -> IpAddr {
        if self.random.one_in(4) {
            let octets: [u8; 16] = self.random.bytes(16).try_into().unwrap();
            return if self.random.one_in(2) {
                Ipv4Addr::from(*octets.first_chunk().unwrap()).into()
            } else {
                Ipv6Addr::from(octets).into()
            };
        }
        let step = self.random.below(3);
        match *self.random.pick(&self.edges) {
            IpAddr::V4(edge) => {
                Ipv4Addr::from(edge.to_bits().wrapping_sub(1).wrapping_add(u32::try_from(step).unwrap()))
                    .into()
            }
            IpAddr::V6(edge) => {
                Ipv6Addr::from(edge.to_bits().wrapping_sub(1).wrapping_add(u128::try_from(step).unwrap()))
                    .into()
            }
        }
    }

    /// A query as a resolver sends it, mostly for what is steered.
    fn plain(&mut self) -> Query {
        let (mut qname, mut qtype) = self.random.pick(&self.steered).clone();
        if self.random.one_in(8) {
            qname = wire(self.random.pick::<&str>(OTHER_NAMES)).unwrap();
        }
        if qtype == ANY_TYPE || self.random.one_in(8) {
            qtype = *self.random.pick(TYPES);
        }
        if self.random.one_in(2) {
            // 0x20: a change of case of a length byte below 64 is none.
            for byte in &mut qname {
                if byte.is_ascii_alphabetic() && self.random.one_in(2) {
                    *byte ^= 0x20;
                }
            }
        }
        let mut query = Query::new(qname, qtype);
        query.id = self.random.word();
        query.flags = self.random.word() & 0x0130;
        if !self.random.one_in(3) {
            let size = *self.random.pick(&[0, 511, 512, 513, 600, 1231, 1232, 1233, 4096, 65535]);
            query = query.with_opt(size, self.options());
            if let Some(opt) = &mut query.opt {
                opt.dnssec_ok = self.random.one_in(2);
            }
        }
        query
    }

    /// At most eight options, at most one of them a client subnet, well-formed.
    fn options(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut options: Vec<_> = (0..self.random.below(8))
            .filter(|_| self.random.one_in(4))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|_| {
                let code = self.random.word();
                let length = *self.random.pick(&[0, 1, 2, 7, 8, 24, 100]);
                (if code == ECS { 10 } else { code }, self.random.bytes(length))
            })
            .collect();
        if !self.random.one_in(3) {
            let at = self.random.below(options.len() + 1);
            options.insert(at, (ECS, self.subnet()));
        }
        options
    }

    fn subnet(&mut self) -> Vec<u8> {
        match self.address() {
            IpAddr::V4(address) => {
                let length = *self.random.pick(&[0, 1, 8, 9, 16, 20, 22, 23, 24, 25, 31, 32]);
                let kept = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                client_subnet(Ipv4Addr::from(address.to_bits() & kept).into(), length)
            }
            IpAddr::V6(address) => {
                let length =
                    *self.random.pick(&[0, 1, 16, 32, 47, 48, 49, 56, 57, 63, 64, 65, 100, 127, 128]);
                let kept = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                client_subnet(Ipv6Addr::from(address.to_bits() & kept).into(), length)
            }
        }
    }

    /// Changes one thing so that the query is no longer plain, or seldom is.
    fn make_odd(&mut self, query: &mut Query) {
        match self.random.below(14) {
            0 => query.flags = self.random.word(),
            1 => query.flags ^= 1 << self.random.below(16),
            2 => query.counts[self.random.below(4)] = u16::try_from(self.random.below(3)).unwrap(),
            3 => query.qclass = *self.random.pick(&[0, 2, 3, 254, 255, 256]),
            4 => query.qtype = self.random.word(),
            5 => query.qname.clone_from(&wire(&"longlabel.".repeat(1 + self.random.below(30))).unwrap()),
            6 => {
                let last = query.qname.len() - 1;
                let length = self.random.below(7);
                let label = [vec![u8::try_from(length).unwrap()], self.random.bytes(length)].concat();
                query.qname.splice(last..last, label);
            }
            7 => {
                let at = self.random.below(query.qname.len());
                query.qname[at] = *self.random.pick(&[0, 1, 0x3f, 0x40, 0x41, 0x80, 0xc0, 0xff]);
            }
            8 => {
                query.tail = {
                    let length = self.random.below(20);
                    self.random.bytes(length)
                }
            }
            9 => {
                // A second OPT record, or another record.
                query.counts[3] += 1;
                query.tail = self
                    .random
                    .pick(&[
                        b"\0\0\x29\x10\0\0\0\0\0\0\0".as_slice(),
                        b"\0\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01",
                        b"\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\0",
                    ])
                    .to_vec();
            }
            10 => {
                let data = self.subnet();
                query
                    .opt
                    .get_or_insert_with(|| Query::new(vec![0], 1).with_opt(1232, vec![]).opt.unwrap())
                    .options
                    .push((ECS, data));
            }
            11 => {
                if let Some((_, data)) =
                    query.opt.as_mut().and_then(|opt| opt.options.iter_mut().find(|(code, _)| *code == ECS))
                {
                    let at = self.random.below(data.len());
                    data[at] ^= 1 << self.random.below(8);
                }
            }
            12 => {
                if let Some(opt) = &mut query.opt {
                    opt.version = self.random.byte();
                }
            }
            _ => {
                if let Some(opt) = &mut query.opt {
                    let count = self.random.below(12);
                    opt.options.extend(
                        (0..count).map(|code| (u16::try_from(code).unwrap() + 20, vec![0; code % 3])),
                    );
                }
            }
        }
    }

    /// Changes some bytes, or cuts the message short.
    fn mutate(&mut self, message: &mut Vec<u8>) {
        if self.random.one_in(3) {
            message.truncate(self.random.below(message.len() + 1));
        }
        for _ in 0..self.random.below(4) {
            if !message.is_empty() {
                let at = self.random.below(message.len());
                message[at] = if self.random.one_in(2) {
                    self.random.byte()
                } else {
                    message[at] ^ (1 << self.random.below(8))
                };
            }
        }
    }
}
