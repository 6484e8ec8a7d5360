//! Events, as they are asked for and given.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use crate::event::{self, EventKind};

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Those after this sequence number; the newest when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many: 1 to 1000; 100 when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Wait so many seconds for one when there is none yet: 0 to 30; 0 when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 30)]
    pub wait: Option<u64>,
}

/// What happened, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<Event>,
    /// Pass this as `after` for those that follow.
    pub last: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Ascending, also over restarts.
    pub sequence: u64,
    /// When.
    pub time: u64,
    /// What.
    #[schema(schema_with = event_kind)]
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

fn event_kind() -> ObjectBuilder {
    let names = EventKind::ALL.iter().filter_map(|kind| serde_json::to_value(kind).ok());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).description(Some("What."))
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        let event::Event { sequence, time, kind, object, reason, from, to, error } = event;
        Self { sequence, time, kind, object, reason, from, to, error }
    }
}
