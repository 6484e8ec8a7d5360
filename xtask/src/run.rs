//! `cargo xtask run`: the worked scenario in namespaces of its own, or gtm on this host.
//!
//! Builds, then becomes the program it has built, so that Ctrl-C and the exit code are that program's own.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::build;
use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// The worked scenario; with `smoke` it goes through its rows by itself and ends.
pub(crate) fn scenario(smoke: bool, further: &[OsString]) -> anyhow::Result<()> {
    if !process::is_root() {
        bail!(
            "the scenario creates network namespaces and loads a program into the kernel, which needs root: {}",
            process::as_root()
        );
    }
    setup::for_purpose(Purpose::Run)?;
    let packages =
        ["--package", "gtm-userspace", "--bin", "gtm", "--package", "gtm-tests", "--bin", "gtm-scenario"];
    // Not in release mode: a newcomer waits for the build, and the program in the kernel is optimised in any mode.
    process::run(cargo().arg("build").args(packages))?;
    let mut command = Command::new(process::binaries("debug")?.join("gtm-scenario"));
    command.args(smoke.then_some("--smoke")).args(further).current_dir(process::root());
    Err(process::become_command(&mut command))
}

/// gtm on this host's own interfaces; what it may not do, it says itself.
pub(crate) fn host(config: &Path, further: &[OsString]) -> anyhow::Result<()> {
    let mut command = Command::new(build::release()?);
    command.args(["run", "--config"]).arg(config).args(further);
    Err(process::become_command(&mut command))
}
