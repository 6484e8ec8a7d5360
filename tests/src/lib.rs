//! The harness of the test tiers: namespaces, links and processes as guards that clean up after themselves, also after
//! a panic, and the worked scenario built from them.
//!
//! Everything made here lives in network namespaces of its own; the network of the host is never touched.

pub mod client;
pub mod counters;
pub mod leftover;
pub mod link;
pub mod namespace;
pub mod pass;
pub mod privilege;
pub mod process;
pub mod scenario;
pub mod site;
pub mod wait;

pub use client::Client;
pub use link::Veth;
pub use namespace::Namespace;
pub use process::Process;
pub use site::Site;
pub use wait::eventually;
