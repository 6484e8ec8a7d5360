//! weighted
