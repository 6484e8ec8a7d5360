//! Maps of maps of one sheet each.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::{io, thread};

use aya::maps::{Map, MapData, MapError};
use aya::{Ebpf, EbpfError};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use gtm_common::abi::{LINE_BYTES, LineRef, SHEET_LINES, Sheet};
use gtm_common::location::Line;
use zerocopy::IntoBytes as _;

use super::{DataplaneError, error};

/// `BPF_MAP_UPDATE_BATCH` of `enum bpf_cmd`.
const UPDATE_BATCH: nix::libc::c_long = 26;
/// Batches at a time: the kernel lets each batch wait for the readers of an array of maps, kernels before 6.8 each element,
/// and those that wait at the same time wait once.
const BATCHES: usize = 32;
/// Maps that are open at a time: many hosts let a process have 1024 files, of which checks and connections need most.
const OPEN_MAPS: usize = 128;

/// Sheets in the making.
#[derive(Debug, Default)]
pub(super) struct Sheets(Vec<Vec<u64>>);

impl Sheets {
    /// This many without anything in them.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| empty()).collect())
    }

    /// The number of sheets.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds one.
    pub(super) fn push(&mut self) {
        self.0.push(empty());
    }

    /// Writes from a line on; `shift` bytes are before the first one. What does not lie within the sheet is not written.
    pub(super) fn write(&mut self, place: LineRef, offset: usize, bytes: &[u8], shift: u32) {
        let sheet = usize::try_from(place.sheet()).ok().and_then(|sheet| self.0.get_mut(sheet));
        let start = usize::try_from(place.line() * LINE_BYTES + shift).map(|start| start + offset);
        if let (Some(sheet), Ok(start)) = (sheet, start) {
            let room = sheet.as_mut_bytes().get_mut(start..start + bytes.len());
            if let Some(room) = room {
                room.copy_from_slice(bytes);
            }
        }
    }

    /// What is written from a line on.
    #[cfg(test)]
    pub(super) fn at(&self, place: LineRef, shift: u32) -> &[u8] {
        let start = usize::try_from(place.line() * LINE_BYTES + shift).unwrap();
        &self.0[usize::try_from(place.sheet()).unwrap()].as_bytes()[start..]
    }

    /// Lines by their references, as sheets.
    pub(super) fn of_lines(lines: &[Line], shift: u32) -> Self {
        let stride = usize::try_from(LineRef::new(1, 0).0).unwrap_or(usize::MAX);
        let used = usize::try_from(SHEET_LINES).unwrap_or(usize::MAX);
        let mut sheets = Self::default();
        for (lines, sheet) in lines.chunks(stride).zip(0..) {
            sheets.push();
            let lines = lines.get(..used).unwrap_or(lines);
            sheets.write(LineRef::new(sheet, 0), 0, lines.as_bytes(), shift);
        }
        sheets
    }

    /// Puts each into the map of maps of this name, in a map of its own.
    pub(super) fn put(self, object: &Ebpf, name: &'static str) -> Result<(), DataplaneError> {
        let Some(Map::ArrayOfMaps(outer)) = object.map(name) else {
            return Err(DataplaneError::map(name, "not an array of maps in the object"));
        };
        let count = self.len();
        let refused = |error: MapError| {
            let source = EbpfError::MapError(error);
            match error::os_error(&source) {
                Some(nix::libc::EPERM | nix::libc::EACCES) => DataplaneError::NoPrivilege,
                Some(nix::libc::ENOMEM | nix::libc::E2BIG) => DataplaneError::NoRoom {
                    map: name,
                    elements: u32::try_from(count).unwrap_or(u32::MAX),
                    bytes: u64::try_from(count * size_of::<Sheet>()).unwrap_or(u64::MAX),
                    source: source.into(),
                },
                _ => DataplaneError::Load(source),
            }
        };
        let mut sheets = self.0.into_iter();
        let mut first = 0;
        while sheets.len() > 0 {
            let mut inner = Vec::new();
            for sheet in sheets.by_ref().take(OPEN_MAPS) {
                let map = MapData::create(element(), name, None).map_err(refused)?;
                update(map.fd().as_fd(), &[0], sheet.as_bytes())
                    .map_err(|error| DataplaneError::map(name, error))?;
                inner.push(map);
            }
            set(outer, first, &inner).map_err(|error| DataplaneError::map(name, error))?;
            first += u32::try_from(inner.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

/// Sets the elements from `first` on to these maps.
fn set(outer: &MapData, first: u32, inner: &[MapData]) -> io::Result<()> {
    let indexes: Vec<u32> = (first..).take(inner.len()).collect();
    let fds: Vec<i32> = inner.iter().map(|map| map.fd().as_fd().as_raw_fd()).collect();
    let outer = outer.fd().as_fd();
    let batch = inner.len().div_ceil(BATCHES).max(1);
    thread::scope(|scope| {
        let batches: io::Result<Vec<_>> = indexes
            .chunks(batch)
            .zip(fds.chunks(batch))
            .map(|(indexes, fds)| {
                thread::Builder::new().spawn_scoped(scope, move || update(outer, indexes, fds.as_bytes()))
            })
            .collect();
        batches?.into_iter().try_for_each(|batch| batch.join().map_err(|_panic| io::ErrorKind::Other)?)
    })
}

/// The map of one sheet.
fn element() -> aya_obj::Map {
    let [key, value] =
        [size_of::<u32>(), size_of::<Sheet>()].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
    #[expect(clippy::as_conversions, reason = "an enumeration of the kernel's numbers")]
    aya_obj::Map::new_from_params(BPF_MAP_TYPE_ARRAY as u32, key, value, 1, 0)
}

fn empty() -> Vec<u64> {
    vec![0; size_of::<Sheet>() / size_of::<u64>()]
}

/// What the kernel reads of a batch: `union bpf_attr`, its part for batches.
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    element_flags: u64,
    flags: u64,
}

/// Sets elements of an array, of which `values` has one behind the other, in one system call: aya has none for it.
fn update(map: BorrowedFd<'_>, indexes: &[u32], values: &[u8]) -> io::Result<()> {
    let address = |pointer: *const u8| u64::try_from(pointer.expose_provenance()).map_err(io::Error::other);
    let attributes = Attributes {
        in_batch: 0,
        out_batch: 0,
        keys: address(indexes.as_ptr().cast())?,
        values: address(values.as_ptr())?,
        count: u32::try_from(indexes.len()).map_err(io::Error::other)?,
        map_fd: u32::try_from(map.as_raw_fd()).map_err(io::Error::other)?,
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: the attributes are as long as is said, and point to as many indexes as are counted and to their values, of the
    // length that the map has; all live until the call is over.
    let result = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_bpf,
            UPDATE_BATCH,
            std::ptr::from_ref(&attributes),
            size_of::<Attributes>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
