//! Cities by name: gdnsd goes by English names, sources go by `GeoNames` identifiers. The database that the map names
//! knows both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::geo;

/// Finds cities in a database, which is read when the first one is asked for.
pub(super) struct Cities {
    database: Option<PathBuf>,
    index: Option<Result<Index, String>>,
}

/// Identifiers by country and English name; each with the codes of its subdivisions.
type Index = BTreeMap<(String, String), BTreeSet<(u32, Vec<String>)>>;

impl Cities {
    /// The cities of a database, if there is one.
    pub(super) fn new(database: Option<PathBuf>) -> Self {
        Self { database, index: None }
    }

    /// The identifiers of the cities with this name in a country, and in a subdivision of it if one is given. At least
    /// one, or why none is known.
    pub(super) fn find(
        &mut self,
        country: &str,
        subdivision: Option<&str>,
        name: &str,
    ) -> Result<Vec<u32>, String> {
        let database = self.database.clone();
        let index = self.index.get_or_insert_with(|| {
            let path = database.ok_or("the map names no database to look it up in")?;
            let mut index = Index::new();
            geo::each_city(&path, |city| {
                let key = (city.country.to_owned(), city.name.to_owned());
                let subdivisions = city.subdivisions.iter().map(|code| (*code).to_owned()).collect();
                index.entry(key).or_default().insert((city.id, subdivisions));
            })
            .map_err(|error| error.to_string())?;
            Ok(index)
        });
        let index = index.as_ref().map_err(Clone::clone)?;
        let found = index.get(&(country.to_owned(), name.to_owned())).into_iter().flatten();
        let fitting = found
            .filter(|(_, codes)| subdivision.is_none_or(|wanted| codes.iter().any(|code| code == wanted)));
        let ids: BTreeSet<u32> = fitting.map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Err(format!("the database knows no city \"{name}\" there"));
        }
        Ok(ids.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(country: &str, subdivision: Option<&str>, name: &str, expect: Result<&[u32], &str>) {
        let texas = (4_684_888, vec!["TX".to_owned()]);
        let oregon = (5_722_064, vec!["OR".to_owned()]);
        let index = Index::from([(("US".to_owned(), "Dallas".to_owned()), BTreeSet::from([texas, oregon]))]);
        let mut cities = Cities { database: None, index: Some(Ok(index)) };
        let found = cities.find(country, subdivision, name);
        assert_eq!(found.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn cities_are_found_by_where_they_are() {
        check("US", Some("TX"), "Dallas", Ok(&[4_684_888]));
        check("US", None, "Dallas", Ok(&[4_684_888, 5_722_064]));
        check("US", Some("CA"), "Dallas", Err("the database knows no city \"Dallas\" there"));
        check("CA", None, "Dallas", Err("the database knows no city \"Dallas\" there"));
    }
}
