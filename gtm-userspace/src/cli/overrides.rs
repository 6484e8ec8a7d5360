//! `gtm override`: what an operator says of addresses, pools and access domains, whatever their health.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use nix::unistd::{User, getuid};

use super::daemon::{DaemonArgs, exit_code, told, wait};
use super::style::{BOLD, DIM, PLAIN};
use super::table::{Cell, Table};
use super::times;
use crate::control::api::{Kind, NewOverride, Object, Override, OverrideSet, Verb};
use crate::control::client::Client;

/// Arguments of `gtm override`.
#[derive(Debug, clap::Args)]
pub(super) struct OverrideArgs {
    #[command(subcommand)]
    verb: OverrideVerb,
}

#[derive(Debug, Subcommand)]
enum OverrideVerb {
    /// Addresses or pools: available whatever their health.
    Up(SetArgs),
    /// Addresses or pools: not available.
    Down(SetArgs),
    /// Addresses, pools or access domains: as if they were enabled.
    Enable(SetArgs),
    /// Addresses, pools or access domains: as if they were disabled.
    Disable(SetArgs),
    /// Addresses or pools: weight 0.
    Drain(SetArgs),
    /// Access domains: one of their pools answers as long as it is available.
    Pin(PinArgs),
    /// Show the overrides that hold.
    List(ListArgs),
    /// Undo overrides.
    Undo(UndoArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// Which: a name or address, or a pattern with `*` and `?`; also POOL/ADDRESS and NAME/TYPE.
    pattern: String,
    /// Why; kept with the override.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long, like 30m, 1h or 7d; until it is undone unless this or --until is given.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
    lasting: Option<String>,
    /// Until when, like 2026-12-31T18:00:00Z, or "2026-12-31 18:00" for the time here.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<u64>,
    /// Who says so [default: the login user].
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Of which kind they are, when the pattern matches several.
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Only show what it would match.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[derive(Debug, clap::Args)]
struct PinArgs {
    #[command(flatten)]
    set: SetArgs,
    /// The pool that answers: one of the access domain's own.
    #[arg(long, value_name = "NAME")]
    pool: String,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Print JSON with stable keys.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[derive(Debug, clap::Args)]
struct UndoArgs {
    /// Their numbers, as `gtm override list` shows them.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<u64>,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// A kind of objects, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KindArg {
    /// Addresses and names in pools.
    Address,
    /// Pools.
    Pool,
    /// Access domains.
    Domain,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Address => Self::Address,
            KindArg::Pool => Self::Pool,
            KindArg::Domain => Self::Domain,
        }
    }
}

fn parse_time(text: &str) -> Result<u64, String> {
    times::parse(text, &TimeZone::system())
}

/// Does what is asked for.
pub(super) fn run(args: &OverrideArgs) -> ExitCode {
    exit_code(match &args.verb {
        OverrideVerb::Up(args) => set(args, Verb::Up, None),
        OverrideVerb::Down(args) => set(args, Verb::Down, None),
        OverrideVerb::Enable(args) => set(args, Verb::Enable, None),
        OverrideVerb::Disable(args) => set(args, Verb::Disable, None),
        OverrideVerb::Drain(args) => set(args, Verb::Drain, None),
        OverrideVerb::Pin(args) => set(&args.set, Verb::Pin, Some(&args.pool)),
        OverrideVerb::List(args) => list(args),
        OverrideVerb::Undo(args) => undo(args),
    })
}

/// Shows what the pattern matches, asks, and does it.
fn set(args: &SetArgs, action: Verb, pool: Option<&String>) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let mut wish = NewOverride {
        pattern: args.pattern.clone(),
        kind: args.kind.map(Into::into),
        action,
        pool: pool.cloned(),
        who: args.who.clone().unwrap_or_else(login_user),
        reason: args.reason.clone(),
        expires: args.until,
        lasting: args.lasting.clone(),
        dry_run: true,
    };
    let found = ask(&client, &wish)?;
    super::print(&preview(&wish, &found, &TimeZone::system()));
    if args.dry_run {
        return Ok(());
    }
    if !args.yes {
        confirm()?;
    }
    wish.dry_run = false;
    let done = ask(&client, &wish)?;
    for one in &done.overrides {
        super::print(&format!("override {}: {} {}", one.id, object(&one.object), said(one)));
    }
    Ok(())
}

fn ask(client: &Client, wish: &NewOverride) -> Result<OverrideSet, ExitCode> {
    wait(async { client.set_overrides(wish).await.map_err(|error| told(&error)) })
}

/// What would be done, and to which objects.
fn preview(wish: &NewOverride, found: &OverrideSet, zone: &TimeZone) -> String {
    let until = found.expires.map_or_else(
        || "until undone".to_owned(),
        |expires| format!("until {}", times::shown(expires, zone)),
    );
    let pool = wish.pool.as_ref().map(|pool| format!(" to pool {pool}")).unwrap_or_default();
    let head = format!("{}{pool}, {until}:", wish.action.word());
    let objects = found.objects.iter().map(|one| format!("  {}", object(one)));
    let replaced = found
        .replaced
        .iter()
        .map(|one| format!("in place of override {}: {} {}", one.id, object(&one.object), said(one)));
    std::iter::once(head).chain(objects).chain(replaced).collect::<Vec<_>>().join("\n")
}

/// Asks on the terminal; without one nothing is done.
fn confirm() -> Result<(), ExitCode> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(super::refuse("nothing was done: without a terminal to ask on, --yes is needed"));
    }
    // Whoever cannot see the question does not answer it with yes.
    let _unseen = write!(io::stderr(), "Do it? [y/N] ").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(_) if is_yes(&answer) => Ok(()),
        Ok(_) | Err(_) => Err(super::fail("nothing was done")),
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

fn list(args: &ListArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let overrides = wait(async { client.overrides().await.map_err(|error| told(&error)) })?;
    if args.json {
        return super::print_json(&overrides);
    }
    if overrides.overrides.is_empty() {
        super::print("no overrides");
    } else {
        super::print(&table(&overrides.overrides, &TimeZone::system()).to_string());
    }
    Ok(())
}

fn undo(args: &UndoArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    wait(async {
        let mut worst = Ok(());
        for id in &args.ids {
            match client.undo(*id).await {
                Ok(done) => {
                    let one = done.undone;
                    let line = format!("undone: override {}: {} {}", one.id, object(&one.object), said(&one));
                    super::print(&line);
                }
                Err(error) => worst = Err(told(&error)),
            }
        }
        worst
    })
}

/// The overrides for people.
pub(super) fn table(overrides: &[Override], zone: &TimeZone) -> Table {
    let mut table = Table::new(&[">OVERRIDE", "OBJECT", "SAYS", "SINCE", "UNTIL", "WHO", "REASON"]);
    for one in overrides {
        let until = one.expires.map_or_else(
            || Cell::new(DIM, "undone"),
            |expires| Cell::new(PLAIN, times::shown(expires, zone)),
        );
        table.row([
            one.id.to_string().into(),
            object(&one.object).into(),
            Cell::new(BOLD, said(one)),
            times::shown(one.created, zone).into(),
            until,
            one.who.as_str().into(),
            one.reason.as_str().into(),
        ]);
    }
    table
}

/// An object for people.
pub(super) fn object(object: &Object) -> String {
    match object {
        Object::Address { pool: None, target } => format!("address {target}"),
        Object::Address { pool: Some(pool), target } => format!("address {pool}/{target}"),
        Object::Pool { name } => format!("pool {name}"),
        Object::Domain { name, steered } => format!("domain {name} {steered}"),
    }
}

/// What an override says.
fn said(one: &Override) -> String {
    match &one.pool {
        None => one.action.word().to_owned(),
        Some(pool) => format!("{} to pool {pool}", one.action.word()),
    }
}

/// Who logged in, also behind sudo; else the user of this process.
fn login_user() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter().filter_map(|key| std::env::var(key).ok());
    let uid = getuid();
    named
        .into_iter()
        .find(|name| !name.is_empty())
        .or_else(|| User::from_uid(uid).ok().flatten().map(|user| user.name))
        .unwrap_or_else(|| format!("user {uid}"))
}

#[cfg(test)]
mod tests;
