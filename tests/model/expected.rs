//! What may be answered, as plain sets: every possible answer of a choice is written out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use gtm_userspace::config::model::{Sticky, Target};

/// The records of one answer, in order.
pub(crate) type List = Vec<Target>;

/// What an access domain may answer to one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// What the zone says.
    Zone,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
    /// Addresses or a name, at most so many in one answer.
    Records(Choice, usize),
}

/// The members that may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one.
    One(Target),
    /// All of these, beginning one later from answer to answer; of names, and beside names, one of these in turn.
    All(Vec<Self>),
    /// One of these for each answer, by weight.
    Weighted(Vec<Member>),
    /// One of these for each client prefix.
    Sticky(Level, Sticky, Vec<Member>),
}

/// Where a choice is made: the name of a pool, or nothing for the access domain itself.
pub(crate) type Level = String;

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) choice: Choice,
}

/// That a client prefix got a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) level: Level,
    pub(crate) sticky: Sticky,
    /// All members with their weights.
    pub(crate) members: BTreeMap<String, u32>,
    /// The one that answered.
    pub(crate) member: String,
}

impl Choice {
    /// Every answer with at most so many records.
    pub(crate) fn lists(&self, most: usize) -> BTreeSet<List> {
        match self {
            Self::One(target) => BTreeSet::from([vec![target.clone()]]),
            Self::All(parts) => turns(parts, most).into_iter().flatten().collect(),
            Self::Weighted(members) | Self::Sticky(_, _, members) => {
                members.iter().flat_map(|member| member.choice.lists(most)).collect()
            }
        }
    }

    /// The turns of which each is met in as many answers in a row as there are turns, seen from one of these answers: the
    /// possible answers of each. None where chance, or the client alone, decides.
    pub(crate) fn turns(&self, most: usize, seen: &List) -> Vec<BTreeSet<List>> {
        match self {
            Self::All(parts) if parts.len() > 1 => turns(parts, most),
            Self::All(parts) => parts.iter().flat_map(|part| part.turns(most, seen)).collect(),
            Self::Sticky(_, _, members) => {
                let member = only(members, |member| member.choice.lists(most).contains(seen));
                member.map_or_else(Vec::new, |member| member.choice.turns(most, seen))
            }
            Self::One(_) | Self::Weighted(_) => Vec::new(),
        }
    }

    /// The possible answers of each member of an outer choice by weight, with its weight; none where two members have one in
    /// common.
    pub(crate) fn shares(&self, most: usize) -> Vec<(BTreeSet<List>, u32)> {
        let Self::Weighted(members) = self else { return Vec::new() };
        let shares: Vec<_> =
            members.iter().map(|member| (member.choice.lists(most), member.weight)).collect();
        let all: BTreeSet<&List> = shares.iter().flat_map(|(lists, _)| lists).collect();
        let count: usize = shares.iter().map(|(lists, _)| lists.len()).sum();
        if all.len() == count { shares } else { Vec::new() }
    }

    /// Which members the client got by its prefix, as far as the answer tells.
    pub(crate) fn held(&self, most: usize, seen: &List) -> Vec<Held> {
        match self {
            Self::One(_) => Vec::new(),
            Self::All(parts) => parts.iter().flat_map(|part| part.held(most, seen)).collect(),
            Self::Weighted(members) => {
                let member = only(members, |member| member.choice.is_in(most, seen));
                member.map_or_else(Vec::new, |member| member.choice.held(most, seen))
            }
            Self::Sticky(level, sticky, members) => {
                let Some(member) = only(members, |member| member.choice.is_in(most, seen)) else {
                    return Vec::new();
                };
                let held = Held {
                    level: level.clone(),
                    sticky: *sticky,
                    members: members.iter().map(|member| (member.name.clone(), member.weight)).collect(),
                    member: member.name.clone(),
                };
                let mut all = member.choice.held(most, seen);
                all.push(held);
                all
            }
        }
    }

    /// The longest prefix on which the answer depends, in the family of the address.
    pub(crate) fn sticky_length(&self, client: IpAddr) -> u8 {
        let own = match self {
            Self::Sticky(_, sticky, members) if members.len() > 1 => length(*sticky, client),
            Self::One(_) | Self::All(_) | Self::Weighted(_) | Self::Sticky(..) => 0,
        };
        let inner: Vec<u8> = match self {
            Self::One(_) => Vec::new(),
            Self::All(parts) => parts.iter().map(|part| part.sticky_length(client)).collect(),
            Self::Weighted(members) | Self::Sticky(_, _, members) => {
                members.iter().map(|member| member.choice.sticky_length(client)).collect()
            }
        };
        inner.into_iter().fold(own, u8::max)
    }

    /// True when all records of one of its answers are in this one.
    fn is_in(&self, most: usize, seen: &List) -> bool {
        self.lists(most).iter().any(|list| list.iter().all(|target| seen.contains(target)))
    }

    /// True when some answer is a name.
    fn has_name(&self) -> bool {
        self.lists(usize::MAX).iter().flatten().any(|target| matches!(target, Target::Name(_)))
    }

    /// Every target that some answer may hold.
    pub(crate) fn targets(&self) -> BTreeSet<Target> {
        self.lists(usize::MAX).into_iter().flatten().collect()
    }
}

/// Prefix length in the family of the address.
pub(crate) fn length(sticky: Sticky, client: IpAddr) -> u8 {
    if client.is_ipv4() { sticky.ipv4 } else { sticky.ipv6 }
}

/// The possible answers when each of the parts is the first.
fn turns(parts: &[Choice], most: usize) -> Vec<BTreeSet<List>> {
    if parts.iter().any(Choice::has_name) {
        // A name stands alone in its answer.
        return parts.iter().map(|part| part.lists(most)).collect();
    }
    let beginning_with = |first: usize| {
        let mut lists = BTreeSet::from([Vec::new()]);
        for part in parts.iter().cycle().skip(first).take(parts.len()) {
            let behind = part.lists(usize::MAX);
            lists = lists.iter().flat_map(|list| behind.iter().map(|more| joined(list, more))).collect();
        }
        lists.into_iter().map(|list| list.into_iter().take(most).collect()).collect()
    };
    (0..parts.len()).map(beginning_with).collect()
}

/// One behind the other, each target once.
fn joined(list: &List, more: &List) -> List {
    let new = more.iter().filter(|target| !list.contains(target));
    list.iter().chain(new).cloned().collect()
}

/// The one member of which this is true; none when it is true of several.
fn only(members: &[Member], is_it: impl Fn(&Member) -> bool) -> Option<&Member> {
    let mut found = members.iter().filter(|member| is_it(member));
    found.next().filter(|_| found.next().is_none())
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone => f.write_str("what the zone says"),
            Self::NoData => f.write_str("NODATA"),
            Self::ServFail => f.write_str("SERVFAIL"),
            Self::Refused => f.write_str("REFUSED"),
            Self::Records(choice, usize::MAX) => choice.fmt(f),
            Self::Records(choice, most) => write!(f, "{choice}, at most {most}"),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |word: &str, parts: Vec<String>| parts.join(word);
        let weighed = |member: &Member| format!("{} ({})", member.choice, member.weight);
        match self {
            Self::One(target) => target.fmt(f),
            Self::All(parts) => write!(f, "[{}]", join(" and ", parts.iter().map(Self::to_string).collect())),
            Self::Weighted(members) => {
                write!(f, "[{} by weight]", join(" or ", members.iter().map(weighed).collect()))
            }
            Self::Sticky(_, _, members) => {
                write!(f, "[{} by client]", join(" or ", members.iter().map(weighed).collect()))
            }
        }
    }
}
