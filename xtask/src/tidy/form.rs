//! The form of the files: what each opens with, how long it is, and what is not to be in the tree at all.

use super::source::names;
use super::tree::{Finding, Tree};

/// Longest Rust file, in lines.
const MAX_LINES: usize = 700;

/// Every Rust file opens with `//!`.
pub(super) fn module_text(tree: &Tree) -> Vec<Finding> {
    let opens = |text: &str| {
        text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"))
    };
    tree.rust()
        .filter(|file| !opens(&file.text))
        .map(|file| file.finding(1, "open with `//!`: what this is, and what it never does"))
        .collect()
}

/// No Rust file is longer than 700 lines.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| file.text.lines().count() > MAX_LINES)
        .map(|file| {
            let count = file.text.lines().count();
            file.finding(MAX_LINES + 1, format!("{count} lines, past {MAX_LINES} it is two ideas: split it"))
        })
        .collect()
}

/// Nothing is left for later in the tree.
pub(super) fn nothing_left_for_later(tree: &Tree) -> Vec<Finding> {
    // Put together here so that this file does not find itself.
    const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(mark) = MARKS.iter().find(|mark| names(line, mark)) {
                findings.push(file.finding(index + 1, format!("{mark}: do it now, or open an issue")));
            }
        }
    }
    findings
}

/// No compiled object is in the tree: the program is always built from the source of the same commit.
pub(super) fn no_object(tree: &Tree) -> Vec<Finding> {
    const OBJECTS: [(&[u8], &str); 3] = [
        (b"\x7fELF", "an ELF object"),
        (b"!<arch>\n", "an archive of objects"),
        (b"BC\xc0\xde", "LLVM bitcode"),
    ];
    let kind =
        |bytes: &[u8]| OBJECTS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind);
    tree.files
        .iter()
        .filter_map(|file| {
            Some(file.finding(1, format!("{}: build it, never commit it", kind(&file.bytes)?)))
        })
        .collect()
}

/// What can be Rust is not a script: scripts stand in `scripts/` and say why they cannot.
pub(super) fn scripts(tree: &Tree) -> Vec<Finding> {
    const REASON: &str = "Not Rust because";
    const EXTENSIONS: [&str; 7] = [".sh", ".bash", ".py", ".pl", ".rb", ".awk", ".lua"];
    let is_script = |path: &str, text: &str| {
        (text.starts_with("#!") && !text.starts_with("#!["))
            || EXTENSIONS.iter().any(|end| path.ends_with(end))
    };
    tree.files
        .iter()
        .filter(|file| is_script(&file.path, &file.text) && file.path != ".ci/run")
        .filter_map(|file| {
            if !file.is_at("scripts/") {
                Some(file.finding(1, "a script outside `scripts/`: write it as a verb of xtask"))
            } else if !file.text.lines().take(10).any(|line| line.contains(REASON)) {
                Some(
                    file.finding(
                        1,
                        format!("say at its head: `# {REASON} ..`, or write it as a verb of xtask"),
                    ),
                )
            } else {
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::{File, check};
    use super::*;

    #[test]
    fn a_module_without_text_is_found() {
        check(module_text, &[("a.rs", "//! Text.\n"), ("b.rs", "\n//! Text.\n#![x]\n"), ("c.md", "x")], &[]);
        check(
            module_text,
            &[("a.rs", "use x;\n//! Text.\n"), ("b.rs", "/// x\n"), ("c.rs", "")],
            &["a.rs:1", "b.rs:1", "c.rs:1"],
        );
    }

    #[test]
    fn a_long_file_is_found() {
        check(length, &[("a.rs", &"\n".repeat(700)), ("a.txt", &"\n".repeat(900))], &[]);
        check(length, &[("a.rs", &"\n".repeat(701))], &["a.rs:701"]);
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        let mark = concat!("TO", "DO");
        check(nothing_left_for_later, &[("a.rs", "todo lists and MASTODONS")], &[]);
        check(nothing_left_for_later, &[("a.toml", &format!("x\n# {mark}: y"))], &["a.toml:2"]);
        check(nothing_left_for_later, &[("a.rs", concat!("// FIX", "ME(me)"))], &["a.rs:1"]);
    }

    #[test]
    fn an_object_is_found() {
        check(no_object, &[("a", "ELF"), ("b.rs", "x")], &[]);
        check(no_object, &[("a.o", "\x7fELF\x02"), ("b.a", "!<arch>\nx")], &["a.o:1", "b.a:1"]);
        let bitcode = Tree { files: vec![File::new("c.bc", b"BC\xc0\xde\x35".to_vec())] };
        assert_eq!(no_object(&bitcode).len(), 1);
    }

    #[test]
    fn a_script_that_could_be_rust_is_found() {
        let good = "#!/usr/bin/env bash\n# Not Rust because it starts what builds Rust.\n";
        check(scripts, &[(".ci/run", "#!/bin/sh\n"), ("scripts/a.sh", good), ("a.rs", "#![no_std]")], &[]);
        check(
            scripts,
            &[("scripts/a.sh", "#!/bin/sh\n"), ("tests/b", "#!/bin/sh\n"), ("c.py", good)],
            &["scripts/a.sh:1", "tests/b:1", "c.py:1"],
        );
    }
}
