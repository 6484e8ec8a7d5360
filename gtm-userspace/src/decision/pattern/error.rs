//! Why a pattern names nothing that can be done, and what could be written instead.

use std::fmt;

use super::super::overrides::Object;
use super::Kind;

/// Why nothing is done with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is called so.
    #[error("no {} matches \"{pattern}\"", Listed { items: kinds, word: "or" })]
    NoMatch {
        /// As it was written.
        pattern: String,
        /// What it was tried against.
        kinds: Vec<Kind>,
        /// The nearest valid name.
        suggestion: String,
    },
    /// It is not clear what is meant.
    #[error("\"{pattern}\" matches {}", Counts(found))]
    SeveralKinds {
        /// As it was written.
        pattern: String,
        /// How many objects of each kind match.
        found: Vec<(Kind, usize)>,
    },
    /// The action is not for objects of this kind.
    #[error("\"{verb}\" is not for objects of kind \"{asked}\"")]
    WrongKind {
        /// The action.
        verb: &'static str,
        /// The kind that was asked for.
        asked: Kind,
        /// The kinds that it is for.
        possible: &'static [Kind],
    },
    /// A weight of 0 would change nothing.
    #[error("drain sets a weight to 0, and nothing that uses {object} chooses by weight{}", Users(users))]
    Unnoticed {
        /// The first such object.
        object: Object,
        /// Those that use it, each with its policy.
        users: Vec<String>,
    },
    /// There is no such pool to pin to.
    #[error("no pool \"{pool}\"")]
    NoSuchPool {
        /// As it was written.
        pool: String,
        /// The nearest of the access domain's own.
        suggestion: String,
    },
    /// The pool is not one of the access domain's own.
    #[error("the pool \"{pool}\" is not one of {object}")]
    NotItsPool {
        /// The pool.
        pool: String,
        /// The access domain.
        object: Object,
        /// The nearest of the access domain's own.
        suggestion: String,
    },
    /// There is nothing to return from.
    #[error("{object} needs no return: only one with a policy by ordinal and `preemptive = false` stays")]
    Preemptive {
        /// The first of those that match.
        object: Object,
    },
}

impl PatternError {
    /// What could be written instead.
    pub fn suggestion(&self) -> Option<String> {
        match self {
            Self::NoMatch { suggestion, .. }
            | Self::NoSuchPool { suggestion, .. }
            | Self::NotItsPool { suggestion, .. } => Some(suggestion.clone()),
            Self::SeveralKinds { found, .. } => {
                let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
                Some(format!("say which with the kind {}", Listed { items: &kinds, word: "or" }))
            }
            Self::WrongKind { possible, .. } => {
                Some(format!("allowed: {}", Listed { items: possible, word: "or" }))
            }
            Self::Unnoticed { .. } => Some("use \"disable\" or \"down\" instead".to_owned()),
            Self::Preemptive { .. } => None,
        }
    }
}

/// As `address, pool or domain`.
struct Listed<'a> {
    items: &'a [Kind],
    word: &'a str,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.items.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == self.items.len() => write!(f, " {} ", self.word)?,
                _ => f.write_str(", ")?,
            }
            kind.fmt(f)?;
        }
        Ok(())
    }
}

/// As `1 address and 2 pools`.
struct Counts<'a>(&'a [(Kind, usize)]);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, count)) in self.0.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == self.0.len() => f.write_str(" and ")?,
                _ => f.write_str(", ")?,
            }
            let ending = match (kind, count) {
                (_, 1) => "",
                (Kind::Address, _) => "es",
                (Kind::Pool | Kind::Domain, _) => "s",
            };
            write!(f, "{count} {kind}{ending}")?;
        }
        Ok(())
    }
}

/// As ` (frankfurt: ordinal)`.
struct Users<'a>(&'a [String]);

impl fmt::Display for Users<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.join(", ")) }
    }
}
