//! `gtm events`: what happened, and what happens.

use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::daemon::{DaemonArgs, Follower, exit_code, wait};
use super::style::{BAD, DIM, DOUBTFUL, GOOD, PLAIN, styled};
use super::table::Cell;
use super::times;
use crate::control::api::{Event, EventQuery};
use crate::event::EventKind;

/// How long one request waits for an event, in seconds: the longest that the daemon allows.
const WAIT: u64 = 30;

/// Arguments of `gtm events`.
#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// Go on with those that come, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Only those after this sequence number.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// At most so many at first: the newest, or with --after the next ones.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print JSON, one event to a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Prints events.
pub(super) fn run(args: &EventsArgs) -> ExitCode {
    exit_code(events(args))
}

fn events(args: &EventsArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let zone = TimeZone::system();
    let print_all = |events: &[Event]| -> Result<Reader, ExitCode> {
        for event in events {
            let line = if args.json {
                serde_json::to_string(event)
                    .map_err(|error| super::fail(&format!("no JSON for an event: {error}")))?
            } else {
                line(event, &zone)
            };
            if super::try_print(&line).is_err() {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::There)
    };
    wait(async {
        let limit = Some(args.limit.into());
        let mut query = EventQuery { after: args.after, limit, wait: None };
        let mut follower = Follower::default();
        loop {
            let found = follower.ask(async || client.events(&query).await).await?;
            if print_all(&found.events)? == Reader::Gone || !args.follow {
                return Ok(());
            }
            query = EventQuery { after: Some(found.last), limit: None, wait: Some(WAIT) };
        }
    })
}

/// Whether somebody reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// An event as one line: number, time, what, to what, why.
fn line(event: &Event, zone: &TimeZone) -> String {
    let style = match event.kind {
        EventKind::AddressUp
        | EventKind::PoolAvailable
        | EventKind::AllDownLeft
        | EventKind::ConfigurationAccepted
        | EventKind::GeoDataLoaded => GOOD,
        EventKind::PoolWarning | EventKind::OverrideSet | EventKind::OverrideCleared => DOUBTFUL,
        EventKind::AddressDown
        | EventKind::PoolDown
        | EventKind::DomainDown
        | EventKind::AllDownEntered
        | EventKind::ConfigurationRefused
        | EventKind::GeoDataRefused => BAD,
        EventKind::AnswerSwitched => PLAIN,
    };
    let widest = EventKind::ALL.iter().map(|kind| kind.words().len()).max().unwrap_or(0);
    let mut line = format!(
        "{}  {}  {}  {}",
        times::shown(event.time, zone),
        styled(DIM, &format!("{:>6}", event.sequence)),
        styled(style, &format!("{:widest$}", event.kind.words())),
        Cell::new(PLAIN, &event.object).text()
    );
    // What came from elsewhere cannot move the cursor either.
    let mut add = |text: &str| {
        line.push_str("  ");
        line.push_str(Cell::new(PLAIN, text).text());
    };
    match (&event.from, &event.to) {
        (Some(from), Some(to)) => add(&format!("{from} -> {to}:")),
        (None, Some(to)) => add(&format!("now {to}:")),
        (_, None) => {}
    }
    add(&event.reason);
    if let Some(error) = &event.error {
        add(&format!("({error})"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = Event {
            sequence: 12,
            time: 1_767_225_600_000,
            kind: EventKind::AnswerSwitched,
            object: "domain www.example.com A".to_owned(),
            reason: "check web failed".to_owned(),
            from: Some("192.0.2.1".to_owned()),
            to: Some("192.0.2.2".to_owned()),
            error: Some("refused\n".to_owned()),
        };
        let shown = anstream::adapter::strip_str(&line(&event, &TimeZone::UTC)).to_string();
        assert_eq!(
            shown,
            "2026-01-01 00:00:00      12  answer switched          domain www.example.com A  192.0.2.1 -> 192.0.2.2:  \
             check web failed  (refused?)"
        );
    }
}
