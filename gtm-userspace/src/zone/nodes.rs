//! The names of a zone that exist. Those of its file are shared by every generation that has the same file.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::Node;
use crate::name::Name;

/// Names that exist, each with its record sets. A clone costs what was added, not what was loaded.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    loaded: Arc<HashMap<Name, Node>>,
    /// Names that exist beside those loaded; without records.
    added: HashMap<Name, Node>,
}

impl Nodes {
    /// The record sets at a name that exists.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<&Node>
    where
        Name: Borrow<Q>,
    {
        self.loaded.get(name).or_else(|| self.added.get(name))
    }

    /// Every name that exists, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Node)> {
        self.loaded.iter().chain(&self.added)
    }

    /// True when both are the same records in memory.
    pub fn are_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.loaded, &other.loaded)
    }

    /// Makes a name exist.
    pub(super) fn add(&mut self, name: Name) {
        if !self.loaded.contains_key(&name) {
            self.added.entry(name).or_default();
        }
    }
}

impl From<HashMap<Name, Node>> for Nodes {
    fn from(loaded: HashMap<Name, Node>) -> Self {
        Self { loaded: Arc::new(loaded), added: HashMap::new() }
    }
}
