//! The worked scenario: three sites, two clouds and a data centre, asked by clients of several countries.
//!
//! [`network::Network`] is the stage, [`smoke`] plays all rows by itself, [`live`] lets an operator play.

pub mod daemon;
pub mod live;
pub mod network;
pub mod places;
pub mod rows;
pub mod signals;
pub mod smoke;
pub mod terminal;
