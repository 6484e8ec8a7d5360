//! A hash of the configuration that knows which of its keys have been asked for, so that none is overlooked.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::super::report::{Place, Report};
use super::super::vscf::{Entry, Hash, Value};

/// A hash with its path from the top.
#[derive(Debug)]
pub(super) struct Section<'v> {
    hash: &'v Hash,
    path: String,
    taken: RefCell<BTreeSet<&'v str>>,
}

/// A key with its value and its path from the top.
#[derive(Debug, Clone)]
pub(super) struct Item<'v> {
    pub(super) key: &'v str,
    /// `plugins.multifo.www.up_thresh`.
    pub(super) path: String,
    pub(super) place: &'v Place,
    pub(super) value: &'v Value,
}

impl<'v> Section<'v> {
    /// The top of the file.
    pub(super) fn root(hash: &'v Hash) -> Self {
        Self { hash, path: String::new(), taken: RefCell::default() }
    }

    /// The key, which is taken from now on.
    pub(super) fn take(&self, key: &str) -> Option<Item<'v>> {
        let entry = self.hash.get(key)?;
        self.taken.borrow_mut().insert(&entry.key);
        Some(self.item(entry))
    }

    /// Every key that has not been taken yet, in the order of the file.
    pub(super) fn rest(&self) -> Vec<Item<'v>> {
        let taken = self.taken.borrow();
        let entries = self.hash.0.iter().filter(|entry| !taken.contains(entry.key.as_str()));
        entries.map(|entry| self.item(entry)).collect()
    }

    fn item(&self, entry: &'v Entry) -> Item<'v> {
        let path =
            if self.path.is_empty() { entry.key.clone() } else { format!("{}.{}", self.path, entry.key) };
        Item { key: &entry.key, path, place: &entry.place, value: &entry.value }
    }
}

impl<'v> Item<'v> {
    /// The hash that this is, if it is one.
    pub(super) fn section(&self) -> Option<Section<'v>> {
        self.value.hash().map(|hash| Section { hash, path: self.path.clone(), taken: RefCell::default() })
    }

    /// The hash that this must be; anything else is named.
    pub(super) fn expect_section(&self, report: &Report) -> Option<Section<'v>> {
        let section = self.section();
        if section.is_none() {
            self.no_equal(report, "a hash is expected here; left out");
        }
        section
    }

    /// Names this as having no equal.
    pub(super) fn no_equal(&self, report: &Report, reason: impl Into<String>) {
        report.no_equal(self.place, &self.path, reason);
    }

    /// The text that this must be; anything else is named.
    pub(super) fn text(&self, report: &Report) -> Option<&'v str> {
        let text = self.value.text();
        if text.is_none() {
            self.no_equal(report, "one value is expected here; left out");
        }
        text
    }

    /// The texts of an array or of one value; anything else is named.
    pub(super) fn texts(&self, report: &Report) -> Vec<&'v str> {
        let items = self.value.items();
        let texts: Vec<&str> = items.iter().filter_map(Value::text).collect();
        if texts.len() != items.len() {
            self.no_equal(report, "only values are expected in this array; the others are left out");
        }
        texts
    }

    /// The number that this must be; anything else is named.
    pub(super) fn number(&self, report: &Report, range: RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(report)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(report, text, format!("a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// The share, above 0 and up to 1, that this must be; anything else is named.
    pub(super) fn fraction(&self, report: &Report) -> Option<f64> {
        let text = self.text(report)?;
        let fraction = text.parse().ok().filter(|fraction| *fraction > 0.0 && *fraction <= 1.0);
        if fraction.is_none() {
            self.refuse(report, text, "a number above 0 and up to 1");
        }
        fraction
    }

    /// The `true` or `false` that this must be; anything else is named.
    pub(super) fn boolean(&self, report: &Report) -> Option<bool> {
        let text = self.text(report)?;
        let value = text.to_ascii_lowercase().parse().ok();
        if value.is_none() {
            self.refuse(report, text, "true or false");
        }
        value
    }

    fn refuse(&self, report: &Report, text: &str, expected: impl Display) {
        self.no_equal(report, format!("\"{text}\" is not {expected}, as gdnsd takes here; left out"));
    }
}
