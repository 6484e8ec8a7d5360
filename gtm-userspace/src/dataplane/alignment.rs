//! Where a map's memory begins, as seen by the caches.

use std::fs;
use std::sync::OnceLock;

use gtm_common::abi::LINE_BYTES;

/// The kernel's description of its own types (BTF).
const BTF: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u32 = 0xeb9f;
const KIND_STRUCT: u32 = 4;

/// Bytes from the start of an array map's values to the next line of the cache: the kernel keeps the values behind what it
/// knows of the map (`struct bpf_array`), and takes memory from its own mapping at the start of a page. Zero where it does
/// not tell: lines are then not those of the cache, and nothing else is wrong.
pub(super) fn line_shift() -> u32 {
    static SHIFT: OnceLock<u32> = OnceLock::new();
    *SHIFT.get_or_init(|| {
        let start = fs::read(BTF).ok().and_then(|btf| last_member(&btf, "bpf_array"));
        start.map_or(0, |start| start.wrapping_neg() % LINE_BYTES)
    })
}

/// Offset in bytes of the last member of a structure (Documentation/bpf/btf.rst of the kernel).
fn last_member(btf: &[u8], name: &str) -> Option<u32> {
    if u32::from(u16::from_ne_bytes(*btf.first_chunk()?)) != MAGIC {
        return None;
    }
    let [header_len, types_at, types_len, strings_at] = [4, 8, 12, 16].map(|at| number(btf, at));
    let header_len = header_len?;
    let strings = btf.get(offset(header_len.checked_add(strings_at?)?)?..)?;
    let types = btf.get(offset(header_len.checked_add(types_at?)?)?..)?.get(..offset(types_len?)?)?;
    let mut rest = types;
    while !rest.is_empty() {
        let [name_at, info] = [0, 4].map(|at| number(rest, at));
        let (kind, members) = (info? >> 24 & 0x1f, info? & 0xffff);
        let found = strings.get(offset(name_at?)?..)?.strip_prefix(name.as_bytes());
        if kind == KIND_STRUCT && found.is_some_and(|behind| behind.first() == Some(&0)) {
            // Each member: name, type, offset in bits, whose upper byte may be the width of a bit field.
            let last = 12 * offset(members)?;
            return Some((number(rest, last + 8)? & 0x00ff_ffff) / 8);
        }
        rest = rest.get(12 + offset(members)? * member_len(kind)? + extra_len(kind)..)?;
    }
    None
}

/// Bytes for each member that a type of this kind counts; `None` for a kind that is not known.
fn member_len(kind: u32) -> Option<usize> {
    match kind {
        // Structures, unions, variables in sections, wide enumerations.
        4 | 5 | 15 | 19 => Some(12),
        // Enumerations, parameters of functions.
        6 | 13 => Some(8),
        1..=18 => Some(0),
        _ => None,
    }
}

/// Bytes behind a type of this kind that counts no members.
fn extra_len(kind: u32) -> usize {
    match kind {
        // Integers, variables, tags of declarations.
        1 | 14 | 17 => 4,
        // Arrays.
        3 => 12,
        _ => 0,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_ne_bytes(*number))
}

fn offset(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description with an integer, an array, and structures of one member and of two, of which the last has no length.
    fn description() -> Vec<u8> {
        let strings = b"\0int\0bpf_array_aux\0bpf_array\0";
        let types: [&[u32]; 4] = [
            &[1, 1 << 24, 4, 32],
            &[0, 3 << 24, 0, 1, 1, 4],
            &[5, 4 << 24 | 1, 8, 1, 1, 0],
            &[19, 4 << 24 | 2, 320, 1, 1, 0, 1, 2, 8 * 272],
        ];
        let types: Vec<u8> = types.concat().into_iter().flat_map(u32::to_ne_bytes).collect();
        let (types_len, strings_len) =
            (u32::try_from(types.len()).unwrap(), u32::try_from(strings.len()).unwrap());
        let mut bytes = [0xeb9f_u16.to_ne_bytes(), [1, 0]].concat();
        bytes.extend([24, 0, types_len, types_len, strings_len].into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn a_structure_is_found_by_its_whole_name() {
        let description = description();
        assert_eq!(last_member(&description, "bpf_array"), Some(272));
        assert_eq!(last_member(&description, "bpf_array_aux"), Some(0));
        assert_eq!(last_member(&description, "bpf"), None);
    }

    #[test]
    fn what_is_cut_off_tells_nothing() {
        let description = description();
        for len in 0..description.len() - 1 {
            assert_eq!(last_member(&description[..len], "bpf_array"), None, "{len}");
        }
    }

    #[test]
    fn the_kernel_that_runs_tells() {
        if fs::exists(BTF).unwrap_or(false) {
            assert!(last_member(&fs::read(BTF).unwrap(), "bpf_array").is_some_and(|size| size > 64));
        }
    }
}
