//! The plugin `weighted`: addresses or names with weights, in groups or not, one or several to an answer.

use std::rc::Rc;

use super::context::Context;
use super::node::{Grouping, Groups, Node, Note};
use super::pool::{self, Address, Inherited, Kind, Pool};
use super::resource::families;
use super::section::{Item, Section};
use super::share;

/// Largest weight of gdnsd.
const MAX_WEIGHT: u32 = (1 << 20) - 1;

/// What `weighted` makes of an item.
pub(super) fn resource(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
) -> Option<Node> {
    let section = item.expect_section(&context.report)?;
    let outer = settings.and(&section);
    let mut stanzas = families(item);
    if stanzas.is_empty() {
        stanzas.push(item.clone());
    } else {
        let stray = section.rest().into_iter().filter(|item| !item.key.starts_with("addrs_v"));
        stray.for_each(|item| item.no_equal(&context.report, "stands beside addrs_v4 or addrs_v6; left out"));
    }
    let mut parts =
        Parts { name, pools: Vec::new(), grouped: Vec::new(), alone: Vec::new(), nested: Vec::new() };
    for stanza in &stanzas {
        if let Some(section) = stanza.section() {
            let inner = outer.and(&section);
            parts.read(context, stanza, &section, &inner);
        }
    }
    if parts.pools.is_empty() {
        return None;
    }
    let flat = pool::make_leaf(context, item, name, parts.pools);
    if parts.grouped.is_empty() {
        return Some(Node::Leaf(flat));
    }
    Some(Node::Groups(Rc::new(Groups {
        flat,
        grouped: parts.grouped,
        alone: parts.alone,
        nested: parts.nested,
    })))
}

/// What the stanzas come to.
struct Parts<'n> {
    name: &'n str,
    pools: Vec<Pool>,
    grouped: Vec<Grouping>,
    alone: Vec<Note>,
    nested: Vec<Note>,
}

/// One group as it is written.
struct Group<'v> {
    item: Item<'v>,
    addresses: Vec<Address>,
}

impl Group<'_> {
    fn weight(&self) -> u32 {
        self.addresses.iter().map(|address| address.weight).sum()
    }
}

impl Parts<'_> {
    fn read(
        &mut self,
        context: &Context<'_>,
        item: &Item<'_>,
        section: &Section<'_>,
        settings: &Inherited<'_>,
    ) {
        let is_multi =
            settings.multi.as_ref().and_then(|item| item.boolean(&context.report)).unwrap_or(false);
        let entries: Vec<_> =
            section.rest().into_iter().filter(|item| !item.key.starts_with("addrs_v")).collect();
        if !entries.iter().any(|entry| entry.value.hash().is_some()) {
            let read = entries.iter().filter_map(|entry| read_weighted(context, entry, settings)).collect();
            self.pools.extend(ungrouped(context, item, read, settings, is_multi));
            return;
        }
        let mut groups = Vec::new();
        for entry in entries {
            let Some(section) = entry.expect_section(&context.report) else { continue };
            let inner = section.rest();
            let addresses =
                inner.iter().filter_map(|entry| read_weighted(context, entry, settings)).collect();
            groups.push(Group { item: entry, addresses });
        }
        self.read_groups(context, item, groups, settings, is_multi);
    }

    fn read_groups(
        &mut self,
        context: &Context<'_>,
        item: &Item<'_>,
        mut groups: Vec<Group<'_>>,
        settings: &Inherited<'_>,
        is_multi: bool,
    ) {
        for group in &mut groups {
            group.addresses = merged(context, &group.item, std::mem::take(&mut group.addresses));
        }
        groups.retain(|group| !group.addresses.is_empty());
        let all: Vec<Address> = groups.iter().flat_map(|group| group.addresses.clone()).collect();
        let Some(kind) = all.first().map(|address| address.target.kind()) else { return };
        self.note_threshold(context, item, &all, settings);
        self.note_moving_weights(item, &groups, is_multi);
        let weights: Vec<u32> = groups.iter().map(Group::weight).collect();
        let scaled = share::scale(&weights);
        let labels: Vec<&str> = groups.iter().map(|group| group.item.key).collect();
        self.alone.extend(scaling_note(item, &labels, &scaled));
        if is_multi && weights.iter().any(|weight| Some(weight) != weights.first()) {
            self.alone.push(note(
                item,
                "every group has an address in every answer here; gdnsd leaves out those of a smaller weight now and then",
            ));
        }
        let mut members = Vec::new();
        for (group, weight) in groups.iter().zip(&scaled.weights) {
            // A group answers in the other way than the groups among themselves.
            let (pool, note) = choice(&group.item, group.addresses.clone(), !is_multi);
            self.alone.extend(note);
            let label = format!("{}-{}", self.name, group.item.key);
            members.push((pool::make_leaf(context, &group.item, &label, vec![pool]), *weight));
        }
        let policy = if is_multi { "round-robin" } else { "weight" };
        self.grouped.push(Grouping { kind, policy, members });
        self.nested.push(note(item, "groups have no equal in one of several datacenters; their addresses are one pool there, one to an answer"));
        let all = pool::fit(context, item, all);
        let weights: Vec<u32> = all.iter().map(|address| address.weight).collect();
        let (mut pool, scaling) = choice(item, all, false);
        let judged = judge(&mut pool, &weights, settings.fraction(&context.report));
        pool.needed = judged.unwrap_or_else(|nearest| nearest);
        self.nested.extend(scaling);
        self.pools.push(pool);
    }

    /// The share that must be up counts over all groups, where here each pool is judged alone.
    fn note_threshold(
        &mut self,
        context: &Context<'_>,
        item: &Item<'_>,
        all: &[Address],
        settings: &Inherited<'_>,
    ) {
        if !all.iter().any(|address| address.is_down || !address.templates.is_empty()) {
            return;
        }
        let weights: Vec<u32> = all.iter().map(|address| address.weight).collect();
        if share::needed_by_weight(settings.fraction(&context.report), &weights) != Ok(1) {
            let reason = "the share of all groups that must be up has no equal: groups that are up answer until none is";
            self.alone.push(note(settings.up_thresh.as_ref().unwrap_or(item), reason));
        }
        if all.iter().any(|address| address.is_down) {
            let reason = "an address that is always down does not answer either when all others are down";
            self.alone.push(note(settings.service_types.as_ref().unwrap_or(item), reason));
        }
    }

    /// A group that loses addresses loses weight, where here it keeps all of it until it is down.
    fn note_moving_weights(&mut self, item: &Item<'_>, groups: &[Group<'_>], is_multi: bool) {
        let is_checked = |address: &Address| !address.templates.is_empty();
        let moves =
            groups.iter().any(|group| group.addresses.len() > 1 && group.addresses.iter().any(is_checked));
        if moves && groups.len() > 1 {
            let what = if is_multi { "still answers every time" } else { "keeps its whole weight" };
            self.alone.push(note(
                item,
                &format!(
                    "a group {what} when some of its addresses are down; in gdnsd it loses their weight"
                ),
            ));
        }
    }
}

/// Addresses with weights, without groups.
fn ungrouped(
    context: &Context<'_>,
    item: &Item<'_>,
    addresses: Vec<Address>,
    settings: &Inherited<'_>,
    is_multi: bool,
) -> Option<Pool> {
    let addresses = merged(context, item, addresses);
    let kind = addresses.first()?.target.kind();
    let weights: Vec<u32> = addresses.iter().map(|address| address.weight).collect();
    // Of names there is one to an answer in any case.
    let (mut pool, scaling) = choice(item, addresses, is_multi && kind != Kind::Domain);
    if let Some(note) = scaling {
        context.report.no_equal(&note.place, &note.path, note.reason);
    }
    let fraction = settings.fraction(&context.report);
    pool.needed = judge(&mut pool, &weights, fraction).unwrap_or_else(|needed| {
        let total = pool.addresses.len();
        settings.up_thresh.as_ref().unwrap_or(item).no_equal(
            &context.report,
            format!(
                "a share of the weights that must be up: here addresses count alike; now {needed} of {total} must be"
            ),
        );
        needed
    });
    Some(pool)
}

/// A pool in which one address answers by weight or, when `all` do, every one that is up.
fn choice(item: &Item<'_>, mut addresses: Vec<Address>, all: bool) -> (Pool, Option<Note>) {
    let kind = addresses.first().map_or(Kind::Ipv4, |address| address.target.kind());
    let weights: Vec<u32> = addresses.iter().map(|address| address.weight).collect();
    let are_equal = weights.iter().all(|weight| Some(weight) == weights.first());
    let (policy, note) = if addresses.len() == 1 {
        ("ordinal", None)
    } else if all && are_equal {
        ("round-robin", None)
    } else {
        let scaled = share::scale(&weights);
        let labels: Vec<&str> = addresses.iter().map(|address| address.label.as_str()).collect();
        let mut note = scaling_note(item, &labels, &scaled);
        if all {
            note = Some(self::note(
                item,
                "several addresses to an answer, each with odds of its own, have no equal; here one answers, by weight",
            ));
        }
        for (address, weight) in addresses.iter_mut().zip(scaled.weights) {
            address.weight = weight;
        }
        ("weight", note)
    };
    (Pool { kind, policy, judgement: None, needed: 1, addresses }, note)
}

/// Judges the pool by the share of its weights; how many of its addresses must be available.
fn judge(pool: &mut Pool, weights: &[u32], fraction: f64) -> Result<u32, u32> {
    let total = u32::try_from(weights.len()).unwrap_or(u32::MAX);
    let counted = share::needed_by_weight(fraction, weights);
    let needed = counted.unwrap_or_else(|nearest| nearest);
    if !pool.addresses.iter().any(|address| address.is_down || !address.templates.is_empty()) {
        return Ok(1);
    }
    pool.judgement = share::judgement(needed, total, fraction);
    counted
}

/// An address and its weight: `LABEL => [ ADDRESS, WEIGHT ]`.
fn read_weighted(context: &Context<'_>, item: &Item<'_>, settings: &Inherited<'_>) -> Option<Address> {
    let texts = item.texts(&context.report);
    let [text, weight] = texts.as_slice() else {
        item.no_equal(&context.report, "an address and its weight are expected; left out");
        return None;
    };
    let Some(weight) = weight.parse().ok().filter(|weight| (1..=MAX_WEIGHT).contains(weight)) else {
        let reason = format!("\"{weight}\" is not a weight from 1 to {MAX_WEIGHT}; left out");
        item.no_equal(&context.report, reason);
        return None;
    };
    let mut address = pool::read_address(context, item, text, settings)?;
    address.weight = weight;
    Some(address)
}

/// Each address once, with the weights of all its places; at most as many as a pool takes.
fn merged(context: &Context<'_>, item: &Item<'_>, addresses: Vec<Address>) -> Vec<Address> {
    let mut kept: Vec<Address> = Vec::new();
    for address in addresses {
        match kept.iter_mut().find(|other| other.target == address.target) {
            Some(other) => other.weight = other.weight.saturating_add(address.weight),
            None => kept.push(address),
        }
    }
    pool::fit(context, item, kept)
}

fn scaling_note(item: &Item<'_>, labels: &[&str], scaled: &share::Scaled) -> Option<Note> {
    let shares = scaled.shares.as_ref()?;
    let told: Vec<String> = labels
        .iter()
        .zip(shares)
        .map(|(label, (before, after))| format!("{label} {after:.3}% in place of {before:.3}%"))
        .collect();
    Some(note(
        item,
        &format!("weights go up to 100, so the shares are not quite the same: {}", told.join(", ")),
    ))
}

fn note(item: &Item<'_>, reason: &str) -> Note {
    Note { place: item.place.clone(), path: item.path.clone(), reason: reason.to_owned() }
}
