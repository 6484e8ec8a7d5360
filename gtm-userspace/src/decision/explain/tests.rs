//! Explanations of the demo configuration with its geo data, and of single rules.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::config;
use crate::config::model::Target;
use crate::decision::Conditions;

/// What an explanation needs, for a model and the demo's geo data.
struct World {
    decider: Decider,
    partition: Partition,
    databases: Databases,
    zones: ZoneSet,
}

impl World {
    /// The demo with an edit of its model, and targets that are down.
    fn demo(edit: impl FnOnce(&mut Model), down: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo");
        let mut model =
            config::load(&folder.join("gtm.toml")).unwrap_or_else(|errors| panic!("{errors}")).model;
        edit(&mut model);
        let databases = geo::load(&[folder.join("country.mmdb")]).unwrap();
        let partition = geo::compile(&model.sources, &databases).partition;
        let enabled = model.domains.iter().filter(|domain| domain.enabled).map(|domain| domain.name.clone());
        let zones = ZoneSet::new(model.zones.clone(), enabled.collect::<Vec<_>>());
        let down = down.iter().map(|address| Target::Ip(address.parse().unwrap())).collect();
        let conditions = Conditions { down, ..Conditions::all_up(&model) };
        Self { decider: Decider::new(Arc::new(model), &partition, conditions), partition, databases, zones }
    }

    fn explain(&self, name: &str, qtype: u16, client: &str) -> Explanation {
        let Self { decider, partition, databases, zones } = self;
        let explainer = Explainer { decider, partition, databases, zones };
        explainer.explain(&name.parse().unwrap(), qtype, client.parse().unwrap())
    }
}

const WWW: &str = "www.cloud-example.com";

/// What is down, who asks, and the whole text.
#[track_caller]
fn check(down: &[&str], client: &str, expect: &str) {
    let text = World::demo(|_| {}, down).explain(WWW, 1, client).to_string();
    assert_eq!(text, expect.trim(), "down {down:?}, client {client}");
}

#[test]
fn row_2_the_own_pool() {
    check(
        &[],
        "1.64.0.9",
        "
question  www.cloud-example.com A
client    1.64.0.9, the sender of the query
source    hong-kong, by country HK
          also default, by everyone
policy    nearest-source, access domain of type A

pools in the order in which they are tried
  hong-kong (for hong-kong)  2  ok  taken: the first available
    223.6.0.1                1  ok  answered: the first available
    223.7.0.1                2  ok  left: 223.6.0.1 comes first
  mainland (for default)     1  ok  left: hong-kong comes first
    223.5.0.1                1  ok
    223.6.0.1                2  ok

pools that are not for this client
  overseas                   3  ok  left: for overseas
    223.7.0.1                1  ok
    223.6.0.1                2  ok

answer    223.6.0.1
why       hong-kong is the first available pool for these clients
ttl       30 s
scope     15, the same for all of 1.64.0.0/15
",
    );
}

#[test]
fn row_6_failover_inside_the_pool_for_a_client_subnet() {
    check(
        &["223.7.0.1"],
        "8.8.8.8/24",
        "
question  www.cloud-example.com A
client    8.8.8.0, from the client subnet (ECS) 8.8.8.0/24
source    overseas, by continent NA
          also default, by everyone
policy    nearest-source, access domain of type A

pools in the order in which they are tried
  overseas (for overseas)  3  warning  taken: the first available
    223.7.0.1              1  down     taken to be down
    223.6.0.1              2  ok       answered: the first available
  mainland (for default)   1  ok       left: overseas comes first
    223.5.0.1              1  ok
    223.6.0.1              2  ok

pools that are not for this client
  hong-kong                2  warning  left: for hong-kong
    223.6.0.1              1  ok
    223.7.0.1              2  down     taken to be down

answer    223.6.0.1
why       overseas is the first available pool for these clients
ttl       30 s
scope     12, the same for all of 8.0.0.0/12
",
    );
}

#[test]
fn row_7_the_own_pool_is_down() {
    check(
        &["223.6.0.1", "223.7.0.1"],
        "1.64.0.9",
        "
question  www.cloud-example.com A
client    1.64.0.9, the sender of the query
source    hong-kong, by country HK
          also default, by everyone
policy    nearest-source, access domain of type A

pools in the order in which they are tried
  hong-kong (for hong-kong)  2  down     left: none available
    223.6.0.1                1  down     taken to be down
    223.7.0.1                2  down     taken to be down
  mainland (for default)     1  warning  taken: the first available
    223.5.0.1                1  ok       answered: the first available
    223.6.0.1                2  down     taken to be down

pools that are not for this client
  overseas                   3  down     left: for overseas
    223.7.0.1                1  down     taken to be down
    223.6.0.1                2  down     taken to be down

answer    223.5.0.1
why       mainland is the first available pool for these clients
ttl       30 s
scope     15, the same for all of 1.64.0.0/15
",
    );
}

#[test]
fn row_9_everything_is_down() {
    check(
        &["223.5.0.1", "223.6.0.1", "223.7.0.1"],
        "192.0.2.7",
        "
question  www.cloud-example.com A
client    192.0.2.7, the sender of the query
source    default, by everyone
policy    nearest-source, access domain of type A

pools in the order in which they are tried
  mainland (for default)  1  down  taken: the last resort
    223.5.0.1             1  down  answered: taken to be down, but everything is down
    223.6.0.1             2  down  answered: taken to be down, but everything is down

pools that are not for this client
  hong-kong               2  down  left: for hong-kong
    223.6.0.1             1  down  taken to be down
    223.7.0.1             2  down  taken to be down
  overseas                3  down  left: for overseas
    223.7.0.1             1  down  taken to be down
    223.6.0.1             2  down  taken to be down

answer    223.5.0.1 and 223.6.0.1 rotating
why       every pool is down, so the all-down action: all of pool mainland whatever its health
ttl       30 s
scope     5, the same for all of 192.0.0.0/5
",
    );
}

/// The text of a question that is not steered.
#[track_caller]
fn check_zone(world: &World, name: &str, qtype: u16, expect: &str) {
    assert_eq!(world.explain(name, qtype, "8.8.8.8").to_string(), expect.trim());
}

#[test]
fn row_11_the_zones_own_record() {
    let world = World::demo(|model| model.domains.iter_mut().for_each(|domain| domain.enabled = false), &[]);
    check_zone(
        &world,
        WWW,
        28,
        "
question  www.cloud-example.com AAAA
steered   no: the access domain is disabled
zone      cloud-example.com
answer    www.cloud-example.com. 60 IN AAAA 2001:db8:80::80
why       the zone's own records answer
",
    );
}

#[test]
fn what_is_not_steered_is_the_zones() {
    let world = World::demo(|_| {}, &[]);
    let text = |name: &str, answer: &str, why: &str| {
        let no = "steered   no: no access domain has this name and type NS\nzone      cloud-example.com";
        format!("question  {name} NS\n{no}\nanswer    {answer}\nwhy       {why}")
    };
    let apex = "cloud-example.com";
    let servers = "cloud-example.com. 3600 IN NS ns1.cloud-example.com.";
    check_zone(&world, apex, 2, &text(apex, servers, "the zone's own records answer"));
    check_zone(&world, WWW, 2, &text(WWW, "none", "the name has no records of type NS (NODATA)"));
    let none = "none.cloud-example.com";
    check_zone(&world, none, 2, &text(none, "none", "the name does not exist (NXDOMAIN)"));
    let refused = "answer    none: the name is in none of the zones (REFUSED)";
    check_zone(&world, "www.example.net", 1, &format!("question  www.example.net A\n{refused}"));
}

/// Every key of a value, with the keys above it; a list stands for its first item.
fn keys(value: &serde_json::Value, above: &str, found: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        for (key, value) in object {
            let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            found.push(key.clone());
            keys(value, &key, found);
        }
    } else if let Some(first) = value.as_array().and_then(|list| list.first()) {
        keys(first, above, found);
    }
}

#[track_caller]
fn check_keys(explanation: &Explanation, expect: &str) {
    let mut found = Vec::new();
    keys(&serde_json::to_value(explanation).unwrap(), "", &mut found);
    found.sort();
    assert_eq!(found.join(" "), expect.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn keys_are_stable() {
    let world = World::demo(|_| {}, &[]);
    check_keys(
        &world.explain(WWW, 1, "8.8.8.8"),
        "answer client client.address client.given_by client.subnet for_this_client holds_for matches matches.by matches.source name
        other_pools other_pools.addresses other_pools.addresses.address other_pools.addresses.health
        other_pools.addresses.ordinal other_pools.addresses.state other_pools.addresses.taken
        other_pools.addresses.weight other_pools.addresses.why other_pools.health other_pools.ordinal
        other_pools.policy other_pools.pool other_pools.source other_pools.state other_pools.taken other_pools.weight
        other_pools.why outcome overrides policy pools pools.addresses pools.addresses.address pools.addresses.health
        pools.addresses.ordinal pools.addresses.state pools.addresses.taken pools.addresses.weight pools.addresses.why
        pools.health pools.ordinal pools.policy pools.pool pools.source pools.state pools.taken pools.weight pools.why
        reason response scope source source.by source.source state steered_type ttl type why",
    );
    let zone = "access_domain client client.address client.given_by client.subnet found matches matches.by matches.source
        name outcome records type why zone";
    check_keys(&world.explain(WWW, 16, "8.8.8.8"), zone);
    let refused = "client client.address client.given_by client.subnet matches matches.by matches.source name outcome type";
    check_keys(&world.explain("www.example.net", 1, "8.8.8.8"), refused);
}

#[test]
fn values_are_stable() {
    let json = |world: &World, qtype| serde_json::to_value(world.explain(WWW, qtype, "1.64.0.9/24")).unwrap();
    let steered = json(&World::demo(|_| {}, &["223.6.0.1"]), 1);
    assert_eq!(steered["outcome"], "steered");
    assert_eq!(steered["client"]["given_by"], "ecs");
    assert_eq!((&steered["reason"], &steered["answer"][0]), (&"pool".into(), &"223.7.0.1".into()));
    assert_eq!((&steered["ttl"], &steered["scope"]), (&30.into(), &15.into()));
    assert_eq!(steered["pools"][0]["state"], "warning");
    assert_eq!(steered["pools"][0]["addresses"][0]["state"], "failed");
    assert_eq!(steered["pools"][0]["addresses"][1]["taken"], true);
    let zone = json(&World::demo(|_| {}, &[]), 16);
    assert_eq!(
        (&zone["outcome"], &zone["access_domain"], &zone["found"]),
        (&"zone".into(), &"none".into(), &"nodata".into())
    );
}
