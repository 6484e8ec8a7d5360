//! What goes over the control API: requests, responses and errors, each with its schema. The public contract: keys and
//! words stay as they are within a version of the API, new ones may come. Times are milliseconds since 1970 (UTC).

mod error;
mod events;
mod explain;
mod overrides;
mod status;

pub use error::{ApiError, ErrorBody, ErrorCode, Problem};
pub use events::{Event, EventQuery, Events};
pub use explain::{ExplainQuery, Explained};
pub use overrides::{
    Kind, NewOverride, Object, Override, OverrideSet, Overrides, ReturnRequest, Returned, Undone, Verb,
};
pub use status::{
    Address, AddressState, Answers, Check, CheckVerdict, Domain, DomainAnswer, DomainState, Generation,
    Interface, Pool, PoolState, Rate, Reloaded, Service, Status,
};
