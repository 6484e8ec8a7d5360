//! Loading the configuration anew: all of it takes effect, or none.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::events;
use super::service::{CHANGES, Running, tables};
use crate::config::Model;
use crate::config::model::{Check, Verdict};
use crate::decision::{Conditions, Decider};
use crate::health::CheckState;
use crate::health::scheduler::identity;
use crate::inputs::Inputs;

impl Running {
    /// Loads the configuration, zones and geo data and goes over to them. Whatever cannot be used leaves everything as
    /// it was and is logged, problem by problem.
    pub(super) async fn reload(&mut self, config: &Path) {
        match tokio::task::block_in_place(|| Inputs::load(config)) {
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                tracing::error!(problems = problems.len(), "configuration refused; the running one goes on");
            }
            Ok(inputs) => match self.go_over_to(inputs).await {
                Ok(()) => tracing::info!(file = %config.display(), "configuration accepted"),
                Err(reason) => tracing::error!(reason, "configuration refused; the running one goes on"),
            },
        }
    }

    async fn go_over_to(&mut self, inputs: Inputs) -> Result<(), String> {
        let Inputs { model, partition, warnings, .. } = inputs;
        if model.service != self.model.service {
            return Err("[service] cannot change while gtm runs; restart it".to_owned());
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let conditions = Conditions {
            verdicts: carry_over(&self.model, &self.health.states(), &model),
            ..self.decider.conditions().clone()
        };
        let decider = Decider::new(Arc::clone(&model), &partition, conditions);
        if let Some(dataplane) = &mut self.dataplane {
            let service = &model.service;
            tokio::task::block_in_place(|| {
                dataplane.replace(service.xdp_mode, &service.listen, decider.table())
            })
            .map_err(|error| error.to_string())?;
        }
        // From here on nothing can fail.
        self.server.publish(tables(&model, &decider));
        self.model = model;
        self.decider = decider;
        let (sender, changes) = mpsc::channel(CHANGES);
        self.changes = changes;
        self.health.replace(&self.model.checks, &self.model.templates, sender).await;
        // What the checks found while the tables were built.
        for (index, state) in self.health.states().into_iter().enumerate() {
            self.take(&events::change(index, state));
        }
        events::serving(&self.model, &self.decider, self.dataplane.as_ref());
        Ok(())
    }
}

/// The verdict that each check of the new configuration begins with: that of the old check of the same target under
/// the same rules, else the template's initial one.
fn carry_over(old: &Model, states: &[CheckState], new: &Model) -> Vec<Verdict> {
    let known: HashMap<_, _> = old
        .checks
        .iter()
        .zip(states)
        .map(|(check, state)| (identity(&check.target, old.template(check.template)), state.verdict))
        .collect();
    let verdict = |check: &Check| {
        let template = new.template(check.template);
        known.get(&identity(&check.target, template)).copied().unwrap_or(template.initial)
    };
    new.checks.iter().map(verdict).collect()
}
