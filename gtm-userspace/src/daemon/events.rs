//! What happened, one line for each change of state.

use gtm_common::counters::Outcome;

use crate::config::Model;
use crate::config::model::{AccessDomain, CheckId, DomainId, SourceId, Verdict};
use crate::dataplane::{Counters as KernelCounters, Dataplane};
use crate::decision::Decider;
use crate::decision::choose::{Choice, Reason};
use crate::decision::decider::{AllDown, Switch};
use crate::health::{CheckState, VerdictChange};
use crate::server::Counters;

/// A generation serves.
pub(super) fn serving(model: &Model, decider: &Decider, dataplane: Option<&Dataplane>) {
    let location = &decider.table().location;
    tracing::info!(
        zones = model.zones.len(),
        steered_names = decider.table().names.len(),
        checks = model.checks.len(),
        ranges_v4 = location.ranges_v4.len(),
        ranges_v6 = location.ranges_v6.len(),
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

/// Some clients of an access domain are answered otherwise than before; with the error of the check that failed, if it
/// was that.
pub(super) fn answer_switched(model: &Model, switch: &Switch, check_error: Option<&str>) {
    let Some(domain) = model.domains.get(switch.domain.0) else { return };
    let sources: Vec<&str> = switch
        .route
        .stops
        .iter()
        .filter_map(|(_, source)| {
            source.map(|SourceId(index)| model.sources.get(index).map_or("", |source| &source.name))
        })
        .collect();
    tracing::info!(
        domain = %domain.name,
        r#type = %domain.steered,
        sources = sources.join(","),
        from = %switch.from.response,
        to = %switch.to.response,
        why = why(model, domain, &switch.to),
        check_error,
        "answer switched"
    );
}

/// An access domain has no pool left that is up, or has one again: an answer of last resort hides a broken check.
pub(super) fn all_down(model: &Model, domain: DomainId, change: AllDown) {
    let Some(domain) = model.domains.get(domain.0) else { return };
    match change {
        AllDown::Entered => {
            tracing::warn!(domain = %domain.name, r#type = %domain.steered, "all-down action entered");
        }
        AllDown::Left => {
            tracing::info!(domain = %domain.name, r#type = %domain.steered, "all-down action left");
        }
    }
}

/// The service has ended.
pub(super) fn stopped(dataplane: Option<&Dataplane>, server: &Counters) {
    let kernel = dataplane.and_then(|dataplane| dataplane.counters().ok());
    tracing::info!(
        answered_by_kernel = kernel.as_ref().map_or(0, |counters| counters.get(Outcome::Answered)),
        answered_over_udp = server.udp_answered(),
        answered_over_tcp = server.tcp_answered(),
        dropped = server.dropped(),
        send_failed = server.send_failed(),
        tcp_refused = server.tcp_refused(),
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

fn why(model: &Model, domain: &AccessDomain, choice: &Choice) -> String {
    let pool =
        |position: usize| domain.pools.get(position).map_or("", |used| model.pool(used.pool).name.as_str());
    match choice.reason {
        Reason::Pool(position) => format!("first available address of pool {}", pool(position)),
        Reason::AllDown(position) => format!("every pool is down: all addresses of pool {}", pool(position)),
        Reason::AllDownEmpty => "every pool is down, and none has an address to fall back to".to_owned(),
        Reason::NoPoolForClient => "no pool for these clients is up".to_owned(),
    }
}
