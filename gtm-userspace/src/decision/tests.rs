//! What the tests of the decision share: models from one-line pools, partitions, and answers read back from a table.

mod explained;
mod overrides;
mod policies;
mod properties;
mod reloads;
mod rules;
mod scenario;
mod states;
mod story;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use crate::config::Model;
use crate::config::model::*;
use crate::geo::{Class, ClassId, Databases, MatchedBy, Partition, SourceMatch};
use crate::name::Name;
use crate::zone::lookup::ZoneSet;

/// Sources of every model here, by number.
const SOURCES: [&str; 4] = ["default", "a", "b", "c"];

/// A model without pools and access domains.
fn empty_model() -> Model {
    let source = |name: &&str| Source { name: (*name).to_owned(), ..Source::default() };
    let template = Template {
        name: "health".to_owned(),
        kind: CheckKind::Ping,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        failures: 1,
        successes: 1,
        initial: Initial::Up,
    };
    Model { sources: SOURCES.iter().map(source).collect(), templates: vec![template], ..Model::default() }
}

/// Adds an access domain with its pools, each in words and by ordinal: `disabled for a default: 1, 2 online, 3`.
///
/// The number n is the address 10.0.0.n; after it may follow `online`, `offline`, `disabled`, `unchecked`, a weight `w3` and, in a
/// `nearest-source` pool, `for a default`. Before the colon: `disabled`, a policy, `sticky`, `stays` (non-preemptive), a judgement
/// (`any`, `all`, `50%`), `min2`, the weight in the access domain `w3`, `spare` (not used by the access domain), and `for` with
/// sources. Pools with `for` make the policy `nearest-source`, others `ordinal`.
fn add_domain(model: &mut Model, name: &str, pools: &[&str]) {
    let mut uses = Vec::new();
    for (position, words) in pools.iter().enumerate() {
        let mut is_spare = false;
        let (head, addresses) = words.split_once(':').unwrap_or(("", words));
        let (marks, sources) = head.split_once("for").unwrap_or((head, ""));
        let mut pool = Pool::new(format!("p{}", model.pools.len()), PoolKind::Ipv4);
        let mut use_of = PoolUse::new(PoolId(model.pools.len()), u32::try_from(position).unwrap());
        for mark in marks.split_whitespace() {
            match mark {
                "disabled" => pool.enabled = false,
                "spare" => is_spare = true,
                "sticky" => pool.sticky = Some(Sticky::default()),
                "stays" => pool.preemption = Preemption::NonPreemptive,
                "any" | "all" => pool.judgement = judgement(mark),
                _ if mark.ends_with('%') => pool.judgement = judgement(mark),
                _ if mark.starts_with("min") => pool.min_available = mark[3..].parse().unwrap(),
                _ if is_weight(mark) => use_of.weight = mark[1..].parse().unwrap(),
                _ => pool.policy = policy(mark),
            }
        }
        for words in addresses.split(',').filter(|words| !words.trim().is_empty()) {
            let ordinal = u32::try_from(pool.addresses.len()).unwrap();
            pool.addresses.push(address(model, words, ordinal));
        }
        use_of.sources = sources.split_whitespace().map(source).collect();
        uses.extend((!is_spare).then_some(use_of));
        model.pools.push(pool);
    }
    let by_source = uses.iter().any(|used| !used.sources.is_empty());
    let policy = if by_source { Policy::NearestSource } else { Policy::Ordinal };
    model.domains.push(AccessDomain {
        pools: uses,
        ..AccessDomain::new(name.parse().unwrap(), SteeredType::A, policy)
    });
}

fn policy(word: &str) -> Policy {
    let all = [Policy::Ordinal, Policy::RoundRobin, Policy::Weight, Policy::NearestSource];
    all.into_iter().find(|policy| policy.to_string() == word).unwrap_or_else(|| panic!("{word}?"))
}

fn judgement(word: &str) -> Judgement {
    match word {
        "any" => Judgement::Any,
        "all" => Judgement::All,
        percent => Judgement::Percent(percent.strip_suffix('%').unwrap().parse().unwrap()),
    }
}

fn is_weight(word: &str) -> bool {
    word.strip_prefix('w').is_some_and(|weight| weight.parse::<u8>().is_ok())
}

fn source(name: &str) -> SourceId {
    SourceId(SOURCES.iter().position(|known| *known == name).unwrap())
}

fn address(model: &mut Model, words: &str, ordinal: u32) -> Address {
    let (words, sources) = words.split_once("for").unwrap_or((words, ""));
    let target = target(words.split_whitespace().next().unwrap().parse().unwrap());
    let mode = match () {
        () if words.contains("online") => AddressMode::Online,
        () if words.contains("offline") => AddressMode::Offline,
        () => AddressMode::Auto,
    };
    let checks = if words.contains("unchecked") { Vec::new() } else { vec![check_of(model, &target)] };
    let weight = words.split_whitespace().find(|word| is_weight(word));
    Address {
        mode,
        enabled: !words.contains("disabled"),
        checks,
        weight: weight.map_or(1, |word| word[1..].parse().unwrap()),
        sources: sources.split_whitespace().map(source).collect(),
        ..Address::new(target, ordinal)
    }
}

/// The check of a target, made when there is none yet.
fn check_of(model: &mut Model, target: &Target) -> CheckId {
    let known = model.checks.iter().position(|check| check.target == *target);
    CheckId(known.unwrap_or_else(|| {
        model.checks.push(Check { target: target.clone(), template: TemplateId(0) });
        model.checks.len() - 1
    }))
}

fn target(last: u8) -> Target {
    Target::Ip(Ipv4Addr::new(10, 0, 0, last).into())
}

/// Every check passing but those of these targets.
fn failing(model: &Model, down: &[u8]) -> Conditions {
    let mut conditions = Conditions::all_up(model);
    for last in down {
        let check = model.checks.iter().position(|check| check.target == target(*last)).unwrap();
        conditions.verdicts[check] = Verdict::Failed;
    }
    conditions
}

/// A class from the names of its sources, best match first; `default` is added at the end.
fn class(words: &str) -> Class {
    let kinds = [MatchedBy::Prefix(24), MatchedBy::Country, MatchedBy::Continent];
    let named =
        words.split_whitespace().zip(kinds).map(|(name, by)| SourceMatch { source: source(name), by });
    let everyone = SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default };
    Class { matches: named.chain([everyone]).collect() }
}

/// One class for everyone.
fn partition_of_one(class: Class) -> Partition {
    Partition { classes: vec![class], v4: vec![(0, ClassId(0))], v6: vec![(0, ClassId(0))] }
}

/// The addresses of an answer in the given turn (RFC 1035 section 4.1.3: 12 bytes before the data).
fn addresses_of(answer: &Answer, turn: u32) -> Vec<IpAddr> {
    let picked = answer.pick([192, 0, 2, 1].into(), |_| turn);
    let address = |record: &&[u8]| match &record[12..] {
        data @ [_, _, _, _] => IpAddr::from(<[u8; 4]>::try_from(data).unwrap()),
        data => IpAddr::from(<[u8; 16]>::try_from(data).unwrap()),
    };
    answer::split(&picked.records).unwrap().iter().map(address).collect()
}

/// What a table without zones answers for a response.
fn compiled(response: &Response, ttl: u32) -> Answer {
    Answer::compile(response, ttl, |_| false)
}

/// What every slot of a table answers now.
fn answers(table: &AnswerTable) -> Vec<Answer> {
    table.slots.iter().map(|slot| (**slot.load()).clone()).collect()
}

/// The explanation for a client of the only class, without geo data and zones.
fn explain(decider: &Decider, class: Class) -> Explanation {
    let zones = ZoneSet::default();
    let (partition, databases) = (partition_of_one(class), Databases::default());
    let explainer = Explainer { decider, partition: &partition, databases: &databases, zones: &zones };
    explainer.explain(&"www.example.com".parse().unwrap(), 1, Client::Sender([192, 0, 2, 1].into()))
}

/// All that a table is but what its slots answer.
fn fixed_part(
    table: &AnswerTable,
) -> (&location::Location, BTreeMap<&Name, Vec<gtm_common::abi::TypeEntry>>, &[u32]) {
    let names = table.names.iter().map(|(name, entries)| (name, entries.clone())).collect();
    (&table.location, names, &table.views)
}
