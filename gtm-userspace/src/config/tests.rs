//! x
use std::path::Path;

#[test]
fn demo() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc");
    let loaded = super::load(&folder.join("demo/gtm.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.model.checks.len(), 6);
    let e = super::load(&folder.join("gtm.example.toml")).unwrap_err();
    eprintln!("{e}");
}
