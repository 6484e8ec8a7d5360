//! `gtm explain`: what a client is answered, and why, from the files alone.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::config::model::Target;
use crate::config::{Model, suggestion};
use crate::decision::{Client, Conditions, Decider, Explainer, Explanation};
use crate::inputs::Inputs;
use crate::name::{Name, NameError};
use crate::zone::lookup::ZoneSet;
use crate::zone::text::type_number;

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
    /// An address or name of a pool that is taken to be down; may be given several times. All others are taken to be up.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_target)]
    down: Vec<Target>,
    /// Print JSON with stable keys.
    #[arg(long)]
    json: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
}

/// Prints the explanation, or what is wrong with the files or the arguments.
pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let inputs = match super::load(&args.config) {
        Ok(inputs) => inputs,
        Err(code) => return code,
    };
    let explanation = match explain(args, &inputs) {
        Ok(explanation) => explanation,
        Err(problem) => {
            super::print_error(&format!("error: {problem}"));
            return ExitCode::from(super::UNUSABLE_INPUT);
        }
    };
    match render(args, &explanation) {
        Ok(text) => {
            super::print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            super::print_error(&format!("error: no JSON for this explanation: {error}"));
            ExitCode::FAILURE
        }
    }
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
