//! What to do with a test that needs root or a program: skip it by name, or fail when skips are forbidden.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// True when the test `name`, which needs root, can run. Otherwise it is skipped: without root, and in a quick run
/// (`GTM_TEST_QUICK=1`).
pub fn root_or_skip(name: &str) -> bool {
    if is_set("GTM_TEST_QUICK") {
        skip(name, "needs root, and this is a quick run");
        return false;
    }
    if !is_root() {
        skip(name, "needs root");
        return false;
    }
    true
}

/// True when the test `name`, which needs these programs, can run; otherwise it is skipped.
pub fn programs_or_skip(name: &str, programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| in_path(program).is_none());
    if let Some(program) = missing {
        skip(name, &format!("needs {program}; `cargo xtask setup` installs it"));
    }
    missing.is_none()
}

/// Where a program is.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Reports that the test `name` cannot run here and why; fails it when `GTM_TEST_STRICT=1`.
///
/// # Panics
///
/// When skips are forbidden: that is how a test fails.
pub fn skip(name: &str, reason: &str) {
    // Not `eprintln!`, which the test harness keeps to itself when the test passes. Where standard error cannot be
    // written to, nobody reads it.
    writeln!(io::stderr(), "skipped {name}: {reason}").ok();
    assert!(!is_set("GTM_TEST_STRICT"), "{name} was skipped although GTM_TEST_STRICT=1: {reason}");
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value == "1")
}

/// True when this process runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
