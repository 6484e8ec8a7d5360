//! `[pool.NAME]` and `[[pool.NAME.address]]`: pools, their addresses, and the checks that these need.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};

use super::model::{
    Address, AddressMode, Check, CheckId, DEFAULT_SOURCE, Judgement, MAX_POOL_ADDRESSES, Policy, Pool,
    PoolKind, SourceId, Target, TemplateId,
};
use super::names::Names;
use super::policy::{
    check_sticky_members, read_judgement, read_policy, read_preemption, read_sources, read_sticky,
    read_weight, warn_of_zero_weights,
};
use super::reader::{At, Node, Place, Report, Table};
use super::targets;

/// Keys of a pool.
pub(super) const KEYS: &[&str] = &[
    "kind",
    "enabled",
    "templates",
    "policy",
    "preemptive",
    "sticky",
    "judgement",
    "min_available",
    "check_judgement",
    "address",
];
/// Keys of an address.
pub(super) const ADDRESS_KEYS: &[&str] =
    &["address", "ordinal", "mode", "enabled", "templates", "weight", "sources", "check_judgement"];

/// The ordinals that can be given, here and to the pools of an access domain.
const ORDINALS: std::ops::RangeInclusive<u32> = 1..=65535;

const KINDS: &[(&str, PoolKind)] =
    &[("ipv4", PoolKind::Ipv4), ("ipv6", PoolKind::Ipv6), ("domain", PoolKind::Domain)];
const MODES: &[(&str, AddressMode)] =
    &[("auto", AddressMode::Auto), ("online", AddressMode::Online), ("offline", AddressMode::Offline)];

/// Reads all pools and, as their addresses need them, the distinct checks.
pub(super) fn read(
    root: &Table<'_>,
    names: &mut Names,
    templates: &Names,
    sources: &Names,
) -> (Vec<Pool>, Vec<Check>) {
    let mut checks = Checks::default();
    let specs = names.define(root, "pool", read_pool);
    let resolve = |spec: PoolSpec| spec.into_pool(root.report, templates, sources, &mut checks);
    let pools = specs.into_iter().map(resolve).collect();
    (pools, checks.list)
}

/// A pool as it is written.
struct PoolSpec {
    place: Place,
    /// Without addresses.
    pool: Pool,
    templates: Vec<At<String>>,
    addresses: Vec<AddressSpec>,
}

/// An address as it is written.
struct AddressSpec {
    place: Place,
    ordinal_place: Place,
    /// Without sources and checks.
    address: Address,
    sources: Vec<At<String>>,
    /// In place of the pool's.
    templates: Option<Vec<At<String>>>,
}

/// What the addresses of a pool must know of it; nothing where the pool's own value is bad.
#[derive(Clone, Copy)]
struct Context {
    kind: Option<PoolKind>,
    policy: Option<Policy>,
    check_judgement: Option<Judgement>,
}

/// The distinct checks so far.
#[derive(Default)]
struct Checks {
    list: Vec<Check>,
    by_check: HashMap<Check, CheckId>,
}

fn read_pool(name: &str, node: &Node<'_>) -> Option<PoolSpec> {
    let table = node.table()?.with_keys(KEYS);
    let kind = table.read("kind", |node| node.choice(KINDS));
    let enabled = table.read_or("enabled", true, Node::boolean);
    let templates = table.read_or("templates", Vec::new(), read_templates);
    let policy = table.read_or("policy", Policy::Ordinal, read_policy);
    let preemption = read_preemption(&table, policy, &[Policy::Ordinal]);
    let sticky = read_sticky(&table, policy);
    let judgement = table.read_or("judgement", Judgement::Any, read_judgement);
    let min_available = table.read_or("min_available", 1, |node| node.number(1..=MAX_POOL_ADDRESSES));
    let check_judgement = table.read_or("check_judgement", Judgement::All, read_judgement);
    // A pool whose kind is unknown still has its addresses read, for what else is wrong with them.
    let context = Context { kind, policy, check_judgement };
    let addresses =
        table.read_or("address", Vec::new(), |node| node.list(|item| read_address(item, context)))?;
    let addresses: Vec<_> = addresses.into_iter().map(|address| address.value).collect();
    check_addresses(node, &addresses);
    check_sticky_members(&table, sticky?, addresses.len(), "addresses");
    let pool = Pool {
        enabled: enabled?,
        policy: policy?,
        preemption: preemption?,
        sticky: sticky?.0,
        judgement: judgement?,
        min_available: min_available?,
        ..Pool::new(name.to_owned(), kind?)
    };
    Some(PoolSpec { place: node.place.clone(), pool, templates: templates?, addresses })
}

fn check_addresses(node: &Node<'_>, addresses: &[AddressSpec]) {
    let report = node.report;
    report.unique("the address", addresses.iter().map(|spec| (&spec.address.target, &spec.place)));
    check_ordinals(report, addresses.iter().map(|spec| (spec.address.ordinal, &spec.ordinal_place)));
    if addresses.len() > MAX_POOL_ADDRESSES {
        let message =
            format!("{} addresses in this pool; at most {MAX_POOL_ADDRESSES} fit an answer", addresses.len());
        report.error(&node.place, message);
    }
    if addresses.is_empty() {
        report.warn(&node.place, "this pool has no address, so it is never available");
    }
}

fn read_address(node: &Node<'_>, context: Context) -> Option<AddressSpec> {
    let table = node.table()?.with_keys(ADDRESS_KEYS);
    let target = table.read("address", |node| Some(node.at(targets::read_in_pool(node, context.kind?)?)));
    let ordinal = table.read("ordinal", read_ordinal);
    let mode = table.read_or("mode", AddressMode::Auto, |node| node.choice(MODES));
    let enabled = table.read_or("enabled", true, Node::boolean);
    let templates = table.read_or("templates", None, |node| read_templates(node).map(Some));
    let weight = read_weight(&table, context.policy);
    let sources = read_sources(&table, context.policy);
    let judgement = match table.get("check_judgement") {
        Some(node) => read_judgement(node),
        None => context.check_judgement,
    };
    let (target, ordinal) = (target?, ordinal?);
    let address = Address {
        mode: mode?,
        enabled: enabled?,
        weight: weight?,
        judgement: judgement?,
        ..Address::new(target.value, ordinal.value)
    };
    Some(AddressSpec {
        place: target.place,
        ordinal_place: ordinal.place,
        address,
        sources: sources?,
        templates: templates?,
    })
}

/// An ordinal, here or of a pool in an access domain.
pub(super) fn read_ordinal(node: &Node<'_>) -> Option<At<u32>> {
    node.number(ORDINALS).map(|ordinal| node.at(ordinal))
}

/// Reports every ordinal of a level that was there before, with the next one that is free.
pub(super) fn check_ordinals<P: Borrow<Place>>(
    report: &Report<'_>,
    ordinals: impl Iterator<Item = (u32, P)> + Clone,
) {
    let taken: BTreeSet<_> = ordinals.clone().map(|(ordinal, _)| ordinal).collect();
    report.unique_or("the ordinal", ordinals, |ordinal| {
        let free = |candidate: &u32| !taken.contains(candidate);
        let next = (*ordinal..=*ORDINALS.end()).find(free).or_else(|| ORDINALS.rev().find(free));
        next.map_or_else(String::new, |next| format!("; the next free one is {next}"))
    });
}

/// Names of templates; none at all means no check.
fn read_templates(node: &Node<'_>) -> Option<Vec<At<String>>> {
    let templates = node.list(|item| item.text().map(str::to_owned))?;
    node.report.unique("the template", templates.iter().map(|item| (&item.value, &item.place)));
    Some(templates)
}

impl PoolSpec {
    fn into_pool(self, report: &Report<'_>, templates: &Names, sources: &Names, checks: &mut Checks) -> Pool {
        // Resolved even when every address has its own list: an unknown name is an error all the same.
        let resolve = |references: &[At<String>]| -> Vec<TemplateId> {
            references.iter().filter_map(|name| templates.resolve(report, name).map(TemplateId)).collect()
        };
        let of_pool = resolve(&self.templates);
        let addresses = self.addresses.into_iter().map(|spec| {
            let own = spec.templates.as_deref().map(resolve);
            let target = &spec.address.target;
            let checked_by = own.as_ref().unwrap_or(&of_pool);
            let checks = checked_by.iter().map(|template| checks.add(target, *template)).collect();
            let sources =
                spec.sources.iter().filter_map(|name| sources.resolve(report, name).map(SourceId)).collect();
            Address { sources, checks, ..spec.address }
        });
        let mut addresses: Vec<_> = addresses.collect();
        addresses.sort_by_key(|address| address.ordinal);
        let pool = Pool { addresses, ..self.pool };
        warn_of_doubts(report, &self.place, &pool);
        pool
    }
}

/// Warns of a pool that answers less than is probably meant; one without addresses has been told of.
fn warn_of_doubts(report: &Report<'_>, place: &Place, pool: &Pool) {
    if pool.addresses.is_empty() {
        return;
    }
    let enabled = || pool.addresses.iter().filter(|address| address.enabled);
    let (count, least) = (enabled().count(), pool.min_available);
    if count < least {
        let message = format!(
            "min_available is {least}, but the enabled addresses are {count}, so this pool is never available"
        );
        report.warn(place, message);
    }
    warn_of_zero_weights(report, place, pool.policy, enabled().map(|address| address.weight));
    let serves_default = enabled().any(|address| address.sources.contains(&DEFAULT_SOURCE));
    if pool.policy == Policy::NearestSource && !serves_default {
        let message =
            "no address has the source \"default\": clients that match no source get nothing from this pool";
        report.warn(place, message);
    }
}

impl Checks {
    fn add(&mut self, target: &Target, template: TemplateId) -> CheckId {
        let check = Check { target: target.clone(), template };
        *self.by_check.entry(check).or_insert_with_key(|check| {
            self.list.push(check.clone());
            CheckId(self.list.len() - 1)
        })
    }
}
