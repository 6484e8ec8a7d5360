//! The `gtm` binary: parses the command line and hands over to the library.

fn main() -> std::process::ExitCode {
    gtm_userspace::cli::main()
}
