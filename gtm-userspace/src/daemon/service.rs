//! What runs, and how a change of a verdict becomes an answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use super::StartError;
use super::building::{Building, Built, Finished, Held, Kernel, Purpose, Want};
use super::events;
use super::kept::{self, Decided, Kept};
use super::rates::Rates;
use super::requests;
use crate::clock;
use crate::config::Model;
use crate::config::model::{Verdict, XdpMode};
use crate::dataplane::{self, Dataplane, DataplaneError};
use crate::decision::changes::{Cause, Switch};
use crate::decision::comparison::found;
use crate::decision::{Changes, Conditions, Decider};
use crate::event::{Event, EventKind};
use crate::geo::{Databases, Partition};
use crate::health::{Prober, Scheduler, VerdictChange, room};
use crate::inputs::Inputs;
use crate::server::{Limits, Server, Tables};
use crate::store::Batch;

/// What is done where the kernel would answer what is no longer true.
const UNTRUE: &str = "the program was taken off, and the server answers everything";

/// Changes of verdict that wait for the decision; a scheduler that finds it full keeps them.
pub(super) const CHANGES: usize = 1024;

/// The running service.
pub(super) struct Running {
    /// The files that it was started from.
    pub(super) config: PathBuf,
    pub(super) model: Arc<Model>,
    /// What the tables were compiled from, for explanations.
    pub(super) partition: Partition,
    pub(super) databases: Databases,
    pub(super) decider: Decider,
    pub(super) dataplane: Option<Dataplane>,
    pub(super) server: Server,
    pub(super) health: Scheduler<Prober>,
    pub(super) kept: Kept,
    pub(super) changes: mpsc::Receiver<VerdictChange>,
    pub(super) generation: Generation,
    pub(super) building: Building,
    pub(super) started: u64,
    pub(super) rates: Rates,
}

/// Which of the configurations since the start serves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Generation {
    /// 1 for the first.
    pub(super) number: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) since: u64,
}

impl Running {
    /// Starts serving; whatever was started before an error is ended again.
    pub(super) fn start(
        config: &Path,
        inputs: Inputs,
        (kept, Decided { overrides, memory }): (Kept, Decided),
        prober: Arc<Prober>,
    ) -> Result<Self, StartError> {
        let Inputs { model, partition, databases, warnings } = inputs;
        // Before anything is answered: what is answered before the first tick counts as well.
        let rates = Rates::start(clock::now());
        for warning in warnings.iter().map(ToString::to_string).chain(shortage(&model)) {
            tracing::warn!("{warning}");
        }
        let (sender, changes) = mpsc::channel(CHANGES);
        let health = Scheduler::start(&model.checks, &model.templates, kept.health(), prober, sender);
        let verdicts = health.states().into_iter().map(|state| state.verdict).collect();
        let conditions = Conditions { verdicts, memory: memory.clone(), ..Conditions::default() };
        let conditions = conditions.with_overrides(&model, overrides);
        let decider = Decider::new(Arc::clone(&model), &partition, conditions);
        kept.keep_memory(&memory, &decider.conditions().memory);
        let (service, tables) = (&model.service, Arc::new(Tables::of(&model, decider.table())));
        let server = Server::bind(&service.listen, Arc::clone(&tables), Limits::from(service))?;
        let dataplane = tokio::task::block_in_place(|| attach(&model, &tables, &decider))?;
        events::serving(&model, &decider, dataplane.as_ref());
        let now = clock::wall();
        let running = Self {
            config: config.to_path_buf(),
            model,
            partition,
            databases,
            decider,
            dataplane,
            server,
            health,
            kept,
            changes,
            generation: Generation { number: 1, since: now },
            building: Building::default(),
            started: now,
            rates,
        };
        running.tell(&running.accepted());
        let mut news = found(&running.decider);
        for event in &mut news {
            event.time = now;
        }
        running.tell(&news);
        Ok(running)
    }

    /// Takes changes of verdicts: decides each, and stores what changed where the kernel and the server read it. Only when
    /// all of them are in force they are told, and kept as one: no answer waits for the log.
    pub(super) fn take(&mut self, verdicts: &[VerdictChange]) {
        let mut decided = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let changes = self.decider.set_verdict(verdict.check, verdict.verdict);
            self.put_in_force(&changes);
            decided.push((verdict, changes));
        }
        let mut batch = Batch::default();
        for (verdict, changes) in decided {
            let cause = Cause { reason: self.told(verdict), error: verdict.error.clone() };
            let happened = self.happened(&changes, &cause);
            happened.iter().for_each(events::log);
            batch.append(kept::batch_of(happened, &changes.memory));
            if let (Some(check), Some(state)) =
                (self.model.checks.get(verdict.check.0), self.health.state(verdict.check))
            {
                self.kept.add_health(&mut batch, &self.model, check, state);
            }
        }
        self.kept.put(batch);
    }

    /// Has what was decided answered by the kernel, and tells and keeps it.
    pub(super) fn apply(&mut self, changes: &Changes, cause: &Cause) {
        self.put_in_force(changes);
        let happened = self.happened(changes, cause);
        happened.iter().for_each(events::log);
        self.kept.put(kept::batch_of(happened, &changes.memory));
    }

    /// Has what was decided answered by the kernel; the server does so already.
    fn put_in_force(&mut self, changes: &Changes) {
        self.store(&changes.switches);
        if changes.enables() {
            self.building.want(Want::Steering);
        }
    }

    /// What was decided as events of now.
    fn happened(&self, changes: &Changes, cause: &Cause) -> Vec<Event> {
        let now = clock::wall();
        let mut happened = changes.events(&self.model, cause);
        for event in &mut happened {
            event.time = now;
        }
        happened
    }

    /// Tells and keeps events.
    pub(super) fn tell(&self, happened: &[Event]) {
        happened.iter().for_each(events::log);
        self.kept.put(kept::batch_of(happened.to_vec(), &BTreeMap::new()));
    }

    /// That the configuration at hand serves.
    pub(super) fn accepted(&self) -> Vec<Event> {
        let location = &self.decider.table().location;
        let model = &self.model;
        let accepted = format!(
            "{}: {} zones, {} access domains, {} pools, {} checks",
            self.config.display(),
            model.zones.len(),
            model.domains.len(),
            model.pools.len(),
            model.checks.len()
        );
        let loaded = format!(
            "{} databases, {} IPv4 and {} IPv6 ranges",
            model.geo_databases.len(),
            location.ranges_v4,
            location.ranges_v6
        );
        let mut happened = vec![events::event(EventKind::ConfigurationAccepted, "configuration", accepted)];
        if !model.geo_databases.is_empty() {
            happened.push(events::event(EventKind::GeoDataLoaded, "geo data", loaded));
        }
        happened
    }

    /// What is due once a second: rates, overrides that are over, events that are too old.
    pub(super) fn tick(&mut self) {
        let kernel = self.dataplane.as_ref().and_then(|dataplane| dataplane.counters().ok());
        let kernel = kernel.map_or(0, |counters| counters.answered());
        let server = self.server.counters();
        if self.rates.sample(clock::now(), kernel, server.udp_answered() + server.tcp_answered()) {
            self.kept.prune(&self.model);
        }
        self.end_overrides(clock::wall());
        self.building.tick();
    }

    /// A change of a verdict in words.
    fn told(&self, change: &VerdictChange) -> String {
        let check = self.model.checks.get(change.check.0);
        let verdict = if change.verdict == Verdict::Passing { "passes" } else { "failed" };
        check.map_or_else(String::new, |check| {
            format!("check {} of {} {verdict}", self.model.template(check.template).name, check.target)
        })
    }

    /// Has the slots that switched answered by the kernel; the server does so already, and answers where the kernel cannot
    /// take them.
    fn store(&mut self, switches: &[Switch]) {
        let slots = || switches.iter().map(|switch| switch.slot);
        self.building.note(slots());
        let Some(dataplane) = &mut self.dataplane else { return };
        match dataplane.store_all(self.decider.table(), slots()) {
            Ok(()) => {}
            Err(DataplaneError::BlocksFull) => self.building.want(Want::Room),
            Err(error) => {
                // What it answers is no longer true.
                dataplane.detach();
                tracing::error!(%error, "the kernel's answers could not be changed; {UNTRUE}, until the next generation");
                self.building.want(Want::Steering);
            }
        }
    }

    /// Begins to build what is wanted.
    pub(super) fn go_on(&mut self) {
        self.building.go_on(&self.model, self.decider.table(), self.kernel());
    }

    /// Whether the kernel answers.
    pub(super) fn kernel(&self) -> Kernel {
        if self.dataplane.is_some() { Kernel::On } else { Kernel::Off }
    }

    /// Goes over to what was built, or says why not.
    pub(super) async fn finish(&mut self, finished: Finished) {
        let Finished { built, purpose, changed } = finished;
        // A defect: what was asked for is in force with the next attempt.
        let is_lost = built.is_err();
        match purpose {
            Purpose::Serving(want) => self.finish_rebuild(built, want, changed),
            Purpose::Loaded(waiting) => self.finish_reload(built, waiting).await,
        }
        if is_lost {
            return;
        }
        for Held { written, reply } in self.building.in_force() {
            requests::tell(reply, written);
        }
    }

    fn finish_rebuild(&mut self, built: Result<Built, JoinError>, want: Want, changed: Vec<u32>) {
        let built =
            built.map_err(|error| error.to_string()).and_then(|Built { tables, generation, .. }| {
                // The server has no part in what the kernel lacks.
                self.server.publish(tables);
                generation.transpose().map_err(|error| error.to_string())
            });
        match built {
            Ok(next) => {
                self.building.succeeded();
                if let Some(next) = next {
                    self.install(next, changed);
                }
            }
            Err(error) => {
                self.building.failed(want);
                let left = match want {
                    Want::Room => "the server answers what the kernel has no room for",
                    // What it answers is no longer true.
                    Want::Steering => {
                        self.dataplane.iter_mut().for_each(Dataplane::detach);
                        UNTRUE
                    }
                };
                tracing::error!(error, "no new generation; {left}, until the next attempt");
            }
        }
    }

    /// Puts a generation in the place of the one that serves, with what was decided while it was built.
    pub(super) fn install(&mut self, mut next: dataplane::Generation, changed: Vec<u32>) {
        match next.store_all(self.decider.table(), changed) {
            Ok(()) => {}
            // Not at once: answers that change faster than generations are built would have one built after the other.
            Err(DataplaneError::BlocksFull) => self.building.failed(Want::Room),
            Err(error) => {
                self.dataplane.iter_mut().for_each(Dataplane::detach);
                tracing::error!(%error, "the new generation could not be brought up to date; {UNTRUE}, until the next");
                self.building.failed(Want::Steering);
                return;
            }
        }
        if let Some(dataplane) = &mut self.dataplane {
            drop_beside(dataplane.install(self.model.service.xdp_mode, next));
        }
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

/// What to say when the checks of a configuration can want more than this process may do.
pub(super) fn shortage(model: &Model) -> Option<String> {
    room::shortage(&model.checks, &model.templates, room::open_files())
}

/// All changes of verdicts that are there, at least one; for ever when nothing is checked.
pub(super) async fn next_changes(changes: &mut mpsc::Receiver<VerdictChange>) -> Vec<VerdictChange> {
    let mut verdicts = Vec::new();
    match changes.recv_many(&mut verdicts, CHANGES).await {
        0 => std::future::pending().await,
        _ => verdicts,
    }
}

/// Frees what may be large without having the loop wait for it.
pub(super) fn drop_beside<T: Send + 'static>(old: T) {
    drop(spawn_blocking(move || drop(old)));
}

fn attach(
    model: &Model,
    tables: &Arc<Tables>,
    decider: &Decider,
) -> Result<Option<Dataplane>, DataplaneError> {
    let service = &model.service;
    if service.xdp_mode == XdpMode::Off {
        return Ok(None);
    }
    let (interfaces, mode) = (&service.interfaces, service.xdp_mode);
    Dataplane::start(interfaces, mode, &service.listen, tables, decider.table()).map(Some)
}
