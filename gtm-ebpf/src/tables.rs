//! The maps of one generation and the look-ups in them.

use core::ptr;

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray};
use gtm_common::abi::{
    Bucket, EMPTY_BUCKET, Listen, MAX_PROBES, MAX_TYPES, NO_BLOCK, NO_TYPE, NameRecord, Page, PageRef,
    PerCpu, RangeV4, RangeV6, Settings, TURNS, TypeEntry,
};
use gtm_common::counters::Outcome;
use gtm_common::location::{self, Ranges, V6};
use gtm_common::names::MAX_WORDS;
use gtm_common::pick::Client;
use gtm_common::wire::edns::FAMILY_IPV4;

use crate::edns::{Ecs, Edns};
use crate::frame::{Frame, Sender};
use crate::packet::opaque;
use crate::question::Question;

/// The daemon writes these maps through shared memory.
const MMAPABLE: u32 = 1 << 10;

// The loader gives each map the size that its generation needs.
#[map]
static LISTEN: HashMap<Listen, u32> = HashMap::with_max_entries(1, 0);
#[map]
static NAME_BUCKETS: Array<Bucket> = Array::with_max_entries(1, MMAPABLE);
#[map]
static NAMES: Array<Page> = Array::with_max_entries(1, MMAPABLE);
#[map]
static INDEX_V4: Array<u32> = Array::with_max_entries(1, MMAPABLE);
#[map]
static RANGES_V4: Array<RangeV4> = Array::with_max_entries(1, MMAPABLE);
#[map]
static INDEX_V6: Array<u32> = Array::with_max_entries(1, MMAPABLE);
#[map]
static RANGES_V6: Array<RangeV6> = Array::with_max_entries(1, MMAPABLE);
#[map]
static VIEWS: Array<u32> = Array::with_max_entries(1, MMAPABLE);
#[map]
static SLOTS: Array<u64> = Array::with_max_entries(1, MMAPABLE);
#[map]
static BLOCKS: Array<Page> = Array::with_max_entries(1, MMAPABLE);
#[map]
static PER_CPU: PerCpuArray<PerCpu> = PerCpuArray::with_max_entries(1, 0);

#[unsafe(no_mangle)]
static SETTINGS_ABI_3: Settings =
    Settings { hash_key: 0, bucket_mask: 0, ranges_v4: 0, ranges_v6: 0, reserved: 0 };

macro_rules! setting {
    ($field:ident) => {
        // SAFETY: a static is always there; volatile, because the loader writes the value after compilation.
        unsafe { ptr::read_volatile(ptr::addr_of!(SETTINGS_ABI_3.$field)) }
    };
}

/// Key of the name hash.
#[inline(always)]
pub(crate) fn hash_key() -> u64 {
    setting!(hash_key)
}

/// This CPU's counters and room to work in.
#[inline(always)]
pub(crate) fn per_cpu() -> Option<*mut PerCpu> {
    PER_CPU.get_ptr_mut(0)
}

/// The same number, of which the verifier knows no more than that `mask` covers it.
///
/// The verifier follows every value that a loop or a choice before can have left here; forgotten, the paths are one
/// again. The mask takes nothing away from the number.
#[inline(always)]
pub(crate) fn forget(cpu: *const PerCpu, value: usize, mask: usize) -> usize {
    // SAFETY: `cpu` points to this CPU's map value; volatile, so that the compiler does not know it either.
    let zero = unsafe { ptr::addr_of!((*cpu).unknown_zero).read_volatile() };
    (value + zero as usize) & mask
}

/// The same for 32 bits.
#[inline(always)]
pub(crate) fn forget_u32(cpu: *const PerCpu, value: u32) -> u32 {
    forget(cpu, value as usize, u32::MAX as usize) as u32
}

/// Counts an outcome.
#[inline(always)]
pub(crate) fn count(cpu: *mut PerCpu, outcome: Outcome) {
    // SAFETY: `cpu` points to this CPU's map value; there are fewer outcomes than counters.
    let counter = unsafe { ptr::addr_of_mut!((*cpu).outcomes).cast::<u64>().add(outcome as usize & 31) };
    // SAFETY: as above; only this CPU writes it.
    unsafe { *counter += 1 };
}

/// True for an address and port that we serve.
#[inline(always)]
pub(crate) fn is_served(listen: &Listen) -> bool {
    LISTEN.get_ptr(listen).is_some()
}

/// The record of the name at hand. Within the buckets that a search looks at, tags are distinct: there is one record to
/// compare.
#[inline(always)]
pub(crate) fn find_name(cpu: *const PerCpu, question: &Question) -> Option<*const NameRecord> {
    let mask = setting!(bucket_mask);
    let mut found = EMPTY_BUCKET;
    for probe in 0..MAX_PROBES {
        let bucket = NAME_BUCKETS.get(question.hash.bucket().wrapping_add(probe) & mask)?;
        if bucket.record == EMPTY_BUCKET || bucket.tag == question.hash.tag() {
            found = bucket.record;
            break;
        }
    }
    let record = element(&NAMES, PageRef(forget_u32(cpu, found.0)))?.cast::<NameRecord>();
    is_name(record, cpu, question).then_some(record)
}

/// Compares the whole lower-cased name.
#[inline(always)]
fn is_name(record: *const NameRecord, cpu: *const PerCpu, question: &Question) -> bool {
    // SAFETY: a record lies within its page.
    if unsafe { (*record).name_len } as usize != question.name_len {
        return false;
    }
    // SAFETY: the page has room for the longest name after any record head.
    let stored = unsafe { record.add(1) }.cast::<u64>();
    // SAFETY: `cpu` points to this CPU's map value.
    let asked = unsafe { ptr::addr_of!((*cpu).name) }.cast::<u64>();
    for word in 0..MAX_WORDS {
        if word >= opaque(question.words) {
            break;
        }
        // SAFETY: both have room for `MAX_WORDS` words.
        if unsafe { *stored.add(word) != *asked.add(word) } {
            return false;
        }
    }
    true
}

/// What the name answers to this QTYPE.
#[inline(always)]
pub(crate) fn find_type(record: *const NameRecord, qtype: u16) -> Option<TypeEntry> {
    for index in 0..MAX_TYPES {
        // SAFETY: a record lies within its page, and `index` is below the length of the array.
        let entry = unsafe { ptr::addr_of!((*record).types).cast::<TypeEntry>().add(index).read() };
        if entry.qtype == NO_TYPE {
            return None;
        }
        if entry.answers(qtype) {
            return Some(entry);
        }
    }
    None
}

struct LocationV4(*const PerCpu);

impl Ranges for LocationV4 {
    type Address = u32;

    #[inline(always)]
    fn index(&self, upper: u32) -> Option<u32> {
        INDEX_V4.get(upper).copied()
    }

    #[inline(always)]
    fn range(&self, position: u32) -> Option<(u32, u32)> {
        RANGES_V4.get(position).map(|range| (range.start, range.class))
    }

    #[inline(always)]
    fn count(&self) -> u32 {
        setting!(ranges_v4)
    }

    #[inline(always)]
    fn forget(&self, number: u32) -> u32 {
        forget_u32(self.0, number)
    }
}

struct LocationV6(*const PerCpu);

impl Ranges for LocationV6 {
    type Address = V6;

    #[inline(always)]
    fn index(&self, upper: u32) -> Option<u32> {
        INDEX_V6.get(upper).copied()
    }

    #[inline(always)]
    fn range(&self, position: u32) -> Option<(V6, u32)> {
        RANGES_V6
            .get(position)
            .map(|range| (V6 { high: range.start_high, low: range.start_low }, range.class))
    }

    #[inline(always)]
    fn count(&self) -> u32 {
        setting!(ranges_v6)
    }

    #[inline(always)]
    fn forget(&self, number: u32) -> u32 {
        forget_u32(self.0, number)
    }
}

/// Who asks: the ECS prefix if there is a usable one, else the sender; and whether it is the former.
#[inline(always)]
pub(crate) fn client(frame: &Frame, edns: &Edns) -> (Client, bool) {
    match (edns.ecs.filter(Ecs::tells_client), frame.sender) {
        (Some(ecs), _) if ecs.family == FAMILY_IPV4 => (Client::V4((ecs.high >> 32) as u32), true),
        (Some(ecs), _) => (Client::V6(V6 { high: ecs.high, low: ecs.low }), true),
        (None, Sender::V4(address)) => (Client::V4(address), false),
        (None, Sender::V6(high, low)) => (Client::V6(V6 { high, low }), false),
    }
}

/// Class of the client and, for an ECS client, the scope.
#[inline(always)]
pub(crate) fn locate(cpu: *const PerCpu, client: Client, is_ecs: bool) -> Option<(u32, u8)> {
    match client {
        Client::V4(address) => {
            let table = LocationV4(cpu);
            let (position, class) = location::locate(&table, address)?;
            let scope = if is_ecs { location::scope(&table, position, address)? } else { 0 };
            Some((class, forget(cpu, usize::from(scope), 0xff) as u8))
        }
        Client::V6(address) => {
            let table = LocationV6(cpu);
            let (position, class) = location::locate(&table, address)?;
            let scope = if is_ecs { location::scope(&table, position, address)? } else { 0 };
            Some((class, forget(cpu, usize::from(scope), 0xff) as u8))
        }
    }
}

/// The slot that answers this entry for a class.
#[inline(always)]
pub(crate) fn slot(entry: &TypeEntry, class: u32) -> Option<u32> {
    VIEWS.get(entry.view.wrapping_add(class)).map(|offset| entry.slot.wrapping_add(*offset))
}

/// What a slot refers to; `None` when the kernel does not answer.
#[inline(always)]
pub(crate) fn reference(slot: u32) -> Option<PageRef> {
    let slot = SLOTS.get_ptr(slot)?;
    // SAFETY: the slot lies in the map; volatile, because the daemon stores to it at any time.
    let reference = unsafe { slot.read_volatile() };
    if reference == NO_BLOCK { None } else { Some(PageRef(reference as u32)) }
}

/// The node that a reference stands for.
#[inline(always)]
pub(crate) fn node(reference: PageRef) -> Option<*const u64> {
    element(&BLOCKS, reference)
}

/// Takes the next turn of this counter; counters share their places by their lower bits.
#[inline(always)]
pub(crate) fn turn(cpu: *mut PerCpu, counter: u32) -> u32 {
    // SAFETY: `cpu` points to this CPU's map value, and the index is below the length of the array.
    let place = unsafe { ptr::addr_of_mut!((*cpu).turns).cast::<u32>().add(counter as usize & (TURNS - 1)) };
    // SAFETY: as above; only this CPU accesses it.
    let turn = unsafe { *place };
    // SAFETY: as above.
    unsafe { *place = turn.wrapping_add(1) };
    turn
}

/// The word that a page reference stands for.
#[inline(always)]
fn element(pages: &Array<Page>, reference: PageRef) -> Option<*const u64> {
    let page = pages.get_ptr(reference.page())?.cast::<u64>();
    // SAFETY: the word is below `PAGE_WORDS`, and so within the page.
    Some(unsafe { page.add(reference.word() as usize) })
}
