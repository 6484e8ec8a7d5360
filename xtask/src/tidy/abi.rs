//! `ABI_VERSION` against the recorded hash of the map layout: a change of one raises the other.
//!
//! The record is `gtm-common/abi.lock`. Comments and white space are not layout and do not count.

use std::fs;

use anyhow::{Context as _, bail};

use super::tree::{File, Finding, Tree};
use crate::process;

const SOURCE: &str = "gtm-common/src/abi.rs";
const LOCK: &str = "gtm-common/abi.lock";

/// A layout: its version and the hash of what declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    version: u32,
    hash: u64,
}

/// How the source stands to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// There is no layout yet, or the record is that of the source.
    Settled,
    /// There is no record, or the version was raised: the source's record may be written.
    ToBless(Record),
    /// The layout changed under the recorded version.
    Changed(Record),
    /// The source declares no version.
    NoVersion,
}

/// The layout is the recorded one.
pub(super) fn abi_version(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file(SOURCE) else { return Vec::new() };
    let line =
        file.code.lines().position(|line| line.contains("ABI_VERSION: u32")).map_or(1, |index| index + 1);
    match standing(tree) {
        Standing::Settled => Vec::new(),
        Standing::ToBless(_) => {
            vec![file.finding(line, "record the map layout of this version: `cargo xtask tidy --bless`")]
        }
        Standing::Changed(lock) => vec![file.finding(line, changed(lock))],
        Standing::NoVersion => vec![file.finding(line, "declare `pub const ABI_VERSION: u32`")],
    }
}

/// Writes the record, if the version was raised or there was none; the text says what was done.
pub(super) fn bless(tree: &Tree) -> anyhow::Result<String> {
    match standing(tree) {
        Standing::Settled => Ok(format!("{LOCK} is the record of this layout already")),
        Standing::ToBless(record) => {
            fs::write(process::root().join(LOCK), record.to_text())
                .with_context(|| format!("cannot write {LOCK}"))?;
            Ok(format!("{LOCK} records version {}", record.version))
        }
        Standing::Changed(lock) => bail!("{}", changed(lock)),
        Standing::NoVersion => bail!("{SOURCE} declares no `pub const ABI_VERSION: u32`"),
    }
}

fn changed(lock: Record) -> String {
    format!(
        "the map layout is no longer that of version {}: raise ABI_VERSION to {}, then `cargo xtask tidy --bless`",
        lock.version,
        lock.version + 1
    )
}

fn standing(tree: &Tree) -> Standing {
    let Some(source) = tree.file(SOURCE) else { return Standing::Settled };
    let Some(now) = Record::of_source(source) else { return Standing::NoVersion };
    match tree.file(LOCK).and_then(|lock| Record::from_text(&lock.text)) {
        Some(lock) if lock == now => Standing::Settled,
        Some(lock) if now.version <= lock.version => Standing::Changed(lock),
        Some(_) | None => Standing::ToBless(now),
    }
}

impl Record {
    fn of_source(file: &File) -> Option<Self> {
        let (_, declared) = file.code.split_once("ABI_VERSION: u32 =")?;
        let version = declared.split(';').next()?.trim().parse().ok()?;
        let hash =
            fnv1a(uncommented(&file.text).split_whitespace().flat_map(|word| word.bytes().chain([b' '])));
        Some(Self { version, hash })
    }

    fn from_text(text: &str) -> Option<Self> {
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        let version = field("version")?.trim().parse().ok()?;
        let hash = u64::from_str_radix(field("hash")?.trim(), 16).ok()?;
        Some(Self { version, hash })
    }

    fn to_text(self) -> String {
        format!(
            "# The map layout of gtm-common/src/abi.rs. Written by `cargo xtask tidy --bless`.\nversion = {}\nhash = {:016x}\n",
            self.version, self.hash
        )
    }
}

/// Without whole-line comments; the names of maps are in string literals and count.
fn uncommented(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// FNV-1a, 64 bits: the standard library promises no hash that stays the same from version to version.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    const ONE: &str = "pub const ABI_VERSION: u32 = 1;\npub struct Key { a: u32 }\n";
    const WIDER: &str = "pub const ABI_VERSION: u32 = 1;\npub struct Key { a: u64 }\n";

    fn lock_of(text: &str) -> String {
        Record::of_source(&File::new(SOURCE, text.as_bytes().to_vec())).unwrap().to_text()
    }

    #[test]
    fn a_changed_layout_with_the_old_version_is_found() {
        let at_version = [format!("{SOURCE}:1")];
        let at_version: Vec<&str> = at_version.iter().map(String::as_str).collect();
        check(abi_version, &[(SOURCE, ONE), (LOCK, &lock_of(ONE))], &[]);
        check(abi_version, &[(SOURCE, WIDER), (LOCK, &lock_of(ONE))], &at_version);
        check(abi_version, &[(SOURCE, ONE)], &at_version);
        check(abi_version, &[(SOURCE, "struct Key;")], &at_version);
        check(abi_version, &[("x.rs", "")], &[]);
    }

    #[test]
    fn only_a_raised_version_may_be_blessed() {
        #[track_caller]
        fn check(source: &str, lock: Option<&str>, expect: impl Fn(Standing) -> bool) {
            let mut files = vec![File::new(SOURCE, source.as_bytes().to_vec())];
            files.extend(lock.map(|text| File::new(LOCK, lock_of(text).into_bytes())));
            let standing = standing(&Tree { files });
            assert!(expect(standing), "{standing:?}");
        }
        let commented = format!("// A word.\n{ONE}");
        let raised = WIDER.replace("= 1", "= 2");
        let lowered = WIDER.replace("= 1", "= 0");
        check(ONE, None, |found| matches!(found, Standing::ToBless(Record { version: 1, .. })));
        check(ONE, Some(ONE), |found| found == Standing::Settled);
        check(&commented, Some(ONE), |found| found == Standing::Settled);
        check(WIDER, Some(ONE), |found| matches!(found, Standing::Changed(_)));
        check(&raised, Some(ONE), |found| matches!(found, Standing::ToBless(Record { version: 2, .. })));
        check(&lowered, Some(ONE), |found| matches!(found, Standing::Changed(_)));
    }
}
