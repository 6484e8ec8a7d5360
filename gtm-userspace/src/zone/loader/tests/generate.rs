//! `$GENERATE`.

use super::*;

#[test]
fn numbers_make_records() {
    check(
        "$GENERATE 1-3/2 a$ A 192.0.2.$ ; odd ones",
        &["a1.example.com 60 A c0000201", "a3.example.com 60 A c0000203"],
    );
    check("$generate 7-7 a IN 5 MX \"$ m${-9}.\"", &["a.example.com 5 MX 0007036d2d3200"]);
    check("$GENERATE 1-2 @ TXT $", &["example.com 60 TXT 0131", "example.com 60 TXT 0132"]);
    // Quotes within quotes are those of the data.
    check(r#"$GENERATE 1-1 a TXT "\"b $\" c\$d$$""#, &["a.example.com 60 TXT 036220310463246424"]);
    check(r#"$GENERATE 1-1 a TYPE65280 "\# 1 0$""#, &["a.example.com 60 TYPE65280 01"]);
    // The owner of the record before is not the generated one.
    check(
        "b A 192.0.2.1\n$GENERATE 1-1 a$ A 192.0.2.$\n A 192.0.2.2",
        &["a1.example.com 60 A c0000201", "b.example.com 60 A c0000201", "b.example.com 60 A c0000202"],
    );
}

#[test]
fn numbers_have_offset_width_and_base() {
    #[track_caller]
    fn check(number: i32, template: &str, expect: &str) {
        let token = Token { raw: template.to_owned(), quoted: false, glued: false };
        let owner = super::super::generate::owner(&token, number);
        assert_eq!(owner.map(|token| token.raw).as_deref(), Ok(expect), "{template}");
    }
    check(254, "a", "a");
    check(254, "$.$", "254.254");
    check(254, "${-255}", "-1");
    check(254, "${+1}", "255");
    check(254, "${0,5}", "00254");
    check(254, "${0,2,d}", "254");
    check(254, "${0,4,o}", "0376");
    check(254, "${0,4,x}${1,0,X}", "00feFF");
    check(1, "${-2,0,x}", "ffffffff");
    check(254, "${0,0,n}.ip6", "e.f.ip6");
    check(254, "${0,3,n}.ip6", "e.f.ip6");
    check(254, "${0,4,n}ip6", "e.f.ip6");
    check(254, "${0,7,N}", "E.F.0.0");
    check(0, "${0,1,n}", "0");
    check(256, "${0,3,n}", "0.0.1");
    check(1, r"a\$b$$c\\$", r"a\$b\$c\\1");
}

#[test]
fn bad_directives_are_refused() {
    #[track_caller]
    fn check(arguments: &str, expect: &str) {
        check_bad(&format!("$GENERATE {arguments}"), &[&format!("1:$GENERATE: {expect}")]);
    }
    for range in ["1", "2-1", "1-2/0", "1-2x", "-1-2", "1-2147483648", "1-2/"] {
        let expect = "is not a range like 1-254 or 0-100/2, from 0 to 2147483647, the smaller end first";
        check(&format!("{range} a$ A 192.0.2.$"), &format!("\"{range}\" {expect}"));
    }
    check("1-2", "a range, an owner, a type and data are expected");
    check("1-2 a$", "the record ends before its type");
    check("1-2 a$ A", "one word of data is expected; write data with spaces in quotes");
    check("1-2 a$ MX 10 b$", "one word of data is expected; write data with spaces in quotes");
    check("1-2 a$ CH A ::", "class \"CH\" is not served; the only class is IN");
    for modifier in ["", "a", "0,128", "0,1,q", "0,1,d,1", "-2,0,n", "2147483647"] {
        let expect =
            "is not ${OFFSET,WIDTH,BASE} like ${-1,3,d}: the width at most 127, the base d, o, x, X, n or N";
        check(&format!("1-2 a${{{modifier}}} A ::"), &format!("\"${{{modifier}}}\" with 1 {expect}"));
    }
    check("1-2 a${0,3 A ::", "\"${\" without a \"}\" after it");
    // The first bad record ends it.
    check(
        "1-9 a$ A 192.0.2.${253}",
        "\"a3\": A: \"192.0.2.256\" is not an IPv4 address: invalid IPv4 address syntax",
    );
    check(
        "1-9 a$. A 192.0.2.1",
        "\"a1.\": \"a1\" is outside the zone \"example.com\"; did you forget the final dot?",
    );
    check("1-2 a..$ A 192.0.2.1", "\"a..1\" is not a domain name: empty label");
    check("1-2 a CNAME b$", "\"a\": a second CNAME record; the one in line 4 is all there can be");
}

#[test]
fn no_more_is_generated_than_a_zone_has_room_for() {
    let origin: Name = "example.com".parse().unwrap();
    let file = Path::new("zone");
    let mut loader = Loader {
        records: Records::new(&origin, file),
        files: Vec::new(),
        default_ttl: Some(60),
        last_ttl: None,
        bytes_left: 3 * (GENERATED_COST + 7),
        includes: 0,
    };
    let context = Context { file: file.into(), origin: origin.clone(), owner: None, depth: 0 };
    loader.read_file("$GENERATE 1-3 a$ A 1.2.3.$\n$GENERATE 4-4 a$ A 1.2.3.$\n", context);
    let problems = loader.records.into_zone(Vec::new()).unwrap_err();
    let expect = "with what is generated the zone is larger than 268435456 bytes, the most that is read";
    assert_eq!(said(&problems, 0), [format!("2:$GENERATE: {expect}")]);
}
