//! The gtm daemon as a library: configuration, geo data and health go into a pure decision, which yields one answer
//! table; the XDP maps and the server are two readers of it.

pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod dataplane;
pub mod decision;
pub mod doctor;
mod ethtool;
pub mod event;
pub mod geo;
pub mod health;
pub mod import;
pub mod inputs;
pub mod name;
mod path_mtu;
pub mod server;
#[cfg(test)]
mod skip;
pub mod store;
pub mod zone;
