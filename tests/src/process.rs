//! A child process as a guard: its output is kept, and it never outlives the guard.

use std::io::{BufRead, BufReader, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::eventually;

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A running child. On drop it gets SIGTERM, and SIGKILL when it does not end.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    collector: JoinHandle<()>,
}

impl Process {
    /// Starts the command without input; both its outputs are collected line by line, in the order of writing.
    pub fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let (reader, writer) = pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        // The command still holds the writing ends: only without them the reader sees the end.
        drop(command);

        let lines = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&lines);
        let collector = thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                collected.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { name, child, lines, collector })
    }

    /// Everything written so far.
    pub fn output(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// The first line that contains `text`, once it is written; an error when the process ends before.
    pub fn wait_for_line(&self, deadline: Duration, text: &str) -> Result<String> {
        let what = format!("{} writes a line with {text:?}", self.name);
        let line = eventually(deadline, &what, || {
            // Read before the lines are: whoever has finished has written all it will.
            let finished = self.collector.is_finished();
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            match lines.iter().find(|line| line.contains(text)) {
                Some(line) => Some(Ok(line.clone())),
                None if finished => Some(Err(anyhow!("{} ended without a line with {text:?}", self.name))),
                None => None,
            }
        });
        line.and_then(|line| line).map_err(|error| self.with_output(&error))
    }

    /// How it ended; `None` while it runs.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// How it ends within the deadline. All that it has written is then in [`Self::output`].
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let ended =
            eventually(deadline, &format!("{} ends", self.name), || self.child.try_wait().transpose());
        let status = ended.and_then(|status| Ok(status?)).map_err(|error| self.with_output(&error))?;
        // Its own children may go on and hold the pipe: they are not waited for any longer.
        let collected = eventually(GRACE, "the rest is read", || self.collector.is_finished().then_some(()));
        drop(collected);
        Ok(status)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// Ends it with SIGTERM; when that does not help in time with SIGKILL, which is an error.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(Signal::SIGTERM)?;
        let ended = self.wait(GRACE);
        if ended.is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        ended.context("SIGTERM had no effect, the process was killed")
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The error, with the output of this process below it.
    pub fn with_output(&self, error: &Error) -> Error {
        anyhow!("{error:#}\noutput of {}:\n{}", self.name, self.output())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended either way, and a failure to end cleanly is for those who call `stop`.
        drop(self.stop());
    }
}
