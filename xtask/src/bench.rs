//! `cargo xtask bench`: the measurements of `bench/`, built in release mode.

use std::ffi::OsString;
use std::process::Command;

use anyhow::bail;

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// Builds the benchmark, and becomes it.
pub(crate) fn bench(arguments: &[OsString]) -> anyhow::Result<()> {
    if !process::is_root() {
        bail!("programs are loaded into the kernel, which needs root: {}", process::as_root());
    }
    setup::for_purpose(Purpose::Bench)?;
    process::run(cargo().args([
        "build",
        "--release",
        "--package",
        "gtm-userspace",
        "--package",
        "gtm-bench",
        "--bins",
    ]))?;
    Err(process::become_command(
        Command::new(process::binaries("release")?.join("gtm-bench")).args(arguments),
    ))
}
