//! Names that use resources become access domains, and what these use becomes pools.
//!
//! gdnsd answers with the first datacenter of a list that is up, and with the first of all, as if it were up, when none
//! is. Here an access domain has a pool for each datacenter. With `nearest-source` the clients of a source get its pools
//! by ordinal, and a pool can be used once, with one ordinal for all its sources: lists that are in conflict about an
//! order get copies of the pools. Clients whose pools are all down would get those of `default` next; where these are
//! others, a last pool holds the addresses of the first once more, always available.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::context::Context;
use super::node::{Flat, Groups};
use super::order;
use super::pool::{Kind, Leaf, Pool};
use super::zone::{Dynamic, Record};

/// A pool to write.
#[derive(Debug)]
pub(super) struct PoolOut {
    pub(super) name: String,
    pub(super) leaf: Rc<Leaf>,
    pub(super) pool: Pool,
    pub(super) variant: Variant,
}

/// Which of several pools with the same addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    /// With its checks; the number tells copies apart.
    Copy(usize),
    /// Always available.
    Last,
}

/// An access domain to write.
#[derive(Debug)]
pub(super) struct DomainOut {
    pub(super) record: Record,
    pub(super) steered: Steered,
    pub(super) ttl: u32,
    /// What gdnsd's TTL would be, when it is not always the same.
    pub(super) ttl_comment: Option<String>,
    pub(super) policy: &'static str,
    pub(super) is_as_if_up: bool,
    pub(super) uses: Vec<UseOut>,
}

/// A pool in an access domain.
#[derive(Debug)]
pub(super) struct UseOut {
    pub(super) pool: String,
    pub(super) sources: Vec<String>,
    pub(super) weight: Option<u32>,
}

/// Types of access domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steered {
    A,
    Aaaa,
    Cname,
}

impl Steered {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        }
    }

    /// The pool of a leaf that answers this type.
    fn pool(self, leaf: &Leaf) -> Option<&Pool> {
        let own = match self {
            Self::A => Kind::Ipv4,
            Self::Aaaa => Kind::Ipv6,
            Self::Cname => Kind::Domain,
        };
        leaf.pool(own).or_else(|| leaf.pool(Kind::Domain))
    }
}

/// Those clients, and what they get in which order.
struct Entry {
    sources: Vec<String>,
    leaves: Vec<Rc<Leaf>>,
}

/// All that comes out.
#[derive(Debug, Default)]
pub(super) struct Steering {
    pub(super) pools: Vec<PoolOut>,
    pub(super) domains: Vec<DomainOut>,
    /// Sources that some access domain uses.
    pub(super) sources: BTreeSet<String>,
    names: BTreeMap<(usize, Kind, Variant), String>,
}

impl Steering {
    /// The access domains of a name.
    pub(super) fn add(
        &mut self,
        context: &Context<'_>,
        record: &Record,
        flat: &Flat,
        ttl: &(u32, Option<String>),
    ) {
        for steered in types(context, record, flat) {
            let built = match flat {
                Flat::Groups(groups) => self.use_groups(context, groups, steered),
                Flat::List(leaves) => {
                    let entry = Entry { sources: vec!["default".to_owned()], leaves: leaves.clone() };
                    self.use_entries(context, record, vec![entry], steered)
                }
                Flat::Geo { map, lists } => {
                    let entries = entries_of(context, map, lists);
                    self.use_entries(context, record, entries, steered)
                }
            };
            let Some((policy, is_as_if_up, uses)) = built else { continue };
            self.sources.extend(uses.iter().flat_map(|used| used.sources.iter().cloned()));
            self.domains.push(DomainOut {
                record: record.clone(),
                steered,
                ttl: ttl.0,
                ttl_comment: ttl.1.clone(),
                policy,
                is_as_if_up,
                uses,
            });
        }
    }

    /// Writes the pools of a leaf that nothing uses.
    pub(super) fn keep(&mut self, context: &Context<'_>, leaf: &Rc<Leaf>) {
        for pool in &leaf.pools {
            self.pool(context, leaf, pool, Variant::Copy(0));
        }
    }

    fn use_groups(
        &mut self,
        context: &Context<'_>,
        groups: &Groups,
        steered: Steered,
    ) -> Option<(&'static str, bool, Vec<UseOut>)> {
        let kind = steered.pool(&groups.flat)?.kind;
        let Some(grouping) = groups.grouped.iter().find(|grouping| grouping.kind == kind) else {
            let entry = Entry { sources: Vec::new(), leaves: vec![Rc::clone(&groups.flat)] };
            return Some(self.use_in_order(context, &[entry], steered));
        };
        let policy = if grouping.members.len() == 1 { "ordinal" } else { grouping.policy };
        let mut can_be_down = false;
        let mut uses = Vec::new();
        for (leaf, weight) in &grouping.members {
            let Some(pool) = steered.pool(leaf) else { continue };
            can_be_down |= pool.can_be_down();
            let pool = self.pool(context, leaf, pool, Variant::Copy(0));
            let weight = (policy == "weight").then_some(*weight);
            uses.push(UseOut { pool, sources: Vec::new(), weight });
        }
        Some((policy, can_be_down, uses))
    }

    /// Merges what is the same for several sources, and drops what does not answer this type.
    fn use_entries(
        &mut self,
        context: &Context<'_>,
        record: &Record,
        entries: Vec<Entry>,
        steered: Steered,
    ) -> Option<(&'static str, bool, Vec<UseOut>)> {
        let mut merged: Vec<Entry> = Vec::new();
        for mut entry in entries {
            entry.leaves.retain(|leaf| steered.pool(leaf).is_some());
            if entry.leaves.is_empty() {
                if !entry.sources.iter().any(|source| source == "default") {
                    let reason = format!(
                        "clients of {} get no answer of type {} from gdnsd; here they get that of everyone else",
                        entry.sources.join(", "),
                        steered.word()
                    );
                    context.report.no_equal(&record.place, &record.key(), reason);
                }
                continue;
            }
            let same = merged.iter_mut().find(|other| ids(&other.leaves).eq(ids(&entry.leaves)));
            match same {
                Some(other) => other.sources.append(&mut entry.sources),
                None => merged.push(entry),
            }
        }
        if let [only] = merged.as_mut_slice()
            && only.sources.iter().any(|source| source == "default")
        {
            only.sources.clear();
        }
        if merged.is_empty() {
            return None;
        }
        Some(self.use_in_order(context, &merged, steered))
    }

    fn use_in_order(
        &mut self,
        context: &Context<'_>,
        entries: &[Entry],
        steered: Steered,
    ) -> (&'static str, bool, Vec<UseOut>) {
        let lists: Vec<Vec<usize>> = entries.iter().map(|entry| ids(&entry.leaves).collect()).collect();
        let by_id: BTreeMap<usize, &Rc<Leaf>> =
            entries.iter().flat_map(|entry| &entry.leaves).map(|leaf| (leaf.id, leaf)).collect();
        let mut uses = Vec::new();
        for (copy, group) in order::groups(&lists).into_iter().enumerate() {
            for id in group.order {
                let Some((leaf, pool)) = by_id.get(&id).and_then(|leaf| Some((*leaf, steered.pool(leaf)?)))
                else {
                    continue;
                };
                let members = group.members.iter().filter_map(|index| entries.get(*index));
                let served = members.filter(|entry| ids(&entry.leaves).any(|other| other == id));
                let sources = served.flat_map(|entry| entry.sources.clone()).collect();
                let pool = self.pool(context, leaf, pool, Variant::Copy(copy));
                uses.push(UseOut { pool, sources, weight: None });
            }
        }
        let mut last: Vec<(&Rc<Leaf>, Vec<String>)> = Vec::new();
        for entry in needing_last(entries, steered) {
            let Some(first) = entry.leaves.first() else { continue };
            match last.iter_mut().find(|(leaf, _)| leaf.id == first.id) {
                Some((_, sources)) => sources.extend(entry.sources.iter().cloned()),
                None => last.push((first, entry.sources.clone())),
            }
        }
        for (leaf, sources) in last {
            let Some(pool) = steered.pool(leaf) else { continue };
            let pool = self.pool(context, leaf, pool, Variant::Last);
            uses.push(UseOut { pool, sources, weight: None });
        }
        let can_be_down = by_id.values().any(|leaf| steered.pool(leaf).is_some_and(Pool::can_be_down));
        let policy =
            if entries.iter().all(|entry| entry.sources.is_empty()) { "ordinal" } else { "nearest-source" };
        (policy, can_be_down, uses)
    }

    /// The name of a pool, which is written from now on.
    fn pool(&mut self, context: &Context<'_>, leaf: &Rc<Leaf>, pool: &Pool, variant: Variant) -> String {
        let key = (leaf.id, pool.kind, variant);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let family = match pool.kind {
            _ if leaf.pools.len() == 1 => "",
            Kind::Ipv4 => "-v4",
            Kind::Ipv6 => "-v6",
            Kind::Domain => "-name",
        };
        let suffix = if variant == Variant::Last { "-last" } else { "" };
        let name = context.naming.borrow_mut().pool(&format!("{}{family}{suffix}", leaf.name));
        self.names.insert(key, name.clone());
        self.pools.push(PoolOut { name: name.clone(), leaf: Rc::clone(leaf), pool: pool.clone(), variant });
        name
    }
}

fn ids(leaves: &[Rc<Leaf>]) -> impl Iterator<Item = usize> {
    leaves.iter().map(|leaf| leaf.id)
}

/// The orders of a map with their sources; the first is that of everyone else.
fn entries_of(context: &Context<'_>, map: &str, lists: &[Vec<Rc<Leaf>>]) -> Vec<Entry> {
    let known = context.maps.get(map).into_iter().flat_map(|map| &map.lists);
    let entries = known.zip(lists).enumerate().map(|(index, (list, leaves))| {
        let default = (index == 0).then(|| "default".to_owned());
        let sources = list.source.clone().into_iter().chain(default).collect();
        Entry { sources, leaves: leaves.clone() }
    });
    entries.collect()
}

/// The lists that need a last pool.
///
/// | pools of the list    | they are all pools of the access domain | the first one answers whole, as if up | needs one |
/// |----------------------|-----------------------------------------|---------------------------------------|-----------|
/// | some are never down  | any                                     | any                                   | no        |
/// | all can be down      | yes                                     | yes                                   | no: all-down action |
/// | all can be down      | no: those of `default` would answer     | any                                   | yes       |
/// | all can be down      | any                                     | no: it has `offline` addresses        | yes       |
///
/// Once one list has a last pool, the access domain is never down, so the others need theirs.
fn needing_last<'e>(entries: &'e [Entry], steered: Steered) -> Vec<&'e Entry> {
    let all: BTreeSet<usize> = entries.iter().flat_map(|entry| ids(&entry.leaves)).collect();
    let pools = |entry: &'e Entry| entry.leaves.iter().filter_map(move |leaf| steered.pool(leaf));
    let can_be_down: Vec<&Entry> =
        entries.iter().filter(|entry| pools(entry).all(Pool::can_be_down)).collect();
    let any = can_be_down.iter().any(|entry| {
        let is_all = ids(&entry.leaves).collect::<BTreeSet<_>>() == all;
        !is_all || pools(entry).next().is_some_and(Pool::has_offline)
    });
    if any { can_be_down } else { Vec::new() }
}

/// The types of access domains that a name gets; what cannot be kept apart here is named.
fn types(context: &Context<'_>, record: &Record, flat: &Flat) -> Vec<Steered> {
    let leaves = leaves_of(flat);
    let has = |kind: Kind| leaves.iter().any(|leaf| leaf.pool(kind).is_some());
    if has(Kind::Domain) && record.kind == Dynamic::Address {
        let reason =
            "a resource with names cannot be used with DYNA; the names are imported as if it were DYNC";
        context.report.no_equal(&record.place, &record.key(), reason);
    }
    if !has(Kind::Ipv4) && !has(Kind::Ipv6) {
        return if has(Kind::Domain) { vec![Steered::Cname] } else { Vec::new() };
    }
    let mut types = Vec::new();
    for (kind, steered) in [(Kind::Ipv4, Steered::A), (Kind::Ipv6, Steered::Aaaa)] {
        if has(kind) {
            types.push(steered);
            name_missing(context, &leaves, steered);
        } else if has(Kind::Domain) {
            let reason = format!(
                "queries of type {} are answered only while the answer is an alias, and not at all here",
                steered.word()
            );
            context.report.no_equal(&record.place, &record.key(), reason);
        }
    }
    if types.len() == 2 && leaves.len() > 1 {
        for leaf in &leaves {
            let both = [Kind::Ipv4, Kind::Ipv6].map(|kind| leaf.pool(kind));
            if let [Some(v4), Some(v6)] = both
                && (v4.can_be_down() || v6.can_be_down())
            {
                let reason = "when one address family is down, gdnsd leaves the datacenter for both; here each family is decided apart";
                context.report.no_equal(&leaf.place, &leaf.path, reason);
            }
        }
    }
    types
}

/// Datacenters that have nothing for a type that others have.
fn name_missing(context: &Context<'_>, leaves: &[Rc<Leaf>], steered: Steered) {
    for leaf in leaves.iter().filter(|leaf| steered.pool(leaf).is_none()) {
        let reason = format!(
            "it has no address of type {}: gdnsd answers none while it is the first that is up; here the next one with an \
             address answers",
            steered.word()
        );
        context.report.no_equal(&leaf.place, &leaf.path, reason);
    }
}

/// Every leaf, each once.
pub(super) fn leaves_of(flat: &Flat) -> Vec<Rc<Leaf>> {
    let all: Vec<&Rc<Leaf>> = match flat {
        Flat::List(leaves) => leaves.iter().collect(),
        Flat::Geo { lists, .. } => lists.iter().flatten().collect(),
        Flat::Groups(groups) => vec![&groups.flat],
    };
    let by_id: BTreeMap<usize, &Rc<Leaf>> = all.into_iter().map(|leaf| (leaf.id, leaf)).collect();
    by_id.into_values().cloned().collect()
}
