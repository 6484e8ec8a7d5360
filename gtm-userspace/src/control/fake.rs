//! A daemon for tests: a small model, what is written in memory, and nothing that serves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::api::{
    self, Answers, ApiError, ErrorCode, Events, Explained, Generation, Overrides, Rate, Reloaded, Returned,
    Service, Status, Undone,
};
use super::server::Server;
use super::{Idempotency, Record, Request, Write, Written, plan};
use crate::config::model::{
    AccessDomain, Address, Policy, Pool, PoolId, PoolKind, PoolUse, Preemption, SteeredType, Target,
};
use crate::config::{Model, Problem};
use crate::decision::overrides::Override;
use crate::decision::pattern;
use crate::event::{Event, EventKind};

/// 2026-01-01 00:00 UTC: now.
pub(crate) const NOW: u64 = 1_767_225_600_000;

/// A server with such a daemon behind it.
pub(crate) struct Fake {
    server: Option<Server>,
    folder: TempDir,
    events: mpsc::UnboundedSender<&'static str>,
    /// How many requests were answered.
    answered: watch::Receiver<u64>,
}

impl Fake {
    /// Starts one at a socket of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (requests, receiver) = mpsc::channel(16);
        let (newest, watching) = watch::channel(0);
        let (events, happening) = mpsc::unbounded_channel();
        let (answers, answered) = watch::channel(0);
        let server = Server::start(&folder.path().join("run/gtm.sock"), requests, watching).unwrap();
        tokio::spawn(run(receiver, happening, newest, answers));
        Self { server: Some(server), folder, events, answered }
    }

    /// Where it is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run/gtm.sock")
    }

    /// Waits until so many requests were answered.
    pub(crate) async fn answered(&self, count: u64) {
        let reached = self.answered.clone().wait_for(|answered| *answered >= count).await.is_ok();
        assert!(reached, "the daemon has ended");
    }

    /// Something happens to an object; known to every request from now on.
    pub(crate) fn happen(&self, object: &'static str) {
        self.events.send(object).unwrap();
    }

    /// Ends well.
    pub(crate) async fn end(&mut self) {
        self.server.take().unwrap().shutdown().await;
    }
}

/// Two pools of two addresses, and an access domain.
pub(crate) fn model() -> Model {
    let address = |text: &str, ordinal| Address::new(Target::Ip(text.parse().unwrap()), ordinal);
    let pool = |name: &str, first: &str, second: &str| Pool {
        preemption: Preemption::NonPreemptive,
        addresses: vec![address(first, 1), address(second, 2)],
        ..Pool::new(name.to_owned(), PoolKind::Ipv4)
    };
    let domain = AccessDomain {
        pools: vec![PoolUse::new(PoolId(0), 1), PoolUse::new(PoolId(1), 2)],
        ..AccessDomain::new("www.example.com".parse().unwrap(), SteeredType::A, Policy::Ordinal)
    };
    Model {
        pools: vec![pool("east", "192.0.2.1", "192.0.2.2"), pool("west", "192.0.2.2", "198.51.100.1")],
        domains: vec![domain],
        ..Model::default()
    }
}

async fn run(
    mut requests: mpsc::Receiver<Request>,
    mut happening: mpsc::UnboundedReceiver<&'static str>,
    newest: watch::Sender<u64>,
    answers: watch::Sender<u64>,
) {
    let mut daemon = Daemon { model: model(), ..Daemon::default() };
    loop {
        tokio::select! {
            // What has happened before a request is known to it.
            biased;
            Some(object) = happening.recv() => daemon.happen(object),
            Some(request) = requests.recv() => {
                daemon.take(request);
                answers.send_modify(|answered| *answered += 1);
            }
            else => break,
        }
        newest.send_replace(daemon.events.last().map_or(0, |event| event.sequence));
    }
}

#[derive(Default)]
struct Daemon {
    model: Model,
    overrides: Vec<Override>,
    last_id: u64,
    events: Vec<api::Event>,
    records: HashMap<String, Record>,
    generation: u64,
}

impl Daemon {
    fn happen(&mut self, object: &str) {
        let sequence = self.events.last().map_or(1, |event| event.sequence + 1);
        self.events.push(api::Event::from(Event {
            sequence,
            time: NOW,
            kind: EventKind::AddressDown,
            object: object.to_owned(),
            reason: "check web failed".to_owned(),
            from: None,
            to: None,
            error: Some("connection refused".to_owned()),
        }));
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Status(reply) => drop(reply.send(Ok(self.status()))),
            Request::Explain { name, qtype, client, reply } => {
                let text = format!("{name} {qtype} {}", client.address());
                let explanation = serde_json::json!({ "client": client });
                drop(reply.send(Ok(Explained { explanation, text })));
            }
            Request::Events { after, limit, reply } => {
                let of = |event: &&api::Event| after.is_none_or(|after| event.sequence > after);
                let mut events: Vec<_> = self.events.iter().filter(of).cloned().collect();
                if after.is_none() {
                    events.drain(..events.len().saturating_sub(limit));
                }
                events.truncate(limit);
                let last = events.last().map(|event| event.sequence).or(after).unwrap_or(0);
                drop(reply.send(Ok(Events { events, last })));
            }
            Request::Overrides(reply) => {
                let overrides = self.overrides.iter().cloned().map(Into::into).collect();
                drop(reply.send(Ok(Overrides { overrides })));
            }
            Request::Write { write, idempotency, reply } => {
                let answer = self.once(&write, idempotency.as_ref());
                drop(reply.send(answer));
            }
        }
    }

    fn once(&mut self, write: &Write, idempotency: Option<&Idempotency>) -> Written {
        let record = idempotency.and_then(|one| Some(one.replay(self.records.get(&one.key)?)));
        if let Some(answer) = record {
            return answer;
        }
        let answer = self.write(write);
        if let Some(one) = idempotency
            && let Some(record) = one.record(&answer)
        {
            self.records.insert(one.key.clone(), record);
        }
        answer
    }

    fn write(&mut self, write: &Write) -> Written {
        match write {
            Write::SetOverrides(wish) => {
                let ids = || {
                    self.last_id += 1;
                    self.last_id
                };
                let plan = plan::set(&self.model, &self.overrides, wish, NOW, ids);
                Written::now(plan.map(|plan| {
                    if !wish.dry_run {
                        self.overrides.retain(|one| !plan.replaced.contains(one));
                        self.overrides.extend(plan.set.iter().cloned());
                    }
                    plan.answer()
                }))
            }
            Write::Undo(id) => Written::now(plan::undo(&self.overrides, *id).map(|undone| {
                self.overrides.retain(|one| one.id != undone.id);
                Undone { undone: undone.into() }
            })),
            Write::Return(wish) => {
                let objects = pattern::returning(&self.model, &wish.pattern, wish.kind.map(Into::into));
                Written::now(objects.map_err(ApiError::from).map(|objects| Returned {
                    objects: objects.into_iter().map(Into::into).collect(),
                    switched: 0,
                }))
            }
            Write::Reload => {
                self.generation += 1;
                Written::now(match self.generation {
                    1 | 2 => {
                        let generation = Generation { number: self.generation + 1, since: NOW };
                        Ok(Reloaded { generation, warnings: Vec::new() })
                    }
                    3 => Err(ApiError::refused(&[Problem {
                        line: Some(7),
                        key: "pool.east.kind".into(),
                        ..Problem::of_file(Path::new("gtm.toml"), "\"ipv5\" is wrong")
                    }])),
                    _more => Err(ApiError::new(ErrorCode::Internal, "the map is full")),
                })
            }
        }
    }

    fn status(&self) -> Status {
        Status {
            version: "0.0.0".to_owned(),
            started: NOW,
            time: NOW,
            generation: Generation { number: self.generation + 1, since: NOW },
            service: Service { listen: vec!["192.0.2.53:53".to_owned()], interfaces: Vec::new() },
            answers: Answers {
                kernel: Rate { total: 7, per_second: 0.5 },
                userspace: Rate { total: 1, per_second: 0.0 },
            },
            domains: Vec::new(),
            pools: Vec::new(),
            addresses: Vec::new(),
            checks: Vec::new(),
            overrides: self.overrides.iter().cloned().map(Into::into).collect(),
        }
    }
}
