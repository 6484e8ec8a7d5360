//! What the whole translation shares.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::super::report::Report;
use super::map::Map;
use super::naming::Naming;
use super::node::Node;
use super::section::Item;
use super::service::Service;

/// What the whole translation shares.
pub(super) struct Context<'v> {
    pub(super) report: Report,
    pub(super) services: BTreeMap<String, Service>,
    /// By name.
    pub(super) maps: BTreeMap<String, Map>,
    /// The plugins by name.
    pub(super) plugins: BTreeMap<&'v str, Item<'v>>,
    /// Every resource that has been asked for, `plugin!resource`; nothing while it is being made.
    pub(super) resources: RefCell<BTreeMap<String, Option<Node>>>,
    /// The resources that some name or other resource uses.
    pub(super) used: RefCell<BTreeSet<String>>,
    pub(super) naming: RefCell<Naming>,
    pub(super) ids: Cell<usize>,
}

impl Context<'_> {
    /// A number that no other has.
    pub(super) fn next_id(&self) -> usize {
        let id = self.ids.get();
        self.ids.set(id + 1);
        id
    }
}
