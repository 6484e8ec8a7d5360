//! One generation: the loaded program with its maps.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aya::maps::MapError;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::programs::{ProgramFd, ProgramInfo, TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfError, EbpfLoader};
use gtm_common::abi::{
    self, LineRef, Listen, MAX_NSID, NO_NODE, Page, PageRef, Settings, Sheet, TRUSTED_FAMILY_BITS, Trusted,
    map,
};
use gtm_common::names::Displacements;
use zerocopy::IntoBytes;

use super::blocks::{Batch, Blocks};
use super::counters::{self, Counters};
use super::listen::Served;
use super::mapped::MappedArray;
use super::names::{NameTable, RecordId};
use super::plan::Plan;
use super::sheets::Sheets;
use super::slots::Slots;
use super::stores::Stores;
use super::{DataplaneError, alignment, error, kernel, sample};
use crate::config::model::{Dns, EcsTrust, Prefix};
use crate::decision::AnswerTable;
use crate::server::Tables;

/// The object, built from the source of the same commit by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/gtm-ebpf"));

/// A loaded program and its maps.
#[derive(Debug)]
pub struct Generation {
    object: Ebpf,
    tables: Arc<Tables>,
    /// Where each record is.
    places: Vec<LineRef>,
    slots: Slots,
    blocks: Blocks,
    hash_key: u64,
}

impl Generation {
    /// Creates the maps, fills them from the tables and the table they were made with, loads the program and tries it on
    /// sample queries.
    pub fn load(
        listen: &[SocketAddr],
        tables: &Arc<Tables>,
        table: &AnswerTable,
    ) -> Result<Self, DataplaneError> {
        let Plan { names: records, slots, mut blocks } = Plan::new(tables, table)?;
        let line_shift = alignment::line_shift();
        // Keys come from where the standard library takes the seeds of its hash maps.
        let names = NameTable::new(&records, line_shift, || RandomState::new().hash_one(0u8))?;
        let NameTable { key: hash_key, displacements, division, places, sheets: mut name_sheets } = names;
        // What the slots answer now is placed beforehand, so that the map of blocks is made for it.
        let all = 0..u32::try_from(table.slots.len()).unwrap_or(u32::MAX);
        place(&mut blocks, tables, &slots, table, all, |record, number, node| {
            if let Some(place) = place_of(&places, record) {
                name_sheets.write(place, number * size_of::<PageRef>(), node.as_bytes(), line_shift);
            }
        })?;
        let trusted = match &tables.dns().ecs {
            EcsTrust::Prefixes(prefixes) => prefixes.as_slice(),
            EcsTrust::Always | EcsTrust::Never => &[],
        };
        let served = Served::new(listen, || RandomState::new().hash_one(0u8))?;
        let settings = Settings {
            hash_key,
            name_sheets: length("name sheets", displacements.len())?,
            places: division.places,
            place_lines: division.place_lines,
            line_shift,
            ..settings(tables.dns(), &served)?
        };
        let location = Sheets::of_lines(&table.location.lines, line_shift);
        let sizes = [
            Size::of::<Listen>(map::LISTEN, "served addresses", served.places.len())?,
            Size::of::<Trusted>(map::TRUSTED, "trusted prefixes", trusted.len())?,
            Size::of::<Displacements>(map::NAME_DISPLACEMENTS, "name sheets", displacements.len())?,
            Size::of::<Sheet>(map::NAMES, "name sheets", name_sheets.len())?,
            Size::of::<Sheet>(map::LOCATION, "locations", location.len())?,
            Size::of::<u32>(map::VIEWS, "views", table.views.len())?,
            Size::pages(map::BLOCKS, blocks.pages()),
        ];
        let mut object = create(&sizes, &settings)?;
        MappedArray::new(&object, map::NAME_DISPLACEMENTS)?.write(0, &displacements)?;
        name_sheets.put(&object, map::NAMES)?;
        location.put(&object, map::LOCATION)?;
        MappedArray::new(&object, map::VIEWS)?.write(0, &table.views)?;
        MappedArray::new(&object, map::LISTEN)?.write(0, &served.places)?;
        write_trusted(&mut object, trusted)?;
        blocks.go_to(MappedArray::new(&object, map::BLOCKS)?)?;
        let mut generation = Self { object, tables: Arc::clone(tables), places, slots, blocks, hash_key };
        program_mut(&mut generation.object, abi::STORE_PROGRAM)?.load().map_err(verify_error)?;
        generation.program()?.load().map_err(verify_error)?;
        sample::check(&generation, listen, tables, table, &records)?;
        generation.reset_counters()?;
        Ok(generation)
    }

    /// Makes a slot of the table answer what it holds now: see [`Self::store_all`].
    pub fn store(&mut self, table: &AnswerTable, slot: u32) -> Result<(), DataplaneError> {
        self.store_all(table, [slot])
    }

    /// Makes slots of the table answer what they hold now, for their names and for those whose aliases lead there: what
    /// answers is written first, then each slot in one store.
    ///
    /// What cannot be written leaves its slots to the server: what they answered before is no longer true. All are stored
    /// before an error is told.
    pub fn store_all(
        &mut self,
        table: &AnswerTable,
        changed: impl IntoIterator<Item = u32>,
    ) -> Result<(), DataplaneError> {
        let mut stores = Stores::default();
        let Self { tables, places, slots, blocks, .. } = self;
        let result = place(blocks, tables, slots, table, changed, |record, number, node| {
            if let Some(place) = place_of(places, record) {
                stores.push(place, number, node);
            }
        });
        let run = stores.run(program_mut(&mut self.object, abi::STORE_PROGRAM)?);
        run.and(result)
    }

    /// Has what is stored from now on follow other tables, of the same names: those that it was built from stood still.
    pub fn follow(&mut self, tables: &Arc<Tables>) {
        self.tables = Arc::clone(tables);
    }

    /// The program that answers.
    pub(super) fn program(&mut self) -> Result<&mut Xdp, DataplaneError> {
        program_mut(&mut self.object, abi::PROGRAM)
    }

    /// The same, to be looked at and run.
    fn loaded(&self) -> Result<&Xdp, DataplaneError> {
        let program = self.object.program(abi::PROGRAM).ok_or(DataplaneError::AbiMismatch)?;
        program.try_into().map_err(DataplaneError::Verify)
    }

    /// Runs the program once on a frame, off any interface: its verdict and the frame it leaves.
    pub fn run(&self, frame: &[u8]) -> Result<(u32, Vec<u8>), DataplaneError> {
        let program = self.loaded()?;
        // An answer is longer than its query by less than a page.
        let mut out = vec![0; frame.len() + 4096];
        let options =
            TestRunOptions { data_in: Some(frame), data_out: Some(&mut out), ..TestRunOptions::new() };
        let result = program.test_run(options).map_err(DataplaneError::Verify)?;
        out.truncate(usize::try_from(result.data_size_out).unwrap_or_default());
        Ok((result.return_value, out))
    }

    /// What the kernel says of the loaded program.
    pub fn program_info(&self) -> Result<ProgramInfo, DataplaneError> {
        self.loaded()?.info().map_err(DataplaneError::Verify)
    }

    /// The object that every generation is loaded from.
    pub fn object() -> &'static [u8] {
        OBJECT
    }

    /// The loaded program itself, for what runs it otherwise than on an interface.
    pub fn program_fd(&mut self) -> Result<ProgramFd, DataplaneError> {
        let fd = self.program()?.fd().and_then(|fd| Ok(fd.try_clone()?));
        fd.map_err(DataplaneError::Verify)
    }

    /// Takes back what the sample queries have counted, and lets turns begin anywhere.
    fn reset_counters(&mut self) -> Result<(), DataplaneError> {
        let map = self.object.map_mut(map::PER_CPU).ok_or(DataplaneError::AbiMismatch)?;
        let (seed, mut number) = (RandomState::new(), 0_u32);
        counters::reset(map, || {
            number = number.wrapping_add(1);
            let [.., a, b, c, d] = seed.hash_one(number).to_be_bytes();
            u32::from_be_bytes([a, b, c, d])
        })
    }

    /// Key of this generation's name hash: with it, names that collide can be made and tried.
    pub fn hash_key(&self) -> u64 {
        self.hash_key
    }

    /// What this generation has counted.
    pub fn counters(&self) -> Result<Counters, DataplaneError> {
        let map = self.object.map(map::PER_CPU).ok_or(DataplaneError::AbiMismatch)?;
        counters::read(map)
    }
}

/// A program of the object.
fn program_mut<'o>(object: &'o mut Ebpf, name: &str) -> Result<&'o mut Xdp, DataplaneError> {
    let program = object.program_mut(name).ok_or(DataplaneError::AbiMismatch)?;
    program.try_into().map_err(DataplaneError::Verify)
}

/// Where a record is.
fn place_of(places: &[LineRef], RecordId(record): RecordId) -> Option<LineRef> {
    places.get(usize::try_from(record).ok()?).copied()
}

/// Places what slots of the table hold now for every slot that follows them, and has each one stored, by its record and
/// number in that. All are stored, those that cannot be placed as nothing, before an error is told.
fn place(
    blocks: &mut Blocks,
    tables: &Tables,
    slots: &Slots,
    table: &AnswerTable,
    sources: impl IntoIterator<Item = u32>,
    mut store: impl FnMut(RecordId, usize, PageRef),
) -> Result<(), DataplaneError> {
    let mut batch = Batch::default();
    let mut result = Ok(());
    for source in sources {
        let answer = usize::try_from(source).ok().and_then(|source| table.slots.get(source));
        let Some(answer) = answer else {
            result = result.and(Err(DataplaneError::map(map::NAMES, format!("no slot {source}"))));
            continue;
        };
        let answer = answer.load_full();
        for ((record, number), purpose) in slots.followers(tables, source) {
            let placed = blocks.place_in(&mut batch, purpose, &answer);
            store(record, number, placed.as_ref().ok().copied().flatten().unwrap_or(NO_NODE));
            result = result.and(placed.map(drop));
        }
    }
    result
}

/// How large a map is to be.
#[derive(Debug, Clone, Copy)]
struct Size {
    map: &'static str,
    elements: u32,
    bytes: u64,
}

impl Size {
    /// That many elements, or one: a map has at least that.
    fn of<T>(map: &'static str, what: &'static str, elements: usize) -> Result<Self, DataplaneError> {
        length(what, elements).map(|elements| Self::new(map, elements, size_of::<T>()))
    }

    fn pages(map: &'static str, pages: u32) -> Self {
        Self::new(map, pages, size_of::<Page>())
    }

    fn new(map: &'static str, elements: u32, element: usize) -> Self {
        let elements = elements.max(1);
        let element = u64::try_from(element.next_multiple_of(8)).unwrap_or(u64::MAX);
        Self { map, elements, bytes: element.saturating_mul(elements.into()) }
    }
}

fn settings(dns: &Dns, served: &Served) -> Result<Settings, DataplaneError> {
    let nsid = dns.nsid.as_deref().unwrap_or_default().as_bytes();
    let mut bytes = [0; MAX_NSID];
    // It is as long as may be: that was checked when it was read.
    bytes.iter_mut().zip(nsid).for_each(|(place, byte)| *place = *byte);
    Ok(Settings {
        hash_key: 0,
        name_sheets: 0,
        places: 0,
        place_lines: 0,
        line_shift: 0,
        listen_key: served.key,
        listen_mask: length("served addresses", served.places.len())? - 1,
        ecs: match dns.ecs {
            EcsTrust::Always => abi::ecs::ALWAYS,
            EcsTrust::Never => abi::ecs::NEVER,
            EcsTrust::Prefixes(_) => abi::ecs::LISTED,
        },
        extended_errors: dns.extended_errors.into(),
        nsid_len: length("name server identifier", nsid.len())?,
        nsid: zerocopy::transmute!(bytes),
    })
}

fn write_trusted(object: &mut Ebpf, prefixes: &[Prefix]) -> Result<(), DataplaneError> {
    let map = object.map_mut(map::TRUSTED).ok_or(DataplaneError::AbiMismatch)?;
    let failed = |error| DataplaneError::map(map::TRUSTED, error);
    let mut map = LpmTrie::<_, [u8; size_of::<Trusted>()], u32>::try_from(map).map_err(failed)?;
    for prefix in prefixes {
        let (address_be, ip_version) = address_be(prefix.address);
        let key = Trusted { ip_version_be: u32::from(ip_version).to_be_bytes(), address_be };
        let key: [u8; size_of::<Trusted>()] = zerocopy::transmute!(key);
        let bits = TRUSTED_FAMILY_BITS + u32::from(prefix.length);
        map.insert(&Key::new(bits, key), 0, 0).map_err(failed)?;
    }
    Ok(())
}

/// The address as the keys of the maps have it, and its family.
fn address_be(address: IpAddr) -> ([u8; 16], u16) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            ([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4)
        }
        IpAddr::V6(address) => (address.octets(), 6),
    }
}

fn length(what: &'static str, length: usize) -> Result<u32, DataplaneError> {
    u32::try_from(length).ok().ok_or(DataplaneError::TooLarge { what, limit: u64::from(u32::MAX) })
}

/// Creates the maps of these sizes.
fn create(sizes: &[Size], settings: &Settings) -> Result<Ebpf, DataplaneError> {
    let mut loader = EbpfLoader::new();
    for Size { map, elements, .. } in sizes {
        loader.map_max_entries(map, *elements);
    }
    loader.override_global(abi::SETTINGS_SYMBOL, settings.as_bytes(), true);
    loader.load(OBJECT).map_err(|error| load_error(error, sizes))
}

/// What the kernel's refusal of a map means; `sizes` are those that were asked for.
fn load_error(error: EbpfError, sizes: &[Size]) -> DataplaneError {
    match error::os_error(&error) {
        Some(nix::libc::EPERM | nix::libc::EACCES) => DataplaneError::NoPrivilege,
        Some(nix::libc::ENOMEM | nix::libc::E2BIG) => match refused(&error, sizes) {
            Some(Size { map, elements, bytes }) => {
                DataplaneError::NoRoom { map, elements, bytes, source: error.into() }
            }
            None => DataplaneError::Load(error),
        },
        _ if error::chain(&error).contains(abi::SETTINGS_SYMBOL) => DataplaneError::AbiMismatch,
        _ => kernel::too_old().unwrap_or(DataplaneError::Load(error)),
    }
}

/// The map that was refused.
fn refused(error: &EbpfError, sizes: &[Size]) -> Option<Size> {
    let EbpfError::MapError(MapError::CreateError { name, .. }) = error else { return None };
    sizes.iter().find(|size| size.map == name).copied()
}

fn verify_error(error: aya::programs::ProgramError) -> DataplaneError {
    match error::os_error(&error) {
        Some(nix::libc::EPERM) => DataplaneError::NoPrivilege,
        _ => kernel::too_old().unwrap_or(DataplaneError::Verify(error)),
    }
}

#[cfg(test)]
mod tests {
    use aya::maps::{Array, ArrayOfMaps, MapData};

    use super::*;

    /// Of two runs, the first with a slot of a sheet that is not there and one behind the last of a sheet.
    #[test]
    fn a_slot_that_is_not_there_leaves_the_others_stored() {
        const SHIFT: u32 = 8;
        let settings = Settings { line_shift: SHIFT, ..Settings::default() };
        let mut object = match create(&[Size::new(map::NAMES, 2, 8)], &settings) {
            Err(DataplaneError::NoPrivilege) => return,
            created => created.unwrap(),
        };
        Sheets::new(2).put(&object, map::NAMES).unwrap();
        let program = program_mut(&mut object, abi::STORE_PROGRAM).unwrap();
        program.load().unwrap();
        let mut stores = Stores::default();
        stores.push(LineRef::new(2, 0), 0, PageRef(1));
        stores.push(LineRef::new(1, 494), 30, PageRef(1));
        let slots =
            || (0..2 * abi::MAX_STORES).map(|number| (number, PageRef(7 + u32::try_from(number).unwrap())));
        for (number, node) in slots() {
            stores.push(LineRef::new(1, 3), number, node);
        }
        let told = stores.run(program).unwrap_err().to_string();
        assert_eq!(told, "map NAMES: no such slot");
        let outer =
            ArrayOfMaps::<_, Array<MapData, Sheet>>::try_from(object.map(map::NAMES).unwrap()).unwrap();
        let sheets = [0, 1].map(|sheet| outer.get(&sheet, 0).unwrap().get(&0, 0).unwrap());
        assert!(sheets[0].iter().all(|word| *word == 0));
        let slot = |bytes: &[u8], number: usize| {
            let start = usize::try_from(SHIFT).unwrap() + 3 * 64 + number * 4;
            PageRef(u32::from_ne_bytes(bytes[start..start + 4].try_into().unwrap()))
        };
        for (number, node) in slots() {
            assert_eq!(slot(sheets[1].as_bytes(), number), node, "{number}");
        }
    }

    /// Three hundred thousand gigabytes.
    #[test]
    fn a_map_that_is_too_large_is_refused_by_its_name_and_size() {
        let sizes = [Size::pages(map::LISTEN, 1), Size::pages(map::BLOCKS, u32::MAX)];
        let error = create(&sizes, &Settings::default()).unwrap_err();
        if matches!(error, DataplaneError::NoPrivilege) {
            return;
        }
        let told = error.to_string();
        let expect = "the kernel has no room for map BLOCKS of 4294967295 elements, 300166674312960 bytes: ";
        assert!(told.starts_with(expect), "{told}");
    }
}
