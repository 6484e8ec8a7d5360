//! `cargo xtask tidy`: the rules of the architecture and of the house that clippy cannot check.
//!
//! Every rule is one function from the tree to its findings. All are reported, none is repaired.

use anyhow::bail;

mod abi;
mod form;
mod manifest;
mod source;
mod tree;
mod walls;

use tree::{Finding, Tree};

const RULES: &[fn(&Tree) -> Vec<Finding>] = &[
    form::module_text,
    form::length,
    form::nothing_left_for_later,
    form::no_object,
    form::scripts,
    walls::walls,
    walls::unsafe_is_forbidden,
    manifest::dependency_reasons,
    abi::abi_version,
];

/// Checks every rule and reports all findings.
pub(crate) fn check() -> anyhow::Result<()> {
    let tree = Tree::read()?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} to put right in {} files of the project", findings.len(), tree.files.len());
    }
    println!("tidy: {} files hold to {} rules", tree.files.len(), RULES.len());
    Ok(())
}

/// Records the map layout of a raised `ABI_VERSION`.
pub(crate) fn bless() -> anyhow::Result<()> {
    println!("{}", abi::bless(&Tree::read()?)?);
    Ok(())
}
