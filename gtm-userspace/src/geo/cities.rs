//! The cities that a database names: for who knows a city by its name and needs its identifier.

use std::collections::HashSet;
use std::path::Path;

use maxminddb::Reader;
use serde::Deserialize;

use super::database::{GeoError, WalkError, read};
use super::search_tree::SearchTree;

/// A city as a database has it.
#[derive(Debug, Clone, Copy)]
pub struct City<'a> {
    /// ISO 3166-1 code.
    pub country: &'a str,
    /// ISO 3166-2 codes without the country, the largest subdivision first.
    pub subdivisions: &'a [&'a str],
    /// In English.
    pub name: &'a str,
    /// The `GeoNames` identifier.
    pub id: u32,
}

#[derive(Deserialize, Default)]
struct Fields<'a> {
    #[serde(borrow)]
    country: Option<Area<'a>>,
    #[serde(borrow, default)]
    subdivisions: Vec<Area<'a>>,
    #[serde(borrow)]
    city: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Area<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Named<'a> {
    geoname_id: Option<u32>,
    #[serde(borrow)]
    names: Option<Names<'a>>,
}

#[derive(Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

/// Calls `visit` with the city of every distinct record that has one with a name, an identifier and a country.
pub fn each_city(path: &Path, mut visit: impl FnMut(City<'_>)) -> Result<(), GeoError> {
    let (file, _) = read(path)?;
    let reader = Reader::from_source(file.as_slice())
        .map_err(|source| GeoError::Format { path: path.into(), source })?;
    let mut seen = HashSet::new();
    let walked = SearchTree::new(&file, reader.metadata()).walk(|leaf| {
        if !leaf.record.is_some_and(|record| seen.insert(record)) {
            return Ok(());
        }
        let decode = || reader.lookup(leaf.first)?.decode::<Fields<'_>>();
        let fields = decode().map_err(|error| WalkError::Record(leaf, error))?.unwrap_or_default();
        let subdivisions: Vec<_> = fields.subdivisions.iter().filter_map(|area| area.iso_code).collect();
        let country = fields.country.and_then(|area| area.iso_code);
        let city = fields.city.and_then(|city| Some((city.geoname_id?, city.names?.en?)));
        if let (Some(country), Some((id, name))) = (country, city) {
            visit(City { country, subdivisions: &subdivisions, name, id });
        }
        Ok(())
    });
    walked.map_err(|error: WalkError| error.at(path))
}

#[cfg(test)]
mod tests {
    use super::super::mmdb_writer::{MmdbWriter, Value};
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn cities_are_told_once_with_where_they_are() {
        let city = |id: u32, name: &str| {
            Value::Map(vec![
                ("geoname_id", Value::U32(id)),
                ("names", Value::Map(vec![("de", text("anders")), ("en", text(name))])),
            ])
        };
        let area = |code: &str| Value::Map(vec![("iso_code", text(code))]);
        let mut writer = MmdbWriter::new(4, 24);
        let dallas = Value::Map(vec![
            ("city", city(4_684_888, "Dallas")),
            ("country", area("US")),
            ("subdivisions", Value::Array(vec![area("TX")])),
        ]);
        writer.insert("1.0.0.0/8", dallas.clone());
        writer.insert("3.0.0.0/8", dallas);
        writer.insert("2.0.0.0/8", Value::Map(vec![("country", area("US"))]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        std::fs::write(&path, writer.finish()).unwrap();
        let mut found = Vec::new();
        each_city(&path, |city| {
            found.push(format!("{} {:?} {} {}", city.country, city.subdivisions, city.name, city.id));
        })
        .unwrap();
        assert_eq!(found, [r#"US ["TX"] Dallas 4684888"#]);
    }
}
