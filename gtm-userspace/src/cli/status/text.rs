//! The state of everything for people: a table for each kind of objects.

use std::collections::BTreeMap;

use anstyle::Style;
use jiff::tz::TimeZone;

use super::super::overrides;
use super::super::style::{BAD, BOLD, DIM, DOUBTFUL, GOOD, PLAIN, styled};
use super::super::table::{Cell, Table};
use super::super::times;
use crate::control::api::{
    Address, AddressState, CheckVerdict, Domain, DomainState, Override, Pool, PoolState, Rate, Status,
};

/// All of it; no line break at the end.
pub(super) fn text(status: &Status, zone: &TimeZone) -> String {
    let since = |time| format!("since {} ({})", times::shown(time, zone), times::between(time, status.time));
    let mut parts = vec![format!(
        "{}, {}\ngeneration {}, {}\n{}\n{}",
        styled(BOLD, &format!("gtm {}", status.version)),
        since(status.started),
        status.generation.number,
        since(status.generation.since),
        service(status),
        answers(status),
    )];
    let says = Says::new(&status.overrides);
    let tables = [
        domains(&status.domains, &says),
        pools(&status.pools, &says),
        addresses(&status.addresses, &says),
        checks(status, zone),
        overrides::table(&status.overrides, zone),
    ];
    parts.extend(tables.iter().filter(|table| !table.is_empty()).map(ToString::to_string));
    parts.join("\n\n")
}

fn service(status: &Status) -> String {
    let interfaces = &status.service.interfaces;
    let shown: Vec<String> =
        interfaces.iter().map(|interface| format!("{} ({})", interface.name, interface.mode)).collect();
    let kernel = if shown.is_empty() {
        "no interface: the daemon answers everything".to_owned()
    } else {
        format!("on {}", shown.join(", "))
    };
    format!("serves {}, {kernel}", status.service.listen.join(", "))
}

fn answers(status: &Status) -> String {
    let shown = |rate: &Rate| format!("{} ({:.1}/s)", rate.total, rate.per_second);
    let answers = &status.answers;
    format!("answered by the kernel {}, by the daemon {}", shown(&answers.kernel), shown(&answers.userspace))
}

/// What the overrides say, by id.
struct Says(BTreeMap<u64, &'static str>);

impl Says {
    fn new(overrides: &[Override]) -> Self {
        Self(overrides.iter().map(|one| (one.id, one.action.word())).collect())
    }

    /// As `down (#3)`.
    fn cell(&self, ids: &[u64]) -> Cell {
        let shown = |id: &u64| {
            let word = self.0.get(id).copied().unwrap_or("override");
            format!("{word} (#{id})")
        };
        Cell::new(DOUBTFUL, ids.iter().map(shown).collect::<Vec<_>>().join(", "))
    }
}

/// The real health beside an override.
fn health<T: PartialEq>(state: &T, health: &T, ids: &[u64], cell: Cell) -> Cell {
    if ids.is_empty() && state == health { Cell::new(PLAIN, "") } else { cell }
}

fn domains(domains: &[Domain], says: &Says) -> Table {
    let cell = |state: DomainState| {
        let style = match state {
            DomainState::Ok => GOOD,
            DomainState::Warning => DOUBTFUL,
            DomainState::Down => BAD,
            DomainState::Disabled => DIM,
        };
        Cell::new(style, state.words())
    };
    let is_forced = |domain: &Domain| !domain.overrides.is_empty() || domain.state != domain.health;
    // What follows is wide: the column is there when it says something.
    let shows_health = domains.iter().any(is_forced);
    let health_heading = shows_health.then_some("HEALTH");
    let headings = ["DOMAIN", "TYPE", "STATE", "POLICY", "OVERRIDE"].into_iter().chain(health_heading);
    let headings: Vec<&str> = headings.chain(["CLIENTS", "ANSWER NOW"]).collect();
    let mut table = Table::new(&headings);
    for domain in domains {
        let mut head = vec![
            Cell::new(BOLD, &domain.name),
            domain.steered.as_str().into(),
            cell(domain.state),
            domain.policy.as_str().into(),
            says.cell(&domain.overrides),
        ];
        if shows_health {
            head.push(health(&domain.state, &domain.health, &domain.overrides, cell(domain.health)));
        }
        let columns = head.len();
        if domain.answers.is_empty() {
            table.row(head);
            continue;
        }
        for answer in &domain.answers {
            let sources =
                if answer.sources.is_empty() { "all".to_owned() } else { answer.sources.join(", ") };
            head.extend([sources.into(), answer.answer.as_str().into()]);
            table.row(head);
            // The same access domain goes on below.
            head = vec!["".into(); columns];
        }
    }
    table
}

fn pools(pools: &[Pool], says: &Says) -> Table {
    let cell = |state: PoolState| {
        let style = match state {
            PoolState::Ok | PoolState::NoMonitor => GOOD,
            PoolState::Warning | PoolState::ForcedUp => DOUBTFUL,
            PoolState::Down | PoolState::ForcedDown => BAD,
            PoolState::Disabled => DIM,
        };
        Cell::new(style, state.words())
    };
    let mut table = Table::new(&["POOL", "KIND", "STATE", ">AVAILABLE", "POLICY", "OVERRIDE", "HEALTH"]);
    for pool in pools {
        table.row([
            Cell::new(BOLD, &pool.name),
            pool.kind.as_str().into(),
            cell(pool.state),
            format!("{}/{}", pool.available, pool.total).into(),
            pool.policy.as_str().into(),
            says.cell(&pool.overrides),
            health(&pool.state, &pool.health, &pool.overrides, cell(pool.health)),
        ]);
    }
    table
}

fn addresses(addresses: &[Address], says: &Says) -> Table {
    let cell = |state: AddressState| Cell::new(style_of(state), state.words());
    let mut table = Table::new(&["ADDRESS", "POOL", ">ORDINAL", ">WEIGHT", "STATE", "OVERRIDE", "HEALTH"]);
    for address in addresses {
        table.row([
            Cell::new(BOLD, &address.address),
            address.pool.as_str().into(),
            address.ordinal.to_string().into(),
            address.weight.to_string().into(),
            cell(address.state),
            says.cell(&address.overrides),
            health(&address.state, &address.health, &address.overrides, cell(address.health)),
        ]);
    }
    table
}

fn style_of(state: AddressState) -> Style {
    match state {
        AddressState::Good | AddressState::NoMonitor | AddressState::Online => GOOD,
        AddressState::ForcedUp => DOUBTFUL,
        AddressState::Failed | AddressState::ForcedDown => BAD,
        AddressState::Offline | AddressState::Disabled => DIM,
    }
}

fn checks(status: &Status, zone: &TimeZone) -> Table {
    let mut table = Table::new(&["CHECK OF", "TEMPLATE", "VERDICT", "SINCE", "", "LAST ERROR"]);
    for check in &status.checks {
        let (style, word) = match check.verdict {
            CheckVerdict::Passing => (GOOD, "passing"),
            CheckVerdict::Failed => (BAD, "failed"),
        };
        table.row([
            Cell::new(BOLD, &check.target),
            check.template.as_str().into(),
            Cell::new(style, word),
            times::shown(check.since, zone).into(),
            Cell::new(DIM, times::between(check.since, status.time)),
            check.last_error.as_deref().unwrap_or_default().into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
