//! `cargo xtask test`: format, lints, tidiness and every test of the workspace.
//!
//! A test that cannot run says `skipped NAME: reason` on standard error. Two variables tell it what that means:
//! `GTM_TEST_STRICT=1`, set in the full run, makes a skip a failure (absent shared geo data excepted), and
//! `GTM_TEST_QUICK=1`, set by `--quick`, makes the tiers that need root skip.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::{env, io};

use anyhow::{Context as _, bail};

use crate::process::{self, cargo};
use crate::requirement::Purpose;
use crate::{setup, tidy};

/// Which tests to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tiers {
    /// Those that need no root.
    Unprivileged,
    /// All.
    All,
}

/// Runs the checks and the tests of `tiers`; with `filters` only the tests whose names contain one of them.
pub(crate) fn test(tiers: Tiers, filters: &[String]) -> anyhow::Result<()> {
    if tiers == Tiers::All && !process::is_root() {
        bail!(
            "the full run creates network namespaces and loads programs into the kernel, which needs root: {} \
             (or leave those tiers out: cargo xtask test --quick)",
            process::as_root()
        );
    }
    setup::for_purpose(if tiers == Tiers::All { Purpose::Test } else { Purpose::QuickTest })?;

    let mut failed = Vec::new();
    let mut step = |name: &'static str, action: &mut dyn FnMut() -> anyhow::Result<()>| {
        eprintln!("== {name}");
        if let Err(error) = action() {
            eprintln!("{error:#}");
            failed.push(name);
        }
    };
    if filters.is_empty() {
        step("format", &mut || process::run(cargo().args(["fmt", "--all", "--check"])));
        step("lints", &mut || {
            process::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
        });
        step("tidy", &mut tidy::check);
    }
    // The end-to-end tier starts the daemon itself, which `cargo test` alone would not build.
    step("binaries", &mut || process::run(cargo().args(["build", "--workspace", "--bins"])));
    step("tests", &mut || run_tests(tiers, filters));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn run_tests(tiers: Tiers, filters: &[String]) -> anyhow::Result<()> {
    let mut command = test_command(tiers, filters);
    if io::stderr().is_terminal() && env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot run cargo test")?;
    let stderr = BufReader::new(child.stderr.take().context("cargo test has no standard error")?);
    let mut skipped = 0_u32;
    for line in stderr.split(b'\n') {
        let line = line.context("cannot read what cargo test says")?;
        skipped += u32::from(line.starts_with(b"skipped "));
        io::stderr().write_all(&[line.as_slice(), b"\n"].concat())?;
    }
    let status = child.wait().context("cargo test did not end")?;
    if skipped > 0 {
        eprintln!("{skipped} skipped, each with its reason above");
    }
    if !status.success() {
        bail!("`{}` ended with {status}", process::shown(&command));
    }
    Ok(())
}

fn test_command(tiers: Tiers, filters: &[String]) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if !filters.is_empty() {
        command.arg("--").args(filters);
    }
    match tiers {
        Tiers::All => command.env("GTM_TEST_STRICT", "1").env_remove("GTM_TEST_QUICK"),
        Tiers::Unprivileged => command.env("GTM_TEST_QUICK", "1").env_remove("GTM_TEST_STRICT"),
    };
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_says_which_tiers_must_run() {
        #[track_caller]
        fn check(tiers: Tiers, filters: &[&str], expect: &str) {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            assert_eq!(process::shown(&test_command(tiers, &filters)), expect);
        }
        check(Tiers::All, &[], "GTM_TEST_STRICT=1 cargo test --workspace --no-fail-fast");
        check(Tiers::Unprivileged, &[], "GTM_TEST_QUICK=1 cargo test --workspace --no-fail-fast");
        check(Tiers::All, &["ecs"], "GTM_TEST_STRICT=1 cargo test --workspace --no-fail-fast -- ecs");
    }
}
