//! Configuration: a file becomes a `Model` that is valid by construction, or a list of every problem in it.

pub mod model;

pub use model::Model;
