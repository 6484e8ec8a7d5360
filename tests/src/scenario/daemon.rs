//! The daemon of the scenario: `gtm run` as a child in the edge's namespace, on a copy of the demo configuration.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;
use toml::Value;

use super::network::Network;
use super::places::{Asker, Family};
use super::rows::Steering;
use super::signals::stop_requested;
use crate::gtm::{CONFIG, Gtm, copy_of};
use crate::wait::eventually;

/// The configuration with all its files, as it stands in the source tree.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/demo");
/// How its program is attached.
const MODE: &str = "xdp_mode = \"native\"";
/// The key of the access domains in it.
const ACCESS_DOMAINS: &str = "domain";
/// How long the daemon may take from its start to its first answer.
const START: Duration = Duration::from_secs(10);
/// How long it may then take to attach its program.
const ATTACH: Duration = Duration::from_secs(3);

/// A running daemon with its configuration folder; ended on drop.
#[derive(Debug)]
pub struct Daemon {
    gtm: Gtm,
}

impl Daemon {
    /// Starts `gtm run` and waits until it answers, and until its program is attached.
    ///
    /// Whether one got attached is for [`crate::counters::xdp_program`] to say: without it the daemon answers too.
    pub fn start(network: &Network) -> Result<Self> {
        Self::start_in_mode(network, "native")
    }

    /// The same with another `xdp_mode`.
    pub fn start_in_mode(network: &Network, mode: &str) -> Result<Self> {
        let folder = copy_of(Path::new(DEMO))?;
        let path = folder.path().join(CONFIG);
        let text = fs::read_to_string(&path)?;
        ensure!(text.contains(MODE), "the demo configuration has no {MODE}");
        fs::write(&path, text.replace(MODE, &format!("xdp_mode = \"{mode}\"")))?;
        let mut daemon = Self { gtm: Gtm::start(network.edge(), folder)? };

        let answering = eventually(START, "the daemon answers its first question", || {
            let seen = daemon.check().and_then(|()| network.ask(Asker::Cn, Family::Ipv4));
            match seen {
                Ok(seen) if seen.by.is_none() => stop_requested().then(|| Err(anyhow!("interrupted"))),
                seen => Some(seen),
            }
        });
        answering.and_then(|seen| seen).map_err(|error| daemon.gtm.with_output(&error))?;
        // It says so once everything is in place.
        drop(daemon.gtm.wait_for_line(ATTACH, "serving"));
        Ok(daemon)
    }

    /// An error, with what it wrote, when it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.gtm.check()
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        self.gtm.output()
    }

    /// Enables or disables all access domains in the configuration and has the daemon load it again.
    pub fn steer(&self, steering: Steering) -> Result<()> {
        let path = self.gtm.folder().join(CONFIG);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, steered(&text, steering)?)?;
        self.gtm.signal(Signal::SIGHUP)
    }

    /// Ends it; an error when it had ended before or did not end cleanly.
    pub fn stop(self) -> Result<()> {
        self.gtm.stop()
    }
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
