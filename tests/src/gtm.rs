//! The daemon as a child: `gtm run` in a namespace, on a configuration folder of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::leftover::temporary_folder;
use crate::namespace::Namespace;
use crate::process::Process;
use crate::wait::eventually;

/// The file of the configuration in its folder.
pub const CONFIG: &str = "gtm.toml";
/// How long a reload may take.
const RELOAD: Duration = Duration::from_secs(10);
/// What the daemon logs at the end of a reload: that it was accepted or refused.
const VERDICTS: [&str; 2] = ["configuration accepted", "configuration refused"];

/// A running daemon with its configuration folder; ended on drop.
#[derive(Debug)]
pub struct Gtm {
    process: Process,
    folder: TempDir,
}

impl Gtm {
    /// Starts `gtm run` on the configuration in a folder. Whether it serves yet is for the caller to find out.
    pub fn start(namespace: &Namespace, folder: TempDir) -> Result<Self> {
        Self::run(namespace.command(program()?), folder)
    }

    /// The same where the host lets it open only so many files.
    pub fn start_with_files(namespace: &Namespace, folder: TempDir, files: u32) -> Result<Self> {
        let mut command = namespace.command("prlimit");
        command.arg(format!("--nofile={files}:{files}")).arg(program()?);
        Self::run(command, folder)
    }

    fn run(mut command: Command, folder: TempDir) -> Result<Self> {
        command.arg("run").arg("--config").arg(folder.path().join(CONFIG)).env_remove("GTM_LOG");
        Ok(Self { process: Process::start(command)?, folder })
    }

    /// The folder with the configuration and the files it names.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Has the files loaded anew and waits for the verdict; what was written meanwhile.
    pub fn reload(&self) -> Result<String> {
        let before = self.output();
        self.signal(Signal::SIGHUP)?;
        let written = eventually(RELOAD, "the daemon judges the new configuration", || {
            let output = self.output();
            let written = output.get(before.len()..).unwrap_or_default();
            VERDICTS.iter().any(|verdict| written.contains(verdict)).then(|| written.to_owned())
        });
        written.map_err(|error| self.process.with_output(&error))
    }

    /// Runs another verb of `gtm` against this daemon, and waits for its end: `status --json`, say.
    pub fn verb(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments)?.output().with_context(|| format!("gtm {}", arguments.join(" ")))
    }

    /// Starts another verb of `gtm` against this daemon that does not end by itself: `events --follow`, say.
    pub fn follow(&self, arguments: &[&str]) -> Result<Process> {
        Process::start(self.command(arguments)?)
    }

    /// Where it serves the control API.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("gtm.sock")
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        command.args(arguments).arg("--socket").arg(self.socket()).stdin(Stdio::null());
        Ok(command)
    }

    /// What a verb prints, which must succeed, as JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let output = self.verb(&[arguments, &["--json"]].concat())?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "gtm {}: {}, {errors}", arguments.join(" "), output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).with_context(|| format!("gtm {}: {text}", arguments.join(" ")))
    }

    /// Kills it with SIGKILL and starts it again on the same folder.
    pub fn kill_and_start(mut self, namespace: &Namespace) -> Result<Self> {
        self.process.signal(Signal::SIGKILL)?;
        self.process.wait(RELOAD)?;
        self.start_again(namespace)
    }

    /// Starts it again on the same folder, when it has ended.
    pub fn start_again(self, namespace: &Namespace) -> Result<Self> {
        Self::start(namespace, self.folder)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// An error, with what it wrote, when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.process.with_output(&anyhow!("gtm run ended: {status}"))),
        }
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The first line that contains `text`, once it is written.
    pub fn wait_for_line(&self, deadline: Duration, text: &str) -> Result<String> {
        self.process.wait_for_line(deadline, text)
    }

    /// How it ends within the deadline.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.process.wait(deadline)
    }

    /// The error, with what it wrote below it.
    pub fn with_output(&self, error: &anyhow::Error) -> anyhow::Error {
        self.process.with_output(error)
    }

    /// Ends it; an error when it had ended before or did not end cleanly.
    pub fn stop(mut self) -> Result<()> {
        self.check()?;
        let status = self.process.stop()?;
        ensure!(
            status.success(),
            self.process.with_output(&anyhow!("gtm run ended after SIGTERM with {status}"))
        );
        Ok(())
    }
}

/// Runs a verb of `gtm` that needs no daemon in a namespace, and waits for its end.
pub fn verb_in(namespace: &Namespace, arguments: &[&str]) -> Result<Output> {
    let output = namespace.command(program()?).args(arguments).output();
    output.with_context(|| format!("gtm {}", arguments.join(" ")))
}

/// A temporary folder with copies of the files of another one, which has no folders in it.
pub fn copy_of(folder: &Path) -> Result<TempDir> {
    let copy = temporary_folder()?;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().with_context(|| path.display().to_string())?;
        fs::copy(&path, copy.path().join(name)).with_context(|| path.display().to_string())?;
    }
    Ok(copy)
}

/// The daemon's program: built beside our own, of which that of a test lies one folder deeper.
fn program() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("gtm")).find(|path| path.is_file());
    found.with_context(|| format!("gtm is not beside {}; `cargo build` makes it", own.display()))
}
