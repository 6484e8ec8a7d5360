//! The names that a file gives to its sources, templates and pools, and the references to them.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use super::reader::Report;
use super::reader::{At, Node, Place, Table};

/// Longest name of a source, template or pool.
const MAX_LENGTH: usize = 63;

/// Most names that a message lists.
const MAX_LISTED: usize = 20;

/// All names of one kind in the order of the file; what they are indexes of is the caller's.
pub(super) struct Names {
    kind: &'static str,
    /// Each with its place; a predefined one has none.
    list: Vec<(String, Option<Place>)>,
    by_name: HashMap<String, usize>,
    used: RefCell<BTreeSet<usize>>,
}

impl Names {
    /// No names yet; `kind` is the word for them in messages.
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, list: Vec::new(), by_name: HashMap::new(), used: RefCell::default() }
    }

    /// Adds a name that exists without being defined in the file.
    pub(super) fn predefine(&mut self, name: &str) {
        self.insert(name, None);
    }

    /// Adds every name that the table at `key` defines, and hands each definition to `read`. A definition that cannot be
    /// read is named all the same, so that references to it are not reported as well.
    pub(super) fn define<'a, T>(
        &mut self,
        root: &Table<'a>,
        key: &str,
        mut read: impl FnMut(&str, &Node<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(table) = root.get(key).and_then(Node::table) else { return Vec::new() };
        let mut definitions = Vec::new();
        for (name, node) in table.entries() {
            if !is_name(name) {
                let what = format!(
                    "{name:?} is not a name for a {}; allowed are 1 to {MAX_LENGTH} letters, digits, \"-\", \"_\" and \".\"",
                    self.kind
                );
                node.report.error(&node.place, what);
            } else if self.by_name.contains_key(*name) {
                let what = format!("the {} \"{name}\" is predefined; choose another name", self.kind);
                node.report.error(&node.place, what);
            } else {
                self.insert(name, Some(node.place.clone()));
                definitions.extend(read(name, node));
            }
        }
        definitions
    }

    /// The index of the name that is referred to, which is used from now on; reports one that does not exist.
    pub(super) fn resolve(&self, report: &Report<'_>, reference: &At<String>) -> Option<usize> {
        let found = self.by_name.get(&reference.value).copied();
        if let Some(index) = found {
            self.used.borrow_mut().insert(index);
        } else {
            let names: Vec<_> = self.list.iter().map(|(name, _)| name.as_str()).collect();
            let suggestion = suggestion(&reference.value, &names);
            report.error(&reference.place, format!("no {} \"{}\"; {suggestion}", self.kind, reference.value));
        }
        found
    }

    /// Where the file defines a name; a predefined one has no place.
    pub(super) fn place(&self, name: &str) -> Option<&Place> {
        let (_, place) = self.list.get(*self.by_name.get(name)?)?;
        place.as_ref()
    }

    /// Warns of every defined name that nothing has referred to.
    pub(super) fn warn_of_unused(&self, report: &Report<'_>) {
        for (index, (name, place)) in self.list.iter().enumerate() {
            if let Some(place) = place.as_ref().filter(|_| !self.used.borrow().contains(&index)) {
                report.warn(place, format!("the {} \"{name}\" is not used", self.kind));
            }
        }
    }

    fn insert(&mut self, name: &str, place: Option<Place>) {
        self.by_name.insert(name.to_owned(), self.list.len());
        self.list.push((name.to_owned(), place));
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(allowed)
}

/// What to say about an unknown word: the nearest of the valid ones, or all of them when none is near.
pub(crate) fn suggestion(word: &str, valid: &[&str]) -> String {
    let word = word.to_lowercase();
    let distances = valid
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate));
    match distances.min() {
        None => "none is defined".to_owned(),
        Some((distance, nearest)) if distance <= 1 + word.chars().count() / 3 => {
            format!("did you mean \"{nearest}\"?")
        }
        Some(_) => {
            let quoted: Vec<_> =
                valid.iter().take(MAX_LISTED).map(|candidate| format!("\"{candidate}\"")).collect();
            let more = if valid.len() > MAX_LISTED { ", and more" } else { "" };
            format!("valid here: {}{more}", quoted.join(", "))
        }
    }
}
