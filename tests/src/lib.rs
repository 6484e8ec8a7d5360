//! The harness of the test tiers: queries and frames, and one configuration served by program and server.

pub mod dns;
pub mod frame;
pub mod privilege;
pub mod query;
pub mod service;

pub use frame::Datagram;
pub use query::Query;
pub use service::Service;
