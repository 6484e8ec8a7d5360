//! What every kernel is tried with: programs built once, and the files of the repository that they read.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::process::{self, cargo};

/// Folders that the tests read at their own absolute paths.
const READ: [&str; 3] = ["tests/vectors", "tests/parity", "etc/demo"];

/// `gtm-kernel` with its arguments.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) program: PathBuf,
    prog_run: PathBuf,
    parity: PathBuf,
    numbers: [String; 2],
}

impl Trial {
    /// Builds it for so many queries of a seed.
    pub(super) fn build(queries: u64, seed: u64) -> anyhow::Result<Self> {
        let mut command = cargo();
        // The binaries of a package are built with each of its integration tests.
        command
            .args(["test", "--package", "gtm-tests", "--test", "prog_run", "--no-run"])
            .arg("--message-format=json-render-diagnostics")
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot run cargo test")?;
        let mut messages = String::new();
        let stdout = child.stdout.as_mut().context("cargo test has no standard output")?;
        stdout.read_to_string(&mut messages).context("cannot read what cargo test says")?;
        let status = child.wait().context("cargo test did not end")?;
        ensure!(status.success(), "`{}` ended with {status}", process::shown(&command));
        let prog_run = executable(&messages, "prog_run-").context("cargo names no test prog_run")?;
        let binaries = process::binaries("debug")?;
        Ok(Self {
            program: binaries.join("gtm-kernel"),
            prog_run: prog_run.into(),
            parity: binaries.join("gtm-parity"),
            numbers: [queries.to_string(), seed.to_string()],
        })
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let paths = [&self.prog_run, &self.parity].map(|path| path.display().to_string());
        [paths, self.numbers.clone()].concat()
    }

    /// For this machine.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments());
        command
    }

    /// Every file it takes to run.
    pub(super) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = vec![self.program.clone(), self.prog_run.clone(), self.parity.clone()];
        let output = Command::new("ldd").args(&files).output().context("cannot run ldd")?;
        ensure!(output.status.success(), "ldd: {}", String::from_utf8_lossy(&output.stderr));
        files.extend(libraries(&String::from_utf8_lossy(&output.stdout)));
        files.extend(READ.map(|folder| process::root().join(folder)));
        Ok(files)
    }
}

/// The executable whose file name begins so, among cargo's messages.
fn executable<'a>(messages: &'a str, name: &str) -> Option<&'a str> {
    let paths = messages.split(r#""executable":""#).skip(1).filter_map(|rest| rest.split('"').next());
    paths
        .into_iter()
        .find(|path| Path::new(path).file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)))
}

/// The libraries in what `ldd` prints, the loader among them.
fn libraries(output: &str) -> Vec<PathBuf> {
    let paths = output.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    // The line of a program itself ends with a colon.
    let mut libraries: Vec<PathBuf> = paths.filter(|path| !path.ends_with(':')).map(PathBuf::from).collect();
    libraries.sort();
    libraries.dedup();
    libraries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_is_found_among_the_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"gtm_tests"},"executable":null,"fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/debug/gtm-parity","fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/debug/deps/prog_run-0a1b","fresh":true}"#,
        );
        assert_eq!(executable(messages, "prog_run-"), Some("/t/debug/deps/prog_run-0a1b"));
        assert_eq!(executable(messages, "model-"), None);
    }

    #[test]
    fn libraries_are_named_once() {
        let output = "/t/a:\n\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n\
                      \t/lib64/ld.so.2 (0x00007f)\n/t/b:\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n";
        assert_eq!(libraries(output), [Path::new("/lib/libc.so.6"), Path::new("/lib64/ld.so.2")]);
    }
}
