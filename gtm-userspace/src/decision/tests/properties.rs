//! What holds for every configuration, client and state of health.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::*;
use crate::decision::choose::{Choice, Choosing, LastResort, Reason, choose};
use crate::decision::conditions::{AddressState, PoolState};
use crate::decision::explain::Outcome;
use crate::decision::route::route;

/// A model with one to three access domains, a partition, and a history of verdicts.
#[derive(Debug, Clone)]
struct World {
    model: Arc<Model>,
    partition: Partition,
    verdicts: Vec<Verdict>,
    history: Vec<(Index, Verdict)>,
}

fn verdict() -> impl Strategy<Value = Verdict> {
    select(vec![Verdict::Failed, Verdict::Passing])
}

/// A pool in the words of [`add_domain`], for an access domain by source or by ordinal.
fn pool(by_source: bool) -> impl Strategy<Value = String> {
    let policies = vec![
        "",
        "",
        "disabled",
        "stays",
        "round-robin",
        "round-robin sticky",
        "weight w3",
        "weight sticky w0",
        "nearest-source",
        "all",
        "50%",
        "min2",
    ];
    let marks = select(policies);
    let sources = subsequence(SOURCES.to_vec(), 1..3);
    let last = subsequence((1..8).collect::<Vec<u8>>(), 0..4).prop_shuffle();
    let address = (last, [address_marks(), address_marks(), address_marks()]);
    (marks, sources, address).prop_map(move |(marks, sources, (lasts, words))| {
        let sources = if by_source { format!("for {}", sources.join(" ")) } else { String::new() };
        let of = if marks.contains("nearest-source") { "for a default" } else { "" };
        let addresses: Vec<_> =
            lasts.iter().zip(words).map(|(last, words)| format!("{last} {words} {of}")).collect();
        format!("{marks} {sources}: {}", addresses.join(", "))
    })
}

fn address_marks() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "w0", "w7", "online", "offline", "disabled", "unchecked"])
}

/// Pools, and how the access domain chooses among them unless they are by source.
fn domain() -> impl Strategy<Value = (Vec<String>, Policy, AccessDomain)> {
    let policies = select(vec![Policy::Ordinal, Policy::RoundRobin, Policy::Weight]);
    let preemption = select(vec![Preemption::Preemptive, Preemption::NonPreemptive]);
    let sticky = select(vec![None, Some(Sticky::default())]);
    let all_down = select(vec![
        AllDownAction::DefaultPool,
        AllDownAction::AsIfUp,
        AllDownAction::LastGood,
        AllDownAction::Pool(PoolId(0)),
        AllDownAction::NoData,
    ]);
    let fallback = select(vec![SourceFallback::Default, SourceFallback::NextMatch]);
    let pools = any::<bool>().prop_flat_map(|by_source| prop::collection::vec(pool(by_source), 1..4));
    (pools, policies, preemption, sticky, all_down, fallback).prop_map(
        |(pools, policy, preemption, sticky, all_down, source_fallback)| {
            let name = "template.example.com".parse().unwrap();
            let template = AccessDomain::new(name, SteeredType::A, policy);
            (pools, policy, AccessDomain { preemption, sticky, all_down, source_fallback, ..template })
        },
    )
}

/// One to four classes, and ranges that change class at a few places.
fn partition() -> impl Strategy<Value = Partition> {
    let words =
        subsequence(vec!["a", "b", "c"], 0..=3).prop_shuffle().prop_map(|names| class(&names.join(" ")));
    let classes = prop::collection::vec(words, 1..5);
    let starts = || prop::collection::btree_map(any::<u32>(), any::<Index>(), 0..6);
    (classes, starts(), starts()).prop_map(|(classes, v4, v6)| {
        let of = |index: &Index| ClassId(u32::try_from(index.index(classes.len())).unwrap());
        let ranges = |starts: &BTreeMap<u32, Index>| {
            let mut ranges = vec![(0, ClassId(0))];
            ranges.extend(
                starts.iter().map(|(start, index)| (*start, of(index))).filter(|(start, _)| *start > 0),
            );
            ranges.dedup_by_key(|(_, class)| *class);
            ranges
        };
        // Half of the IPv6 ranges differ in the upper 64 bits, the others in the lower ones.
        let place = |start: u32| u128::from(start) << if start.is_multiple_of(2) { 96 } else { 8 };
        let mut v6: Vec<_> = ranges(&v6).into_iter().map(|(start, class)| (place(start), class)).collect();
        v6.sort_unstable();
        v6.dedup_by_key(|(_, class)| *class);
        Partition { v4: ranges(&v4), v6, classes }
    })
}

fn world() -> impl Strategy<Value = World> {
    let domains = prop::collection::vec((domain(), prop::bool::weighted(0.9)), 1..4);
    let verdicts = prop::collection::vec(verdict(), 8);
    let history = prop::collection::vec((any::<Index>(), verdict()), 0..12);
    (domains, partition(), verdicts, history).prop_map(|(domains, partition, verdicts, history)| {
        let mut model = empty_model();
        for (number, ((pools, policy, template), enabled)) in domains.iter().enumerate() {
            let pools: Vec<_> = pools.iter().map(String::as_str).collect();
            add_domain(&mut model, &format!("n{number}.example.com"), &pools);
            let AccessDomain { name, pools, policy: by_pools, .. } = model.domains.remove(number);
            let policy = if by_pools == Policy::NearestSource { by_pools } else { *policy };
            let enabled = *enabled;
            model.domains.push(AccessDomain { name, enabled, policy, pools, ..template.clone() });
        }
        let verdicts = verdicts.into_iter().take(model.checks.len()).collect();
        World { model: Arc::new(model), partition, verdicts, history }
    })
}

impl World {
    fn conditions(&self) -> Conditions {
        Conditions { verdicts: self.verdicts.clone(), ..Conditions::default() }
    }

    fn decider(&self, conditions: Conditions) -> Decider {
        Decider::new(Arc::clone(&self.model), &self.partition, conditions)
    }

    /// The choice for a class, whatever was remembered.
    fn choose(&self, domain: DomainId, class: &Class, conditions: &Conditions) -> Choice {
        let model = &self.model;
        let route = route(model, &model.domains[domain.0], class);
        choose(Choosing { model, conditions, domain, route: &route, last_good: None })
    }

    fn domains(&self) -> impl Iterator<Item = (DomainId, &AccessDomain)> {
        let enabled = |(index, domain)| (DomainId(index), domain);
        self.model.domains.iter().enumerate().map(enabled).filter(|(_, domain)| domain.enabled)
    }

    /// The targets of the addresses in these states of pools in these states.
    fn targets(
        &self,
        domain: &AccessDomain,
        conditions: &Conditions,
        pools: fn(PoolState) -> bool,
        addresses: fn(AddressState) -> bool,
    ) -> Vec<&Target> {
        let all = domain.pools.iter().map(|used| used.pool);
        let chosen = all.filter(|pool| pools(conditions.pool(&self.model, *pool)));
        let of_pool = |pool: PoolId| {
            let all = self.model.pool(pool).addresses.iter().enumerate();
            all.filter(move |(at, address)| addresses(conditions.address(pool, *at, address)))
                .map(|(_, address)| &address.target)
        };
        chosen.flat_map(of_pool).collect()
    }

    /// The first and the last address of every range, and some in between.
    fn clients(&self, sample: u128) -> Vec<IpAddr> {
        let v4 =
            self.partition.v4.iter().flat_map(|(start, _)| [*start, start.wrapping_sub(1), *start | 0xff]);
        let v6 =
            self.partition.v6.iter().flat_map(|(start, _)| [*start, start.wrapping_sub(1), *start | sample]);
        let v4 = v4
            .chain([u32::try_from(sample >> 96).unwrap()])
            .map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
        v4.chain(v6.chain([sample]).map(|bits| IpAddr::from(std::net::Ipv6Addr::from_bits(bits)))).collect()
    }
}

/// First and last address of the prefix of this length around an address.
fn ends(address: IpAddr, length: u8) -> [IpAddr; 2] {
    match address {
        IpAddr::V4(address) => {
            let rest = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            [address.to_bits() & !rest, address.to_bits() | rest].map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(address) => {
            let rest = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            [address.to_bits() & !rest, address.to_bits() | rest]
                .map(|bits| std::net::Ipv6Addr::from_bits(bits).into())
        }
    }
}

proptest! {
    // Each case compiles several tables with their indexes of 65,537 elements.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_unavailable_member_is_never_chosen_while_an_available_one_exists(world in world()) {
        let conditions = world.conditions();
        for (id, domain) in world.domains() {
            let good = world.targets(domain, &conditions, PoolState::is_available, AddressState::is_available);
            for class in &world.partition.classes {
                let choice = world.choose(id, class, &conditions);
                let targets = choice.response.targets();
                if good.is_empty() {
                    prop_assert!(choice.reason.is_all_down(), "{choice:?}");
                } else {
                    prop_assert!(targets.iter().all(|target| good.contains(target)), "{choice:?}");
                    let is_empty = choice.reason == Reason::NoPoolForClient;
                    prop_assert_eq!(targets.is_empty(), is_empty, "{:?}", choice);
                }
            }
        }
    }

    #[test]
    fn without_an_available_address_only_what_is_enabled_and_not_offline_is_answered(world in world()) {
        let conditions = world.conditions();
        for (id, domain) in world.domains() {
            let resorts = world.targets(domain, &conditions, |state| state != PoolState::Disabled, AddressState::is_last_resort);
            // The configured fallback pool need not be one of the access domain's own.
            let fallback = domain.all_down == AllDownAction::Pool(PoolId(0));
            for class in &world.partition.classes {
                let choice = world.choose(id, class, &conditions);
                let targets = choice.response.targets();
                prop_assert!(fallback || targets.iter().all(|target| resorts.contains(target)), "{choice:?}");
                if choice.reason == Reason::AllDown(LastResort::Nothing) && domain.all_down != AllDownAction::AsIfUp {
                    prop_assert!(resorts.is_empty(), "{choice:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_answer(world in world()) {
        let [one, two] = [world.decider(world.conditions()), world.decider(world.conditions())];
        prop_assert_eq!(fixed_part(one.table()), fixed_part(two.table()));
        prop_assert_eq!(answers(one.table()), answers(two.table()));
    }

    #[test]
    fn verdict_by_verdict_gives_what_a_new_decider_gives(world in world()) {
        let mut decider = world.decider(world.conditions());
        let before = answers(decider.table());
        let mut conditions = decider.conditions().clone();
        let mut told: BTreeMap<u32, Vec<(Choice, Choice)>> = BTreeMap::new();
        for (index, verdict) in &world.history {
            if conditions.verdicts.is_empty() { break }
            let check = index.index(conditions.verdicts.len());
            let was = answers(decider.table());
            let switches = decider.set_verdict(CheckId(check), *verdict).switches;
            conditions.verdicts[check] = *verdict;
            conditions.memory = decider.conditions().memory.clone();

            let anew = world.decider(conditions.clone());
            prop_assert_eq!(decider.conditions(), &conditions);
            prop_assert_eq!(fixed_part(decider.table()), fixed_part(anew.table()));
            let now = answers(decider.table());
            prop_assert_eq!(&now, &answers(anew.table()));
            for (slot, (was, now)) in was.iter().zip(&now).enumerate() {
                let switched = switches.iter().any(|switch| usize::try_from(switch.slot).unwrap() == slot);
                prop_assert!(switched || was == now, "slot {} changed without a switch", slot);
            }
            for switch in switches {
                prop_assert_ne!(&switch.from, &switch.to);
                told.entry(switch.slot).or_default().push((switch.from, switch.to));
            }
        }
        for (slot, steps) in told {
            let slot = usize::try_from(slot).unwrap();
            prop_assert!(steps.windows(2).all(|pair| pair[0].1 == pair[1].0), "{:?}", steps);
            prop_assert_eq!(&compiled(&steps[0].0.response, 30), &before[slot]);
            prop_assert_eq!(&compiled(&steps[steps.len() - 1].1.response, 30), &answers(decider.table())[slot]);
        }
    }

    #[test]
    fn the_table_answers_each_client_what_is_chosen_for_its_class(world in world(), sample in any::<u128>()) {
        let decider = world.decider(world.conditions());
        let conditions = decider.conditions();
        for client in world.clients(sample) {
            let class = &world.partition.classes[usize::try_from(world.partition.class_of(client).0).unwrap()];
            for (index, domain) in world.model.domains.iter().enumerate() {
                let found = decider.table().find(&domain.name, 1, client);
                prop_assert_eq!(found.is_some(), domain.enabled, "every class finds a slot");
                let Some(steered) = found else { continue };
                let expect = compiled(&world.choose(DomainId(index), class, conditions).response, domain.ttl);
                prop_assert_eq!(&*steered.answer, &expect, "{} for {}", domain.name, client);
                for other in ends(client, steered.scope) {
                    let same = decider.table().find(&domain.name, 1, other).unwrap();
                    prop_assert_eq!(&same.answer, &steered.answer, "{} and {} in one /{}", client, other, steered.scope);
                }
            }
        }
    }

    #[test]
    fn the_explanation_is_of_what_the_table_answers(world in world(), sample in any::<u128>()) {
        let decider = world.decider(world.conditions());
        let (databases, zones) = (Databases::default(), ZoneSet::default());
        let explainer = Explainer { decider: &decider, partition: &world.partition, databases: &databases, zones: &zones };
        for client in world.clients(sample) {
            let class = &world.partition.classes[usize::try_from(world.partition.class_of(client).0).unwrap()];
            for (index, domain) in world.model.domains.iter().enumerate() {
                let explanation = explainer.explain(&domain.name, 1, Client::Sender(client));
                let Some(steered) = decider.table().find(&domain.name, 1, client) else {
                    prop_assert_eq!(explanation.outcome, Outcome::Refused);
                    continue;
                };
                let Outcome::Steered(steering) = &explanation.outcome else { panic!("{explanation:?}") };
                let choice = world.choose(DomainId(index), class, decider.conditions());
                let answered: Vec<_> = choice.response.targets().iter().map(ToString::to_string).collect();
                prop_assert_eq!(&steering.answer, &answered);
                prop_assert_eq!((steering.scope, steering.ttl), (steered.scope, 30));
                let pools: Vec<_> = steering.pools.iter().chain(&steering.other_pools).collect();
                prop_assert_eq!(pools.len(), domain.pools.len(), "each pool once");
                let taken: Vec<_> = pools.iter().filter(|pool| pool.taken).flat_map(|pool| &pool.addresses).collect();
                let taken: Vec<_> = taken.iter().filter(|step| step.taken).map(|step| step.address.clone()).collect();
                // The fallback pool need not be one of the access domain's own.
                let is_own = !matches!(choice.reason, Reason::AllDown(LastResort::Pool(_)));
                prop_assert!(!is_own || taken == answered, "taken {:?}, answered {:?}", taken, answered);
                let left = pools.iter().filter(|pool| !pool.taken).flat_map(|pool| &pool.addresses);
                prop_assert!(left.into_iter().all(|step| !step.taken), "nothing of a pool that was left");
            }
        }
    }
}
