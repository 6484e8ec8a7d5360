//! From state to answer: which targets a route answers under given conditions.

use serde::Serialize;

use super::conditions::Conditions;
use super::route::Route;
use super::selection::{Response, Selection};
use crate::config::Model;
use crate::config::model::{AccessDomain, DEFAULT_SOURCE, Pool, PoolUse, Target};

/// What is answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub response: Response,
    /// How they were found.
    pub reason: Reason,
}

/// How an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The first available pool of the route, by its position in the access domain.
    Pool(usize),
    /// Every pool of the access domain is down: the addresses of this one, whatever their health.
    AllDown(usize),
    /// Every pool is down, and none has an address that may be answered.
    AllDownEmpty,
    /// Some pool is up, but none that this client may use.
    NoPoolForClient,
}

impl Reason {
    /// True when every pool of the access domain is down.
    pub fn is_all_down(self) -> bool {
        matches!(self, Self::AllDown(_) | Self::AllDownEmpty)
    }
}

/// Chooses the answer of a route.
///
/// | pool available on the route | any pool available | answer                       |
/// |-----------------------------|--------------------|------------------------------|
/// | yes                         | yes                | the first one's first address |
/// | no                          | yes                | NODATA                       |
/// | no                          | no                 | the all-down action          |
pub fn choose(model: &Model, domain: &AccessDomain, route: &Route, conditions: &Conditions) -> Choice {
    let available = |used: &PoolUse| conditions.pool(model.pool(used.pool)).is_available();
    let stops =
        route.stops.iter().filter_map(|(position, _)| Some((*position, domain.pools.get(*position)?)));
    for (position, used) in stops {
        if available(used) {
            return Choice {
                response: all(first_available(model.pool(used.pool), conditions)),
                reason: Reason::Pool(position),
            };
        }
    }
    if domain.pools.iter().any(available) {
        return Choice { response: Response::NoData, reason: Reason::NoPoolForClient };
    }
    all_down(model, domain, conditions)
}

/// These, rotating.
fn all(targets: Vec<Target>) -> Response {
    if targets.is_empty() {
        return Response::NoData;
    }
    let selection = Selection::All(targets.into_iter().map(Selection::Target).collect());
    Response::Answer { selection, max_answers: None }
}

/// Policy `ordinal` inside a pool, preemptive: the available address with the smallest ordinal.
fn first_available(pool: &Pool, conditions: &Conditions) -> Vec<Target> {
    let first = pool.addresses.iter().find(|address| conditions.address(address).is_available());
    first.map(|address| address.target.clone()).into_iter().collect()
}

/// All-down action `default-pool`: every address of the non-empty `default` pool with the smallest ordinal; without
/// one, of the non-empty pool with the smallest ordinal. A pool is empty when none of its addresses may be answered, or
/// when it is disabled: that is apart from health, and holds when all health is lost.
fn all_down(model: &Model, domain: &AccessDomain, conditions: &Conditions) -> Choice {
    let last_resort = |used: &PoolUse| {
        let pool = model.pool(used.pool);
        let addresses = pool.addresses.iter().filter(|_| pool.enabled);
        let allowed = addresses.filter(|address| conditions.address(address).is_last_resort());
        allowed.map(|address| address.target.clone()).collect::<Vec<_>>()
    };
    let is_default = |used: &PoolUse| used.sources.contains(&DEFAULT_SOURCE);
    let filled =
        || domain.pools.iter().enumerate().map(|(position, used)| (position, used, last_resort(used)));
    let by_default = filled().find(|(_, used, targets)| is_default(used) && !targets.is_empty());
    match by_default.or_else(|| filled().find(|(_, _, targets)| !targets.is_empty())) {
        Some((position, _, targets)) => Choice { response: all(targets), reason: Reason::AllDown(position) },
        None => Choice { response: Response::NoData, reason: Reason::AllDownEmpty },
    }
}
