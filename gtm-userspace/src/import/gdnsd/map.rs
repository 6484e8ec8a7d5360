//! `geoip` maps: which clients get the datacenters in which order. Each distinct order becomes one source.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::super::report::{Place, Report};
use super::super::vscf::{self, Data};
use super::city::Cities;
use super::naming::Naming;
use super::section::{Item, Section};

const CONTINENTS: &[&str] = &["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// A map.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) place: Place,
    /// The first is for everyone who is in no other.
    pub(super) lists: Vec<List>,
}

/// An order of datacenters, and who gets it.
#[derive(Debug)]
pub(super) struct List {
    pub(super) datacenters: Vec<String>,
    pub(super) clients: Clients,
    /// Name of the source here; none for `default` alone.
    pub(super) source: Option<String>,
    /// Where it is written.
    pub(super) place: Place,
    pub(super) path: String,
}

/// Who belongs to a source.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) continents: Vec<String>,
    pub(super) countries: Vec<String>,
    pub(super) subdivisions: Vec<String>,
    pub(super) cities: Vec<u32>,
    pub(super) prefixes: Vec<String>,
    pub(super) exclude_subdivisions: Vec<String>,
}

impl Clients {
    pub(super) fn is_empty(&self) -> bool {
        self.continents.is_empty()
            && self.countries.is_empty()
            && self.subdivisions.is_empty()
            && self.cities.is_empty()
            && self.prefixes.is_empty()
    }
}

/// A place in the hierarchy of a map.
#[derive(Debug, Clone)]
enum At {
    World,
    Continent(String),
    Country(String),
    Subdivision { country: String, code: String },
    City { country: String, id: Vec<u32> },
}

/// What reading maps needs and gathers.
pub(super) struct Maps<'r> {
    pub(super) report: &'r Report,
    /// Where relative paths start.
    pub(super) folder: PathBuf,
    /// Every database that a map names.
    pub(super) databases: Vec<PathBuf>,
}

impl Maps<'_> {
    /// Reads one map.
    pub(super) fn read(&mut self, item: &Item<'_>, naming: &mut Naming) -> Option<Map> {
        let section = item.expect_section(self.report)?;
        let Some(datacenters) = section.take("datacenters") else {
            item.no_equal(self.report, "\"datacenters\" is missing; left out");
            return None;
        };
        let all: Vec<String> = datacenters.texts(self.report).into_iter().map(str::to_owned).collect();
        let database = self.read_database(&section);
        let is_auto = self.name_auto(&section);
        let mut reader = Reader {
            maps: self,
            item: item.clone(),
            all: all.clone(),
            is_auto,
            lists: vec![List {
                datacenters: all,
                clients: Clients::default(),
                source: None,
                place: datacenters.place.clone(),
                path: datacenters.path.clone(),
            }],
            cities: Cities::new(database),
        };
        if let Some(map) = section.take("map") {
            reader.level(&map, &At::World);
        }
        if let Some(nets) = section.take("nets") {
            reader.nets(&nets);
        }
        let mut lists = reader.lists;
        for other in section.rest() {
            other.no_equal(self.report, "not a setting of a map that is known; left out");
        }
        for list in lists.iter_mut().filter(|list| !list.clients.is_empty()) {
            let first = list.datacenters.first().map_or("nowhere", String::as_str);
            list.source = Some(naming.source(&format!("{}-{first}", item.key)));
        }
        Some(Map { place: item.place.clone(), lists })
    }

    fn read_database(&mut self, section: &Section<'_>) -> Option<PathBuf> {
        let item = section.take("geoip2_db")?;
        let path = self.folder.join(item.text(self.report)?);
        if !self.databases.contains(&path) {
            if !self.databases.is_empty() {
                item.no_equal(
                    self.report,
                    "all databases are asked for every source, the first that knows a place first: a map has none of its own",
                );
            }
            self.databases.push(path.clone());
        }
        Some(path)
    }

    /// Names what has no equal; whether distances decide in this map.
    fn name_auto(&self, section: &Section<'_>) -> bool {
        let coordinates = section.take("auto_dc_coords");
        if let Some(item) = &coordinates {
            item.no_equal(
                self.report,
                "orders by distance have no equal; clients without an entry in the map get the order of \"datacenters\"",
            );
        }
        for key in ["auto_dc_limit", "city_auto_num"] {
            if let Some(item) = section.take(key) {
                item.no_equal(self.report, "orders by distance have no equal");
            }
        }
        if let Some(item) = section.take("ignore_ecs")
            && item.boolean(self.report) == Some(true)
        {
            item.no_equal(self.report, "the client subnet of a query decides whenever there is one");
        }
        coordinates.is_some()
    }
}

struct Reader<'m, 'r, 'v> {
    maps: &'m mut Maps<'r>,
    item: Item<'v>,
    all: Vec<String>,
    is_auto: bool,
    lists: Vec<List>,
    cities: Cities,
}

impl Reader<'_, '_, '_> {
    /// One level of the hierarchy: a hash with deeper levels and perhaps a default, or the order itself.
    fn level(&mut self, item: &Item<'_>, at: &At) {
        let Some(section) = item.section() else {
            self.order(item, at, &[]);
            return;
        };
        let default = section.take("default");
        let inner = section.rest();
        if let Some(default) = default {
            self.order(&default, at, &subdivisions(&inner, at));
        }
        for deeper in &inner {
            if let Some(at) = self.locate(deeper, at) {
                self.level(deeper, &at);
            }
        }
    }

    /// The place that a key means below another.
    fn locate(&mut self, item: &Item<'_>, above: &At) -> Option<At> {
        let code = item.key.to_ascii_uppercase();
        match above {
            At::World if CONTINENTS.contains(&code.as_str()) => Some(At::Continent(code)),
            At::World => {
                item.no_equal(
                    self.maps.report,
                    format!("not a continent; allowed {}; left out", CONTINENTS.join(", ")),
                );
                None
            }
            At::Continent(_) if is_country(&code) => Some(At::Country(code)),
            At::Continent(_) => {
                item.no_equal(self.maps.report, "not a country code (ISO 3166-1) like \"CN\"; left out");
                None
            }
            At::Country(country) | At::Subdivision { country, .. } => {
                if is_part(item.key) {
                    return Some(At::Subdivision {
                        country: country.clone(),
                        code: format!("{country}-{code}"),
                    });
                }
                let within = match above {
                    At::Subdivision { code, .. } => code.rsplit('-').next(),
                    At::World | At::Continent(_) | At::Country(_) | At::City { .. } => None,
                };
                match self.cities.find(country, within, item.key) {
                    Ok(id) => Some(At::City { country: country.clone(), id }),
                    Err(reason) => {
                        item.no_equal(
                            self.maps.report,
                            format!(
                                "cities go by their GeoNames identifier, not by name: {reason}; left out"
                            ),
                        );
                        None
                    }
                }
            }
            At::City { country, .. } => {
                item.no_equal(self.maps.report, format!("nothing is below a city of {country}; left out"));
                None
            }
        }
    }

    /// The order of the clients at a place, other than those in subdivisions that are excluded.
    fn order(&mut self, item: &Item<'_>, at: &At, exclude: &[String]) {
        let Some(datacenters) = self.datacenters(item) else { return };
        if matches!(at, At::World) {
            if let Some(first) = self.lists.first_mut() {
                first.datacenters = datacenters;
                (first.place, first.path) = (item.place.clone(), item.path.clone());
            }
            return;
        }
        let list = self.list(item, datacenters, exclude);
        let Some(clients) = self.lists.get_mut(list).map(|list| &mut list.clients) else { return };
        match at {
            At::World => {}
            At::Continent(code) => push(&mut clients.continents, code.clone()),
            At::Country(code) => push(&mut clients.countries, code.clone()),
            At::Subdivision { code, .. } => push(&mut clients.subdivisions, code.clone()),
            At::City { id, .. } => {
                for id in id {
                    push(&mut clients.cities, *id);
                }
            }
        }
    }

    /// The datacenters that an item lists; those that the map does not have are named.
    fn datacenters(&self, item: &Item<'_>) -> Option<Vec<String>> {
        let report = self.maps.report;
        let names = item.texts(report);
        if names == ["auto"] && !self.all.iter().any(|name| name == "auto") {
            let reason = if self.is_auto {
                "orders by distance have no equal; the order of \"datacenters\" is used"
            } else {
                "\"auto\" needs auto_dc_coords; the order of \"datacenters\" is used"
            };
            item.no_equal(report, reason);
            return Some(self.all.clone());
        }
        if names.is_empty() {
            item.no_equal(
                report,
                "an empty list, for clients without an answer, has no equal: they get what the place around them gets",
            );
            return None;
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            names.into_iter().map(str::to_owned).partition(|name| self.all.contains(name));
        for name in unknown {
            item.no_equal(report, format!("\"{name}\" is not in \"datacenters\"; left out"));
        }
        (!known.is_empty()).then_some(known)
    }

    /// The list with this order, made when there is none. One with exclusions is nobody else's.
    fn list(&mut self, item: &Item<'_>, datacenters: Vec<String>, exclude: &[String]) -> usize {
        let found = self.lists.iter().position(|list| {
            exclude.is_empty()
                && list.clients.exclude_subdivisions.is_empty()
                && list.datacenters == datacenters
        });
        found.unwrap_or_else(|| {
            self.lists.push(List {
                datacenters,
                clients: Clients { exclude_subdivisions: exclude.to_vec(), ..Clients::default() },
                source: None,
                place: item.place.clone(),
                path: item.path.clone(),
            });
            self.lists.len() - 1
        })
    }

    /// `nets`: in place or in a file.
    fn nets(&mut self, item: &Item<'_>) {
        if let Some(section) = item.section() {
            for entry in section.rest() {
                self.net(&entry);
            }
            return;
        }
        let Some(name) = item.text(self.maps.report) else { return };
        match vscf::load(&self.maps.folder.join(name)) {
            Ok(value) => match &value.data {
                Data::Hash(hash) => {
                    // Named by their own file and key.
                    for entry in Section::root(hash).rest() {
                        self.net(&entry);
                    }
                }
                Data::Text(_) | Data::Array(_) => {
                    item.no_equal(self.maps.report, format!("\"{name}\" is not a file of keys; left out"));
                }
            },
            Err(problem) => item.no_equal(self.maps.report, format!("{problem}; left out")),
        }
    }

    fn net(&mut self, item: &Item<'_>) {
        let Some(prefix) = prefix(item.key) else {
            item.no_equal(self.maps.report, "not a network like 192.0.2.0/24; left out");
            return;
        };
        let Some(datacenters) = self.datacenters(item) else { return };
        let earlier = self.lists.iter().any(|list| list.clients.prefixes.contains(&prefix));
        if earlier {
            item.no_equal(
                self.maps.report,
                format!("{prefix} is in the map \"{}\" already; left out", self.item.key),
            );
            return;
        }
        let list = self.list(item, datacenters, &[]);
        if let Some(list) = self.lists.get_mut(list) {
            list.clients.prefixes.push(prefix);
        }
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A part of a country as ISO 3166-2 writes it; anything else is a city.
fn is_part(key: &str) -> bool {
    (1..=3).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The subdivisions inside another: sources of both match their clients alike, so the outer one leaves them out.
fn subdivisions(inner: &[Item<'_>], at: &At) -> Vec<String> {
    match at {
        At::Subdivision { country, .. } => {
            let parts = inner.iter().filter(|item| is_part(item.key));
            parts.map(|item| format!("{country}-{}", item.key)).collect()
        }
        At::World | At::Continent(_) | At::Country(_) | At::City { .. } => Vec::new(),
    }
}

/// A network with the bits beyond its length cleared; IPv4 in IPv6 form (`::192.0.2.0/120`) as IPv4.
fn prefix(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let address: IpAddr = address.parse().ok()?;
    let (address, length) = match address {
        // gdnsd looks up IPv4 clients in ::/96.
        IpAddr::V6(v6) if length >= 96 && v6.to_bits() >> 32 == 0 && v6.to_bits() > 0xffff => {
            (IpAddr::V4(u32::try_from(v6.to_bits()).ok()?.into()), length - 96)
        }
        IpAddr::V4(_) | IpAddr::V6(_) => (address, length),
    };
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
            Some(format!("{}/{length}", std::net::Ipv4Addr::from_bits(address.to_bits() & mask)))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
            Some(format!("{}/{length}", std::net::Ipv6Addr::from_bits(address.to_bits() & mask)))
        }
    }
}

/// The folder of the files that maps name.
pub(super) fn folder(config: &Path) -> PathBuf {
    config.join("geoip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(prefix(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn networks_are_put_into_our_form() {
        check("10.0.0.0/8", Some("10.0.0.0/8"));
        check("10.1.2.3/8", Some("10.0.0.0/8"));
        check("0.0.0.0/0", Some("0.0.0.0/0"));
        check("2001:DB8::/32", Some("2001:db8::/32"));
        check("::C000:0200/120", Some("192.0.2.0/24"));
        check("::/0", Some("::/0"));
        check("10.0.0.0/33", None);
        check("10.0.0.0", None);
        check("dc1", None);
    }
}
