//! What a resource answers, as a tree of the resources it is made of, and the same without the tree: lists of pools.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::report::Place;
use super::context::Context;
use super::pool::{Kind, Leaf};

/// A resource.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// One set of addresses.
    Leaf(Rc<Leaf>),
    /// Sets of addresses with weights.
    Groups(Rc<Groups>),
    /// The first that is up; when none is, the first.
    List(Rc<List>),
    /// The same, in an order that depends on the client.
    Geo(Rc<Geo>),
}

/// The `metafo` plugin: datacenters in one order.
#[derive(Debug)]
pub(super) struct List {
    pub(super) datacenters: Vec<(String, Node)>,
    pub(super) skip_first: bool,
}

/// The `weighted` plugin with groups in at least one family.
#[derive(Debug)]
pub(super) struct Groups {
    /// All addresses of each kind in one pool: what is left of it as one member of a list.
    pub(super) flat: Rc<Leaf>,
    pub(super) grouped: Vec<Grouping>,
    /// What has no equal when a name uses it, and when it is a member of a list.
    pub(super) alone: Vec<Note>,
    pub(super) nested: Vec<Note>,
}

/// The groups of one kind of addresses.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) kind: Kind,
    /// `weight`: one group answers; `round-robin`: every group does.
    pub(super) policy: &'static str,
    /// Each with its weight.
    pub(super) members: Vec<(Rc<Leaf>, u32)>,
}

/// Something without an equal that counts only in some uses.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) reason: String,
}

/// The `geoip` plugin: datacenters in the order that a map says.
#[derive(Debug)]
pub(super) struct Geo {
    /// Name of the map.
    pub(super) map: String,
    pub(super) datacenters: BTreeMap<String, Node>,
    pub(super) skip_first: bool,
    pub(super) place: Place,
    pub(super) path: String,
}

/// A resource without its tree.
#[derive(Debug, Clone)]
pub(super) enum Flat {
    /// For everyone.
    List(Vec<Rc<Leaf>>),
    /// For each list of a map.
    Geo { map: String, lists: Vec<Vec<Rc<Leaf>>> },
    /// One or each of several sets.
    Groups(Rc<Groups>),
}

impl Node {
    /// The resource without its tree, for a name that uses it.
    pub(super) fn flatten(&self, context: &Context<'_>) -> Flat {
        if let Self::Groups(groups) = self {
            name_notes(context, &groups.alone);
            return Flat::Groups(Rc::clone(groups));
        }
        let mut flat = self.flatten_nested(context);
        match &mut flat {
            Flat::List(leaves) => keep_first(leaves),
            Flat::Geo { lists, .. } => lists.iter_mut().for_each(keep_first),
            Flat::Groups(_) => {}
        }
        flat
    }

    /// The same, as a member of a list.
    fn flatten_nested(&self, context: &Context<'_>) -> Flat {
        match self {
            Self::Leaf(leaf) => Flat::List(vec![Rc::clone(leaf)]),
            Self::Groups(groups) => {
                name_notes(context, &groups.nested);
                Flat::List(vec![Rc::clone(&groups.flat)])
            }
            Self::List(list) => {
                // A list of one is not shortened.
                let skipped = usize::from(list.skip_first && list.datacenters.len() > 1);
                let nodes = list.datacenters.iter().skip(skipped);
                nodes
                    .map(|(_, node)| node.flatten_nested(context))
                    .fold(Flat::List(Vec::new()), |before, after| join(before, after, None, context))
            }
            Self::Geo(geo) => geo.flatten(context),
        }
    }

    /// Every leaf of the tree.
    pub(super) fn leaves(&self) -> Vec<Rc<Leaf>> {
        match self {
            Self::Leaf(leaf) => vec![Rc::clone(leaf)],
            Self::Groups(groups) => vec![Rc::clone(&groups.flat)],
            Self::List(list) => list.datacenters.iter().flat_map(|(_, node)| node.leaves()).collect(),
            Self::Geo(geo) => geo.datacenters.values().flat_map(Self::leaves).collect(),
        }
    }
}

impl Geo {
    fn flatten(&self, context: &Context<'_>) -> Flat {
        let map = context.maps.get(&self.map);
        let mut lists = Vec::new();
        for list in map.iter().flat_map(|map| &map.lists) {
            // A list of one is not shortened.
            let skipped = usize::from(self.skip_first && list.datacenters.len() > 1);
            let nodes = list.datacenters.iter().skip(skipped).filter_map(|name| self.datacenters.get(name));
            let flats = nodes.map(|node| node.flatten_nested(context));
            let joined =
                flats.fold(Flat::List(Vec::new()), |before, after| join(before, after, Some(self), context));
            lists.push(match joined {
                Flat::List(leaves) => leaves,
                Flat::Geo { .. } | Flat::Groups(_) => Vec::new(),
            });
        }
        Flat::Geo { map: self.map.clone(), lists }
    }
}

/// One list after the other. Within an entry of a map no order of another map can be kept.
fn join(before: Flat, after: Flat, within: Option<&Geo>, context: &Context<'_>) -> Flat {
    match (before, after, within) {
        (Flat::List(before), Flat::List(after), _) => Flat::List([before, after].concat()),
        (Flat::List(before), Flat::Geo { map, lists }, None) => {
            let lists = lists.into_iter().map(|list| [before.clone(), list].concat()).collect();
            Flat::Geo { map, lists }
        }
        (Flat::Geo { map, lists }, Flat::List(after), None) => {
            let lists = lists.into_iter().map(|list| [list, after.clone()].concat()).collect();
            Flat::Geo { map, lists }
        }
        (Flat::Geo { map, lists }, Flat::Geo { map: other, lists: others }, None) if map == other => {
            let lists = lists.into_iter().zip(others).map(|(list, other)| [list, other].concat()).collect();
            Flat::Geo { map, lists }
        }
        (before, Flat::Geo { map, lists }, within) => {
            let (place, path) = match within {
                Some(geo) => (Some(&geo.place), geo.path.clone()),
                None => (context.maps.get(&map).map(|map| &map.place), format!("plugins.geoip.maps.{map}")),
            };
            if let Some(place) = place {
                context.report.no_equal(
                    place,
                    &path,
                    format!("one access domain cannot go by two maps; of the map \"{map}\" the default order is used"),
                );
            }
            let default = lists.into_iter().next().unwrap_or_default();
            join(before, Flat::List(default), within, context)
        }
        // Groups are never members of a list.
        (before, Flat::Groups(_), _)
        | (before @ Flat::Groups(_), ..)
        | (before @ Flat::Geo { .. }, Flat::List(_), Some(_)) => before,
    }
}

fn name_notes(context: &Context<'_>, notes: &[Note]) {
    for note in notes {
        context.report.no_equal(&note.place, &note.path, note.reason.clone());
    }
}

/// A second place in the same order is never reached.
fn keep_first(leaves: &mut Vec<Rc<Leaf>>) {
    let mut ids = Vec::new();
    leaves.retain(|leaf| {
        let is_new = !ids.contains(&leaf.id);
        ids.push(leaf.id);
        is_new
    });
}
