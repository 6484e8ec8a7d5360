//! The scenario in the operator's hands: who is answered what is shown as it changes, sites are stopped and started by
//! typing.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::daemon::Daemon;
use super::network::{Network, Seen, join};
use super::places::{Asker, EDGE_DEVICE, Family, NAME, Place};
use super::signals::stop_requested;
use super::terminal::{Terminal, Tone};
use crate::counters;

/// From one look at the answers to the next.
const INTERVAL: Duration = Duration::from_secs(1);
const WIDTHS: [usize; 6] = [7, 17, 5, 30, 4, 9];

/// What the operator wants.
#[derive(Debug)]
pub enum Event {
    /// A line was typed.
    Typed(String),
    /// A signal asks to end.
    Stop,
}

/// A typed command.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Stop(Place),
    Start(Place),
    Show,
    Quit,
}

/// Who asks for what.
type Question = (Asker, Family);

/// Shows the stage and follows it until the operator ends it.
pub fn follow(
    network: &mut Network,
    daemon: &mut Daemon,
    terminal: &Terminal,
    events: &Receiver<Event>,
) -> Result<()> {
    introduce(network, terminal)?;
    let start = Instant::now();
    let mut shown = look(network)?;
    print_table(terminal, &shown)?;
    terminal.line("\nfollowing changes, one look per second; Ctrl-C ends and cleans up")?;
    let mut next = Instant::now() + INTERVAL;
    loop {
        match events.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Event::Stop) => return Ok(()),
            Ok(Event::Typed(line)) => match parse(&line) {
                Ok(Some(Command::Quit)) => return Ok(()),
                Ok(Some(Command::Show)) => print_table(terminal, &shown)?,
                Ok(Some(Command::Stop(place))) => switch(network, terminal, start, place, "stopped")?,
                Ok(Some(Command::Start(place))) => switch(network, terminal, start, place, "started")?,
                Ok(None) => {}
                Err(problem) => terminal.line(&problem)?,
            },
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                daemon.check()?;
                let seen = look(network)?;
                for ((question, before), (_, now)) in shown.iter().zip(&seen) {
                    if key(before) != key(now) {
                        print_change(terminal, start, *question, before, now)?;
                    }
                }
                shown = seen;
                next = Instant::now() + INTERVAL;
            }
        }
    }
}

/// Passes on what is typed; the end of the input is not the end of the scenario.
pub fn read_commands(events: Sender<Event>) {
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if events.send(Event::Typed(line)).is_err() {
                return;
            }
        }
    });
}

fn introduce(network: &Network, terminal: &Terminal) -> Result<()> {
    let program = counters::xdp_program(network.edge(), EDGE_DEVICE)?;
    let attached = program.map_or_else(
        || terminal.paint(Tone::Bad, "no XDP program: userspace answers everything"),
        |number| format!("XDP program {number} attached"),
    );
    let [v4, v6] = Family::ALL.map(|family| family.server().ip());
    terminal.heading("the stage")?;
    terminal.line(&format!(
        "  edge     {}: gtm on {v4} and {v6}; {EDGE_DEVICE}: {attached}",
        network.edge().name()
    ))?;
    terminal.line(&format!(
        "  clients  {}: addresses of five countries and one of none",
        network.clients().name()
    ))?;
    for place in Place::ALL {
        let addresses = Family::ALL.map(|family| place.address(family));
        terminal.line(&format!("  site     {}: {}", place.title(), join(&addresses)))?;
    }
    terminal.heading("ask by hand, from another terminal")?;
    let asker = Asker::Hk.address(Family::Ipv4);
    terminal.line(&format!("  ip netns exec {} dig -b {asker} @{v4} {NAME} A", network.clients().name()))?;
    terminal.heading("stop and start a site, here")?;
    let site = Place::DataCentre.address(Family::Ipv4);
    terminal.line(&format!("  stop {site}     start {site}     show     quit"))?;
    Ok(())
}

fn look(network: &Network) -> Result<Vec<(Question, Seen)>> {
    let questions = Family::ALL.into_iter().flat_map(|family| Asker::ALL.map(|asker| (asker, family)));
    // A daemon that does not answer is waited for at every question: the operator should not be.
    let questions = questions.take_while(|_| !stop_requested());
    questions.map(|(asker, family)| Ok(((asker, family), network.ask(asker, family)?))).collect()
}

/// What makes two answers the same: neither the order of the addresses nor who answered is a change of it.
fn key(seen: &Seen) -> (Vec<IpAddr>, &str) {
    let mut addresses = seen.addresses.clone();
    addresses.sort();
    (addresses, &seen.instead)
}

fn print_table(terminal: &Terminal, answers: &[(Question, Seen)]) -> Result<()> {
    terminal.heading(&format!("who is answered what for {NAME}"))?;
    terminal.row(&WIDTHS, &["country", "client", "type", "answer", "TTL", "answered by"])?;
    for ((asker, family), seen) in answers {
        let ttl = seen.ttl.map_or_else(|| "-".to_owned(), |ttl| ttl.to_string());
        let cells: [&str; 6] = [
            asker.country(),
            &asker.address(*family).to_string(),
            &family.record_type().to_string(),
            &seen.text(),
            &ttl,
            &seen.by_text(),
        ];
        terminal.row(&WIDTHS, &cells)?;
    }
    Ok(())
}

fn print_change(
    terminal: &Terminal,
    start: Instant,
    question: Question,
    before: &Seen,
    now: &Seen,
) -> Result<()> {
    let (asker, family) = question;
    let (country, address, rtype) =
        (asker.country(), asker.address(family).to_string(), family.record_type().to_string());
    let (from, to, by) = (before.text(), now.text(), now.by_text());
    terminal
        .line(&format!("{} {country:2} {address:<16} {rtype:<4}  {from} -> {to}  ({by})", clock(start)))?;
    Ok(())
}

fn switch(
    network: &mut Network,
    terminal: &Terminal,
    start: Instant,
    place: Place,
    what: &str,
) -> Result<()> {
    let mut down = network.down();
    down.retain(|other| *other != place);
    if what == "stopped" {
        down.push(place);
    }
    network.set_down(&down)?;
    let addresses = join(&Family::ALL.map(|family| place.address(family)));
    let tone = if what == "stopped" { Tone::Bad } else { Tone::Good };
    let text = format!("site {} ({addresses}) {what}", place.title());
    terminal.line(&format!("{} {}", clock(start), terminal.paint(tone, &text)))?;
    Ok(())
}

/// Time since the start, as it stands before each event.
fn clock(start: Instant) -> String {
    format!("{:7.1} s ", start.elapsed().as_secs_f64())
}

/// The command in a typed line; `None` for an empty one, what is wrong with it otherwise.
fn parse(line: &str) -> Result<Option<Command>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => Ok(None),
        ["quit" | "exit"] => Ok(Some(Command::Quit)),
        ["show"] => Ok(Some(Command::Show)),
        ["stop", site] => Ok(Some(Command::Stop(place(site)?))),
        ["start", site] => Ok(Some(Command::Start(place(site)?))),
        _ => Err(format!("{line:?} is not a command: stop ADDRESS, start ADDRESS, show or quit")),
    }
}

fn place(text: &str) -> Result<Place, String> {
    let found = text.parse::<IpAddr>().context("").ok().and_then(|address| {
        Place::ALL
            .into_iter()
            .find(|place| Family::ALL.iter().any(|family| place.address(*family) == address))
    });
    found.ok_or_else(|| {
        let sites = Place::ALL.map(|place| place.address(Family::Ipv4));
        format!("{text:?} is not the address of a site: {}", join(&sites))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Result<Option<Command>, &str>) {
        assert_eq!(parse(line), expect.map_err(str::to_owned));
    }

    #[test]
    fn commands_are_read() {
        check("", Ok(None));
        check(" quit ", Ok(Some(Command::Quit)));
        check("show", Ok(Some(Command::Show)));
        check("stop 223.5.0.1", Ok(Some(Command::Stop(Place::DataCentre))));
        check("start 2001:db8:7::1", Ok(Some(Command::Start(Place::Singapore))));
        check(
            "stop 1.2.3.4",
            Err("\"1.2.3.4\" is not the address of a site: 223.5.0.1, 223.6.0.1, 223.7.0.1"),
        );
        check("halt", Err("\"halt\" is not a command: stop ADDRESS, start ADDRESS, show or quit"));
    }
}
