//! Reads zone files (RFC 1035 section 5, with the `$TTL` of RFC 2308) into zones. Every problem of the file is reported
//! at once, with its line; nothing of a bad file is used.

mod entries;
mod generate;
mod generic;
mod loc;
mod params;
mod rdata;
mod records;
mod rules;
mod sanity;
pub(super) mod types;
mod words;

use std::path::Path;
use std::sync::Arc;

use gtm_common::wire::{class, rtype};

use self::entries::{Entries, Entry, Token};
use self::records::{Place, Record, Records};
pub(crate) use self::words::parse_seconds;
use self::words::{MAX_SECONDS, parse_name};
use super::Zone;
use super::source::SourceFile;
use crate::config::{Problem, read_text};
use crate::name::Name;

/// Most bytes of a zone's files together.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// What a generated record takes from them beside its data: about a million records of one zone can be generated.
const GENERATED_COST: u64 = 256;
/// How deep `$INCLUDE` may be nested.
const MAX_DEPTH: usize = 8;
/// Most files that a zone may include: a file that includes itself often is a tree without end.
const MAX_INCLUDES: usize = 1000;

/// Reads the zone of this name from a file, and from the files it includes.
pub(super) fn load(origin: &Name, file: &Path) -> Result<Zone, Vec<Problem>> {
    let text = read_text(file, MAX_BYTES).map_err(|problem| vec![problem])?;
    let mut loader = Loader {
        records: Records::new(origin, file),
        files: vec![SourceFile::new(file, &text)],
        default_ttl: None,
        last_ttl: None,
        bytes_left: MAX_BYTES.saturating_sub(length(&text)),
        includes: 0,
    };
    loader.read_file(&text, Context { file: file.into(), origin: origin.clone(), owner: None, depth: 0 });
    loader.records.into_zone(loader.files)
}

/// What the whole reading shares, over all files.
struct Loader<'f> {
    records: Records<'f>,
    /// Each that was read.
    files: Vec<SourceFile>,
    /// From `$TTL`.
    default_ttl: Option<u32>,
    /// The one that was written last.
    last_ttl: Option<u32>,
    bytes_left: u64,
    includes: usize,
}

/// What holds in one file, and again in it after the end of an included one.
struct Context {
    file: Arc<Path>,
    origin: Name,
    owner: Option<Name>,
    depth: usize,
}

impl Loader<'_> {
    fn read_file(&mut self, text: &str, mut context: Context) {
        for entry in Entries::new(text) {
            let place = |line| Place { file: Arc::clone(&context.file), line };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.records.error(&place(error.line), "", error.message);
                    continue;
                }
            };
            let place = place(entry.line);
            let directive = entry.tokens.first().filter(|first| !first.quoted && first.raw.starts_with('$'));
            let (key, result) = match directive {
                Some(directive) if !entry.owner_is_blank => {
                    (directive.raw.clone(), self.follow(&directive.raw, &entry, &place, &mut context))
                }
                _ => self.read_record(&entry, &place, &mut context),
            };
            if let Err(message) = result {
                self.records.error(&place, &key, message);
            }
        }
    }

    /// Follows a directive.
    fn follow(
        &mut self,
        directive: &str,
        entry: &Entry,
        place: &Place,
        context: &mut Context,
    ) -> Result<(), String> {
        let arguments = entry.tokens.get(1..).unwrap_or_default();
        match (directive.to_ascii_uppercase().as_str(), arguments) {
            ("$ORIGIN", [origin]) => context.origin = parse_name(origin, &context.origin)?,
            ("$TTL", [ttl]) => self.default_ttl = Some(parse_ttl(ttl)?),
            ("$INCLUDE", [file]) => self.include(file, context.origin.clone(), context)?,
            ("$INCLUDE", [file, origin]) => {
                self.include(file, parse_name(origin, &context.origin)?, context)?;
            }
            ("$GENERATE", [range, owner, record @ ..]) => {
                self.generate(range, owner, record, place, context)?;
            }
            ("$GENERATE", _) => return Err("a range, an owner, a type and data are expected".to_owned()),
            ("$ORIGIN", _) => return Err("one domain name is expected".to_owned()),
            ("$TTL", _) => return Err("one time to live is expected".to_owned()),
            ("$INCLUDE", _) => return Err("a file and possibly a domain name are expected".to_owned()),
            _ => {
                return Err(format!(
                    "\"{directive}\" is not a directive; allowed $ORIGIN, $TTL, $INCLUDE, $GENERATE"
                ));
            }
        }
        Ok(())
    }

    /// Reads another file, relative to the folder of this one; its origin and owners do not reach beyond it.
    fn include(&mut self, file: &Token, origin: Name, context: &Context) -> Result<(), String> {
        self.includes += 1;
        if context.depth == MAX_DEPTH {
            return Err(format!("included more than {MAX_DEPTH} files deep; does a file include itself?"));
        }
        if self.includes > MAX_INCLUDES {
            return Err(format!("more than {MAX_INCLUDES} files are included; does a file include itself?"));
        }
        let path = context.file.parent().unwrap_or(Path::new("")).join(&file.raw);
        let text = match read_text(&path, self.bytes_left) {
            Ok(text) => text,
            Err(problem) if problem.line.is_none() => {
                return Err(format!("\"{}\" {}", file.raw, problem.message));
            }
            Err(problem) => {
                self.records.add_problem(problem);
                return Ok(());
            }
        };
        self.bytes_left = self.bytes_left.saturating_sub(length(&text));
        let read = SourceFile::new(&path, &text);
        if !self.files.contains(&read) {
            self.files.push(read);
        }
        let owner = context.owner.clone();
        self.read_file(&text, Context { file: path.into(), origin, owner, depth: context.depth + 1 });
        Ok(())
    }

    /// Reads a record: `[OWNER] [TTL] [CLASS] TYPE DATA`, time to live and class in either order. Returns what to call
    /// it in a problem as well.
    fn read_record(
        &mut self,
        entry: &Entry,
        place: &Place,
        context: &mut Context,
    ) -> (String, Result<(), String>) {
        let mut rest = entry.tokens.as_slice();
        if !entry.owner_is_blank
            && let Some((first, after)) = rest.split_first()
        {
            rest = after;
            match parse_name(first, &context.origin) {
                Ok(owner) => context.owner = Some(owner),
                Err(message) => {
                    // Records that leave their owner out follow this one, not an earlier one.
                    context.owner = None;
                    return (String::new(), Err(message));
                }
            }
        }
        let Some(owner) = context.owner.clone() else {
            return (String::new(), Err("no owner: no valid record before this one names it".to_owned()));
        };
        let key = owner.to_string();
        let read = read_head(rest).and_then(|head| self.add(owner, &head, head.data, place, &context.origin));
        (key, read)
    }

    /// Makes one record per number of the range, up to the first that cannot be made.
    fn generate(
        &mut self,
        range: &Token,
        owner: &Token,
        record: &[Token],
        place: &Place,
        context: &Context,
    ) -> Result<(), String> {
        let numbers = generate::parse_range(range)?;
        let head = read_head(record)?;
        let [template] = head.data else {
            return Err("one word of data is expected; write data with spaces in quotes".to_owned());
        };
        for number in numbers {
            let owner = generate::owner(owner, number)?;
            let (data, length) = generate::data(template, number)?;
            let cost = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(GENERATED_COST);
            self.bytes_left = self.bytes_left.checked_sub(cost).ok_or_else(|| {
                format!(
                    "with what is generated the zone is larger than {MAX_BYTES} bytes, the most that is read"
                )
            })?;
            let name = parse_name(&owner, &context.origin)?;
            let added = self.add(name, &head, &data, place, &context.origin);
            added.map_err(|message| format!("\"{}\": {message}", owner.raw))?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        owner: Name,
        head: &Head<'_>,
        data: &[Token],
        place: &Place,
        origin: &Name,
    ) -> Result<(), String> {
        let rtype = head.rtype;
        self.last_ttl = head.ttl.or(self.last_ttl);
        let rdata = rdata::parse(rtype, data, origin)
            .map_err(|message| format!("{}: {message}", types::type_name(rtype)))?;
        if rtype == rtype::SOA && head.ttl.or(self.default_ttl).or(self.last_ttl).is_none() {
            // As BIND has it: the last number of an SOA record was the default of its zone before there was $TTL.
            self.default_ttl = rdata.last_chunk().map(|minimum| u32::from_be_bytes(*minimum));
        }
        let ttl = head.ttl.or(self.default_ttl).or(self.last_ttl);
        let ttl = ttl.ok_or("no time to live; write one, or a $TTL directive at the top of the file")?;
        self.records.add(Record { owner, rtype, ttl, rdata, place: place.clone() })
    }
}

/// What stands between the owner and the data of a record, and the data.
struct Head<'t> {
    ttl: Option<u32>,
    rtype: u16,
    data: &'t [Token],
}

fn read_head(tokens: &[Token]) -> Result<Head<'_>, String> {
    let mut rest = tokens;
    let (mut ttl, mut has_class) = (None, false);
    loop {
        let Some((token, after)) = rest.split_first() else {
            return Err("the record ends before its type".to_owned());
        };
        rest = after;
        if token.quoted {
            return Err(format!("\"{}\" is in quotes where a type is expected", token.raw));
        }
        // A type never begins with a digit.
        if ttl.is_none() && token.raw.starts_with(|character: char| character.is_ascii_digit()) {
            ttl = Some(parse_ttl(token)?);
        } else if let Some(class) = class_number(&token.raw).filter(|_| !has_class) {
            if class != class::IN {
                return Err(format!("class \"{}\" is not served; the only class is IN", token.raw));
            }
            has_class = true;
        } else {
            return Ok(Head { ttl, rtype: types::type_number(&token.raw)?, data: rest });
        }
    }
}

fn parse_ttl(token: &Token) -> Result<u32, String> {
    let wrong = || {
        format!("\"{}\" is not a time to live like 3600 or 1h30m, at most {MAX_SECONDS} seconds", token.raw)
    };
    parse_seconds(&token.raw).ok_or_else(wrong)
}

fn class_number(text: &str) -> Option<u16> {
    match text.to_ascii_uppercase().as_str() {
        "IN" => Some(class::IN),
        "CS" => Some(2),
        "CH" => Some(class::CH),
        "HS" => Some(4),
        other => other.strip_prefix("CLASS").filter(|digits| words::is_number(digits))?.parse().ok(),
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
