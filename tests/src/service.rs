//! One configuration, decided once and served twice: by the program and by the server.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use gtm_common::counters::Outcome;
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{Check, CheckId, Target, Verdict};
use gtm_userspace::dataplane::{Counters, Generation};
use gtm_userspace::decision::overrides::Override;
use gtm_userspace::decision::{Answer, Conditions, Decider};
use gtm_userspace::geo::Partition;
use gtm_userspace::inputs::Inputs;
use gtm_userspace::server::{Tables, Transport, respond};

use crate::Datagram;

/// How long a TCP connection may be idle, for those who ask.
const TCP_IDLE: Duration = Duration::from_secs(10);
/// Port that queries come from.
const CLIENT_PORT: u16 = 40_000;

/// A decided configuration with everything that serves it from the table.
#[derive(Debug)]
pub struct Service {
    model: Arc<Model>,
    partition: Partition,
    decider: Decider,
    tables: Arc<Tables>,
}

impl Service {
    /// Loads a configuration and every file that it names. Every check has the verdict that its template gives it at the
    /// start.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let inputs = Inputs::load(path).map_err(|problems| {
            anyhow!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let model = inputs.model;
        let initial = |check: &Check| {
            model.templates.get(check.template.0).map(|template| template.initial.verdict(None))
        };
        let conditions = Conditions {
            verdicts: model.checks.iter().filter_map(initial).collect(),
            ..Conditions::default()
        };
        Ok(Self::of(model, inputs.partition, conditions))
    }

    /// The same from texts: the configuration and its one zone file, `zone`.
    pub fn from_text(config: &str, zone: &str) -> anyhow::Result<Self> {
        Self::from_files(config, &[("zone", zone.as_bytes())])
    }

    /// The same from the configuration and the files that it names.
    pub fn from_files(config: &str, files: &[(&str, &[u8])]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gtm.toml");
        std::fs::write(&path, config)?;
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content)?;
        }
        Self::load(&path)
    }

    /// Decides a model for a partition.
    pub fn new(model: Model, partition: Partition, conditions: Conditions) -> Self {
        Self::of(Arc::new(model), partition, conditions)
    }

    fn of(model: Arc<Model>, partition: Partition, conditions: Conditions) -> Self {
        let decider = Decider::new(Arc::clone(&model), &partition, conditions);
        Self { tables: Arc::new(Tables::of(&model, decider.table())), model, partition, decider }
    }

    /// The configuration.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The address space by class.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The table and what keeps it true.
    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// Takes the verdict of every check of this address, and returns the slots that changed.
    pub fn set_verdict(&mut self, address: IpAddr, verdict: Verdict) -> Vec<u32> {
        let model = Arc::clone(&self.model);
        let of_address = |(_, check): &(usize, &Check)| check.target == Target::Ip(address);
        let checks = model.checks.iter().enumerate().filter(of_address);
        checks
            .flat_map(|(id, _)| self.decider.set_verdict(CheckId(id), verdict).switches)
            .map(|switch| switch.slot)
            .collect()
    }

    /// Takes the verdict of every check, failed for these targets, and these overrides in the place of those before; returns
    /// the slots that changed.
    pub fn set_state(&mut self, failed: &BTreeSet<Target>, overrides: Vec<Override>) -> BTreeSet<u32> {
        let model = Arc::clone(&self.model);
        let mut switches = self.decider.set_overrides(overrides).switches;
        for (id, check) in model.checks.iter().enumerate() {
            let verdict = if failed.contains(&check.target) { Verdict::Failed } else { Verdict::Passing };
            switches.extend(self.decider.set_verdict(CheckId(id), verdict).switches);
        }
        switches.into_iter().map(|switch| switch.slot).collect()
    }

    /// Makes a slot answer something else than what was decided, for the server and for what is loaded from now on.
    pub fn store(&self, slot: u32, answer: Answer) {
        let slot = usize::try_from(slot).ok().and_then(|slot| self.decider.table().slots.get(slot));
        if let Some(slot) = slot {
            slot.store(Arc::new(answer));
        }
    }

    /// The server's answer over UDP; `None` when it gives none.
    pub fn respond(&self, message: &[u8], client: IpAddr) -> Option<Vec<u8>> {
        respond(message, client, Transport::Udp, &self.tables).map(|response| response.bytes)
    }

    /// The server's answer over TCP; `None` when it gives none.
    pub fn respond_over_tcp(&self, message: &[u8], client: IpAddr) -> Option<Vec<u8>> {
        let transport = Transport::Tcp { idle: TCP_IDLE };
        respond(message, client, transport, &self.tables).map(|response| response.bytes)
    }

    /// The query as a datagram from this client to the first served address of its family.
    pub fn datagram(&self, client: IpAddr, message: &[u8]) -> anyhow::Result<Datagram> {
        let mut listen = self.model.service.listen.iter();
        let to = listen.find(|address| address.is_ipv4() == client.is_ipv4());
        let to = to.context("no address of this family is served")?;
        Ok(Datagram::new(SocketAddr::new(client, CLIENT_PORT), *to, message.to_vec()))
    }

    /// Loads the program with this table, which takes root.
    pub fn generation(&self) -> anyhow::Result<Generation> {
        Ok(Generation::load(&self.model.service.listen, &self.tables, self.decider.table())?)
    }
}

/// What one run of the program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// `XDP_TX` with this frame.
    Sent(Vec<u8>),
    /// `XDP_PASS` with the frame as it came.
    Passed,
}

/// Verdict of a program that passes the frame on (uapi/linux/bpf.h).
pub const XDP_PASS: u32 = 2;
/// Verdict of a program that sends the frame back.
pub const XDP_TX: u32 = 3;

/// Runs the program on a frame and checks what holds for every frame: it is answered or passed untouched, and exactly
/// one counter counts it.
pub fn run(generation: &Generation, frame: &[u8]) -> anyhow::Result<(Ran, Outcome)> {
    run_after(generation, &mut generation.counters()?, frame)
}

/// The same for many frames in a row: `counters` are those of the generation before this one and become those after it.
pub fn run_after(
    generation: &Generation,
    counters: &mut Counters,
    frame: &[u8],
) -> anyhow::Result<(Ran, Outcome)> {
    let (verdict, out) = generation.run(frame)?;
    let before = std::mem::replace(counters, generation.counters()?);
    let outcome = counted(&before, counters)?;
    let ran = match verdict {
        XDP_TX if outcome.is_answer() => Ran::Sent(out),
        XDP_PASS if !outcome.is_answer() && out == frame => Ran::Passed,
        XDP_PASS if !outcome.is_answer() => return Err(anyhow!("passed, but changed")),
        other => return Err(anyhow!("verdict {other}, counted as {}", outcome.name())),
    };
    Ok((ran, outcome))
}

/// The one outcome by which the counters differ.
fn counted(before: &Counters, after: &Counters) -> anyhow::Result<Outcome> {
    let steps = || {
        before
            .iter()
            .zip(after.iter())
            .map(|((outcome, before), (_, after))| (outcome, after.wrapping_sub(before)))
    };
    let mut counted = steps().filter(|(_, step)| *step != 0);
    match (counted.next(), counted.next()) {
        (Some((outcome, 1)), None) => Ok(outcome),
        _ => Err(anyhow!("counted {:?}", steps().filter(|(_, step)| *step != 0).collect::<Vec<_>>())),
    }
}
