//! What a slot answers, compiled from what was decided: records, and the choices that lead to them, in the form that
//! kernel and server pick from for each answer.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use gtm_common::abi::{MAX_ANSWER, MAX_GATHERED, MAX_MEMBERS, MAX_ROTATION};
use gtm_common::pick;
use gtm_common::wire::rcode;

use super::block::Block;
use super::selection::{self, Response, Selection};
use crate::config::model::{Sticky, Target};
use crate::name::Name;

mod picked;
mod settled;
#[cfg(test)]
mod tests;

pub use self::picked::Picked;
pub use self::settled::settled;

/// Offset of the length of its data in a record whose owner is a pointer.
const RDLENGTH: usize = 10;

/// What a slot answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// These records, in turn.
    Records(Block),
    /// One of these for each answer, in turn.
    Turn(Vec<Answer>),
    /// One of these for each answer, by weight.
    Weighted(Vec<Member>),
    /// One of these for each client prefix, by weight.
    Sticky(Sticky, Vec<Member>),
    /// All of these, one behind the other, beginning one later from answer to answer; at most `max` records.
    Gather {
        /// Addresses, all of one kind.
        members: Vec<Answer>,
        /// Most records in one answer.
        max: usize,
    },
    /// No records but this response code: NOERROR means NODATA.
    Empty {
        /// NOERROR, SERVFAIL or REFUSED.
        rcode: u16,
    },
    /// What the zone itself says.
    Zone,
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// In [`Answer::Sticky`] a number made of its name, distinct among its neighbours; else 0.
    pub key: u64,
    /// In [`Answer::Weighted`] its [`pick::last_point`], in [`Answer::Sticky`] its weight, at least 1.
    pub weight: u32,
    /// What it answers.
    pub answer: Answer,
}

impl Answer {
    /// Compiles a response; `is_ours` tells the names for which the server has more to say than an alias.
    pub fn compile(response: &Response, ttl: u32, is_ours: impl Fn(&Name) -> bool) -> Self {
        match response {
            Response::Answer { selection, max_answers } => {
                let max = max_answers.map_or(usize::MAX, usize::from);
                let compiler = Compiler { ttl, max, is_ours };
                compiler.selection(selection).unwrap_or(Self::Empty { rcode: rcode::NOERROR })
            }
            Response::NoData => Self::Empty { rcode: rcode::NOERROR },
            Response::ServFail => Self::Empty { rcode: rcode::SERVFAIL },
            Response::Refused => Self::Empty { rcode: rcode::REFUSED },
            Response::Zone => Self::Zone,
        }
    }

    /// Most records that one answer holds.
    pub fn most_records(&self) -> usize {
        match self {
            Self::Records(block) => block.count,
            Self::Gather { members, max } => members.iter().map(Self::most_records).sum::<usize>().min(*max),
            Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) | Self::Empty { .. } | Self::Zone => {
                self.members().map(Self::most_records).max().unwrap_or_default()
            }
        }
    }

    /// Most bytes that the records of one answer take.
    pub fn most_bytes(&self) -> usize {
        match self {
            Self::Records(block) => block.len(),
            Self::Gather { members, .. } => members.iter().map(Self::most_bytes).sum(),
            Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) | Self::Empty { .. } | Self::Zone => {
                self.members().map(Self::most_bytes).max().unwrap_or_default()
            }
        }
    }

    /// The longest client prefixes within which some choice stays the same, by address family: 0 when none depends on
    /// the client.
    pub fn sticky_bits(&self) -> (u8, u8) {
        let own = if let Self::Sticky(sticky, _) = self { (sticky.ipv4, sticky.ipv6) } else { (0, 0) };
        self.members()
            .map(Self::sticky_bits)
            .fold(own, |(v4, v6), (other_v4, other_v6)| (v4.max(other_v4), v6.max(other_v6)))
    }

    /// The answers among which this one chooses, or which it gathers.
    pub fn members(&self) -> impl Iterator<Item = &Self> {
        let (plain, weighed): (&[Self], &[Member]) = match self {
            Self::Turn(members) | Self::Gather { members, .. } => (members, &[]),
            Self::Weighted(members) | Self::Sticky(_, members) => (&[], members),
            Self::Records(_) | Self::Empty { .. } | Self::Zone => (&[], &[]),
        };
        plain.iter().chain(weighed.iter().map(|member| &member.answer))
    }

    /// True when the server leaves it to the zone.
    pub fn is_of_zone(&self) -> bool {
        matches!(self, Self::Zone)
    }

    /// True when the kernel can answer it alone. Left to the server are: what the zone says, what is too wide or too
    /// deep, and a gathering in which an address could occur twice; and of aliases into our zones those that lead to another
    /// steered name.
    pub fn is_for_kernel(&self) -> bool {
        match self {
            Self::Gather { members, .. } => {
                members.len() <= MAX_MEMBERS
                    && members.iter().all(|member| member.is_choice(1) && member.most_bytes() <= MAX_GATHERED)
                    && is_distinct(members)
            }
            Self::Records(_) | Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) => self.is_choice(2),
            Self::Empty { .. } => true,
            Self::Zone => false,
        }
    }

    /// True when the kernel answers it whatever the zones say, and however short the name is.
    pub fn is_always_for_kernel(&self) -> bool {
        self.is_for_kernel() && !self.leads_on() && self.most_bytes() <= MAX_ANSWER
    }

    /// True when some answer is an alias into our zones, which brings more records.
    fn leads_on(&self) -> bool {
        match self {
            Self::Records(block) => block.alias.is_some(),
            Self::Empty { .. } | Self::Zone => false,
            Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) | Self::Gather { .. } => {
                self.members().any(Self::leads_on)
            }
        }
    }

    /// True for records that the kernel can copy behind at most `depth` choices.
    fn is_choice(&self, depth: u8) -> bool {
        match self {
            Self::Records(block) => block.bytes.len() - block.len() <= MAX_ROTATION,
            Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) => {
                depth > 0
                    && self.members().count() <= MAX_MEMBERS
                    && self.members().all(|member| member.is_choice(depth - 1))
            }
            Self::Gather { .. } | Self::Empty { .. } | Self::Zone => false,
        }
    }

    /// Every record that some answer may hold.
    fn records(&self) -> HashSet<&[u8]> {
        match self {
            Self::Records(block) => block.bytes.chunks_exact(block.record_len.max(1)).collect(),
            Self::Turn(_) | Self::Weighted(_) | Self::Sticky(..) | Self::Gather { .. } => {
                self.members().flat_map(Self::records).collect()
            }
            Self::Empty { .. } | Self::Zone => HashSet::new(),
        }
    }
}

/// True when no record is in two of them.
fn is_distinct(members: &[Answer]) -> bool {
    let mut seen = HashSet::new();
    members.iter().flat_map(Answer::records).all(|record| seen.insert(record))
}

/// What holds for every part of a response.
struct Compiler<F> {
    ttl: u32,
    max: usize,
    is_ours: F,
}

impl<F: Fn(&Name) -> bool> Compiler<F> {
    /// `None` when there is nothing to answer. Whatever leaves no choice becomes its one member.
    fn selection(&self, selection: &Selection) -> Option<Answer> {
        match selection {
            Selection::Target(target) => self.records(&[target]),
            Selection::All(parts) => self.all(parts),
            Selection::Weighted(members) => self.one_of(members, Kind::Weighted),
            Selection::Sticky(sticky, members) => self.one_of(members, Kind::Sticky(*sticky)),
        }
    }

    fn records(&self, targets: &[&Target]) -> Option<Answer> {
        let mut block = Block::new(targets, self.ttl, self.max)?;
        block.alias = targets.iter().find_map(|target| match target {
            Target::Name(name) if (self.is_ours)(name) => Some(name.clone()),
            Target::Name(_) | Target::Ip(_) => None,
        });
        Some(Answer::Records(block))
    }

    /// All of these. Single addresses become one block; several of a part are gathered. A name stands alone in its
    /// answer, and where an answer has one record each part has its turn, however many addresses it has.
    fn all(&self, parts: &[Selection]) -> Option<Answer> {
        if let Some(addresses) = parts.iter().map(single_address).collect::<Option<Vec<_>>>() {
            // An RRset has no record twice (RFC 2181 section 5).
            let mut seen = HashSet::new();
            return self
                .records(&addresses.into_iter().filter(|address| seen.insert(*address)).collect::<Vec<_>>());
        }
        let mut members: Vec<Answer> = parts.iter().filter_map(|part| self.selection(part)).collect();
        if members.len() < 2 {
            return members.pop();
        }
        let has_name =
            parts.iter().flat_map(Selection::targets).any(|target| matches!(target, Target::Name(_)));
        Some(if has_name || self.max == 1 {
            Answer::Turn(members)
        } else {
            Answer::Gather { members, max: self.max }
        })
    }

    fn one_of(&self, members: &[selection::Member], kind: Kind) -> Option<Answer> {
        let mut names = HashMap::new();
        let mut compile = |member: &selection::Member| {
            let answer = (member.weight > 0).then(|| self.selection(&member.selection)).flatten()?;
            let key = match kind {
                Kind::Weighted => 0,
                Kind::Sticky(_) => {
                    let before =
                        names.entry(member.name.clone()).and_modify(|count| *count += 1).or_insert(0);
                    key(&member.name, *before)
                }
            };
            Some(Member { key, weight: member.weight.into(), answer })
        };
        let mut members: Vec<Member> = members.iter().filter_map(&mut compile).collect();
        if members.len() < 2 {
            return members.pop().map(|member| member.answer);
        }
        Some(match kind {
            Kind::Weighted => {
                let total = members.iter().map(|member| member.weight).sum();
                let mut sum = 0;
                for member in &mut members {
                    sum += member.weight;
                    member.weight = pick::last_point(sum, total);
                }
                Answer::Weighted(members)
            }
            Kind::Sticky(sticky) => Answer::Sticky(sticky, members),
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Weighted,
    Sticky(Sticky),
}

/// The key of a member; of several with one name, each has its own.
fn key(name: &str, before: u32) -> u64 {
    match before {
        0 => pick::key(name.as_bytes()),
        again => pick::key(format!("{name} {again}").as_bytes()),
    }
}

/// The one address that a selection always gives.
fn single_address(selection: &Selection) -> Option<&Target> {
    match selection {
        Selection::Target(target @ Target::Ip(_)) => Some(target),
        Selection::Target(Target::Name(_)) => None,
        Selection::All(parts) => match parts.as_slice() {
            [part] => single_address(part),
            _ => None,
        },
        Selection::Weighted(members) | Selection::Sticky(_, members) => match members.as_slice() {
            [member] if member.weight > 0 => single_address(&member.selection),
            _ => None,
        },
    }
}

impl Answer {
    /// True when these records, in this order, can be the answer to the client in some turn.
    pub fn admits(&self, records: &[&[u8]], client: IpAddr) -> bool {
        self.ends(records, 0, usize::MAX, client).contains(&records.len())
    }

    /// Where an answer of this can end among the records, if it begins at `from` and all those before are answered
    /// already, at most `max` in all.
    fn ends(&self, records: &[&[u8]], from: usize, max: usize, client: IpAddr) -> BTreeSet<usize> {
        match self {
            Self::Records(block) => {
                let rotations = 0..u32::try_from(block.rotations).unwrap_or(u32::MAX);
                rotations.filter_map(|turn| follow(block.records(turn), records, from, max)).collect()
            }
            Self::Turn(_) | Self::Weighted(_) => {
                self.members().flat_map(|member| member.ends(records, from, max, client)).collect()
            }
            Self::Sticky(sticky, members) => {
                let member = picked::sticky(*sticky, members, client);
                member.map(|(_, member)| member.answer.ends(records, from, max, client)).unwrap_or_default()
            }
            Self::Gather { members, max: own } => {
                let max = max.min(from.saturating_add(*own));
                let in_turn = |first: usize| {
                    let turned = members.iter().cycle().skip(first).take(members.len());
                    turned.fold(BTreeSet::from([from]), |ends, member| {
                        ends.into_iter().flat_map(|end| member.ends(records, end, max, client)).collect()
                    })
                };
                (0..members.len()).flat_map(in_turn).collect()
            }
            Self::Empty { .. } | Self::Zone => BTreeSet::from([from]),
        }
    }
}

/// The end of these records among the others, where those that are answered already are left out.
fn follow(
    these: std::slice::ChunksExact<'_, u8>,
    records: &[&[u8]],
    from: usize,
    max: usize,
) -> Option<usize> {
    let mut end = from;
    for record in these {
        if end >= max {
            break;
        }
        if records.get(..end)?.contains(&record) {
            continue;
        }
        if records.get(end) != Some(&record) {
            return None;
        }
        end += 1;
    }
    Some(end)
}

/// The records of an answer whose owners are pointers; `None` when they do not end where the answer does.
pub fn split(mut answer: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    while !answer.is_empty() {
        let length = answer.get(RDLENGTH..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
        let (record, rest) = answer.split_at_checked(RDLENGTH + 2 + usize::from(length))?;
        records.push(record);
        answer = rest;
    }
    Some(records)
}
