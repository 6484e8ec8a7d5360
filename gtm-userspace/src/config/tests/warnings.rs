//! What is allowed but probably not meant.

use super::*;

#[track_caller]
fn check(old: &str, new: &str, expect: &[&str]) {
    let loaded = load_text(&edited(old, new)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), expect, "{new}");
}

#[test]
fn what_is_defined_is_used() {
    check("", "[source.s]\ncountries = [\"HK\"]", &["49: source.s: the source \"s\" is not used"]);
    check("", "[template.t]\nkind = \"ping\"", &["49: template.t: the template \"t\" is not used"]);
    for no_address in ["", "\naddress = []"] {
        check(
            "",
            &format!("[pool.p]\nkind = \"ipv4\"{no_address}"),
            &[
                "49: pool.p: this pool has no address, so it is never available",
                "49: pool.p: the pool \"p\" is not used",
            ],
        );
    }
    check(
        "interfaces = [\"eth0\"]",
        "interfaces = [\"eth0\"]\nxdp_mode = \"off\"",
        &["4: service.interfaces: not used with xdp_mode = \"off\""],
    );
    assert_eq!(model("interfaces = [\"eth0\"]", "xdp_mode = \"off\"").service.interfaces, [""; 0]);
}

#[test]
fn clients_get_an_answer() {
    check(
        "[\"mainland\", \"default\"]",
        "[\"mainland\"]",
        &[
            "32: domain[1].name: no pool has the source \"default\": clients that match no source get no answer",
        ],
    );
    check(
        "[geo]\ndatabases = [\"country.mmdb\"]\n",
        "",
        &["7: source.mainland: this source goes by place or AS number, but there is no [geo] database"],
    );
}

/// An access domain of policy ordinal and type A that is added at line 49, its name in line 50.
#[track_caller]
fn check_domain(name: &str, pool: &str, expect: &[&str]) {
    let pool = format!("pool = [{{ pool = \"{pool}\", ordinal = 1 }}]");
    check("", &format!("[[domain]]\nname = \"{name}\"\ntype = \"A\"\npolicy = \"ordinal\"\n{pool}"), expect);
}

#[test]
fn aliases_and_addresses_do_not_mix() {
    check_domain(
        "cname.example.com",
        "mainland",
        &[
            "50: domain[4].name: the zone \"example.com\" has a CNAME at \"cname.example.com\": a resolver that holds it does not ask for type A",
        ],
    );
    check_domain(
        "example.com",
        "named",
        &[
            "50: domain[4].name: an alias from a pool of kind \"domain\" hides the zone's other records at \"example.com\" from resolvers",
        ],
    );
    check_domain("new.example.com", "named", &[]);
    check_domain("ns.example.com", "named", &[]);
}

#[test]
fn warnings_of_zone_files_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.zone"), format!("{ZONE}www A 203.0.113.80\n")).unwrap();
    let path = folder.path().join("gtm.toml");
    std::fs::write(&path, BASE).unwrap();
    let warnings = load(&path).unwrap().warnings;
    assert_eq!((warnings.len(), warnings[0].line), (1, Some(10)), "{warnings:?}");
}
