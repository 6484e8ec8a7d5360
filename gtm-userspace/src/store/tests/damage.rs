//! Damage: whatever happens to the bytes of a file, it is refused and left as it is, or gives exactly what was
//! acknowledged.

use std::collections::BTreeSet;
use std::fs;

use super::*;

/// A store with some history: its pages were used more than once.
fn store(folder: &Folder) -> Store {
    let store = folder.open();
    for number in 1..40 {
        let mut changes = batch(number);
        if number > 20 {
            changes.remove_override(number - 20);
            changes.forget(format!("position {}", number - 20));
        }
        store.commit(&changes).unwrap();
    }
    store
}

/// Opens each damaged form of a file; gives how many were refused, and how many were good.
fn try_all(
    original: &[u8],
    expect: &Content,
    forms: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> (u32, u32) {
    // In memory where that is possible: thousands of syncs would say nothing about damage.
    let folder = Folder(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
    let file = folder.file();
    let (mut refused, mut good) = (0, 0);
    for (what, bytes) in forms {
        assert!(bytes != original, "{what}: not damaged");
        fs::write(&file, &bytes).unwrap();
        match Store::open(&file) {
            Ok(store) => {
                let content = Content::of(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(content == *expect, "{what}: opened with other content:\n{content:#?}");
                store.commit(&batch(99)).unwrap_or_else(|error| panic!("{what}: {error}"));
                good += 1;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(&format!("'{}'", file.display())), "{what}: {text}");
                let is_damage = matches!(
                    error,
                    StoreError::Damaged { .. } | StoreError::Foreign { .. } | StoreError::Newer { .. }
                );
                assert!(is_damage, "{what}: {text}");
                assert!(fs::read(&file).unwrap() == bytes, "{what}: the refused file was changed: {text}");
                refused += 1;
            }
        }
    }
    (refused, good)
}

/// Where something is written: damage elsewhere says little.
fn used_pages(bytes: &[u8]) -> Vec<usize> {
    let pages = bytes.chunks(4096).enumerate();
    pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0)).map(|(index, _)| index * 4096).collect()
}

/// The damaged forms of a file; `phase` 0 and 1 damage every other byte of the frames.
fn forms(bytes: &[u8], phase: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    let with = move |what: String, edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.to_vec();
        edit(&mut bytes);
        (what, bytes)
    };
    let pages = used_pages(bytes);
    // Single bits: half of the frames, some of each page, more where pages begin.
    let mut flips: BTreeSet<usize> =
        [0, 4096].into_iter().flat_map(|frame| (frame + phase..frame + 440).step_by(2)).collect();
    for (number, page) in pages.iter().enumerate() {
        flips.extend((0..8).map(|step| page + step));
        flips.extend((0..8).map(|step| page + (step * 509 + number * 7) % 4096));
    }
    let flips = flips.into_iter().map(move |at| {
        with(format!("bit {} of byte {at} flipped", at % 8), &|bytes| bytes[at] ^= 1 << (at % 8))
    });
    let spans = pages.clone().into_iter().flat_map(|page| {
        [(page, 64), (page + 512, 512), (page, 4096), (page, 8192)]
            .into_iter()
            .flat_map(|(at, len)| [(at, len, 0), (at, len, 0xff)])
    });
    let spans = spans.map(move |(at, len, value)| {
        let end = (at + len).min(bytes.len());
        with(format!("{at} to {end} filled with {value}"), &|bytes| bytes[at..end].fill(value))
    });
    let lens = pages.into_iter().flat_map(|page| [page, page + 1, page + 2048]).chain([
        bytes.len() - 1,
        bytes.len() - 4096,
        bytes.len() - 65536,
        bytes.len() + 1,
        bytes.len() + 4096,
    ]);
    let lens = lens.map(move |len| with(format!("length {len}"), &|bytes| bytes.resize(len, 0)));
    flips.chain(spans).chain(lens).filter(move |(_, form)| form != bytes)
}

#[track_caller]
fn check(original: &[u8], expect: &Content, phase: usize) {
    let (refused, good) = try_all(original, expect, forms(original, phase));
    // Both must have come about, else nothing was damaged, or nothing was read.
    assert!(refused > 100 && good > 100, "{refused} refused, {good} good");
}

#[test]
fn damaged_file_that_was_closed_is_refused_or_whole() {
    let folder = Folder::new();
    let open = store(&folder);
    let expect = Content::of(&open).unwrap();
    drop(open);
    check(&fs::read(folder.file()).unwrap(), &expect, 0);
}

#[test]
fn damaged_file_of_a_killed_process_is_refused_or_whole() {
    let folder = Folder::new();
    let open = store(&folder);
    let expect = Content::of(&open).unwrap();
    // What is in the file while it is open is what a kill leaves.
    check(&fs::read(folder.file()).unwrap(), &expect, 1);
}
