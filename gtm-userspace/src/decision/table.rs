//! The answer table: what every steered name answers to every class of clients, now.
//!
//! Names, classes and slots are fixed for a generation; the block in each slot follows health, one store at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gtm_common::abi::{ANY_TYPE, TypeEntry};
use gtm_common::wire::rtype;

use super::answer::Block;
use super::location::Location;
use crate::config::model::SteeredType;
use crate::geo::ClassId;
use crate::name::Name;

/// One generation of answers, shared by the map writer and the server.
#[derive(Debug, Default)]
pub struct AnswerTable {
    /// Who asks.
    pub location: Location,
    /// For what: the steered types of each name, in the form the maps have them.
    pub names: HashMap<Name, Vec<TypeEntry>>,
    /// Which answer: rows of slot offsets by class. A tailored entry's row has one element for each class, any other
    /// row just one.
    pub views: Vec<u32>,
    /// The block that each slot answers now.
    pub slots: Vec<ArcSwap<Block>>,
}

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
    /// A table of these parts.
    pub fn new(
        location: Location,
        names: HashMap<Name, Vec<TypeEntry>>,
        views: Vec<u32>,
        blocks: Vec<Block>,
    ) -> Self {
        let slots = blocks.into_iter().map(ArcSwap::from_pointee).collect();
        Self { location, names, views, slots }
    }

    /// The steered answer to `name` and `qtype` for the client; `None` leaves it to the zone.
    ///
    /// An access domain of type CNAME answers every type of data; A and AAAA answer their own.
    pub fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        let entry = self.names.get(name)?.iter().find(|entry| entry.answers(qtype))?;
        let (class, scope) = if entry.is_tailored() { self.location.find(client)? } else { (ClassId(0), 0) };
        let offset = self.views.get(usize::try_from(entry.view.checked_add(class.0)?).ok()?)?;
        let slot = self.slots.get(usize::try_from(entry.slot.checked_add(*offset)?).ok()?)?;
        Some(Steered { block: slot.load_full(), scope })
    }
}

/// The QTYPE by which the maps know a steered type.
pub fn qtype(steered: SteeredType) -> u16 {
    match steered {
        SteeredType::A => rtype::A,
        SteeredType::Aaaa => rtype::AAAA,
        SteeredType::Cname => ANY_TYPE,
    }
}

/// True when an access domain of this type answers the QTYPE.
pub fn answers(steered: SteeredType, asked: u16) -> bool {
    TypeEntry { qtype: qtype(steered), ..TypeEntry::default() }.answers(asked)
}
