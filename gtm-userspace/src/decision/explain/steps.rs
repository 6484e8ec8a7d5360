//! The pools and addresses of an access domain, each with its state and why it was taken or left.

use serde::Serialize;

use crate::config::Model;
use crate::config::model::{AccessDomain, Address, CheckId, Pool, PoolUse, SourceId, Verdict};
use crate::decision::choose::{Choice, Reason};
use crate::decision::conditions::{AddressState, Conditions, PoolState};
use crate::decision::route::Route;
use crate::geo::Class;

/// A pool that was considered, or that is not for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolStep {
    /// Name of the pool.
    pub pool: String,
    /// Its ordinal in the access domain.
    pub ordinal: u32,
    /// The source that brought the client to it; none with policy `ordinal`, and for a pool that is not for the client.
    pub source: Option<String>,
    /// What it is shown as.
    pub state: PoolState,
    /// Whether the answer is from it.
    pub taken: bool,
    /// Why it was taken or left.
    pub why: String,
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
    /// What it is shown as.
    pub state: AddressState,
    /// Whether it is in the answer.
    pub taken: bool,
    /// Why it is in the answer or not; empty for an available one of a pool that was left.
    pub why: String,
}

/// What the steps are told from.
pub(super) struct Steps<'a> {
    pub(super) model: &'a Model,
    pub(super) conditions: &'a Conditions,
    pub(super) domain: &'a AccessDomain,
    pub(super) class: &'a Class,
    pub(super) route: &'a Route,
    pub(super) choice: &'a Choice,
    /// How many of the chosen targets fit the answer.
    pub(super) answered: usize,
}

impl Steps<'_> {
    /// The pools of the route in its order, and all others by ordinal.
    pub(super) fn pools(&self) -> (Vec<PoolStep>, Vec<PoolStep>) {
        let stops = &self.route.stops;
        let tried = stops
            .iter()
            .filter_map(|(position, source)| Some((*position, self.domain.pools.get(*position)?, *source)));
        let on_route = |position| stops.iter().any(|(stop, _)| *stop == position);
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
        let taken = self.taken() == Some(position);
        PoolStep {
            pool: pool.name.clone(),
            ordinal: used.ordinal,
            source: source.map(|source| self.source_name(source)),
            state: self.conditions.pool(pool),
            taken,
            why,
            addresses: pool.addresses.iter().map(|address| self.address(address, taken)).collect(),
        }
    }

    /// The pool that the answer is from.
    fn taken(&self) -> Option<usize> {
        match self.choice.reason {
            Reason::Pool(position) | Reason::AllDown(position) => Some(position),
            Reason::AllDownEmpty | Reason::NoPoolForClient => None,
        }
    }

    fn why_tried(&self, position: usize, used: &PoolUse) -> String {
        let pool = self.model.pool(used.pool);
        match (self.choice.reason, self.why_unavailable(pool)) {
            (Reason::Pool(taken), None) if taken == position => "taken: the first available".to_owned(),
            (Reason::Pool(taken), None) => {
                let taken = self.domain.pools.get(taken).map_or("", |used| &self.model.pool(used.pool).name);
                format!("left: {taken} comes first")
            }
            (Reason::AllDown(taken), _) if taken == position => "taken: the last resort".to_owned(),
            (_, why) => format!("left: {}", why.unwrap_or("available")),
        }
    }

    fn why_not_tried(&self, position: usize, used: &PoolUse) -> String {
        if self.taken() == Some(position) {
            return "taken: the last resort".to_owned();
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

    fn why_unavailable(&self, pool: &Pool) -> Option<&'static str> {
        match self.conditions.pool(pool) {
            PoolState::Ok | PoolState::Warning => None,
            PoolState::Down if pool.addresses.is_empty() => Some("empty"),
            PoolState::Down => Some("none available"),
            PoolState::Disabled => Some("disabled"),
        }
    }

    fn address(&self, address: &Address, pool_taken: bool) -> AddressStep {
        let state = self.conditions.address(address);
        let chosen = self
            .choice
            .response
            .targets()
            .into_iter()
            .position(|target| pool_taken && *target == address.target);
        let taken = chosen.is_some_and(|position| position < self.answered);
        let why = match (chosen, self.why_left(address, state)) {
            (Some(_), _) if !taken => "left: one alias is an answer".to_owned(),
            (Some(_), None) => "answered: the first available".to_owned(),
            (Some(_), Some(why)) => format!("answered: {why}, but everything is down"),
            (None, Some(why)) => why,
            (None, None) if pool_taken => {
                let first =
                    self.choice.response.targets().first().map(ToString::to_string).unwrap_or_default();
                format!("left: {first} comes first")
            }
            (None, None) => String::new(),
        };
        AddressStep { address: address.target.to_string(), ordinal: address.ordinal, state, taken, why }
    }

    /// Why an address is not available.
    fn why_left(&self, address: &Address, state: AddressState) -> Option<String> {
        match state {
            AddressState::Good | AddressState::NoMonitor | AddressState::Online => None,
            AddressState::Offline => Some("never answered".to_owned()),
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
