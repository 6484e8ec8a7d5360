//! Opening: making the file, locking it, and trying out the whole of it before a byte of it is changed.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use redb::{Builder, Database, ReadableDatabase};

use super::image::{Backend, Image, ImageError};
use super::tables::{
    self, COMMITS_KEY, EVENT_KEY, EVENTS, Fault, HEALTH, MEMORY, META, OVERRIDE_KEY, OVERRIDES, RESPONSES,
    VERSION, VERSION_KEY, encode, number,
};
use super::{CallError, Opened, Response, StoreError, guarded};
use crate::decision::overrides::Override;
use crate::event::Event;
use crate::health::CheckState;

/// Memory for pages; the store is small, and the database would take a gigabyte.
const CACHE: usize = 8 << 20;

/// A file that no other process may open as a store meanwhile.
pub(super) struct LockGuard(Arc<File>);

impl LockGuard {
    fn new(file: &Path, handle: File) -> Result<Self, StoreError> {
        handle.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse(file.to_owned()),
            TryLockError::Error(error) => failed(file, "locked")(error),
        })?;
        Ok(Self(Arc::new(handle)))
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started has a copy of the file, and with it the lock.
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the store was not unlocked");
        }
    }
}

/// Opens the store, or makes one.
pub(super) fn open(file: &Path) -> Result<(LockGuard, Opened), StoreError> {
    let lock = match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => {
            let handle = OpenOptions::new().read(true).write(true).open(file);
            LockGuard::new(file, handle.map_err(failed(file, "opened"))?)?
        }
        Ok(_) => return Err(foreign(file, "it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(file)?,
        Err(error) => return Err(failed(file, "opened")(error)),
    };
    let opened = attach(file, &lock)?;
    Ok((lock, opened))
}

/// Opens the database in a locked file.
pub(super) fn attach(file: &Path, LockGuard(handle): &LockGuard) -> Result<Opened, StoreError> {
    let tried = guarded(|| Ok(try_out(file, handle)));
    settle(file, tried)??;
    // What a killed process wrote may not be on the disk yet, and is built upon from here on.
    handle.sync_data().map_err(failed(file, "synced"))?;
    let image = Arc::new(load(file, handle)?);
    let opened = guarded(|| Ok(builder(false).create_with_backend(Backend(Arc::clone(&image)))?));
    Ok(Opened { database: settle(file, opened)?, image })
}

/// Opens the file without changing it, and reads all of it: what it holds is what was acknowledged, or it is refused.
fn try_out(file: &Path, handle: &Arc<File>) -> Result<(), StoreError> {
    let image = Arc::new(load(file, handle)?.on_trial().map_err(failed(file, "read"))?);
    // The database takes a length of zero for a file that it is to make.
    if image.length().map_err(failed(file, "read"))? == 0 {
        return Err(damaged(file, "it is cut short"));
    }
    let acknowledged = image.acknowledged();
    let opened = builder(true).create_with_backend(Backend(image));
    let database = opened.map_err(|error| refuse(file, Fault::from(error)))?;
    let found = read_all(&database).map_err(|fault| refuse(file, fault))?;
    if found.version > VERSION {
        return Err(StoreError::Newer {
            file: file.to_owned(),
            version: format!("version {}", found.version),
        });
    }
    let commits = found.commits;
    if commits < acknowledged {
        let what = format!("its last commit is number {commits}, but number {acknowledged} was acknowledged");
        return Err(damaged(file, what));
    }
    Ok(())
}

/// What the numbers of a store say.
struct Found {
    version: u64,
    commits: u64,
}

/// Reads every entry.
fn read_all(database: &Database) -> Result<Found, Fault> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    let found = Found { version: number(&meta, VERSION_KEY)?, commits: number(&meta, COMMITS_KEY)? };
    if found.version > VERSION {
        // What its tables hold is not known.
        return Ok(found);
    }
    let (last_override, last_event) = (number(&meta, OVERRIDE_KEY)?, number(&meta, EVENT_KEY)?);
    for entry in tables::all::<u64, Override, _>(&transaction.open_table(OVERRIDES)?)? {
        in_order("override", entry?.0, last_override)?;
    }
    for entry in tables::all::<u64, Event, _>(&transaction.open_table(EVENTS)?)? {
        in_order("event", entry?.0, last_event)?;
    }
    for entry in tables::all::<&str, String, _>(&transaction.open_table(MEMORY)?)? {
        entry?;
    }
    for entry in tables::all::<&str, CheckState, _>(&transaction.open_table(HEALTH)?)? {
        entry?;
    }
    for entry in tables::all::<&str, Response, _>(&transaction.open_table(RESPONSES)?)? {
        entry?;
    }
    Ok(found)
}

fn in_order(what: &str, number: u64, last: u64) -> Result<(), Fault> {
    if number <= last {
        return Ok(());
    }
    Err(Fault::Content(format!("it has {what} {number}, but {last} was the last that was given out")))
}

/// Makes an empty store. It gets its name when it is whole, so a file of that name always is.
fn create(file: &Path) -> Result<LockGuard, StoreError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed(folder, "created, its folder cannot be made"))?;
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let begun = PathBuf::from(name);

    // One that an earlier start left half made is begun anew; one that another process is making is locked, or has
    // become the store since it was opened.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let handle = options.open(&begun).map_err(failed(&begun, "created"))?;
    let lock = LockGuard::new(file, handle)?;
    let handle = &lock.0;
    let named = std::fs::metadata(&begun).map_err(failed(&begun, "created"))?;
    let opened = handle.metadata().map_err(failed(&begun, "created"))?;
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(StoreError::InUse(file.to_owned()));
    }
    handle.set_len(0).map_err(failed(&begun, "created"))?;
    let image = Arc::new(Image::create(Arc::clone(handle)).map_err(failed(&begun, "created"))?);
    settle(file, guarded(|| fill(image)))?;
    handle.sync_all().map_err(failed(&begun, "created"))?;
    renameat2(AT_FDCWD, &begun, AT_FDCWD, file, RenameFlags::RENAME_NOREPLACE)
        .map_err(|errno| failed(file, "created")(errno.into()))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "synced"))?;
    Ok(lock)
}

/// Makes the tables.
fn fill(image: Arc<Image>) -> Result<(), Fault> {
    let database = builder(false).create_with_backend(Backend(image))?;
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(VERSION_KEY, encode(&VERSION)?.as_slice())?;
        for key in [COMMITS_KEY, OVERRIDE_KEY, EVENT_KEY] {
            meta.insert(key, encode(&0_u64)?.as_slice())?;
        }
        transaction.open_table(OVERRIDES)?;
        transaction.open_table(MEMORY)?;
        transaction.open_table(HEALTH)?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(RESPONSES)?;
    }
    transaction.commit()?;
    database.close()?;
    Ok(())
}

fn builder(is_trial: bool) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(is_trial);
    builder
}

fn load(file: &Path, handle: &Arc<File>) -> Result<Image, StoreError> {
    Image::load(Arc::clone(handle)).map_err(|error| match error {
        ImageError::Io(error) => failed(file, "read")(error),
        ImageError::Foreign => foreign(file, "it does not begin as one"),
        ImageError::OtherLayout => {
            StoreError::Newer { file: file.to_owned(), version: "a layout of a later version".to_owned() }
        }
        ImageError::Frames => damaged(file, "both copies of its head have wrong checksums"),
    })
}

/// The error for what went wrong while opening.
fn settle<T>(file: &Path, result: Result<T, CallError>) -> Result<T, StoreError> {
    result.map_err(|error| match error {
        CallError::Fault(fault) => refuse(file, fault),
        CallError::Panicked(what) => damaged(file, what),
    })
}

fn refuse(file: &Path, fault: Fault) -> StoreError {
    match fault {
        Fault::Database(redb::Error::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
            failed(file, "read")(error)
        }
        Fault::Database(error) => damaged(file, error.to_string()),
        Fault::Content(what) | Fault::KeyTaken(what) => damaged(file, what),
    }
}

fn damaged(file: &Path, what: impl Into<String>) -> StoreError {
    StoreError::Damaged { file: file.to_owned(), what: what.into() }
}

fn foreign(file: &Path, what: &str) -> StoreError {
    StoreError::Foreign { file: file.to_owned(), what: what.to_owned() }
}

fn failed(file: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { file: file.to_owned(), what, source }
}
