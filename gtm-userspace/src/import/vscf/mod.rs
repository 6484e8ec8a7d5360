//! `vscf`, the language of gdnsd's configuration files (gdnsd.config(5), "Low-level syntax"): hashes, arrays and strings
//! nested to any depth, and files that include others. Knows nothing of what they mean.

mod glob;
mod parse;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::report::Place;
use crate::config::Problem;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) data: Data,
}

/// One of the three kinds of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Text(String),
    Array(Vec<Value>),
    Hash(Hash),
}

/// Keys and values in the order they are written; each key once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hash(pub(super) Vec<Entry>);

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key is written.
    pub(super) place: Place,
    pub(super) value: Value,
}

impl Hash {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }
}

impl Value {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Array(_) | Data::Hash(_) => None,
        }
    }

    /// The hash, if it is one.
    pub(super) fn hash(&self) -> Option<&Hash> {
        match &self.data {
            Data::Hash(hash) => Some(hash),
            Data::Text(_) | Data::Array(_) => None,
        }
    }

    /// The items of an array; anything else stands for an array of itself.
    pub(super) fn items(&self) -> &[Self] {
        match &self.data {
            Data::Array(items) => items,
            Data::Text(_) | Data::Hash(_) => std::slice::from_ref(self),
        }
    }
}

/// Reads a file and those it includes.
pub(super) fn load(path: &Path) -> Result<Value, Problem> {
    parse::Loader::default().load(path)
}
