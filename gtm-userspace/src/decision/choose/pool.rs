//! Inside a pool: which of its addresses answer.

use super::pick_among;
use crate::config::Model;
use crate::config::model::{Policy, Pool, PoolId};
use crate::decision::conditions::{Conditions, Lens};
use crate::decision::memory::pool_key;
use crate::decision::route::Route;
use crate::decision::selection::{Member, Selection};

/// What a pool answers clients of a route, and the positions of the addresses that it takes; `None` when it has no address
/// for them. Whether the pool itself is available is not asked.
///
/// | policy           | of the addresses that can answer                              |
/// |------------------|---------------------------------------------------------------|
/// | `ordinal`        | the current one if non-preemptive, else the smallest ordinal  |
/// | `nearest-source` | the first on the route                                        |
/// | `round-robin`    | all                                                           |
/// | `weight`         | one by weight                                                 |
pub fn from_pool(
    model: &Model,
    id: PoolId,
    route: &Route,
    conditions: &Conditions,
    lens: Lens,
) -> Option<(Selection, Vec<usize>)> {
    let pool = model.pool(id);
    let answering = conditions.addresses(model, id, lens);
    match pool.policy {
        Policy::Ordinal => {
            let current = current(pool, conditions).filter(|current| answering.contains(current));
            one(pool, current.or_else(|| answering.first().copied())?)
        }
        Policy::NearestSource => {
            let (_, nearest) = route.nearest.iter().find(|(known, _)| *known == id)?;
            one(pool, nearest.iter().copied().find(|position| answering.contains(position))?)
        }
        Policy::RoundRobin | Policy::Weight => {
            let member = |position: usize| {
                let address = pool.addresses.get(position)?;
                let weight = match pool.policy {
                    Policy::Weight if conditions.forced.address(id, position).drained => 0,
                    Policy::Weight => address.weight,
                    Policy::Ordinal | Policy::RoundRobin | Policy::NearestSource => 1,
                };
                let selection = Selection::Target(address.target.clone());
                Some((position, Member { name: address.target.to_string(), weight, selection }))
            };
            pick_among(pool.policy, pool.sticky, answering.into_iter().filter_map(member).collect())
        }
    }
}

fn one(pool: &Pool, position: usize) -> Option<(Selection, Vec<usize>)> {
    let address = pool.addresses.get(position)?;
    Some((Selection::Target(address.target.clone()), vec![position]))
}

/// Position of the address where a non-preemptive pool stands.
fn current(pool: &Pool, conditions: &Conditions) -> Option<usize> {
    if !pool.stays() {
        return None;
    }
    let name = conditions.memory.position(&pool_key(&pool.name))?;
    pool.addresses.iter().position(|address| address.target.to_string() == name)
}
