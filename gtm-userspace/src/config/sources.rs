//! `[source.NAME]`: named sets of clients.

use std::fmt::Display;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::model::{ClientSet, Prefix, Source};
use super::names::Names;
use super::reader::{At, Node, Table, values};

/// Keys of a source.
pub(super) const KEYS: &[&str] = &[
    "continents",
    "countries",
    "subdivisions",
    "cities",
    "as_numbers",
    "prefixes",
    "exclude_continents",
    "exclude_countries",
    "exclude_subdivisions",
    "exclude_cities",
    "exclude_as_numbers",
    "exclude_prefixes",
];

/// The predefined source that everyone belongs to.
const DEFAULT: &str = "default";
/// The codes of all continents.
pub(super) const CONTINENTS: &[&str] = &["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// Reads all sources; the first is `default`.
pub(super) fn read(root: &Table<'_>, names: &mut Names) -> Vec<Source> {
    names.predefine(DEFAULT);
    let mut sources = vec![Source { name: DEFAULT.to_owned(), ..Source::default() }];
    let has_databases = root.get("geo").is_some();
    sources.extend(names.define(root, "source", |name, node| {
        let source = read_source(name, node)?;
        if !has_databases && needs_database(&source) {
            node.report
                .warn(&node.place, "this source goes by place or AS number, but there is no [geo] database");
        }
        Some(source)
    }));
    sources
}

fn read_source(name: &str, node: &Node<'_>) -> Option<Source> {
    let table = node.table()?.with_keys(KEYS);
    let (continents, not_continents) = read_both(&table, "continents", read_continent);
    let (countries, not_countries) = read_both(&table, "countries", read_country);
    let (subdivisions, not_subdivisions) = read_both(&table, "subdivisions", read_subdivision);
    let (cities, not_cities) = read_both(&table, "cities", |node| node.number(1..=u32::MAX));
    let (as_numbers, not_as_numbers) = read_both(&table, "as_numbers", |node| node.number(1..=u32::MAX));
    let (prefixes, not_prefixes) = read_both(&table, "prefixes", read_prefix);
    let include = ClientSet { continents, countries, subdivisions, cities, as_numbers, prefixes };
    let exclude = ClientSet {
        continents: not_continents,
        countries: not_countries,
        subdivisions: not_subdivisions,
        cities: not_cities,
        as_numbers: not_as_numbers,
        prefixes: not_prefixes,
    };
    // Judged by what is written: an inclusion that cannot be read has been reported already.
    if !table.entries().iter().any(|(key, _)| KEYS.contains(key) && !key.starts_with("exclude_")) {
        let what =
            if exclude == ClientSet::default() { "nobody belongs to this source" } else { "only exclusions" };
        let fix =
            "add continents, countries, subdivisions, cities, as_numbers or prefixes, or use \"default\"";
        node.report.error(&node.place, format!("{what}; {fix}"));
    }
    Some(Source { name: name.to_owned(), include, exclude })
}

/// Reads the list at `key` and the one at `exclude_` and the key; nothing may be in both.
fn read_both<'a, T>(table: &Table<'a>, key: &str, read: impl Fn(&Node<'a>) -> Option<T>) -> (Vec<T>, Vec<T>)
where
    T: Eq + Hash + Display,
{
    let list = |key: &str| -> Vec<At<T>> {
        table.get(key).and_then(|node| node.distinct_list(&read)).unwrap_or_default()
    };
    let (included, excluded) = (list(key), list(&format!("exclude_{key}")));
    for item in &excluded {
        if let Some(same) = included.iter().find(|included| included.value == item.value) {
            let message = format!(
                "\"{}\" is included in line {}; leave one of the two out",
                item.value, same.place.line
            );
            table.report.error(&item.place, message);
        }
    }
    (values(included), values(excluded))
}

fn read_continent(node: &Node<'_>) -> Option<String> {
    let code = node.text()?;
    if CONTINENTS.contains(&code) {
        return Some(code.to_owned());
    }
    node.reject(&format!("not a continent; allowed {}", CONTINENTS.join(", ")));
    None
}

fn read_country(node: &Node<'_>) -> Option<String> {
    let code = node.text()?;
    if is_country(code) {
        return Some(code.to_owned());
    }
    node.reject("not a country code; two upper-case letters (ISO 3166-1) like \"CN\" are expected");
    None
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn read_subdivision(node: &Node<'_>) -> Option<String> {
    let code = node.text()?;
    let of_country = |part: &str| {
        (1..=3).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if code.split_once('-').is_some_and(|(country, part)| is_country(country) && of_country(part)) {
        return Some(code.to_owned());
    }
    node.reject("not a subdivision code; the country and its part (ISO 3166-2) like \"US-CA\" are expected");
    None
}

/// A prefix without bits beyond its length.
pub(super) fn read_prefix(node: &Node<'_>) -> Option<Prefix> {
    let text = node.text()?;
    let Some((address, length)) = text.split_once('/') else {
        let hint = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => format!("an address without a length; write \"{text}/32\""),
            Ok(IpAddr::V6(_)) => format!("an address without a length; write \"{text}/128\""),
            Err(_) => "not a prefix like \"192.0.2.0/24\" or \"2001:db8::/32\"".to_owned(),
        };
        node.reject(&hint);
        return None;
    };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = address.parse::<IpAddr>().ok().zip(length.parse::<u8>().ok().filter(|_| digits));
    let masked = parsed.and_then(|(address, length)| Some((address, mask(address, length)?, length)));
    let Some((address, masked, length)) = masked else {
        node.reject(
            "not a prefix like \"192.0.2.0/24\" or \"2001:db8::/32\"; lengths 0 to 32, for IPv6 0 to 128",
        );
        return None;
    };
    if matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
        node.reject("an IPv4 prefix in IPv6 form; write it as IPv4");
        return None;
    }
    if masked != address {
        node.reject(&format!(
            "a prefix with bits set beyond its length; did you mean \"{masked}/{length}\"?"
        ));
        return None;
    }
    Some(Prefix { address, length })
}

/// The address with the bits below the prefix cleared; `None` when the length is too large.
pub(super) fn mask(address: IpAddr, length: u8) -> Option<IpAddr> {
    let length = u32::from(length);
    match address {
        IpAddr::V4(address) => {
            let host_bits = Ipv4Addr::BITS.checked_sub(length)?;
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let host_bits = Ipv6Addr::BITS.checked_sub(length)?;
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & mask).into())
        }
    }
}

fn needs_database(source: &Source) -> bool {
    [&source.include, &source.exclude].into_iter().any(|set| {
        let without = ClientSet { prefixes: set.prefixes.clone(), ..ClientSet::default() };
        *set != without
    })
}
