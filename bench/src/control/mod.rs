//! What the control plane costs: building generations, putting them in place, and how soon a verdict is on the wire.

mod build;
mod daemon;
mod wire;

use crate::report::{Bar, Figure, Report, Unit};

/// Measures all of it, or what has `only` in its name.
pub(crate) fn measure(rounds: u32, only: &str, report: &mut Report) -> anyhow::Result<()> {
    build::measure(rounds, only, report)?;
    wire::measure(only, report)?;
    daemon::measure(only, report)
}

/// A figure of this part.
fn figure(name: &str, values: Vec<f64>, unit: Unit, bar: Option<Bar>) -> Figure {
    Figure::of("control", name.to_owned(), values, unit, bar)
}

/// What a line of a file of `/proc` says in KiB, in bytes.
fn kibibytes(path: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok());
    1024.0 * f64::from(number.unwrap_or_default())
}

/// `BPF_MAP_TYPE_ARRAY_OF_MAPS`, and what each map in one of ours takes with what the kernel keeps of it.
const ARRAY_OF_MAPS: f64 = 12.0;
const SHEET_BYTES: f64 = 32_768.0;

/// What the maps that a process holds take, those in arrays of maps included.
fn map_bytes(process: &str) -> anyhow::Result<f64> {
    let mut maps = std::collections::BTreeMap::new();
    for file in std::fs::read_dir(format!("/proc/{process}/fdinfo"))? {
        // One that was closed meanwhile is not held.
        let Ok(text) = std::fs::read_to_string(file?.path()) else { continue };
        let number =
            |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<f64>().ok());
        if let (Some(id), Some(bytes)) = (number("map_id:"), number("memlock:")) {
            let inner = number("map_type:").filter(|kind| kind.to_bits() == ARRAY_OF_MAPS.to_bits());
            let inner = inner.and_then(|_| number("max_entries:")).unwrap_or_default();
            maps.insert(id.to_bits(), bytes + inner * SHEET_BYTES);
        }
    }
    Ok(maps.values().sum())
}
