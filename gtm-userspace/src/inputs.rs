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
        Self::load_after(path, &Model::default())
    }

    /// As [`Self::load`], but zones whose files are as they were when the model `before` was loaded are taken from there.
    pub fn load_after(path: &Path, before: &Model) -> Result<Self, Vec<Problem>> {
        let loaded = config::load_after(path, &before.zones).map_err(|errors| errors.problems)?;
        let inputs = Self::with_databases(path, Arc::new(loaded.model))?;
        let warnings = [loaded.warnings, inputs.warnings].concat();
        Ok(Self { warnings, ..inputs })
    }

    /// Loads the geo databases of a configuration, which is at this path.
    pub fn with_databases(path: &Path, model: Arc<Model>) -> Result<Self, Vec<Problem>> {
        let geo = &model.geo_databases;
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
        let compiled = geo::compile(&model.sources, &databases);
        let partition = compiled.partition;
        let ranges = partition.v4.len() + partition.v6.len();
        if ranges > Partition::MAX_RANGES {
            let problem = format!(
                "the databases and sources cut the clients into {ranges} ranges; at most {} can be told apart",
                Partition::MAX_RANGES
            );
            return Err(vec![Problem { key: "geo.databases".to_owned(), ..Problem::of_file(path, problem) }]);
        }
        let warnings = compiled.warnings.into_iter().map(|warning| Problem::of_file(path, warning)).collect();
        Ok(Self { model, partition, databases, warnings })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::model::XdpMode;
    use crate::zone::lookup::ZoneSet;

    const CONFIG: &str = "version = 1
[service]
listen = [\"192.0.2.53\"]
xdp_mode = \"off\"
[zone.\"one.example\"]
file = \"one\"
[zone.\"two.example\"]
file = \"two\"
";
    const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n@ MX 1 nowhere\n";

    #[test]
    fn a_zone_that_has_not_changed_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let config = folder.path().join("gtm.toml");
        write("gtm.toml", CONFIG);
        write("one", ZONE);
        write("two", ZONE);
        let first = Inputs::load(&config).unwrap();
        let shared = |inputs: &Inputs| -> Vec<bool> {
            let pairs = inputs.model.zones.iter().zip(&first.model.zones);
            pairs.map(|(zone, before)| zone.nodes.are_shared_with(&before.nodes)).collect()
        };
        // The configuration may change, and what is served with steered names in it shares the records as well.
        write("gtm.toml", &CONFIG.replace("192.0.2.53", "192.0.2.54"));
        let mut second = Inputs::load_after(&config, &first.model).unwrap();
        assert_eq!((shared(&second), second.model.service.xdp_mode), (vec![true, true], XdpMode::Off));
        assert_eq!(second.warnings, first.warnings);
        assert_eq!(second.warnings.len(), 2);
        let steered = "a.b.one.example".parse().unwrap();
        let served = ZoneSet::new(second.model.zones.clone(), [steered]);
        let one = served.find(&"b.one.example".parse().unwrap(), 1).unwrap();
        assert!(one.nodes.are_shared_with(&first.model.zones[0].nodes));

        write("two", &format!("{ZONE}a A 192.0.2.1\n"));
        second = Inputs::load_after(&config, &first.model).unwrap();
        assert_eq!(shared(&second), [true, false]);
        write("two", "bad");
        assert!(Inputs::load_after(&config, &second.model).is_err(), "all of it or none");
    }
}
