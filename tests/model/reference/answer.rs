//! From state to answer (semantics, section 3).

use std::net::IpAddr;

use gtm_userspace::config::model::{
    AccessDomain, Address, AllDownAction, DEFAULT_SOURCE, Policy, Pool, PoolId, Preemption, Prefix, Source,
    SourceFallback, SourceId, Sticky, Target,
};

use super::{Level, Reference};
use crate::expected::{Choice, Expected, Member};

/// Whose health counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    /// That which is.
    Real,
    /// Everything that may be answered is up.
    AsIfUp,
}

impl Reference {
    /// What an access domain may answer to a client, and whether it is a good answer: one of available members.
    pub(crate) fn answer(&self, domain: &AccessDomain, client: IpAddr) -> (Expected, bool) {
        if !self.is_steered(domain) {
            return (Expected::Zone, false);
        }
        if let Some(choice) = self.steered(domain, client, Health::Real) {
            return (records(domain, choice), true);
        }
        if domain.pools.iter().any(|used| self.pool_is_available(used.pool)) {
            return (Expected::NoData, false);
        }
        (self.all_down(domain, client), false)
    }

    /// The pinned pool, as long as it is available; else by the policy.
    fn steered(&self, domain: &AccessDomain, client: IpAddr, health: Health) -> Option<Choice> {
        let pinned = self.pinned(domain);
        let pinned =
            pinned.and_then(|position| self.pool_answers(domain.pools[position].pool, client, health));
        pinned.or_else(|| self.by_policy(domain, client, health))
    }

    fn by_policy(&self, domain: &AccessDomain, client: IpAddr, health: Health) -> Option<Choice> {
        for (source, positions) in self.groups(domain, client) {
            let answering: Vec<(usize, Choice)> = positions
                .into_iter()
                .filter_map(|at| Some((at, self.pool_answers(domain.pools[at].pool, client, health)?)))
                .collect();
            let Some((_, first)) = answering.first() else { continue };
            return Some(match domain.policy {
                Policy::Ordinal | Policy::NearestSource => {
                    let current = match domain.preemption {
                        Preemption::Preemptive => None,
                        Preemption::NonPreemptive => self.positions.get(&self.domain_level(domain, source)),
                    };
                    let name = |at: usize| &self.model.pool(domain.pools[at].pool).name;
                    let current = answering.iter().find(|(at, _)| current == Some(name(*at)));
                    current.map_or(first, |(_, choice)| choice).clone()
                }
                Policy::RoundRobin | Policy::Weight => {
                    let member = |(at, choice): &(usize, Choice)| {
                        let used = &domain.pools[*at];
                        let pool = self.model.pool(used.pool);
                        let weight = if self.pool_is_drained(pool) { 0 } else { used.weight };
                        Member { name: pool.name.clone(), weight: weight.into(), choice: choice.clone() }
                    };
                    let members = answering.iter().map(member).collect();
                    among(domain.policy, domain.sticky, "", members)
                }
            });
        }
        None
    }

    /// What a pool answers the client; nothing when it is not available, or has nothing for this client.
    fn pool_answers(&self, id: PoolId, client: IpAddr, health: Health) -> Option<Choice> {
        let pool = self.model.pool(id);
        let can_answer = match health {
            Health::Real => self.pool_is_available(id),
            Health::AsIfUp => self.pool_is_last_resort(pool),
        };
        if !can_answer {
            return None;
        }
        let available: Vec<&Address> =
            pool.addresses.iter().filter(|address| self.is_available(pool, address)).collect();
        let last_resorts = pool.addresses.iter().filter(|address| self.is_last_resort(pool, address));
        let is_all = health == Health::AsIfUp || (available.is_empty() && self.is_forced_up(pool));
        let answering = if is_all { last_resorts.collect() } else { available };
        self.of_pool(pool, &answering, client)
    }

    fn of_pool(&self, pool: &Pool, answering: &[&Address], client: IpAddr) -> Option<Choice> {
        let one = |address: &Address| Choice::One(address.target.clone());
        match pool.policy {
            Policy::Ordinal => {
                let current = match pool.preemption {
                    Preemption::Preemptive => None,
                    Preemption::NonPreemptive => self.positions.get(&Level::Pool(pool.name.clone())),
                };
                let current = answering.iter().find(|address| current == Some(&address.target.to_string()));
                current.or(answering.first()).map(|address| one(address))
            }
            Policy::NearestSource => {
                let nearest = self.nearest(pool, client);
                let first = nearest
                    .into_iter()
                    .find(|address| answering.iter().any(|other| other.target == address.target));
                first.map(one)
            }
            Policy::RoundRobin | Policy::Weight => {
                let member = |address: &&Address| Member {
                    name: address.target.to_string(),
                    weight: if self.address_is_drained(pool, address) { 0 } else { address.weight.into() },
                    choice: one(address),
                };
                let members: Vec<Member> = answering.iter().map(member).collect();
                (!members.is_empty()).then(|| among(pool.policy, pool.sticky, &pool.name, members))
            }
        }
    }

    fn all_down(&self, domain: &AccessDomain, client: IpAddr) -> Expected {
        let default = || self.default_pool(domain);
        match &domain.all_down {
            AllDownAction::DefaultPool => default(),
            AllDownAction::AsIfUp => self
                .steered(domain, client, Health::AsIfUp)
                .map_or(Expected::NoData, |choice| records(domain, choice)),
            // Of its addresses those that are available; if none is, as if all were.
            AllDownAction::Pool(id) => {
                let pool = self.model.pool(*id);
                let available = pool.addresses.iter().filter(|address| self.is_available(pool, address));
                let answer = self.pool_is_last_resort(pool).then(|| {
                    let available = self.of_pool(pool, &available.collect::<Vec<_>>(), client);
                    available.or_else(|| self.pool_answers(*id, client, Health::AsIfUp))
                });
                answer.flatten().map_or_else(default, |choice| records(domain, choice))
            }
            AllDownAction::LastGood => {
                let may_be_answered = |target: &Target| {
                    let pools = domain.pools.iter().map(|used| self.model.pool(used.pool));
                    let mut pools = pools.filter(|pool| self.pool_is_last_resort(pool));
                    pools.any(|pool| {
                        let mut addresses = pool.addresses.iter();
                        addresses
                            .any(|address| address.target == *target && self.is_last_resort(pool, address))
                    })
                };
                match self.last_good.get(&self.way(domain, client)) {
                    Some(Expected::Records(choice, _)) if choice.targets().iter().all(may_be_answered) => {
                        records(domain, choice.clone())
                    }
                    _ => default(),
                }
            }
            AllDownAction::Fixed(targets) => records(domain, all(targets)),
            AllDownAction::NoData => Expected::NoData,
            AllDownAction::ServFail => Expected::ServFail,
            AllDownAction::Refused => Expected::Refused,
        }
    }

    /// Every address of the non-empty `default` pool with the smallest ordinal; without one, of the non-empty pool with the
    /// smallest ordinal.
    fn default_pool(&self, domain: &AccessDomain) -> Expected {
        let filled = domain.pools.iter().filter(|used| self.pool_is_last_resort(self.model.pool(used.pool)));
        let filled: Vec<_> = filled.collect();
        let default = filled.iter().find(|used| used.sources.contains(&DEFAULT_SOURCE));
        let Some(used) = default.or(filled.first()) else { return Expected::NoData };
        let pool = self.model.pool(used.pool);
        let addresses = pool.addresses.iter().filter(|address| self.is_last_resort(pool, address));
        let targets: Vec<Target> = addresses.map(|address| address.target.clone()).collect();
        records(domain, all(&targets))
    }

    /// The pools that a client may use, as positions: one group after the other is tried. Only with `nearest-source` there
    /// are several, one for each source.
    pub(super) fn groups(
        &self,
        domain: &AccessDomain,
        client: IpAddr,
    ) -> Vec<(Option<SourceId>, Vec<usize>)> {
        let all: Vec<usize> = (0..domain.pools.len()).collect();
        if domain.policy != Policy::NearestSource {
            return vec![(None, all)];
        }
        let sources: Vec<&[SourceId]> = domain.pools.iter().map(|used| used.sources.as_slice()).collect();
        let mut groups: Vec<(Option<SourceId>, Vec<usize>)> = Vec::new();
        for source in self.tried(&sources, client, domain.source_fallback) {
            let of_source = all.iter().copied().filter(|at| sources[*at].contains(&source));
            // A pool that was tried under a better source need not be tried again.
            let new = of_source.filter(|at| groups.iter().all(|(_, positions)| !positions.contains(at)));
            let new = new.collect();
            groups.push((Some(source), new));
        }
        groups
    }

    /// The addresses of a pool that a client may use, best first.
    pub(super) fn nearest<'p>(&self, pool: &'p Pool, client: IpAddr) -> Vec<&'p Address> {
        let sources: Vec<&[SourceId]> =
            pool.addresses.iter().map(|address| address.sources.as_slice()).collect();
        let mut nearest: Vec<&Address> = Vec::new();
        for source in self.tried(&sources, client, SourceFallback::Default) {
            for address in pool.addresses.iter().filter(|address| address.sources.contains(&source)) {
                if nearest.iter().all(|other| other.target != address.target) {
                    nearest.push(address);
                }
            }
        }
        nearest
    }

    /// The sources to try: the best match of those that the members use; with `next-match` the other matching ones; and then
    /// `default`.
    fn tried(&self, members: &[&[SourceId]], client: IpAddr, fallback: SourceFallback) -> Vec<SourceId> {
        let sources = self.model.sources.iter().enumerate().skip(1);
        let mut matching: Vec<(u8, SourceId)> =
            sources.filter_map(|(index, source)| Some((matched(source, client)?, SourceId(index)))).collect();
        matching.retain(|(_, source)| members.iter().any(|sources| sources.contains(source)));
        // The longest prefix first; of equal ones the one that is configured first.
        matching.sort_by_key(|(length, source)| (u8::MAX - length, *source));
        let mut tried: Vec<SourceId> = matching.into_iter().map(|(_, source)| source).collect();
        if fallback == SourceFallback::Default {
            tried.truncate(1);
        }
        tried.push(DEFAULT_SOURCE);
        tried
    }
}

/// An answer of the access domain.
fn records(domain: &AccessDomain, choice: Choice) -> Expected {
    Expected::Records(choice, domain.max_answers.map_or(usize::MAX, usize::from))
}

fn all(targets: &[Target]) -> Choice {
    Choice::All(targets.iter().cloned().map(Choice::One).collect())
}

/// Round robin or weight among members of which there is at least one.
fn among(policy: Policy, sticky: Option<Sticky>, level: &str, mut members: Vec<Member>) -> Choice {
    let is_by_weight = policy == Policy::Weight;
    let has_weight = members.iter().any(|member| member.weight > 0);
    if is_by_weight && has_weight {
        members.retain(|member| member.weight > 0);
    } else {
        // All alike: nobody has a weight, or weights do not count.
        for member in &mut members {
            member.weight = 1;
        }
    }
    match sticky {
        Some(sticky) => Choice::Sticky(level.to_owned(), sticky, members),
        None if is_by_weight => Choice::Weighted(members),
        None => Choice::All(members.into_iter().map(|member| member.choice).collect()),
    }
}

/// Length of the longest prefix by which a client belongs to a source.
fn matched(source: &Source, client: IpAddr) -> Option<u8> {
    let holds = |prefix: &&Prefix| bits(prefix.address, prefix.length) == bits(client, prefix.length);
    if source.exclude.prefixes.iter().any(|prefix| holds(&prefix)) {
        return None;
    }
    source.include.prefixes.iter().filter(holds).map(|prefix| prefix.length).max()
}

/// The first bits of an address, told apart by family.
pub(crate) fn bits(address: IpAddr, length: u8) -> (bool, u128) {
    match address {
        IpAddr::V4(v4) => (true, u128::from(v4.to_bits()) >> (32 - length.min(32))),
        IpAddr::V6(v6) => (false, v6.to_bits().checked_shr(128 - u32::from(length)).unwrap_or(0)),
    }
}
