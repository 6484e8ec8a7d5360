//! `gtm explain`: what a client is answered, and why: by the running daemon, or from the files alone.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::daemon::{DaemonArgs, exit_code, told, wait};
use crate::config::model::Target;
use crate::config::{Model, suggestion};
use crate::control::api::ExplainQuery;
use crate::control::client::ClientError;
use crate::decision::{Client, Conditions, Decider, Explainer, Explanation};
use crate::inputs::Inputs;
use crate::name::{Name, NameError};
use crate::zone::lookup::ZoneSet;
use crate::zone::text::{type_name, type_number};

/// Arguments of `gtm explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The name that is asked for.
    name: Name,
    /// The type that is asked for: A, AAAA, CNAME or any other type of data.
    #[arg(value_name = "TYPE", value_parser = parse_type)]
    qtype: u16,
    /// Who asks: the address of the sender, or the client subnet of a query with ECS.
    #[arg(long, value_name = "ADDRESS[/LENGTH]")]
    from: Client,
    /// From the files, with an address or name of a pool taken to be down and all others up; may be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_target)]
    down: Vec<Target>,
    /// From the files, with everything taken to be up, whatever a running daemon says.
    #[arg(long)]
    offline: bool,
    /// Print JSON with stable keys.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Prints the explanation, or what is wrong with the files or the arguments.
pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    exit_code(if args.offline || !args.down.is_empty() { offline(args) } else { live(args) })
}

/// From the running daemon; from the files when there is none, unless a certain one was asked for.
fn live(args: &ExplainArgs) -> Result<(), ExitCode> {
    let client = args.daemon.client()?;
    let query = ExplainQuery {
        name: args.name.to_string(),
        qtype: type_name(args.qtype),
        from: match args.from {
            Client::Sender(address) => address.to_string(),
            Client::Subnet(prefix) => prefix.to_string(),
        },
    };
    let asked = wait(async { Ok(client.explain(&query).await) })?;
    match asked {
        Ok(explained) if args.json => super::print_json(&explained.explanation),
        Ok(explained) => {
            super::print(&explained.text);
            Ok(())
        }
        Err(error @ ClientError::NoDaemon { .. }) if args.daemon.socket.is_none() => {
            super::print_error(&format!("note: {error}"));
            super::print_error("note: explained from the files, with everything up");
            offline(args)
        }
        Err(error) => Err(told(&error)),
    }
}

/// From the files alone.
fn offline(args: &ExplainArgs) -> Result<(), ExitCode> {
    let config = args.daemon.config.as_deref().unwrap_or(Path::new(super::DEFAULT_CONFIG));
    let inputs = super::load(config)?;
    let explanation = explain(args, &inputs).map_err(|problem| super::refuse(&problem))?;
    let text = render(args, &explanation)
        .map_err(|error| super::fail(&format!("no JSON for this explanation: {error}")))?;
    super::print(&text);
    Ok(())
}

fn explain(args: &ExplainArgs, inputs: &Inputs) -> Result<Explanation, String> {
    let Inputs { model, partition, databases, .. } = inputs;
    args.down.iter().try_for_each(|target| check_target(model, target))?;
    let down = args.down.iter().cloned().collect();
    let conditions = Conditions { down, ..Conditions::all_up(model) };
    let decider = Decider::new(Arc::clone(model), partition, conditions);
    let steered = model.domains.iter().filter(|domain| domain.enabled).map(|domain| domain.name.clone());
    let zones = ZoneSet::new(model.zones.iter().cloned(), steered);
    let explainer = Explainer { decider: &decider, partition, databases, zones: &zones };
    Ok(explainer.explain(&args.name, args.qtype, args.from))
}

fn render(args: &ExplainArgs, explanation: &Explanation) -> Result<String, serde_json::Error> {
    if args.json { serde_json::to_string_pretty(explanation) } else { Ok(explanation.to_string()) }
}

/// Some pool has the target.
fn check_target(model: &Model, target: &Target) -> Result<(), String> {
    let addresses = model.pools.iter().flat_map(|pool| &pool.addresses);
    let known: BTreeSet<&Target> = addresses.map(|address| &address.target).collect();
    if known.contains(target) {
        return Ok(());
    }
    let known: Vec<String> = known.into_iter().map(ToString::to_string).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(format!("--down {target}: no pool has it; {}", suggestion(&target.to_string(), &known)))
}

fn parse_type(text: &str) -> Result<u16, String> {
    type_number(text).ok_or_else(|| {
        "not a type of data that a zone can have; write A, AAAA, CNAME, MX, TXT or the like, or TYPE123"
            .to_owned()
    })
}

fn parse_target(text: &str) -> Result<Target, NameError> {
    text.parse::<IpAddr>().map(Target::Ip).or_else(|_| text.parse().map(Target::Name))
}

#[cfg(test)]
mod tests;
