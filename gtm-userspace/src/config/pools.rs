//! `[pool.NAME]` and `[[pool.NAME.address]]`: pools, their addresses, and the checks that these need.

use std::collections::HashMap;
use std::net::IpAddr;

use super::model::{
    Address, AddressMode, Check, CheckId, MAX_POOL_ADDRESSES, Pool, PoolKind, Target, TemplateId,
};
use super::names::Names;
use super::reader::{At, Node, Table};
use crate::name::Name;

/// Keys of a pool.
pub(super) const KEYS: &[&str] = &["kind", "enabled", "templates", "address"];
/// Keys of an address.
pub(super) const ADDRESS_KEYS: &[&str] = &["address", "ordinal", "mode", "enabled", "templates"];

/// The ordinals that can be given, here and to the pools of an access domain.
pub(super) const ORDINALS: std::ops::RangeInclusive<u32> = 1..=65535;

const KINDS: &[(&str, PoolKind)] =
    &[("ipv4", PoolKind::Ipv4), ("ipv6", PoolKind::Ipv6), ("domain", PoolKind::Domain)];
const MODES: &[(&str, AddressMode)] =
    &[("auto", AddressMode::Auto), ("online", AddressMode::Online), ("offline", AddressMode::Offline)];

/// Reads all pools and, as their addresses need them, the distinct checks.
pub(super) fn read(root: &Table<'_>, names: &mut Names, templates: &Names) -> (Vec<Pool>, Vec<Check>) {
    let mut checks = Checks::default();
    let specs = names.define(root, "pool", read_pool);
    let pools = specs.into_iter().map(|spec| spec.into_pool(root, templates, &mut checks)).collect();
    (pools, checks.list)
}

/// A pool as it is written.
struct PoolSpec {
    name: String,
    kind: PoolKind,
    enabled: bool,
    templates: Vec<At<String>>,
    addresses: Vec<AddressSpec>,
}

/// An address as it is written.
struct AddressSpec {
    target: At<Target>,
    ordinal: At<u32>,
    mode: AddressMode,
    enabled: bool,
    /// In place of the pool's.
    templates: Option<Vec<At<String>>>,
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
    // A pool whose kind is unknown still has its addresses read, for what else is wrong with them.
    let addresses = table.read_or("address", Vec::new(), |node| node.list(|item| read_address(item, kind)));
    let addresses: Vec<_> = addresses?.into_iter().map(|address| address.value).collect();

    let report = node.report;
    report.unique(
        "the address",
        addresses.iter().map(|address| (&address.target.value, &address.target.place)),
    );
    report.unique(
        "the ordinal",
        addresses.iter().map(|address| (address.ordinal.value, &address.ordinal.place)),
    );
    if addresses.len() > MAX_POOL_ADDRESSES {
        let message =
            format!("{} addresses in this pool; at most {MAX_POOL_ADDRESSES} fit an answer", addresses.len());
        report.error(&node.place, message);
    }
    if addresses.is_empty() {
        report.warn(&node.place, "this pool has no address, so it is never available");
    }
    Some(PoolSpec { name: name.to_owned(), kind: kind?, enabled: enabled?, templates: templates?, addresses })
}

fn read_address(node: &Node<'_>, kind: Option<PoolKind>) -> Option<AddressSpec> {
    let table = node.table()?.with_keys(ADDRESS_KEYS);
    let target = table.read("address", |node| read_target(node, kind?).map(|target| node.at(target)));
    let ordinal = table.read("ordinal", read_ordinal);
    let mode = table.read_or("mode", AddressMode::Auto, |node| node.choice(MODES));
    let enabled = table.read_or("enabled", true, Node::boolean);
    let templates = table.read_or("templates", None, |node| read_templates(node).map(Some));
    Some(AddressSpec {
        target: target?,
        ordinal: ordinal?,
        mode: mode?,
        enabled: enabled?,
        templates: templates?,
    })
}

/// An ordinal, here or of a pool in an access domain.
pub(super) fn read_ordinal(node: &Node<'_>) -> Option<At<u32>> {
    node.number(ORDINALS).map(|ordinal| node.at(ordinal))
}

/// Names of templates; none at all means no check.
fn read_templates(node: &Node<'_>) -> Option<Vec<At<String>>> {
    let templates = node.list(|item| item.text().map(str::to_owned))?;
    node.report.unique("the template", templates.iter().map(|item| (&item.value, &item.place)));
    Some(templates)
}

fn read_target(node: &Node<'_>, kind: PoolKind) -> Option<Target> {
    let text = node.text()?;
    let address = text.parse::<IpAddr>();
    let wrong = match (kind, address) {
        (PoolKind::Domain, Ok(_)) => "an address in a pool of kind \"domain\"; a domain name is expected",
        (PoolKind::Domain, Err(_)) => {
            let name = node.name()?;
            if name != Name::root() {
                return Some(Target::Name(name));
            }
            "the root; the name of a host is expected"
        }
        (PoolKind::Ipv4, Ok(IpAddr::V6(_))) => {
            "an IPv6 address in a pool of kind \"ipv4\"; an IPv4 address is expected"
        }
        (PoolKind::Ipv4, Err(_)) => "not an IPv4 address, as a pool of kind \"ipv4\" needs",
        (PoolKind::Ipv6, Ok(IpAddr::V4(_))) => {
            "an IPv4 address in a pool of kind \"ipv6\"; an IPv6 address is expected"
        }
        (PoolKind::Ipv6, Err(_)) => "not an IPv6 address, as a pool of kind \"ipv6\" needs",
        (_, Ok(address)) if address.is_unspecified() => {
            "the unspecified address; the address of a host is expected"
        }
        (_, Ok(address)) if address.is_multicast() => {
            "a multicast address; the address of a host is expected"
        }
        (_, Ok(IpAddr::V4(address))) if address.is_broadcast() => {
            "the broadcast address; the address of a host is expected"
        }
        (_, Ok(IpAddr::V6(address))) if address.to_ipv4_mapped().is_some() => {
            "an IPv4 address in IPv6 form; use a pool of kind \"ipv4\""
        }
        (PoolKind::Ipv4 | PoolKind::Ipv6, Ok(address)) => return Some(Target::Ip(address)),
    };
    node.reject(wrong);
    None
}

impl PoolSpec {
    fn into_pool(self, root: &Table<'_>, names: &Names, checks: &mut Checks) -> Pool {
        // Resolved even when every address has its own list: an unknown name is an error all the same.
        let resolve = |references: &[At<String>]| -> Vec<TemplateId> {
            references.iter().filter_map(|name| names.resolve(root.report, name).map(TemplateId)).collect()
        };
        let templates = resolve(&self.templates);
        let addresses = self.addresses.into_iter().map(|spec| {
            let own = spec.templates.as_deref().map(resolve);
            let target = spec.target.value;
            let checked_by = own.as_ref().unwrap_or(&templates);
            let checks = checked_by.iter().map(|template| checks.add(&target, *template)).collect();
            Address {
                mode: spec.mode,
                enabled: spec.enabled,
                checks,
                ..Address::new(target, spec.ordinal.value)
            }
        });
        let mut addresses: Vec<_> = addresses.collect();
        addresses.sort_by_key(|address| address.ordinal);
        Pool { enabled: self.enabled, addresses, ..Pool::new(self.name, self.kind) }
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
