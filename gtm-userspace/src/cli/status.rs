//! `gtm status`: everything at one moment, or again and again.

mod text;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::daemon::{DaemonArgs, Follower, exit_code, told, wait};
use crate::control::client::Client;

/// From one picture to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// To the upper left; lines that are too long end at the edge instead of going on below.
const BEGIN: &str = "\x1b[H\x1b[2J\x1b[?7l";
/// Long lines go on below again.
const END: &str = "\x1b[?7h";

/// Arguments of `gtm status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Again every second, until interrupted.
    #[arg(long, short)]
    watch: bool,
    /// Print JSON with stable keys.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Prints the state of everything.
pub(super) fn run(args: &StatusArgs) -> ExitCode {
    exit_code(status(args))
}

fn status(args: &StatusArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    wait(async {
        if args.watch {
            return watch(args, &client).await;
        }
        let status = client.status().await.map_err(|error| told(&error))?;
        if args.json {
            return super::print_json(&status);
        }
        super::print(&text::text(&status, &TimeZone::system()));
        Ok(())
    })
}

async fn watch(args: &StatusArgs, client: &Client) -> Result<(), ExitCode> {
    let zone = TimeZone::system();
    let redraws = !args.json && io::stdout().is_terminal();
    let mut follower = Follower::default();
    loop {
        let status = follower.ask(async || client.status().await).await?;
        let shown = if args.json {
            let json = serde_json::to_string(&status);
            json.map_err(|error| super::fail(&format!("no JSON for the status: {error}")))?
        } else {
            text::text(&status, &zone)
        };
        let written = if redraws {
            draw(&shown)
        } else {
            let end = if args.json { "" } else { "\n" };
            super::try_print(&format!("{shown}{end}"))
        };
        if written.is_err() {
            return Ok(());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Shows as much as fits the terminal.
fn draw(shown: &str) -> io::Result<()> {
    let height = terminal_size::terminal_size().map_or(usize::MAX, |(_, height)| usize::from(height.0));
    let mut out = io::stdout().lock();
    write!(out, "{BEGIN}")?;
    out.flush()?;
    drop(out);
    let (text, more) = fitting(shown, height);
    super::try_print(&text)?;
    let mut out = io::stdout().lock();
    if more > 0 {
        write!(out, "({more} more lines; they need a taller terminal)")?;
    }
    write!(out, "{END}")?;
    out.flush()
}

/// The first lines that leave room for what follows them, and how many are left out.
fn fitting(shown: &str, height: usize) -> (String, usize) {
    let lines: Vec<&str> = shown.lines().collect();
    // The cursor stays in the last line.
    let room = height.saturating_sub(1);
    let fitting: Vec<&str> = lines.iter().copied().take(room).collect();
    (fitting.join("\n"), lines.len() - fitting.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_shown() {
        assert_eq!(fitting("a\nb\nc", 4), ("a\nb\nc".to_owned(), 0));
        assert_eq!(fitting("a\nb\nc", 3), ("a\nb".to_owned(), 1));
        assert_eq!(fitting("a", 0), (String::new(), 1));
    }
}
