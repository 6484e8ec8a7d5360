//! What a name and a type find in the zones (RFC 1034 section 4.3.2, RFC 4592, RFC 6672). It never looks at the
//! client and never follows an alias: both are the server's part.

use std::collections::{HashMap, HashSet};

use gtm_common::wire::rtype;

use super::{Node, RecordSet, Zone};
use crate::name::Name;

/// Type number of DNAME, the alias for all names below its owner (RFC 6672).
pub const DNAME: u16 = 39;

/// Every zone that is served.
#[derive(Debug, Default)]
pub struct ZoneSet {
    zones: HashMap<Name, Zone>,
    /// The origins of those that others lie in.
    outer: HashSet<Name>,
}

/// What a name and a type find in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'z> {
    /// The record set asked for. For type ANY it is one of those at the name (RFC 8482 section 4.1).
    Records {
        /// Type of the record set.
        rtype: u16,
        /// Its records.
        set: &'z RecordSet,
    },
    /// The name is an alias: a CNAME record set.
    Alias(&'z RecordSet),
    /// The name lies below a DNAME record.
    Renamed {
        /// Owner of the DNAME record.
        owner: Name,
        /// The DNAME record set.
        set: &'z RecordSet,
    },
    /// The name lies at or below a zone cut: somebody else's.
    Referral {
        /// The name of the cut.
        cut: Name,
        /// Its NS records.
        servers: &'z RecordSet,
    },
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
}

/// What answers for a name, before the type is looked at.
enum Located<'z> {
    /// The record sets of the name, or of the wildcard that stands for it.
    Node(&'z Node),
    /// A referral, a DNAME record or nothing.
    Elsewhere(Found<'z>),
}

impl ZoneSet {
    /// Takes the zones and the names that are steered in them. A steered name exists, and so do the names between it
    /// and its zone, although the zone file may not know them; and so it is with a zone that lies in another one.
    pub fn new(zones: impl IntoIterator<Item = Zone>, steered: impl IntoIterator<Item = Name>) -> Self {
        let zones: HashMap<Name, Zone> = zones.into_iter().map(|zone| (zone.origin.clone(), zone)).collect();
        let above = zones.keys().flat_map(|origin| origin.ancestors().skip(1));
        let outer =
            above.filter_map(|above| zones.get_key_value(above)).map(|(origin, _)| origin.clone()).collect();
        let mut set = Self { zones, outer };
        let origins: Vec<Name> = set.zones.keys().cloned().collect();
        // A zone knows its own origin; the one around it is looked for above.
        let inner = origins.into_iter().map(|origin| (origin, 1));
        for (name, skipped) in inner.chain(steered.into_iter().map(|name| (name, 0))) {
            let origin = name.ancestors().skip(skipped).find(|ancestor| set.zones.contains_key(*ancestor));
            if let Some(zone) = origin.and_then(|origin| set.zones.get_mut(origin)) {
                zone.add_name(&name);
            }
        }
        set
    }

    /// Every zone.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.zones.values()
    }

    /// True when the name exists in a zone, with records or without.
    pub fn has(&self, name: &Name) -> bool {
        name.ancestors().filter_map(|ancestor| self.zones.get(ancestor)).any(|zone| zone.has(name))
    }

    /// True when another zone lies in this one.
    pub fn has_inner(&self, zone: &Zone) -> bool {
        self.outer.contains(&zone.origin)
    }

    /// Of the zones in which the name exists, the closest one at or above it.
    pub fn innermost_with(&self, name: &Name) -> Option<&Zone> {
        name.ancestors().filter_map(|ancestor| self.zones.get(ancestor)).find(|zone| zone.has(name))
    }

    /// The zone that answers for the name: the closest one at or above it. For type DS at the apex of a zone it is the
    /// one above, if that is served too (RFC 4035 section 3.1.4.1).
    pub fn find(&self, name: &Name, qtype: u16) -> Option<&Zone> {
        let mut enclosing = name.ancestors().filter_map(|ancestor| self.zones.get(ancestor));
        let closest = enclosing.next()?;
        if qtype == rtype::DS && &closest.origin == name {
            return Some(enclosing.next().unwrap_or(closest));
        }
        Some(closest)
    }
}

impl Zone {
    /// What the name and type find; the name lies at or below the origin.
    pub fn find(&self, name: &Name, qtype: u16) -> Found<'_> {
        match self.locate(name, qtype) {
            Located::Node(node) => find_at(node, qtype),
            Located::Elsewhere(found) => found,
        }
    }

    /// The types of the records that answer for the name, which may be those of a wildcard.
    pub fn types(&self, name: &Name) -> impl Iterator<Item = u16> {
        let node = match self.locate(name, rtype::DS) {
            Located::Node(node) => Some(node),
            Located::Elsewhere(_) => None,
        };
        node.into_iter().flat_map(|node| node.keys().copied())
    }

    /// True when the name exists in this zone, with records or without.
    pub fn has(&self, name: &Name) -> bool {
        self.nodes.get(name).is_some()
    }

    /// The node that answers, or what answers without one.
    fn locate(&self, name: &Name, qtype: u16) -> Located<'_> {
        let mut encloser = None;
        for ancestor in self.path(name).into_iter().rev() {
            let Some(node) = self.nodes.get(ancestor) else {
                break;
            };
            let is_name = ancestor.len() == name.as_wire().len();
            let is_apex = ancestor.len() == self.origin.as_wire().len();
            if let Some(servers) = node.get(&rtype::NS)
                && !is_apex
                && !(is_name && qtype == rtype::DS)
                && let Ok(cut) = Name::from_wire(ancestor)
            {
                return Located::Elsewhere(Found::Referral { cut, servers });
            }
            if is_name {
                return Located::Node(node);
            }
            if let Some(set) = node.get(&DNAME)
                && let Ok(owner) = Name::from_wire(ancestor)
            {
                return Located::Elsewhere(Found::Renamed { owner, set });
            }
            encloser = Some(ancestor);
        }
        // RFC 4592: only the wildcard right below the closest encloser counts, so a name that exists hides those above.
        let wildcard = encloser.and_then(|encloser| self.wildcard_below(encloser));
        wildcard.map_or(Located::Elsewhere(Found::NxDomain), Located::Node)
    }

    /// The node of a name below the apex that answers for itself and leads nowhere else, nor do names below it.
    pub fn plain_node(&self, name: &Name) -> Option<&Node> {
        let leads_on =
            |node: &Node| [rtype::CNAME, rtype::NS, DNAME].iter().any(|rtype| node.contains_key(rtype));
        let node = self.nodes.get(name).filter(|node| !leads_on(node) && *name != self.origin)?;
        matches!(self.locate(name, rtype::DS), Located::Node(_)).then_some(node)
    }

    /// True when a wildcard stands for the names below this one.
    pub fn has_wildcard_below(&self, name: &Name) -> bool {
        self.wildcard_below(name.as_wire()).is_some()
    }

    fn wildcard_below(&self, wire: &[u8]) -> Option<&Node> {
        self.nodes.get([b"\x01*", wire].concat().as_slice())
    }

    /// The records of this name and type as they stand in the file, whether or not they lie below a cut.
    pub fn records(&self, name: &Name, rtype: u16) -> Option<&RecordSet> {
        self.nodes.get(name)?.get(&rtype)
    }

    /// The SOA record and the TTL with which it goes into a negative answer (RFC 2308 section 3).
    pub fn negative_soa(&self) -> Option<(&RecordSet, u32)> {
        let soa = self.records(&self.origin, rtype::SOA)?;
        let minimum = soa.rdata.first()?.last_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        Some((soa, soa.ttl.min(minimum)))
    }

    /// The name and its ancestors up to the origin.
    fn path<'n>(&self, name: &'n Name) -> Vec<&'n [u8]> {
        let shortest = self.origin.as_wire().len();
        name.ancestors().take_while(|ancestor| ancestor.len() >= shortest).collect()
    }

    /// Makes the name and the ones between it and the origin exist.
    fn add_name(&mut self, name: &Name) {
        for ancestor in self.path(name) {
            if let Ok(ancestor) = Name::from_wire(ancestor) {
                self.nodes.add(ancestor);
            }
        }
    }
}

/// What the type finds at a name that exists.
fn find_at(node: &Node, qtype: u16) -> Found<'_> {
    let exact = node.get_key_value(&qtype);
    if let Some((&rtype, set)) = exact {
        return Found::Records { rtype, set };
    }
    if let Some(set) = node.get(&rtype::CNAME) {
        return Found::Alias(set);
    }
    let any = node.first_key_value().filter(|_| qtype == rtype::ANY);
    any.map_or(Found::NoData, |(&rtype, set)| Found::Records { rtype, set })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A zone of these owners and types, the owner's text as the data.
    fn zone(origin: &str, records: &[(&str, u16)]) -> Zone {
        let mut nodes: HashMap<Name, Node> = HashMap::new();
        for (owner, rtype) in records {
            let set = RecordSet { ttl: 60, rdata: vec![owner.as_bytes().into()] };
            nodes.entry(owner.parse().unwrap()).or_default().insert(*rtype, set);
        }
        let owners: Vec<Name> = nodes.keys().cloned().collect();
        let mut zone = Zone { origin: origin.parse().unwrap(), source: Arc::default(), nodes: nodes.into() };
        for owner in &owners {
            zone.add_name(owner);
        }
        zone
    }

    fn zones() -> ZoneSet {
        let example = zone(
            "example",
            &[
                ("example", 6),
                ("example", 2),
                ("www.example", 1),
                ("www.example", 28),
                ("alias.example", 5),
                ("deep.empty.example", 1),
                ("*.wild.example", 1),
                ("here.wild.example", 28),
                ("*.star.example", 5),
                ("a.*.odd.example", 1),
                ("sub.example", 2),
                ("sub.example", 43),
                ("ns.sub.example", 1),
                ("child.example", 2),
                ("child.example", 43),
                ("renamed.example", 39),
                ("renamed.example", 1),
            ],
        );
        let child = zone("child.example", &[("child.example", 6), ("child.example", 2)]);
        // Not delegated in the zone around it.
        let inner = zone("in.apart.example", &[("in.apart.example", 6), ("in.apart.example", 2)]);
        ZoneSet::new([example, child, inner], ["steered.between.example".parse().unwrap()])
    }

    fn describe(found: &Found<'_>) -> String {
        let text = |set: &RecordSet| String::from_utf8(set.rdata[0].to_vec()).unwrap();
        match found {
            Found::Records { rtype, set } => format!("{rtype} of {}", text(set)),
            Found::Alias(set) => format!("alias {}", text(set)),
            Found::Renamed { owner, .. } => format!("renamed by {owner}"),
            Found::Referral { cut, .. } => format!("referral to {cut}"),
            Found::NoData => "nodata".into(),
            Found::NxDomain => "nxdomain".into(),
        }
    }

    #[track_caller]
    fn check(name: &str, qtype: u16, expect: &str) {
        let zones = zones();
        let name: Name = name.parse().unwrap();
        let zone = zones.find(&name, qtype);
        let found = zone.map_or("no zone".into(), |zone| describe(&zone.find(&name, qtype)));
        assert_eq!(found, expect);
    }

    #[test]
    fn exact_names() {
        check("www.example", 1, "1 of www.example");
        check("www.example", 28, "28 of www.example");
        check("www.example", 15, "nodata");
        check("example", 6, "6 of example");
        check("none.example", 1, "nxdomain");
        check("below.www.example", 1, "nxdomain");
        check("www.other", 1, "no zone");
        check(".", 2, "no zone");
    }

    #[test]
    fn aliases() {
        check("alias.example", 1, "alias alias.example");
        check("alias.example", 5, "5 of alias.example");
        check("alias.example", 255, "alias alias.example");
        check("renamed.example", 1, "1 of renamed.example");
        check("renamed.example", 39, "39 of renamed.example");
        check("x.y.renamed.example", 1, "renamed by renamed.example");
    }

    #[test]
    fn any_is_one_record_set() {
        check("www.example", 255, "1 of www.example");
        check("empty.example", 255, "nodata");
        check("none.example", 255, "nxdomain");
    }

    #[test]
    fn empty_non_terminals() {
        check("empty.example", 1, "nodata");
        check("between.example", 1, "nodata");
        check("steered.between.example", 28, "nodata");
        check("other.between.example", 28, "nxdomain");
        check("apart.example", 1, "nodata");
        check("in.apart.example", 43, "nodata");
        check("in.apart.example", 1, "nodata");
        check("x.apart.example", 1, "nxdomain");
        check("x.in.apart.example", 1, "nxdomain");
    }

    #[test]
    fn wildcards() {
        check("x.wild.example", 1, "1 of *.wild.example");
        check("x.y.wild.example", 1, "1 of *.wild.example");
        check("x.wild.example", 28, "nodata");
        check("*.wild.example", 1, "1 of *.wild.example");
        check("here.wild.example", 1, "nodata");
        check("x.here.wild.example", 1, "nxdomain");
        check("wild.example", 1, "nodata");
        check("x.star.example", 1, "alias *.star.example");
        check("x.odd.example", 1, "nodata");
    }

    #[test]
    fn zone_cuts() {
        check("sub.example", 1, "referral to sub.example");
        check("sub.example", 2, "referral to sub.example");
        check("ns.sub.example", 1, "referral to sub.example");
        check("ns.sub.example", 43, "referral to sub.example");
        check("x.y.sub.example", 1, "referral to sub.example");
        check("sub.example", 43, "43 of sub.example");
        check("child.example", 2, "2 of child.example");
        check("child.example", 43, "43 of child.example");
        check("x.child.example", 43, "nxdomain");
        check("example", 43, "nodata");
    }

    #[test]
    fn negative_ttl_is_the_smaller_one() {
        for (ttl, minimum, expect) in [(300_u32, 60_u32, 60), (60, 300, 60)] {
            let rdata = [&b"\0\0"[..], &[0; 16], &minimum.to_be_bytes()].concat();
            let set = RecordSet { ttl, rdata: vec![rdata.into()] };
            let origin: Name = "example".parse().unwrap();
            let nodes = HashMap::from([(origin.clone(), Node::from([(6, set)]))]);
            let zone = Zone { origin, source: Arc::default(), nodes: nodes.into() };
            assert_eq!(zone.negative_soa().map(|(_, ttl)| ttl), Some(expect));
        }
    }
}
