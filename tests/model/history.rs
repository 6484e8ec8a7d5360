//! What happened before a failure: all of it, and as little of it as fails as well.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use gtm_userspace::config::Model;

use crate::check::{Asked, Kept};
use crate::client::Client;
use crate::reference::{Reference, domain_name};
use crate::step::Step;
use crate::world::{Readers, World};

/// Most runs to find a shorter history.
const MOST_RUNS: usize = 150;

/// The steps up to a failure.
pub(crate) struct History<'m> {
    pub(crate) models: &'m [Arc<Model>],
    pub(crate) steps: Vec<Step>,
}

/// An answer that was not expected.
pub(crate) struct Failure {
    /// Name and type.
    pub(crate) domain: String,
    pub(crate) client: Client,
    pub(crate) told: String,
}

/// The addresses that count of these clients.
pub(crate) fn addresses(clients: &[Client]) -> BTreeSet<IpAddr> {
    clients.iter().map(Client::address).collect()
}

impl History<'_> {
    /// The failure in words, with the steps that lead to it.
    pub(crate) fn told(&self, failure: &Failure) -> String {
        let mut told = format!("{}\n", failure.told);
        let lines = |told: &mut String, steps: &[Step]| {
            for (index, step) in steps.iter().enumerate() {
                // Writing to a string does not fail.
                writeln!(told, "  {:3}. {step}", index + 1).ok();
            }
        };
        if let Some((steps, error)) = self.shortened(failure) {
            write!(told, "\nthe server alone fails in {} steps:\n{error}\n", steps.len()).ok();
            lines(&mut told, &steps);
        }
        told += "\nall steps:\n";
        lines(&mut told, &self.steps);
        told
    }

    /// Fewer steps after which the server alone fails for the same access domain and client, and how it fails; none when it
    /// does not even after all of them.
    fn shortened(&self, failure: &Failure) -> Option<(Vec<Step>, String)> {
        let mut steps: Vec<Step> = self.steps.iter().flat_map(Step::parts).collect();
        let mut error = self.replay(&steps, failure).err()?;
        let (mut chunk, mut runs) = (steps.len().div_ceil(2), 0);
        while chunk > 0 && runs < MOST_RUNS {
            let before = steps.len();
            let mut start = 0;
            while start < steps.len() && runs < MOST_RUNS {
                let mut fewer = steps.clone();
                fewer.drain(start..(start + chunk).min(steps.len()));
                runs += 1;
                match self.replay(&fewer, failure) {
                    Err(other) => (steps, error) = (fewer, other),
                    Ok(()) => start += chunk,
                }
            }
            if chunk > 1 || steps.len() == before {
                chunk /= 2;
            }
        }
        Some((steps, error))
    }

    /// Takes steps anew, and asks for one access domain by one client after each.
    fn replay(&self, steps: &[Step], failure: &Failure) -> Result<(), String> {
        let client = failure.client;
        let mut reference = Reference::new(self.models, BTreeSet::from([client.address()]));
        let mut world = World::new(self.models, Readers::Server);
        let mut kept = Kept::default();
        for step in steps {
            reference.take(step);
            world.take(step);
            let mut domains = reference.model().domains.iter();
            if let Some(domain) = domains.find(|domain| domain_name(domain) == failure.domain) {
                Asked { domain, client, shares: true }.check(&world, &reference, &mut kept)?;
            }
        }
        Ok(())
    }
}
