//! Answers requests of the control API, between two changes.

use serde::Serialize;
use tokio::sync::oneshot;

use super::building::Held;
use super::loading::Waiting;
use super::overrides::OverrideChange;
use super::service::Running;
use super::status;
use crate::clock;
use crate::config::Problem;
use crate::control::api::{
    ApiError, ErrorCode, Events, Explained, Generation, NewOverride, OverrideSet, Overrides, Reloaded,
    ReturnRequest, Returned, Undone,
};
use crate::control::{Idempotency, Record, Reply, Request, Write, Written, plan};
use crate::decision::changes::Cause;
use crate::decision::overrides::Override;
use crate::decision::{Client, Explainer, pattern};
use crate::name::Name;
use crate::store::{Batch, Response, StoreError};

impl Running {
    /// Answers a request; one for a reload is given back, for what comes of it takes a while. A client that has gone
    /// meanwhile misses its answer, not what it asked for.
    pub(super) fn answer(&mut self, request: Request) -> Option<Waiting> {
        match request {
            Request::Status(reply) => send(reply, Ok(status::status(self))),
            Request::Explain { name, qtype, client, reply } => {
                send(reply, self.explain(&name, qtype, client));
            }
            Request::Events { after, limit, reply } => {
                let events = tokio::task::block_in_place(|| self.events(after, limit));
                send(reply, events.map_err(|error| internal(&error)));
            }
            Request::Overrides(reply) => {
                let overrides = self.decider.conditions().forced.list().iter().cloned().map(Into::into);
                send(reply, Ok(Overrides { overrides: overrides.collect() }));
            }
            Request::Write { write, idempotency, reply } => {
                let repeated = self.repeated(idempotency.as_ref());
                let Some(written) = repeated.or_else(|| self.write(write, idempotency.as_ref())) else {
                    return Some(Waiting { idempotency, reply });
                };
                // What is steered otherwise is in force with the next generation only, whoever asked for it first.
                if self.building.is_due() {
                    self.building.hold(Held { written, reply });
                } else {
                    tell(reply, written);
                }
            }
        }
        None
    }

    /// Answers who waited for a reload.
    pub(super) fn answer_reload(&mut self, reloaded: &Result<Vec<Problem>, Vec<Problem>>, waiting: Waiting) {
        let Waiting { idempotency, reply } = waiting;
        let generation = Generation { number: self.generation.number, since: self.generation.since };
        let outcome = match reloaded {
            Ok(warnings) => Ok(Reloaded { generation, warnings: warnings.iter().map(Into::into).collect() }),
            Err(problems) => Err(ApiError::refused(problems)),
        };
        // The same request may have been sent again while it waited.
        let repeated = self.repeated(idempotency.as_ref());
        let written = repeated.unwrap_or_else(|| self.acknowledge(outcome, idempotency.as_ref()));
        tell(reply, written);
    }

    fn explain(&self, name: &Name, qtype: u16, client: Client) -> Result<Explained, ApiError> {
        let tables = self.server.tables();
        let explainer = Explainer {
            decider: &self.decider,
            partition: &self.partition,
            databases: &self.databases,
            zones: tables.zones(),
        };
        Explained::new(&explainer.explain(name, qtype, client)).map_err(|error| internal(&error))
    }

    fn events(&self, after: Option<u64>, limit: usize) -> Result<Events, StoreError> {
        let store = self.kept.store();
        // Before the events are read: one that comes in between is among those that follow.
        let newest = store.last_event()?;
        let events = match after {
            Some(after) => store.events_after(after, limit)?,
            None => store.newest_events(limit)?,
        };
        // Who has seen later ones has seen those of another store, and would wait in vain for this one to get there.
        let seen = after.map_or(newest, |after| after.min(newest));
        let last = events.last().map_or(seen, |event| event.sequence);
        Ok(Events { events: events.into_iter().map(Into::into).collect(), last })
    }

    /// The answer of the first time to a request that is repeated.
    fn repeated(&self, idempotency: Option<&Idempotency>) -> Option<Written> {
        let idempotency = idempotency?;
        let store = self.kept.store();
        let known = tokio::task::block_in_place(|| store.response(&idempotency.key, clock::wall()));
        match known.map(|known| known.map(|response| serde_json::from_str::<Record>(&response.body))) {
            Ok(None) => None,
            Ok(Some(Ok(record))) => Some(idempotency.replay(&record)),
            Ok(Some(Err(error))) => Some(Written::now::<()>(Err(internal(&error)))),
            Err(error) => Some(Written::now::<()>(Err(internal(&error)))),
        }
    }

    /// Does what is asked for; `None` for a reload.
    fn write(&mut self, write: Write, idempotency: Option<&Idempotency>) -> Option<Written> {
        Some(match write {
            Write::SetOverrides(wish) => {
                let planned = self.set_overrides(&wish);
                self.carry_out(planned, idempotency)
            }
            Write::Undo(id) => {
                let undone = self.undo(id);
                self.carry_out(undone, idempotency)
            }
            Write::Return(request) => {
                let returned = self.return_now(&request);
                self.acknowledge(returned, idempotency)
            }
            Write::Reload => return None,
        })
    }

    /// Changes the overrides and keeps the answer with them, all or nothing.
    fn carry_out<T: Serialize>(
        &mut self,
        outcome: Result<(OverrideChange, T), ApiError>,
        idempotency: Option<&Idempotency>,
    ) -> Written {
        let (change, outcome) = match outcome {
            Ok((change, value)) => (change, Ok(value)),
            Err(error) => (OverrideChange::default(), Err(error)),
        };
        let written = Written::now(outcome);
        let kept = record(idempotency, &written).and_then(|batch| {
            if change.is_empty() && batch.is_empty() {
                // A dry run, or a refusal: nobody waits for the disk.
                return Ok(());
            }
            self.change_overrides(change, batch).map_err(|error| internal(&error))
        });
        kept.map_or_else(|error| Written::now::<()>(Err(error)), |()| written)
    }

    /// Keeps the answer to what is done already, and all that came of it, before the answer is given.
    fn acknowledge<T: Serialize>(
        &mut self,
        outcome: Result<T, ApiError>,
        idempotency: Option<&Idempotency>,
    ) -> Written {
        let is_done = outcome.is_ok();
        let written = Written::now(outcome);
        let kept = record(idempotency, &written).and_then(|batch| {
            if !is_done && batch.is_empty() {
                return Ok(());
            }
            let committed = tokio::task::block_in_place(|| self.kept.commit(batch));
            committed.map(drop).map_err(|error| internal(&error))
        });
        match kept {
            Err(error) if is_done => {
                let message = format!("done, but a restart may forget it: {}", error.message);
                Written::now::<()>(Err(ApiError { message, ..error }))
            }
            // What was refused says more than that this was not kept.
            Ok(()) | Err(_) => written,
        }
    }

    fn set_overrides(&self, wish: &NewOverride) -> Result<(OverrideChange, OverrideSet), ApiError> {
        let held = self.decider.conditions().forced.list();
        // The ids after the first one are free as well: only here they are taken, and keeping an override takes its id.
        let store = self.kept.store();
        let mut next = if wish.dry_run {
            0
        } else {
            tokio::task::block_in_place(|| store.next_override_id()).map_err(|error| internal(&error))?
        };
        let ids = || {
            next += 1;
            next - 1
        };
        let plan = plan::set(&self.model, held, wish, clock::wall(), ids)?;
        let clear = |said: &Override| (said.clone(), "replaced by a later one".to_owned());
        let cleared = if wish.dry_run { Vec::new() } else { plan.replaced.iter().map(clear).collect() };
        Ok((OverrideChange { set: plan.set.clone(), cleared }, plan.answer()))
    }

    fn undo(&self, id: u64) -> Result<(OverrideChange, Undone), ApiError> {
        let undone = plan::undo(self.decider.conditions().forced.list(), id)?;
        let cleared = vec![(undone.clone(), "undone".to_owned())];
        Ok((OverrideChange { set: Vec::new(), cleared }, Undone { undone: undone.into() }))
    }

    fn return_now(&mut self, request: &ReturnRequest) -> Result<Returned, ApiError> {
        let objects = pattern::returning(&self.model, &request.pattern, request.kind.map(Into::into))?;
        let mut switched = 0;
        for object in &objects {
            let changes = self.decider.return_now(object);
            switched += changes.switches.len();
            let reason = format!("{object} was told to return to its smallest available ordinal");
            self.apply(&changes, &Cause { reason, error: None });
        }
        Ok(Returned { objects: objects.into_iter().map(Into::into).collect(), switched })
    }
}

/// What is to be kept of the answer to a request.
fn record(idempotency: Option<&Idempotency>, written: &Written) -> Result<Batch, ApiError> {
    let mut batch = Batch::default();
    if let Some(idempotency) = idempotency
        && let Some(record) = idempotency.record(written)
    {
        let body = serde_json::to_string(&record).map_err(|error| internal(&error))?;
        let response = Response { request: record.request, body, time: clock::wall() };
        batch.put_response(idempotency.key.clone(), response);
    }
    Ok(batch)
}

/// Gives an answer.
pub(super) fn tell(reply: oneshot::Sender<Written>, written: Written) {
    if reply.send(written).is_err() {
        tracing::debug!("who asked for a change has gone");
    }
}

fn send<T>(reply: Reply<T>, answer: Result<T, ApiError>) {
    if reply.send(answer).is_err() {
        tracing::debug!("who asked has gone");
    }
}

fn internal(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "a request was not carried out");
    ApiError::new(ErrorCode::Internal, error.to_string())
}
