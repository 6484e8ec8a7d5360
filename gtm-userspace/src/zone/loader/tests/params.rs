//! The parameters of SVCB and HTTPS.

use super::super::params;
use super::*;

#[track_caller]
fn check_params(params: &str, expect: Result<&str, &str>) {
    let tokens = Entries::new(params).next().map_or(Vec::new(), |entry| entry.unwrap().tokens);
    let wire = params::parse(&tokens).and_then(|wire| params::check(&wire).map(|()| wire));
    let wire = wire.map(|wire| data_encoding::HEXLOWER.encode(&wire));
    assert_eq!(wire.as_deref().map_err(String::as_str), expect, "{params}");
}

#[test]
fn every_key_has_its_form() {
    check_params("", Ok(""));
    check_params("port=53", Ok("000300020035"));
    check_params(r#"alpn="h2" no-default-alpn ech=AQID"#, Ok("000100030268320002000000050003010203"));
    check_params("dohpath=/q{?dns} ohttp", Ok("000700082f717b3f646e737d00080000"));
    check_params(
        r#"ipv6hint="2001:db8::1,2001:db8::53:1""#,
        Ok("0006002020010db800000000000000000000000120010db8000000000000000000530001"),
    );
    check_params(
        "alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
        Ok("0000000400010004000100090268320568332d313900040004c0000201"),
    );
}

#[test]
fn unknown_keys_have_any_value() {
    check_params("key65280", Ok("ff000000"));
    check_params("key65280=", Ok("ff000000"));
    check_params("key667=hello", Ok("029b000568656c6c6f"));
    check_params(r#"key667="hello\210qoo""#, Ok("029b000968656c6c6fd2716f6f"));
    check_params(r"key3=\000\080", Ok("000300020050"));
    check_params("key3=a", Err("port has a value that does not belong to it"));
    check_params(r"key1=\005abc", Err("alpn has a value that does not belong to it"));
}

/// RFC 9460 appendix A.1: in a list a comma and a backslash are escaped once more.
#[test]
fn lists_are_escaped_twice() {
    let escaped = Ok("0001000c08665c6f6f2c626172026832");
    check_params(r#"alpn="f\\\\oo\\,bar,h2""#, escaped);
    check_params(r"alpn=f\\\092oo\092,bar,h2", escaped);
    check_params(
        r"alpn=a\\b",
        Err(r#"bad parameter "alpn=a\\b": in a list only a comma and a backslash are escaped"#),
    );
}

/// RFC 9460 appendix D.3, and what else its sections 2.2, 7 and 8 rule out.
#[test]
fn bad_parameters_are_refused() {
    check_params("key123=abc key123=def", Err("key123 is there twice; leave one out"));
    let quoted = |raw: &str| format!("\"{raw}\" is in quotes; only the value of a parameter may be");
    check_params("\"port=53\"", Err(&quoted("port=53")));
    check_params("alpn=a \"b\"", Err(&quoted("b")));
    check_params("key9= \"b\"", Err(&quoted("b")));
    check_params("alpn=a\"b\"", Err(&quoted("b")));
    check_params("mandatory", Err(r#"bad parameter "mandatory": "": not a key"#));
    check_params("alpn", Err(r#"bad parameter "alpn": the name of a protocol has 1 to 255 bytes"#));
    check_params("port", Err(r#"bad parameter "port": not a number from 0 to 65535"#));
    check_params("port=+1", Err(r#"bad parameter "port=+1": not a number from 0 to 65535"#));
    check_params("ipv4hint", Err(r#"bad parameter "ipv4hint": "": invalid IPv4 address syntax"#));
    check_params("ech=!", Err(r#"bad parameter "ech=!": not base64: invalid length at 0"#));
    for path in ["", "q{?dns}", "/q", "/q{?dn}", "/{?dns"] {
        check_params(&format!("dohpath={path}"), Err("dohpath has a value that does not belong to it"));
    }
    check_params("ech", Err("ech has a value that does not belong to it"));
    check_params(
        "no-default-alpn=abc alpn=h2",
        Err("no-default-alpn has a value that does not belong to it"),
    );
    check_params("no-default-alpn", Err("no-default-alpn without alpn leaves no protocol"));
    check_params("mandatory=key123", Err("key123 is mandatory but missing"));
    check_params("mandatory=mandatory", Err("mandatory has a value that does not belong to it"));
    check_params("mandatory=port,port port=1", Err("mandatory has a value that does not belong to it"));
    let keys = "mandatory, alpn, no-default-alpn, port, ipv4hint, ech, ipv6hint, dohpath, ohttp, and key0 to key65535";
    for bad in ["key0667=a", "key65536", "key", "Alpn=h2", "=a", "key+1"] {
        check_params(bad, Err(&format!("bad parameter \"{bad}\": not a key; known: {keys}")));
    }
}

#[test]
fn generic_data_has_its_parameters_in_order() {
    check_bad(
        r"a SVCB \# 13 000100 0003 0002 0050 0001 0000",
        &["1:a.example.com: SVCB: alpn comes after a larger key"],
    );
    check_bad(
        r"a SVCB \# 8 000100 0003 0002 00",
        &["1:a.example.com: SVCB: a parameter is longer than the record"],
    );
}
