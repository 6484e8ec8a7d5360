//! Events: what happened, to which object and why. They go to the log and to the store.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Given out by the store in ascending order, also over restarts; 0 before.
    pub sequence: u64,
    /// When, in milliseconds since 1970 (UTC).
    pub time: u64,
    /// What.
    pub kind: EventKind,
    /// To what: `address 192.0.2.1`, `pool frankfurt`, `domain www.example.com A`, `configuration`, `geo data`.
    pub object: String,
    /// Why, in words.
    pub reason: String,
    /// What was before, for an answer that switched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// What is now, for an answer that switched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// The last error of the check that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// In words, for the log and for people.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// An address is available again.
    AddressUp = "address up",
    /// An address is no longer available.
    AddressDown = "address down",
    /// Every address of a pool that counts is available.
    PoolAvailable = "pool available",
    /// Some addresses of a pool are not available, but the pool is.
    PoolWarning = "pool warning",
    /// A pool is no longer available.
    PoolDown = "pool down",
    /// No pool of an access domain is available.
    DomainDown = "access domain down",
    /// What an access domain answers is a last resort now.
    AllDownEntered = "all-down action entered",
    /// Some pool of an access domain is up again.
    AllDownLeft = "all-down action left",
    /// Some clients of an access domain are answered otherwise than before.
    AnswerSwitched = "answer switched",
    /// An operator overrides something.
    OverrideSet = "override set",
    /// An override was undone, replaced, or is over.
    OverrideCleared = "override cleared",
    /// A configuration serves.
    ConfigurationAccepted = "configuration accepted",
    /// A configuration could not be used.
    ConfigurationRefused = "configuration refused",
    /// The geo data was loaded.
    GeoDataLoaded = "geo data loaded",
    /// The geo data could not be used.
    GeoDataRefused = "geo data refused",
}
