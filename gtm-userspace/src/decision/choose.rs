//! From state to answer: which members of the pools of a route answer under given conditions, and how they are picked.

mod all_down;
mod pool;

use super::conditions::{Conditions, Lens};
use super::memory::domain_key;
use super::route::{Route, Stop};
use super::selection::{Member, Response, Selection};
use crate::config::Model;
use crate::config::model::{AccessDomain, DomainId, Policy, PoolId, PoolUse, SourceId, Sticky};

pub use all_down::from_fallback_pool;
pub use pool::from_pool;

/// What is answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub response: Response,
    /// How it was found.
    pub reason: Reason,
}

/// How an answer was found. Pools are positions in the access domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The policy took these pools.
    Pools(Vec<usize>),
    /// An operator pinned the access domain to this pool.
    Pinned(usize),
    /// Every pool of the access domain is down.
    AllDown(LastResort),
    /// Some pool is up, but none that this client may use.
    NoPoolForClient,
    /// The access domain is disabled: the zone answers.
    Disabled,
}

/// What the all-down action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastResort {
    /// Every address of this pool of the access domain.
    DefaultPool(usize),
    /// The pools that would answer if everything were up.
    AsIfUp(Vec<usize>),
    /// The configured pool.
    Pool(PoolId),
    /// The last answer before everything went down.
    LastGood,
    /// The configured addresses or name.
    Fixed,
    /// The configured response code, or NODATA.
    Code,
    /// No pool has an address that may be answered.
    Nothing,
}

impl Reason {
    /// True when every pool of the access domain is down.
    pub fn is_all_down(&self) -> bool {
        matches!(self, Self::AllDown(_))
    }
}

/// What a choice is made from.
#[derive(Debug, Clone, Copy)]
pub struct Choosing<'a> {
    /// The configuration.
    pub model: &'a Model,
    /// What is known of the world.
    pub conditions: &'a Conditions,
    /// The access domain that is asked for.
    pub domain: DomainId,
    /// The pools that the client may use.
    pub route: &'a Route,
    /// The last good answer on this route.
    pub last_good: Option<&'a Response>,
}

/// Chooses the answer of a route.
///
/// | access domain | pinned pool | pool available on the route | any pool available | answer                    |
/// |---------------|-------------|-----------------------------|--------------------|---------------------------|
/// | disabled      |             |                             |                    | the zone's                |
/// | enabled       | available   |                             |                    | from the pinned pool      |
/// | enabled       | none        | yes                         | yes                | by the policy             |
/// | enabled       | none        | no                          | yes                | NODATA                    |
/// | enabled       | none        | no                          | no                 | the all-down action       |
pub fn choose(from: Choosing<'_>) -> Choice {
    let Choosing { model, conditions, .. } = from;
    let domain = model.domains.get(from.domain.0);
    let Some(domain) = domain.filter(|domain| conditions.is_enabled(from.domain, domain.enabled)) else {
        return Choice { response: Response::Zone, reason: Reason::Disabled };
    };
    if let Some((selection, position)) = from.pinned(domain, Lens::Real) {
        return Choice { response: answer(domain, selection), reason: Reason::Pinned(position) };
    }
    if let Some((selection, pools)) = from.by_policy(domain, Lens::Real) {
        return Choice { response: answer(domain, selection), reason: Reason::Pools(pools) };
    }
    if domain.pools.iter().any(|used| conditions.pool_answers(model, used.pool, Lens::Real)) {
        return Choice { response: Response::NoData, reason: Reason::NoPoolForClient };
    }
    let (response, last_resort) = from.all_down(domain);
    Choice { response, reason: Reason::AllDown(last_resort) }
}

impl Choosing<'_> {
    /// What the pool answers that an operator pinned the access domain to, and its position.
    fn pinned(&self, domain: &AccessDomain, lens: Lens) -> Option<(Selection, usize)> {
        let position = self.conditions.forced.domain(self.domain).pinned?;
        Some((self.member(domain, position, lens)?, position))
    }

    /// What the policy makes of the pools of the route that answer, and which of them it takes.
    fn by_policy(&self, domain: &AccessDomain, lens: Lens) -> Option<(Selection, Vec<usize>)> {
        let stops = &self.route.stops;
        let mut candidates =
            stops.iter().filter_map(|stop| Some((*stop, self.member(domain, stop.position, lens)?)));
        match domain.policy {
            Policy::Ordinal | Policy::NearestSource => {
                // The pools of the best source that has one: of these the current one, else the first.
                let (best, first) = candidates.next()?;
                let current = self.current(domain, best.source);
                let current =
                    current.filter(|position| stops.contains(&Stop { position: *position, ..best }));
                let current =
                    current.and_then(|position| Some((self.member(domain, position, lens)?, position)));
                let (selection, position) = current.unwrap_or((first, best.position));
                Some((selection, vec![position]))
            }
            Policy::RoundRobin | Policy::Weight => {
                let member = |(stop, selection): (Stop, Selection)| {
                    let used = domain.pools.get(stop.position)?;
                    let weight = match domain.policy {
                        Policy::Weight if self.conditions.forced.pool(used.pool).drained => 0,
                        Policy::Weight => used.weight,
                        Policy::Ordinal | Policy::RoundRobin | Policy::NearestSource => 1,
                    };
                    let name = self.model.pool(used.pool).name.clone();
                    Some((stop.position, Member { name, weight, selection }))
                };
                pick_among(domain.policy, domain.sticky, candidates.filter_map(member).collect())
            }
        }
    }

    /// Position of the pool where a non-preemptive access domain stands.
    fn current(&self, domain: &AccessDomain, source: Option<SourceId>) -> Option<usize> {
        if !domain.stays() {
            return None;
        }
        let name = self.conditions.memory.position(&domain_key(self.model, domain, source))?;
        domain.pools.iter().position(|used| self.model.pool(used.pool).name == name)
    }

    /// What the pool at a position answers this client; `None` when it cannot.
    fn member(&self, domain: &AccessDomain, position: usize, lens: Lens) -> Option<Selection> {
        let PoolUse { pool, .. } = domain.pools.get(position)?;
        if !self.conditions.pool_answers(self.model, *pool, lens) {
            return None;
        }
        from_pool(self.model, *pool, self.route, self.conditions, lens).map(|(selection, _)| selection)
    }
}

/// An answer of the access domain.
fn answer(domain: &AccessDomain, selection: Selection) -> Response {
    Response::Answer { selection, max_answers: domain.max_answers }
}

/// Round robin or weight among members, each with its position: how they are picked, and the positions of those that can be.
///
/// | policy        | sticky | of several members                                      |
/// |---------------|--------|---------------------------------------------------------|
/// | `round-robin` | no     | all, rotating                                           |
/// | `round-robin` | yes    | one for each client prefix, in equal shares             |
/// | `weight`      | no     | one for each answer, by weight                          |
/// | `weight`      | yes    | one for each client prefix, in proportion to the weights |
///
/// Members of weight 0 are picked only when every one has weight 0, and then in equal shares.
fn pick_among(
    policy: Policy,
    sticky: Option<Sticky>,
    members: Vec<(usize, Member)>,
) -> Option<(Selection, Vec<usize>)> {
    let has_weight = members.iter().any(|(_, member)| member.weight > 0);
    let kept = members.into_iter().filter(|(_, member)| member.weight > 0 || !has_weight);
    let (positions, mut members): (Vec<usize>, Vec<Member>) =
        kept.map(|(position, member)| (position, Member { weight: member.weight.max(1), ..member })).unzip();
    let selection = match (members.len(), sticky) {
        (0, _) => return None,
        (1, _) => members.pop()?.selection,
        (_, Some(sticky)) => Selection::Sticky(sticky, members),
        (_, None) if policy == Policy::Weight => Selection::Weighted(members),
        (_, None) => Selection::All(members.into_iter().map(|member| member.selection).collect()),
    };
    Some((selection, positions))
}
