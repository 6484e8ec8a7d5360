//! LOC records.

use super::super::loc;
use super::*;

#[track_caller]
fn check_location(text: &str, expect: Result<&str, &str>) {
    let entry = Entries::new(text).next().unwrap().unwrap();
    let wire = loc::parse(&entry.tokens).map(|wire| data_encoding::HEXLOWER.encode(&wire));
    assert_eq!(wire.as_deref().map_err(String::as_str), expect, "{text}");
}

#[test]
fn locations_have_defaults() {
    check_location("0 N 0 E 0", Ok("00121613800000008000000000989680"));
    check_location("0 0 0.001 s 0 0 0.5 w 1.5 3 4567.89", Ok("003245137fffffff7ffffe0c00989716"));
    check_location("90 S 180 W -100000m", Ok("001216136cb0270059604e0000000000"));
    check_location(
        "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
        Ok("000016138b3cf018810cbce0009895b8"),
    );
}

#[test]
fn bad_locations_are_refused() {
    let latitude = Err("not a latitude like 52 22 23.000 N");
    for bad in [
        "91 N 0 E 0",
        "90 0 0.001 N 0 E 0",
        "0 60 N 0 E 0",
        "0 0 60 N 0 E 0",
        "0 0 0.1234 N 0 E 0",
        "0 0 0 0 N 0 E 0",
        "1.5 N 0 E 0",
        "-1 N 0 E 0",
        "N 0 E 0",
    ] {
        check_location(bad, latitude);
    }
    check_location("0 N 181 E 0", Err("not a longitude like 4 53 32.000 E"));
    let altitude = Err("not an altitude like -2.00m, from -100000m to 42849672.95m");
    check_location("0 N 0 E", altitude);
    check_location("0 N 0 E -100000.01", altitude);
    check_location("0 N 0 E 0 -1m", Err("\"-1m\" is not a size like 10m, from 0m to 90000000m"));
    check_location(
        "0 N 0 E 0 90000000.01",
        Err("\"90000000.01\" is not a size like 10m, from 0m to 90000000m"),
    );
    check_location("0 N 0 E 0 1 1 1 1", Err("\"1\" is more than this type takes"));
}
