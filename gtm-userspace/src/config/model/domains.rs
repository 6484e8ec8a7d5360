//! Access domains and their use of pools.

use std::fmt;

use super::{Policy, PoolId, Preemption, SourceId, Sticky, Target};
use crate::name::Name;

/// One owner name and one type that is steered instead of static.
#[derive(Debug, Clone)]
pub struct AccessDomain {
    /// Owner name; lies in the zone.
    pub name: Name,
    /// The type that is steered.
    pub steered: SteeredType,
    /// Time to live of the answers, in seconds.
    pub ttl: u32,
    /// A disabled access domain leaves the answer to the zone's own records.
    pub enabled: bool,
    /// How its pools are chosen.
    pub policy: Policy,
    /// For [`Policy::Ordinal`], and for the pools of one source with [`Policy::NearestSource`].
    pub preemption: Preemption,
    /// Whether each client prefix keeps its pool; with [`Policy::Weight`] and [`Policy::RoundRobin`] only.
    pub sticky: Option<Sticky>,
    /// Most addresses in one answer; all when none.
    pub max_answers: Option<u16>,
    /// What is answered when every pool is down.
    pub all_down: AllDownAction,
    /// Where clients go whose best source has no available pool.
    pub source_fallback: SourceFallback,
    /// Its pools by ordinal, smallest first; at least one.
    pub pools: Vec<PoolUse>,
}

impl AccessDomain {
    /// An access domain with the defaults of the configuration, without pools.
    pub fn new(name: Name, steered: SteeredType, policy: Policy) -> Self {
        Self {
            name,
            steered,
            ttl: 30,
            enabled: true,
            policy,
            preemption: Preemption::Preemptive,
            sticky: None,
            max_answers: None,
            all_down: AllDownAction::DefaultPool,
            source_fallback: SourceFallback::Default,
            pools: Vec::new(),
        }
    }

    /// True when it stays on its current pool although a smaller ordinal is available.
    pub fn stays(&self) -> bool {
        matches!(self.policy, Policy::Ordinal | Policy::NearestSource)
            && self.preemption == Preemption::NonPreemptive
    }

    /// Every pool that may answer, each once: its own by ordinal, then the one of the all-down action.
    pub fn answering_pools(&self) -> impl Iterator<Item = PoolId> {
        let is_own = |id: &PoolId| self.pools.iter().any(|used| used.pool == *id);
        let fallback = if let AllDownAction::Pool(id) = self.all_down { Some(id) } else { None };
        self.pools.iter().map(|used| used.pool).chain(fallback.filter(|id| !is_own(id)))
    }
}

/// The types that can be steered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SteeredType {
    /// Takes IPv4 and domain pools.
    A,
    /// Takes IPv6 and domain pools.
    Aaaa,
    /// Takes domain pools; answers every type at its name.
    Cname,
}

/// What is answered when every pool of an access domain is down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum AllDownAction {
    /// Every address of the non-empty `default` pool with the smallest ordinal; without one, of the non-empty pool with
    /// the smallest ordinal.
    #[default]
    DefaultPool,
    /// What would be answered if everything were up.
    AsIfUp,
    /// This pool, whatever its health; it need not be one of the access domain's own.
    Pool(PoolId),
    /// The last answer before everything went down.
    LastGood,
    /// These, of the kind of one pool that the access domain could have; at least one.
    Fixed(Vec<Target>),
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
}

/// Where clients go whose best matching source has no available pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SourceFallback {
    /// To the pools of `default`.
    #[default]
    Default,
    /// To those of the other matching sources, best first, and then to those of `default`.
    NextMatch,
}

/// A pool in the use of one access domain.
#[derive(Debug, Clone)]
pub struct PoolUse {
    /// Which pool.
    pub pool: PoolId,
    /// Unique in the access domain; smaller is first.
    pub ordinal: u32,
    /// 0 to [`super::MAX_WEIGHT`]; for [`Policy::Weight`].
    pub weight: u8,
    /// Which clients it is for; at least one with [`Policy::NearestSource`], else none.
    pub sources: Vec<SourceId>,
}

impl PoolUse {
    /// A use with the defaults of the configuration, for no source.
    pub fn new(pool: PoolId, ordinal: u32) -> Self {
        Self { pool, ordinal, weight: 1, sources: Vec::new() }
    }
}

impl fmt::Display for SteeredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        })
    }
}
