//! What a generation answers, laid out before there are maps: the records of all names, and the slots of the steered ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use gtm_common::abi::{ANY_TYPE, DIRECT, MAX_TYPES, NO_NODE, PageRef, REST, TypeEntry};
use gtm_common::wire::{class, rtype};

use super::DataplaneError;
use super::blocks::Blocks;
use super::names::{self, Draft, NameRecords, RecordId};
use super::slots::{Run, Slots};
use crate::decision::AnswerTable;
use crate::name::Name;
use crate::server::{Asked, Finite, Plain, Tables};

/// The layout of one generation.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every name with a record.
    pub(super) names: NameRecords,
    /// The slots of the program.
    pub(super) slots: Slots,
    /// What they and the names answer.
    pub(super) blocks: Blocks,
}

/// What a name answers to a type, before there is a node or slot for it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Planned {
    Node(PageRef),
    /// That of an entry of the table, and whether it is the name's own.
    Steered(TypeEntry, bool),
}

impl Plan {
    /// Lays out what the tables answer, with the steered answers of the table they were made with.
    pub(super) fn new(tables: &Tables, table: &AnswerTable) -> Result<Self, DataplaneError> {
        let mut planner = Planner {
            tables,
            table,
            names: NameRecords::default(),
            slots: Slots::default(),
            blocks: Blocks::new()?,
            rest: HashMap::new(),
            nothing: HashMap::new(),
        };
        for asked in tables.asked() {
            let asked = Arc::new(asked);
            let plain = tables.plain(&asked);
            let below = planner.below(&asked, plain.as_ref())?;
            let name_len = asked.qname.as_wire().len();
            let draft = planner.draft(&asked, plain.as_ref(), name_len)?;
            planner.names.add(&asked.qname, asked.qclass, &draft, below)?;
        }
        // The program looks for the closest encloser among all names above, of which the root is one.
        let root = Name::root();
        let above = tables.zones().iter().map(|zone| &zone.origin).chain([&root]).flat_map(Name::ancestors);
        let mut added = HashSet::new();
        for name in above.filter_map(|above| Name::from_wire(above).ok()) {
            if !tables.zones().has(&name) && added.insert(name.clone()) {
                planner.names.add(&name, class::IN, &Draft::new(name.as_wire().len(), 0), names::NONE)?;
            }
        }
        let Planner { names, mut slots, blocks, .. } = planner;
        slots.finish(table.slots.len());
        Ok(Self { names, slots, blocks })
    }
}

struct Planner<'p> {
    tables: &'p Tables,
    table: &'p AnswerTable,
    names: NameRecords,
    slots: Slots,
    blocks: Blocks,
    /// What the plain names of each zone answer to the types that they have nothing for.
    rest: HashMap<&'p Name, Planned>,
    /// What each zone answers to the names that it has nothing for.
    nothing: HashMap<&'p Name, RecordId>,
}

impl<'p> Planner<'p> {
    /// The record of the names below another one that do not exist.
    fn below(&mut self, asked: &Asked, plain: Option<&Plain<'p>>) -> Result<RecordId, DataplaneError> {
        if asked.qclass != class::IN {
            return Ok(names::NONE);
        }
        let nothing = plain.filter(|plain| plain.has_nothing_below);
        if let Some(known) = nothing.and_then(|plain| self.nothing.get(&plain.zone.origin)) {
            return Ok(*known);
        }
        let Some(below) = self.tables.below(&asked.qname) else { return Ok(names::NONE) };
        let origin = self.tables.zone_without(&below);
        if let Some(known) = origin.and_then(|origin| self.nothing.get(origin)) {
            return Ok(*known);
        }
        let draft = self.draft(&Arc::new(below), None, 0)?;
        let record = self.names.below(draft)?;
        if let Some(origin) = origin {
            self.nothing.insert(origin, record);
        }
        Ok(record)
    }

    /// The next record, of a name of so many bytes: addresses first, which are asked for most, and the entry for the rest
    /// last.
    fn draft(
        &mut self,
        asked: &Arc<Asked>,
        plain: Option<&Plain<'p>>,
        name_len: usize,
    ) -> Result<Draft, DataplaneError> {
        let rest = self.rest(asked, plain)?;
        let mut types: Vec<u16> = match plain {
            Some(plain) => plain.types.clone(),
            None => self.tables.types(asked).into_iter().collect(),
        };
        types.sort_by_key(|qtype| (*qtype == ANY_TYPE, !matches!(*qtype, rtype::A | rtype::AAAA), *qtype));
        let any = if types.contains(&ANY_TYPE) { Some(self.plan(asked, Some(ANY_TYPE))?) } else { None };
        let mut planned = Vec::with_capacity(types.len() + 1);
        for qtype in types {
            let own = self.plan(asked, Some(qtype))?;
            // What the type would have without an entry of its own.
            let is_data = TypeEntry { qtype: ANY_TYPE, ..TypeEntry::default() }.answers(qtype);
            let other = any.filter(|_| is_data && qtype != ANY_TYPE).unwrap_or(rest);
            // What an alias leads to tells the type, even where the alias does not.
            let leads_on = matches!(own, Planned::Steered(..)) && self.tables.leads_on(qtype);
            if own != other || leads_on {
                planned.push((qtype, own));
            }
        }
        planned.push((REST, rest));
        if planned.len() > MAX_TYPES {
            planned = vec![(REST, Planned::Node(NO_NODE))];
        }
        let mut draft = Draft::new(name_len, planned.len());
        for (qtype, planned) in planned {
            let entry = self.entry(asked, qtype, planned, &mut draft)?;
            draft.push(entry);
        }
        Ok(draft)
    }

    /// What the name answers to all types that have no answer of their own.
    fn rest(&mut self, asked: &Asked, plain: Option<&Plain<'p>>) -> Result<Planned, DataplaneError> {
        let Some(plain) = plain else { return self.plan(asked, None) };
        if let Some(known) = self.rest.get(&plain.zone.origin) {
            return Ok(*known);
        }
        let rest = self.plan(asked, None)?;
        self.rest.insert(&plain.zone.origin, rest);
        Ok(rest)
    }

    /// What the name answers to a type; to all that have no answer of their own, if there is none.
    fn plan(&mut self, asked: &Asked, qtype: Option<u16>) -> Result<Planned, DataplaneError> {
        let finite = qtype.map_or_else(|| self.tables.rest(asked), |qtype| self.tables.finite(asked, qtype));
        let planned = match finite {
            Finite::Same(sections) => {
                let placed = self.blocks.place_sections(asked, sections)?;
                return Ok(Planned::Node(placed.unwrap_or(NO_NODE)));
            }
            Finite::Various => None,
            Finite::Steered { name, rtype } => {
                let entry = self.table.entry(&name, rtype);
                entry.map(|entry| Planned::Steered(*entry, name == asked.qname))
            }
        };
        Ok(planned.unwrap_or(Planned::Node(NO_NODE)))
    }

    fn entry(
        &mut self,
        asked: &Arc<Asked>,
        qtype: u16,
        planned: Planned,
        draft: &mut Draft,
    ) -> Result<TypeEntry, DataplaneError> {
        match planned {
            Planned::Node(PageRef(node)) => Ok(TypeEntry { qtype, flags: DIRECT, view: 0, slot: node }),
            Planned::Steered(source, is_direct) => {
                let run = Run { asked: Arc::clone(asked), qtype, is_direct };
                self.slots.follow(run, &source, self.table.view(&source), self.names.next()?, draft)
            }
        }
    }
}
