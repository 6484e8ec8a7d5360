//! What a query is answered with: the node of its name and type, or of an error.

use gtm_common::abi::{DIRECT, LineRef, PageRef, PerCpu, TypeEntry, error_node};
use gtm_common::counters::Outcome;
use gtm_common::wire::{class, ede, rcode, rtype};

use crate::choice::Records;
use crate::closest;
use crate::edns::Edns;
use crate::program::Query;
use crate::question::Question;
use crate::tables::{self, Record, Suffix, forget_u32};

/// An error, and the code that says more about it, or 0.
#[derive(Clone, Copy)]
struct Failure {
    rcode: u16,
    extended_error: u16,
}

/// No error.
const NONE: Failure = Failure { rcode: rcode::NOERROR, extended_error: 0 };
/// No zone of ours has the name.
const NOT_OURS: Failure = Failure { rcode: rcode::REFUSED, extended_error: ede::NOT_AUTHORITATIVE };

/// What is known of the name that is asked.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// Its record, or that of the names below its closest encloser.
    record: LineRef,
    /// The error that is answered, if there is no record.
    failure: Failure,
}

/// What answers a query.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    /// The records.
    pub(crate) records: Records,
    /// Scope of the client subnet.
    pub(crate) scope: u8,
    /// The code that says more about an error, or 0.
    pub(crate) extended_error: u16,
}

/// What is made of a query before it is known which records are sent.
pub(crate) enum Choice {
    /// The records are known.
    Made,
    /// A node with a choice, for the slot of this number; and the scope as far as the client's class goes.
    Among { reference: PageRef, slot: u32, scope: u8 },
}

/// What is known of a name that has a record.
#[inline(always)]
pub(crate) fn find_exact(query: &Query, cpu: *const PerCpu) -> Option<Found> {
    let Query { question, edns, .. } = query;
    if failure(question, edns).is_some() || question.qclass != class::IN {
        return None;
    }
    let whole = Suffix { hash: question.hash, class: class::IN, start: 0, len: question.name_len };
    tables::find_name(cpu, &whole).map(|record| Found { record, failure: NONE })
}

/// What is known of any other name.
#[inline(always)]
pub(crate) fn find_other(query: &Query) -> Result<Found, Outcome> {
    Ok(match find_record(&query.question, &query.edns)? {
        Ok(record) => Found { record, failure: NONE },
        Err(failure) => Found { record: LineRef(0), failure },
    })
}

/// Chooses what answers a query, or says why nothing does.
#[inline(always)]
pub(crate) fn choose(
    query: &Query,
    found: &Found,
    chosen: &mut Chosen,
    cpu: *mut PerCpu,
) -> Result<Choice, Outcome> {
    let Query { frame, question, edns, .. } = query;
    let (mut slot, mut scope) = (0, 0);
    let (reference, extended_error) = match find_type(question, found, cpu)? {
        Err(failure) => (error_node(failure.rcode), failure.extended_error),
        Ok((_, entry)) if entry.flags & DIRECT != 0 => (PageRef(entry.slot), 0),
        Ok((record, entry)) => {
            let mut class = 0;
            if entry.is_tailored() {
                let (client, is_ecs) = tables::client(cpu, frame, edns);
                (class, scope) = tables::locate(cpu, client, is_ecs).ok_or(Outcome::PassedNoBlock)?;
            }
            let place = tables::slot(record, &entry, class).ok_or(Outcome::PassedNoBlock)?;
            slot = place.number();
            (tables::reference(place).ok_or(Outcome::PassedNoBlock)?, 0)
        }
    };
    slot = forget_u32(cpu, slot);
    let reference = PageRef(forget_u32(cpu, reference.0));
    chosen.extended_error = extended_error;
    match Records::of(cpu, reference, slot).ok_or(Outcome::PassedNoBlock)? {
        Some((records, is_tailored)) => {
            chosen.records = records;
            chosen.scope = if is_tailored { scope } else { 0 };
            Ok(Choice::Made)
        }
        None => Ok(Choice::Among { reference, slot, scope }),
    }
}

/// What the record says of the type, or an error in its place.
#[inline(always)]
fn find_type(
    question: &Question,
    found: &Found,
    cpu: *const PerCpu,
) -> Result<Result<(Record, TypeEntry), Failure>, Outcome> {
    if found.failure.rcode != rcode::NOERROR {
        return Ok(Err(found.failure));
    }
    let record = tables::record(found.record).ok_or(Outcome::PassedNoBlock)?;
    // A name above the zones has no types.
    Ok(tables::find_type(cpu, record, question.qtype).map(|entry| (record, entry)).ok_or(NOT_OURS))
}

/// The record that answers where the name has none, or an error in its place.
#[inline(always)]
fn find_record(question: &Question, edns: &Edns) -> Result<Result<LineRef, Failure>, Outcome> {
    // What is found by its bytes is a name; of all others it is not known yet.
    let labels = if question.count == 0 { 0 } else { closest::labels(question.name_len)? };
    match (failure(question, edns), question.qclass) {
        (Some(failure), _) => Ok(Err(failure)),
        (None, class::IN) => closest::below(labels, question.name_len).map(|record| record.ok_or(NOT_OURS)),
        (None, class::CH) => Ok(closest::find_in_class(class::CH, question.name_len).ok_or(NOT_OURS)),
        (None, _) => Ok(Err(NOT_OURS)),
    }
}

/// The error that is answered whatever the name is.
#[inline(always)]
fn failure(question: &Question, edns: &Edns) -> Option<Failure> {
    if question.rcode == rcode::NOTIMP {
        Some(Failure { rcode: rcode::NOTIMP, extended_error: ede::NOT_SUPPORTED })
    } else if question.rcode != rcode::NOERROR {
        Some(Failure { rcode: question.rcode, extended_error: 0 })
    } else if edns.rcode != rcode::NOERROR {
        Some(Failure { rcode: edns.rcode, extended_error: 0 })
    } else if question.qtype == rtype::AXFR || question.qtype == rtype::IXFR {
        Some(Failure { rcode: rcode::REFUSED, extended_error: ede::PROHIBITED })
    } else {
        None
    }
}
