//! A geo database: what is loaded cuts the address space into ranges without gaps.

use gtm_userspace::geo::Partition;
use gtm_userspace::inputs::Inputs;

use crate::folder;

/// One source for each kind of criterion.
const CONFIG: &[u8] = br#"
version = 1
service = { listen = ["192.0.2.53"], interfaces = ["none"] }
geo = { databases = ["country.mmdb"] }
source.continent = { continents = ["AS"], exclude_countries = ["HK"] }
source.country = { countries = ["CN"] }
source.subdivision = { subdivisions = ["CN-11"] }
source.city = { cities = [1816670] }
source.network = { as_numbers = [64496], exclude_prefixes = ["192.0.2.0/25"] }
source.prefix = { prefixes = ["198.51.100.0/24", "2001:db8::/32"] }
"#;

/// Loads it and compiles the sources with it; false when it cannot be used.
pub fn run(database: &[u8]) -> bool {
    let folder = folder(&[("gtm.toml", CONFIG), ("country.mmdb", database)]);
    let Ok(inputs) = Inputs::load(&folder.path().join("gtm.toml")) else { return false };
    let Partition { classes, v4, v6 } = inputs.partition;
    assert!(is_cut(&v4) && is_cut(&v6), "{v4:?} {v6:?}");
    let used = v4.iter().map(|(_, class)| class).chain(v6.iter().map(|(_, class)| class));
    assert!(used.into_iter().all(|class| usize::try_from(class.0).is_ok_and(|class| class < classes.len())));
    true
}

/// From 0 on, ascending, and no two neighbours of one class.
fn is_cut<A: Ord + Default, C: PartialEq>(ranges: &[(A, C)]) -> bool {
    let is_next = |[(first, class), (next, other)]: &[(A, C); 2]| first < next && class != other;
    ranges.first().is_some_and(|(start, _)| *start == A::default()) && ranges.array_windows().all(is_next)
}
