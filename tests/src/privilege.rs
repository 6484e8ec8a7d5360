//! What to do with a test that needs root: skip it by name, or fail when skips are forbidden.

use std::env;

/// True when the test `name` can run as root. Otherwise prints that it is skipped, and fails when `GTM_TEST_STRICT=1`.
pub fn root_or_skip(name: &str) -> bool {
    let root = is_root();
    if !root {
        skip(name, "needs root for network namespaces");
    }
    root
}

/// Reports that the test `name` cannot run here and why; fails it when `GTM_TEST_STRICT=1`.
///
/// # Panics
///
/// When skips are forbidden: that is how a test fails.
#[expect(clippy::print_stderr, reason = "a skipped test says so on the terminal, whatever runs the tests")]
pub fn skip(name: &str, reason: &str) {
    eprintln!("skipped {name}: {reason}");
    let strict = env::var_os("GTM_TEST_STRICT").is_some_and(|value| value == "1");
    assert!(!strict, "{name} was skipped although GTM_TEST_STRICT=1: {reason}");
}

/// True when this process runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
