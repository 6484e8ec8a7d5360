//! The all-down actions: what is answered when every pool of an access domain is down.

use super::{Choosing, LastResort, answer, from_pool};
use crate::config::Model;
use crate::config::model::{AccessDomain, AllDownAction, DEFAULT_SOURCE, PoolId, PoolUse, Target};
use crate::decision::conditions::{Conditions, Lens};
use crate::decision::route::Route;
use crate::decision::selection::{Response, Selection};

impl Choosing<'_> {
    /// | action         | answer                                                                                   |
    /// |----------------|------------------------------------------------------------------------------------------|
    /// | `default-pool` | every address of the non-empty `default` pool with the smallest ordinal, round robin; without one, of the non-empty pool with the smallest ordinal |
    /// | `as-if-up`     | what the pinned pool, or else the policy, would answer if everything were up; NODATA where that is nothing |
    /// | `pool NAME`    | what that pool answers, whether or not it is available; if none of its addresses is, what it answers if they were up; as `default-pool` when it has nothing |
    /// | `last-good`    | the last answer before everything went down; as `default-pool` when there is none, or it holds what no pool of the access domain may answer any more |
    /// | `fixed [..]`   | these                                                                                    |
    /// | `nodata` ..    | that response                                                                            |
    pub(super) fn all_down(&self, domain: &AccessDomain) -> (Response, LastResort) {
        let chosen = match &domain.all_down {
            AllDownAction::DefaultPool => None,
            AllDownAction::AsIfUp => {
                let pinned = self.pinned(domain, Lens::AsIfUp);
                let pinned = pinned.map(|(selection, position)| (selection, vec![position]));
                let chosen = pinned.or_else(|| self.by_policy(domain, Lens::AsIfUp));
                Some(chosen.map_or((Response::NoData, LastResort::Nothing), |(selection, pools)| {
                    (answer(domain, selection), LastResort::AsIfUp(pools))
                }))
            }
            AllDownAction::Pool(id) => {
                self.fallback_pool(*id).map(|selection| (answer(domain, selection), LastResort::Pool(*id)))
            }
            AllDownAction::LastGood => self
                .last_good
                .filter(|response| self.may_answer_all(domain, response))
                .map(|response| (as_capped_now(domain, response.clone()), LastResort::LastGood)),
            AllDownAction::Fixed(targets) => {
                Some((answer(domain, all(targets.iter().cloned())), LastResort::Fixed))
            }
            AllDownAction::NoData => Some((Response::NoData, LastResort::Code)),
            AllDownAction::ServFail => Some((Response::ServFail, LastResort::Code)),
            AllDownAction::Refused => Some((Response::Refused, LastResort::Code)),
        };
        chosen.unwrap_or_else(|| self.default_pool(domain))
    }

    /// A pool is empty when none of its addresses may be answered, or when it is disabled or forced down: that is apart
    /// from health, and holds when all health is lost.
    fn default_pool(&self, domain: &AccessDomain) -> (Response, LastResort) {
        let may_answer = |used: &PoolUse| self.may_answer(used.pool);
        let is_default = |used: &PoolUse| used.sources.contains(&DEFAULT_SOURCE);
        let filled = || domain.pools.iter().enumerate().filter(|(_, used)| may_answer(used));
        let by_default = filled().find(|(_, used)| is_default(used));
        match by_default.or_else(|| filled().next()) {
            Some((position, used)) => {
                let pool = self.model.pool(used.pool);
                let positions = self.conditions.addresses(self.model, used.pool, Lens::AsIfUp);
                let addresses = positions.into_iter().filter_map(|position| pool.addresses.get(position));
                let selection = all(addresses.map(|address| address.target.clone()));
                (answer(domain, selection), LastResort::DefaultPool(position))
            }
            None => (Response::NoData, LastResort::Nothing),
        }
    }

    fn fallback_pool(&self, id: PoolId) -> Option<Selection> {
        if !self.may_answer(id) {
            return None;
        }
        from_fallback_pool(self.model, id, self.route, self.conditions).map(|(selection, _)| selection)
    }

    fn may_answer(&self, id: PoolId) -> bool {
        self.conditions.pool_answers(self.model, id, Lens::AsIfUp)
    }

    /// Whether some pool of the access domain may still answer each of what a response can hold.
    fn may_answer_all(&self, domain: &AccessDomain, response: &Response) -> bool {
        let pools = || domain.pools.iter().map(|used| used.pool).filter(|id| self.may_answer(*id));
        let has = |target: &Target, id: PoolId| {
            let addresses = &self.model.pool(id).addresses;
            let positions = self.conditions.addresses(self.model, id, Lens::AsIfUp);
            positions.into_iter().filter_map(|at| addresses.get(at)).any(|address| address.target == *target)
        };
        let targets = response.targets();
        !targets.is_empty() && targets.into_iter().all(|target| pools().any(|id| has(target, id)))
    }
}

/// What a pool answers clients of a route whatever its own health, and the positions of the addresses that it takes. A failed
/// address is none of them while another could be.
pub fn from_fallback_pool(
    model: &Model,
    id: PoolId,
    route: &Route,
    conditions: &Conditions,
) -> Option<(Selection, Vec<usize>)> {
    let from = |lens| from_pool(model, id, route, conditions, lens);
    from(Lens::Real).or_else(|| from(Lens::AsIfUp))
}

/// A remembered answer with the `max_answers` of the configuration at hand.
fn as_capped_now(domain: &AccessDomain, response: Response) -> Response {
    match response {
        Response::Answer { selection, .. } => answer(domain, selection),
        other @ (Response::NoData | Response::ServFail | Response::Refused | Response::Zone) => other,
    }
}

/// These, rotating; there is at least one.
fn all(targets: impl Iterator<Item = Target>) -> Selection {
    Selection::All(targets.map(Selection::Target).collect())
}
