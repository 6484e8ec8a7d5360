//! Gathers the records of a zone file into record sets, and holds them against what makes a zone valid.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use gtm_common::wire::rtype;

use super::sanity::{Finding, Pointer, follow};
use super::types::type_name;
use crate::config::Problem;
use crate::name::Name;
use crate::zone::lookup::DNAME;
use crate::zone::source::{Source, SourceFile};
use crate::zone::{Node, RecordSet, Zone};

/// Types of which a name has one record at most (RFC 1034 section 3.6.2, RFC 6672 section 2.4, RFC 2181 section 6.1).
const SINGLE: &[u16] = &[rtype::CNAME, DNAME, rtype::SOA];
/// What an answer of one record set holds at most: a message over TCP, less header, longest question and OPT record.
const MAX_SET_BYTES: usize = 65535 - 12 - 259 - 11;
/// Bytes of a record beside its data: a compressed owner, type, class, TTL and length.
const RECORD_BYTES: usize = 12;

/// Where a record is written.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    pub(super) line: usize,
}

impl Place {
    /// In words, for a message about another place.
    fn seen_from(&self, other: &Self) -> String {
        if self.file == other.file {
            format!("line {}", self.line)
        } else {
            format!("{}:{}", self.file.display(), self.line)
        }
    }
}

/// One record of the file.
pub(super) struct Record {
    pub(super) owner: Name,
    pub(super) rtype: u16,
    pub(super) ttl: u32,
    pub(super) rdata: Box<[u8]>,
    pub(super) place: Place,
}

/// The records so far, and every problem.
pub(super) struct Records<'f> {
    origin: &'f Name,
    file: &'f Path,
    sets: HashMap<Name, BTreeMap<u16, Gathered>>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// A record set that is being gathered.
struct Gathered {
    /// The smallest.
    ttl: u32,
    /// In the order of the file.
    rdata: Vec<Box<[u8]>>,
    /// Where each was first written.
    places: HashMap<Box<[u8]>, Place>,
    bytes: usize,
    first: Place,
}

impl<'f> Records<'f> {
    pub(super) fn new(origin: &'f Name, file: &'f Path) -> Self {
        Self { origin, file, sets: HashMap::new(), problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn error(&mut self, place: &Place, key: &str, message: impl Into<String>) {
        self.problems.push(problem(place, key, message));
    }

    pub(super) fn add_problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Takes a record into its set, or says why it cannot be in this zone.
    pub(super) fn add(&mut self, record: Record) -> Result<(), String> {
        let Record { owner, rtype, ttl, rdata, place } = record;
        let word = type_name(rtype);
        if !owner.is_at_or_below(self.origin) {
            return Err(format!(
                "\"{owner}\" is outside the zone \"{}\"; did you forget the final dot?",
                self.origin
            ));
        }
        if rtype == rtype::SOA && owner != *self.origin {
            return Err(format!("an SOA record belongs to \"{}\" alone", self.origin));
        }
        if rtype == rtype::DS && owner == *self.origin {
            return Err("the DS records of a zone stand in the zone above it; leave them out here".to_owned());
        }
        // What a resolver would make of it is nowhere said (RFC 4592 section 4.2).
        if rtype == rtype::NS && owner.labels().next() == Some(b"*") {
            return Err("a wildcard cannot be delegated; delegate each name by itself".to_owned());
        }
        let key = owner.to_string();
        let set = self.sets.entry(owner).or_default().entry(rtype).or_insert_with(|| Gathered {
            ttl,
            rdata: Vec::new(),
            places: HashMap::new(),
            bytes: 0,
            first: place.clone(),
        });
        match set.places.entry(rdata.clone()) {
            Entry::Occupied(first) => {
                let message = format!(
                    "this {word} record is already in {}; it is dropped",
                    first.get().seen_from(&place)
                );
                self.warnings.push(problem(&place, &key, message));
                return Ok(());
            }
            Entry::Vacant(first) => first.insert(place.clone()),
        };
        if SINGLE.contains(&rtype) && !set.rdata.is_empty() {
            return Err(format!(
                "a second {word} record; the one in {} is all there can be",
                set.first.seen_from(&place)
            ));
        }
        if ttl != set.ttl {
            // RFC 2181 section 5.2: the TTLs of a set are the same.
            let message = format!(
                "TTL {ttl}, but {} in the {word} records before; all of them get the smallest, {}",
                set.ttl,
                ttl.min(set.ttl)
            );
            self.warnings.push(problem(&place, &key, message));
            set.ttl = ttl.min(set.ttl);
        }
        let before = set.bytes;
        set.bytes += RECORD_BYTES + rdata.len();
        set.rdata.push(rdata);
        if before <= MAX_SET_BYTES && set.bytes > MAX_SET_BYTES {
            return Err(format!(
                "the {word} records of this name are too many for one answer: over {MAX_SET_BYTES} bytes"
            ));
        }
        Ok(())
    }

    /// The zone, when the files had no problem and have what a zone needs.
    pub(super) fn into_zone(mut self, files: Vec<SourceFile>) -> Result<Zone, Vec<Problem>> {
        self.check_aliases();
        self.check_hidden();
        if self.problems.is_empty() {
            self.check_apex();
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let pointers = self.pointers();
        let mut nodes: HashMap<Name, Node> = HashMap::new();
        for (owner, sets) in self.sets {
            let mut above = owner.parent();
            while let Some(name) = above.filter(|name| name.is_at_or_below(self.origin)) {
                above = name.parent();
                nodes.entry(name).or_default();
            }
            let sets = sets.into_iter();
            let node =
                sets.map(|(rtype, set)| (rtype, RecordSet { ttl: set.ttl, rdata: set.rdata })).collect();
            nodes.insert(owner, node);
        }
        let mut zone = Zone { origin: self.origin.clone(), source: Arc::default(), nodes: nodes.into() };
        let mut source = Source { files, warnings: self.warnings, without_address: Vec::new() };
        let mut problems = Vec::new();
        for pointer in &pointers {
            match follow(&zone, pointer) {
                Some(Finding::Error(problem)) => problems.push(problem),
                Some(Finding::Warning(problem)) => source.warnings.push(problem),
                Some(Finding::NoAddress(problem)) => {
                    source.without_address.push((pointer.target.clone(), problem));
                }
                None => {}
            }
        }
        zone.source = Arc::new(source);
        if problems.is_empty() { Ok(zone) } else { Err(problems) }
    }

    /// The records that point into the zone and are answered, in the order of the file.
    fn pointers(&self) -> Vec<Pointer> {
        let mut pointers = Vec::new();
        for (owner, sets) in &self.sets {
            for (rtype, set) in sets {
                let all =
                    set.places.iter().filter_map(|(rdata, place)| Pointer::of(owner, *rtype, rdata, place));
                pointers.extend(all.filter(|pointer| pointer.target.is_at_or_below(self.origin)));
            }
        }
        pointers.retain(|pointer| self.hidden_by(&pointer.owner).is_none());
        pointers.sort_by_key(|pointer| pointer.place.line);
        pointers
    }

    /// No other type beside a CNAME (RFC 1034 section 3.6.2).
    fn check_aliases(&mut self) {
        let mut found = Vec::new();
        for (owner, sets) in &self.sets {
            let Some(alias) = sets.get(&rtype::CNAME) else { continue };
            let others: Vec<_> =
                sets.keys().filter(|rtype| **rtype != rtype::CNAME).map(|rtype| type_name(*rtype)).collect();
            if !others.is_empty() {
                let message = format!(
                    "a CNAME record has no other type beside it, but {} is here too",
                    others.join(", ")
                );
                found.push(problem(&alias.first, &owner.to_string(), message));
            }
        }
        found.sort_by_key(|problem| problem.line);
        self.problems.extend(found);
    }

    /// What lies below a zone cut is answered with a referral, glue apart (RFC 1034 section 4.2.1); nothing lies below a
    /// DNAME (RFC 6672 section 2.4).
    fn check_hidden(&mut self) {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (owner, sets) in &self.sets {
            let Some((above, word)) = self.hidden_by(owner) else { continue };
            for (rtype, set) in sets {
                let message = format!(
                    "this {} record is never answered: the zone has {word} records at \"{above}\"",
                    type_name(*rtype)
                );
                let found = problem(&set.first, &owner.to_string(), message);
                if word == "DNAME" {
                    problems.push(found);
                } else if !matches!(*rtype, rtype::A | rtype::AAAA) {
                    warnings.push(found);
                }
            }
        }
        problems.sort_by_key(|problem| problem.line);
        warnings.sort_by_key(|problem| problem.line);
        self.problems.extend(problems);
        self.warnings.extend(warnings);
    }

    /// The highest name above this one that has an alias or a cut for all below it, and the type that makes it so.
    fn hidden_by(&self, owner: &Name) -> Option<(Name, &'static str)> {
        let mut found = None;
        let mut above = owner.parent();
        while let Some(name) = above.filter(|name| name.is_at_or_below(self.origin)) {
            if let Some(sets) = self.sets.get(&name) {
                if sets.contains_key(&rtype::NS) && name != *self.origin {
                    found = Some((name.clone(), "NS"));
                } else if sets.contains_key(&DNAME) {
                    found = Some((name.clone(), "DNAME"));
                }
            }
            above = name.parent();
        }
        found
    }

    fn check_apex(&mut self) {
        let apex = self.sets.get(self.origin);
        for (rtype, word) in [(rtype::SOA, "SOA"), (rtype::NS, "NS")] {
            if !apex.is_some_and(|sets| sets.contains_key(&rtype)) {
                let message = format!("has no {word} record at \"{}\"; a zone needs one", self.origin);
                self.problems.push(Problem::of_file(self.file, message));
            }
        }
    }
}

fn problem(place: &Place, key: &str, message: impl Into<String>) -> Problem {
    Problem {
        file: place.file.to_path_buf(),
        line: Some(place.line),
        key: key.to_owned(),
        message: message.into(),
    }
}
