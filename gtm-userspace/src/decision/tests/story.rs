//! Stories: an access domain in words, and what is answered after each of a list of happenings. Time does not pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::decision::memory::Memory;
use crate::decision::overrides::{Action, Object, Override};

/// An access domain under way.
pub(super) struct Story {
    pub(super) decider: Decider,
    /// Who asks, from the next reload on.
    pub(super) partition: Partition,
    overrides: BTreeMap<u64, Override>,
}

const NAME: &str = "www.example.com";

/// Goes through a story: the access domain in words (a policy, `sticky`, `stays`, `next-match`, `disabled`, `max=2`,
/// `all-down=ACTION`), its pools as [`add_domain`] takes them, the sources of the client, and steps: what happens, and what is
/// answered then, in the words of [`Response`] with the address 10.0.0.n as n.
///
/// Happenings: `-n` and `+n` (the check of address n fails or passes), `up:X`, `down:X`, `enable:X`, `disable:X`, `drain:X`,
/// `undo:X` (X an address n, a pool p0, an address of a pool p0/n, or `domain`), `pin:p0`, `return:X`, and `restart`.
#[track_caller]
pub(super) fn story(domain: &str, pools: &[&str], client: &str, steps: &[(&str, &str)]) {
    let mut story = Story::new(domain, pools, client);
    for (index, (happenings, expect)) in steps.iter().enumerate() {
        happenings.split_whitespace().for_each(|happening| story.happens(happening));
        assert_eq!(story.answer(), *expect, "step {index}: {happenings}, of {domain} {pools:?}");
    }
}

impl Story {
    pub(super) fn new(domain: &str, pools: &[&str], client: &str) -> Self {
        let mut model = empty_model();
        add_domain(&mut model, NAME, pools);
        for word in domain.split_whitespace() {
            let change = &mut model.domains[0];
            match word.split_once('=') {
                None => match word {
                    "sticky" => change.sticky = Some(Sticky::default()),
                    "stays" => change.preemption = Preemption::NonPreemptive,
                    "next-match" => change.source_fallback = SourceFallback::NextMatch,
                    "disabled" => change.enabled = false,
                    _ => change.policy = policy(word),
                },
                Some(("max", number)) => change.max_answers = Some(number.parse().unwrap()),
                Some(("all-down", action)) => change.all_down = all_down(action),
                Some(_) => panic!("{word}?"),
            }
        }
        let partition = partition_of_one(class(client));
        let conditions = Conditions::all_up(&model);
        let decider = Decider::new(Arc::new(model), &partition, conditions);
        Self { decider, partition, overrides: BTreeMap::new() }
    }

    pub(super) fn happens(&mut self, happening: &str) {
        if let Some((verb, object)) = happening.split_once(':') {
            return self.is_told(verb, object);
        }
        if happening == "restart" {
            return self.restarts();
        }
        let (sign, last) = happening.split_at(1);
        let verdict = if sign == "+" { Verdict::Passing } else { Verdict::Failed };
        let target = target(last.parse().unwrap());
        let checks = &self.decider.model().checks;
        let check = checks.iter().position(|check| check.target == target).expect("a check");
        self.decider.set_verdict(CheckId(check), verdict);
    }

    fn is_told(&mut self, verb: &str, object: &str) {
        let action = match verb {
            "up" => Action::Up,
            "down" => Action::Down,
            "enable" => Action::Enable,
            "disable" => Action::Disable,
            "drain" => Action::Drain,
            "pin" => Action::Pin { pool: object.to_owned() },
            "return" => {
                self.decider.return_now(&object_of(object));
                return;
            }
            "undo" => {
                self.overrides.retain(|_, said| said.object != object_of(object));
                self.decider.set_overrides(self.overrides.values().cloned().collect());
                return;
            }
            _ => panic!("{verb}?"),
        };
        let object = if verb == "pin" { "domain" } else { object };
        let id = self.overrides.last_key_value().map_or(1, |(id, _)| id + 1);
        let (who, reason) = ("me".to_owned(), "a test".to_owned());
        let said = Override { id, object: object_of(object), action, who, reason, created: 0, expires: None };
        self.overrides.insert(id, said);
        self.decider.set_overrides(self.overrides.values().cloned().collect());
    }

    fn restarts(&mut self) {
        self.reloads(|_| {});
    }

    /// Goes over to an edited model with as many checks. What survives is the memory and the overrides; the verdicts here as
    /// well.
    pub(super) fn reloads(&mut self, edit: impl FnOnce(&mut Model)) {
        let mut model = Model::clone(self.decider.model());
        edit(&mut model);
        let model = Arc::new(model);
        let before = self.decider.conditions();
        let conditions = Conditions {
            verdicts: before.verdicts.clone(),
            memory: Memory::from_entries(before.memory.entries()),
            ..Conditions::default()
        };
        let conditions = conditions.with_overrides(&model, self.overrides.values().cloned().collect());
        self.decider = Decider::new(model, &self.partition, conditions);
    }

    pub(super) fn answer(&self) -> String {
        self.answers().swap_remove(0)
    }

    /// What each slot answers.
    pub(super) fn answers(&self) -> Vec<String> {
        self.decider
            .slots()
            .map(|(_, _, choice)| choice.response.to_string().replace("10.0.0.", ""))
            .collect()
    }
}

fn object_of(word: &str) -> Object {
    let target = |last: &str| target(last.parse().unwrap()).to_string();
    match word.split_once('/') {
        Some((pool, last)) => Object::Address { pool: Some(pool.to_owned()), target: target(last) },
        None if word == "domain" => Object::Domain { name: NAME.to_owned(), steered: "A".to_owned() },
        None if word.starts_with('p') => Object::Pool { name: word.to_owned() },
        None => Object::Address { pool: None, target: target(word) },
    }
}

fn all_down(word: &str) -> AllDownAction {
    match word.split_once(':') {
        Some(("pool", number)) => AllDownAction::Pool(PoolId(number.parse().unwrap())),
        Some(("fixed", lasts)) => {
            AllDownAction::Fixed(lasts.split(',').map(|last| target(last.parse().unwrap())).collect())
        }
        None => match word {
            "default-pool" => AllDownAction::DefaultPool,
            "as-if-up" => AllDownAction::AsIfUp,
            "last-good" => AllDownAction::LastGood,
            "nodata" => AllDownAction::NoData,
            "servfail" => AllDownAction::ServFail,
            "refused" => AllDownAction::Refused,
            _ => panic!("{word}?"),
        },
        Some(_) => panic!("{word}?"),
    }
}
