//! What texts mean, and what is said about bad ones.

use std::path::Path;

use proptest::prelude::*;

use super::parse::Loader;
use super::{Data, Value};
use crate::config::Problem;

/// A value in one line: hashes as `{key:value key:value}`, arrays as `[value value]`, strings quoted.
fn shown(value: &Value) -> String {
    match &value.data {
        Data::Text(text) => format!("{text:?}"),
        Data::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Data::Hash(hash) => {
            let entries = hash.0.iter().map(|entry| format!("{}:{}", entry.key, shown(&entry.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
    }
}

fn parse(text: &str) -> Result<Value, Problem> {
    Loader::default().parse(Path::new("config"), text)
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let value = parse(text).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(shown(&value), expect, "{text}");
}

#[track_caller]
fn check_bad(text: &str, expect: &str) {
    assert_eq!(parse(text).unwrap_err().to_string(), expect, "{text}");
}

#[test]
fn three_ways_to_write_the_same() {
    let expect = r#"{options:{listen:["192.0.2.1" "192.0.2.2"]}}"#;
    check("options = {\n listen = [ 192.0.2.1, 192.0.2.2 ],\n}", expect);
    check("\"options\" => {\n listen => [ 192.0.2.1 192.0.2.2 ] ; comment\n} # another", expect);
    check("options={listen=[192.0.2.1 192.0.2.2]}", expect);
    check("", "{}");
    check("[a, {b => c}, []]", r#"["a" {b:"c"} []]"#);
    check("a => %multifo!b c => !d", r#"{a:"%multifo!b" c:"!d"}"#);
}

#[test]
fn strings_and_escapes() {
    for text in ["example", "\"example\"", r"ex\097mpl\e", r#""ex\097mpl\e""#] {
        check(&format!("a => {text}"), r#"{a:"example"}"#);
    }
    for text in [r#"internal\"quote"#, r#""internal\"quote""#] {
        check(&format!("a => {text}"), r#"{a:"internal\"quote"}"#);
    }
    check(r"white\ space => braces\{every\[where\]oh\}my", r#"{white space:"braces{every[where]oh}my"}"#);
    for text in [r#""\\===""#, r#""\092===""#, r"\\\=\=\=", r"\092\=\=\="] {
        check(&format!("a => {text}"), r#"{a:"\\==="}"#);
    }
    check("a => \"two\nlines $ ;\"", r#"{a:"two\nlines $ ;"}"#);
    check("a => \"\"", r#"{a:""}"#);
}

#[test]
fn bad_texts_are_refused_with_their_line() {
    check_bad("a => {\n b => c\n", "config:1: \"{\" without a \"}\" after it");
    check_bad("\na => [ b", "config:2: \"[\" without a \"]\" after it");
    check_bad("a", "config:1: \"=>\" or \"=\" is expected after the key \"a\"");
    check_bad("a =>", "config:1: the file ends where a value is expected");
    check_bad("a => \n}", "config:2: \"}\" where a value is expected");
    check_bad("\n}", "config:2: \"}\" where a key is expected");
    check_bad("a => b\na => c", "config:2: the key \"a\" is already at config:1");
    check_bad("a => \"b\n", "config:1: a string without its closing quote");
    check_bad(r"a => \25", "config:1: an escape that is neither \\X nor \\DDD up to \\255");
    check_bad(r"a => \256", "config:1: an escape that is neither \\X nor \\DDD up to \\255");
    check_bad(r"a => \255", "config:1: a string that is not UTF-8 text");
    check_bad("[] a", "config:1: more text after the array that is this file");
    let message = "\"$\" begins only \"$include{FILE}\"; write a string that begins with it in quotes";
    check_bad("a => $b", &format!("config:1: {message}"));
    check_bad(&"a={".repeat(200), "config:1: nested more than 100 deep");
}

/// Files in a folder of their own; what the first of them means.
fn load(files: &[(&str, &str)]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let prefix = format!("{}/", folder.path().display());
    let loaded = super::load(&folder.path().join(files[0].0));
    loaded.map(|value| shown(&value)).map_err(|problem| problem.to_string().replace(&prefix, ""))
}

#[track_caller]
fn check_files(files: &[(&str, &str)], expect: Result<&str, &str>) {
    assert_eq!(load(files).as_deref().map_err(String::as_str), expect);
}

#[test]
fn files_are_included() {
    let listen = ("foo", "[ 127.0.0.1, 127.0.0.2 ]");
    check_files(
        &[("config", "options => { listen => $include{foo} }"), listen],
        Ok(r#"{options:{listen:["127.0.0.1" "127.0.0.2"]}}"#),
    );
    check_files(
        &[
            ("config", "a => 1 $include{ \"b.cfg\" } $include{d} $include{e/*.cfg}"),
            ("b.cfg", "b => 2"),
            ("d/z", "z => 3 $include{../e/y}"),
            ("e/y", "y => 4"),
            ("e/x.cfg", "x => 5"),
        ],
        Ok(r#"{a:"1" b:"2" z:"3" y:"4" x:"5"}"#),
    );
    check_files(&[("config", "$include{no/*}")], Err("config:1: no file matches \"no/*\""));
    check_files(
        &[("config", "a => 1 $include{b}"), ("b", "\na => 2")],
        Err("b:2: the key \"a\" is already at config:1"),
    );
    check_files(
        &[("config", "$include{foo}"), listen],
        Err("config:1: \"foo\" is an array; in the place of a key a file of keys is expected"),
    );
    check_files(&[("config", "$include{config}")], Err("config:1: nested more than 100 deep"));
    let twice = "a => $include{config} b => $include{config}";
    assert!(load(&[("config", twice)]).unwrap_err().ends_with("nested more than 100 deep"));
    assert!(load(&[("config", "a => $include{b}")]).unwrap_err().starts_with("b: cannot be read"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[ab=>{}\\[\\],\\\\\"#;$ \n0-9\\PC]{0,80}") {
        if let Err(problem) = parse(&text) {
            prop_assert!(problem.line.is_some_and(|line| line <= 1 + text.matches('\n').count()));
        }
    }
}
