//! Why a client is answered what it is answered, told by the code that decides: the route, the choice and the states
//! come from the same functions as the answer table. Nothing here decides anything.

mod client;
mod steps;
#[cfg(test)]
mod tests;
mod text;

use std::net::IpAddr;

use gtm_common::wire::rtype;
use serde::Serialize;

pub use self::client::{Client, ClientError};
pub use self::steps::{AddressStep, PoolStep};
use super::answer::settled;
use super::changes;
use super::choose::{Choosing, Reason, choose};
use super::conditions::Conditions;
use super::conditions::DomainState;
use super::decider::Decider;
use super::overrides::{Object, Override};
use super::route::{best_source, route};
use super::selection::Response;
use super::table::{self, Steered};
use crate::config::Model;
use crate::config::model::{AccessDomain, DomainId, Policy};
use crate::geo::{self, Class, Databases, Partition, SourceMatch};
use crate::name::Name;
use crate::zone::lookup::{DNAME, Found, ZoneSet};
use crate::zone::text::type_name;
use crate::zone::{RecordSet, Zone};

/// What is answered from, all of one generation.
#[derive(Debug, Clone, Copy)]
pub struct Explainer<'a> {
    /// The decision, its model and its answer table.
    pub decider: &'a Decider,
    /// What the decision was compiled from.
    pub partition: &'a Partition,
    /// What the partition was compiled from.
    pub databases: &'a Databases,
    /// The zones, with the names of the enabled access domains in them.
    pub zones: &'a ZoneSet,
}

/// What a client that asks for a name and a type is answered, and why. Serialized, its keys are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// QNAME.
    pub name: Name,
    /// QTYPE by its name.
    #[serde(rename = "type")]
    pub qtype: String,
    /// Who asks.
    pub client: Client,
    /// The sources that the client belongs to, best match first; the last is `default`.
    pub matches: Vec<SourceStep>,
    /// What becomes of the question.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// That the client belongs to a source, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceStep {
    /// Name of the source.
    pub source: String,
    /// What matched, in words: `country HK`, `prefix 1.64.0.0/15`, `everyone`.
    pub by: String,
}

/// Who answers a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// An access domain.
    Steered(Box<Steering>),
    /// The zone's own records, or their absence.
    Zone(ZoneAnswer),
    /// Nobody: the name is in none of the zones.
    Refused,
}

/// The answer of an access domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Steering {
    /// Type of the access domain.
    pub steered_type: String,
    /// How one of its pools is chosen.
    pub policy: String,
    /// What it is shown as.
    pub state: DomainState,
    /// The best match of the sources that the access domain uses; none unless the policy is `nearest-source`.
    pub source: Option<SourceStep>,
    /// The pools that the client may use, in the order in which they are tried.
    pub pools: Vec<PoolStep>,
    /// The other pools of the access domain.
    pub other_pools: Vec<PoolStep>,
    /// How the answer was found: `pool`, `pinned`, `all_down` or `no_pool_for_client`.
    pub reason: &'static str,
    /// The same in words.
    pub why: String,
    /// Every address or name that answers hold; with several, `response` says how they are picked.
    pub answer: Vec<String>,
    /// What is answered, in words: also how several are picked, or the response code.
    pub response: String,
    /// What is left of it for this client, where answers depend on the client's prefix (`sticky`).
    pub for_this_client: Option<String>,
    /// The overrides that touch this access domain, its pools or their addresses.
    pub overrides: Vec<String>,
    /// Time to live of the answer in seconds.
    pub ttl: u32,
    /// Scope of the answer when the query has ECS (RFC 7871); 0 when it is the same for everyone.
    pub scope: u8,
    /// The prefix around the client for which this answer holds.
    pub holds_for: String,
}

/// The answer of a zone to a question that is not steered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZoneAnswer {
    /// Apex of the zone.
    pub zone: Name,
    /// Whether the name and type have an access domain all the same.
    pub access_domain: AccessDomainState,
    /// What the zone has: `records`, `alias`, `renamed`, `referral`, `nodata` or `nxdomain`.
    pub found: &'static str,
    /// The same in words.
    pub why: String,
    /// The records as they would stand in a zone file.
    pub records: Vec<String>,
}

/// Why a name and type are not steered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessDomainState {
    /// There is no access domain for them.
    None,
    /// There is one, and it is disabled.
    Disabled,
}

impl Explainer<'_> {
    /// Explains one answer.
    pub fn explain(&self, name: &Name, qtype: u16, client: Client) -> Explanation {
        let model = self.decider.model();
        let table = self.decider.table();
        let address = client.address();
        let located = table.location.find(address).and_then(|(class, _)| usize::try_from(class.0).ok());
        let class = located.and_then(|class| self.partition.classes.get(class));
        let facts = self.databases.facts(address);
        let tell = |matched: &SourceMatch| {
            let source = model.sources.get(matched.source.0)?;
            Some(SourceStep {
                source: source.name.clone(),
                by: geo::why(source, &facts, address, matched.by),
            })
        };
        let matches: Vec<_> = class.iter().flat_map(|class| &class.matches).filter_map(tell).collect();

        let conditions = self.decider.conditions();
        let domains = model.domains.iter().enumerate().map(|(index, domain)| (DomainId(index), domain));
        let of_question =
            domains.filter(|(_, domain)| domain.name == *name && table::answers(domain.steered, qtype));
        let domain = of_question.max_by_key(|(id, domain)| conditions.is_enabled(*id, domain.enabled));
        let steered = table.find(name, qtype, address);
        let outcome = match (domain, class, steered) {
            (Some(domain), Some(class), Some(steered)) => {
                Outcome::Steered(Box::new(self.steering(domain, class, address, &matches, &steered)))
            }
            _ => self.zones.find(name, qtype).map_or(Outcome::Refused, |zone| {
                let state =
                    if domain.is_some() { AccessDomainState::Disabled } else { AccessDomainState::None };
                Outcome::Zone(zone_answer(zone, name, qtype, state))
            }),
        };
        Explanation { name: name.clone(), qtype: type_name(qtype), client, matches, outcome }
    }

    fn steering(
        &self,
        (id, domain): (DomainId, &AccessDomain),
        class: &Class,
        client: IpAddr,
        matches: &[SourceStep],
        steered: &Steered,
    ) -> Steering {
        let (model, conditions) = (self.decider.model(), self.decider.conditions());
        let route = route(model, domain, class);
        let choice = choose(Choosing {
            model,
            conditions,
            domain: id,
            route: &route,
            last_good: self.decider.last_good(id, &route),
        });
        let source = best_source(domain, class).filter(|_| domain.policy == Policy::NearestSource);
        let source =
            source.and_then(|source| class.matches.iter().position(|matched| matched.source == source));
        let source = source.and_then(|position| matches.get(position)).cloned();
        let unforced = conditions.clone().with_overrides(model, Vec::new());
        let steps = steps::Steps {
            model,
            conditions,
            unforced: &unforced,
            domain,
            class,
            route: &route,
            choice: &choice,
        };
        let (pools, other_pools) = steps.pools();
        Steering {
            steered_type: domain.steered.to_string(),
            policy: domain.policy.to_string(),
            state: conditions.domain(model, id),
            why: why(model, domain, &choice.reason, source.as_ref()),
            source,
            reason: match choice.reason {
                Reason::Pools(_) => "pool",
                Reason::Pinned(_) => "pinned",
                Reason::AllDown(_) => "all_down",
                Reason::NoPoolForClient => "no_pool_for_client",
                Reason::Disabled => "disabled",
            },
            answer: choice.response.targets().into_iter().map(ToString::to_string).collect(),
            response: choice.response.to_string(),
            for_this_client: for_this_client(&choice.response, client),
            overrides: overrides(conditions, model, domain),
            pools,
            other_pools,
            ttl: domain.ttl,
            scope: steered.scope,
            holds_for: client::prefix_around(client, steered.scope).to_string(),
        }
    }
}

/// What is left of a response for a client, where choices by client prefix leave less.
fn for_this_client(response: &Response, client: IpAddr) -> Option<String> {
    let Response::Answer { selection, .. } = response else { return None };
    let left = settled(selection, client);
    (left != *selection).then(|| left.to_string())
}

/// The overrides that touch an access domain, the pools that may answer or their addresses, in words.
fn overrides(conditions: &Conditions, model: &Model, domain: &AccessDomain) -> Vec<String> {
    let pools = || domain.answering_pools().map(|id| model.pool(id));
    let touches = |said: &&Override| match &said.object {
        Object::Domain { name, steered } => {
            *name == domain.name.to_string() && *steered == domain.steered.to_string()
        }
        Object::Pool { name } => pools().any(|pool| pool.name == *name),
        Object::Address { pool: of, target } => pools().any(|pool| {
            of.as_ref().is_none_or(|of| *of == pool.name)
                && pool.addresses.iter().any(|address| address.target.to_string() == *target)
        }),
    };
    let told = |said: &Override| {
        format!("{}: {} by {} ({}), #{}", said.object, said.action, said.who, said.reason, said.id)
    };
    conditions.forced.list().iter().filter(touches).map(told).collect()
}

fn why(model: &Model, domain: &AccessDomain, reason: &Reason, source: Option<&SourceStep>) -> String {
    match (reason, source) {
        (Reason::NoPoolForClient, Some(SourceStep { source, .. })) => {
            format!("other pools are up, but none for {source} or default (NODATA)")
        }
        (Reason::NoPoolForClient, None) => "no pool is for this client (NODATA)".to_owned(),
        (Reason::Pools(_) | Reason::Pinned(_) | Reason::AllDown(_) | Reason::Disabled, _) => {
            changes::why(model, domain, reason)
        }
    }
}

fn zone_answer(zone: &Zone, name: &Name, qtype: u16, access_domain: AccessDomainState) -> ZoneAnswer {
    let own = |rtype, set: &RecordSet| set.to_lines(name, rtype);
    let (found, why, records) = match zone.find(name, qtype) {
        Found::Records { rtype, set } => {
            ("records", "the zone's own records answer".to_owned(), own(rtype, set))
        }
        Found::Alias(set) => {
            ("alias", "the zone has an alias at this name".to_owned(), own(rtype::CNAME, set))
        }
        Found::Renamed { owner, set } => {
            ("renamed", format!("{owner} renames all names below it"), set.to_lines(&owner, DNAME))
        }
        Found::Referral { cut, servers } => {
            ("referral", format!("{cut} is delegated to other servers"), servers.to_lines(&cut, rtype::NS))
        }
        Found::NoData => {
            ("nodata", format!("the name has no records of type {} (NODATA)", type_name(qtype)), Vec::new())
        }
        Found::NxDomain => ("nxdomain", "the name does not exist (NXDOMAIN)".to_owned(), Vec::new()),
    };
    ZoneAnswer { zone: zone.origin.clone(), access_domain, found, why, records }
}
