//! The answer table: what every steered name answers to every class of clients, now.

use std::net::IpAddr;
use std::sync::Arc;

use super::answer::Block;
use crate::name::Name;

/// One generation of answers. Names, classes and slots are fixed; the block in each slot follows health.
#[derive(Debug, Default)]
pub struct AnswerTable;

/// What a steered name answers to one client.
#[derive(Debug, Clone)]
pub struct Steered {
    /// The answer now; a block without records means NODATA.
    pub block: Arc<Block>,
    /// Prefix length for which this answer holds in the client's address family (RFC 7871 scope); 0 when the answer
    /// does not depend on the client.
    pub scope: u8,
}

impl AnswerTable {
    /// The steered answer to `name` and `qtype` for the client; `None` leaves it to the zone.
    ///
    /// An access domain of type CNAME answers every type; A and AAAA answer their own.
    pub fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        let _ = (name, qtype, client);
        None
    }
}
