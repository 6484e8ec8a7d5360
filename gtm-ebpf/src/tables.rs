//! The maps of one generation and the look-ups in them.

use core::ptr;

use aya_ebpf::btf_maps::{Array as BtfArray, ArrayOfMaps};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, PerCpuArray};
use gtm_common::abi::{
    ELSEWHERE, LAST_RECORD_LINE, LINE_BYTES, LineRef, Listen, MAX_NSID, MAX_SLOTS, MAX_TYPES, NO_NODE,
    NameRecord, Page, PageRef, PerCpu, SHEET_LINES, Settings, Sheet, TRUSTED_FAMILY_BITS, TURNS, Trusted,
    TypeEntry, ecs,
};
use gtm_common::location::{self, Line, V6};
use gtm_common::names::{Displacements, GROUPS, MAX_WORDS, NameHash};
use gtm_common::pick::Client;
use gtm_common::wire::edns::FAMILY_IPV4;

use crate::edns::Edns;
use crate::frame::{Frame, Sender};
use crate::packet::opaque;
use crate::program::AtHand;

/// The daemon writes these maps through shared memory.
const MMAPABLE: u32 = 1 << 10;

// The loader gives each map the size that its generation needs.
#[map]
static LISTEN: Array<Listen> = Array::with_max_entries(1, MMAPABLE);
#[map]
static TRUSTED: LpmTrie<Trusted, u32> = LpmTrie::with_max_entries(1, 0);
#[map]
static NAME_DISPLACEMENTS: Array<Displacements> = Array::with_max_entries(1, MMAPABLE);
#[btf_map]
static NAMES: Sheets = Sheets::new();
#[btf_map]
static LOCATION: Sheets = Sheets::new();
#[map]
static VIEWS: Array<u32> = Array::with_max_entries(1, MMAPABLE);
#[map]
static BLOCKS: Array<Page> = Array::with_max_entries(1, MMAPABLE);
#[map]
static PER_CPU: PerCpuArray<PerCpu> = PerCpuArray::with_max_entries(1, 0);

/// Maps of one sheet each.
type Sheets = ArrayOfMaps<BtfArray<Sheet, 1>, 1>;

/// What one part of the program leaves to the next; nobody else looks at it.
#[map]
static AT_HAND: PerCpuArray<AtHand> = PerCpuArray::with_max_entries(1, 0);

#[unsafe(no_mangle)]
static SETTINGS_ABI_6: Settings = Settings {
    hash_key: 0,
    listen_key: 0,
    listen_mask: 0,
    name_sheets: 0,
    places: 0,
    place_lines: 0,
    ecs: 0,
    extended_errors: 0,
    nsid_len: 0,
    line_shift: 0,
    nsid: [0; MAX_NSID / 8],
};

macro_rules! setting {
    ($field:ident) => {
        // SAFETY: a static is always there; volatile, because the loader writes the value after compilation.
        unsafe { ptr::read_volatile(ptr::addr_of!(SETTINGS_ABI_6.$field)) }
    };
}

/// Hash of a name of this class, without its words.
#[inline(always)]
pub(crate) fn name_hash(class: u16) -> NameHash {
    NameHash::new(setting!(hash_key), class)
}

/// True when errors have a code that says more.
#[inline(always)]
pub(crate) fn has_extended_errors() -> bool {
    setting!(extended_errors) != 0
}

/// Length of the name server identifier in bytes; 0 without one.
#[inline(always)]
pub(crate) fn nsid_len() -> usize {
    setting!(nsid_len) as usize
}

/// Eight bytes of the name server identifier; `word` is below `MAX_NSID / 8`.
#[inline(always)]
pub(crate) fn nsid_word(word: usize) -> u64 {
    // SAFETY: a static is always there, and the mask keeps the index below the length of the array; volatile as above.
    unsafe { ptr::addr_of!(SETTINGS_ABI_6.nsid).cast::<u64>().add(word & (MAX_NSID / 8 - 1)).read_volatile() }
}

/// True when the client subnets of this sender are heeded.
#[inline(always)]
pub(crate) fn heeds_ecs(sender: Sender) -> bool {
    match setting!(ecs) {
        ecs::ALWAYS => true,
        ecs::LISTED => {
            let ip_version: u32 = if sender.is_v6 { 6 } else { 4 };
            let mut address_be = [0; 16];
            address_be[..8].copy_from_slice(&sender.high.to_be_bytes());
            address_be[8..].copy_from_slice(&sender.low.to_be_bytes());
            let key = Trusted { ip_version_be: ip_version.to_be_bytes(), address_be };
            TRUSTED.get(&Key::new(TRUSTED_FAMILY_BITS + 128, key)).is_some()
        }
        _ => false,
    }
}

/// This CPU's counters and room to work in.
#[inline(always)]
pub(crate) fn per_cpu() -> Option<*mut PerCpu> {
    PER_CPU.get_ptr_mut(0)
}

/// This CPU's room for the query at hand.
#[inline(always)]
pub(crate) fn at_hand() -> Option<*mut AtHand> {
    AT_HAND.get_ptr_mut(0)
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

/// The same for a truth.
#[inline(always)]
pub(crate) fn forget_bool(cpu: *const PerCpu, value: bool) -> bool {
    forget(cpu, usize::from(value), 1) != 0
}

/// The same for 32 bits.
#[inline(always)]
pub(crate) fn forget_u32(cpu: *const PerCpu, value: u32) -> u32 {
    forget(cpu, value as usize, u32::MAX as usize) as u32
}

/// Counts an [`Outcome`](gtm_common::counters::Outcome), given as a number.
#[inline(always)]
pub(crate) fn count(cpu: *mut PerCpu, outcome: u32) {
    // SAFETY: `cpu` points to this CPU's map value; there are fewer outcomes than counters.
    let counter = unsafe { ptr::addr_of_mut!((*cpu).outcomes).cast::<u64>().add(outcome as usize & 31) };
    // SAFETY: as above; only this CPU writes it.
    unsafe { *counter += 1 };
}

/// True for an address and port that we serve.
#[inline(always)]
pub(crate) fn is_served(listen: &Listen) -> bool {
    LISTEN
        .get(listen.place(setting!(listen_key)) & setting!(listen_mask))
        .is_some_and(|place| place == listen)
}

/// The part of the QNAME at hand that is looked for: from a label on to its end.
#[derive(Clone, Copy)]
pub(crate) struct Suffix {
    /// Its hash, with its class in it.
    pub(crate) hash: NameHash,
    /// The class.
    pub(crate) class: u16,
    /// Offset in bytes of its first label in [`PerCpu::name`], at most 255.
    pub(crate) start: usize,
    /// Length in bytes.
    pub(crate) len: usize,
}

/// Where a name's record is: there is one place to look at.
#[inline(always)]
pub(crate) fn find_name(cpu: *const PerCpu, suffix: &Suffix) -> Option<LineRef> {
    let sheet = suffix.hash.sheet(setting!(name_sheets));
    let displacements = NAME_DISPLACEMENTS.get_ptr(sheet)?.cast::<u8>();
    // SAFETY: there is one for each group; the mask takes nothing away.
    let displacement = unsafe { displacements.add(suffix.hash.group() & (GROUPS - 1)).read() };
    let place = suffix.hash.place(displacement, setting!(places));
    let here = LineRef::new(sheet, place * setting!(place_lines));
    let place = record(here)?;
    let head = place.head();
    if head.flags & ELSEWHERE == 0 {
        return is_name(place, cpu, suffix).then_some(here);
    }
    let found = LineRef(forget_u32(cpu, head.below.0));
    is_name(record(found)?, cpu, suffix).then_some(found)
}

/// A record.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    sheet: *const u8,
    /// Its offset in bytes, at most that of the last line that one begins in.
    at: usize,
}

impl Record {
    #[inline(always)]
    fn start(self) -> *const NameRecord {
        // SAFETY: it lies within its sheet.
        unsafe { self.sheet.add(self.at) }.cast()
    }

    /// Its head.
    #[inline(always)]
    pub(crate) fn head(self) -> NameRecord {
        // SAFETY: it lies within its sheet.
        unsafe { self.start().read_unaligned() }
    }
}

/// The record that a reference stands for.
#[inline(always)]
pub(crate) fn record(reference: LineRef) -> Option<Record> {
    let sheet = NAMES.get_value_ptr_mut(reference.sheet(), &0)?;
    let line = opaque(reference.line() as usize);
    if line > LAST_RECORD_LINE as usize {
        return None;
    }
    Some(Record { sheet: sheet.cast(), at: line_offset(opaque(line)) })
}

/// Offset in bytes of a line in its sheet.
#[inline(always)]
fn line_offset(line: usize) -> usize {
    // Opaque, or the compiler joins by "or" what it knows to have no bits in common, of which the verifier knows no bound.
    line * LINE_BYTES as usize + opaque(setting!(line_shift) as usize & (LINE_BYTES as usize - 1))
}

/// Compares class and whole lower-cased name.
#[inline(always)]
fn is_name(record: Record, cpu: *const PerCpu, suffix: &Suffix) -> bool {
    let head = record.head();
    if usize::from(head.name_len) != suffix.len || head.class != suffix.class {
        return false;
    }
    // SAFETY: the sheet has room for the longest name after any record head.
    let stored = unsafe { record.start().add(1) }.cast::<u64>();
    for word in 0..MAX_WORDS {
        if word * 8 >= opaque(suffix.len) {
            break;
        }
        // SAFETY: there is room for `MAX_WORDS` words.
        if unsafe { stored.add(word).read_unaligned() } != name_word(cpu, suffix.start, word) {
            return false;
        }
    }
    true
}

/// Eight bytes of the lower-cased QNAME: the word of this number from an offset of at most 255 on; zeros follow the name.
#[inline(always)]
pub(crate) fn name_word(cpu: *const PerCpu, start: usize, word: usize) -> u64 {
    // SAFETY: `cpu` points to this CPU's map value, whose room for a name is twice as long as the longest one; the mask
    // takes nothing away.
    unsafe {
        ptr::addr_of!((*cpu).name).cast::<u8>().add((start & 0xff) + word * 8).cast::<u64>().read_unaligned()
    }
}

/// What a record answers to this QTYPE.
#[inline(always)]
pub(crate) fn find_type(cpu: *const PerCpu, record: Record, qtype: u16) -> Option<TypeEntry> {
    let head = record.head();
    // The mask takes nothing away.
    let name_len = (usize::from(head.name_len) & 0xff).next_multiple_of(8);
    // SAFETY: behind any head the sheet has room for the longest name and as many types as there can be.
    let types = unsafe { record.start().add(1).cast::<u8>().add(name_len).cast::<TypeEntry>() };
    let mut found = MAX_TYPES;
    for index in 0..MAX_TYPES {
        if index >= opaque(head.types as usize) {
            break;
        }
        // SAFETY: as above.
        if unsafe { types.add(index).read_unaligned() }.answers(qtype) {
            found = index;
            break;
        }
    }
    if found >= MAX_TYPES {
        return None;
    }
    let found = forget(cpu, found, MAX_TYPES - 1);
    // SAFETY: as above.
    Some(unsafe { types.add(found).read_unaligned() })
}

struct Location(*const PerCpu);

impl location::Tables for Location {
    #[inline(always)]
    fn line(&self, reference: LineRef) -> Option<&Line> {
        let sheet = LOCATION.get_value_ptr_mut(reference.sheet(), &0)?.cast::<u8>();
        let line = opaque(reference.line() as usize);
        if line >= SHEET_LINES as usize {
            return None;
        }
        // SAFETY: the line lies within the sheet.
        let line = unsafe { sheet.add(line_offset(opaque(line))) }.cast::<Line>();
        // SAFETY: as above; values of maps are aligned to eight bytes, and nobody writes to them.
        Some(unsafe { &*line })
    }

    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        forget(self.0, number as usize, usize::MAX) as u64
    }

    #[inline(always)]
    fn opaque(&self, number: u32) -> u32 {
        opaque(number as usize) as u32
    }
}

/// Who asks: the ECS prefix if there is a usable one, else the sender; and whether it is the former.
#[inline(always)]
pub(crate) fn client(cpu: *const PerCpu, frame: &Frame, edns: &Edns) -> (Client, bool) {
    let Frame { sender, .. } = frame;
    let is_ecs = forget_bool(cpu, edns.has_ecs && edns.ecs.tells_client());
    let (is_v6, high, low) = if is_ecs {
        (edns.ecs.family != FAMILY_IPV4, edns.ecs.high, edns.ecs.low)
    } else {
        (sender.is_v6, sender.high, sender.low)
    };
    let client =
        if forget_bool(cpu, is_v6) { Client::V6(V6 { high, low }) } else { Client::V4((high >> 32) as u32) };
    (client, is_ecs)
}

/// Class of the client and, for an ECS client, the scope.
#[inline(always)]
pub(crate) fn locate(cpu: *const PerCpu, client: Client, is_ecs: bool) -> Option<(u32, u8)> {
    let class = match client {
        Client::V4(address) => location::locate(&Location(cpu), address)?,
        Client::V6(V6 { high, low }) => told(gtm_locate_v6(high, low))?,
    };
    let scope = match client {
        _ if !is_ecs => 0,
        Client::V4(address) => told(gtm_scope_v4(address))?,
        Client::V6(V6 { high, low }) => told(gtm_scope_v6(high, low))?,
    };
    Some((class, scope as u8))
}

/// What the functions below give for broken tables.
const UNKNOWN: u32 = u32::MAX;

#[inline(always)]
fn told(number: u32) -> Option<u32> {
    if number == UNKNOWN { None } else { Some(number) }
}

/// The class of an IPv6 client, as a function that the verifier goes through by itself, as it does through the next two.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_locate_v6(high: u64, low: u64) -> u32 {
    per_cpu().and_then(|cpu| location::locate(&Location(cpu), V6 { high, low })).unwrap_or(UNKNOWN)
}

/// The scope of an IPv4 client.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_scope_v4(address: u32) -> u32 {
    per_cpu().and_then(|cpu| location::scope(&Location(cpu), address)).unwrap_or(UNKNOWN)
}

/// The scope of an IPv6 client.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gtm_scope_v6(high: u64, low: u64) -> u32 {
    per_cpu().and_then(|cpu| location::scope(&Location(cpu), V6 { high, low })).unwrap_or(UNKNOWN)
}

/// A client as a function of its own takes it: a function's arguments are numbers.
#[inline(always)]
pub(crate) fn numbers(client: Client) -> (u64, u64, u32) {
    match client {
        Client::V4(address) => (u64::from(address), 0, 0),
        Client::V6(V6 { high, low }) => (high, low, 1),
    }
}

/// The client that [`numbers`] tell of.
#[inline(always)]
pub(crate) fn from_numbers(high: u64, low: u64, is_v6: u32) -> Client {
    if is_v6 == 0 { Client::V4(high as u32) } else { Client::V6(V6 { high, low }) }
}

/// A slot of a name.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    record: Record,
    /// How many come before it in the sheet.
    place: usize,
}

impl Slot {
    /// A number that other slots nearby do not have.
    #[inline(always)]
    pub(crate) fn number(self) -> u32 {
        // Places are a multiple of 16 slots apart.
        (self.place + self.place / 16) as u32
    }
}

/// The slot that answers this entry for a class.
#[inline(always)]
pub(crate) fn slot(record: Record, entry: &TypeEntry, class: u32) -> Option<Slot> {
    let offset = *VIEWS.get(entry.view.wrapping_add(class))? as usize & (MAX_SLOTS - 1);
    Some(Slot { record, place: record.at / size_of::<PageRef>() + entry.slot as usize + offset })
}

/// What a slot refers to; `None` when the kernel does not answer.
#[inline(always)]
pub(crate) fn reference(slot: Slot) -> Option<PageRef> {
    let place = opaque(slot.place);
    if place >= size_of::<Sheet>() / size_of::<PageRef>() {
        return None;
    }
    // SAFETY: the place lies within the sheet.
    let place = unsafe { slot.record.sheet.cast::<PageRef>().add(opaque(place)) };
    // SAFETY: as above; volatile, because it is stored to at any time.
    let reference = unsafe { place.read_volatile() };
    if reference == NO_NODE { None } else { Some(reference) }
}

/// Stores to a slot; `None` where there is none.
#[inline(always)]
pub(crate) fn store(sheet: u32, place: u32, node: PageRef) -> Option<()> {
    let sheet = NAMES.get_value_ptr_mut(sheet, &0)?;
    let place = opaque(place as usize + line_offset(0) / size_of::<PageRef>());
    if place >= size_of::<Sheet>() / size_of::<PageRef>() {
        return None;
    }
    // SAFETY: the place lies within the sheet.
    let place = unsafe { sheet.cast::<PageRef>().add(opaque(place)) };
    // SAFETY: as above; volatile, so that it is one store.
    unsafe { place.write_volatile(node) };
    Some(())
}

/// The node that a reference stands for.
#[inline(always)]
pub(crate) fn node(reference: PageRef) -> Option<*const u64> {
    let page = BLOCKS.get_ptr(reference.page())?.cast::<u64>();
    // SAFETY: the word is below `PAGE_WORDS`, and so within the page.
    Some(unsafe { page.add(reference.word() as usize) })
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
