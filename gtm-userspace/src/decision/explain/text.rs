//! Explanations for people: short aligned lines, no colours.

use std::fmt;

use super::{AccessDomainState, Client, Explanation, Outcome, PoolStep, SourceStep, Steering, ZoneAnswer};

/// Width of the names on the left.
const LABEL: usize = 8;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "question", &format!("{} {}", self.name, self.qtype))?;
        match &self.outcome {
            Outcome::Steered(steering) => {
                line(f, "client", &client(&self.client))?;
                write_steering(f, steering, &self.matches)
            }
            Outcome::Zone(answer) => write_zone_answer(f, answer, &self.qtype),
            Outcome::Refused => {
                write!(f, "{:LABEL$}  none: the name is in none of the zones (REFUSED)", "answer")
            }
        }
    }
}

fn write_steering(f: &mut fmt::Formatter<'_>, steering: &Steering, matches: &[SourceStep]) -> fmt::Result {
    match &steering.source {
        Some(used) => {
            line(f, "source", &format!("{}, by {}", used.source, used.by))?;
            for other in matches.iter().filter(|other| *other != used) {
                line(f, "", &format!("also {}, by {}", other.source, other.by))?;
            }
        }
        None if steering.policy != "nearest-source" => line(f, "source", "does not matter")?,
        None => line(f, "source", "none that this access domain uses")?,
    }
    line(f, "policy", &format!("{}, access domain of type {}", steering.policy, steering.steered_type))?;
    let widths = Widths::new(steering);
    if !steering.pools.is_empty() {
        write!(f, "\npools in the order in which they are tried\n")?;
        steering.pools.iter().try_for_each(|pool| widths.write(f, pool))?;
    }
    if !steering.other_pools.is_empty() {
        write!(f, "\npools that are not for this client\n")?;
        steering.other_pools.iter().try_for_each(|pool| widths.write(f, pool))?;
    }
    writeln!(f)?;
    for (index, said) in steering.overrides.iter().enumerate() {
        line(f, if index == 0 { "override" } else { "" }, said)?;
    }
    match steering.answer.as_slice() {
        [one] => line(f, "answer", one)?,
        _ => line(f, "answer", &steering.response)?,
    }
    if let Some(left) = &steering.for_this_client {
        line(f, "", &format!("for this client {left}"))?;
    }
    line(f, "why", &steering.why)?;
    line(f, "ttl", &format!("{} s", steering.ttl))?;
    let holds =
        if steering.scope == 0 { "everyone".to_owned() } else { format!("all of {}", steering.holds_for) };
    write!(f, "{:LABEL$}  {}, the same for {holds}", "scope", steering.scope)
}

fn write_zone_answer(f: &mut fmt::Formatter<'_>, answer: &ZoneAnswer, qtype: &str) -> fmt::Result {
    let steered = match answer.access_domain {
        AccessDomainState::Disabled => "no: the access domain is disabled".to_owned(),
        AccessDomainState::None => format!("no: no access domain has this name and type {qtype}"),
    };
    line(f, "steered", &steered)?;
    line(f, "zone", &answer.zone.to_string())?;
    for (index, record) in answer.records.iter().enumerate() {
        line(f, if index == 0 { "answer" } else { "" }, record)?;
    }
    if answer.records.is_empty() {
        line(f, "answer", "none")?;
    }
    write!(f, "{:LABEL$}  {}", "why", answer.why)
}

fn client(client: &Client) -> String {
    match client {
        Client::Sender(address) => format!("{address}, the sender of the query"),
        Client::Subnet(prefix) => format!("{}, from the client subnet (ECS) {prefix}", prefix.address),
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    writeln!(f, "{label:LABEL$}  {text}")
}

/// Widths of the columns of the pools and their addresses.
struct Widths {
    name: usize,
    ordinal: usize,
    state: usize,
}

impl Widths {
    fn new(steering: &Steering) -> Self {
        let pools = || steering.pools.iter().chain(&steering.other_pools);
        let addresses = || pools().flat_map(|pool| &pool.addresses);
        let ordinals = pools().map(|pool| pool.ordinal).chain(addresses().map(|address| address.ordinal));
        let states =
            pools().map(|pool| pool.state.words()).chain(addresses().map(|address| address.state.words()));
        // The addresses are indented by two.
        let names =
            pools().map(|pool| head(pool).len()).chain(addresses().map(|address| address.address.len() + 2));
        Self {
            name: names.max().unwrap_or(0),
            ordinal: ordinals.map(|ordinal| ordinal.to_string().len()).max().unwrap_or(0),
            state: states.map(str::len).max().unwrap_or(0),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, pool: &PoolStep) -> fmt::Result {
        self.row(f, pool.ordinal, &head(pool), pool.state.words(), &pool.why)?;
        for address in &pool.addresses {
            let name = format!("  {}", address.address);
            self.row(f, address.ordinal, &name, address.state.words(), &address.why)?;
        }
        Ok(())
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        ordinal: u32,
        name: &str,
        state: &str,
        why: &str,
    ) -> fmt::Result {
        let Self { name: names, ordinal: ordinals, state: states } = *self;
        let row = format!("  {name:names$}  {ordinal:>ordinals$}  {state:states$}  {why}");
        writeln!(f, "{}", row.trim_end())
    }
}

/// The pool and the source that leads to it.
fn head(pool: &PoolStep) -> String {
    pool.source.as_ref().map_or_else(|| pool.pool.clone(), |source| format!("{} (for {source})", pool.pool))
}
