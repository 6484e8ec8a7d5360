//! The programs that the benchmark measures with: wrappers, and what is measured for comparison.
//!
//! A run that repeats a program gives it what the run before has left: an answer, not a query. So a wrapper puts the next
//! of many prepared frames in place and then goes over to the program under test; what the wrapper takes is measured with a
//! program that only drops, and subtracted.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
mod traffic;

/// On the host there is nothing to run: the crate is part of the workspace so that the usual commands see it.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
