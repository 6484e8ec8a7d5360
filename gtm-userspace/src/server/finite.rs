//! The answers that can be made before anybody asks: those that depend on the name and the type alone, up to a steered
//! name. The kernel copies them, and so gives the bytes that the server would.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use gtm_common::abi::ANY_TYPE;
use gtm_common::query::Question;
use gtm_common::wire::{class, rtype};

use super::message::{Content, Sections};
use super::respond::steer;
use super::{Tables, identity};
use crate::decision::answer::Picked;
use crate::name::Name;
use crate::zone::Zone;
use crate::zone::lookup::Found;

/// A client for questions whose answers are the same for everyone.
const ANYONE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// A type that no record has: what all types without an answer of their own are asked as.
const NO_RECORDS_TYPE: u16 = rtype::OPT;

/// Whose question is answered before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The name; of names below another one, an example.
    pub qname: Name,
    /// The class: IN or CH.
    pub qclass: u16,
    /// What else is meant, if it is more than one name.
    below: Option<Box<Below>>,
}

/// Every name that does not exist and whose closest encloser is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Below {
    encloser: Name,
    /// Another example.
    other: Name,
}

/// What makes a name one like most: below the apex of its zone, it owns records, or a steered answer to address types, and
/// is neither an alias nor a cut. To every type without an answer of its own it answers what all such names of the zone do.
#[derive(Debug)]
pub struct Plain<'t> {
    /// The zone.
    pub zone: &'t Zone,
    /// The types that may have answers of their own.
    pub types: Vec<u16>,
    /// True when the zone answers to the names below it what it answers to all names that it has nothing for.
    pub has_nothing_below: bool,
}

/// The answer to a name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finite {
    /// The same for every name that is meant and for everyone.
    Same(Sections),
    /// The aliases lead to a steered name, or there are none and it is the name itself.
    Steered {
        /// The steered name.
        name: Name,
        /// The type it is steered for.
        rtype: u16,
    },
    /// Another one for each name.
    Various,
}

impl Tables {
    /// Every name that exists, in class IN and CH.
    pub fn asked(&self) -> impl Iterator<Item = Asked> {
        // Zones within each other share names: each is asked once.
        let names = self.zones.iter().flat_map(move |zone| {
            let has_inner = self.zones.has_inner(zone);
            let is_first = move |name: &Name| {
                !has_inner || self.zones.innermost_with(name).is_some_and(|first| std::ptr::eq(first, zone))
            };
            zone.nodes.iter().map(|(name, _)| name).filter(move |name| is_first(name))
        });
        let asked = |qname, qclass| Asked { qclass, ..Asked::name(qname) };
        names
            .map(move |name| asked(name.clone(), class::IN))
            .chain(identity::names(&self.dns).map(move |name| asked(name, class::CH)))
    }

    /// What is known of a name that is like most.
    pub fn plain(&self, asked: &Asked) -> Option<Plain<'_>> {
        let Asked { qname, qclass: class::IN, below: None } = asked else { return None };
        let zone = self.zones.find(qname, NO_RECORDS_TYPE)?;
        let node = zone.plain_node(qname)?;
        let is_steered = |rtype| self.steering.find(qname, rtype, ANYONE).is_some();
        if is_steered(ANY_TYPE) {
            return None;
        }
        let own = node.keys().copied();
        let steered = [rtype::A, rtype::AAAA]
            .into_iter()
            .filter(|rtype| !node.contains_key(rtype) && is_steered(*rtype));
        let types = own.chain(steered).chain([rtype::ANY]).collect();
        Some(Plain { zone, types, has_nothing_below: !zone.has_wildcard_below(qname) })
    }

    /// The names below one that exists which do not; `None` when there are none.
    pub fn below(&self, name: &Name) -> Option<Asked> {
        // Shorter labels come first, so that there is no child behind the first one that is too long.
        let labels = (0..=u64::MAX).map(|number| {
            let bytes = number.to_be_bytes();
            bytes
                .iter()
                .position(|byte| *byte != 0)
                .map_or(vec![0], |first| bytes.iter().skip(first).copied().collect())
        });
        let children = labels.map_while(|label: Vec<u8>| name.child(&label).ok());
        let mut examples = children.filter(|child| !self.zones.has(child));
        let qname = examples.next()?;
        let other = examples.next().unwrap_or_else(|| qname.clone());
        Some(Asked {
            qname,
            qclass: class::IN,
            below: Some(Box::new(Below { encloser: name.clone(), other })),
        })
    }

    /// The zone that has nothing for any of these names, whatever the type: its answers are the same below all its names.
    pub fn zone_without(&self, asked: &Asked) -> Option<&Name> {
        let zone = self.zones.find(&asked.qname, NO_RECORDS_TYPE)?;
        let is_nothing = matches!(zone.find(&asked.qname, NO_RECORDS_TYPE), Found::NxDomain);
        is_nothing.then_some(&zone.origin)
    }

    /// The types that may have answers of their own; all the others have that of [`Tables::rest`].
    pub fn types(&self, asked: &Asked) -> BTreeSet<u16> {
        let mut types = BTreeSet::from([rtype::ANY, rtype::DS]);
        if asked.qclass == class::CH {
            types.insert(rtype::TXT);
            return types;
        }
        let mut names = vec![&asked.qname];
        let mut leads_to_targets = false;
        while let Some(qname) = names.pop() {
            Content::default().follow(self, qname.clone(), NO_RECORDS_TYPE, |_, zone, name| {
                types.extend(zone.types(name));
                let steered = [rtype::A, rtype::AAAA, ANY_TYPE];
                types.extend(steered.into_iter().filter(|rtype| steer(self, name, *rtype, ANYONE).is_some()));
                None
            });
            if types.contains(&ANY_TYPE) && !leads_to_targets {
                // Asked for by its own type, an alias leads nowhere.
                types.insert(rtype::CNAME);
                leads_to_targets = true;
                names.extend(&self.targets);
            }
        }
        types
    }

    /// True when steered answers can be aliases in our zones, and a question for the type goes on at their targets.
    pub fn leads_on(&self, qtype: u16) -> bool {
        !self.targets.is_empty() && qtype != rtype::ANY
    }

    /// The answer to every type that has none of its own.
    pub fn rest(&self, asked: &Asked) -> Finite {
        self.finite(asked, NO_RECORDS_TYPE)
    }

    /// The answer to a type.
    pub fn finite(&self, asked: &Asked, qtype: u16) -> Finite {
        if asked.qclass == class::CH {
            let content = identity::answer(asked.qname.clone(), qtype, &self.dns);
            return Finite::Same(asked.sections(qtype, &content));
        }
        let (mut steered, mut is_various) = (None, false);
        let mut content = Content::default();
        for qname in asked.examples() {
            content = Content::default();
            content.follow(self, qname.clone(), qtype, |_, zone, name| {
                if let Some((rtype, _)) = steer(self, name, qtype, ANYONE) {
                    steered = Some(Finite::Steered { name: name.clone(), rtype });
                    return Some(None);
                }
                is_various |= asked.is_told_by(qname, name, zone, qtype);
                None
            });
        }
        match steered {
            _ if is_various => Finite::Various,
            Some(steered) => steered,
            None => Finite::Same(asked.sections(qtype, &content)),
        }
    }

    /// What follows the question where the steered name at the end of the aliases answers these records. `None` where one of
    /// them is an alias that leads to another steered name, or to an answer for each name.
    pub fn steered(&self, asked: &Asked, qtype: u16, picked: &Picked) -> Option<Sections> {
        let mut content = Content::default();
        for qname in asked.examples() {
            let (mut met, mut is_various) = (0, false);
            content = Content::default();
            content.follow(self, qname.clone(), qtype, |content, zone, name| {
                is_various |= asked.is_told_by(qname, name, zone, qtype);
                steer(self, name, qtype, ANYONE)?;
                met += 1;
                Some(content.add_steered(name, qtype, picked.clone()))
            });
            if met != 1 || is_various {
                return None;
            }
        }
        Some(asked.sections(qtype, &content))
    }

    /// The same where it answers no records, but this response code.
    pub fn steered_nothing(&self, asked: &Asked, qtype: u16, rcode: u16) -> Sections {
        let mut content = Content::default();
        content.follow(self, asked.qname.clone(), qtype, |content, zone, name| {
            steer(self, name, qtype, ANYONE)?;
            content.add_nothing(zone, rcode);
            Some(None)
        });
        asked.sections(qtype, &content)
    }
}

impl Asked {
    /// Just this name, of class IN.
    pub fn name(qname: Name) -> Self {
        Self { qname, qclass: class::IN, below: None }
    }

    /// The examples. An alias may lead to one of two by chance, and so hide that it leads to a name that is meant; never to
    /// both without meeting the other.
    fn examples(&self) -> impl Iterator<Item = &Name> {
        self.below.iter().map(|below| &below.other).chain([&self.qname])
    }

    /// True when an answer to this example that goes by way of a name of the zone tells which of the names is asked.
    fn is_told_by(&self, qname: &Name, name: &Name, zone: &Zone, qtype: u16) -> bool {
        let Some(Below { encloser, .. }) = self.below.as_deref() else { return false };
        if name == qname {
            // A DNAME record makes another name of each.
            matches!(zone.find(name, qtype), Found::Renamed { .. })
        } else {
            // It may be the very name that was asked.
            name.is_at_or_below(encloser) && !zone.has(name)
        }
    }

    fn sections(&self, qtype: u16, content: &Content<'_>) -> Sections {
        let qname = self.qname.as_wire();
        let bytes = [qname, &qtype.to_be_bytes(), &self.qclass.to_be_bytes()].concat();
        Sections::new(Question { bytes: &bytes, qname, qtype, qclass: self.qclass }, content)
    }
}
