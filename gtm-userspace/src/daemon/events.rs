//! What happened, one line for each change of state.

use crate::clock;
use crate::config::Model;
use crate::config::model::{CheckId, Verdict};
use crate::dataplane::{Counters as KernelCounters, Dataplane};
use crate::decision::Decider;
use crate::event::{Event, EventKind};
use crate::health::{CheckState, VerdictChange};
use crate::server::Counters;

/// A generation serves.
pub(super) fn serving(model: &Model, decider: &Decider, dataplane: Option<&Dataplane>) {
    let location = &decider.table().location;
    tracing::info!(
        zones = model.zones.len(),
        steered_names = decider.table().names.len(),
        checks = model.checks.len(),
        ranges_v4 = location.ranges_v4,
        ranges_v6 = location.ranges_v6,
        "serving"
    );
    match dataplane {
        None => tracing::info!("XDP is off: the server answers everything"),
        Some(dataplane) => {
            for (interface, attachment) in dataplane.interfaces() {
                let mode = if attachment.native { "native" } else { "generic" };
                tracing::info!(interface, mode, "program attached");
            }
        }
    }
}

/// An event that happens now.
pub(super) fn event(kind: EventKind, object: impl Into<String>, reason: impl Into<String>) -> Event {
    Event {
        sequence: 0,
        time: clock::wall(),
        kind,
        object: object.into(),
        reason: reason.into(),
        from: None,
        to: None,
        error: None,
    }
}

/// Writes an event to the log: a line of its own, with what is known of it as fields.
pub(super) fn log(event: &Event) {
    let Event { kind, object, reason, from, to, error, .. } = event;
    let (from, to, error) = (from.as_deref(), to.as_deref(), error.as_deref());
    let what = kind.words();
    match kind {
        EventKind::AddressDown
        | EventKind::PoolWarning
        | EventKind::PoolDown
        | EventKind::DomainDown
        | EventKind::AllDownEntered
        | EventKind::ConfigurationRefused
        | EventKind::GeoDataRefused => tracing::warn!(object, reason, from, to, error, "{what}"),
        EventKind::AddressUp
        | EventKind::PoolAvailable
        | EventKind::AllDownLeft
        | EventKind::AnswerSwitched
        | EventKind::OverrideSet
        | EventKind::OverrideCleared
        | EventKind::ConfigurationAccepted
        | EventKind::GeoDataLoaded => tracing::info!(object, reason, from, to, error, "{what}"),
    }
}

/// The service has ended.
pub(super) fn stopped(dataplane: Option<&Dataplane>, server: &Counters) {
    let kernel = dataplane.and_then(|dataplane| dataplane.counters().ok());
    tracing::info!(
        answered_by_kernel = kernel.as_ref().map_or(0, KernelCounters::answered),
        answered_over_udp = server.udp_answered(),
        answered_over_tcp = server.tcp_answered(),
        udp_overflowed = server.udp_overflowed(),
        dropped = server.dropped(),
        send_failed = server.send_failed(),
        tcp_displaced = server.tcp_displaced(),
        kernel = kernel.map(|counters| outcomes(&counters)),
        "stopped"
    );
}

/// Every outcome that came about, with its packets.
fn outcomes(counters: &KernelCounters) -> String {
    let counted = counters.iter().filter(|(_, packets)| *packets > 0);
    counted.map(|(outcome, packets)| format!("{}={packets}", outcome.name())).collect::<Vec<_>>().join(" ")
}

/// The state of a check as a change to it.
pub(super) fn change(check: usize, state: CheckState) -> VerdictChange {
    let error = state.last_error.filter(|_| state.verdict == Verdict::Failed);
    VerdictChange { check: CheckId(check), verdict: state.verdict, error }
}
