//! Names for what is written: those of the other server as far as they are allowed here, each once.

use std::collections::BTreeSet;

/// Longest name here, less room for a number.
const MAX_BASE: usize = 58;

/// The names given so far.
#[derive(Debug, Default)]
pub(super) struct Naming {
    templates: BTreeSet<String>,
    pools: BTreeSet<String>,
    sources: BTreeSet<String>,
}

impl Naming {
    /// A name for a template.
    pub(super) fn template(&mut self, wanted: &str) -> String {
        unique(&mut self.templates, wanted)
    }

    /// A name for a pool.
    pub(super) fn pool(&mut self, wanted: &str) -> String {
        unique(&mut self.pools, wanted)
    }

    /// A name for a source; `default` is taken.
    pub(super) fn source(&mut self, wanted: &str) -> String {
        self.sources.insert("default".to_owned());
        unique(&mut self.sources, wanted)
    }
}

fn unique(given: &mut BTreeSet<String>, wanted: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let mut base: String =
        wanted.chars().map(|character| if allowed(character) { character } else { '-' }).collect();
    base.truncate(MAX_BASE);
    if base.is_empty() {
        base.push_str("unnamed");
    }
    let mut name = base.clone();
    let mut number: usize = 2;
    while !given.insert(name.clone()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_allowed_and_given_once() {
        let mut naming = Naming::default();
        assert_eq!(naming.pool("a/b c"), "a-b-c");
        assert_eq!(naming.pool("a-b-c"), "a-b-c-2");
        assert_eq!(naming.template("a-b-c"), "a-b-c");
        assert_eq!(naming.source("default"), "default-2");
        assert_eq!(naming.pool(""), "unnamed");
        assert_eq!(naming.pool(&"é".repeat(99)).len(), MAX_BASE);
    }
}
