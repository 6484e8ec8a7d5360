//! What becomes of zone files.

use proptest::prelude::*;

use super::*;

/// The zone `example.com` in a folder of its own, with other files beside it.
fn read_files(text: &str, others: &[(&str, &str)]) -> Result<(Zone, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in others {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("example.com");
    std::fs::write(&path, text).unwrap();
    let report = Report::default();
    let prefix = format!("{}/", folder.path().display());
    let zone = read("example.com".parse().unwrap(), &path, 86400, &report)
        .map_err(|problem| problem.to_string().replace(&prefix, ""))?;
    let settings =
        report.into_settings().iter().map(|setting| setting.to_string().replace(&prefix, "")).collect();
    Ok((Zone { text: zone.text.replace(&prefix, ""), ..zone }, settings))
}

#[track_caller]
fn check(text: &str, others: &[(&str, &str)], expect: &str, records: &[&str]) {
    let (zone, settings) = read_files(text, others).unwrap();
    assert_eq!(zone.text, format!("; From example.com\n$TTL 86400\n{expect}"));
    let found = zone.records.iter().map(|record| {
        let Record { owner, kind, plugin, resource, max_ttl, min_ttl, place } = record;
        format!("{}: {owner} {kind:?} {plugin}!{resource} {max_ttl} {min_ttl:?}", place.line)
    });
    assert_eq!(found.collect::<Vec<_>>(), records);
    assert_eq!(settings, [""; 0]);
}

#[test]
fn steered_names_are_taken_out() {
    check(
        "@ SOA ns h ( 1 ; serial\n 2 3 4 5 )\nwww 600/10 DYNA geoip!prod ; here\n\nx IN 1h DYNC weighted!a\ny dyna static!b",
        &[],
        "@ SOA ns h ( 1 ; serial\n 2 3 4 5 )\n; www 600/10 DYNA geoip!prod ; here\n\n; x IN 1h DYNC weighted!a\n; y dyna static!b\n",
        &[
            "3: www.example.com Address geoip!prod 600 Some(10)",
            "5: x.example.com Any weighted!a 3600 None",
            "6: y.example.com Address static!b 86400 None",
        ],
    );
}

#[test]
fn owners_that_are_left_out_stay_the_same() {
    check(
        "a A 192.0.2.1\nb DYNA multifo!b\n MX 10 a\n TXT b\nc A 192.0.2.2\n DYNA multifo!c\n MX 10 a\n",
        &[],
        "a A 192.0.2.1\n; b DYNA multifo!b\nb.example.com. MX 10 a\n TXT b\nc A 192.0.2.2\n;  DYNA multifo!c\n MX 10 a\n",
        &["2: b.example.com Address multifo!b 86400 None", "6: c.example.com Address multifo!c 86400 None"],
    );
}

#[test]
fn origins_of_gdnsd_are_written_out() {
    // The example of gdnsd.zonefile(5).
    let included = "$ORIGIN bar\nasdf A 192.0.2.1\n$ORIGIN baz.@F\nasdf A 192.0.2.2\n$ORIGIN quux.@Z\nasdf A 192.0.2.3\n$TTL 5\nd DYNA multifo!d\n";
    check(
        "@Z NS ns.@Z\nt TXT @Z\n$TTL 60\n$INCLUDE foo foo\n A 192.0.2.4\ne DYNA multifo!e\n",
        &[("foo", included)],
        "example.com. NS ns.example.com.\nt TXT @Z\n$TTL 60\n\
         ; From foo\n$ORIGIN foo.example.com.\n\
         $ORIGIN bar.foo.example.com.\nasdf A 192.0.2.1\n\
         $ORIGIN baz.foo.example.com.\nasdf A 192.0.2.2\n\
         $ORIGIN quux.example.com.\nasdf A 192.0.2.3\n$TTL 5\n; d DYNA multifo!d\n\
         ; End of foo\n$ORIGIN example.com.\n$TTL 60\n\
         t.example.com. A 192.0.2.4\n; e DYNA multifo!e\n",
        &["8: d.quux.example.com Address multifo!d 5 None", "6: e.example.com Address multifo!e 60 None"],
    );
}

#[test]
fn what_always_answers_the_same_stays_in_the_zone() {
    check(
        "z 300 DYNC null\n",
        &[],
        "; z 300 DYNC null\nz.example.com. 300 A 0.0.0.0\nz.example.com. 300 AAAA ::\n",
        &[],
    );
}

#[test]
fn long_strings_are_split() {
    let long = "a".repeat(254);
    check(
        &format!("t TXT \"{long}\\065\" \"{long}\\\\bc\" d\n"),
        &[],
        &format!("t TXT \"{long}\\065\" \"{long}\\\\\" \"bc\" d\n"),
        &[],
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    let message = |text: &str| read_files(text, &[]).unwrap_err();
    assert_eq!(message(" A 192.0.2.1"), "example.com:1: no record before this one names an owner");
    assert_eq!(message("a..b A 192.0.2.1"), "example.com:1: \"a..b\" is not a domain name: empty label");
    assert_eq!(message("a 5/x DYNA b!c"), "example.com:1: \"5/x\" is not a time to live MAX[/MIN]");
    assert_eq!(message("a DYNA"), "example.com:1: DYNA is followed by one PLUGIN!RESOURCE");
    assert!(message("$INCLUDE no").contains("cannot be read"));
    assert!(message("$INCLUDE example.com").contains("does a file include itself?"));
}

proptest! {
    #[test]
    fn any_text_is_cut_into_entries_without_a_gap(text in "[ab\\\\\"();\n\t 0-9\\PC]{0,80}") {
        let mut at = 0;
        for entry in lines::entries(&text) {
            prop_assert_eq!(entry.start, at);
            prop_assert!(entry.end > at);
            prop_assert_eq!(entry.line, 1 + text[..at].matches('\n').count());
            at = entry.end;
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn any_zone_is_read_or_refused(text in "[a@ZF$ORIGIN.DYNAC!null\\\\\"();\n\t 0-9]{0,60}") {
        drop(read_files(&text, &[]));
    }
}
