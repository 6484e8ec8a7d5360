//! The answer table: what every steered name answers to every class of clients, now.
//!
//! Names, classes and slots are fixed for a generation; the answer in each slot follows health, one store at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gtm_common::abi::{ANY_TYPE, TypeEntry};
use gtm_common::wire::rtype;

use super::answer::Answer;
use super::location::Location;
use crate::config::model::SteeredType;
use crate::geo::ClassId;
use crate::name::Name;

/// One generation of answers, shared by the map writer and the server.
#[derive(Debug, Default)]
pub struct AnswerTable {
    /// Who asks.
    pub location: Arc<Location>,
    /// For what: the steered types of each name, in the form the maps have them.
    pub names: Arc<HashMap<Name, Vec<TypeEntry>>>,
    /// Which answer: rows of slot offsets by class. A tailored entry's row has one element for each class, any other
    /// row just one.
    pub views: Arc<Vec<u32>>,
    /// What each slot answers now.
    pub slots: Vec<ArcSwap<Answer>>,
}

/// What a steered name answers to one client.
#[derive(Debug, Clone)]
pub struct Steered {
    /// The answer now.
    pub answer: Arc<Answer>,
    /// Prefix length for which this answer holds in the client's address family (RFC 7871 scope); 0 when the answer
    /// does not depend on the client.
    pub scope: u8,
}

impl AnswerTable {
    /// A table of these parts, with so many slots that are left to the zone.
    pub fn new(
        location: Location,
        names: HashMap<Name, Vec<TypeEntry>>,
        views: Vec<u32>,
        slots: usize,
    ) -> Self {
        let answer = Arc::new(Answer::Zone);
        let slots = (0..slots).map(|_| ArcSwap::new(Arc::clone(&answer))).collect();
        Self { location: Arc::new(location), names: Arc::new(names), views: Arc::new(views), slots }
    }

    /// The table as it is now: what is built from it is of one time, whatever is decided meanwhile. Slots that change while
    /// it is taken are in it as before or after.
    #[must_use]
    pub fn frozen(&self) -> Self {
        let Self { location, names, views, slots } = self;
        let slots = slots.iter().map(|slot| ArcSwap::new(slot.load_full())).collect();
        Self { location: Arc::clone(location), names: Arc::clone(names), views: Arc::clone(views), slots }
    }

    /// The steered answer to `name` and `qtype` for the client; `None` leaves it to the zone.
    ///
    /// An access domain of type CNAME answers every type of data; A and AAAA answer their own.
    pub fn find(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        self.look_up(name, qtype, client).filter(|found| !found.answer.is_of_zone())
    }

    /// What the slot of the name and type holds for the client, also where it is left to the zone.
    pub fn look_up(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        let entry = self.entry(name, qtype)?;
        let (class, scope) = if entry.is_tailored() { self.location.find(client)? } else { (ClassId(0), 0) };
        let answer = self.slot(entry, class)?.load_full();
        let (sticky_v4, sticky_v6) = answer.sticky_bits();
        let scope = scope.max(if client.is_ipv4() { sticky_v4 } else { sticky_v6 });
        Some(Steered { answer, scope })
    }

    /// What the name is steered for, if that answers the QTYPE.
    pub fn entry(&self, name: &Name, qtype: u16) -> Option<&TypeEntry> {
        self.names.get(name)?.iter().find(|entry| entry.answers(qtype))
    }

    /// The names that are steered now: those whose access domains are not all left to the zone.
    pub fn steered_names(&self) -> impl Iterator<Item = &Name> {
        // Every slot of an access domain is left to the zone, or none.
        let is_steered =
            |entry: &TypeEntry| self.slot(entry, ClassId(0)).is_some_and(|slot| !slot.load().is_of_zone());
        let steered = self.names.iter().filter(move |(_, entries)| entries.iter().any(is_steered));
        steered.map(|(name, _)| name)
    }

    /// The row of slot offsets of an entry: one for each class, if the answer depends on it.
    pub fn view(&self, entry: &TypeEntry) -> &[u32] {
        let classes = if entry.is_tailored() { self.location.classes } else { 1 };
        let start = usize::try_from(entry.view).unwrap_or(usize::MAX);
        self.views.get(start..).map(|row| row.get(..classes).unwrap_or(row)).unwrap_or_default()
    }

    fn slot(&self, entry: &TypeEntry, class: ClassId) -> Option<&ArcSwap<Answer>> {
        let offset = self.views.get(usize::try_from(entry.view.checked_add(class.0)?).ok()?)?;
        self.slots.get(usize::try_from(entry.slot.checked_add(*offset)?).ok()?)
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
