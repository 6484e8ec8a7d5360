//! The search for a client's class, on the host and in the program, against the plain partition.

use std::collections::HashMap;
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

/// Starts anywhere, at whole prefixes, and close beside each other.
fn starts_v4() -> impl Strategy<Value = Cut<u32>> {
    let start = prop_oneof![
        any::<u32>(),
        (any::<u32>(), 0..32_u32).prop_map(|(bits, length)| bits & (u32::MAX << (31 - length))),
        (0..4_u32, 0..300_u32).prop_map(|(upper, step)| (upper << 16).wrapping_sub(150).wrapping_add(step)),
    ];
    prop::collection::vec((start, 0..CLASSES), 0..80).prop_map(|starts| Cut { starts })
}

fn starts_v6() -> impl Strategy<Value = Cut<u128>> {
    let start = prop_oneof![
        any::<u128>(),
        (any::<u128>(), 0..128_u32).prop_map(|(bits, length)| bits & (u128::MAX << (127 - length))),
        (0..4_u128, 0..300_u128)
            .prop_map(|(upper, step)| (upper << 112).wrapping_sub(150).wrapping_add(step)),
        (0..4_u128, 0..4_u128, 0..3_u128).prop_map(|(upper, high, low)| (upper << 112) + (high << 64) + low),
    ];
    prop::collection::vec((start, 0..CLASSES), 0..80).prop_map(|starts| Cut { starts })
}

/// The class that the partition gives, and the shortest prefix around the address that has one class alone, found by
/// looking at every range.
fn plain(partition: &Partition, address: IpAddr) -> (ClassId, u8) {
    let class = partition.class_of(address);
    let (bits, width, starts): (u128, u32, Vec<u128>) = match address {
        IpAddr::V4(v4) => {
            (v4.to_bits().into(), 32, partition.v4.iter().map(|(start, _)| u128::from(*start)).collect())
        }
        IpAddr::V6(v6) => (v6.to_bits(), 128, partition.v6.iter().map(|(start, _)| *start).collect()),
    };
    let is_one_class = |length: &u32| {
        let host_bits = u128::MAX.checked_shr(128 - width + length).unwrap_or(0);
        let (first, last) = (bits & !host_bits, bits | host_bits);
        // Neighbours differ in class: more than one exactly where a range begins behind the first address.
        !starts.iter().any(|start| first < *start && *start <= last)
    };
    let scope = (0..=width).find(is_one_class).unwrap();
    (class, scope.try_into().unwrap())
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
        v4 in starts_v4(),
        v6 in starts_v6(),
        others in prop::collection::vec(any::<u128>(), 0..20),
    ) {
        let partition = partition(&v4, &v6);
        let location = Location::new(&partition);
        for address in addresses(&partition, &others) {
            prop_assert_eq!(location.find(address), Some(plain(&partition, address)), "{}", address);
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
        let v4 = Cut {
            starts: v4
                .chain(near)
                .zip(wide.iter().chain(&narrow))
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
