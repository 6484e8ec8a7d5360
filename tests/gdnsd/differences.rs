//! Intended differences.
