//! The documented example and the worked scenario are valid, and the example shows the whole language.

use std::path::Path;

use super::*;

pub(super) const EXAMPLE: &str = include_str!("../../../../etc/gtm.example.toml");

#[test]
fn the_example_is_valid() {
    let loaded = load_text(EXAMPLE).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), [""; 0]);
}

#[test]
fn the_readme_is_valid() {
    let (_, block) = include_str!("../../../../README.md").split_once("```toml\n").unwrap();
    let (text, _) = block.split_once("```").unwrap();
    let loaded = load_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), [""; 0]);
}

/// The first block is the head of all others.
#[test]
fn the_worked_policies_are_valid() {
    let document = include_str!("../../../../docs/policies.md");
    let blocks: Vec<_> =
        document.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let (head, excerpts) = blocks.split_first().unwrap();
    assert!(excerpts.len() > 10, "{document}");
    for excerpt in excerpts {
        let loaded =
            load_text(&format!("{head}{excerpt}")).unwrap_or_else(|errors| panic!("{excerpt}{errors}"));
        let doubts: Vec<_> =
            said(&loaded.warnings).into_iter().filter(|warning| !warning.ends_with("is not used")).collect();
        assert_eq!(doubts, [""; 0], "{excerpt}");
    }
}

/// Every word that can stand for a policy, a judgement or an action is in some excerpt.
#[test]
fn every_choice_is_worked_out() {
    let document = include_str!("../../../../docs/policies.md");
    let policies =
        ["ordinal", "round-robin", "weight", "nearest-source"].map(|word| format!("policy = \"{word}\""));
    let judgements = ["any", "all", "50%"].map(|word| format!("judgement = \"{word}\""));
    let actions = ["default-pool", "as-if-up", "last-good", "nodata", "servfail", "refused"];
    let actions = actions.map(|word| format!("all_down = \"{word}\""));
    let tables = ["all_down = { pool =", "all_down = { fixed ="].map(str::to_owned);
    for text in policies.into_iter().chain(judgements).chain(actions).chain(tables) {
        assert!(document.contains(&text), "{text}");
    }
}

/// Every key stands in a table of its own kind, or is written without doubt of the other kinds that have it.
#[test]
fn the_example_shows_every_key() {
    let mut shown = Vec::new();
    let mut table = String::new();
    for line in EXAMPLE.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = kind_of_table(header.trim_matches(['[', ']']));
            shown.push(table.clone());
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            shown.push(format!("{table}.{key}"));
        }
    }
    for (table, keys) in LANGUAGE {
        for key in *keys {
            let path = if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") };
            let listed = shown.iter().any(|shown| *shown == path || *shown == format!(".{path}"));
            assert!(listed, "{path} is not in the example, only {shown:?}");
        }
    }
}

/// The table of the language that a header opens, the names that the file chooses left out.
fn kind_of_table(header: &str) -> String {
    let parts: Vec<_> = header.split('.').collect();
    match parts.as_slice() {
        ["pool", _, "address"] => "pool.address".to_owned(),
        ["domain", "pool"] => "domain.pool".to_owned(),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

#[test]
fn the_worked_scenario_is_what_the_design_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
    let loaded = load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), [""; 0]);
    let model = loaded.model;
    let targets = |name: &str| -> Vec<String> {
        let pool = model.pools.iter().find(|pool| pool.name == name).unwrap();
        pool.addresses.iter().map(|address| address.target.to_string()).collect()
    };
    assert_eq!(targets("mainland"), ["223.5.0.1", "223.6.0.1"]);
    assert_eq!(targets("hong-kong"), ["223.6.0.1", "223.7.0.1"]);
    assert_eq!(targets("overseas"), ["223.7.0.1", "223.6.0.1"]);
    assert_eq!(targets("mainland-v6"), ["2001:db8:5::1", "2001:db8:6::1"]);
    assert_eq!(targets("hong-kong-v6"), ["2001:db8:6::1", "2001:db8:7::1"]);
    assert_eq!(targets("overseas-v6"), ["2001:db8:7::1", "2001:db8:6::1"]);
    assert_eq!(model.checks.len(), 6, "each site is probed once for each family");
    for domain in &model.domains {
        let uses: Vec<_> = domain
            .pools
            .iter()
            .map(|used| {
                let sources = used.sources.iter().map(|source| model.sources[source.0].name.as_str());
                (used.ordinal, sources.collect::<Vec<_>>())
            })
            .collect();
        let expect = [(1, vec!["mainland", "default"]), (2, vec!["hong-kong"]), (3, vec!["overseas"])];
        assert_eq!((domain.policy, uses), (Policy::NearestSource, expect.to_vec()));
    }
    let www: crate::name::Name = "www.cloud-example.com".parse().unwrap();
    let node = model.zones[0].nodes.get(&www).unwrap();
    assert_eq!(*node[&gtm_common::wire::rtype::A].rdata[0], [203, 0, 113, 80]);
}
