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
    writer: Option<Writer>,
    /// The last state of checks, also of those that are no more.
    health: Known,
}

impl Kept {
    /// Opens the store of a configuration and drops what it knows of checks that are no more. Waits for the disk.
    pub(super) fn open(model: &Model) -> Result<Self, StartError> {
        let file = &model.store.file;
        if file == Path::new("") {
            return Ok(Self { writer: None, health: Known::new() });
        }
        let store = Arc::new(Store::open(file)?);
        let mut health = store.health()?;
        let writer = Writer::start(store).map_err(StartError::Thread)?;

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
        Ok(Self { writer: Some(writer), health })
    }

    /// The last states that are known.
    pub(super) fn health(&self) -> &Known {
        &self.health
    }

    /// Keeps the state of a check.
    pub(super) fn keep_health(&mut self, model: &Model, check: &Check, state: CheckState) {
        let identity = identity_of(model, check);
        if let Some(writer) = &self.writer {
            let mut batch = Batch::default();
            batch.put_health(identity.clone(), state.clone());
            writer.put(batch);
        }
        self.health.insert(identity, state);
    }
}

fn identity_of(model: &Model, check: &Check) -> String {
    identity_text(&check.target, model.template(check.template))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::config::model::Verdict;

    #[test]
    fn states_of_checks_are_there_after_a_restart_as_long_as_there_is_such_a_check() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
        let mut model = config::load(&path).unwrap_or_else(|errors| panic!("{errors}")).model;
        let folder = tempfile::tempdir().unwrap();
        for file in [Path::new("").to_owned(), folder.path().join("gtm.redb")] {
            model.store.file = file;
            let mut kept = Kept::open(&model).unwrap();
            for (index, check) in model.checks.iter().enumerate() {
                for verdict in [Verdict::Passing, Verdict::Failed] {
                    let since = u64::try_from(index).unwrap();
                    kept.keep_health(&model, check, CheckState { verdict, since, last_error: None });
                }
            }
            assert_eq!(kept.health().len(), model.checks.len());
            let check = model.checks[1].clone();
            assert_eq!(kept.health()[&identity_of(&model, &check)].since, 1);
        }
        let gone = model.checks.remove(0);
        for _ in 0..2 {
            let kept = Kept::open(&model).unwrap();
            let state = |check| kept.health().get(&identity_of(&model, check));
            assert_eq!(state(&gone), None);
            for (index, check) in (1..).zip(&model.checks) {
                let expect = CheckState { verdict: Verdict::Failed, since: index, last_error: None };
                assert_eq!(state(check), Some(&expect));
            }
        }
        let kept = Store::open(&model.store.file).unwrap().health().unwrap();
        assert_eq!(kept.len(), model.checks.len(), "the state of the check that is gone is still there");
    }
}
