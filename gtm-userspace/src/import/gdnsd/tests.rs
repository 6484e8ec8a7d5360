//! Small configurations of gdnsd, what they become, and what is said to have no equal; and a large one.

use proptest::prelude::*;

use super::*;

mod options;

const LISTEN: &str = "options => { listen => 192.0.2.53 }\n";
const ZONE: &str = "@ SOA ns1 dns ( 1 7200 1800 259200 900 )\n@ NS ns1\nns1 A 192.0.2.1\n";

/// The import of a configuration and of the zone `example.com`, in a folder of their own; paths are shown without it.
fn import_files(files: &[(&str, &str)]) -> Result<Imported, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let prefix = format!("{}/", folder.path().display());
    let imported = import(folder.path(), &[]).map_err(|error| error.to_string().replace(&prefix, ""))?;
    let without = |text: &str| text.replace(&prefix, "");
    Ok(Imported {
        config: without(&imported.config),
        zones: imported.zones,
        settings: imported
            .settings
            .into_iter()
            .map(|setting| crate::import::Setting {
                file: without(&setting.file.display().to_string()).into(),
                ..setting
            })
            .collect(),
    })
}

/// Imports a configuration and the names of `example.com` that use it.
#[track_caller]
fn imported(config: &str, names: &str) -> Imported {
    let (config, zone) = (format!("{LISTEN}{config}"), format!("{ZONE}{names}"));
    import_files(&[("config", &config), ("zones/example.com", &zone)])
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Everything from this table on to the next empty line, without comments.
fn part<'c>(config: &'c str, heading: &str) -> Vec<&'c str> {
    let from_heading = config.lines().skip_while(|line| *line != heading);
    let lines = from_heading.take_while(|line| !line.is_empty());
    lines
        .map(|line| line.split(" # ").next().unwrap_or(line).trim())
        .filter(|line| !line.starts_with('#'))
        .collect()
}

fn named(imported: &Imported) -> Vec<String> {
    imported
        .settings
        .iter()
        .map(|setting| {
            format!("{}:{} {}: {}", setting.file.display(), setting.line, setting.key, setting.reason)
        })
        .collect()
}

/// A plugin's configuration, used by one name: parts of what comes out, each with its heading, and the beginnings of what
/// has no equal.
#[track_caller]
fn check(config: &str, names: &str, parts: &[(&str, &[&str])], no_equal: &[&str]) {
    let imported = imported(config, names);
    for (heading, expect) in parts {
        let found = part(&imported.config, heading);
        assert_eq!(found.get(1..).unwrap_or_default(), *expect, "{heading} in\n{}", imported.config);
    }
    let told = named(&imported);
    let fits = told.len() == no_equal.len()
        && told.iter().zip(no_equal).all(|(named, begin)| named.starts_with(begin));
    assert!(fits, "no equal: {told:#?}");
}

#[test]
fn multifo_is_a_round_robin_pool_with_a_judgement() {
    check(
        "service_types => { web => { plugin => http_status, ok_thresh => 1 } }
         plugins => { multifo => { up_thresh => 0.3 service_types => web, w => { up_thresh => 0.7, lb1 => 192.0.2.1, lb2 => 192.0.2.2, lb3 => 192.0.2.3, lb4 => 192.0.2.4 } } }",
        "www 300/300 DYNA multifo!w\n",
        &[
            ("[pool.w]", &[
                "kind = \"ipv4\"",
                "policy = \"round-robin\"",
                "judgement = \"70%\"",
                "templates = [\"web\"]",
                "address = [",
                "{ address = \"192.0.2.1\", ordinal = 1 },",
                "{ address = \"192.0.2.2\", ordinal = 2 },",
                "{ address = \"192.0.2.3\", ordinal = 3 },",
                "{ address = \"192.0.2.4\", ordinal = 4 },",
                "]",
            ]),
            ("[template.web]", &[
                "kind = \"http\"",
                "expect_status = [200]",
                "interval = \"10s\"",
                "timeout = \"5s\"",
                "failures = 10",
                "successes = 20",
            ]),
            ("[[domain]]", &[
                "name = \"www.example.com\"",
                "type = \"A\"",
                "ttl = 300",
                "policy = \"ordinal\"",
                "all_down = \"as-if-up\"",
                "pool = [",
                "{ pool = \"w\", ordinal = 1 },",
                "]",
            ]),
        ],
        &[],
    );
}

#[test]
fn both_families_are_an_access_domain_each() {
    let imported = imported(
        "plugins => { multifo => { w => { addrs_v4 => [ 192.0.2.1 ], addrs_v6 => { a => 2001:db8::1, b => 2001:db8::2 } } } }",
        "www DYNA multifo!w\n",
    );
    assert_eq!(named(&imported), [""; 0]);
    for expect in ["[pool.w-v4]", "[pool.w-v6]", "type = \"A\"", "type = \"AAAA\"", "ttl = 86400"] {
        assert!(imported.config.contains(expect), "{expect} in {}", imported.config);
    }
    assert!(!imported.config.contains("judgement"), "without checks there is nothing to judge");
}

#[test]
fn simplefo_is_an_ordinal_pool() {
    check(
        "service_types => { t => { plugin => tcp_connect, port => 25, interval => 7, down_thresh => 1 } }
         plugins => { simplefo => { s => { service_types => t, primary => 192.0.2.9, secondary => 192.0.2.1 } } }",
        "mail 600/20 DYNA simplefo!s\n",
        &[
            ("[template.t]", &[
                "kind = \"tcp\"",
                "port = 25",
                "interval = \"7s\"",
                "timeout = \"3500ms\"",
                "failures = 1",
                "successes = 20",
            ]),
            ("[pool.s]", &[
                "kind = \"ipv4\"",
                "templates = [\"t\"]",
                "address = [",
                "{ address = \"192.0.2.9\", ordinal = 1 },",
                "{ address = \"192.0.2.1\", ordinal = 2 },",
                "]",
            ]),
        ],
        &["zones/example.com:4 mail.example.com: the TTL does not follow from the state, between 20 and 600; it is always 20"],
    );
}

#[test]
fn weights_are_weights() {
    check(
        "plugins => { weighted => { c => { a => [ a.example.org., 99 ], b => [ b.example.org., 1 ] } } }",
        "c DYNC weighted!c\n",
        &[(
            "[pool.c]",
            &[
                "kind = \"domain\"",
                "policy = \"weight\"",
                "address = [",
                "{ address = \"a.example.org\", ordinal = 1, weight = 99 },",
                "{ address = \"b.example.org\", ordinal = 2, weight = 1 },",
                "]",
            ],
        )],
        &[],
    );
    check(
        "service_types => { t => { plugin => tcp_connect, port => 25 } }
         plugins => { weighted => { service_types => t, w => { a => [ 192.0.2.1, 1048575 ], b => [ 192.0.2.2, 524287 ] } } }",
        "w DYNA weighted!w\n",
        &[],
        &[
            "config:3 plugins.weighted.w: weights go up to 100, so the shares are not quite the same: a 66.667% in place of \
             66.667%, b 33.333% in place of 33.333%",
            "config:3 plugins.weighted.w: a share of the weights that must be up: here addresses count alike; now 1 of 2 must be",
        ],
    );
}

#[test]
fn several_weighted_answers_are_round_robin_when_they_are_always_all() {
    check(
        "plugins => { weighted => { multi => true, w => { a => [ 192.0.2.1, 7 ], b => [ 192.0.2.2, 7 ] } } }",
        "w DYNA weighted!w\n",
        &[(
            "[pool.w]",
            &[
                "kind = \"ipv4\"",
                "policy = \"round-robin\"",
                "address = [",
                "{ address = \"192.0.2.1\", ordinal = 1 },",
                "{ address = \"192.0.2.2\", ordinal = 2 },",
                "]",
            ],
        )],
        &[],
    );
    check(
        "plugins => { weighted => { multi => true, w => { a => [ 192.0.2.1, 45 ], b => [ 192.0.2.2, 60 ] } } }",
        "w DYNA weighted!w\n",
        &[],
        &["config:2 plugins.weighted.w: several addresses to an answer"],
    );
}

#[test]
fn weighted_groups_are_pools_with_weights() {
    check(
        "plugins => { weighted => { w => { g1 => { a => [ 192.0.2.1, 2 ], b => [ 192.0.2.2, 2 ] } g2 => { c => [ 192.0.2.3, 5 ] } } } }",
        "w DYNA weighted!w\n",
        &[
            (
                "[pool.w-g1]",
                &[
                    "kind = \"ipv4\"",
                    "policy = \"round-robin\"",
                    "address = [",
                    "{ address = \"192.0.2.1\", ordinal = 1 },",
                    "{ address = \"192.0.2.2\", ordinal = 2 },",
                    "]",
                ],
            ),
            (
                "[[domain]]",
                &[
                    "name = \"w.example.com\"",
                    "type = \"A\"",
                    "ttl = 86400",
                    "policy = \"weight\"",
                    "pool = [",
                    "{ pool = \"w-g1\", ordinal = 1, weight = 4 },",
                    "{ pool = \"w-g2\", ordinal = 2, weight = 5 },",
                    "]",
                ],
            ),
        ],
        &[],
    );
    let grouped = "plugins => { weighted => { multi => true, w => { g1 => { a => [ 192.0.2.1, 1 ], b => [ 192.0.2.2, 3 ] } g2 => { c => [ 192.0.2.3, 4 ] } } } }";
    check(
        grouped,
        "w DYNA weighted!w\n",
        &[
            (
                "[pool.w-g1]",
                &[
                    "kind = \"ipv4\"",
                    "policy = \"weight\"",
                    "address = [",
                    "{ address = \"192.0.2.1\", ordinal = 1, weight = 1 },",
                    "{ address = \"192.0.2.2\", ordinal = 2, weight = 3 },",
                    "]",
                ],
            ),
            (
                "[[domain]]",
                &[
                    "name = \"w.example.com\"",
                    "type = \"A\"",
                    "ttl = 86400",
                    "policy = \"round-robin\"",
                    "pool = [",
                    "{ pool = \"w-g1\", ordinal = 1 },",
                    "{ pool = \"w-g2\", ordinal = 2 },",
                    "]",
                ],
            ),
        ],
        &[],
    );
}

#[test]
fn metafo_is_an_ordinal_access_domain() {
    check(
        "service_types => { t => { plugin => tcp_connect, port => 25, ok_thresh => 1 } }
         plugins => {
           metafo => { service_types => t, resources => { m => {
             datacenters => [ two, one, last ],
             dcmap => { one => %simplefo!s, two => { plugin => weighted, a => [ 192.0.2.3, 1 ] }, last => last.example.org. } } } }
           simplefo => { s => { primary => 192.0.2.1, secondary => 192.0.2.2 } } }",
        "m 60/60 DYNC metafo!m\none 60 DYNA metafo!m/one\n",
        &[("[[domain]]", &[
            "name = \"m.example.com\"",
            "type = \"A\"",
            "ttl = 60",
            "policy = \"ordinal\"",
            "all_down = \"as-if-up\"",
            "pool = [",
            "{ pool = \"m-two\", ordinal = 1 },",
            "{ pool = \"s\", ordinal = 2 },",
            "{ pool = \"m-last\", ordinal = 3 },",
            "]",
        ])],
        &["zones/example.com:4 m.example.com: queries of type AAAA are answered only while the answer is an alias"],
    );
}

const MAP: &str = "service_types => { t => { plugin => tcp_connect, port => 25, ok_thresh => 1 } }
plugins => { geoip => {
  maps => { m => { datacenters => [ a, b ], map => { EU => { default => [ b, a ], CZ => { JC => { default => [ b, a ], 311 => [ a, b ] } } }, SA => [ a, b ] }, nets => { 10.1.2.3/8 => [ b, a ] ::C000:0200/120 => [ a, b ] } } }
  resources => { r => { map => m, service_types => t, dcmap => { a => 192.0.2.1, b => 192.0.2.2 } } }
} }";

#[test]
fn geoip_maps_are_sources() {
    check(
        MAP,
        "r 60/60 DYNA geoip!r\n",
        &[
            ("[source.m-b]", &["continents = [\"EU\"]", "prefixes = [", "\"10.0.0.0/8\",", "]"]),
            ("[source.m-b-2]", &["subdivisions = [\"CZ-JC\"]", "exclude_subdivisions = [\"CZ-311\"]"]),
            (
                "[source.m-a]",
                &[
                    "continents = [\"SA\"]",
                    "subdivisions = [\"CZ-311\"]",
                    "prefixes = [",
                    "\"192.0.2.0/24\",",
                    "]",
                ],
            ),
            (
                "[[domain]]",
                &[
                    "name = \"r.example.com\"",
                    "type = \"A\"",
                    "ttl = 60",
                    "policy = \"nearest-source\"",
                    "all_down = \"as-if-up\"",
                    "pool = [",
                    "{ pool = \"r-a\", ordinal = 1, sources = [\"m-a\", \"default\"] },",
                    "{ pool = \"r-b\", ordinal = 2, sources = [\"m-a\", \"default\"] },",
                    "{ pool = \"r-b-2\", ordinal = 3, sources = [\"m-b\", \"m-b-2\"] },",
                    "{ pool = \"r-a-2\", ordinal = 4, sources = [\"m-b\", \"m-b-2\"] },",
                    "]",
                ],
            ),
        ],
        &[],
    );
}

#[test]
fn lists_with_other_datacenters_keep_to_them() {
    check(
        &MAP.replace("SA => [ a, b ]", "SA => [ b ]"),
        "r 60/60 DYNA geoip!r\n",
        &[
            (
                "[pool.r-b-last]",
                &[
                    "kind = \"ipv4\"",
                    "address = [",
                    "{ address = \"192.0.2.2\", ordinal = 1, mode = \"online\" },",
                    "]",
                ],
            ),
            (
                "[[domain]]",
                &[
                    "name = \"r.example.com\"",
                    "type = \"A\"",
                    "ttl = 60",
                    "policy = \"nearest-source\"",
                    "all_down = \"as-if-up\"",
                    "pool = [",
                    "{ pool = \"r-a\", ordinal = 1, sources = [\"m-a\", \"default\"] },",
                    "{ pool = \"r-b\", ordinal = 2, sources = [\"m-a\", \"default\", \"m-b-3\"] },",
                    "{ pool = \"r-b-2\", ordinal = 3, sources = [\"m-b\", \"m-b-2\"] },",
                    "{ pool = \"r-a-2\", ordinal = 4, sources = [\"m-b\", \"m-b-2\"] },",
                    "{ pool = \"r-a-last\", ordinal = 5, sources = [\"m-a\", \"default\"] },",
                    "{ pool = \"r-b-last\", ordinal = 6, sources = [\"m-b\", \"m-b-2\", \"m-b-3\"] },",
                    "]",
                ],
            ),
        ],
        &[],
    );
}

#[test]
fn down_is_offline_but_still_answers_when_everything_is() {
    check(
        "plugins => { multifo => { d => { service_types => down, a => 192.0.2.1 } } }",
        "d DYNA multifo!d\n",
        &[
            (
                "[pool.d]",
                &[
                    "kind = \"ipv4\"",
                    "address = [",
                    "{ address = \"192.0.2.1\", ordinal = 1, mode = \"offline\" },",
                    "]",
                ],
            ),
            (
                "[pool.d-last]",
                &[
                    "kind = \"ipv4\"",
                    "address = [",
                    "{ address = \"192.0.2.1\", ordinal = 1, mode = \"online\" },",
                    "]",
                ],
            ),
        ],
        &[],
    );
}

#[test]
fn nothing_is_dropped_silently() {
    let many: Vec<_> = (1..=18).map(|number| format!("a{number} => 192.0.2.{number}")).collect();
    let many = many.join(" ");
    check(
        &format!(
            "service_types => {{
               e => {{ plugin => extmon, cmd => x }}
               h => {{ plugin => http_status, ok_codes => [ 100, 200 ], up_thresh => 300, vhost => \"a:80\", ok_thresh => 9, odd => 1 }}
             }}
             plugins => {{ multifo => {{ m => {{ service_types => [ e, nil ], {many} }} }} extmon => {{ helper_path => x }} odd => {{}}
               geoip => {{ odd => 1, maps => {{ m => {{ datacenters => [ a ], auto_dc_coords => {{ a => [ 1, 2 ] }}, auto_dc_limit => 2, ignore_ecs => true,
                 map => {{ XX => [ a ], EU => {{ France => [ a ] FR => {{ Paris => [ a ] IDF => [] }} DE => [ z, a ] ES => auto }} }}, nets => {{ odd => a }} }} }}
                 resources => {{ unused => {{ map => m, dcmap => {{ a => 192.0.2.1 }} }} }} }} }}
             odd => 1"
        ),
        "m DYNA multifo!m\n* DYNA multifo!m\nr DYNA reflect\nx DYNA static!x\n",
        &[],
        &[
            "config:3 service_types.e.plugin: a check by a command has no equal",
            "config:4 service_types.h.up_thresh: 300 is above 100",
            "config:4 service_types.h.ok_thresh: failures count here only when they are consecutive",
            "config:4 service_types.h.vhost: not a host name without a port",
            "config:4 service_types.h.ok_codes: the status 100 cannot be expected",
            "config:4 service_types.h.odd: not a setting of this plugin",
            "config:6 plugins.extmon: settings of this monitoring plugin",
            "config:6 plugins.odd: not a plugin that is known",
            "config:7 plugins.geoip.odd: not a setting",
            "config:10 odd: not a part of the configuration",
            "config:7 plugins.geoip.maps.m.auto_dc_coords: orders by distance",
            "config:7 plugins.geoip.maps.m.auto_dc_limit: orders by distance",
            "config:7 plugins.geoip.maps.m.ignore_ecs: the client subnet",
            "config:8 plugins.geoip.maps.m.map.XX: not a continent",
            "config:8 plugins.geoip.maps.m.map.EU.France: not a country code",
            "config:8 plugins.geoip.maps.m.map.EU.FR.Paris: cities go by their GeoNames identifier, not by name: the map names no database",
            "config:8 plugins.geoip.maps.m.map.EU.FR.IDF: an empty list",
            "config:8 plugins.geoip.maps.m.map.EU.DE: \"z\" is not in \"datacenters\"",
            "config:8 plugins.geoip.maps.m.map.EU.ES: orders by distance",
            "config:8 plugins.geoip.maps.m.nets.odd: not a network",
            "config:6 plugins.multifo.m.service_types: there is no service type \"nil\"",
            "config:6 plugins.multifo.m.a17: the pool of \"plugins.multifo.m\" has 16 addresses already",
            "config:6 plugins.multifo.m.a18: the pool of \"plugins.multifo.m\" has 16 addresses already",
            "zones/example.com:5 *.example.com: an access domain is one literal name",
            "zones/example.com:6 r.example.com: the plugin \"reflect\" answers with the address of the client",
            "zones/example.com:7 x.example.com: the plugin \"static\" is not configured",
            "config:9 plugins.geoip.resources.unused: no name of a zone file uses it",
        ],
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    let message = |files: &[(&str, &str)]| import_files(files).unwrap_err();
    assert_eq!(message(&[("config", "a => {")]), "config:1: \"{\" without a \"}\" after it");
    assert_eq!(message(&[("config", "[ a ]")]), "config: is an array; a file of keys is expected");
    assert_eq!(
        message(&[("config", LISTEN), ("zones/example.com", "a..b A 192.0.2.1\n")]),
        "zones/example.com:1: \"a..b\" is not a domain name: empty label"
    );
    let missing = import(Path::new("/nowhere/config"), &[]).unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
}

#[test]
fn loops_of_resources_are_named() {
    check(
        "plugins => { metafo => { resources => {
           a => { datacenters => [ x, y ], dcmap => { x => %metafo!b, y => 192.0.2.1 } }
           b => { datacenters => [ x, y ], dcmap => { x => %metafo!a, y => 192.0.2.2 } } } } }",
        "a DYNA metafo!a\n",
        &[],
        &["config:4 plugins.metafo.resources.b.dcmap.x: \"metafo!a\" cannot be used here"],
    );
}

#[test]
fn the_documented_example_is_what_comes_out() {
    let guide = include_str!("../../../../docs/import-gdnsd.md");
    let block = |fence: &str| {
        let begin = guide.find(fence).unwrap() + fence.len();
        guide[begin..].split("```").next().unwrap()
    };
    let example = guide.split("## Example").nth(1).unwrap().split("```").nth(1).unwrap();
    let imported = imported(example, "www 60/60 DYNA metafo!www\n");
    assert_eq!(named(&imported), [""; 0]);
    let shown: Vec<_> = imported.config.lines().filter(|line| !line.starts_with('#')).collect();
    let shown = shown.join("\n");
    assert!(shown.contains(block("```toml\n").trim()), "{shown}");
}

#[test]
fn a_realistic_configuration_is_loaded_with_its_zones() {
    let config = include_str!("../../../../tests/import/gdnsd/config");
    let zone = include_str!("../../../../tests/import/gdnsd/zones/example.com");
    let nets = include_str!("../../../../tests/import/gdnsd/geoip/nets.conf");
    let files = [("config", config), ("zones/example.com", zone), ("geoip/nets.conf", nets)];
    let imported = import_files(&files).unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gtm.toml"), &imported.config).unwrap();
    for zone in &imported.zones {
        std::fs::write(folder.path().join(&zone.file_name), &zone.text).unwrap();
    }
    let loaded = config::load(&folder.path().join("gtm.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let model = loaded.model;
    assert_eq!(loaded.warnings, []);
    let domains = model.domains.iter().map(|domain| format!("{} {}", domain.name, domain.steered));
    assert_eq!(
        domains.collect::<Vec<_>>(),
        [
            "www.example.com A",
            "www.example.com AAAA",
            "www.us.example.com A",
            "www.us.example.com AAAA",
            "cdn.example.com CNAME",
            "api.example.com A",
            "mail.example.com A",
            "shop.example.com A",
        ]
    );
    let keys: Vec<_> = imported.settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "options.udp_threads",
            "service_types.web.ok_thresh",
            "service_types.smtp.plugin",
            "www.example.com",
            "plugins.geoip.resources.www.dcmap.us",
            "plugins.geoip.resources.www.dcmap.de",
            "plugins.geoip.resources.www.dcmap.sg",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_hash_is_imported_or_refused(words in prop::collection::vec(prop::sample::select(vec![
        "options", "plugins", "service_types", "multifo", "weighted", "metafo", "geoip", "resources", "maps", "dcmap",
        "datacenters", "map", "nets", "=> {", "}", "=> [", "]", "=>", "a", "192.0.2.1", "up_thresh", "0.5", "b.c.",
    ]), 0..60)) {
        if let Err(error) = import_files(&[("config", &words.join(" "))]) {
            prop_assert!(!error.starts_with("the result"), "{}", error);
        }
    }
}
