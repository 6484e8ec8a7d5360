//! Which pools and addresses a client of a class may use, in which order: the part of the decision that health does not
//! change.

use crate::config::Model;
use crate::config::model::{AccessDomain, DEFAULT_SOURCE, Policy, Pool, PoolId, SourceFallback, SourceId};
use crate::geo::Class;

/// The pools to try, first to last, and why each is here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Route {
    /// The pools that clients of the class may use.
    pub stops: Vec<Stop>,
    /// For each pool with policy `nearest-source` inside, here or as the access domain's fallback: positions of the
    /// addresses that clients of the class may use, first to last.
    pub nearest: Vec<(PoolId, Vec<usize>)>,
}

/// A pool on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stop {
    /// Position in [`AccessDomain::pools`].
    pub position: usize,
    /// The source that leads there; none unless the policy is [`Policy::NearestSource`].
    pub source: Option<SourceId>,
}

/// The route of a class through the pools of an access domain (semantics, "nearest source, step by step").
///
/// | policy           | pools                                                                                       |
/// |------------------|---------------------------------------------------------------------------------------------|
/// | `nearest-source` | those of the best matching source that this access domain uses, by ordinal; with `next-match` those of the other matching ones, best first; then those of `default` |
/// | any other        | all, by ordinal                                                                             |
pub fn route(model: &Model, domain: &AccessDomain, class: &Class) -> Route {
    let stops = if domain.policy == Policy::NearestSource {
        let sources: Vec<&[SourceId]> = domain.pools.iter().map(|used| used.sources.as_slice()).collect();
        by_source(&sources, class, domain.source_fallback)
    } else {
        (0..domain.pools.len()).map(|position| Stop { position, source: None }).collect()
    };
    // Of all pools, also those that the class does not use: an operator may pin it to any of them.
    let nearest = domain.answering_pools().filter(|pool| model.pool(*pool).policy == Policy::NearestSource);
    Route { stops, nearest: nearest.map(|id| (id, addresses(model.pool(id), class))).collect() }
}

/// Whether clients of different classes may have different routes: what of ten thousand access domains need not be routed for
/// hundreds of classes each.
pub fn depends_on_client(model: &Model, domain: &AccessDomain) -> bool {
    let is_nearest = |policy: Policy| policy == Policy::NearestSource;
    is_nearest(domain.policy) || domain.answering_pools().any(|id| is_nearest(model.pool(id).policy))
}

/// The best match among the sources that the access domain uses; the class has them best first.
pub fn best_source(domain: &AccessDomain, class: &Class) -> Option<SourceId> {
    let used = |source: &SourceId| domain.pools.iter().any(|pool| pool.sources.contains(source));
    class.matches.iter().map(|matched| matched.source).find(used)
}

/// The addresses of a pool for the best matching source that it uses, by ordinal, then those for `default`.
fn addresses(pool: &Pool, class: &Class) -> Vec<usize> {
    let sources: Vec<&[SourceId]> = pool.addresses.iter().map(|address| address.sources.as_slice()).collect();
    by_source(&sources, class, SourceFallback::Default).into_iter().map(|stop| stop.position).collect()
}

/// The members, each with the sources that it is for, in the order in which a class tries them.
fn by_source(members: &[&[SourceId]], class: &Class, fallback: SourceFallback) -> Vec<Stop> {
    let is_used = |source: &SourceId| members.iter().any(|sources| sources.contains(source));
    let matching = class.matches.iter().map(|matched| matched.source).filter(is_used);
    let tried: Vec<SourceId> = match fallback {
        SourceFallback::Default => matching.take(1).chain([DEFAULT_SOURCE]).collect(),
        SourceFallback::NextMatch => matching.collect(),
    };
    let mut stops: Vec<Stop> = Vec::new();
    for source in tried {
        for (position, sources) in members.iter().enumerate() {
            if sources.contains(&source) && stops.iter().all(|stop| stop.position != position) {
                stops.push(Stop { position, source: Some(source) });
            }
        }
    }
    stops
}
