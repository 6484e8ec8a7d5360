//! `[[domain]]` and `[[domain.pool]]`: access domains and the pools they use.

use super::all_down::{self, AllDownSpec};
use super::domain_rules;
use super::model::{
    AccessDomain, AllDownAction, DEFAULT_SOURCE, Policy, Pool, PoolId, PoolKind, PoolUse, SourceFallback,
    SourceId, SteeredType,
};
use super::names::{Names, suggestion};
use super::policy::{
    check_policy, check_sticky_members, read_policy, read_preemption, read_sources, read_sticky, read_weight,
    warn_of_zero_weights,
};
use super::pools::{check_ordinals, read_ordinal};
use super::reader::{At, Node, Report, Table};
use crate::name::Name;
use crate::zone::Zone;

/// Keys of an access domain.
pub(super) const KEYS: &[&str] = &[
    "name",
    "type",
    "ttl",
    "enabled",
    "policy",
    "preemptive",
    "sticky",
    "max_answers",
    "all_down",
    "source_fallback",
    "pool",
];
/// Keys of a pool in an access domain.
pub(super) const USE_KEYS: &[&str] = &["pool", "ordinal", "sources", "weight"];

const TYPES: &[(&str, SteeredType)] =
    &[("A", SteeredType::A), ("AAAA", SteeredType::Aaaa), ("CNAME", SteeredType::Cname)];
const FALLBACKS: &[(&str, SourceFallback)] =
    &[("default", SourceFallback::Default), ("next-match", SourceFallback::NextMatch)];
const DEFAULT_TTL: u32 = 30;
const MAX_TTL: u32 = 86400;
/// Largest `max_answers`.
const MAX_ANSWERS: u16 = 16;

/// What the access domains refer to.
pub(super) struct Known<'k> {
    pub(super) zones: &'k [Zone],
    pub(super) source_names: &'k Names,
    pub(super) pool_names: &'k Names,
    /// As many as there are names, or problems have been reported.
    pub(super) pools: &'k [Pool],
}

/// An access domain as it is written.
pub(super) struct DomainSpec {
    pub(super) name: At<Name>,
    /// Without pools, and without the all-down action.
    domain: AccessDomain,
    all_down: AllDownSpec,
    pools: Vec<UseSpec>,
}

/// The use of a pool as it is written.
struct UseSpec {
    pool: At<String>,
    ordinal: At<u32>,
    weight: u8,
    sources: Vec<At<String>>,
}

/// Reads all access domains and holds them against the zones, the pools and each other.
pub(super) fn read(root: &Table<'_>, known: &Known<'_>) -> Vec<AccessDomain> {
    let Some(specs) = root.get("domain").and_then(|node| node.list(read_domain)) else { return Vec::new() };
    let domains: Vec<_> = specs.into_iter().map(|spec| spec.value.into_domain(root.report, known)).collect();
    domain_rules::check(root.report, known, &domains);
    domains.into_iter().map(|(_, domain)| domain).collect()
}

fn read_domain(node: &Node<'_>) -> Option<DomainSpec> {
    let table = node.table()?.with_keys(KEYS);
    let name = table.read("name", |node| node.name().map(|name| node.at(name)));
    let steered = table.read("type", |node| node.choice(TYPES));
    let ttl = table.read_or("ttl", DEFAULT_TTL, |node| node.number(1..=MAX_TTL));
    let enabled = table.read_or("enabled", true, Node::boolean);
    let policy = table.read("policy", read_policy);
    let preemption = read_preemption(&table, policy, &[Policy::Ordinal, Policy::NearestSource]);
    let sticky = read_sticky(&table, policy);
    let max_answers = table.read_or("max_answers", None, |node| read_max_answers(node, steered).map(Some));
    let all_down = table.read_or("all_down", AllDownSpec::Action(AllDownAction::DefaultPool), |node| {
        all_down::read(node, steered)
    });
    let source_fallback = table.read_or("source_fallback", SourceFallback::Default, |node| {
        check_policy(node, "\"source_fallback\"", policy, &[Policy::NearestSource]);
        node.choice(FALLBACKS)
    });
    let pools = table.read("pool", |node| node.filled_list(|item| read_use(item, policy)))?;
    let pools: Vec<_> = pools.into_iter().map(|pool| pool.value).collect();
    node.report.unique("the pool", pools.iter().map(|used| (&used.pool.value, &used.pool.place)));
    check_ordinals(node.report, pools.iter().map(|used| (used.ordinal.value, &used.ordinal.place)));
    check_sticky_members(&table, sticky?, pools.len(), "pools");
    let name = name?;
    let domain = AccessDomain {
        ttl: ttl?,
        enabled: enabled?,
        preemption: preemption?,
        sticky: sticky?.0,
        max_answers: max_answers?,
        source_fallback: source_fallback?,
        ..AccessDomain::new(name.value.clone(), steered?, policy?)
    };
    Some(DomainSpec { name, domain, all_down: all_down?, pools })
}

fn read_max_answers(node: &Node<'_>, steered: Option<SteeredType>) -> Option<u16> {
    if steered == Some(SteeredType::Cname) {
        let message = "\"max_answers\" does not belong to type CNAME, whose answer is one name; leave it out";
        node.report.error(&node.place, message);
    }
    node.number(1..=MAX_ANSWERS)
}

fn read_use(node: &Node<'_>, policy: Option<Policy>) -> Option<UseSpec> {
    let table = node.table()?.with_keys(USE_KEYS);
    let pool = table.read("pool", |node| node.text().map(|name| node.at(name.to_owned())));
    let ordinal = table.read("ordinal", read_ordinal);
    let weight = read_weight(&table, policy);
    let sources = read_sources(&table, policy);
    Some(UseSpec { pool: pool?, ordinal: ordinal?, weight: weight?, sources: sources? })
}

impl DomainSpec {
    /// What it means; the specification is kept for the places of what is written.
    fn into_domain(self, report: &Report<'_>, known: &Known<'_>) -> (Self, AccessDomain) {
        let steered = self.domain.steered;
        let mut pools: Vec<_> =
            self.pools.iter().filter_map(|used| used.resolve(report, known, steered)).collect();
        pools.sort_by_key(|used| used.ordinal);
        let all_down = match &self.all_down {
            AllDownSpec::Action(action) => action.clone(),
            AllDownSpec::Pool(reference) => {
                resolve_pool(report, known, steered, reference).map(AllDownAction::Pool).unwrap_or_default()
            }
        };
        let domain = AccessDomain { all_down, pools, ..self.domain.clone() };
        let serves_default = domain.pools.iter().any(|used| used.sources.contains(&DEFAULT_SOURCE));
        if domain.policy == Policy::NearestSource && !serves_default {
            let message = "no pool has the source \"default\": clients that match no source get no answer";
            report.warn(&self.name.place, message);
        }
        let weights = domain.pools.iter().map(|used| used.weight);
        warn_of_zero_weights(report, &self.name.place, domain.policy, weights);
        (self, domain)
    }
}

impl UseSpec {
    fn resolve(&self, report: &Report<'_>, known: &Known<'_>, steered: SteeredType) -> Option<PoolUse> {
        let sources = self.sources.iter();
        let sources =
            sources.filter_map(|name| known.source_names.resolve(report, name).map(SourceId)).collect();
        let pool = resolve_pool(report, known, steered, &self.pool)?;
        Some(PoolUse { sources, weight: self.weight, ..PoolUse::new(pool, self.ordinal.value) })
    }
}

/// The pool of this name, which is reported when an access domain of this type does not take it.
fn resolve_pool(
    report: &Report<'_>,
    known: &Known<'_>,
    steered: SteeredType,
    reference: &At<String>,
) -> Option<PoolId> {
    let index = known.pool_names.resolve(report, reference)?;
    // Out of step only when some pool could not be read.
    let pool = known.pools.get(index).filter(|pool| pool.name == reference.value)?;
    if let Some(fitting) = misfit(steered, pool.kind) {
        let others = known.pools.iter().filter(|pool| misfit(steered, pool.kind).is_none());
        let others: Vec<_> = others.map(|pool| pool.name.as_str()).collect();
        let message = format!(
            "\"{}\" is a pool of kind \"{}\"; an access domain of type {steered} takes {fitting}; {}",
            pool.name,
            pool.kind,
            suggestion(&pool.name, &others)
        );
        report.error(&reference.place, message);
    }
    Some(PoolId(index))
}

/// What an access domain takes, when it does not take this kind of pool.
fn misfit(steered: SteeredType, kind: PoolKind) -> Option<&'static str> {
    match (steered, kind) {
        (SteeredType::A, PoolKind::Ipv6) => Some("\"ipv4\" or \"domain\""),
        (SteeredType::Aaaa, PoolKind::Ipv4) => Some("\"ipv6\" or \"domain\""),
        (SteeredType::Cname, PoolKind::Ipv4 | PoolKind::Ipv6) => Some("\"domain\""),
        (SteeredType::A, PoolKind::Ipv4 | PoolKind::Domain)
        | (SteeredType::Aaaa, PoolKind::Ipv6 | PoolKind::Domain)
        | (SteeredType::Cname, PoolKind::Domain) => None,
    }
}
