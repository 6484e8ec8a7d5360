//! Builds the programs that the benchmark measures with, and leaves the object at `OUT_DIR/gtm-bench-ebpf`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on its output")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

#[path = "../gtm-userspace/build/toolchain.rs"]
#[expect(unreachable_pub, reason = "the same file is a module of xtask")]
mod toolchain;

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> anyhow::Result<()> {
    let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("cargo sets CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest_dir).parent().context("the package is in a folder of the workspace")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    for source in ["Cargo.lock", "bench/ebpf", "gtm-userspace/build/toolchain.rs", "bench/build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    toolchain::build_object(root, "gtm-bench-ebpf", &out)
}
