//! Sources over databases and prefixes: the partition of the address space.
//!
//! A client belongs to a source when some inclusion matches and no exclusion does, by the most specific inclusion that
//! matches. Only the facts that some source mentions divide the space; each distinct combination of them is judged once.
//! Pure: reads no file.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::database::{Database, Databases};
use super::interner::Interner;
use super::prefixes::PrefixTree;
use super::{Class, ClassId, Code, Facts, MatchedBy, Partition, SourceMatch, in_parallel, push_range};
use crate::config::model::{ClientSet, DEFAULT_SOURCE, Source, SourceId};

/// A partition, and what an operator should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The address space by what the sources say of it.
    pub partition: Partition,
    /// One sentence for each source that no client belongs to.
    pub warnings: Vec<String>,
}

/// Cuts the address space by the sources; the first of them is `default`, whatever it holds.
pub fn compile(sources: &[Source], databases: &Databases) -> Compiled {
    let mentions = Mentions::of(sources);
    let views: Vec<View<'_>> = databases.0.iter().map(|database| View::new(database, &mentions)).collect();
    let ((v4, mut classes), (mut v6, of_v6)) = in_parallel(
        || family(&views, |view| &view.database.v4, &mentions, &mentions.v4),
        || family(&views, |view| &view.database.v6, &mentions, &mentions.v6),
    );
    let numbers: Vec<u32> = of_v6.into_values().into_iter().map(|class| classes.intern(class)).collect();
    for (_, class) in &mut v6 {
        class.0 = number_of(&numbers, class.0);
    }
    let classes: Vec<Class> = classes.into_values().into_iter().map(|matches| Class { matches }).collect();
    let warnings = warnings(sources, &classes);
    Compiled { partition: Partition { classes, v4, v6 }, warnings }
}

/// The ranges of one family, and the classes in them by number.
fn family<A: Copy + Ord + TryFrom<u128>>(
    views: &[View<'_>],
    ranges: impl for<'a> Fn(&View<'a>) -> &'a [(A, u32)],
    mentions: &Mentions,
    prefixes: &PrefixTree<A, Mention>,
) -> (Vec<(A, ClassId)>, Interner<Vec<SourceMatch>>) {
    let mut classes = Interner::default();
    let lists = views.iter().map(|view| List { ranges: ranges(view), numbers: Some(&view.numbers) });
    let lists = lists.chain([List { ranges: prefixes.ranges(), numbers: None }]).collect();
    let ranges = sweep(lists, |key| {
        let known = views
            .iter()
            .zip(key)
            .fold(Facts::default(), |known, (view, number)| known.or(view.facts(*number)));
        let by_fact = facts_by_kind(&known).into_iter().flatten();
        let by_fact = by_fact.flat_map(|fact| mentions.of_fact(&fact).iter().copied());
        ClassId(classes.intern(matches(by_fact.chain(prefixes.around(innermost(key)).copied()))))
    });
    (ranges, classes)
}

/// A list of ranges, and by what each of them carries the number that it stands for; none where it is that itself.
struct List<'a, A> {
    ranges: &'a [(A, u32)],
    numbers: Option<&'a [u32]>,
}

fn number_of(numbers: &[u32], index: u32) -> u32 {
    usize::try_from(index).ok().and_then(|index| numbers.get(index)).copied().unwrap_or(0)
}

/// The prefix number of a key: after those of the databases.
fn innermost(key: &[u32]) -> u32 {
    key.last().copied().unwrap_or(0)
}

/// The matches of a client for which all of these mentions hold.
///
/// | inclusions that hold | exclusions that hold | belongs to the source          |
/// |----------------------|----------------------|--------------------------------|
/// | none                 | any                  | no                             |
/// | some                 | none                 | yes, by the most specific      |
/// | some                 | some                 | no                             |
fn matches(mentions: impl Iterator<Item = Mention>) -> Vec<SourceMatch> {
    let mut best: BTreeMap<SourceId, Option<MatchedBy>> = BTreeMap::new();
    let mut excluded = Vec::new();
    for mention in mentions {
        match mention.role {
            Role::Include => {
                let by = best.entry(mention.source).or_default();
                *by = (*by).max(Some(mention.by));
            }
            Role::Exclude => excluded.push(mention.source),
        }
    }
    best.retain(|source, _| !excluded.contains(source));
    best.insert(DEFAULT_SOURCE, Some(MatchedBy::Default));
    let mut matches: Vec<SourceMatch> =
        best.into_iter().filter_map(|(source, by)| Some(SourceMatch { source, by: by? })).collect();
    // Stable: equal ones stay in the order of the configuration.
    matches.sort_by_key(|entry| std::cmp::Reverse(entry.by));
    matches
}

/// Merges lists of ranges that all begin at 0: at each address, the class of what the lists say there.
fn sweep<A: Copy + Ord>(
    lists: Vec<List<'_, A>>,
    mut judge: impl FnMut(&[u32]) -> ClassId,
) -> Vec<(A, ClassId)> {
    let mut key = vec![0; lists.len()];
    let mut rest: Vec<_> = lists
        .into_iter()
        .map(|List { ranges, numbers }| {
            let number = move |index| numbers.map_or(index, |numbers| number_of(numbers, index));
            ranges.iter().map(move |(start, index)| (*start, number(*index))).peekable()
        })
        .collect();
    let mut judged: HashMap<Vec<u32>, ClassId> = HashMap::new();
    let mut ranges = Vec::new();
    while let Some(start) = rest.iter_mut().filter_map(|list| list.peek().map(|(start, _)| *start)).min() {
        let mut is_new = ranges.is_empty();
        for (number, list) in key.iter_mut().zip(&mut rest) {
            if let Some((_, next)) = list.next_if(|(next, _)| *next == start) {
                is_new |= *number != next;
                *number = next;
            }
        }
        if is_new {
            let class = judged.get(&key).copied().unwrap_or_else(|| {
                let class = judge(&key);
                judged.insert(key.clone(), class);
                class
            });
            push_range(&mut ranges, start, class);
        }
    }
    ranges
}

fn warnings(sources: &[Source], classes: &[Class]) -> Vec<String> {
    let is_empty =
        |id: SourceId| !classes.iter().flat_map(|class| &class.matches).any(|entry| entry.source == id);
    let empty = sources.iter().enumerate().filter(|(index, _)| is_empty(SourceId(*index)));
    empty
        .map(|(_, source)| format!("source \"{}\" matches no network of the loaded geo data", source.name))
        .collect()
}

/// Something a source can ask of a client other than its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fact {
    Continent(Code),
    Country(Code),
    Subdivision(Code),
    City(u32),
    AsNumber(u32),
}

impl Fact {
    fn matched_by(self) -> MatchedBy {
        match self {
            Self::Continent(_) => MatchedBy::Continent,
            Self::Country(_) => MatchedBy::Country,
            Self::Subdivision(_) => MatchedBy::Subdivision,
            Self::City(_) => MatchedBy::City,
            Self::AsNumber(_) => MatchedBy::AsNumber,
        }
    }
}

/// What is known, one list for each kind; an empty list is an unknown.
fn facts_by_kind(facts: &Facts) -> [Vec<Fact>; 5] {
    [
        facts.continent.map(Fact::Continent).into_iter().collect(),
        facts.country.map(Fact::Country).into_iter().collect(),
        facts.subdivisions.iter().copied().map(Fact::Subdivision).collect(),
        facts.city.map(Fact::City).into_iter().collect(),
        facts.as_number.map(Fact::AsNumber).into_iter().collect(),
    ]
}

/// That a source includes or excludes clients of which something holds.
#[derive(Debug, Clone, Copy)]
struct Mention {
    source: SourceId,
    role: Role,
    by: MatchedBy,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Include,
    Exclude,
}

/// All that the sources mention, by what they mention.
struct Mentions {
    by_fact: HashMap<Fact, Vec<Mention>>,
    v4: PrefixTree<u32, Mention>,
    v6: PrefixTree<u128, Mention>,
}

impl Mentions {
    fn of(sources: &[Source]) -> Self {
        let mut by_fact: HashMap<Fact, Vec<Mention>> = HashMap::new();
        let mut v4: BTreeMap<(u128, u8), Vec<Mention>> = BTreeMap::new();
        let mut v6: BTreeMap<(u128, u8), Vec<Mention>> = BTreeMap::new();
        for (index, source) in sources.iter().enumerate() {
            let source_id = SourceId(index);
            for (role, clients) in [(Role::Include, &source.include), (Role::Exclude, &source.exclude)] {
                for fact in facts_asked(clients) {
                    by_fact.entry(fact).or_default().push(Mention {
                        source: source_id,
                        role,
                        by: fact.matched_by(),
                    });
                }
                for prefix in &clients.prefixes {
                    let (prefixes, first) = match prefix.address {
                        IpAddr::V4(first) => (&mut v4, u128::from(u32::from(first))),
                        IpAddr::V6(first) => (&mut v6, u128::from(first)),
                    };
                    let mention = Mention { source: source_id, role, by: MatchedBy::Prefix(prefix.length) };
                    prefixes.entry((first, prefix.length)).or_default().push(mention);
                }
            }
        }
        Self { by_fact, v4: PrefixTree::new(v4, u32::MAX.into()), v6: PrefixTree::new(v6, u128::MAX) }
    }

    fn of_fact(&self, fact: &Fact) -> &[Mention] {
        self.by_fact.get(fact).map_or(&[], Vec::as_slice)
    }
}

fn facts_asked(clients: &ClientSet) -> impl Iterator<Item = Fact> {
    let codes = |texts: &[String]| texts.iter().filter_map(|text| Code::new(text)).collect::<Vec<_>>();
    let continents = codes(&clients.continents).into_iter().map(Fact::Continent);
    let countries = codes(&clients.countries).into_iter().map(Fact::Country);
    let subdivisions = codes(&clients.subdivisions).into_iter().map(Fact::Subdivision);
    let cities = clients.cities.iter().copied().map(Fact::City);
    let as_numbers = clients.as_numbers.iter().copied().map(Fact::AsNumber);
    continents.chain(countries).chain(subdivisions).chain(cities).chain(as_numbers)
}

/// A database by what the sources mention: facts that differ only in what nobody mentions are one number.
///
/// A known fact that nobody mentions still differs from an unknown one: it hides what later databases know.
struct View<'a> {
    database: &'a Database,
    /// By the index of facts in the database, their number.
    numbers: Vec<u32>,
    /// By number, the first facts that have it.
    facts: Vec<&'a Facts>,
}

impl<'a> View<'a> {
    fn new(database: &'a Database, mentions: &Mentions) -> Self {
        let mut seen = Interner::default();
        let mut facts = Vec::new();
        let mut numbers = Vec::with_capacity(database.facts.len());
        for known in &database.facts {
            let mentioned = facts_by_kind(known).map(|kind| {
                let mentioned = |fact: &Fact| !mentions.of_fact(fact).is_empty();
                (!kind.is_empty()).then(|| kind.into_iter().filter(mentioned).collect::<Vec<_>>())
            });
            let number = seen.intern(mentioned);
            numbers.push(number);
            if usize::try_from(number).is_ok_and(|number| number == facts.len()) {
                facts.push(known);
            }
        }
        Self { database, numbers, facts }
    }

    fn facts(&self, number: u32) -> &Facts {
        static UNKNOWN: Facts =
            Facts { continent: None, country: None, subdivisions: Vec::new(), city: None, as_number: None };
        usize::try_from(number).ok().and_then(|number| self.facts.get(number).copied()).unwrap_or(&UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::super::geo_tests::{clients, database, matches_of, source};
    use super::*;

    /// `(name, inclusions, exclusions)` of a source.
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

    fn world() -> Databases {
        let city = database(
            6,
            28,
            &[
                ("1.0.0.0/8", "country HK"),
                ("1.2.0.0/16", "country CN, subdivision BJ, subdivision XC, city 7"),
                ("2.0.0.0/8", "continent NA, country US, subdivision CA, city 5"),
                ("3.0.0.0/8", "continent EU"),
                ("4.0.0.0/8", "registered US"),
                ("5.0.0.0/8", "subdivision CA"),
                ("2400::/12", "country CN"),
            ],
        );
        let asn = database(
            6,
            24,
            &[("1.2.3.0/24", "as 13335"), ("2.0.0.0/7", "as 64500"), ("2400::/16", "as 4134")],
        );
        let country = database(
            4,
            32,
            &[("1.0.0.0/8", "country JP"), ("3.0.0.0/8", "country FR"), ("9.0.0.0/8", "country DE")],
        );
        Databases(vec![city, asn, country])
    }

    /// What the client belongs to, best first and without `default`, as `name:by`.
    #[track_caller]
    fn check(sources: &[Case<'_>], address: &str, expect: &str) {
        let default = [source("default", &[], &[])];
        let cases = sources.iter().map(|(name, include, exclude)| source(name, include, exclude));
        let sources: Vec<Source> = default.into_iter().chain(cases).collect();
        let partition = compile(&sources, &world()).partition;
        partition.assert_valid();
        let (last, matches) = matches_of(&partition, address.parse().unwrap()).split_last().unwrap();
        assert_eq!(*last, SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default });
        let found: Vec<String> =
            matches.iter().map(|entry| format!("{}:{:?}", sources[entry.source.0].name, entry.by)).collect();
        assert_eq!(found.join(" "), expect, "{address}");
    }

    #[test]
    fn a_source_matches_by_each_kind_of_inclusion() {
        check(&[("a", &["continent NA"], &[])], "2.1.1.1", "a:Continent");
        check(&[("a", &["country US"], &[])], "2.1.1.1", "a:Country");
        check(&[("a", &["subdivision US-CA"], &[])], "2.1.1.1", "a:Subdivision");
        check(&[("a", &["subdivision CN-XC"], &[])], "1.2.0.1", "a:Subdivision");
        check(&[("a", &["city 5"], &[])], "2.1.1.1", "a:City");
        check(&[("a", &["as 64500"], &[])], "2.1.1.1", "a:AsNumber");
        check(&[("a", &["prefix 2.0.0.0/7"], &[])], "2.1.1.1", "a:Prefix(7)");
        check(&[("a", &["country CN"], &[])], "2400::1", "a:Country");
        check(&[("a", &["as 4134"], &[])], "2400::1", "a:AsNumber");
        check(&[("a", &["prefix 2400::/10"], &[])], "2400::1", "a:Prefix(10)");
        check(&[("a", &["country US", "prefix 2.0.0.0/8"], &[])], "3.1.1.1", "");
        check(&[("a", &["country CN"], &[])], "2410::1", "");
    }

    #[test]
    fn the_most_specific_inclusion_is_the_one_it_matches_by() {
        check(&[("a", &["continent NA", "country US"], &[])], "2.1.1.1", "a:Country");
        check(&[("a", &["country US", "subdivision US-CA"], &[])], "2.1.1.1", "a:Subdivision");
        check(&[("a", &["city 5", "subdivision US-CA"], &[])], "2.1.1.1", "a:City");
        check(&[("a", &["city 5", "as 64500"], &[])], "2.1.1.1", "a:AsNumber");
        check(&[("a", &["prefix 0.0.0.0/0", "as 64500"], &[])], "2.1.1.1", "a:Prefix(0)");
        check(
            &[("a", &["prefix 2.0.0.0/8", "prefix 2.1.0.0/16", "prefix 2.1.1.2/32"], &[])],
            "2.1.1.1",
            "a:Prefix(16)",
        );
    }

    #[test]
    fn an_exclusion_outweighs_every_inclusion() {
        check(&[("a", &["continent AS"], &["country HK"])], "1.1.1.1", "");
        check(&[("a", &["continent AS"], &["country HK"])], "1.2.1.1", "a:Continent");
        check(&[("a", &["prefix 1.2.3.0/24"], &["continent AS"])], "1.2.3.1", "");
        check(&[("a", &["country CN"], &["prefix 1.2.3.0/24"])], "1.2.3.1", "");
        check(&[("a", &["country CN"], &["prefix 1.2.3.0/24"])], "1.2.4.1", "a:Country");
        check(&[("a", &["prefix 1.2.3.4/32"], &["prefix 1.2.3.0/24"])], "1.2.3.4", "");
        check(&[("a", &["country CN"], &["as 13335"])], "1.2.3.1", "");
        check(
            &[("a", &["country CN"], &[]), ("b", &["continent AS"], &["country CN"])],
            "1.2.3.1",
            "a:Country",
        );
    }

    #[test]
    fn matches_are_sorted_best_first_and_ties_keep_the_configured_order() {
        let asia: Case<'_> = ("asia", &["continent AS"], &[]);
        let china: Case<'_> = ("china", &["country CN"], &[]);
        let both: Case<'_> = ("both", &["country CN", "country HK"], &[]);
        check(&[asia, china], "1.2.0.1", "china:Country asia:Continent");
        check(&[both, asia, china], "1.2.0.1", "both:Country china:Country asia:Continent");
        check(&[china, asia, both], "1.2.0.1", "china:Country both:Country asia:Continent");
        let narrow: Case<'_> = ("narrow", &["prefix 1.2.0.0/16"], &[]);
        let wide: Case<'_> = ("wide", &["prefix 1.0.0.0/8"], &[]);
        check(&[asia, wide, narrow], "1.2.0.1", "narrow:Prefix(16) wide:Prefix(8) asia:Continent");
        check(&[asia, wide, narrow], "1.3.0.1", "wide:Prefix(8) asia:Continent");
    }

    #[test]
    fn the_first_database_that_knows_a_fact_gives_it() {
        check(&[("a", &["country JP"], &[])], "1.1.1.1", "");
        check(&[("a", &["country FR"], &[])], "3.1.1.1", "a:Country");
        check(&[("a", &["country DE"], &[])], "9.1.1.1", "a:Country");
        check(&[("a", &["as 64500"], &["country FR"])], "3.1.1.1", "");
        check(&[("a", &["as 64500"], &["continent EU"])], "2.1.1.1", "a:AsNumber");
    }

    #[test]
    fn a_continent_follows_from_the_country_and_nothing_from_where_a_network_is_registered() {
        check(&[("a", &["continent AS"], &[])], "1.1.1.1", "a:Continent");
        check(&[("a", &["continent EU"], &[])], "9.1.1.1", "a:Continent");
        check(&[("a", &["country US"], &[])], "4.1.1.1", "");
        check(&[("a", &["subdivision US-CA"], &[])], "5.1.1.1", "");
    }

    #[test]
    fn ipv4_in_ipv6_is_plain_ipv6() {
        check(&[("a", &["country US"], &[])], "::2.1.1.1", "");
        check(&[("a", &["country US"], &[])], "::ffff:2.1.1.1", "");
        check(&[("a", &["prefix ::ffff:0:0/96"], &[])], "::ffff:2.1.1.1", "a:Prefix(96)");
        check(&[("a", &["prefix ::/0"], &[])], "2.1.1.1", "");
        check(&[("a", &["prefix 0.0.0.0/0"], &[])], "::1", "");
    }

    #[track_caller]
    fn check_warnings(sources: &[Case<'_>], expect: &[&str]) {
        let default = [source("default", &[], &[])];
        let cases = sources.iter().map(|(name, include, exclude)| source(name, include, exclude));
        let sources: Vec<Source> = default.into_iter().chain(cases).collect();
        let expect: Vec<String> = expect
            .iter()
            .map(|name| format!("source \"{name}\" matches no network of the loaded geo data"))
            .collect();
        assert_eq!(compile(&sources, &world()).warnings, expect);
    }

    #[test]
    fn a_source_without_clients_is_named() {
        check_warnings(&[], &[]);
        check_warnings(&[("a", &["country US"], &[])], &[]);
        check_warnings(
            &[("a", &["country JP"], &[]), ("b", &["country CN"], &[]), ("c", &["city 9"], &[])],
            &["a", "c"],
        );
        check_warnings(&[("a", &["country US"], &["continent NA"])], &["a"]);
        check_warnings(
            &[("a", &["prefix 1.2.3.4/32"], &[]), ("b", &["prefix 1.2.3.4/32"], &["prefix 1.2.0.0/16"])],
            &["b"],
        );
    }

    #[test]
    fn without_databases_and_sources_everyone_is_default() {
        let Compiled { partition, warnings } = compile(&[source("default", &[], &[])], &Databases::default());
        let default = Class { matches: vec![SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default }] };
        assert_eq!(
            partition,
            Partition { classes: vec![default], v4: vec![(0, ClassId(0))], v6: vec![(0, ClassId(0))] }
        );
        assert!(warnings.is_empty());
        assert!(clients(&[]) == ClientSet::default());
    }
}
