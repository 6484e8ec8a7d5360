//! What runs, and how a change of a verdict becomes an answer.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::StartError;
use super::events;
use super::kept::Kept;
use crate::config::Model;
use crate::config::model::{Verdict, XdpMode};
use crate::dataplane::{Dataplane, DataplaneError};
use crate::decision::changes::{Cause, Switch};
use crate::decision::{Conditions, Decider};
use crate::health::{Prober, Scheduler, VerdictChange};
use crate::inputs::Inputs;
use crate::server::{Limits, Server, Tables};

/// Changes of verdict that wait for the decision; a scheduler that finds it full keeps them.
pub(super) const CHANGES: usize = 1024;

/// The running service.
pub(super) struct Running {
    pub(super) model: Arc<Model>,
    pub(super) decider: Decider,
    pub(super) dataplane: Option<Dataplane>,
    pub(super) server: Server,
    pub(super) health: Scheduler<Prober>,
    pub(super) kept: Kept,
    pub(super) changes: mpsc::Receiver<VerdictChange>,
}

impl Running {
    /// Starts serving; whatever was started before an error is ended again.
    pub(super) fn start(inputs: Inputs, prober: Arc<Prober>) -> Result<Self, StartError> {
        let Inputs { model, partition, warnings, .. } = inputs;
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let kept = tokio::task::block_in_place(|| Kept::open(&model))?;
        let (sender, changes) = mpsc::channel(CHANGES);
        let health = Scheduler::start(&model.checks, &model.templates, kept.health(), prober, sender);
        let verdicts = health.states().into_iter().map(|state| state.verdict).collect();
        let conditions = Conditions { verdicts, ..Conditions::default() };
        let decider = Decider::new(Arc::clone(&model), &partition, conditions);
        let server =
            Server::bind(&model.service.listen, Tables::of(&model, decider.table()), Limits::default())?;
        let dataplane = tokio::task::block_in_place(|| attach(&model, &decider))?;
        events::serving(&model, &decider, dataplane.as_ref());
        Ok(Self { model, decider, dataplane, server, health, kept, changes })
    }

    /// The next change of a verdict; for ever when nothing is checked.
    pub(super) async fn next_change(&mut self) -> VerdictChange {
        match self.changes.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    /// Takes a change of a verdict: decides, and stores what changed where the kernel and the server read it.
    pub(super) fn take(&mut self, change: &VerdictChange) {
        let changes = self.decider.set_verdict(change.check, change.verdict);
        if let Err(error) = self.store(&changes.switches) {
            // The server has the new answers already, and answers where the kernel could not take them.
            tracing::error!(%error, "the kernel's answers were not changed");
        }
        let cause = Cause { reason: self.told(change), error: change.error.clone() };
        changes.events(&self.model, &cause).iter().for_each(events::log);
        if let (Some(check), Some(state)) =
            (self.model.checks.get(change.check.0), self.health.state(change.check))
        {
            self.kept.keep_health(&self.model, check, state);
        }
    }

    /// A change of a verdict in words.
    fn told(&self, change: &VerdictChange) -> String {
        let check = self.model.checks.get(change.check.0);
        let verdict = if change.verdict == Verdict::Passing { "passes" } else { "failed" };
        check.map_or_else(String::new, |check| {
            format!("check {} of {} {verdict}", self.model.template(check.template).name, check.target)
        })
    }

    fn store(&mut self, switches: &[Switch]) -> Result<(), DataplaneError> {
        let Some(dataplane) = &mut self.dataplane else { return Ok(()) };
        let table = self.decider.table();
        let mut is_full = false;
        for switch in switches {
            match dataplane.store(table, switch.slot) {
                Err(DataplaneError::BlocksFull) => is_full = true,
                stored => stored?,
            }
        }
        if is_full {
            // A new generation has room, and every slot as it is now.
            let service = &self.model.service;
            tokio::task::block_in_place(|| dataplane.replace(service.xdp_mode, &service.listen, table))?;
        }
        Ok(())
    }

    /// Detaches, and ends everything that was started.
    pub(super) async fn stop(self) {
        events::stopped(self.dataplane.as_ref(), self.server.counters());
        drop(self.dataplane);
        self.server.shutdown().await;
        self.health.stop().await;
        tokio::task::block_in_place(|| drop(self.kept));
    }
}

fn attach(model: &Model, decider: &Decider) -> Result<Option<Dataplane>, DataplaneError> {
    let service = &model.service;
    if service.xdp_mode == XdpMode::Off {
        return Ok(None);
    }
    Dataplane::start(&service.interfaces, service.xdp_mode, &service.listen, decider.table()).map(Some)
}
