//! The daemon of the scenario: `gtm run` as a child in the edge's namespace, on a copy of the demo configuration.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use toml::Value;

use super::network::Network;
use super::places::{Asker, EDGE_DEVICE, Family};
use super::rows::Steering;
use super::signals::stop_requested;
use crate::counters;
use crate::leftover::temporary_folder;
use crate::process::Process;
use crate::wait::eventually;

/// The configuration with all its files, as it stands in the source tree.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/demo");
/// The file of the configuration in that folder.
const CONFIG: &str = "gtm.toml";
/// The key of the access domains in it.
const ACCESS_DOMAINS: &str = "domain";
/// How long the daemon may take from its start to its first answer.
const START: Duration = Duration::from_secs(10);
/// How long it may then take to attach its program.
const ATTACH: Duration = Duration::from_secs(3);

/// A running daemon with its configuration folder; ended on drop.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    folder: TempDir,
}

impl Daemon {
    /// Starts `gtm run` and waits until it answers, and until its program is attached.
    ///
    /// Whether one got attached is for [`counters::xdp_program`] to say: without it the daemon answers too.
    pub fn start(network: &Network) -> Result<Self> {
        let program = gtm()?;
        let folder = temporary_folder()?;
        copy_folder(Path::new(DEMO), folder.path())?;
        let mut command = network.edge().command(program);
        command.arg("run").arg("--config").arg(folder.path().join(CONFIG));
        let mut daemon = Self { process: Process::start(command)?, folder };

        let answering = eventually(START, "the daemon answers its first question", || {
            let seen = daemon.check().and_then(|()| network.ask(Asker::Cn, Family::Ipv4));
            match seen {
                Ok(seen) if seen.by.is_none() => stop_requested().then(|| Err(anyhow!("interrupted"))),
                seen => Some(seen),
            }
        });
        answering.and_then(|seen| seen).map_err(|error| daemon.process.with_output(&error))?;
        drop(eventually(ATTACH, "the program is attached", || {
            counters::xdp_program(network.edge(), EDGE_DEVICE).ok().flatten()
        }));
        Ok(daemon)
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

    /// Enables or disables all access domains in the configuration and has the daemon load it again.
    pub fn steer(&self, steering: Steering) -> Result<()> {
        let path = self.folder.path().join(CONFIG);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, steered(&text, steering)?)?;
        self.process.signal(Signal::SIGHUP)
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

/// The daemon's program: built beside our own.
fn gtm() -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name("gtm");
    ensure!(
        program.is_file(),
        "{} is missing: start the scenario with `cargo xtask run`, which builds it",
        program.display()
    );
    Ok(program)
}

/// Copies the files of a folder that has no folders in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().with_context(|| path.display().to_string())?;
        fs::copy(&path, to.join(name)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The configuration with `enabled` set in every access domain.
fn steered(text: &str, steering: Steering) -> Result<String> {
    let mut config: toml::Table = text.parse()?;
    let domains = config.get_mut(ACCESS_DOMAINS).and_then(Value::as_array_mut);
    for domain in domains.with_context(|| format!("the demo configuration has no {ACCESS_DOMAINS}"))? {
        let domain =
            domain.as_table_mut().with_context(|| format!("{ACCESS_DOMAINS} is not a list of tables"))?;
        domain.insert("enabled".to_owned(), Value::Boolean(steering == Steering::Enabled));
    }
    Ok(config.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_access_domain_is_switched() {
        let text = "version = 1\n[[domain]]\nname = 'a'\n[[domain]]\nname = 'b'\nenabled = true\n";
        let off = steered(text, Steering::Disabled).unwrap();
        assert_eq!(off.matches("enabled = false").count(), 2, "{off}");
        let on = steered(&off, Steering::Enabled).unwrap();
        assert_eq!(on.matches("enabled = true").count(), 2, "{on}");
        assert!(steered("version = 1", Steering::Disabled).is_err());
    }
}
