//! The pure decision: configuration, client class and health become one answer table.
//!
//! Nothing here knows time, threads or sockets: what is known of the world comes in as [`Conditions`], and the same
//! input gives the same answer.
#![forbid(unsafe_code)]

pub mod answer;
pub mod block;
pub mod changes;
pub mod choose;
pub mod comparison;
pub mod conditions;
pub mod decider;
pub mod explain;
pub mod forced;
pub mod location;
pub mod memory;
pub mod overrides;
pub mod pattern;
pub mod route;
pub mod selection;
pub mod table;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use block::Block;
pub use changes::Changes;
pub use conditions::Conditions;
pub use decider::Decider;
pub use explain::{Client, Explainer, Explanation};
pub use selection::{Response, Selection};
pub use table::AnswerTable;
