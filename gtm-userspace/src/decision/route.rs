//! Which pools a client of a class may use, in which order: the part of the decision that health does not change.

use crate::config::model::{AccessDomain, DEFAULT_SOURCE, Policy, PoolUse, SourceId};
use crate::geo::Class;

/// The pools to try, first to last, and why each is here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Route {
    /// Positions in [`AccessDomain::pools`] with the source that brought each; none with [`Policy::Ordinal`].
    pub stops: Vec<(usize, Option<SourceId>)>,
}

/// The route of a class through the pools of an access domain (semantics, "nearest source, step by step").
///
/// `ordinal`: every pool by ordinal. `nearest-source`: the pools of the best matching source that this access domain
/// uses, by ordinal; then those of `default`, by ordinal.
pub fn route(domain: &AccessDomain, class: &Class) -> Route {
    match domain.policy {
        Policy::Ordinal | Policy::RoundRobin | Policy::Weight => {
            Route { stops: (0..domain.pools.len()).map(|pool| (pool, None)).collect() }
        }
        Policy::NearestSource => {
            let mut stops = pools_of(domain, best_source(domain, class));
            for stop in pools_of(domain, Some(DEFAULT_SOURCE)) {
                if stops.iter().all(|(pool, _)| *pool != stop.0) {
                    stops.push(stop);
                }
            }
            Route { stops }
        }
    }
}

/// The best match among the sources that the access domain uses; the class has them best first.
pub fn best_source(domain: &AccessDomain, class: &Class) -> Option<SourceId> {
    let used = |source: &SourceId| domain.pools.iter().any(|pool| pool.sources.contains(source));
    class.matches.iter().map(|matched| matched.source).find(used)
}

fn pools_of(domain: &AccessDomain, source: Option<SourceId>) -> Vec<(usize, Option<SourceId>)> {
    let has = |pool: &PoolUse| source.is_some_and(|source| pool.sources.contains(&source));
    domain.pools.iter().enumerate().filter(|(_, pool)| has(pool)).map(|(index, _)| (index, source)).collect()
}
