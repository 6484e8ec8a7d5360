//! The pools and addresses of an access domain, each with its state and why it was taken or left.

use serde::Serialize;

use crate::config::Model;
use crate::config::model::{
    AccessDomain, Address, CheckId, Policy, Pool, PoolId, PoolUse, Preemption, SourceId, Verdict,
};
use crate::decision::choose::{Choice, LastResort, Reason, from_fallback_pool, from_pool};
use crate::decision::conditions::{AddressState, Conditions, Lens, PoolState};
use crate::decision::route::Route;
use crate::geo::Class;

/// A pool that was considered, or that is not for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolStep {
    /// Name of the pool.
    pub pool: String,
    /// Its ordinal in the access domain.
    pub ordinal: u32,
    /// Its weight in the access domain; none unless the policy is `weight`.
    pub weight: Option<u8>,
    /// The source that brought the client to it; none unless the policy is `nearest-source`, and for a pool that is not for
    /// the client.
    pub source: Option<String>,
    /// What it is shown as.
    pub state: PoolState,
    /// What it would be shown as without the overrides.
    pub health: PoolState,
    /// Whether answers are from it.
    pub taken: bool,
    /// Why it was taken or left.
    pub why: String,
    /// How its addresses are chosen.
    pub policy: String,
    /// Its addresses by ordinal.
    pub addresses: Vec<AddressStep>,
}

/// An address of such a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressStep {
    /// What would be answered.
    pub address: String,
    /// Its ordinal in the pool.
    pub ordinal: u32,
    /// Its weight in the pool; none unless the pool's policy is `weight`.
    pub weight: Option<u8>,
    /// What it is shown as.
    pub state: AddressState,
    /// What its checks say, whatever its mode and the overrides.
    pub health: AddressState,
    /// Whether answers hold it.
    pub taken: bool,
    /// Why it is in the answer or not; empty for an available one of a pool that was left.
    pub why: String,
}

/// What the steps are told from.
pub(super) struct Steps<'a> {
    pub(super) model: &'a Model,
    pub(super) conditions: &'a Conditions,
    /// The same without the overrides.
    pub(super) unforced: &'a Conditions,
    pub(super) domain: &'a AccessDomain,
    pub(super) class: &'a Class,
    pub(super) route: &'a Route,
    pub(super) choice: &'a Choice,
}

/// Whether and how a pool answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    /// By the policies.
    ByPolicy(Lens),
    /// By its policy, as the pool of the all-down action.
    Fallback,
    /// Every address that may be answered.
    Whole,
}

impl Steps<'_> {
    /// The pools of the route in its order, and all others by ordinal.
    pub(super) fn pools(&self) -> (Vec<PoolStep>, Vec<PoolStep>) {
        let stops = &self.route.stops;
        let tried = stops
            .iter()
            .filter_map(|stop| Some((stop.position, self.domain.pools.get(stop.position)?, stop.source)));
        let on_route = |position| stops.iter().any(|stop| stop.position == position);
        let others = self.domain.pools.iter().enumerate().filter(|(position, _)| !on_route(*position));
        (
            tried
                .map(|(position, used, source)| {
                    self.pool(position, used, source, self.why_tried(position, used))
                })
                .collect(),
            others
                .map(|(position, used)| self.pool(position, used, None, self.why_not_tried(position, used)))
                .collect(),
        )
    }

    fn pool(&self, position: usize, used: &PoolUse, source: Option<SourceId>, why: String) -> PoolStep {
        let pool = self.model.pool(used.pool);
        let taken = self.taken(position);
        let answering = self.answering(used.pool, taken);
        let addresses = pool.addresses.iter().enumerate();
        PoolStep {
            pool: pool.name.clone(),
            ordinal: used.ordinal,
            weight: (self.domain.policy == Policy::Weight).then_some(used.weight),
            source: source.map(|source| self.source_name(source)),
            state: self.conditions.pool(self.model, used.pool),
            health: self.unforced.pool(self.model, used.pool),
            taken: taken != Taken::No,
            why,
            policy: pool.policy.to_string(),
            addresses: addresses
                .map(|(at, address)| self.address(used.pool, at, address, taken, &answering))
                .collect(),
        }
    }

    /// How the pool at a position answers.
    fn taken(&self, position: usize) -> Taken {
        let among = |positions: &[usize], lens| {
            if positions.contains(&position) { Taken::ByPolicy(lens) } else { Taken::No }
        };
        match &self.choice.reason {
            Reason::Pools(positions) => among(positions, Lens::Real),
            Reason::Pinned(pinned) => among(&[*pinned], Lens::Real),
            Reason::AllDown(LastResort::DefaultPool(resort)) if *resort == position => Taken::Whole,
            Reason::AllDown(LastResort::AsIfUp(positions)) => among(positions, Lens::AsIfUp),
            Reason::AllDown(LastResort::Pool(id))
                if self.domain.pools.get(position).is_some_and(|used| used.pool == *id) =>
            {
                Taken::Fallback
            }
            Reason::AllDown(_) | Reason::NoPoolForClient | Reason::Disabled => Taken::No,
        }
    }

    /// Positions of the addresses of a pool that answers hold.
    fn answering(&self, pool: PoolId, taken: Taken) -> Vec<usize> {
        match taken {
            Taken::No => Vec::new(),
            Taken::ByPolicy(lens) => from_pool(self.model, pool, self.route, self.conditions, lens)
                .map(|(_, positions)| positions)
                .unwrap_or_default(),
            Taken::Fallback => from_fallback_pool(self.model, pool, self.route, self.conditions)
                .map(|(_, positions)| positions)
                .unwrap_or_default(),
            Taken::Whole => self.conditions.addresses(self.model, pool, Lens::AsIfUp),
        }
    }

    fn why_tried(&self, position: usize, used: &PoolUse) -> String {
        let pool = self.model.pool(used.pool);
        let name = |position: usize| {
            self.domain.pools.get(position).map_or("", |used| &self.model.pool(used.pool).name)
        };
        match (&self.choice.reason, self.taken(position), self.why_unavailable(used.pool, pool)) {
            (Reason::Pinned(_), Taken::ByPolicy(_), _) => "taken: pinned by an override".to_owned(),
            (Reason::Pinned(pinned), Taken::No, None) => format!("left: pinned to {}", name(*pinned)),
            (Reason::Pools(_), Taken::ByPolicy(_), _) => match self.domain.policy {
                Policy::Ordinal | Policy::NearestSource => "taken: the first available".to_owned(),
                Policy::RoundRobin => "taken: in turn".to_owned(),
                Policy::Weight => "taken: by weight".to_owned(),
            },
            (Reason::Pools(positions), Taken::No, None) if self.answers_client(used.pool) => {
                match (self.domain.policy, positions.first()) {
                    (Policy::Weight, _) => "left: weight 0".to_owned(),
                    (_, Some(first))
                        if self.domain.preemption == Preemption::NonPreemptive && first > &position =>
                    {
                        format!("left: non-preemptive, and {} is the current one", name(*first))
                    }
                    (_, Some(first)) => format!("left: {} comes first", name(*first)),
                    (_, None) => "left".to_owned(),
                }
            }
            (Reason::AllDown(_), Taken::Whole | Taken::Fallback | Taken::ByPolicy(_), _) => {
                "taken: the last resort".to_owned()
            }
            (_, _, why) => format!("left: {}", why.unwrap_or("no address for this client")),
        }
    }

    /// Whether a pool has an available address for the client.
    fn answers_client(&self, pool: PoolId) -> bool {
        from_pool(self.model, pool, self.route, self.conditions, Lens::Real).is_some()
    }

    fn why_not_tried(&self, position: usize, used: &PoolUse) -> String {
        match (&self.choice.reason, self.taken(position)) {
            (_, Taken::No) => {}
            (Reason::Pinned(_), _) => return "taken: pinned by an override".to_owned(),
            (_, Taken::Whole | Taken::Fallback | Taken::ByPolicy(_)) => {
                return "taken: the last resort".to_owned();
            }
        }
        let matched = self.class.matches.iter().any(|matched| used.sources.contains(&matched.source));
        let sources: Vec<_> = used.sources.iter().map(|source| self.source_name(*source)).collect();
        let sources = sources.join(", ");
        if matched {
            format!("left: for {sources}, which matches less well")
        } else {
            format!("left: for {sources}")
        }
    }

    fn why_unavailable(&self, id: PoolId, pool: &Pool) -> Option<&'static str> {
        match self.conditions.pool(self.model, id) {
            PoolState::Ok | PoolState::NoMonitor | PoolState::Warning | PoolState::ForcedUp => None,
            PoolState::Down if pool.addresses.is_empty() => Some("empty"),
            PoolState::Down if self.conditions.availability(self.model, id).available == 0 => {
                Some("none available")
            }
            PoolState::Down => Some("too few available"),
            PoolState::ForcedDown => Some("forced down by an override"),
            PoolState::Disabled => Some("disabled"),
        }
    }

    fn address(
        &self,
        id: PoolId,
        position: usize,
        address: &Address,
        pool: Taken,
        answering: &[usize],
    ) -> AddressStep {
        let state = self.conditions.address(id, position, address);
        let taken = answering.contains(&position);
        let why = match (taken, self.why_left(address, state)) {
            (true, None) => self.why_answered(id, pool),
            (true, Some(why)) if pool == Taken::ByPolicy(Lens::Real) => {
                format!("answered: {why}, but the pool is forced up")
            }
            (true, Some(why)) => format!("answered: {why}, but everything is down"),
            (false, Some(why)) => why,
            (false, None) if pool != Taken::No => self.why_other(id, position, answering),
            (false, None) => String::new(),
        };
        AddressStep {
            address: address.target.to_string(),
            ordinal: address.ordinal,
            weight: (self.model.pool(id).policy == Policy::Weight).then_some(address.weight),
            state,
            health: self.conditions.health(address),
            taken,
            why,
        }
    }

    /// Why an available address of a pool that answers is in the answer.
    fn why_answered(&self, id: PoolId, pool: Taken) -> String {
        match self.model.pool(id).policy {
            _ if pool == Taken::Whole => "answered: in turn".to_owned(),
            Policy::Ordinal => "answered: the first available".to_owned(),
            Policy::NearestSource => "answered: the nearest available".to_owned(),
            Policy::RoundRobin => "answered: in turn".to_owned(),
            Policy::Weight => "answered: by weight".to_owned(),
        }
    }

    /// Why an available address of a pool that answers is not in the answer.
    fn why_other(&self, id: PoolId, position: usize, answering: &[usize]) -> String {
        let pool = self.model.pool(id);
        let first = answering.first().and_then(|first| Some((first, pool.addresses.get(*first)?)));
        match (pool.policy, first) {
            (Policy::Weight, _) => "left: weight 0".to_owned(),
            (Policy::Ordinal, Some((first, address))) if *first > position => {
                format!("left: non-preemptive, and {} is the current one", address.target)
            }
            (Policy::NearestSource, Some((_, address))) => format!("left: {} is nearer", address.target),
            (_, Some((_, address))) => format!("left: {} comes first", address.target),
            (_, None) => "left: not for this client".to_owned(),
        }
    }

    /// Why an address is not available.
    fn why_left(&self, address: &Address, state: AddressState) -> Option<String> {
        match state {
            AddressState::Good | AddressState::NoMonitor | AddressState::Online | AddressState::ForcedUp => {
                None
            }
            AddressState::Offline => Some("never answered".to_owned()),
            AddressState::ForcedDown => Some("forced down by an override".to_owned()),
            AddressState::Disabled => Some("does not count".to_owned()),
            AddressState::Failed if self.conditions.down.contains(&address.target) => {
                Some("taken to be down".to_owned())
            }
            AddressState::Failed => {
                let failed =
                    |check: &&CheckId| self.conditions.verdicts.get(check.0) != Some(&Verdict::Passing);
                let template = |check: &CheckId| {
                    let check = self.model.checks.get(check.0)?;
                    self.model.templates.get(check.template.0).map(|template| template.name.as_str())
                };
                let failed: Vec<_> = address.checks.iter().filter(failed).filter_map(template).collect();
                Some(format!("check {} failed", failed.join(", ")))
            }
        }
    }

    fn source_name(&self, source: SourceId) -> String {
        self.model.sources.get(source.0).map(|source| source.name.clone()).unwrap_or_default()
    }
}
