//! What the kernel program and the daemon must agree on: the layout of the maps, the form of a DNS message and the
//! table look-ups.
//!
//! `no_std`, no allocation, no input or output; nothing here indexes unchecked and nothing panics. The same functions
//! run in the kernel, in the server and in the tests on the host.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod checksum;
pub mod counters;
pub mod location;
pub mod names;
pub mod pick;
pub mod query;
pub mod wire;
