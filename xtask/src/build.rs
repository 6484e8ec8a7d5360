//! `cargo xtask build`: gtm in release mode.

use std::path::PathBuf;

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// Builds gtm and says where it is.
pub(crate) fn build() -> anyhow::Result<()> {
    println!("{}", release()?.display());
    Ok(())
}

/// Builds gtm, after the set-up for it; the path of the binary.
pub(crate) fn release() -> anyhow::Result<PathBuf> {
    setup::for_purpose(Purpose::Build)?;
    process::run(cargo().args(["build", "--release", "--package", "gtm-userspace", "--bin", "gtm"]))?;
    Ok(process::binaries("release")?.join("gtm"))
}
