//! What can be opened, what is refused, and that the refused is left as it is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use redb::TableDefinition;

use super::super::image::Backend;
use super::*;

/// This file is refused in these words, and left as it is.
#[track_caller]
fn refused(file: &Path, expect: &str) {
    let before = fs::read(file).unwrap();
    let error = Store::open(file).err().expect("opened").to_string();
    assert!(error.contains(&format!("'{}'", file.display())), "{error}");
    assert!(error.contains(expect), "{error}");
    let way_out = format!("`mv '{0}' '{0}.bad'` and start gtm", file.display());
    assert!(error.contains(&way_out), "{error}");
    assert!(fs::read(file).unwrap() == before, "the file was changed");
}

#[test]
fn folder_and_file_are_made_for_their_owner_only() {
    let folder = Folder::new();
    let file = folder.0.path().join("a/b/gtm.redb");
    drop(Store::open(&file).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&folder.0.path().join("a/b")), 0o700);
    assert_eq!(mode(&folder.0.path().join("a")), 0o700);
    let names: Vec<_> =
        fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["gtm.redb"]);
}

#[test]
fn one_that_was_left_half_made_is_made_anew() {
    let folder = Folder::new();
    let mut begun = folder.file().into_os_string();
    begun.push(".new");
    fs::write(&begun, vec![7; 3_000_000]).unwrap();
    let store = folder.open();
    store.commit(&batch(1)).unwrap();
    assert!(!Path::new(&begun).exists());
}

#[test]
fn file_in_use_is_named() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(&batch(1)).unwrap();
    let error = Store::open(&folder.file()).err().expect("opened twice").to_string();
    let expect = format!("the store '{}' is in use by another process", folder.file().display());
    assert!(error.starts_with(&expect), "{error}");
    store.commit(&batch(2)).unwrap();
    drop(store);
    assert_eq!(folder.open().overrides().unwrap().len(), 2);
}

#[test]
fn file_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    let error = |file: &Path| Store::open(file).err().expect("opened").to_string();
    let plain = folder.0.path().join("plain");
    fs::write(&plain, "x").unwrap();
    let below = plain.join("gtm.redb");
    assert!(error(&below).contains(&format!("'{}'", below.display())), "{}", error(&below));
    let text = error(folder.0.path());
    assert!(text.contains("it is not a regular file"), "{text}");
    let dangling = folder.0.path().join("dangling");
    symlink(folder.0.path().join("nowhere"), &dangling).unwrap();
    assert!(error(&dangling).contains("cannot be created"), "{}", error(&dangling));
}

#[test]
fn foreign_files_are_refused() {
    let folder = Folder::new();
    let file = folder.file();
    drop(Database::create(&file).unwrap());
    refused(&file, "is not a store of gtm: it does not begin as one");
    let large = [vec![0; 100_000], vec![0xff; 9000]];
    for content in [&b""[..], b"x", b"version = 1\n", &large[0], &large[1]] {
        fs::write(&file, content).unwrap();
        refused(&file, "is not a store of gtm: it does not begin as one");
    }
}

/// Changes a number of a closed store behind its back.
fn set_number(file: &Path, key: &str, value: u64) {
    let handle = Arc::new(fs::OpenOptions::new().read(true).write(true).open(file).unwrap());
    let image = Arc::new(Image::load(handle).unwrap());
    let database = redb::Builder::new().create_with_backend(Backend(image)).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, &[u8]> = META;
    transaction.open_table(meta).unwrap().insert(key, value.to_string().as_bytes()).unwrap();
    transaction.commit().unwrap();
    database.close().unwrap();
}

#[test]
fn later_versions_are_refused() {
    let folder = Folder::new();
    folder.open().commit(&batch(1)).unwrap();
    set_number(&folder.file(), tables::VERSION_KEY, 2);
    refused(&folder.file(), "has version 2, and this gtm knows up to version 1");

    let folder = Folder::new();
    drop(folder.open());
    let mut bytes = fs::read(folder.file()).unwrap();
    for begin in [0, 4096] {
        bytes[begin..begin + 16].copy_from_slice(b"gtm store 2\r\n\x1a\n\0");
    }
    fs::write(folder.file(), bytes).unwrap();
    refused(&folder.file(), "has a layout of a later version");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for (key, value, expect) in [
        (tables::COMMITS_KEY, 0, "its last commit is number 0, but number 1 was acknowledged"),
        (tables::OVERRIDE_KEY, 0, "it has override 1, but 0 was the last that was given out"),
        (EVENT_KEY, 0, "it has event 1, but 0 was the last that was given out"),
    ] {
        let folder = Folder::new();
        folder.open().commit(&batch(1)).unwrap();
        set_number(&folder.file(), key, value);
        refused(&folder.file(), expect);
    }
}
