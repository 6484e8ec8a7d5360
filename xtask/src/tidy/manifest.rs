//! The manifests: every dependency stands once, in the workspace's manifest, with its reason above it.

use super::tree::{File, Finding, Tree};

/// Every dependency of the workspace has its reason in a comment above it; members take theirs from there.
pub(super) fn dependency_reasons(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in
        tree.files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
    {
        for (line, above, text) in dependencies(file) {
            let name = text.split(['=', '.', ' ']).next().unwrap_or_default();
            if file.path == "Cargo.toml" && !above.trim_start().starts_with('#') {
                findings
                    .push(file.finding(line, format!("`{name}`: say in a comment above it why it is here")));
            }
            if file.path != "Cargo.toml" && !text.replace(' ', "").contains("workspace=true") {
                findings.push(file.finding(
                    line,
                    format!("`{name}`: declare it in the workspace's Cargo.toml with its reason, and write `{name}.workspace = true`"),
                ));
            }
        }
    }
    findings
}

/// Line number, line above and text of every entry of a table of dependencies.
fn dependencies(file: &File) -> Vec<(usize, &str, &str)> {
    let mut inside = false;
    let mut above = "";
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(header) = line.strip_prefix('[') {
            inside = header.trim_end().trim_end_matches(']').ends_with("dependencies");
        } else if inside && line.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"') {
            found.push((index + 1, above, line));
        }
        above = line;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let good = "[workspace.dependencies]\n# Why.\na = \"1\"\n\n# Why.\nb = { version = \"1\", features = [\n  \"x\",\n] }\n[profile.dev]\ndebug = 1\n";
        check(dependency_reasons, &[("Cargo.toml", good)], &[]);
        let bare = "[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n";
        check(dependency_reasons, &[("Cargo.toml", bare)], &["Cargo.toml:4", "Cargo.toml:6"]);
    }

    #[test]
    fn a_dependency_that_goes_round_the_workspace_is_found() {
        let good = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }\n";
        check(dependency_reasons, &[("x/Cargo.toml", good)], &[]);
        let bad =
            "[dev-dependencies]\na = \"1\"\n[target.'cfg(target_arch = \"bpf\")'.dependencies]\nb = \"1\"\n";
        check(dependency_reasons, &[("x/Cargo.toml", bad)], &["x/Cargo.toml:2", "x/Cargo.toml:4"]);
    }
}
