//! What a slot answers, as it was decided: the members of both levels that may answer, and how one or several of them
//! are picked for each answer.

use std::fmt;

use crate::config::model::{Sticky, Target};

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Response {
    /// Addresses or a name.
    Answer {
        /// Which, and how they are picked.
        selection: Selection,
        /// Most records in one answer; all when none.
        max_answers: Option<u16>,
    },
    /// No records of this type.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
    /// What the zone itself says: the access domain is disabled.
    Zone,
}

/// Members that may answer, and how they are picked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// This one.
    Target(Target),
    /// All of these, in an order that rotates by one from answer to answer; of names only the first, because a name has
    /// one CNAME (RFC 2181 section 10.1).
    All(Vec<Selection>),
    /// One of these for each answer, with probability weight / sum of weights.
    Weighted(Vec<Member>),
    /// One of these for each client prefix, in proportion to the weights; a member that leaves moves only its own
    /// clients.
    Sticky(Sticky, Vec<Member>),
}

/// One of several members.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// What it is called, the same in every configuration: the name of a pool, or a target.
    pub name: String,
    /// 1 to [`crate::config::model::MAX_WEIGHT`]: a member that cannot be picked is none.
    pub weight: u8,
    /// What it answers.
    pub selection: Selection,
}

impl Response {
    /// Every target that some answer may hold, in order.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Self::Answer { selection, .. } => selection.targets(),
            Self::NoData | Self::ServFail | Self::Refused | Self::Zone => Vec::new(),
        }
    }
}

impl Selection {
    /// Every target that some answer may hold, in order; one that is in several members as often.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Self::Target(target) => vec![target],
            Self::All(parts) => parts.iter().flat_map(Self::targets).collect(),
            Self::Weighted(members) | Self::Sticky(_, members) => {
                members.iter().flat_map(|member| member.selection.targets()).collect()
            }
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { selection, max_answers: None } => selection.fmt(f),
            Self::Answer { selection, max_answers: Some(most) } => write!(f, "{selection}, at most {most}"),
            Self::NoData => f.write_str("no address (NODATA)"),
            Self::ServFail => f.write_str("SERVFAIL"),
            Self::Refused => f.write_str("REFUSED"),
            Self::Zone => f.write_str("the zone's own records"),
        }
    }
}

/// As `a`, `a and b rotating`, `a (3) or b (1) by weight`, `a or b by client`; inner ones in brackets.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn join(f: &mut fmt::Formatter<'_>, word: &str, parts: impl Iterator<Item = String>) -> fmt::Result {
            f.write_str(&parts.collect::<Vec<_>>().join(word))
        }
        let inner = |selection: &Self| match selection {
            Self::Target(target) => target.to_string(),
            Self::All(parts) if parts.len() == 1 => parts.iter().map(Self::to_string).collect(),
            several @ (Self::All(_) | Self::Weighted(_) | Self::Sticky(..)) => format!("[{several}]"),
        };
        let weighed = |member: &Member| format!("{} ({})", inner(&member.selection), member.weight);
        match self {
            Self::Target(target) => target.fmt(f),
            Self::All(parts) => {
                join(f, " and ", parts.iter().map(inner))?;
                f.write_str(if parts.len() > 1 { " rotating" } else { "" })
            }
            Self::Weighted(members) => {
                join(f, " or ", members.iter().map(weighed))?;
                f.write_str(if members.len() > 1 { " by weight" } else { "" })
            }
            Self::Sticky(_, members) => {
                join(f, " or ", members.iter().map(weighed))?;
                f.write_str(if members.len() > 1 { " by client" } else { "" })
            }
        }
    }
}
