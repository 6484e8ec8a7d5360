//! The harness of the test tiers: namespaces, links and processes as guards that clean up after themselves, also after
//! a panic, and the worked scenario built from them; queries, frames and one configuration that program and server
//! both serve.
//!
//! Everything made here lives in network namespaces of its own; the network of the host is never touched.

pub mod client;
pub mod counters;
pub mod cpu;
pub mod dns;
pub mod frame;
pub mod gdnsd;
pub mod gtm;
pub mod leftover;
pub mod link;
pub mod namespace;
pub mod parity;
pub mod pass;
pub mod privilege;
pub mod process;
pub mod query;
pub mod random;
pub mod raw;
pub mod scenario;
pub mod service;
pub mod site;
pub mod wait;

pub use client::Client;
pub use frame::Datagram;
pub use gdnsd::Gdnsd;
pub use gtm::Gtm;
pub use link::Veth;
pub use namespace::Namespace;
pub use process::Process;
pub use query::Query;
pub use random::Random;
pub use raw::RawSocket;
pub use service::Service;
pub use site::Site;
pub use wait::eventually;
