//! One answer, picked: what the server does where the program does the same in the kernel.

use std::net::IpAddr;

use gtm_common::pick::{self, Client, Draw, INNER, OUTER};

use super::{Answer, Member};
use crate::config::model::Sticky;
use crate::decision::location;
use crate::name::Name;

/// The records of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// The records one behind the other; the owner of each is a pointer to the QNAME.
    pub records: Vec<u8>,
    /// The target when it is a CNAME into one of our zones.
    pub alias: Option<Name>,
}

impl Answer {
    /// Picks the records of one answer to this client. `next` takes the next turn of a counter: 0 is that of the answer
    /// itself, others are those of choices in it.
    pub fn pick(&self, client: IpAddr, mut next: impl FnMut(u32) -> u32) -> Picked {
        let mut picking =
            Picking { client, next: &mut next, gathered: None, count: 0, picked: Picked::default() };
        picking.add(self, 0, OUTER, usize::MAX);
        picking.picked
    }
}

/// An answer in the making.
struct Picking<'n> {
    client: IpAddr,
    next: &'n mut dyn FnMut(u32) -> u32,
    /// The turns of the members of a gathering, which have no counters of their own.
    gathered: Option<Gathered>,
    count: usize,
    picked: Picked,
}

#[derive(Clone, Copy)]
struct Gathered {
    /// Turn of the whole: for choices by weight, whose shares are exact over any turns in a row.
    whole: u32,
    /// How often the whole has gone around: so that each rotation of a member is met at each place.
    rounds: u32,
}

impl Picking<'_> {
    fn add(&mut self, answer: &Answer, counter: u32, multiplier: u64, max: usize) {
        let chosen = match answer {
            Answer::Records(block) => {
                let turn = if block.rotations > 1 { self.turn(counter) } else { 0 };
                for record in block.records(turn) {
                    self.add_record(record, max);
                }
                if let Some(alias) = &block.alias {
                    self.picked.alias = Some(alias.clone());
                }
                None
            }
            Answer::Turn(members) => {
                let index = remainder(self.turn(counter), members.len());
                members.get(index).map(|member| (index, member))
            }
            Answer::Weighted(members) => {
                let turn = match self.gathered {
                    Some(Gathered { whole, .. }) => whole,
                    None => (self.next)(counter),
                };
                let point = pick::point(turn, multiplier);
                let index = members.iter().position(|member| point <= member.weight);
                index.and_then(|index| Some((index, &members.get(index)?.answer)))
            }
            Answer::Sticky(prefixes, members) => {
                let member = sticky(*prefixes, members, self.client);
                member.map(|(index, member)| (index, &member.answer))
            }
            Answer::Gather { members, max } => {
                self.gather(members, counter, *max);
                None
            }
            Answer::Empty { .. } | Answer::Zone => None,
        };
        if let Some((index, member)) = chosen {
            self.add(member, nested(counter, index), INNER, max);
        }
    }

    fn gather(&mut self, members: &[Answer], counter: u32, max: usize) {
        let turn = self.turn(counter);
        let first = remainder(turn, members.len());
        let rounds = u32::try_from(members.len()).ok().and_then(|count| turn.checked_div(count));
        self.gathered = Some(Gathered { whole: turn, rounds: rounds.unwrap_or_default() });
        for (index, member) in members.iter().enumerate().cycle().skip(first).take(members.len()) {
            self.add(member, nested(counter, index), pick::gathered(index), max);
        }
    }

    /// Adds a record, unless there are enough, or it is there already: a record set has no record twice (RFC 2181
    /// section 5).
    fn add_record(&mut self, record: &[u8], max: usize) {
        let records = &mut self.picked.records;
        // Only a gathering has several blocks, and the records in it have one length.
        let is_new =
            self.gathered.is_none() || records.chunks_exact(record.len()).all(|other| other != record);
        if self.count < max && is_new {
            records.extend(record);
            self.count += 1;
        }
    }

    fn turn(&mut self, counter: u32) -> u32 {
        match self.gathered {
            Some(Gathered { rounds, .. }) => rounds,
            None => (self.next)(counter),
        }
    }
}

/// The counter of a choice in a member.
fn nested(counter: u32, index: usize) -> u32 {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    counter.wrapping_mul(31).wrapping_add(index).wrapping_add(1)
}

/// 0 for an empty list, which nothing is picked from.
fn remainder(turn: u32, members: usize) -> usize {
    usize::try_from(turn).unwrap_or_default().checked_rem(members).unwrap_or_default()
}

/// The member of a client's prefix.
pub(super) fn sticky(sticky: Sticky, members: &[Member], client: IpAddr) -> Option<(usize, &Member)> {
    let client = match client {
        IpAddr::V4(address) => Client::V4(address.to_bits()),
        IpAddr::V6(address) => Client::V6(location::v6(address)),
    };
    let hash = client.hash(sticky.ipv4, sticky.ipv6);
    let draw = |member: &Member| Draw::new(hash, member.key, member.weight);
    let drawn = members.iter().enumerate().map(|(index, member)| (draw(member), index, member));
    let first = drawn.reduce(|best, other| if other.0.is_before(best.0) { other } else { best });
    first.map(|(_, index, member)| (index, member))
}
