//! Which objects of a model a pattern of an operator names.
//!
//! A pattern is a name, or one with `*` (any characters) and `?` (one character):
//!
//! | kind    | matched against                                                                           |
//! |---------|-------------------------------------------------------------------------------------------|
//! | address | the address or domain name, in all pools as one; with a slash `POOL/ADDRESS`, each for itself |
//! | pool    | its name                                                                                  |
//! | domain  | the owner name, of whatever type; with a slash `NAME/TYPE`                                |
//!
//! A pattern that is some name to the letter means only that one, also when it holds a `*`. Without a kind it is tried
//! against all that can be meant, and must match objects of one kind.

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

pub use error::PatternError;

use super::overrides::{Action, Object};
use crate::config::model::{AccessDomain, Policy, Pool};
use crate::config::{Model, suggestion};

/// A kind of objects that can be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Addresses and names in pools.
    Address,
    /// Pools.
    Pool,
    /// Access domains.
    Domain,
}

impl Action {
    /// What it can be said of.
    pub fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::Up | Self::Down | Self::Drain => &[Kind::Address, Kind::Pool],
            Self::Enable | Self::Disable => &[Kind::Address, Kind::Pool, Kind::Domain],
            Self::Pin { .. } => &[Kind::Domain],
        }
    }

    /// The verb alone.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Drain => "drain",
            Self::Pin { .. } => "pin",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Pool => "pool",
            Self::Domain => "domain",
        })
    }
}

/// The objects that an override with this pattern is about; at least one, in the order of the model.
pub fn overridden(
    model: &Model,
    pattern: &str,
    kind: Option<Kind>,
    action: &Action,
) -> Result<Vec<Object>, PatternError> {
    let kinds = kinds(kind, action.kinds(), action.verb())?;
    let found = of_one_kind(pattern, search(model, pattern, kinds)?)?;
    found.iter().try_for_each(|object| check(model, object, action))?;
    Ok(found)
}

/// The pools and access domains that "return now" with this pattern is about: those that are not preemptive; at least
/// one.
pub fn returning(model: &Model, pattern: &str, kind: Option<Kind>) -> Result<Vec<Object>, PatternError> {
    let kinds = kinds(kind, &[Kind::Pool, Kind::Domain], "return")?;
    let found = search(model, pattern, kinds)?;
    let first = found.iter().flat_map(|(_, objects)| objects).next().cloned();
    let staying: Vec<_> = found
        .into_iter()
        .map(|(kind, objects)| (kind, objects.into_iter().filter(|object| stays(model, object)).collect()))
        .filter(|(_, objects): &(Kind, Vec<Object>)| !objects.is_empty())
        .collect();
    match first {
        Some(object) if staying.is_empty() => Err(PatternError::Preemptive { object }),
        _ => of_one_kind(pattern, staying),
    }
}

fn kinds(
    asked: Option<Kind>,
    possible: &'static [Kind],
    verb: &'static str,
) -> Result<&'static [Kind], PatternError> {
    let Some(asked) = asked else { return Ok(possible) };
    match possible.iter().position(|kind| *kind == asked) {
        Some(position) => Ok(possible.get(position..=position).unwrap_or_default()),
        None => Err(PatternError::WrongKind { verb, asked, possible }),
    }
}

/// What matches, by kind; at least one object.
fn search(model: &Model, pattern: &str, kinds: &[Kind]) -> Result<Vec<(Kind, Vec<Object>)>, PatternError> {
    let found: Vec<_> = kinds
        .iter()
        .map(|kind| (*kind, matching(*kind, pattern, candidates(model, *kind, pattern.contains('/')))))
        .filter(|(_, objects)| !objects.is_empty())
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let known = kinds.iter().flat_map(|kind| candidates(model, *kind, pattern.contains('/')));
    let known: BTreeSet<String> = known.map(|candidate| candidate.text).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(PatternError::NoMatch {
        pattern: pattern.to_owned(),
        kinds: kinds.to_vec(),
        suggestion: suggestion(pattern, &known),
    })
}

fn of_one_kind(pattern: &str, mut found: Vec<(Kind, Vec<Object>)>) -> Result<Vec<Object>, PatternError> {
    if found.len() > 1 {
        let found = found.into_iter().map(|(kind, objects)| (kind, objects.len())).collect();
        return Err(PatternError::SeveralKinds { pattern: pattern.to_owned(), found });
    }
    Ok(found.pop().map(|(_, objects)| objects).unwrap_or_default())
}

/// An object and what a pattern is held against.
struct Candidate {
    text: String,
    object: Object,
}

/// All objects of a kind; `slashed` when the pattern has a slash.
fn candidates(model: &Model, kind: Kind, slashed: bool) -> Vec<Candidate> {
    match kind {
        Kind::Address if slashed => {
            let of_pool = |pool: &Pool| {
                let name = pool.name.clone();
                let targets: Vec<String> =
                    pool.addresses.iter().map(|address| address.target.to_string()).collect();
                targets.into_iter().map(move |target| Candidate {
                    text: format!("{name}/{target}"),
                    object: Object::Address { pool: Some(name.clone()), target },
                })
            };
            model.pools.iter().flat_map(of_pool).collect()
        }
        Kind::Address => {
            let mut seen = BTreeSet::new();
            let addresses = model.pools.iter().flat_map(|pool| &pool.addresses);
            let distinct = addresses.filter(|address| seen.insert(&address.target));
            let candidate = |target: String| Candidate {
                text: target.clone(),
                object: Object::Address { pool: None, target },
            };
            distinct.map(|address| candidate(address.target.to_string())).collect()
        }
        Kind::Pool => {
            let object = |name: &String| Object::Pool { name: name.clone() };
            let candidate = |pool: &Pool| Candidate { text: pool.name.clone(), object: object(&pool.name) };
            model.pools.iter().map(candidate).collect()
        }
        Kind::Domain => {
            let candidate = |domain: &AccessDomain| {
                let (name, steered) = (domain.name.to_string(), domain.steered.to_string());
                let text = if slashed { format!("{name}/{steered}") } else { name.clone() };
                Candidate { text, object: Object::Domain { name, steered } }
            };
            model.domains.iter().map(candidate).collect()
        }
    }
}

/// Those that the pattern is, to the letter; when there are none, those that it matches.
fn matching(kind: Kind, pattern: &str, candidates: Vec<Candidate>) -> Vec<Object> {
    let pattern = normal(kind, pattern);
    let is_exact = candidates.iter().any(|candidate| candidate.text == pattern);
    let glob = WildMatch::new(&pattern);
    let matches = |text: &str| if is_exact { text == pattern } else { glob.matches(text) };
    candidates
        .into_iter()
        .filter(|candidate| matches(&candidate.text))
        .map(|candidate| candidate.object)
        .collect()
}

/// A pattern as the candidates of its kind are written: names in lower case without the final dot, IPv6 addresses in
/// their shortest form, types in upper case. The names of pools are as they are.
fn normal(kind: Kind, pattern: &str) -> String {
    match (kind, pattern.split_once('/')) {
        (Kind::Pool, _) => pattern.to_owned(),
        (Kind::Address, Some((pool, target))) => format!("{pool}/{}", normal_target(target)),
        (Kind::Domain, Some((name, steered))) => {
            format!("{}/{}", normal_target(name), steered.to_ascii_uppercase())
        }
        (Kind::Address | Kind::Domain, None) => normal_target(pattern),
    }
}

fn normal_target(text: &str) -> String {
    if let Ok(address) = text.parse::<IpAddr>() {
        return address.to_string();
    }
    let lower = text.to_lowercase();
    match lower.strip_suffix('.') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        _ => lower,
    }
}

/// The override would make a difference.
fn check(model: &Model, object: &Object, action: &Action) -> Result<(), PatternError> {
    match (action, object) {
        (Action::Drain, Object::Address { pool, target }) => {
            let used = |candidate: &&Pool| {
                pool.as_ref().is_none_or(|pool| candidate.name == *pool)
                    && candidate.addresses.iter().any(|address| address.target.to_string() == *target)
            };
            let pools: Vec<&Pool> = model.pools.iter().filter(used).collect();
            notices(object, pools.iter().map(|pool| (pool.name.clone(), pool.policy)))
        }
        (Action::Drain, Object::Pool { name }) => {
            let domains = model
                .domains
                .iter()
                .filter(|domain| domain.pools.iter().any(|used| model.pool(used.pool).name == *name));
            let shown =
                |domain: &AccessDomain| (format!("{} {}", domain.name, domain.steered), domain.policy);
            notices(object, domains.map(shown))
        }
        (Action::Pin { pool }, Object::Domain { name, steered }) => {
            let is_asked = |domain: &&AccessDomain| {
                domain.name.to_string() == *name && domain.steered.to_string() == *steered
            };
            let domain = model.domains.iter().find(is_asked);
            let own: Vec<&str> = domain
                .iter()
                .flat_map(|domain| &domain.pools)
                .map(|used| model.pool(used.pool).name.as_str())
                .collect();
            if own.contains(&pool.as_str()) {
                return Ok(());
            }
            let exists = model.pools.iter().any(|known| known.name == *pool);
            let (pool, suggestion) = (pool.clone(), suggestion(pool, &own));
            Err(if exists {
                PatternError::NotItsPool { pool, object: object.clone(), suggestion }
            } else {
                PatternError::NoSuchPool { pool, suggestion }
            })
        }
        (
            Action::Up | Action::Down | Action::Enable | Action::Disable | Action::Drain | Action::Pin { .. },
            _,
        ) => Ok(()),
    }
}

/// One of those that use the object chooses by weight.
fn notices(object: &Object, users: impl Iterator<Item = (String, Policy)>) -> Result<(), PatternError> {
    let users: Vec<_> = users.collect();
    if users.iter().any(|(_, policy)| *policy == Policy::Weight) {
        return Ok(());
    }
    Err(PatternError::Unnoticed {
        object: object.clone(),
        users: users.iter().map(|(name, policy)| format!("{name}: {policy}")).collect(),
    })
}

/// Stays on its current member although one with a smaller ordinal is available.
fn stays(model: &Model, object: &Object) -> bool {
    match object {
        Object::Address { .. } => false,
        Object::Pool { name } => model.pools.iter().any(|pool| pool.name == *name && pool.stays()),
        Object::Domain { name, steered } => model.domains.iter().any(|domain| {
            domain.name.to_string() == *name && domain.steered.to_string() == *steered && domain.stays()
        }),
    }
}
