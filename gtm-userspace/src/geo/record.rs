//! The few fields of a database record that sources can ask about, in the mmdb layouts of country, city and ASN
//! databases. Everything else in a record is skipped, never kept.
//!
//! A client's country is `country.iso_code` alone. `registered_country` is where the network's owner registered it, not
//! where its clients are: a network with nothing else is of unknown country.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::continent::continent_of;
use super::{Code, Facts};

/// More subdivisions than any place has; a longer list is refused so that a hostile file cannot blow up memory.
const MAX_SUBDIVISIONS: usize = 32;

/// What one record of a database says. A record that is no map says nothing.
#[derive(Debug, Default)]
pub(super) struct Record(Facts);

impl Record {
    pub(super) fn into_facts(self) -> Facts {
        self.0
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    continent: Option<Continent<'a>>,
    #[serde(borrow)]
    country: Option<Area<'a>>,
    #[serde(borrow)]
    subdivisions: Option<Vec<Area<'a>>>,
    city: Option<City>,
    autonomous_system_number: Option<u32>,
}

#[derive(Deserialize)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Area<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct City {
    geoname_id: Option<u32>,
}

impl Record {
    fn new<E: Error>(fields: Fields<'_>) -> Result<Self, E> {
        let subdivisions = fields.subdivisions.unwrap_or_default();
        if subdivisions.len() > MAX_SUBDIVISIONS {
            return Err(E::custom(format!(
                "{} subdivisions; at most {MAX_SUBDIVISIONS} are read",
                subdivisions.len()
            )));
        }
        let country = fields.country.and_then(|country| country.iso_code).and_then(Code::new);
        let continent = fields.continent.and_then(|continent| continent.code).and_then(Code::new);
        let subdivision = |area: Area<'_>| Code::new(&format!("{}-{}", country?, area.iso_code?));
        Ok(Self(Facts {
            continent: continent.or_else(|| continent_of(country?)),
            country,
            subdivisions: subdivisions.into_iter().filter_map(subdivision).collect(),
            city: fields.city.and_then(|city| city.geoname_id),
            as_number: fields.autonomous_system_number,
        }))
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Record, A::Error> {
        Fields::deserialize(MapAccessDeserializer::new(map)).and_then(Record::new)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Record, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Record::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_u128<E>(self, _: u128) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Record, E> {
        Ok(Record::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Record, E> {
        Ok(Record::default())
    }
}
