//! The XDP program: a frame in, an outcome out.
//!
//! It answers DNS queries from the maps and passes everything else up untouched: the first change to a frame is the one
//! that makes room for the answer, and after that nothing can fail.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod answer;
#[cfg(target_arch = "bpf")]
mod choice;
#[cfg(target_arch = "bpf")]
mod closest;
#[cfg(target_arch = "bpf")]
mod edns;
#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(target_arch = "bpf")]
mod packet;
#[cfg(target_arch = "bpf")]
mod program;
#[cfg(target_arch = "bpf")]
mod question;
#[cfg(target_arch = "bpf")]
mod reply;
#[cfg(target_arch = "bpf")]
mod tables;

/// On the host there is nothing to run: the crate is part of the workspace so that the usual commands see it.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
