//! The program's counters, summed over the CPUs.

use aya::maps::{Map, MapData, MapInfo, PerCpuArray, PerCpuValues};
use aya::programs::loaded_programs;
use aya::util::nr_cpus;
use gtm_common::abi::{PerCpu, map};
use gtm_common::counters::Outcome;
use zerocopy::FromZeros as _;

use super::DataplaneError;

/// The per-CPU value as plain words: the outcomes come first.
type Words = [u64; size_of::<PerCpu>() / 8];

/// Packets by outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters(Vec<u64>);

impl Default for Counters {
    fn default() -> Self {
        Self(vec![0; Outcome::ALL.len()])
    }
}

impl Counters {
    /// Packets with this outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.iter().find(|(counted, _)| *counted == outcome).map_or(0, |(_, count)| count)
    }

    /// Queries that got an answer, whichever.
    pub fn answered(&self) -> u64 {
        self.iter().filter(|(outcome, _)| outcome.is_answer()).map(|(_, count)| count).sum()
    }

    /// Every outcome with its packets.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.iter().copied().zip(self.0.iter().copied())
    }

    /// Adds what another generation counted.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }
}

/// The counters of a program that some process has loaded, by its id (`ip link show` names it).
pub fn of_program(id: u32) -> Result<Counters, DataplaneError> {
    let missing = || DataplaneError::map(map::PER_CPU, format!("program {id} has none"));
    let program = loaded_programs().flatten().find(|program| program.id() == id).ok_or_else(missing)?;
    let maps = program.map_ids().map_err(|error| DataplaneError::map(map::PER_CPU, error))?;
    let is_ours = |id: &u32| MapInfo::from_id(*id).is_ok_and(|info| info.name_as_str() == Some(map::PER_CPU));
    let id = maps.unwrap_or_default().into_iter().find(is_ours).ok_or_else(missing)?;
    let data = MapData::from_id(id).map_err(|error| DataplaneError::map(map::PER_CPU, error))?;
    read(&Map::PerCpuArray(data))
}

/// Sums the counters of one generation.
pub(super) fn read(map: &Map) -> Result<Counters, DataplaneError> {
    let array =
        PerCpuArray::<_, Words>::try_from(map).map_err(|error| DataplaneError::map(map::PER_CPU, error))?;
    let values = array.get(&0, 0).map_err(|error| DataplaneError::map(map::PER_CPU, error))?;
    let mut counters = Counters::default();
    for value in values.iter() {
        counters.0.iter_mut().zip(value).for_each(|(sum, count)| *sum += count);
    }
    Ok(counters)
}

/// Sets the counters of one generation, and all else that its CPUs keep, to zero; but turns to numbers that `turn` gives.
pub(super) fn reset(map: &mut Map, mut turn: impl FnMut() -> u32) -> Result<(), DataplaneError> {
    let failed = |error: &dyn std::fmt::Display| DataplaneError::map(map::PER_CPU, error);
    let mut array = PerCpuArray::<_, Words>::try_from(map).map_err(|error| failed(&error))?;
    let cpus = nr_cpus().map_err(|(_, error)| failed(&error))?;
    let mut fresh = || -> Words {
        zerocopy::transmute!(PerCpu { turns: std::array::from_fn(|_| turn()), ..PerCpu::new_zeroed() })
    };
    let values = PerCpuValues::try_from((0..cpus).map(|_| fresh()).collect::<Vec<_>>());
    array.set(0, values.map_err(|error| failed(&error))?, 0).map_err(|error| failed(&error))
}
