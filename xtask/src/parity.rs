//! `cargo xtask parity`: generated queries through the program and the server.

use std::process::Command;

use anyhow::bail;

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// Builds the comparison, and becomes it.
pub(crate) fn parity(queries: u64, seed: u64) -> anyhow::Result<()> {
    if !process::is_root() {
        bail!("a program is loaded into the kernel, which needs root: {}", process::as_root());
    }
    setup::for_purpose(Purpose::Build)?;
    process::run(cargo().args(["build", "--package", "gtm-tests", "--bin", "gtm-parity"]))?;
    let mut command = Command::new(process::binaries("debug")?.join("gtm-parity"));
    command.args([queries.to_string(), seed.to_string()]);
    Err(process::become_command(&mut command))
}
