//! `gtm doctor` on real links: what their drivers tell.

use std::fs;
use std::sync::Arc;

use gtm_tests::gtm::verb_in;
use gtm_tests::leftover::temporary_folder;
use gtm_tests::{Namespace, Veth, privilege};
use serde_json::Value;

/// What is found about an interface, by what it is about, and the exit code.
fn examine(namespace: &Namespace, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = verb_in(namespace, &[&["doctor", "--json"], arguments].concat()).unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    (findings, output.status.code())
}

#[track_caller]
fn check(findings: &[Value], interface: &str, what: &str, found: &str, verdict: &str) {
    let finding =
        findings.iter().find(|finding| finding["interface"] == interface && finding["what"] == what);
    let finding = finding.unwrap_or_else(|| panic!("{what} of {interface} in {findings:?}"));
    assert_eq!((&finding["found"], &finding["verdict"]), (&Value::from(found), &Value::from(verdict)));
}

#[test]
fn drivers_tell_of_their_links() {
    if !privilege::root_or_skip("drivers_tell_of_their_links") {
        return;
    }
    let one = Arc::new(Namespace::create("doctor").unwrap());
    let other = Arc::new(Namespace::create("doctor-peer").unwrap());
    let _veth = Veth::connect((&one, "edge0"), (&other, "edge1"), 1500).unwrap();

    let (findings, _) = examine(&one, &["edge0"]);
    check(&findings, "edge0", "XDP mode", "native: driver veth", "right");
    check(&findings, "edge0", "large receive offload", "off", "right");
    check(&findings, "edge0", "receive ring", "not readable", "unknown");
    assert!(
        findings.iter().any(|finding| finding["what"] == "BPF compiler" && finding["interface"].is_null())
    );

    // The other end is not in this namespace.
    let (findings, code) = examine(&one, &["edge1"]);
    check(&findings, "edge1", "interface", "not there", "change");
    assert_eq!(code, Some(1));

    let folder = temporary_folder().unwrap();
    let config = folder.path().join("gtm.toml");
    let text = "version = 1\n[service]\nlisten = [\"192.0.2.53\"]\ninterfaces = [\"edge1\"]\nxdp_mode = \"generic\"\n";
    fs::write(&config, text).unwrap();
    let (findings, code) = examine(&other, &["--config", config.to_str().unwrap()]);
    let found = "not used: driver veth has native mode";
    check(&findings, "edge1", "XDP mode", found, "change");
    assert_eq!(code, Some(1));
}
