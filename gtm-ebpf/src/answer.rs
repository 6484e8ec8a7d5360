//! What a query is answered with: the node of its name and type, or of an error.

use gtm_common::abi::{DIRECT, PageRef, PerCpu, TypeEntry, error_node};
use gtm_common::counters::Outcome;
use gtm_common::wire::{class, ede, rcode, rtype};

use crate::choice::{self, Asked, Records};
use crate::closest;
use crate::edns::Edns;
use crate::program::Query;
use crate::question::Question;
use crate::tables::{self, Suffix, forget_u32};

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
    record: PageRef,
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

/// Finds what is known of the name, or says why nothing answers.
#[inline(always)]
pub(crate) fn find(query: &Query, cpu: *const PerCpu) -> Result<Found, Outcome> {
    Ok(match find_record(&query.question, &query.edns, cpu)? {
        Ok(record) => Found { record, failure: NONE },
        Err(failure) => Found { record: PageRef(0), failure },
    })
}

/// Chooses what answers a query, or says why nothing does.
#[inline(always)]
pub(crate) fn choose(
    query: &Query,
    found: &Found,
    chosen: &mut Chosen,
    cpu: *mut PerCpu,
) -> Result<(), Outcome> {
    let Query { frame, question, edns, .. } = query;
    let (client, is_ecs) = tables::client(cpu, frame, edns);
    let mut asked = Asked { cpu, slot: 0, client, is_ecs, scope: 0 };
    let (reference, extended_error) = match find_type(question, found, cpu)? {
        Err(failure) => (error_node(failure.rcode), failure.extended_error),
        Ok(entry) if entry.flags & DIRECT != 0 => (PageRef(entry.slot), 0),
        Ok(entry) => {
            let mut class = 0;
            if entry.is_tailored() {
                (class, asked.scope) = tables::locate(cpu, client, is_ecs).ok_or(Outcome::PassedNoBlock)?;
            }
            let slot = tables::slot(&entry, class).ok_or(Outcome::PassedNoBlock)?;
            asked.slot = slot.number();
            (tables::reference(slot).ok_or(Outcome::PassedNoBlock)?, 0)
        }
    };
    asked.slot = forget_u32(cpu, asked.slot);
    let reference = PageRef(forget_u32(cpu, reference.0));
    let (records, scope) = choice::choose(&asked, reference)?;
    *chosen = Chosen { records, scope, extended_error };
    Ok(())
}

/// What the record says of the type, or an error in its place.
#[inline(always)]
fn find_type(
    question: &Question,
    found: &Found,
    cpu: *const PerCpu,
) -> Result<Result<TypeEntry, Failure>, Outcome> {
    if found.failure.rcode != rcode::NOERROR {
        return Ok(Err(found.failure));
    }
    let record = tables::record(found.record).ok_or(Outcome::PassedNoBlock)?;
    // A name above the zones has no types.
    Ok(tables::find_type(cpu, record, question.qtype).ok_or(NOT_OURS))
}

/// The record that answers, or an error in its place.
#[inline(always)]
fn find_record(
    question: &Question,
    edns: &Edns,
    cpu: *const PerCpu,
) -> Result<Result<PageRef, Failure>, Outcome> {
    let failure = failure(question, edns);
    if failure.is_none() && question.qclass == class::IN {
        let whole = Suffix { hash: question.hash, class: class::IN, start: 0, len: question.name_len };
        if let Some(record) = tables::find_name(cpu, &whole) {
            return Ok(Ok(record));
        }
    }
    // What is found by its bytes is a name; of all others it is not known yet.
    let labels = if question.count == 0 { 0 } else { closest::labels(question.name_len)? };
    match (failure, question.qclass) {
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
