//! The search for a client's class, on the host and in the program, against the plain partition.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use gtm_common::abi::TypeEntry;
use gtm_common::location::{is_client_v4, is_client_v6};
use gtm_tests::service::{Ran, run};
use gtm_tests::{Datagram, Query, Random, Service, privilege};
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{
    AccessDomain, Address, Policy, Pool, PoolId, PoolKind, PoolUse, Source, SourceId, SteeredType, Target,
};
use gtm_userspace::decision::Conditions;
use gtm_userspace::decision::location::Location;
use gtm_userspace::geo::{Class, ClassId, MatchedBy, Partition, SourceMatch};
use gtm_userspace::name::Name;
use gtm_userspace::zone::{Node, Zone};
use proptest::prelude::*;

/// Classes in the partitions.
const CLASSES: u32 = 4;

/// A cut of the address space: where ranges begin, and of which class each is.
#[derive(Debug, Clone)]
struct Cut<A> {
    starts: Vec<(A, u32)>,
}

impl<A: Copy + Ord + Default> Cut<A> {
    /// Ranges as a partition has them: from 0, ascending, neighbours of different classes.
    fn ranges(&self) -> Vec<(A, ClassId)> {
        let mut starts = self.starts.clone();
        starts.push((A::default(), 0));
        starts.sort_unstable();
        starts.dedup_by_key(|(start, _)| *start);
        let mut ranges: Vec<(A, ClassId)> = Vec::new();
        for (start, class) in starts {
            if ranges.last().is_none_or(|(_, last)| last.0 != class) {
                ranges.push((start, ClassId(class)));
            }
        }
        ranges
    }
}

fn partition(v4: &Cut<u32>, v6: &Cut<u128>) -> Partition {
    let class = |index| {
        let matched = SourceMatch { source: SourceId(index), by: MatchedBy::Default };
        Class { matches: vec![matched] }
    };
    let classes = (0..usize::try_from(CLASSES).unwrap()).map(class).collect();
    Partition { classes, v4: v4.ranges(), v6: v6.ranges() }
}

/// Starts anywhere, at whole prefixes, at those of 24 bits, close beside each other, and at the end.
fn starts_v4(classes: u32) -> impl Strategy<Value = Cut<u32>> {
    let start = prop_oneof![
        any::<u32>(),
        (any::<u32>(), 0..32_u32).prop_map(|(bits, length)| bits & (u32::MAX << (31 - length))),
        (0..200_u32).prop_map(|network| (0x0b00_0000 - 0x5000) + (network << 8)),
        (0..4_u32, 0..300_u32).prop_map(|(upper, step)| (upper << 15).wrapping_sub(150).wrapping_add(step)),
        (0..20_u32).prop_map(|step| u32::MAX - step),
    ];
    cut(start, classes)
}

fn starts_v6(classes: u32) -> impl Strategy<Value = Cut<u128>> {
    let start = prop_oneof![
        any::<u128>(),
        any::<u128>().prop_map(|bits| (1 << 125) | (bits >> 3)),
        (any::<u128>(), 0..128_u32).prop_map(|(bits, length)| bits & (u128::MAX << (127 - length))),
        (0..4_u128, 0..300_u128)
            .prop_map(|(upper, step)| (upper << 109).wrapping_sub(150).wrapping_add(step)),
        (0..4_u128, 0..4_u128, 0..3_u128)
            .prop_map(|(upper, high, low)| (0x2001 << 112) + (upper << 109) + (high << 64) + low),
        (0..20_u128).prop_map(|step| u128::MAX - step),
    ];
    cut(start, classes)
}

fn cut<A: Debug>(start: impl Strategy<Value = A>, classes: u32) -> impl Strategy<Value = Cut<A>> {
    // Of few kinds and of many, so that what begins at each place differs.
    let class = prop_oneof![0..CLASSES, classes - CLASSES..classes];
    prop::collection::vec((start, class), 0..80).prop_map(|starts| Cut { starts })
}

/// The class that the partition gives, and the shortest prefix around the address that has one class alone.
fn plain(partition: &Partition, address: IpAddr) -> (ClassId, u8) {
    fn scope<A: Copy>(ranges: &[(A, ClassId)], bits: u128, width: u32, number: fn(A) -> u128) -> u8 {
        let is_one_class = |length: &u32| {
            let host_bits = u128::MAX.checked_shr(128 - width + length).unwrap_or(0);
            let begun = |last: u128| ranges.partition_point(|(start, _)| number(*start) <= last);
            // Neighbours differ in class: more than one exactly where a range begins behind the first address.
            begun(bits & !host_bits) == begun(bits | host_bits)
        };
        (0..=width).find(is_one_class).unwrap().try_into().unwrap()
    }
    let scope = match address {
        IpAddr::V4(v4) => scope(&partition.v4, v4.to_bits().into(), 32, u128::from),
        IpAddr::V6(v6) => scope(&partition.v6, v6.to_bits(), 128, |start| start),
    };
    (partition.class_of(address), scope)
}

/// The addresses at which a search goes wrong first: around every start, the ends, and some others.
fn addresses(partition: &Partition, others: &[u128]) -> Vec<IpAddr> {
    let v4 = partition
        .v4
        .iter()
        .map(|(start, _)| *start)
        .chain(others.iter().map(|bits| u32::try_from(bits >> 96).unwrap()));
    let v6 = partition.v6.iter().map(|(start, _)| *start).chain(others.iter().copied());
    let v4 = v4.flat_map(|bits| {
        [bits.wrapping_sub(1), bits, bits.wrapping_add(1)].map(|bits| Ipv4Addr::from(bits).into())
    });
    let v6 = v6.flat_map(|bits| {
        [bits.wrapping_sub(1), bits, bits.wrapping_add(1)].map(|bits| Ipv6Addr::from(bits).into())
    });
    v4.chain(v6).collect()
}

proptest! {
    #[test]
    fn every_address_is_found_in_its_class(
        (v4, v6) in prop_oneof![Just(CLASSES), Just(257), Just(65_537)]
            .prop_flat_map(|classes| (starts_v4(classes), starts_v6(classes))),
        others in prop::collection::vec(any::<u128>(), 0..20),
    ) {
        let partition = partition(&v4, &v6);
        let location = Location::new(&partition);
        for address in addresses(&partition, &others) {
            prop_assert_eq!(location.find(address), Some(plain(&partition, address)), "{}", address);
        }
    }
}

/// The same at the sizes that databases have, at some of the starts and anywhere.
#[test]
fn every_address_is_found_at_every_size() {
    let mut random = Random::new(3);
    for count in [1_u32, 2, 1000, 100_000, 1_000_000] {
        let mut number = || u128::from_be_bytes(random.bytes(16).try_into().unwrap());
        let class = |bits: u128| u32::try_from(bits % 200).unwrap();
        // Networks of 24 bits and of 48, of which every fourth is cut somewhere, in as much space as they fill densely.
        let starts: Vec<u128> = (0..count).map(|_| number()).collect();
        let v4 = starts.iter().map(|bits| {
            let start = 0x0100_0000 + u32::try_from(bits % (u128::from(count) << 10)).unwrap();
            (if bits >> 126 == 0 { start } else { start & !0xff }, class(bits >> 64))
        });
        let v6 = starts.iter().map(|bits| {
            let start = (0x2001_u128 << 112) + ((bits % (u128::from(count) << 4)) << 80);
            (if bits >> 126 == 0 { start | (bits >> 80) } else { start }, class(bits >> 64))
        });
        let partition = partition(&Cut { starts: v4.collect() }, &Cut { starts: v6.collect() });
        let location = Location::new(&partition);
        let mut some = partition.clone();
        let step = partition.v4.len() / 5000 + 1;
        some.v4 = partition.v4.iter().copied().step_by(step).collect();
        some.v6 = partition.v6.iter().copied().step_by(step).collect();
        let others: Vec<u128> = (0..5000).map(|_| number()).collect();
        for address in addresses(&some, &others) {
            assert_eq!(location.find(address), Some(plain(&partition, address)), "{address}, {count} starts");
        }
    }
}

/// The same through the program: each class is answered an address of its own, and its scope.
#[test]
fn the_program_finds_every_client_in_its_class() {
    if !privilege::root_or_skip("the_program_finds_every_client_in_its_class") {
        return;
    }
    let mut random = Random::new(7);
    // From one range for each family to many, and to many more than one step of the index holds.
    for count in [0, 1, 2, 7, 300, 5000] {
        let mut numbers = || u128::from_be_bytes(random.bytes(16).try_into().unwrap());
        let mut cut = || -> Vec<u128> { (0..count).map(|_| numbers()).collect() };
        let (wide, narrow) = (cut(), cut());
        let class = |bits: u128| u32::try_from(bits % u128::from(CLASSES)).unwrap();
        let v4 = wide.iter().map(|bits| u32::try_from(bits >> 96).unwrap());
        // Half of the starts have the same upper 16 bits.
        let near = narrow.iter().map(|bits| 0x0b00_0000 | u32::try_from(bits >> 112).unwrap());
        // And some are those of networks of 24 bits, of which one cell has a hundred.
        let networks = narrow.iter().flat_map(|bits| {
            let bits = u32::try_from(bits >> 96).unwrap();
            [0x0c00_0000 | (bits >> 8 & 0xff_ff00), 0x0d00_0000 | (bits & 0x7f00)]
        });
        let v4 = Cut {
            starts: v4
                .chain(near)
                .chain(networks)
                .zip(wide.iter().chain(&narrow).cycle())
                .map(|(start, bits)| (start, class(*bits)))
                .collect(),
        };
        let near = narrow.iter().map(|bits| (0x2001_u128 << 112) | (bits >> 16));
        let v6 = Cut {
            starts: wide
                .iter()
                .copied()
                .chain(near)
                .zip(wide.iter().chain(&narrow))
                .map(|(start, bits)| (start, class(*bits)))
                .collect(),
        };
        let partition = partition(&v4, &v6);
        let mut others = addresses(&partition, &cut());
        let service = Service::new(model(), partition, Conditions::default());
        let generation = service.generation().unwrap();
        while others.len() > 2000 {
            others.swap_remove(random.below(others.len()));
        }
        for address in others {
            check(&service, &generation, address);
        }
    }
}

fn check(service: &Service, generation: &gtm_userspace::dataplane::Generation, address: IpAddr) {
    let (class, scope) = plain(service.partition(), address);
    let record = || [format!("192.0.2.{}", class.0).as_str().into()];
    let width = if address.is_ipv4() { 32 } else { 128 };
    let plain: Query = "www.example A".parse().unwrap();
    let subnet: Query = format!("www.example A edns ecs={address}/{width}").parse().unwrap();
    // One class for all: then no answer depends on the client.
    let table = service.decider().table();
    let scope = if table.names.values().flatten().any(TypeEntry::is_tailored) { scope } else { 0 };
    let mut asked = vec![(address, plain, 0)];
    if is_client(address) {
        asked.push(("192.0.2.1".parse().unwrap(), subnet, scope));
    }
    for (from, query, scope) in asked {
        let datagram = service.datagram(from, &query.bytes()).unwrap();
        let (ran, outcome) = run(generation, &datagram.frame().unwrap()).unwrap();
        match ran {
            Ran::Sent(frame) => {
                let expect = datagram.reply(query.answer(&record(), scope));
                assert_eq!(Datagram::read(&frame).unwrap(), expect, "{address} in class {class:?}");
            }
            Ran::Passed => assert_eq!(outcome.name(), "passed_bad_sender", "{address}"),
        }
    }
}

/// Whether a client subnet of this address tells who asks.
pub(crate) fn is_client(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_client_v4(address.to_bits()),
        IpAddr::V6(address) => {
            let [high, low] = [64, 0].map(|shift| (address.to_bits() >> shift) & u128::from(u64::MAX));
            is_client_v6(high.try_into().unwrap(), low.try_into().unwrap())
        }
    }
}

/// One access domain, in which the pool of each class has one address that ends in the number of the class.
fn model() -> Model {
    let mut model = Model::default();
    model.service.listen = vec!["198.51.100.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()];
    let origin: Name = "example".parse().unwrap();
    let nodes = HashMap::from([(origin.clone(), Node::new())]);
    model.zones.push(Zone { origin, source: Arc::default(), nodes: nodes.into() });
    let mut pools = Vec::new();
    for class in 0..usize::try_from(CLASSES).unwrap() {
        model.sources.push(Source { name: format!("source{class}"), ..Source::default() });
        let target = Target::Ip(format!("192.0.2.{class}").parse().unwrap());
        let name = format!("pool{class}");
        model
            .pools
            .push(Pool { addresses: vec![Address::new(target, 1)], ..Pool::new(name, PoolKind::Ipv4) });
        let ordinal = u32::try_from(class).unwrap() + 1;
        pools.push(PoolUse { sources: vec![SourceId(class)], ..PoolUse::new(PoolId(class), ordinal) });
    }
    model.domains.push(AccessDomain {
        ttl: gtm_tests::query::TTL,
        pools,
        ..AccessDomain::new("www.example".parse().unwrap(), SteeredType::A, Policy::NearestSource)
    });
    model
}
