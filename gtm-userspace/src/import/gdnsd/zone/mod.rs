//! Zone files: the names that use resources are taken out and handed over, and the rest is put into the form of RFC 1035
//! that every server reads. Comments, order and spacing stay.

mod lines;
mod name;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::lines::{Entry, Token};
use self::name::Origins;
use super::super::report::{Place, Report};
use crate::config::{Problem, read_text};
use crate::name::Name;
use crate::zone::parse_seconds;

/// Most bytes of one file.
const MAX_BYTES: u64 = 256 << 20;
/// How deep `$INCLUDE` may be nested, and how many there may be.
const MAX_DEPTH: usize = 8;
const MAX_INCLUDES: usize = 1000;
/// Longest string of a TXT record.
const MAX_STRING: usize = 255;

/// The two types of gdnsd's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dynamic {
    /// `DYNA`.
    Address,
    /// `DYNC`.
    Any,
}

/// A name that uses a resource.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) owner: Name,
    pub(super) kind: Dynamic,
    /// `plugin!resource`, as it is written.
    pub(super) plugin: String,
    pub(super) resource: String,
    pub(super) max_ttl: u32,
    /// If it is written.
    pub(super) min_ttl: Option<u32>,
}

impl Record {
    /// The key that it is named by in reports.
    pub(super) fn key(&self) -> String {
        self.owner.to_string()
    }
}

/// A zone without the names that use resources.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) origin: Name,
    /// The file it was in.
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) records: Vec<Record>,
}

/// Reads every zone file of a folder; none when there is no such folder.
pub(super) fn read_all(folder: &Path, default_ttl: u32, report: &Report) -> Result<Vec<Zone>, Vec<Problem>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = folder
        .read_dir()
        .map_err(|error| vec![Problem::of_file(folder, format!("cannot be read: {error}"))])?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut zones = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || !file.is_file() {
            continue;
        }
        match zone_name(name)
            .ok_or_else(|| Problem::of_file(&file, "the name of the file is not one of a zone"))
        {
            Ok(origin) => match read(origin, &file, default_ttl, report) {
                Ok(zone) => zones.push(zone),
                Err(problem) => problems.push(problem),
            },
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(zones) } else { Err(problems) }
}

/// The zone of a file by its name.
fn zone_name(file_name: &str) -> Option<Name> {
    if file_name == "ROOT_ZONE" { Some(Name::root()) } else { file_name.replace('@', "/").parse().ok() }
}

/// Reads one zone file and those it includes.
pub(super) fn read(origin: Name, file: &Path, default_ttl: u32, report: &Report) -> Result<Zone, Problem> {
    let text = read_text(file, MAX_BYTES)?;
    let mut rewriter = Rewriter {
        report,
        zone: origin.clone(),
        out: format!("; From {}\n$TTL {default_ttl}\n", file.display()),
        written_owner: None,
        records: Vec::new(),
        includes: 0,
    };
    let context = Context {
        file: Rc::from(file),
        origin: origin.clone(),
        file_origin: origin.clone(),
        owner: None,
        ttl: default_ttl,
        depth: 0,
    };
    rewriter.file(&text, context)?;
    Ok(Zone { origin, file: file.to_path_buf(), text: rewriter.out, records: rewriter.records })
}

/// What the whole zone shares, over all files.
struct Rewriter<'r> {
    report: &'r Report,
    zone: Name,
    out: String,
    /// The owner that a record without one would have in what is written so far.
    written_owner: Option<Name>,
    records: Vec<Record>,
    includes: usize,
}

/// What holds in one file, and again in it after the end of an included one.
struct Context {
    file: Rc<Path>,
    origin: Name,
    /// The origin that the file began with.
    file_origin: Name,
    owner: Option<Name>,
    ttl: u32,
    depth: usize,
}

impl Context {
    fn place(&self, line: usize) -> Place {
        Place { file: Rc::clone(&self.file), line }
    }
}

impl Rewriter<'_> {
    fn file(&mut self, text: &str, mut context: Context) -> Result<(), Problem> {
        for entry in lines::entries(text) {
            let written = text.get(entry.start..entry.end).unwrap_or_default();
            let Some(first) = entry.tokens.first() else {
                self.out.push_str(written);
                continue;
            };
            let result = if !entry.owner_is_blank && !first.quoted && first.raw.starts_with('$') {
                self.directive(&entry, written, &mut context)
            } else {
                self.record(&entry, written, &mut context)
            };
            result.map_err(|message| Problem {
                line: Some(entry.line),
                ..Problem::of_file(&context.file, message)
            })?;
        }
        Ok(())
    }

    fn origins<'o>(&'o self, context: &'o Context) -> Origins<'o> {
        Origins { zone: &self.zone, file: &context.file_origin, current: &context.origin }
    }

    fn directive(&mut self, entry: &Entry<'_>, written: &str, context: &mut Context) -> Result<(), String> {
        let words: Vec<&str> = entry.tokens.iter().map(|token| token.raw).collect();
        let Some((directive, arguments)) = words.split_first() else { return Ok(()) };
        match (directive.to_ascii_uppercase().as_str(), arguments) {
            ("$TTL", [ttl]) => {
                context.ttl = parse_seconds(ttl).ok_or_else(|| format!("\"{ttl}\" is not a time to live"))?;
                self.out.push_str(written);
            }
            ("$ORIGIN", [origin]) => {
                context.origin = self.origins(context).name(origin)?;
                self.line(&format!("$ORIGIN {}", absolute(&context.origin)));
            }
            ("$INCLUDE", [file]) => self.include(file, context.origin.clone(), context)?,
            ("$INCLUDE", [file, origin]) => {
                let origin = self.origins(context).name(origin)?;
                self.include(file, origin, context)?;
            }
            ("$TTL" | "$ORIGIN" | "$INCLUDE", _) => {
                return Err(format!("{directive} with {} arguments", arguments.len()));
            }
            _ => {
                let reason = "this directive has no equal; left out";
                self.report.no_equal(&context.place(entry.line), directive, reason);
                self.comment(written);
            }
        }
        Ok(())
    }

    /// Takes another file in; what it says of origin, owner and TTL does not reach beyond it.
    fn include(&mut self, file: &str, origin: Name, context: &Context) -> Result<(), String> {
        self.includes += 1;
        if context.depth == MAX_DEPTH || self.includes > MAX_INCLUDES {
            return Err("too many files are included; does a file include itself?".to_owned());
        }
        let path = context.file.parent().unwrap_or(Path::new("")).join(file);
        let text = read_text(&path, MAX_BYTES).map_err(|problem| problem.to_string())?;
        self.line(&format!("; From {}", path.display()));
        self.line(&format!("$ORIGIN {}", absolute(&origin)));
        let inner = Context {
            file: Rc::from(path.as_path()),
            origin: origin.clone(),
            file_origin: origin,
            owner: context.owner.clone(),
            ttl: context.ttl,
            depth: context.depth + 1,
        };
        self.file(&text, inner).map_err(|problem| problem.to_string())?;
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.line(&format!("; End of {}", path.display()));
        self.line(&format!("$ORIGIN {}", absolute(&context.origin)));
        self.line(&format!("$TTL {}", context.ttl));
        Ok(())
    }

    fn record(&mut self, entry: &Entry<'_>, written: &str, context: &mut Context) -> Result<(), String> {
        let mut tokens = entry.tokens.as_slice();
        if !entry.owner_is_blank
            && let Some((first, rest)) = tokens.split_first()
        {
            context.owner = Some(self.origins(context).name(first.raw)?);
            tokens = rest;
        }
        let owner = context.owner.clone().ok_or("no record before this one names an owner")?;
        let mut ttl = None;
        while let Some((first, rest)) = tokens.split_first() {
            if ttl.is_none() && first.raw.starts_with(|character: char| character.is_ascii_digit()) {
                ttl = Some(first.raw);
            } else if !first.raw.eq_ignore_ascii_case("IN") {
                break;
            }
            tokens = rest;
        }
        let rtype = tokens.first().map(|token| token.raw.to_ascii_uppercase()).unwrap_or_default();
        let data = tokens.get(1..).unwrap_or_default();
        let kind = match rtype.as_str() {
            "DYNA" => Dynamic::Address,
            "DYNC" => Dynamic::Any,
            _ => {
                self.keep(entry, written, &owner, &rtype, data, context);
                return Ok(());
            }
        };
        let [target] = data else {
            return Err(format!("{rtype} is followed by one PLUGIN!RESOURCE"));
        };
        let (max_ttl, min_ttl) = match ttl {
            Some(text) => {
                parse_ttl(text).ok_or_else(|| format!("\"{text}\" is not a time to live MAX[/MIN]"))?
            }
            None => (context.ttl, None),
        };
        if target.raw == "null" || target.raw.starts_with("null!") {
            // It always answers with these two.
            self.comment(written);
            self.line(&format!("{} {max_ttl} A 0.0.0.0", absolute(&owner)));
            self.line(&format!("{} {max_ttl} AAAA ::", absolute(&owner)));
            self.written_owner = Some(owner);
            return Ok(());
        }
        self.comment(written);
        let (plugin, resource) = target.raw.split_once('!').unwrap_or((target.raw, ""));
        self.records.push(Record {
            place: context.place(entry.line),
            owner,
            kind,
            plugin: plugin.to_owned(),
            resource: resource.to_owned(),
            max_ttl,
            min_ttl,
        });
        Ok(())
    }

    /// Writes a record as it stands, except for what only gdnsd reads.
    fn keep(
        &mut self,
        entry: &Entry<'_>,
        written: &str,
        owner: &Name,
        rtype: &str,
        data: &[Token<'_>],
        context: &Context,
    ) {
        let mut at = entry.start;
        let mut line = String::new();
        if entry.owner_is_blank && self.written_owner.as_ref() != Some(owner) {
            line.push_str(&absolute(owner));
        }
        let has_names = !matches!(rtype, "TXT" | "SPF");
        for (index, token) in entry.tokens.iter().enumerate() {
            let is_owner = index == 0 && !entry.owner_is_blank;
            let is_data = data.iter().any(|data| data.start == token.start);
            let origins = self.origins(context);
            let replaced =
                if (is_owner || is_data && has_names) && !token.quoted && Origins::is_extended(token.raw) {
                    origins.name(token.raw).ok().map(|name| absolute(&name))
                } else if is_data && !has_names {
                    split(token)
                } else {
                    None
                };
            if let Some(replaced) = replaced {
                let before = at.checked_sub(entry.start)..token.start.checked_sub(entry.start);
                if let (Some(from), Some(to)) = (before.start, before.end) {
                    line.push_str(written.get(from..to).unwrap_or_default());
                }
                line.push_str(&replaced);
                at = token.end;
            }
        }
        line.push_str(written.get(at.saturating_sub(entry.start)..).unwrap_or_default());
        self.out.push_str(&line);
        self.written_owner = Some(owner.clone());
    }

    /// Writes lines as comments.
    fn comment(&mut self, written: &str) {
        for line in written.trim_end_matches('\n').lines() {
            self.line(&format!("; {line}"));
        }
    }

    fn line(&mut self, text: &str) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.push_str(text);
        self.out.push('\n');
    }
}

/// `MAX[/MIN]`.
fn parse_ttl(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once('/') {
        Some((max, min)) => Some((parse_seconds(max)?, Some(parse_seconds(min)?))),
        None => Some((parse_seconds(text)?, None)),
    }
}

/// A string of more than 255 bytes as several; none when it is short enough.
fn split(token: &Token<'_>) -> Option<String> {
    let mut parts = vec![String::new()];
    let mut length = 0;
    let mut rest = token.raw;
    while let Some(first) = rest.chars().next() {
        let is_number = first == '\\'
            && rest.get(1..4).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let unit = if is_number {
            4
        } else if first == '\\' {
            1 + rest.chars().nth(1).map_or(0, char::len_utf8)
        } else {
            first.len_utf8()
        };
        let (written, after) = rest.split_at_checked(unit)?;
        let bytes = if is_number { 1 } else { written.trim_start_matches('\\').len().max(1) };
        if length + bytes > MAX_STRING {
            parts.push(String::new());
            length = 0;
        }
        length += bytes;
        parts.last_mut()?.push_str(written);
        rest = after;
    }
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    (parts.len() > 1).then(|| quoted.join(" "))
}

/// A name with its final dot.
fn absolute(name: &Name) -> String {
    if *name == Name::root() { ".".to_owned() } else { format!("{name}.") }
}
