//! Set-up, build, run, test and tidy: `cargo xtask --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]

fn main() -> anyhow::Result<()> {
    Ok(())
}
