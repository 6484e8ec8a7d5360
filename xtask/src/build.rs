//! `cargo xtask build`: gtm in release mode.

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// Builds gtm and says where it is.
pub(crate) fn build() -> anyhow::Result<()> {
    setup::for_purpose(Purpose::Build)?;
    process::run(cargo().args(["build", "--release", "--package", "gtm-userspace", "--bin", "gtm"]))?;
    println!("{}", process::binaries("release")?.join("gtm").display());
    Ok(())
}
