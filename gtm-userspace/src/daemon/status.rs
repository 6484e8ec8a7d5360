//! The state of everything, as the control API gives it.

use std::collections::HashMap;

use super::service::Running;
use crate::clock;
use crate::config::Model;
use crate::config::model::{DomainId, PoolId};
use crate::control::api::{
    Address, Answers, Check, Domain, DomainAnswer, Generation, Interface, Pool, Rate, Service, Status,
};
use crate::dataplane::Dataplane;
use crate::decision::changes::why;
use crate::decision::conditions::{Availability, Conditions};
use crate::decision::overrides::Object;
use crate::decision::route::Route;

/// The state of everything now.
pub(super) fn status(running: &Running) -> Status {
    let model = &running.model;
    let conditions = running.decider.conditions();
    let ids = Ids::new(conditions);
    let unforced = conditions.clone().with_overrides(model, Vec::new());
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: running.started,
        time: clock::wall(),
        generation: Generation { number: running.generation.number, since: running.generation.since },
        service: service(running),
        answers: answers(running),
        domains: domains(running, &unforced, &ids),
        pools: (0..model.pools.len())
            .map(|pool| self::pool(model, conditions, &unforced, &ids, PoolId(pool)))
            .collect(),
        addresses: (0..model.pools.len())
            .flat_map(|pool| addresses(model, conditions, &unforced, &ids, PoolId(pool)))
            .collect(),
        checks: checks(running),
        overrides: conditions.forced.list().iter().cloned().map(Into::into).collect(),
    }
}

fn service(running: &Running) -> Service {
    let attached = running.dataplane.iter().flat_map(Dataplane::interfaces);
    Service {
        listen: running.model.service.listen.iter().map(ToString::to_string).collect(),
        interfaces: attached
            .map(|(name, attachment)| Interface {
                name: name.to_owned(),
                mode: if attachment.native { "native" } else { "generic" }.to_owned(),
            })
            .collect(),
    }
}

fn answers(running: &Running) -> Answers {
    let kernel = running.dataplane.as_ref().and_then(|dataplane| dataplane.counters().ok());
    let server = running.server.counters();
    let (kernel_rate, server_rate) = running.rates.per_second();
    Answers {
        kernel: Rate { total: kernel.map_or(0, |counters| counters.answered()), per_second: kernel_rate },
        userspace: Rate { total: server.udp_answered() + server.tcp_answered(), per_second: server_rate },
    }
}

fn domains(running: &Running, unforced: &Conditions, ids: &Ids<'_>) -> Vec<Domain> {
    let (model, decider) = (&running.model, &running.decider);
    let conditions = decider.conditions();
    let mut domains: Vec<Domain> = model
        .domains
        .iter()
        .enumerate()
        .map(|(index, domain)| Domain {
            name: domain.name.to_string(),
            steered: domain.steered.to_string(),
            enabled: conditions.is_enabled(DomainId(index), domain.enabled),
            state: conditions.domain(model, DomainId(index)),
            health: unforced.domain(model, DomainId(index)),
            policy: domain.policy.to_string(),
            answers: Vec::new(),
            overrides: ids
                .of(&[Object::Domain { name: domain.name.to_string(), steered: domain.steered.to_string() }]),
        })
        .collect();
    for (id, route, choice) in decider.slots() {
        if let (Some(shown), Some(domain)) = (domains.get_mut(id.0), model.domains.get(id.0)) {
            shown.answers.push(DomainAnswer {
                sources: sources(model, route),
                answer: choice.response.to_string(),
                why: why(model, domain, &choice.reason),
            });
        }
    }
    domains
}

/// The sources of a route in the order in which they are tried, each once.
fn sources(model: &Model, route: &Route) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for source in route.stops.iter().filter_map(|stop| model.sources.get(stop.source?.0)) {
        if !names.contains(&source.name) {
            names.push(source.name.clone());
        }
    }
    names
}

fn pool(model: &Model, conditions: &Conditions, unforced: &Conditions, ids: &Ids<'_>, id: PoolId) -> Pool {
    let pool = model.pool(id);
    let Availability { available, total } = conditions.availability(model, id);
    Pool {
        name: pool.name.clone(),
        kind: pool.kind.to_string(),
        state: conditions.pool(model, id),
        health: unforced.pool(model, id),
        available,
        total,
        policy: pool.policy.to_string(),
        overrides: ids.of(&[Object::Pool { name: pool.name.clone() }]),
    }
}

fn addresses<'m>(
    model: &'m Model,
    conditions: &'m Conditions,
    unforced: &'m Conditions,
    ids: &'m Ids<'m>,
    id: PoolId,
) -> impl Iterator<Item = Address> + 'm {
    let pool = model.pool(id);
    pool.addresses.iter().enumerate().map(move |(position, address)| {
        let shown = address.target.to_string();
        let pools = [None, Some(pool.name.clone())];
        let about = pools.map(|pool| Object::Address { pool, target: shown.clone() });
        Address {
            pool: pool.name.clone(),
            ordinal: address.ordinal,
            weight: address.weight,
            state: conditions.address(id, position, address),
            health: unforced.address(id, position, address),
            overrides: ids.of(&about),
            address: shown,
        }
    })
}

fn checks(running: &Running) -> Vec<Check> {
    let model = &running.model;
    let states = running.health.states();
    let check = |(check, state): (&crate::config::model::Check, crate::health::CheckState)| Check {
        target: check.target.to_string(),
        template: model.template(check.template).name.clone(),
        verdict: state.verdict.into(),
        since: state.since,
        last_error: state.last_error,
    };
    model.checks.iter().zip(states).map(check).collect()
}

/// Ids of the overrides about each object.
struct Ids<'c>(HashMap<&'c Object, Vec<u64>>);

impl<'c> Ids<'c> {
    fn new(conditions: &'c Conditions) -> Self {
        let mut ids: HashMap<&Object, Vec<u64>> = HashMap::new();
        for said in conditions.forced.list() {
            ids.entry(&said.object).or_default().push(said.id);
        }
        Self(ids)
    }

    /// Those about any of these, ascending.
    fn of(&self, objects: &[Object]) -> Vec<u64> {
        let mut ids: Vec<u64> = objects.iter().filter_map(|one| self.0.get(one)).flatten().copied().collect();
        ids.sort_unstable();
        ids
    }
}
