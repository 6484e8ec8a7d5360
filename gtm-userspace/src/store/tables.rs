//! The tables and how their entries are written: keys as they are, values as JSON.

use redb::{AccessGuard, Key, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of what the tables hold; a file with a later one is refused.
pub(super) const VERSION: u64 = 1;

/// Numbers about the store itself; see the keys below.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Overrides by id.
pub(super) const OVERRIDES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("overrides");
/// The memory of the decision.
pub(super) const MEMORY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("memory");
/// The last state of each check.
pub(super) const HEALTH: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("health");
/// Events by sequence.
pub(super) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Responses by the key of the request.
pub(super) const RESPONSES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("responses");

/// Key in [`META`]: [`VERSION`] of the gtm that made the file.
pub(super) const VERSION_KEY: &str = "version";
/// Key in [`META`]: how many commits there were.
pub(super) const COMMITS_KEY: &str = "commits";
/// Key in [`META`]: the last id of an override that was given out.
pub(super) const OVERRIDE_KEY: &str = "last override";
/// Key in [`META`]: the last sequence of an event that was given out.
pub(super) const EVENT_KEY: &str = "last event";

/// Why a call of the database failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database says so.
    Database(redb::Error),
    /// An entry is not as it was written.
    Content(String),
    /// There is a response under this key already.
    KeyTaken(String),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// A value as it is written.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Content(format!("an entry cannot be written: {error}")))
}

/// A value as it was written.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Content(format!("an entry cannot be read: {error}")))
}

/// A number of [`META`].
pub(super) fn number(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<u64, Fault> {
    match meta.get(key)? {
        Some(value) => decode(value.value()),
        None => Err(Fault::Content(format!("the number '{key}' is not there"))),
    }
}

/// Every entry of a table.
pub(super) fn all<K: OwnedKey, V: DeserializeOwned, T: ReadableTable<K, &'static [u8]>>(
    table: &T,
) -> Result<impl Iterator<Item = Result<(K::Owned, V), Fault>>, Fault> {
    Ok(table.iter()?.map(|entry| {
        let (key, value) = entry?;
        Ok((K::owned(&key), decode(value.value())?))
    }))
}

/// A key that outlives its page.
pub(super) trait OwnedKey: Key + 'static {
    /// What it becomes.
    type Owned;
    /// Takes it off its page.
    fn owned(guard: &AccessGuard<'_, Self>) -> Self::Owned
    where
        Self: Sized;
}

impl OwnedKey for u64 {
    type Owned = Self;
    fn owned(guard: &AccessGuard<'_, Self>) -> Self {
        guard.value()
    }
}

impl OwnedKey for &'static str {
    type Owned = String;
    fn owned(guard: &AccessGuard<'_, Self>) -> String {
        guard.value().to_owned()
    }
}
