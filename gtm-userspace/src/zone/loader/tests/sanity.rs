//! Records that hide others, and names that others point at.

use super::*;

/// What is said of good text after a valid apex: warnings, then names without an address.
#[track_caller]
fn check_doubts(text: &str, warnings: &[&str], without_address: &[&str]) {
    let zone = load_text(&format!("{APEX}ns A 192.0.2.53\n{text}")).unwrap_or_else(|said| panic!("{said:?}"));
    assert_eq!(said(&zone.source.warnings, APEX_LINES + 1), warnings, "{text}");
    let missing: Vec<_> = zone.source.without_address.iter().map(|(_, problem)| problem.clone()).collect();
    assert_eq!(said(&missing, APEX_LINES + 1), without_address, "{text}");
}

#[test]
fn nothing_lies_below_an_alias_of_a_tree() {
    check_bad(
        "b DNAME c.\na.b A 192.0.2.1\nb TXT x",
        &[
            "2:a.b.example.com: this A record is never answered: the zone has DNAME records at \"b.example.com\"",
        ],
    );
}

#[test]
fn servers_of_a_delegation_need_glue() {
    check_bad(
        "a NS b.a",
        &[
            "1:a.example.com: NS \"b.a.example.com\" has no glue: it is delegated away at \"a.example.com\"; add its A or AAAA record",
        ],
    );
    check_bad(
        "a NS a",
        &[
            "1:a.example.com: NS \"a.example.com\" has no glue: it is delegated away at \"a.example.com\"; add its A or AAAA record",
        ],
    );
    check_doubts("a NS b.a\nb.a AAAA ::1\na NS b.example.net.", &[], &[]);
    check_doubts(
        "a NS x.b\nb NS y.b\ny.b A 192.0.2.1",
        &[
            "1:a.example.com: NS \"x.b.example.com\" has no glue: it is delegated away at \"b.example.com\"; add its A or AAAA record",
        ],
        &[],
    );
}

#[test]
fn aliases_are_no_hosts() {
    check_bad(
        "@ NS a\na CNAME b",
        &["1:example.com: NS \"a.example.com\" is an alias; name the host itself"],
    );
    check_doubts(
        "a CNAME ns\n*.w CNAME ns\nd DNAME e.\nx NS a\ny MX 1 b.w\nz SRV 1 2 3 c.d",
        &[
            "4:x.example.com: NS \"a.example.com\" is an alias; name the host itself",
            "5:y.example.com: MX \"b.w.example.com\" is an alias; name the host itself",
            "6:z.example.com: SRV \"c.d.example.com\" is an alias; name the host itself",
        ],
        &[],
    );
}

#[test]
fn hosts_have_addresses() {
    let missing = "has neither an A nor an AAAA record in the zone";
    check_doubts(
        "@ NS a\nb NS a\nc MX 1 a\nd SRV 1 2 3 a\na TXT x\ne MX 1 f.e",
        &[],
        &[
            &format!("1:example.com: NS \"a.example.com\" {missing}"),
            &format!("2:b.example.com: NS \"a.example.com\" {missing}"),
            &format!("3:c.example.com: MX \"a.example.com\" {missing}"),
            &format!("4:d.example.com: SRV \"a.example.com\" {missing}"),
            &format!("6:e.example.com: MX \"f.e.example.com\" {missing}"),
        ],
    );
    // An address of either family, by a wildcard, elsewhere, none wanted, or asked of somebody else.
    check_doubts("a AAAA ::1\n*.w A 192.0.2.1\n@ MX 1 a\n@ MX 1 x.w\n@ MX 1 x.net.\n@ SRV 0 0 0 .", &[], &[]);
    check_doubts(
        "a NS x.net.\n@ MX 1 b.a\nc NS d.c\nd.c A 192.0.2.1\ne.c MX 1 f.c",
        &[
            "5:e.c.example.com: this MX record is never answered: the zone has NS records at \"c.example.com\"",
        ],
        &[],
    );
}
