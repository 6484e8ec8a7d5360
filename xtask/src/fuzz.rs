//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer.
//!
//! What it finds on the way is kept in `target/fuzz`, and the next run goes on from there; the corpus in the repository
//! stays as it is.

use std::fs;

use anyhow::{Context as _, bail};

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::setup;

/// The targets, by name.
pub(crate) const TARGETS: [&str; 5] = ["query", "zone", "config", "mmdb", "parity"];
/// The one that loads the XDP program.
const PRIVILEGED: &str = "parity";
/// Longest input: beyond it there is nothing new, only more of it.
const MAX_LEN: u32 = 4096;

/// Runs one target, or each of them, for so long.
pub(crate) fn fuzz(target: Option<&str>, seconds: u32) -> anyhow::Result<()> {
    if target == Some(PRIVILEGED) && !process::is_root() {
        bail!("a program is loaded into the kernel, which needs root: {}", process::as_root());
    }
    setup::for_purpose(Purpose::Fuzz)?;
    for name in TARGETS.into_iter().filter(|name| target.is_none_or(|target| target == *name)) {
        if name == PRIVILEGED && !process::is_root() {
            eprintln!("skipped {name}: needs root");
            continue;
        }
        run(name, seconds)?;
    }
    Ok(())
}

fn run(target: &str, seconds: u32) -> anyhow::Result<()> {
    let found = process::root().join("target/fuzz");
    let folder = |name: &str| {
        let folder = found.join(name).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        anyhow::Ok(folder)
    };
    // An input that ends the process leaves its temporary files behind: here they are in nobody's way.
    let (corpus, artifacts, temporary) = (folder("corpus")?, folder("artifacts")?, folder("tmp")?);
    let mut command = cargo();
    // Without AddressSanitizer, which takes a nightly compiler and finds little in code without `unsafe`.
    command
        .args(["fuzz", "run", "--sanitizer", "none", "--features", "libfuzzer", target])
        .arg(corpus)
        .arg(process::root().join("fuzz/corpus").join(target))
        .arg("--")
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_LEN}"), "-timeout=20".to_owned()])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("TMPDIR", &temporary);
    let done = process::run(&mut command);
    fs::remove_dir_all(&temporary).with_context(|| format!("cannot remove {}", temporary.display()))?;
    done
}
