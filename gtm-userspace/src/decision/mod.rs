//! The pure decision: configuration, client class and health become one answer table.

pub mod answer;
pub mod table;

pub use table::AnswerTable;
