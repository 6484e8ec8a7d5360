//! The complete authoritative responder over UDP and TCP: everything that the kernel passes up, and all of it when there
//! is no XDP. It decides nothing about steering: it reads the same answer table as the kernel does.
#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gtm_common::wire::rtype;

use crate::config::Model;
use crate::config::model::{Dns, Target};
use crate::decision::AnswerTable;
use crate::decision::table::Steered;
use crate::name::Name;
use crate::zone::lookup::ZoneSet;

mod bind;
mod counters;
mod finite;
#[cfg(test)]
mod fixture;
mod identity;
mod listen;
mod message;
mod opt;
mod respond;
mod slots;
mod tcp;
mod udp;

pub use bind::{BindError, Protocol};
pub use counters::Counters;
pub use finite::{Asked, Finite, Plain};
pub use listen::{Limits, Server};
pub use message::Sections;
pub use respond::{Response, Transport, respond};

/// What one answer is made from: one generation of zones, steered answers and settings.
#[derive(Debug)]
pub struct Tables {
    zones: Arc<ZoneSet>,
    steering: Arc<dyn Steering>,
    dns: Dns,
    turns: Turns,
    /// The names in our zones that a steered answer may be an alias of.
    targets: Vec<Name>,
}

/// Where steered answers come from.
pub trait Steering: fmt::Debug + Send + Sync {
    /// The steered answer to the name and type for the client; `None` leaves it to the zone.
    fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered>;
}

impl Steering for AnswerTable {
    fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        Self::find(self, name, qtype, client)
    }
}

impl Tables {
    /// The zones of a model, with the names that a table decided from it steers now: to be made anew when an access
    /// domain is enabled or disabled. Turns begin anywhere, so that what is made anew favours nobody.
    pub fn of(model: &Model, answers: &Arc<AnswerTable>) -> Self {
        let zones = ZoneSet::new(model.zones.iter().cloned(), answers.steered_names().cloned());
        let steering: Arc<dyn Steering> = Arc::<AnswerTable>::clone(answers);
        let targets =
            model.pools.iter().flat_map(|pool| &pool.addresses).filter_map(|address| match &address.target {
                Target::Name(name) => zones.find(name, rtype::A).map(|_| name.clone()),
                Target::Ip(_) => None,
            });
        let targets = targets.collect();
        Self { turns: Turns::anywhere(), targets, ..Self::new(zones, steering, model.dns.clone()) }
    }

    /// The zones, with the names of the steered ones in them.
    pub fn zones(&self) -> &ZoneSet {
        &self.zones
    }

    /// How the service speaks DNS.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Takes the zones, with the steered names among them, the answers to these names, and the settings.
    pub fn new(zones: ZoneSet, steering: Arc<dyn Steering>, dns: Dns) -> Self {
        Self { zones: Arc::new(zones), steering, dns, turns: Turns::default(), targets: Vec::new() }
    }

    /// The same with the answers of this table, which steers the same names.
    #[must_use]
    pub fn following(&self, answers: &Arc<AnswerTable>) -> Self {
        Self {
            zones: Arc::clone(&self.zones),
            steering: Arc::<AnswerTable>::clone(answers),
            dns: self.dns.clone(),
            turns: Turns::anywhere(),
            targets: self.targets.clone(),
        }
    }
}

/// How often each steered name and type was answered, and each choice below it: for what goes by turn.
///
/// Names share a counter when they fall on the same one: each still meets all its turns, in an uneven order. One
/// counter for all would not do: a client that always asks for A and AAAA in turn would see every second turn only.
#[derive(Debug)]
struct Turns([AtomicU32; Self::COUNTERS]);

impl Turns {
    const COUNTERS: usize = 1024;

    /// Counters that begin at numbers that nobody knows.
    fn anywhere() -> Self {
        // Keys come from where the standard library takes the seeds of its hash maps.
        let seed = RandomState::new();
        Self(std::array::from_fn(|counter| AtomicU32::new(low_half(seed.hash_one(counter)))))
    }

    /// Takes the next turn of this name and type, or of a choice below them.
    fn next(&self, name: &Name, qtype: u16, choice: u32) -> u32 {
        let mut hasher = DefaultHasher::new();
        (name, qtype, choice).hash(&mut hasher);
        let index = usize::try_from(low_half(hasher.finish())).unwrap_or_default() % Self::COUNTERS;
        self.0.get(index).map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0)))
    }
}

fn low_half(bits: u64) -> u32 {
    bits.to_be_bytes().last_chunk().map_or(0, |low| u32::from_be_bytes(*low))
}
