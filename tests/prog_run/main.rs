//! The program on single frames with `BPF_PROG_TEST_RUN`: frame in, verdict, frame out and every counter.
//!
//! What is expected is written here byte by byte; that the server says the same is the parity tier's to show.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod edns;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod generations;
#[cfg(test)]
mod names;
#[cfg(test)]
mod program;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod size;
