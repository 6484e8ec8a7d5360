//! Distinct values under small numbers, so that ranges carry a number and values are compared once.

use std::collections::HashMap;
use std::hash::Hash;

/// Distinct values, numbered in the order they came.
pub(super) struct Interner<T>(HashMap<T, u32>);

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// The number of a value, a new one when it comes for the first time.
    pub(super) fn intern(&mut self, value: T) -> u32 {
        // Every value takes more than a byte of memory: there are never 2^32.
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(value).or_insert(next)
    }

    /// The values by number.
    pub(super) fn into_values(self) -> Vec<T> {
        let mut numbered: Vec<(T, u32)> = self.0.into_iter().collect();
        numbered.sort_unstable_by_key(|(_, number)| *number);
        numbered.into_iter().map(|(value, _)| value).collect()
    }
}
