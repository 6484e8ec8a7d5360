//! What a generation answers, laid out before there are maps: the records of all names, and the slots of the steered ones.

use std::collections::HashMap;

use gtm_common::abi::{ANY_TYPE, DIRECT, MAX_TYPES, NO_NODE, PageRef, REST, TypeEntry};
use gtm_common::wire::{class, rtype};

use super::DataplaneError;
use super::blocks::{Blocks, Purpose};
use crate::decision::AnswerTable;
use crate::name::Name;
use crate::server::{Asked, Finite, Tables};

/// The layout of one generation.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every name with a record.
    pub(super) names: Vec<PlannedName>,
    /// The slots of the program.
    pub(super) slots: Slots,
    /// What they and the names answer.
    pub(super) blocks: Blocks,
}

/// A name and what is answered at and below it.
#[derive(Debug)]
pub(super) struct PlannedName {
    pub(super) name: Name,
    pub(super) class: u16,
    /// Without any the name lies above the zones.
    pub(super) types: Vec<TypeEntry>,
    /// The same of the names below that do not exist; `None` when they lie in no zone.
    pub(super) below: Option<Vec<TypeEntry>>,
}

/// The slots of the program. Each follows one of the answer table: that of the steered name itself, or the same for a name
/// whose aliases lead to it.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// For what the slots are, a run of them each.
    runs: Vec<Run>,
    /// The run of each slot.
    run_of: Vec<u32>,
    /// The slots that follow each slot of the table.
    followers: HashMap<u32, Vec<u32>>,
}

/// The slots of one name and type.
#[derive(Debug)]
struct Run {
    asked: Asked,
    qtype: u16,
    is_direct: bool,
}

impl Slots {
    /// Number of slots.
    pub(super) fn len(&self) -> usize {
        self.run_of.len()
    }

    /// The slots that follow one of the table, and what each is for.
    pub(super) fn followers<'s>(
        &'s self,
        tables: &'s Tables,
        source: u32,
    ) -> impl Iterator<Item = (u32, Purpose<'s>)> {
        let slots = self.followers.get(&source).into_iter().flatten();
        slots.filter_map(move |slot| {
            let run = self.run_of.get(usize::try_from(*slot).ok()?)?;
            let Run { asked, qtype, is_direct } = self.runs.get(usize::try_from(*run).ok()?)?;
            Some((*slot, Purpose { tables, asked, qtype: *qtype, is_direct: *is_direct }))
        })
    }

    /// Slots that follow those of a table's entry, as an entry for the QTYPE.
    fn follow(&mut self, run: Run, source: &TypeEntry, views: &[u32]) -> Result<TypeEntry, DataplaneError> {
        let limit = || DataplaneError::TooLarge { what: "slots", limit: u64::from(u32::MAX) };
        let first = u32::try_from(self.run_of.len()).ok().ok_or_else(limit)?;
        let number = u32::try_from(self.runs.len()).ok().ok_or_else(limit)?;
        for offset in 0..=views.iter().copied().max().unwrap_or_default() {
            self.followers
                .entry(source.slot + offset)
                .or_default()
                .push(first.checked_add(offset).ok_or_else(limit)?);
            self.run_of.push(number);
        }
        let entry = TypeEntry { qtype: run.qtype, slot: first, ..*source };
        self.runs.push(run);
        Ok(entry)
    }
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
            slots: Slots::default(),
            blocks: Blocks::new()?,
            nothing: HashMap::new(),
        };
        let mut names: HashMap<(Name, u16), PlannedName> = HashMap::new();
        for asked in tables.asked() {
            let types = planner.types(&asked)?;
            let below = match tables.below(&asked.qname).filter(|_| asked.qclass == class::IN) {
                Some(below) => Some(planner.below(&below)?),
                None => None,
            };
            let Asked { qname: name, qclass, .. } = asked;
            names.insert((name.clone(), qclass), PlannedName { name, class: qclass, types, below });
        }
        // The program looks for the closest encloser among all names above, of which the root is one.
        let root = Name::root();
        let above = tables.zones().iter().map(|zone| &zone.origin).chain([&root]).flat_map(Name::ancestors);
        for name in above.filter_map(|above| Name::from_wire(above).ok()) {
            names.entry((name.clone(), class::IN)).or_insert_with(|| PlannedName {
                name,
                class: class::IN,
                types: Vec::new(),
                below: None,
            });
        }
        let Planner { slots, blocks, .. } = planner;
        Ok(Self { names: names.into_values().collect(), slots, blocks })
    }
}

struct Planner<'p> {
    tables: &'p Tables,
    table: &'p AnswerTable,
    slots: Slots,
    blocks: Blocks,
    /// What each zone answers to the names that it has nothing for.
    nothing: HashMap<&'p Name, Vec<TypeEntry>>,
}

impl Planner<'_> {
    /// The entries of the names below another one.
    fn below(&mut self, asked: &Asked) -> Result<Vec<TypeEntry>, DataplaneError> {
        let Some(origin) = self.tables.zone_without(asked) else { return self.types(asked) };
        if let Some(types) = self.nothing.get(origin) {
            return Ok(types.clone());
        }
        let types = self.types(asked)?;
        self.nothing.insert(origin, types.clone());
        Ok(types)
    }

    /// The entries of a name: addresses first, which are asked for most, and the one for the rest last.
    fn types(&mut self, asked: &Asked) -> Result<Vec<TypeEntry>, DataplaneError> {
        let rest = self.plan(asked, None)?;
        let mut types: Vec<u16> = self.tables.types(asked).into_iter().collect();
        types.sort_by_key(|qtype| (*qtype == ANY_TYPE, !matches!(*qtype, rtype::A | rtype::AAAA), *qtype));
        let any = if types.contains(&ANY_TYPE) { Some(self.plan(asked, Some(ANY_TYPE))?) } else { None };
        let mut planned = Vec::new();
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
        planned.into_iter().map(|(qtype, planned)| self.entry(asked, qtype, planned)).collect()
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

    fn entry(&mut self, asked: &Asked, qtype: u16, planned: Planned) -> Result<TypeEntry, DataplaneError> {
        match planned {
            Planned::Node(PageRef(node)) => Ok(TypeEntry { qtype, flags: DIRECT, view: 0, slot: node }),
            Planned::Steered(source, is_direct) => {
                let run = Run { asked: asked.clone(), qtype, is_direct };
                self.slots.follow(run, &source, self.table.view(&source))
            }
        }
    }
}
