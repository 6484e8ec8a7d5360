//! Whole selections through program and server: each gives an answer that is possible, the same one where no turn
//! decides, and the same scope.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gtm_common::abi::MAX_ANSWER;
use gtm_common::counters::Outcome;
use gtm_tests::dns::{apart, shown};
use gtm_tests::query::{TTL, client_subnet, wire};
use gtm_tests::random::Random;
use gtm_tests::service::{Ran, run};
use gtm_tests::{Datagram, Query, Service, privilege};
use gtm_userspace::config::model::{Sticky, Target};
use gtm_userspace::decision::selection::Member;
use gtm_userspace::decision::{Answer, Response, Selection};
use gtm_userspace::name::Name;

use crate::location::is_client;

const ROUNDS: u32 = 20;
const NAMES: usize = 50;
const QUERIES: usize = 3000;
const ECS: u16 = 8;
const A: u16 = 1;
const AAAA: u16 = 28;

/// Two names for each number, one of them tailored, with A and AAAA each; what they answer is stored afterwards.
pub(crate) fn service(names: usize) -> Service {
    let mut config = String::from(
        "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'example']\nfile = 'zone'\n\
         [source.near]\nprefixes = ['11.0.0.0/8', '11.1.2.128/25', '2001:db8:a::/48', '2001:db8:a:1::/64']\n",
    );
    for (kind, rtype, address) in [("ipv4", "A", "192.0.2.1"), ("ipv6", "AAAA", "2001:db8::1")] {
        for pool in [kind.to_owned(), format!("{kind}-near")] {
            writeln!(
                config,
                "[pool.{pool}]\nkind = '{kind}'\n[[pool.{pool}.address]]\naddress = '{address}'\nordinal = 1"
            )
            .unwrap();
        }
        for name in 0..names {
            writeln!(
                config,
                "[[domain]]\nname = 'n{name}.example'\ntype = '{rtype}'\npolicy = 'ordinal'\n\
                 [[domain.pool]]\npool = '{kind}'\nordinal = 1\n\
                 [[domain]]\nname = 't{name}.example'\ntype = '{rtype}'\npolicy = 'nearest-source'\n\
                 [[domain.pool]]\npool = '{kind}'\nordinal = 1\nsources = ['default']\n\
                 [[domain.pool]]\npool = '{kind}-near'\nordinal = 2\nsources = ['near']"
            )
            .unwrap();
        }
    }
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    Service::from_text(&config, zone).unwrap()
}

/// What a selection answers with our TTL.
pub(crate) fn compile(selection: Selection, max_answers: Option<u16>) -> Answer {
    Answer::compile(&Response::Answer { selection, max_answers }, TTL, |_| false)
}

/// Selections of both levels at random.
struct Selections<'r> {
    random: &'r mut Random,
    qtype: u16,
}

impl Selections<'_> {
    fn target(&mut self) -> Target {
        let number = self.random.byte();
        if self.random.one_in(12) {
            let label = "x".repeat(1 + usize::from(number) % 60);
            return Target::Name(format!("{label}.example.net").parse().unwrap());
        }
        Target::Ip(match self.qtype {
            A => Ipv4Addr::new(192, 0, 2, number).into(),
            _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
        })
    }

    /// Several, a few more than the kernel takes now and then.
    fn count(&mut self) -> usize {
        if self.random.one_in(10) { 14 + self.random.below(5) } else { 1 + self.random.below(5) }
    }

    fn level(&mut self, mut inner: impl FnMut(&mut Self) -> Selection) -> Selection {
        let count = self.count();
        let parts: Vec<_> = (0..count).map(|_| inner(self)).collect();
        let member = |random: &mut Random, (index, selection)| {
            let weight = 1 + u8::try_from(random.below(100)).unwrap();
            Member { name: format!("member{index}"), weight, selection }
        };
        match self.random.below(4) {
            0 => Selection::All(parts),
            1 => Selection::Weighted(
                parts.into_iter().enumerate().map(|part| member(self.random, part)).collect(),
            ),
            2 => {
                let ipv4 = 1 + u8::try_from(self.random.below(32)).unwrap();
                let ipv6 = 1 + u8::try_from(self.random.below(128)).unwrap();
                let sticky = if self.random.one_in(2) { Sticky::default() } else { Sticky { ipv4, ipv6 } };
                let members = parts.into_iter().enumerate().map(|part| member(self.random, part));
                Selection::Sticky(sticky, members.collect())
            }
            _ => parts.into_iter().next().unwrap(),
        }
    }

    fn whole(&mut self) -> Selection {
        self.level(|pools| pools.level(|addresses| Selection::Target(addresses.target())))
    }
}

fn client(random: &mut Random) -> IpAddr {
    let near = random.one_in(2);
    if random.one_in(2) {
        let [b, c, d] = [random.byte(), random.byte(), random.byte()];
        let first = if near { 11 } else { 1 + random.byte() % 126 };
        Ipv4Addr::new(first, if near { 1 } else { b }, if near { 2 } else { c }, d).into()
    } else {
        let mut octets: [u8; 16] = random.bytes(16).try_into().unwrap();
        octets[..2].copy_from_slice(&[0x20, 0x01]);
        if near {
            octets[2..7].copy_from_slice(&[0x0d, 0xb8, 0, 0x0a, 0]);
        }
        Ipv6Addr::from(octets).into()
    }
}

/// A client subnet that holds the address, and its first address.
fn subnet(random: &mut Random, address: IpAddr) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(v4) => {
            let length = *random.pick(&[1, 8, 16, 20, 24, 25, 32]);
            (Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - u32::from(length)))).into(), length)
        }
        IpAddr::V6(v6) => {
            let length = *random.pick(&[1, 32, 48, 56, 64, 100, 128]);
            (Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - u32::from(length)))).into(), length)
        }
    }
}

#[test]
fn whole_selections() {
    if !privilege::root_or_skip("whole_selections") {
        return;
    }
    let mut random = Random::new(7);
    let service = service(NAMES);
    let (mut sent, mut same) = (0_u32, 0_u32);
    for round in 0..ROUNDS {
        let table = service.decider().table();
        let mut entries: Vec<_> = table.names.values().flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.slot);
        for entry in entries {
            // A tailored entry has a slot for each of the two routes.
            for slot in entry.slot..entry.slot + 1 + u32::from(entry.is_tailored()) {
                let selection = Selections { random: &mut random, qtype: entry.qtype }.whole();
                let max = random.one_in(3).then(|| 1 + u16::try_from(random.below(16)).unwrap());
                service.store(slot, compile(selection, max));
            }
        }
        let generation = service.generation().unwrap();
        for _ in 0..QUERIES {
            let (from, qtype) = (client(&mut random), *random.pick(&[A, AAAA]));
            let name = format!("{}{}.example", random.pick(&["n", "t"]), random.below(NAMES));
            let mut query = Query::new(wire(&name).unwrap(), qtype);
            let mut asking = from;
            if random.one_in(2) {
                let address = client(&mut random);
                let (prefix, length) = subnet(&mut random, address);
                query = query.with_opt(4096, vec![(ECS, client_subnet(prefix, length))]);
                asking = if is_client(prefix) { prefix } else { from };
            }
            let steered = table.find(&name.parse::<Name>().unwrap(), qtype, asking).unwrap();
            let context = || format!("round {round}, {name} {qtype} for {asking}: {:?}", steered.answer);
            let response = service.respond(&query.bytes(), from).unwrap();
            let (server, rest) = apart(&response).unwrap();
            let is_truncated = response[2] & 2 != 0;
            assert!(is_truncated || steered.answer.admits(&server, asking), "{}: {server:?}", context());
            let datagram = service.datagram(from, &query.bytes()).unwrap();
            let (ran, outcome) = run(&generation, &datagram.frame().unwrap()).unwrap();
            let Ran::Sent(frame) = ran else {
                let fits = steered.answer.most_bytes() <= MAX_ANSWER;
                assert!(!steered.answer.is_for_kernel() || !fits, "{}: {}", outcome.name(), context());
                continue;
            };
            let reply = Datagram::read(&frame).unwrap();
            let (program, program_rest) = apart(&reply.payload).unwrap();
            if outcome == Outcome::AnsweredTruncated || is_truncated {
                // Which answer does not fit may be a matter of the turn.
                assert!(program.is_empty() || server.is_empty(), "{}", context());
                continue;
            }
            assert!(steered.answer.admits(&program, asking), "{}: {}", context(), shown(&reply.payload));
            sent += 1;
            assert_eq!(program_rest, rest, "{}", context());
            // One record, and no other is possible: then no turn has decided.
            if let ([record], [other]) = (program.as_slice(), server.as_slice())
                && is_by_client(&steered.answer)
            {
                assert_eq!(record, other, "{}", context());
                same += 1;
            }
        }
    }
    assert!(sent > ROUNDS * 1500 && same > ROUNDS * 60, "{sent} {same}");
}

/// True when nothing but the client decides.
fn is_by_client(answer: &Answer) -> bool {
    match answer {
        Answer::Records(block) => block.rotations == 1,
        Answer::Sticky(_, members) => members.iter().all(|member| is_by_client(&member.answer)),
        Answer::Turn(_)
        | Answer::Weighted(_)
        | Answer::Gather { .. }
        | Answer::Empty { .. }
        | Answer::Zone => false,
    }
}

/// What is answered without records, and by a slot that is left to the zone: it steers nothing.
#[test]
fn without_records() {
    if !privilege::root_or_skip("without_records") {
        return;
    }
    let service = service(1);
    let slot = service.decider().table().names[&"n0.example".parse::<Name>().unwrap()][0].slot;
    let query: Query = "n0.example A".parse().unwrap();
    let from: IpAddr = [192, 0, 2, 99].into();
    // Flags and counts; no name of the zone is asked for, but it was steered when the zones were made.
    for (response, expect) in [
        (Response::NoData, [0x8400, 1, 0, 1, 0]),
        (Response::ServFail, [0x8002, 1, 0, 0, 0]),
        (Response::Refused, [0x8005, 1, 0, 0, 0]),
        (Response::Zone, [0x8400, 1, 0, 1, 0]),
    ] {
        service.store(slot, Answer::compile(&response, TTL, |_| false));
        let answer = service.respond(&query.bytes(), from).unwrap();
        let head: Vec<u16> =
            answer[2..12].chunks_exact(2).map(|word| u16::from_be_bytes(word.try_into().unwrap())).collect();
        assert_eq!(head, expect, "{response}");
        let generation = service.generation().unwrap();
        let frame = service.datagram(from, &query.bytes()).unwrap().frame().unwrap();
        let (Ran::Sent(sent), _) = run(&generation, &frame).unwrap() else { panic!("{response}: passed") };
        assert_eq!(Datagram::read(&sent).unwrap().payload, answer, "{response}");
    }
}
