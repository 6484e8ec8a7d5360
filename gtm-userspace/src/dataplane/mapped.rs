//! An array map as memory of ours: written without a system call for each element.

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use aya::Ebpf;
use aya::maps::{Map, MapData};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use zerocopy::{Immutable, IntoBytes};

use super::DataplaneError;

/// A mapped array map. Elements lie one behind the other, each rounded up to eight bytes.
#[derive(Debug)]
pub(super) struct MappedArray {
    name: &'static str,
    start: NonNull<std::ffi::c_void>,
    elements: usize,
    stride: usize,
}

// SAFETY: the mapping belongs to this value alone on our side, and is only written through `&mut self`.
unsafe impl Send for MappedArray {}

impl MappedArray {
    /// Maps the array map of this name, created with `BPF_F_MMAPABLE`.
    pub(super) fn new(object: &Ebpf, name: &'static str) -> Result<Self, DataplaneError> {
        let Some(Map::Array(map)) = object.map(name) else {
            return Err(DataplaneError::map(name, "not an array in the object"));
        };
        let (elements, stride) = size(name, map)?;
        let len = NonZeroUsize::new(elements * stride).ok_or_else(|| DataplaneError::map(name, "empty"))?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { mmap(None, len, protection, MapFlags::MAP_SHARED, map.fd().as_fd(), 0) };
        let start = start.map_err(|error| DataplaneError::map(name, format!("cannot be mapped: {error}")))?;
        Ok(Self { name, start, elements, stride })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.elements
    }

    /// Writes values from this element on, before anyone reads them.
    pub(super) fn write<T: IntoBytes + Immutable>(
        &mut self,
        first: usize,
        values: &[T],
    ) -> Result<(), DataplaneError> {
        if first + values.len() > self.elements {
            return Err(DataplaneError::map(self.name, "shorter than what is written to it"));
        }
        if size_of::<T>() == self.stride {
            return self.write_bytes(first * self.stride, values.as_bytes());
        }
        values
            .iter()
            .zip(first..)
            .try_for_each(|(value, element)| self.write_bytes(element * self.stride, value.as_bytes()))
    }

    /// Writes bytes at an offset, before anyone reads them.
    pub(super) fn write_bytes(&mut self, offset: usize, bytes: &[u8]) -> Result<(), DataplaneError> {
        if offset + bytes.len() > self.elements * self.stride {
            return Err(DataplaneError::map(self.name, "shorter than what is written to it"));
        }
        // SAFETY: the offset is within the mapping.
        let target = unsafe { self.start.cast::<u8>().as_ptr().add(offset) };
        // SAFETY: the target range is within the mapping, which no Rust reference points into.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
        Ok(())
    }

    /// True when these bytes stand at an offset.
    pub(super) fn holds(&self, offset: usize, bytes: &[u8]) -> bool {
        if offset + bytes.len() > self.elements * self.stride {
            return false;
        }
        // SAFETY: the offset is within the mapping.
        let start = unsafe { self.start.cast::<u8>().as_ptr().add(offset) };
        // SAFETY: the range is within the mapping, which is writable for us alone, and only through `&mut self`.
        let there = unsafe { std::slice::from_raw_parts(start, bytes.len()) };
        there == bytes
    }
}

impl Drop for MappedArray {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, was made with this length, and nothing points into it any more. A failure would
        // leave it mapped until the process ends.
        let _unmapped = unsafe { munmap(self.start, self.elements * self.stride) };
    }
}

/// Number of elements and distance between them.
fn size(name: &'static str, map: &MapData) -> Result<(usize, usize), DataplaneError> {
    let info = map.info().map_err(|error| DataplaneError::map(name, error))?;
    let (elements, value) = (usize::try_from(info.max_entries()), usize::try_from(info.value_size()));
    match (elements, value) {
        (Ok(elements), Ok(value)) => Ok((elements, value.next_multiple_of(8))),
        _ => Err(DataplaneError::map(name, "larger than memory")),
    }
}
