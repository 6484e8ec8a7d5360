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

/// No zone of ours has the name.
const NOT_OURS: Failure = Failure { rcode: rcode::REFUSED, extended_error: ede::NOT_AUTHORITATIVE };

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

/// Chooses what answers a query, or says why nothing does.
#[inline(always)]
pub(crate) fn choose(query: &Query, chosen: &mut Chosen, cpu: *mut PerCpu) -> Result<(), Outcome> {
    let Query { frame, question, edns } = query;
    let (client, is_ecs) = tables::client(cpu, frame, edns);
    let mut asked = Asked { cpu, slot: 0, client, is_ecs, scope: 0 };
    let (reference, extended_error) = match find_entry(question, edns, cpu)? {
        Err(failure) => (error_node(failure.rcode), failure.extended_error),
        Ok(entry) if entry.flags & DIRECT != 0 => (PageRef(entry.slot), 0),
        Ok(entry) => {
            let mut class = 0;
            if entry.is_tailored() {
                (class, asked.scope) = tables::locate(cpu, client, is_ecs).ok_or(Outcome::PassedNoBlock)?;
            }
            asked.slot = tables::slot(&entry, class).ok_or(Outcome::PassedNoBlock)?;
            (tables::reference(asked.slot).ok_or(Outcome::PassedNoBlock)?, 0)
        }
    };
    asked.slot = forget_u32(cpu, asked.slot);
    let reference = PageRef(forget_u32(cpu, reference.0));
    let (records, scope) = choice::choose(&asked, reference)?;
    *chosen = Chosen { records, scope, extended_error };
    Ok(())
}

/// What answers name and type, or an error in its place.
#[inline(always)]
fn find_entry(
    question: &Question,
    edns: &Edns,
    cpu: *const PerCpu,
) -> Result<Result<TypeEntry, Failure>, Outcome> {
    let record = match find_record(question, edns, cpu)? {
        Ok(record) => tables::record(record).ok_or(Outcome::PassedNoBlock)?,
        Err(failure) => return Ok(Err(failure)),
    };
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
    let failure = if question.rcode == rcode::NOTIMP {
        Some(Failure { rcode: rcode::NOTIMP, extended_error: ede::NOT_SUPPORTED })
    } else if question.rcode != rcode::NOERROR {
        Some(Failure { rcode: question.rcode, extended_error: 0 })
    } else if edns.rcode != rcode::NOERROR {
        Some(Failure { rcode: edns.rcode, extended_error: 0 })
    } else if question.qtype == rtype::AXFR || question.qtype == rtype::IXFR {
        Some(Failure { rcode: rcode::REFUSED, extended_error: ede::PROHIBITED })
    } else {
        None
    };
    if failure.is_none() && question.qclass == class::IN {
        let whole = Suffix { hash: question.hash, class: class::IN, start: 0, len: question.name_len };
        if let Some(record) = tables::find_name(cpu, &whole) {
            return Ok(Ok(record));
        }
    }
    // What is found by its bytes is a name; of all others it is not known yet.
    let labels = if question.count == 0 { 0 } else { closest::labels(question.name_len)? };
    if let Some(failure) = failure {
        return Ok(Err(failure));
    }
    match question.qclass {
        class::IN => closest::below(labels, question.name_len).map(|record| record.ok_or(NOT_OURS)),
        class::CH => Ok(closest::find_in_class(class::CH, question.name_len).ok_or(NOT_OURS)),
        _ => Ok(Err(NOT_OURS)),
    }
}
