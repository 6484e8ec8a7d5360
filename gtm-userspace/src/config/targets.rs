//! What can be answered: addresses and names of hosts, in pools and in the all-down action.

use std::net::IpAddr;

use super::model::{PoolKind, SteeredType, Target};
use super::reader::Node;
use crate::name::Name;

/// Most targets in one answer of last resort: as many as a pool can have.
const MAX_FIXED: usize = super::model::MAX_POOL_ADDRESSES;

/// An address of a pool of this kind.
pub(super) fn read_in_pool(node: &Node<'_>, kind: PoolKind) -> Option<Target> {
    let text = node.text()?;
    let address = text.parse::<IpAddr>();
    let wrong = match (kind, address) {
        (PoolKind::Domain, Ok(_)) => "an address in a pool of kind \"domain\"; a domain name is expected",
        (PoolKind::Domain, Err(_)) => return read_host_name(node).map(Target::Name),
        (PoolKind::Ipv4, Ok(IpAddr::V6(_))) => {
            "an IPv6 address in a pool of kind \"ipv4\"; an IPv4 address is expected"
        }
        (PoolKind::Ipv4, Err(_)) => "not an IPv4 address, as a pool of kind \"ipv4\" needs",
        (PoolKind::Ipv6, Ok(IpAddr::V4(_))) => {
            "an IPv4 address in a pool of kind \"ipv6\"; an IPv6 address is expected"
        }
        (PoolKind::Ipv6, Err(_)) => "not an IPv6 address, as a pool of kind \"ipv6\" needs",
        (PoolKind::Ipv6, Ok(address)) if is_mapped(address) => {
            "an IPv4 address in IPv6 form; use a pool of kind \"ipv4\""
        }
        (PoolKind::Ipv4 | PoolKind::Ipv6, Ok(address)) => return read_host_address(node, address),
    };
    node.reject(wrong);
    None
}

/// The fixed answer of an access domain of this type: addresses, or one name.
pub(super) fn read_fixed(node: &Node<'_>, steered: SteeredType) -> Option<Vec<Target>> {
    let read: Vec<_> = node.distinct_list(|item| read_fixed_target(item, steered))?;
    let targets: Vec<_> = read.into_iter().map(|item| item.value).collect();
    let names = targets.iter().filter(|target| matches!(target, Target::Name(_))).count();
    let wrong = match (targets.len(), names) {
        (_, 0) if targets.len() > MAX_FIXED => {
            format!("{} addresses; at most {MAX_FIXED} fit an answer", targets.len())
        }
        (_, 0) | (1, 1) => return Some(targets),
        (all, names) if all == names => {
            format!("{names} names; a name has one alias, so leave all but one out")
        }
        _ => "addresses and names together; list addresses only, or one name".to_owned(),
    };
    node.report.error(&node.place, wrong);
    None
}

fn read_fixed_target(node: &Node<'_>, steered: SteeredType) -> Option<Target> {
    let takes = match steered {
        SteeredType::A => "IPv4 addresses or one domain name",
        SteeredType::Aaaa => "IPv6 addresses or one domain name",
        SteeredType::Cname => "one domain name",
    };
    let wrong = match (steered, node.text()?.parse::<IpAddr>()) {
        (_, Err(_)) => return read_host_name(node).map(Target::Name),
        (SteeredType::Aaaa, Ok(address)) if is_mapped(address) => "an IPv4 address in IPv6 form",
        (SteeredType::A, Ok(address @ IpAddr::V4(_))) | (SteeredType::Aaaa, Ok(address @ IpAddr::V6(_))) => {
            return read_host_address(node, address);
        }
        (_, Ok(IpAddr::V4(_))) => "an IPv4 address",
        (_, Ok(IpAddr::V6(_))) => "an IPv6 address",
    };
    node.reject(&format!("{wrong}; an access domain of type {steered} takes {takes}"));
    None
}

fn read_host_address(node: &Node<'_>, address: IpAddr) -> Option<Target> {
    let wrong = match address {
        address if address.is_unspecified() => "the unspecified address; the address of a host is expected",
        address if address.is_multicast() => "a multicast address; the address of a host is expected",
        IpAddr::V4(address) if address.is_broadcast() => {
            "the broadcast address; the address of a host is expected"
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return Some(Target::Ip(address)),
    };
    node.reject(wrong);
    None
}

fn read_host_name(node: &Node<'_>) -> Option<Name> {
    let name = node.name()?;
    // No top-level domain is a number (RFC 3696 section 2), but a mistyped address would be a name of such.
    let is_number = |label: &[u8]| label.iter().all(u8::is_ascii_digit);
    let wrong = match name.labels().last() {
        None => "the root; the name of a host is expected",
        Some(last) if is_number(last) => "neither an address nor a domain name: its last label is a number",
        Some(_) => return Some(name),
    };
    node.reject(wrong);
    None
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}
