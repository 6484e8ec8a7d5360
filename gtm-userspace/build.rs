//! Builds the XDP program from the source of this commit and leaves the object at `OUT_DIR/gtm-ebpf`, where the
//! library includes it. No object file is ever committed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on its output")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context as _, bail};

#[path = "build/toolchain.rs"]
#[expect(unreachable_pub, reason = "the same file is a module of xtask")]
mod toolchain;

use toolchain::Toolchain;

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

    let Some(toolchain) = Toolchain::find() else {
        bail!(
            "no compiler for the XDP program: a rustup nightly with rust-src, or Debian's rustc-web with \
             rust-web-src, must be installed; `cargo xtask setup` does it"
        );
    };
    let Some(linker) = toolchain::find_linker() else {
        bail!("bpf-linker is neither in PATH nor in ~/.cargo/bin; `cargo xtask setup` installs it");
    };
    let target_dir = out.join("bpf");
    let mut command = toolchain.build_command(root, &target_dir, &linker);
    let output = command
        .arg("--message-format=short")
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the XDP program does not build with {}:\n{messages}", toolchain.prefix.display());
    }
    // Warnings in the program's source (`file:line:column: warning: ..`) would otherwise go unseen.
    for warning in messages.lines().filter(|line| line.contains(": warning: ")) {
        println!("cargo::warning={warning}");
    }
    fs::copy(toolchain::object(&target_dir), out.join(toolchain::PACKAGE))
        .context("cannot copy the BPF object")?;
    Ok(())
}
