//! x
use super::Zone;
use crate::config::Problem;
use crate::name::Name;
use std::path::Path;
/// x
#[derive(Debug, Clone)]
pub struct LoadedZone {
    /// The zone.
    pub zone: Zone,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}
/// x
pub fn load(origin: &Name, file: &Path) -> Result<LoadedZone, Vec<Problem>> {
    Ok(LoadedZone {
        zone: Zone { origin: origin.clone(), file: file.to_path_buf(), nodes: Default::default() },
        warnings: vec![],
    })
}
