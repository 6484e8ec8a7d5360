//! What happens to the service, by name: a step means the same whatever went before it.

use std::fmt;
use std::sync::Arc;

use gtm_tests::Random;
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{AccessDomain, Check, PoolId, Verdict};
use gtm_userspace::decision::overrides::{Action, Object, Override};

use crate::configurations;
use crate::reference::{CheckName, Reference};

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

/// A check by target and template.
pub(crate) fn check_name(model: &Model, check: &Check) -> CheckName {
    (check.target.to_string(), model.template(check.template).name.clone())
}

impl Step {
    /// True for what loads the program anew.
    pub(crate) fn is_new_generation(&self) -> bool {
        matches!(self, Self::Restart | Self::Reload(_))
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

/// Draws the next step.
pub(crate) fn draw(random: &mut Random, reference: &Reference, all: &[Arc<Model>], id: u64) -> Step {
    match random.below(100) {
        0..=3 => Step::Restart,
        4..=9 => Step::Reload(random.below(all.len())),
        10..=13 => Step::ReturnNow(returning(random, reference.model())),
        14..=33 if reference.overrides.len() < MOST_OVERRIDES => {
            // Also of what only another configuration has.
            let other = random.pick(all);
            let model = if random.one_in(6) { other } else { reference.model() };
            Step::Override(said(random, model, id))
        }
        14..=43 if !reference.overrides.is_empty() => {
            let ids: Vec<u64> = reference.overrides.keys().copied().collect();
            Step::Undo(*random.pick(&ids))
        }
        44..=58 => {
            // A whole access domain goes down or comes up.
            let domain = random.pick(&reference.model().domains);
            let pools: Vec<PoolId> = domain.pools.iter().map(|used| used.pool).collect();
            let verdict = if random.one_in(3) { Verdict::Passing } else { Verdict::Failed };
            Step::Verdicts(shuffled(random, checks_of(reference.model(), &pools)), verdict)
        }
        59..=65 => {
            let pool = random.below(reference.model().pools.len());
            let verdict = if random.one_in(2) { Verdict::Passing } else { Verdict::Failed };
            Step::Verdicts(shuffled(random, checks_of(reference.model(), &[PoolId(pool)])), verdict)
        }
        _ => {
            let (check, verdict) = random.pick(&reference.checks()).clone();
            let other = if verdict == Verdict::Passing { Verdict::Failed } else { Verdict::Passing };
            Step::Verdicts(vec![check], other)
        }
    }
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

fn shuffled(random: &mut Random, mut list: Vec<CheckName>) -> Vec<CheckName> {
    for end in (1..list.len()).rev() {
        list.swap(end, random.below(end + 1));
    }
    list
}

fn domain_object(domain: &AccessDomain) -> Object {
    Object::Domain { name: domain.name.to_string(), steered: domain.steered.to_string() }
}

fn returning(random: &mut Random, model: &Model) -> Object {
    if random.one_in(2) {
        return domain_object(random.pick(&model.domains));
    }
    Object::Pool { name: random.pick(&model.pools).name.clone() }
}

fn said(random: &mut Random, model: &Model, id: u64) -> Override {
    let any = [Action::Up, Action::Down, Action::Enable, Action::Disable, Action::Drain];
    let pool = random.pick(&model.pools);
    let (object, action) = match random.below(5) {
        0 | 1 => {
            let target = random.pick(&pool.addresses).target.to_string();
            let pool = random.one_in(2).then(|| pool.name.clone());
            (Object::Address { pool, target }, random.pick(&any).clone())
        }
        2 | 3 => (Object::Pool { name: pool.name.clone() }, random.pick(&any).clone()),
        _ => {
            let domain = random.pick(&model.domains);
            let pool = model.pool(random.pick(&domain.pools).pool).name.clone();
            let actions =
                [Action::Enable, Action::Disable, Action::Pin { pool: pool.clone() }, Action::Pin { pool }];
            (domain_object(domain), random.pick(&actions).clone())
        }
    };
    let (who, reason) = ("model".to_owned(), "test".to_owned());
    Override { id, object, action, who, reason, created: 0, expires: None }
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
