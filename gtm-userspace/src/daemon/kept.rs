//! What the daemon keeps in the store: opened at the start, written in the background, read when checks begin.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::StartError;
use crate::config::Model;
use crate::config::model::Check;
use crate::health::scheduler::Known;
use crate::health::{CheckState, identity_text};
use crate::store::{Batch, Store, Writer};

/// The store and what is in it.
pub(super) struct Kept {
    /// None for a configuration without a file.
    open: Option<Open>,
    /// The last state of checks, also of those that are no more.
    health: Known,
}

struct Open {
    #[expect(dead_code, reason = "overrides, events and memory are kept through it")]
    store: Arc<Store>,
    writer: Writer,
}

impl Kept {
    /// Opens the store of a configuration and drops what it knows of checks that are no more. Waits for the disk.
    pub(super) fn open(model: &Model) -> Result<Self, StartError> {
        let file = &model.store.file;
        if file == Path::new("") {
            return Ok(Self { open: None, health: Known::new() });
        }
        let store = Arc::new(Store::open(file)?);
        let mut health = store.health()?;
        let writer = Writer::start(Arc::clone(&store)).map_err(StartError::Thread)?;

        let current: HashSet<String> = model.checks.iter().map(|check| identity_of(model, check)).collect();
        let mut batch = Batch::default();
        health.retain(|identity, _| {
            let is_current = current.contains(identity);
            if !is_current {
                batch.remove_health(identity.clone());
            }
            is_current
        });
        writer.put(batch);
        Ok(Self { open: Some(Open { store, writer }), health })
    }

    /// The last states that are known.
    pub(super) fn health(&self) -> &Known {
        &self.health
    }

    /// Keeps the state of a check.
    pub(super) fn keep_health(&mut self, model: &Model, check: &Check, state: CheckState) {
        let identity = identity_of(model, check);
        if let Some(open) = &self.open {
            let mut batch = Batch::default();
            batch.put_health(identity.clone(), state.clone());
            open.writer.put(batch);
        }
        self.health.insert(identity, state);
    }
}

fn identity_of(model: &Model, check: &Check) -> String {
    identity_text(&check.target, model.template(check.template))
}
