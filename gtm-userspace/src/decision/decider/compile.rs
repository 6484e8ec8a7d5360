//! From the model and the partition to the fixed part of the table: names, rows of slot offsets, and a route for each slot.

use std::collections::HashMap;
use std::sync::Arc;

use gtm_common::abi::{TAILORED, TypeEntry};

use crate::config::Model;
use crate::config::model::{AccessDomain, DomainId};
use crate::decision::route::{Route, depends_on_client, route};
use crate::decision::table::qtype;
use crate::geo::Partition;
use crate::name::Name;

/// Collects names, rows and routes; equal rows are kept once.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) names: HashMap<Name, Vec<TypeEntry>>,
    pub(super) views: Vec<u32>,
    rows: HashMap<Vec<u32>, u32>,
    pub(super) routes: Vec<(DomainId, Arc<Route>)>,
    /// The routes that there are: most access domains have the same few.
    distinct: HashMap<Route, Arc<Route>>,
}

impl Compiler {
    /// Gives each distinct route of the access domain a slot, and its name an entry.
    pub(super) fn add(&mut self, model: &Model, id: DomainId, domain: &AccessDomain, partition: &Partition) {
        let first_slot = index(self.routes.len());
        let mut offsets = HashMap::new();
        let mut row: Vec<u32> = Vec::with_capacity(partition.classes.len());
        let classes = partition.classes.as_slice();
        let distinct =
            if depends_on_client(model, domain) { classes } else { classes.get(..1).unwrap_or_default() };
        for class in distinct {
            let next = index(offsets.len());
            let offset = *offsets.entry(route(model, domain, class)).or_insert_with_key(|route| {
                let shared =
                    self.distinct.entry(route.clone()).or_insert_with_key(|route| Arc::new(route.clone()));
                self.routes.push((id, Arc::clone(shared)));
                next
            });
            row.push(offset);
        }
        let tailored = offsets.len() > 1;
        if !tailored {
            row.truncate(1);
        }
        let views = &mut self.views;
        let view = *self.rows.entry(row).or_insert_with_key(|row| {
            let view = index(views.len());
            views.extend(row);
            view
        });
        let flags = if tailored { TAILORED } else { 0 };
        let entry = TypeEntry { qtype: qtype(domain.steered), flags, view, slot: first_slot };
        self.names.entry(domain.name.clone()).or_default().push(entry);
    }
}

/// Positions in the tables are 32 bits wide, as in the maps; the map writer refuses what does not fit long before.
pub(super) fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
