//! Builds the XDP program from the source of this commit and leaves the object at `OUT_DIR/gtm-ebpf`, where the
//! library includes it. No object file is ever committed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on its output")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

#[path = "build/toolchain.rs"]
#[expect(unreachable_pub, reason = "the same file is a module of xtask")]
mod toolchain;

/// The package of the program, and the name of the object.
const PACKAGE: &str = "gtm-ebpf";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> anyhow::Result<()> {
    let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("cargo sets CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest_dir).parent().context("the package is in a folder of the workspace")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    for source in [
        "Cargo.toml",
        "Cargo.lock",
        "gtm-ebpf/Cargo.toml",
        "gtm-ebpf/src",
        "gtm-common/Cargo.toml",
        "gtm-common/src",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/toolchain.rs");

    toolchain::build_object(root, PACKAGE, &out)
}
