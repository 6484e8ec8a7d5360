//! The command line: one file per verb.

/// Runs the command line of the process.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
