//! A typed reader over the TOML tree: every value knows its line and key, and whatever cannot be read is reported, not
//! returned. `None` from a reading function always means that a problem has been reported.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Display;
use std::hash::Hash;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Problem;
use super::names::suggestion;
use crate::name::Name;

/// Collects the problems and warnings of one file.
pub(super) struct Report<'a> {
    file: &'a Path,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

/// Where in the file something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) key: String,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A value of the tree.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) place: Place,
    value: &'a DeValue<'a>,
}

/// A table of the tree, its entries in the order of the file.
pub(super) struct Table<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) place: Place,
    entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a Path, text: &str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Self { file, line_starts, problems: RefCell::default(), warnings: RefCell::default() }
    }

    /// The line, counted from 1, of the byte at this offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub(super) fn error(&self, place: &Place, message: impl Into<String>) {
        self.add_error(self.problem(place, message));
    }

    pub(super) fn warn(&self, place: &Place, message: impl Into<String>) {
        self.add_warning(self.problem(place, message));
    }

    pub(super) fn add_error(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn add_warning(&self, problem: Problem) {
        self.warnings.borrow_mut().push(problem);
    }

    /// Reports every value that was there before, at its later place.
    pub(super) fn unique<T: Eq + Hash + Display, P: Borrow<Place>>(
        &self,
        what: &str,
        items: impl IntoIterator<Item = (T, P)>,
    ) {
        self.unique_or(what, items, |_| String::new());
    }

    /// The same, and `hint` says what to write instead of a value.
    pub(super) fn unique_or<T: Eq + Hash + Display, P: Borrow<Place>>(
        &self,
        what: &str,
        items: impl IntoIterator<Item = (T, P)>,
        hint: impl Fn(&T) -> String,
    ) {
        let mut first_lines = HashMap::new();
        for (value, place) in items {
            match first_lines.entry(value) {
                Entry::Occupied(first) => {
                    let hint = hint(first.key());
                    let message =
                        format!("{what} \"{}\" is already in line {}{hint}", first.key(), first.get());
                    self.error(place.borrow(), message);
                }
                Entry::Vacant(first) => {
                    first.insert(place.borrow().line);
                }
            }
        }
    }

    /// The problems and the warnings, each in the order of the lines, those of other files last.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let in_order = |problems: RefCell<Vec<Problem>>| {
            let mut problems = problems.into_inner();
            problems.sort_by_key(|problem| {
                if problem.file == self.file { (false, problem.line) } else { (true, None) }
            });
            problems
        };
        (in_order(self.problems), in_order(self.warnings))
    }

    fn problem(&self, place: &Place, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_path_buf(),
            line: Some(place.line),
            key: place.key.clone(),
            message: message.into(),
        }
    }
}

impl<'a> Table<'a> {
    /// The whole file as a table.
    pub(super) fn root(report: &'a Report<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(report, Place { line: 1, key: String::new() }, table)
    }

    fn new(report: &'a Report<'a>, place: Place, table: &'a DeTable<'a>) -> Self {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            let name: &str = key.get_ref();
            let path = if place.key.is_empty() {
                quoted_key(name)
            } else {
                format!("{}.{}", place.key, quoted_key(name))
            };
            let at = Place { line: report.line(key.span().start), key: path };
            (name, Node { report, place: at, value: value.get_ref() })
        });
        let entries = entries.collect();
        Self { report, place, entries }
    }

    /// The same table, after every key that is not one of `known` has been reported.
    pub(super) fn with_keys(self, known: &[&str]) -> Self {
        self.report_unknown(known);
        self
    }

    /// Reports every key that is not one of `known`.
    pub(super) fn report_unknown(&self, known: &[&str]) {
        for (key, node) in &self.entries {
            if !known.contains(key) {
                self.report.error(&node.place, format!("unknown key \"{key}\"; {}", suggestion(key, known)));
            }
        }
    }

    /// The entries, for tables whose keys are names that the file chooses.
    pub(super) fn entries(&self) -> &[(&'a str, Node<'a>)] {
        &self.entries
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// Reads a key that must be there.
    pub(super) fn read<T>(&self, key: &str, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        if let Some(node) = self.get(key) {
            read(node)
        } else {
            self.report.error(&self.place, format!("\"{key}\" is missing; it is required here"));
            None
        }
    }

    /// Reads a key that has a default.
    pub(super) fn read_or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).map_or(Some(default), read)
    }
}

impl<'a> Node<'a> {
    /// Reports this value: `<value> is <what>`.
    pub(super) fn reject(&self, what: &str) {
        self.report.error(&self.place, format!("{} is {what}", shown(self.value)));
    }

    /// This place, with what has been read from it.
    pub(super) fn at<T>(&self, value: T) -> At<T> {
        At { value, place: self.place.clone() }
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        if let DeValue::Table(table) = self.value {
            Some(Table::new(self.report, self.place.clone(), table))
        } else {
            self.mismatch("a table")
        }
    }

    /// True for a value that [`Self::table`] takes.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// True for a value that [`Self::list`] takes.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.text_or("a string")
    }

    /// A string, where something else would be right as well: `expected` names all of it.
    pub(super) fn text_or(&self, expected: &str) -> Option<&'a str> {
        if let DeValue::String(text) = self.value { Some(text) } else { self.mismatch(expected) }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.boolean_or("true or false")
    }

    /// A truth value, where something else would be right as well: `expected` names all of it.
    pub(super) fn boolean_or(&self, expected: &str) -> Option<bool> {
        if let DeValue::Boolean(value) = self.value { Some(*value) } else { self.mismatch(expected) }
    }

    /// A whole number in a range.
    pub(super) fn number<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i128> + PartialOrd + Display,
    {
        let (first, last) = (range.start(), range.end());
        let allowed = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let DeValue::Integer(integer) = self.value else {
            return self.mismatch(&format!("a whole number, {allowed},"));
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number =
            number.and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.reject(&format!("out of range; allowed {allowed}"));
        }
        number
    }

    /// One of the listed words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.reject(&format!("not one of the choices; allowed {}", words.join(", ")));
        }
        found.map(|(_, choice)| *choice)
    }

    /// A duration like `"500ms"`, `"5s"`, `"1m"`, `"1h"` or `"7d"`, in a range.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let allowed =
            format!("allowed \"{}\" to \"{}\"", shown_duration(*range.start()), shown_duration(*range.end()));
        let duration = parse_duration(self.text()?);
        if duration.is_none() {
            self.reject(&format!("not a duration like \"500ms\", \"5s\" or \"1m\"; {allowed}"));
        } else if !duration.is_some_and(|duration| range.contains(&duration)) {
            self.reject(&format!("out of range; {allowed}"));
            return None;
        }
        duration
    }

    /// A domain name, absolute with or without the final dot.
    pub(super) fn name(&self) -> Option<Name> {
        let name = parse_name(self.text()?);
        name.map_err(|wrong| self.reject(&wrong)).ok()
    }

    /// The items of a list; those that cannot be read are reported and left out.
    pub(super) fn list<T>(&self, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<At<T>>> {
        let DeValue::Array(items) = self.value else {
            return self.mismatch("a list");
        };
        let items = items.iter().enumerate().filter_map(|(index, item)| {
            let line = self.report.line(item.span().start);
            let place = Place { line, key: format!("{}[{}]", self.place.key, index + 1) };
            let node = Node { report: self.report, place, value: item.get_ref() };
            read(&node).map(|value| node.at(value))
        });
        Some(items.collect())
    }

    /// The items of a list that must have some.
    pub(super) fn filled_list<T>(&self, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<At<T>>> {
        if matches!(self.value, DeValue::Array(items) if items.is_empty()) {
            self.report.error(&self.place, "an empty list; at least one item is expected");
            return None;
        }
        self.list(read)
    }

    /// The items of a list that must have some, each of them once.
    pub(super) fn distinct_list<T>(&self, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<Vec<At<T>>>
    where
        T: Eq + Hash + Display,
    {
        let items = self.filled_list(read)?;
        self.report.unique("the value", items.iter().map(|item| (&item.value, &item.place)));
        Some(items)
    }

    fn mismatch<T>(&self, expected: &str) -> Option<T> {
        self.reject(&format!("{}; {expected} is expected", kind(self.value)));
        None
    }
}

/// The values without their places.
pub(super) fn values<T>(items: Vec<At<T>>) -> Vec<T> {
    items.into_iter().map(|item| item.value).collect()
}

/// Reads a domain name; the error goes on from the quoted text.
pub(super) fn parse_name(text: &str) -> Result<Name, String> {
    if !text.is_ascii() {
        return Err("not a domain name: write international names in their xn-- form".to_owned());
    }
    text.parse().map_err(|error| format!("not a domain name: {error}"))
}

/// A duration as it is written in the file: a number and a unit.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        "d" => number.checked_mul(24 * 3600).map(Duration::from_secs),
        _ => None,
    }
}

/// A duration as it would be written in the file.
pub(super) fn shown_duration(duration: Duration) -> String {
    match (duration.as_millis(), duration.as_secs()) {
        (millis, seconds) if u128::from(seconds) * 1000 != millis => format!("{millis}ms"),
        (_, seconds) if seconds > 0 && seconds % (24 * 3600) == 0 => format!("{}d", seconds / (24 * 3600)),
        (_, seconds) if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (_, seconds) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (_, seconds) => format!("{seconds}s"),
    }
}

/// A key as TOML writes it: bare where it can be.
fn quoted_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value as it is quoted in a message.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => "this".to_owned(),
    }
}
