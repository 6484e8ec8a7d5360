//! The plain reference: what the semantics say, written once more, without a thought of speed, and without any of the code
//! that decides. It takes the configuration as data and keeps the state of the world by itself, by name.

mod answer;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use gtm_userspace::config::Model;
use gtm_userspace::config::model::{
    AccessDomain, AllDownAction, Check, Initial, Policy, Preemption, SourceId, Verdict,
};
use gtm_userspace::decision::overrides::{Action, Object, Override};

use crate::expected::Expected;
use crate::step::{Step, check_name};

/// A target and the name of a template.
pub(crate) type CheckName = (String, String);

/// The state of the world, and what follows from it.
pub(crate) struct Reference {
    configurations: Vec<Arc<Model>>,
    model: Arc<Model>,
    /// Whose last good answers are kept: everyone who is ever asked for.
    clients: BTreeSet<IpAddr>,
    /// By check of the configuration that holds.
    verdicts: Vec<Verdict>,
    /// The later ones last.
    pub(crate) overrides: Vec<Override>,
    /// The current member of each non-preemptive level.
    positions: BTreeMap<Level, String>,
    /// Of each access domain that falls back to its last good answer: what leads to different ones, and a client of each.
    ways: BTreeMap<String, (usize, IpAddr)>,
    /// The last good answers of access domains that fall back to them, by what leads there.
    last_good: BTreeMap<String, Expected>,
}

/// A level that may be non-preemptive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The addresses of a pool.
    Pool(String),
    /// The pools of an access domain, or those of one source.
    Domain(String, Option<String>),
}

/// Owner name and type: what an access domain is known by in every configuration.
pub(crate) fn domain_name(domain: &AccessDomain) -> String {
    format!("{} {}", domain.name, domain.steered)
}

impl Reference {
    /// The first configuration at the start, seen from these clients.
    pub(crate) fn new(configurations: &[Arc<Model>], clients: BTreeSet<IpAddr>) -> Self {
        let mut reference = Self {
            model: Arc::clone(&configurations[0]),
            configurations: configurations.to_vec(),
            clients,
            verdicts: Vec::new(),
            overrides: Vec::new(),
            positions: BTreeMap::new(),
            ways: BTreeMap::new(),
            last_good: BTreeMap::new(),
        };
        reference.take_over(0);
        reference
    }

    /// The configuration that holds.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Every check and its verdict.
    pub(crate) fn checks(&self) -> Vec<(CheckName, Verdict)> {
        let names = self.model.checks.iter().map(|check| check_name(&self.model, check));
        names.zip(self.verdicts.iter().copied()).collect()
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Verdicts(checks, verdict) => {
                for check in checks {
                    if let Some(index) = self.checks().iter().position(|(name, _)| name == check) {
                        self.verdicts[index] = *verdict;
                        self.settle();
                    }
                }
            }
            Step::Override(said) => {
                self.overrides.retain(|other| {
                    other.object != said.object || aspect(&other.action) != aspect(&said.action)
                });
                self.overrides.push(said.clone());
                self.settle();
            }
            Step::Undo(id) => {
                self.overrides.retain(|said| said.id != *id);
                self.settle();
            }
            Step::ReturnNow(object) => {
                self.positions.retain(|level, _| match (level, object) {
                    (Level::Pool(pool), Object::Pool { name }) => pool != name,
                    (Level::Domain(domain, _), Object::Domain { name, steered }) => {
                        *domain != format!("{name} {steered}")
                    }
                    _ => true,
                });
                self.settle();
            }
            // Everything that it knows survives.
            Step::Restart => self.settle(),
            Step::Reload(configuration) => self.take_over(*configuration),
        }
    }

    /// A check that is new begins as its template says; what is no more is forgotten.
    fn take_over(&mut self, configuration: usize) {
        let model = Arc::clone(&self.configurations[configuration]);
        let before: BTreeMap<CheckName, Verdict> = self.checks().into_iter().collect();
        let verdict = |check: &Check| {
            let initial = match model.template(check.template).initial {
                Initial::Up | Initial::Last => Verdict::Passing,
                Initial::Down => Verdict::Failed,
            };
            before.get(&check_name(&model, check)).copied().unwrap_or(initial)
        };
        self.verdicts = model.checks.iter().map(verdict).collect();
        self.model = model;
        self.ways = self.ways();
        self.last_good.retain(|way, _| self.ways.contains_key(way));
        self.settle();
    }

    /// Moves the non-preemptive levels on, and then remembers what is answered.
    fn settle(&mut self) {
        let before = std::mem::take(&mut self.positions);
        for (level, available) in self.levels() {
            let current = before.get(&level).filter(|current| available.contains(current));
            // The current one stays until it fails; then the smallest available is taken.
            if let Some(position) = current.or(available.first()) {
                self.positions.insert(level, position.clone());
            }
        }
        for (way, (index, client)) in &self.ways {
            if let (answer, true) = self.answer(&self.model.domains[*index], *client) {
                self.last_good.insert(way.clone(), answer);
            }
        }
    }

    /// Every non-preemptive level, and the names of its available members, smallest ordinal first.
    fn levels(&self) -> Vec<(Level, Vec<String>)> {
        let mut levels = Vec::new();
        let pools = self.model.pools.iter();
        for pool in pools
            .filter(|pool| pool.policy == Policy::Ordinal && pool.preemption == Preemption::NonPreemptive)
        {
            let available = pool.addresses.iter().filter(|address| self.is_available(pool, address));
            let names = available.map(|address| address.target.to_string()).collect();
            levels.push((Level::Pool(pool.name.clone()), names));
        }
        let domains = self.model.domains.iter();
        for domain in domains.filter(|domain| domain.preemption == Preemption::NonPreemptive) {
            let sources: BTreeSet<Option<SourceId>> = match domain.policy {
                Policy::NearestSource => {
                    domain.pools.iter().flat_map(|used| &used.sources).copied().map(Some).collect()
                }
                Policy::Ordinal | Policy::RoundRobin | Policy::Weight => BTreeSet::from([None]),
            };
            for source in sources {
                let pools = domain.pools.iter().filter(|used| {
                    source.is_none_or(|source| used.sources.contains(&source))
                        && self.pool_is_available(used.pool)
                });
                let names = pools.map(|used| self.model.pool(used.pool).name.clone()).collect();
                levels.push((self.domain_level(domain, source), names));
            }
        }
        levels
    }

    fn domain_level(&self, domain: &AccessDomain, source: Option<SourceId>) -> Level {
        Level::Domain(domain_name(domain), source.map(|source| self.model.sources[source.0].name.clone()))
    }

    /// For every access domain that falls back to its last good answer: the pools and addresses that some client may use,
    /// by name. What was answered on the way is kept as long as the way is there.
    fn ways(&self) -> BTreeMap<String, (usize, IpAddr)> {
        let domains = self.model.domains.iter().enumerate();
        let falling = domains.filter(|(_, domain)| domain.all_down == AllDownAction::LastGood);
        falling
            .flat_map(|(index, domain)| {
                self.clients.iter().map(move |client| (self.way(domain, *client), (index, *client)))
            })
            .collect()
    }

    fn way(&self, domain: &AccessDomain, client: IpAddr) -> String {
        let mut way = vec![domain_name(domain)];
        for (source, positions) in self.groups(domain, client) {
            let source = source.map_or("anyone", |source| &self.model.sources[source.0].name);
            let name = |at: usize| &self.model.pool(domain.pools[at].pool).name;
            way.extend(positions.into_iter().map(|at| format!("{} for {source}", name(at))));
        }
        let pools = domain.pools.iter().map(|used| self.model.pool(used.pool));
        for pool in pools.filter(|pool| pool.policy == Policy::NearestSource) {
            let nearest = self.nearest(pool, client).into_iter().map(|address| address.target.to_string());
            way.push(format!("{}: {}", pool.name, nearest.collect::<Vec<_>>().join(" ")));
        }
        way.join(", ")
    }
}

/// What an override is said of, apart from its object: the later one of two holds.
fn aspect(action: &Action) -> u8 {
    match action {
        Action::Up | Action::Down => 0,
        Action::Enable | Action::Disable => 1,
        Action::Drain => 2,
        Action::Pin { .. } => 3,
    }
}
