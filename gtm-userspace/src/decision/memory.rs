//! What the decision remembers from one answer to the next, also over reloads and restarts: where non-preemptive levels
//! stand, and the last good answers.

use std::collections::BTreeMap;

use super::selection::Response;
use crate::config::Model;
use crate::config::model::{AccessDomain, SourceId};

/// What is remembered, by stable text keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The current member of each non-preemptive level: a target of a pool, or a pool of an access domain.
    positions: BTreeMap<String, String>,
    /// The last answer of each slot whose access domain falls back to it.
    last_good: BTreeMap<String, Response>,
}

/// Keys of positions begin with this.
const POSITION: &str = "position/";
/// Keys of last good answers begin with this.
const LAST_GOOD: &str = "last-good/";

/// The key of the current address of a pool.
pub fn pool_key(name: &str) -> String {
    format!("{POSITION}pool/{name}")
}

/// The key of the current pool of an access domain, or of those of its pools that one source leads to.
pub fn domain_key(model: &Model, domain: &AccessDomain, source: Option<SourceId>) -> String {
    let source = source.and_then(|source| model.sources.get(source.0)).map_or("", |source| &source.name);
    format!("{POSITION}domain/{}/{}/{source}", domain.name, domain.steered)
}

/// The key of a slot's last good answer; `route` tells the slots of one access domain apart.
pub fn last_good_key(domain: &AccessDomain, route: &str) -> String {
    format!("{LAST_GOOD}{}/{}/{route}", domain.name, domain.steered)
}

impl Memory {
    /// What was kept; entries that this version cannot read are left out.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut memory = Self::default();
        for (key, value) in entries {
            if key.starts_with(POSITION) {
                memory.positions.insert(key, value);
            } else if let Ok(response) = serde_json::from_str(&value) {
                memory.last_good.insert(key, response);
            }
        }
        memory
    }

    /// Everything, for keeping.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let last_good = self
            .last_good
            .iter()
            .filter_map(|(key, response)| Some((key.clone(), serde_json::to_string(response).ok()?)));
        self.positions.clone().into_iter().chain(last_good).collect()
    }

    /// The value of one entry, for keeping.
    pub fn entry(&self, key: &str) -> Option<String> {
        let last_good = || self.last_good.get(key).and_then(|response| serde_json::to_string(response).ok());
        self.positions.get(key).cloned().or_else(last_good)
    }

    /// The current member of a level.
    pub fn position(&self, key: &str) -> Option<&str> {
        self.positions.get(key).map(String::as_str)
    }

    /// The last good answer of a slot.
    pub fn last_good(&self, key: &str) -> Option<&Response> {
        self.last_good.get(key)
    }

    /// Forgets where a level stands; true when it stood somewhere.
    pub(super) fn forget(&mut self, key: &str) -> bool {
        self.positions.remove(key).is_some()
    }

    /// Moves a level on: the current member stays while it is available, then the first available one is taken. True when
    /// the level stands elsewhere now.
    ///
    /// | current   | available | stands on             |
    /// |-----------|-----------|-----------------------|
    /// | available | some      | the current one       |
    /// | otherwise | some      | the first of them     |
    /// | any       | none      | nothing               |
    pub(super) fn advance(&mut self, key: &str, available: &[&str]) -> bool {
        if self.position(key).is_some_and(|current| available.contains(&current)) {
            return false;
        }
        match available.first() {
            Some(first) => {
                self.positions.insert(key.to_owned(), (*first).to_owned());
                true
            }
            None => self.forget(key),
        }
    }

    /// Remembers the answer of a slot; true when it is another one.
    pub(super) fn remember(&mut self, key: &str, response: &Response) -> bool {
        if self.last_good.get(key) == Some(response) {
            return false;
        }
        self.last_good.insert(key.to_owned(), response.clone());
        true
    }

    /// Keeps only the entries whose keys are still of use; the keys of the others are returned.
    pub(super) fn retain(&mut self, mut is_used: impl FnMut(&str) -> bool) -> Vec<String> {
        let keys: Vec<String> = self.positions.keys().chain(self.last_good.keys()).cloned().collect();
        let unused: Vec<String> = keys.into_iter().filter(|key| !is_used(key)).collect();
        for key in &unused {
            self.positions.remove(key);
            self.last_good.remove(key);
        }
        unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps through what is available, and where the level stands after each (`-` for nowhere).
    #[track_caller]
    fn check(steps: &[(&str, &str)]) {
        let mut memory = Memory::default();
        for (available, expect) in steps {
            let available: Vec<&str> = available.split_whitespace().collect();
            memory.advance("level", &available);
            assert_eq!(memory.position("level").unwrap_or("-"), *expect, "{available:?}");
        }
    }

    #[test]
    fn the_current_one_stays_until_it_fails_and_then_the_smallest_available_is_taken() {
        check(&[("1 2 3", "1"), ("3", "3"), ("1 2 3", "3"), ("1 2", "1"), ("", "-"), ("2 3", "2")]);
    }

    #[test]
    fn entries_come_back_as_they_were_kept() {
        let mut memory = Memory::default();
        memory.advance("position/pool/p", &["10.0.0.1"]);
        memory.remember("last-good/n/A/", &Response::NoData);
        assert_eq!(Memory::from_entries(memory.entries()), memory);
        let unreadable = [("last-good/n/A/".to_owned(), "{".to_owned())];
        assert_eq!(Memory::from_entries(unreadable), Memory::default());
    }
}
