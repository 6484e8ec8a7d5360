//! What access domains must satisfy beyond their own table: against the zones, and against each other.

use std::collections::HashMap;

use gtm_common::wire::rtype;

use super::domains::{DomainSpec, Known};
use super::model::{AccessDomain, AllDownAction, Policy, Pool, PoolId, PoolKind, SteeredType, Target};
use super::reader::Report;
use crate::name::Name;
use crate::zone::lookup::DNAME;
use crate::zone::{Node, Zone};

/// Records of type A in 1232 bytes, the most that goes over UDP without fragments wherever one is.
const FITTING_IPV4: usize = 75;
/// Records of type AAAA in as many.
const FITTING_IPV6: usize = 43;

type Domain = (DomainSpec, AccessDomain);

/// Reports every rule that an access domain breaks.
pub(super) fn check(report: &Report<'_>, known: &Known<'_>, domains: &[Domain]) {
    let mut by_name: HashMap<&Name, Vec<&Domain>> = HashMap::new();
    for domain in domains {
        let earlier = by_name.entry(&domain.1.name).or_default();
        check_against_earlier(report, earlier, domain);
        check_wildcard(report, domain);
        check_own_pools(report, known, domain);
        warn_of_large_answers(report, known, domain);
        check_zone(report, known, domain);
        earlier.push(domain);
    }
}

/// The same name and type only once, and a CNAME with no other type.
fn check_against_earlier(report: &Report<'_>, earlier: &[&Domain], (spec, domain): &Domain) {
    let (name, steered) = (&domain.name, domain.steered);
    for (other_spec, other) in earlier {
        let line = other_spec.name.place.line;
        if other.steered == steered {
            let message = format!("\"{name}\" is already an access domain of type {steered} in line {line}");
            report.error(&spec.name.place, message);
        } else if steered == SteeredType::Cname || other.steered == SteeredType::Cname {
            let message = format!(
                "\"{name}\" is an access domain of type {} in line {line}; a CNAME has no other type beside it, so leave one \
                 of the two out",
                other.steered
            );
            report.error(&spec.name.place, message);
        }
    }
}

fn check_wildcard(report: &Report<'_>, (spec, domain): &Domain) {
    if domain.name.labels().any(|label| label == b"*") {
        let message = format!("\"{}\" is a wildcard; an access domain is one literal name", domain.name);
        report.error(&spec.name.place, message);
    }
}

/// No answer sends the clients back to the access domain itself.
fn check_own_pools(report: &Report<'_>, known: &Known<'_>, (spec, domain): &Domain) {
    let is_own = |target: &Target| matches!(target, Target::Name(name) if *name == domain.name);
    for pool in used_pools(known, domain) {
        if pool.addresses.iter().any(|address| is_own(&address.target)) {
            let message =
                format!("the pool \"{}\" holds \"{}\" itself: an endless alias", pool.name, domain.name);
            report.error(&spec.name.place, message);
        }
    }
    if matches!(&domain.all_down, AllDownAction::Fixed(targets) if targets.iter().any(is_own)) {
        let message = format!("all_down answers \"{}\" with itself: an endless alias", domain.name);
        report.error(&spec.name.place, message);
    }
}

/// Every pool that may answer, each once.
fn used_pools<'k>(known: &Known<'k>, domain: &AccessDomain) -> Vec<&'k Pool> {
    domain.answering_pools().filter_map(|PoolId(index)| known.pools.get(index)).collect()
}

/// Warns when one answer may have more records than go into it: the rest would never be seen together.
fn warn_of_large_answers(report: &Report<'_>, known: &Known<'_>, (spec, domain): &Domain) {
    let (fitting, kind) = match domain.steered {
        SteeredType::A => (FITTING_IPV4, PoolKind::Ipv4),
        SteeredType::Aaaa => (FITTING_IPV6, PoolKind::Ipv6),
        SteeredType::Cname => return,
    };
    if domain.policy != Policy::RoundRobin || domain.sticky.is_some() || domain.max_answers.is_some() {
        return;
    }
    let pools = domain.pools.iter().filter_map(|used| known.pools.get(used.pool.0));
    let most: usize = pools.filter(|pool| pool.enabled && pool.kind == kind).map(most_answers).sum();
    if most > fitting {
        let message = format!(
            "{most} addresses may be in one answer, of which {fitting} fit into 1232 bytes; set max_answers to 16 or less"
        );
        report.warn(&spec.name.place, message);
    }
}

/// Most addresses of this pool in one answer.
fn most_answers(pool: &Pool) -> usize {
    let enabled = pool.addresses.iter().filter(|address| address.enabled).count();
    if pool.policy == Policy::RoundRobin && pool.sticky.is_none() { enabled } else { enabled.min(1) }
}

/// Inside a zone, not in a part of it that is delegated away, and no CNAME beside other data.
fn check_zone(report: &Report<'_>, known: &Known<'_>, domain_and_spec: &Domain) {
    let (spec, domain) = domain_and_spec;
    let (name, place) = (&domain.name, &spec.name.place);
    let Some(zone) = enclosing_zone(known.zones, name) else {
        let origins: Vec<_> = known.zones.iter().map(|zone| format!("\"{}\"", zone.origin)).collect();
        let zones = if origins.is_empty() {
            "none is configured".to_owned()
        } else {
            format!("zones: {}", origins.join(", "))
        };
        report.error(place, format!("\"{name}\" is in none of the zones; {zones}"));
        return;
    };
    if let Some((cut, word)) = cut_above(zone, name) {
        let message = format!("\"{name}\" is not answered here: the zone has {word} records at \"{cut}\"");
        report.error(place, message);
    }
    let Some(node) = zone.nodes.get(name) else { return };
    warn_of_hidden_data(report, known, domain_and_spec, node);
    match domain.steered {
        SteeredType::Cname if node.keys().any(|rtype| *rtype != rtype::CNAME) => {
            let message = format!(
                "the zone \"{}\" has other records at \"{name}\"; a CNAME has none beside it, so remove them or choose \
                 another name",
                zone.origin
            );
            report.error(place, message);
        }
        SteeredType::A | SteeredType::Aaaa if node.contains_key(&rtype::CNAME) => {
            let message = format!(
                "the zone \"{}\" has a CNAME at \"{name}\": a resolver that holds it does not ask for type {}",
                zone.origin, domain.steered
            );
            report.warn(place, message);
        }
        SteeredType::A | SteeredType::Aaaa | SteeredType::Cname => {}
    }
}

/// A type A or AAAA that may be answered with an alias hides what else is at its name.
fn warn_of_hidden_data(report: &Report<'_>, known: &Known<'_>, (spec, domain): &Domain, node: &Node) {
    let own_type = match domain.steered {
        SteeredType::A => rtype::A,
        SteeredType::Aaaa => rtype::AAAA,
        SteeredType::Cname => return,
    };
    let last_resort = match &domain.all_down {
        AllDownAction::Fixed(targets) => targets.as_slice(),
        AllDownAction::DefaultPool
        | AllDownAction::AsIfUp
        | AllDownAction::Pool(_)
        | AllDownAction::LastGood
        | AllDownAction::NoData
        | AllDownAction::ServFail
        | AllDownAction::Refused => &[],
    };
    let alias = if used_pools(known, domain).iter().any(|pool| pool.kind == PoolKind::Domain) {
        "an alias from a pool of kind \"domain\""
    } else if last_resort.iter().any(|target| matches!(target, Target::Name(_))) {
        "the alias of all_down"
    } else {
        return;
    };
    if node.keys().any(|rtype| *rtype != own_type && *rtype != rtype::CNAME) {
        let name = &domain.name;
        let message = format!("{alias} hides the zone's other records at \"{name}\" from resolvers");
        report.warn(&spec.name.place, message);
    }
}

fn enclosing_zone<'z>(zones: &'z [Zone], name: &Name) -> Option<&'z Zone> {
    let above = zones.iter().filter(|zone| name.is_at_or_below(&zone.origin));
    above.max_by_key(|zone| zone.origin.as_wire().len())
}

/// The highest name that delegates this one away, and the type that does.
fn cut_above(zone: &Zone, name: &Name) -> Option<(Name, &'static str)> {
    let mut found = None;
    let mut at = Some(name.clone());
    while let Some(current) = at.filter(|current| current.is_at_or_below(&zone.origin)) {
        if let Some(node) = zone.nodes.get(&current) {
            if node.contains_key(&rtype::NS) && current != zone.origin {
                found = Some((current.clone(), "NS"));
            } else if node.contains_key(&DNAME) && current != *name {
                found = Some((current.clone(), "DNAME"));
            }
        }
        at = current.parent();
    }
    found
}
