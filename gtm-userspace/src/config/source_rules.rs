//! What is said about sources that are defined alike, or that share clients.
//!
//! Judged by what is written: which countries lie on which continent only a geo database knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::model::{AccessDomain, ClientSet, Pool, Prefix, Source, SourceId};
use super::names::Names;
use super::reader::Report;
use super::sources::{CONTINENTS, mask};

/// Most shared items that one warning names.
const MAX_NAMED: usize = 3;

/// Something that a source includes or excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Item<'m> {
    Continent(&'m str),
    Country(&'m str),
    Subdivision(&'m str),
    City(u32),
    AsNumber(u32),
    Prefix(Prefix),
}

/// Each source of one level, with the members that are for it.
type Level = BTreeMap<SourceId, Vec<usize>>;

/// Warns of sources with the same definition, and of those that share clients where they are used side by side.
pub(super) fn check(
    report: &Report<'_>,
    names: &Names,
    sources: &[Source],
    pools: &[Pool],
    domains: &[AccessDomain],
) {
    let mut firsts = HashMap::new();
    let mut duplicates = BTreeSet::new();
    // The first one is `default`.
    for (index, source) in sources.iter().enumerate().skip(1) {
        let definition = (items(&source.include), items(&source.exclude));
        let first = *firsts.entry(definition).or_insert(index);
        if first != index {
            duplicates.insert((SourceId(first), SourceId(index)));
            warn(report, names, sources, (first, index), |first| {
                format!("has the definition of {first}; use one of the two")
            });
        }
    }
    let levels = domains
        .iter()
        .map(|domain| level(domain.pools.iter().map(|used| &used.sources)))
        .chain(pools.iter().map(|pool| level(pool.addresses.iter().map(|address| &address.sources))));
    let mut shared: BTreeMap<(SourceId, SourceId), BTreeSet<Item<'_>>> = BTreeMap::new();
    for level in levels {
        for (pair, item) in overlaps(sources, &level) {
            shared.entry(pair).or_default().insert(item);
        }
    }
    for ((first, later), items) in shared {
        if !duplicates.contains(&(first, later)) {
            warn(report, names, sources, (first.0, later.0), |first| {
                format!("includes {} as {first} does; the one defined first wins", named(&items))
            });
        }
    }
}

/// Warns at the later of two sources; the message gets the first one with its line.
fn warn(
    report: &Report<'_>,
    names: &Names,
    sources: &[Source],
    (first, later): (usize, usize),
    message: impl FnOnce(&str) -> String,
) {
    // Out of step only when some source could not be read.
    if let (Some(first), Some(later)) = (sources.get(first), sources.get(later))
        && let (Some(first_place), Some(place)) = (names.place(&first.name), names.place(&later.name))
    {
        let first = format!("\"{}\" in line {}", first.name, first_place.line);
        report.warn(place, format!("the source \"{}\" {}", later.name, message(&first)));
    }
}

fn level<S: AsRef<[SourceId]>>(sources: impl Iterator<Item = S>) -> Level {
    let mut level = Level::new();
    for (member, sources) in sources.enumerate() {
        for source in sources.as_ref() {
            level.entry(*source).or_default().push(member);
        }
    }
    level
}

/// Each source of the level that has something in common with an earlier one, and what. Sources for the same members are
/// as good as one.
fn overlaps<'m>(sources: &'m [Source], level: &Level) -> Vec<((SourceId, SourceId), Item<'m>)> {
    let mut by_item: HashMap<Item<'m>, Vec<(SourceId, &Source)>> = HashMap::new();
    let mut found = Vec::new();
    for (id, members) in level {
        let Some(source) = sources.get(id.0) else { continue };
        for item in items(&source.include) {
            let earlier = by_item.entry(item).or_default();
            let common = earlier.iter().find(|(other, earlier)| {
                level.get(other) != Some(members) && !are_separated(item, [&earlier.exclude, &source.exclude])
            });
            found.extend(common.map(|(other, _)| ((*other, *id), item)));
            earlier.push((*id, source));
        }
    }
    found
}

/// True when these exclusions, those of two sources that include the item, leave no client of it in both.
fn are_separated(item: Item<'_>, exclusions: [&ClientSet; 2]) -> bool {
    let excluded = |holds: &dyn Fn(&ClientSet) -> bool| exclusions.iter().any(|set| holds(set));
    let continent_is_excluded =
        |code: &&str| excluded(&|set| set.continents.iter().any(|excluded| excluded == code));
    let narrowed = match item {
        Item::Prefix(prefix) => {
            let prefixes: Vec<_> = exclusions.iter().flat_map(|set| &set.prefixes).copied().collect();
            is_covered(prefix, &prefixes)
        }
        Item::Subdivision(code) => {
            let country = code.split_once('-').map_or(code, |(country, _)| country);
            excluded(&|set| set.countries.iter().any(|excluded| excluded == country))
        }
        Item::Continent(_) | Item::Country(_) | Item::City(_) | Item::AsNumber(_) => false,
    };
    narrowed || CONTINENTS.iter().all(continent_is_excluded)
}

/// True when every address of the prefix lies in one of the others.
fn is_covered(prefix: Prefix, by: &[Prefix]) -> bool {
    if by.iter().any(|outer| contains(*outer, prefix)) {
        return true;
    }
    let inside: Vec<_> = by.iter().copied().filter(|inner| contains(prefix, *inner)).collect();
    // Ends: each half is longer by one bit, and nothing is inside a single address.
    !inside.is_empty() && halves(prefix).into_iter().all(|half| is_covered(half, &inside))
}

fn contains(outer: Prefix, inner: Prefix) -> bool {
    outer.address.is_ipv4() == inner.address.is_ipv4()
        && outer.length <= inner.length
        && mask(inner.address, outer.length) == Some(outer.address)
}

/// The two halves of a prefix that is no single address.
fn halves(prefix: Prefix) -> [Prefix; 2] {
    let length = prefix.length.saturating_add(1);
    let upper = match prefix.address {
        IpAddr::V4(address) => {
            let bit = 1_u32.checked_shl(Ipv4Addr::BITS.saturating_sub(length.into())).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() | bit).into()
        }
        IpAddr::V6(address) => {
            let bit = 1_u128.checked_shl(Ipv6Addr::BITS.saturating_sub(length.into())).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() | bit).into()
        }
    };
    [prefix.address, upper].map(|address| Prefix { address, length })
}

/// Everything in the set, in an order of its own.
fn items(set: &ClientSet) -> BTreeSet<Item<'_>> {
    let continents = set.continents.iter().map(|code| Item::Continent(code));
    let countries = set.countries.iter().map(|code| Item::Country(code));
    let subdivisions = set.subdivisions.iter().map(|code| Item::Subdivision(code));
    let cities = set.cities.iter().map(|city| Item::City(*city));
    let as_numbers = set.as_numbers.iter().map(|number| Item::AsNumber(*number));
    let prefixes = set.prefixes.iter().map(|prefix| Item::Prefix(*prefix));
    continents.chain(countries).chain(subdivisions).chain(cities).chain(as_numbers).chain(prefixes).collect()
}

/// The first few of these, and how many there are besides.
fn named(items: &BTreeSet<Item<'_>>) -> String {
    let words: Vec<_> = items.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = items.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", words.join(", "))
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continent(code) => write!(f, "continent \"{code}\""),
            Self::Country(code) => write!(f, "country \"{code}\""),
            Self::Subdivision(code) => write!(f, "subdivision \"{code}\""),
            Self::City(city) => write!(f, "city {city}"),
            Self::AsNumber(number) => write!(f, "AS number {number}"),
            Self::Prefix(prefix) => write!(f, "prefix \"{prefix}\""),
        }
    }
}
