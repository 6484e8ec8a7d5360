//! What happens to the service, by name: a step means the same whatever went before it.

use std::fmt;
use std::sync::Arc;

use gtm_tests::Random;
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{AccessDomain, AllDownAction, Check, Policy, PoolId, Verdict};
use gtm_userspace::decision::overrides::{Action, Object, Override};

use crate::configurations;
use crate::reference::{CheckName, Reference, domain_name};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// These checks, one after the other, get this verdict.
    Verdicts(Vec<CheckName>, Verdict),
    /// An operator sets an override.
    Override(Override),
    /// The override of this id is undone.
    Undo(u64),
    /// An operator lets a non-preemptive level return.
    ReturnNow(Object),
    /// The daemon ends and starts again.
    Restart,
    /// The configuration of this number is loaded.
    Reload(usize),
}

/// Most overrides that hold at a time: with more, little else has a say.
const MOST_OVERRIDES: usize = 6;

/// The focus changes once in so many steps about it.
const FOCUSED: usize = 15;

/// A check by target and template.
pub(crate) fn check_name(model: &Model, check: &Check) -> CheckName {
    (check.target.to_string(), model.template(check.template).name.clone())
}

impl Step {
    /// True for what loads the program anew.
    pub(crate) fn is_new_generation(&self) -> bool {
        matches!(self, Self::Restart | Self::Reload(_))
    }

    /// What it counts as, when it is seen to that every kind of step is met.
    pub(crate) fn kind(&self) -> String {
        let of_object = |object: &Object| match object {
            Object::Address { pool: Some(_), .. } => "an address of one pool",
            Object::Address { pool: None, .. } => "an address",
            Object::Pool { .. } => "a pool",
            Object::Domain { .. } => "an access domain",
        };
        match self {
            Self::Verdicts(_, Verdict::Passing) => "pass".to_owned(),
            Self::Verdicts(_, Verdict::Failed) => "fail".to_owned(),
            Self::Override(Override { object, action: Action::Pin { .. }, .. }) => {
                format!("pin {}", of_object(object))
            }
            Self::Override(Override { object, action, .. }) => format!("{action} {}", of_object(object)),
            Self::Undo(_) => "undo".to_owned(),
            Self::ReturnNow(object) => format!("return {}", of_object(object)),
            Self::Restart => "restart".to_owned(),
            Self::Reload(number) => format!("reload {}", configurations::FILES[*number]),
        }
    }

    /// The same as steps of one check each.
    pub(crate) fn parts(&self) -> Vec<Self> {
        match self {
            Self::Verdicts(checks, verdict) => {
                checks.iter().map(|check| Self::Verdicts(vec![check.clone()], *verdict)).collect()
            }
            Self::Override(_) | Self::Undo(_) | Self::ReturnNow(_) | Self::Restart | Self::Reload(_) => {
                vec![self.clone()]
            }
        }
    }
}

/// Draws steps.
pub(crate) struct Dealer {
    pub(crate) random: Random,
    /// The overrides that are still to come before all have come once more.
    deck: Vec<(About, Action)>,
    /// The access domain that most steps are about for a while, so that they have to do with each other.
    focus: String,
}

/// What an override is about.
#[derive(Debug, Clone, Copy)]
enum About {
    /// An address in all pools.
    Address,
    /// An address in one pool.
    AddressOfPool,
    /// A pool.
    Pool,
    /// An access domain; the pool that it is pinned to is chosen with it.
    Domain,
}

impl Dealer {
    pub(crate) fn new(random: Random) -> Self {
        Self { random, deck: Vec::new(), focus: String::new() }
    }

    /// Draws the next step; an override gets this id.
    pub(crate) fn draw(&mut self, reference: &Reference, all: &[Arc<Model>], id: u64) -> Step {
        let model = reference.model();
        match self.random.below(100) {
            0..=3 => Step::Restart,
            4..=8 => Step::Reload(self.random.below(all.len())),
            9..=12 => Step::ReturnNow(self.returning(model)),
            13..=30 if reference.overrides.len() < MOST_OVERRIDES => {
                // Also of what only another configuration has.
                let other = self.random.pick(all);
                let model = if self.random.one_in(6) { other } else { model };
                Step::Override(self.said(model, id))
            }
            13..=40 if !reference.overrides.is_empty() => {
                Step::Undo(self.random.pick(&reference.overrides).id)
            }
            41..=54 => {
                // A whole access domain goes down or comes up.
                let domain = self.domain(model);
                let pools: Vec<PoolId> = domain.pools.iter().map(|used| used.pool).collect();
                let verdict = if self.random.one_in(4) { Verdict::Passing } else { Verdict::Failed };
                Step::Verdicts(shuffled(&mut self.random, checks_of(model, &pools)), verdict)
            }
            55..=63 => {
                let pools = answering_pools(self.domain(model));
                let pool = *self.random.pick(&pools);
                let verdict = if self.random.one_in(3) { Verdict::Passing } else { Verdict::Failed };
                Step::Verdicts(shuffled(&mut self.random, checks_of(model, &[pool])), verdict)
            }
            _ => {
                let checks = checks_of(model, &answering_pools(self.domain(model)));
                let known = reference.checks();
                let (check, verdict) = match checks.as_slice() {
                    [] => self.random.pick(&known).clone(),
                    checks => {
                        let check = self.random.pick(checks).clone();
                        known.into_iter().find(|(known, _)| *known == check).unwrap()
                    }
                };
                let other = if verdict == Verdict::Passing { Verdict::Failed } else { Verdict::Passing };
                Step::Verdicts(vec![check], other)
            }
        }
    }

    /// An access domain: mostly that in focus.
    fn domain<'m>(&mut self, model: &'m Model) -> &'m AccessDomain {
        let any = self.random.pick(&model.domains);
        let focus = model.domains.iter().find(|domain| domain_name(domain) == self.focus);
        match focus {
            Some(focus) if self.random.one_in(FOCUSED) => {
                self.focus = domain_name(any);
                focus
            }
            Some(focus) if !self.random.one_in(3) => focus,
            Some(_) => any,
            None => {
                self.focus = domain_name(any);
                any
            }
        }
    }

    fn returning(&mut self, model: &Model) -> Object {
        let domain = self.domain(model);
        if self.random.one_in(2) {
            return domain_object(domain);
        }
        let pools = answering_pools(domain);
        Object::Pool { name: model.pool(*self.random.pick(&pools)).name.clone() }
    }

    fn said(&mut self, model: &Model, id: u64) -> Override {
        if self.deck.is_empty() {
            self.deck = shuffled(&mut self.random, deck());
        }
        let (about, action) = self.deck.pop().unwrap();
        let domain = self.domain(model);
        let random = &mut self.random;
        // Weights are taken away where they count.
        let counts = |policy| action != Action::Drain || policy == Policy::Weight;
        let domains: Vec<_> = model.domains.iter().filter(|domain| counts(domain.policy)).collect();
        let domain = if counts(domain.policy) { domain } else { *random.pick(&domains) };
        let own = model.pool(random.pick(&domain.pools).pool);
        let pools: Vec<_> = model.pools.iter().filter(|pool| counts(pool.policy)).collect();
        let any = *random.pick(&pools);
        let pool = if counts(own.policy) { own } else { any };
        let target = random.pick(&pool.addresses).target.to_string();
        let (object, action) = match (about, action) {
            (About::Address, action) => (Object::Address { pool: None, target }, action),
            (About::AddressOfPool, action) => {
                (Object::Address { pool: Some(pool.name.clone()), target }, action)
            }
            (About::Pool, action) => (Object::Pool { name: own.name.clone() }, action),
            (About::Domain, Action::Pin { .. }) => {
                (domain_object(domain), Action::Pin { pool: own.name.clone() })
            }
            (About::Domain, action) => (domain_object(domain), action),
        };
        let (who, reason) = ("model".to_owned(), "test".to_owned());
        Override { id, object, action, who, reason, created: 0, expires: None }
    }
}

/// Every kind of override.
fn deck() -> Vec<(About, Action)> {
    let any = [Action::Up, Action::Down, Action::Enable, Action::Disable, Action::Drain];
    let mut deck: Vec<(About, Action)> = [About::Address, About::AddressOfPool, About::Pool]
        .into_iter()
        .flat_map(|about| any.clone().map(|action| (about, action)))
        .collect();
    let pin = || Action::Pin { pool: String::new() };
    deck.extend([Action::Enable, Action::Disable, pin(), pin()].map(|action| (About::Domain, action)));
    deck
}

fn checks_of(model: &Model, pools: &[PoolId]) -> Vec<CheckName> {
    let addresses = pools.iter().flat_map(|id| &model.pool(*id).addresses);
    let mut checks: Vec<CheckName> = addresses
        .flat_map(|address| address.checks.iter().map(|check| check_name(model, &model.checks[check.0])))
        .collect();
    checks.sort();
    checks.dedup();
    checks
}

fn shuffled<T>(random: &mut Random, mut list: Vec<T>) -> Vec<T> {
    for end in (1..list.len()).rev() {
        list.swap(end, random.below(end + 1));
    }
    list
}

fn domain_object(domain: &AccessDomain) -> Object {
    Object::Domain { name: domain.name.to_string(), steered: domain.steered.to_string() }
}

/// The pools of an access domain, and its fallback pool.
fn answering_pools(domain: &AccessDomain) -> Vec<PoolId> {
    let mut pools: Vec<PoolId> = domain.pools.iter().map(|used| used.pool).collect();
    if let AllDownAction::Pool(pool) = domain.all_down {
        pools.push(pool);
    }
    pools
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdicts(checks, verdict) => {
                let checks: Vec<String> =
                    checks.iter().map(|(target, template)| format!("{target} {template}")).collect();
                let verdict = if *verdict == Verdict::Passing { "pass" } else { "fail" };
                write!(f, "{verdict}: {}", checks.join(", "))
            }
            Self::Override(said) => write!(f, "override #{} of {}: {}", said.id, said.object, said.action),
            Self::Undo(id) => write!(f, "undo #{id}"),
            Self::ReturnNow(object) => write!(f, "return now: {object}"),
            Self::Restart => f.write_str("restart"),
            Self::Reload(number) => write!(f, "reload: {}", configurations::FILES[*number]),
        }
    }
}
