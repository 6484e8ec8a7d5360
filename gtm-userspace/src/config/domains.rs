//! `[[domain]]` and `[[domain.pool]]`: access domains and the pools they use.

use super::domain_rules;
use super::model::{
    AccessDomain, DEFAULT_SOURCE, Policy, Pool, PoolId, PoolKind, PoolUse, SourceId, SteeredType,
};
use super::names::Names;
use super::pools::read_ordinal;
use super::reader::{At, Node, Report, Table};
use crate::name::Name;
use crate::zone::Zone;

/// Keys of an access domain.
pub(super) const KEYS: &[&str] = &["name", "type", "ttl", "enabled", "policy", "pool"];
/// Keys of a pool in an access domain.
pub(super) const USE_KEYS: &[&str] = &["pool", "ordinal", "sources"];

const TYPES: &[(&str, SteeredType)] =
    &[("A", SteeredType::A), ("AAAA", SteeredType::Aaaa), ("CNAME", SteeredType::Cname)];
const POLICIES: &[(&str, Policy)] =
    &[("nearest-source", Policy::NearestSource), ("ordinal", Policy::Ordinal)];
const DEFAULT_TTL: u32 = 30;
const MAX_TTL: u32 = 86400;

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
    pub(super) steered: At<SteeredType>,
    ttl: u32,
    enabled: bool,
    policy: Policy,
    pools: Vec<UseSpec>,
}

/// The use of a pool as it is written.
struct UseSpec {
    pool: At<String>,
    ordinal: At<u32>,
    sources: Option<At<Vec<At<String>>>>,
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
    let steered = table.read("type", |node| node.choice(TYPES).map(|steered| node.at(steered)));
    let ttl = table.read_or("ttl", DEFAULT_TTL, |node| node.number(1..=MAX_TTL));
    let enabled = table.read_or("enabled", true, Node::boolean);
    let policy = table.read("policy", |node| node.choice(POLICIES));
    let pools = table.read("pool", |node| {
        let pools = node.filled_list(|item| read_use(item, policy))?;
        Some(pools.into_iter().map(|pool| pool.value).collect::<Vec<_>>())
    });
    let pools = pools?;
    node.report.unique("the pool", pools.iter().map(|used| (&used.pool.value, &used.pool.place)));
    node.report.unique("the ordinal", pools.iter().map(|used| (used.ordinal.value, &used.ordinal.place)));
    Some(DomainSpec { name: name?, steered: steered?, ttl: ttl?, enabled: enabled?, policy: policy?, pools })
}

fn read_use(node: &Node<'_>, policy: Option<Policy>) -> Option<UseSpec> {
    let table = node.table()?.with_keys(USE_KEYS);
    let pool = table.read("pool", |node| node.text().map(|name| node.at(name.to_owned())));
    let ordinal = table.read("ordinal", read_ordinal);
    let sources = match (policy, table.get("sources")) {
        (Some(Policy::Ordinal), Some(node)) => {
            let message =
                "sources do not belong to policy \"ordinal\"; leave them out, or use \"nearest-source\"";
            node.report.error(&node.place, message);
            None
        }
        (Some(Policy::NearestSource), None) => {
            let message = "\"sources\" is missing; policy \"nearest-source\" needs at least one, for example [\"default\"]";
            table.report.error(&table.place, message);
            return None;
        }
        (_, Some(node)) => {
            node.distinct_list(|item| item.text().map(str::to_owned)).map(|list| node.at(list))
        }
        (_, None) => None,
    };
    Some(UseSpec { pool: pool?, ordinal: ordinal?, sources })
}

impl DomainSpec {
    /// What it means; the specification is kept for the places of what is written.
    fn into_domain(self, report: &Report<'_>, known: &Known<'_>) -> (Self, AccessDomain) {
        let mut pools: Vec<_> =
            self.pools.iter().filter_map(|used| used.resolve(report, known, self.steered.value)).collect();
        pools.sort_by_key(|used| used.ordinal);
        let serves_default = pools.iter().any(|used| used.sources.contains(&DEFAULT_SOURCE));
        if self.policy == Policy::NearestSource && !serves_default {
            let message = "no pool has the source \"default\": clients that match no source get no answer";
            report.warn(&self.name.place, message);
        }
        let domain = AccessDomain {
            ttl: self.ttl,
            enabled: self.enabled,
            pools,
            ..AccessDomain::new(self.name.value.clone(), self.steered.value, self.policy)
        };
        (self, domain)
    }
}

impl UseSpec {
    fn resolve(&self, report: &Report<'_>, known: &Known<'_>, steered: SteeredType) -> Option<PoolUse> {
        let written = self.sources.iter().flat_map(|sources| &sources.value);
        let sources =
            written.filter_map(|name| known.source_names.resolve(report, name).map(SourceId)).collect();
        let index = known.pool_names.resolve(report, &self.pool)?;
        // Out of step only when some pool could not be read.
        let pool = known.pools.get(index).filter(|pool| pool.name == self.pool.value)?;
        if let Some(fitting) = misfit(steered, pool.kind) {
            let message = format!(
                "\"{}\" is a pool of kind \"{}\"; an access domain of type {steered} takes {fitting}",
                pool.name, pool.kind
            );
            report.error(&self.pool.place, message);
        }
        Some(PoolUse { sources, ..PoolUse::new(PoolId(index), self.ordinal.value) })
    }
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
