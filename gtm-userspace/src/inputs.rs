//! Everything the decision is made from that lies in files: configuration, zones and geo data, loaded as one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Model, Problem};
use crate::geo::{self, Databases, Partition};

/// Files that can be served, all of them good.
#[derive(Debug)]
pub struct Inputs {
    /// The configuration with its zones.
    pub model: Arc<Model>,
    /// The address space by what the sources say of it.
    pub partition: Partition,
    /// The geo databases the partition was made from.
    pub databases: Databases,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Inputs {
    /// Loads a configuration and every file it names; with all problems of all files when one cannot be used.
    ///
    /// Reads files and may take seconds: not for an asynchronous thread.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let loaded = config::load(path).map_err(|errors| errors.problems)?;
        let geo = &loaded.model.geo_databases;
        let paths: Vec<PathBuf> = geo.iter().map(|database| database.path.clone()).collect();
        let databases = geo::load(&paths).map_err(|errors| {
            let problem = |error: geo::GeoError| {
                let named = geo.iter().find(|database| database.path == error.path());
                Problem {
                    line: named.map(|database| database.line),
                    key: named.map(|database| database.key.clone()).unwrap_or_default(),
                    ..Problem::of_file(path, error.to_string())
                }
            };
            errors.into_iter().map(problem).collect::<Vec<_>>()
        })?;
        let compiled = geo::compile(&loaded.model.sources, &databases);
        let mut warnings = loaded.warnings;
        warnings.extend(compiled.warnings.into_iter().map(|warning| Problem::of_file(path, warning)));
        Ok(Self { model: Arc::new(loaded.model), partition: compiled.partition, databases, warnings })
    }
}
