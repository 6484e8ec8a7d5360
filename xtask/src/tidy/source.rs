//! Rust source as the rules read it: without comments and literals, and with the lines that only tests compile marked.
//!
//! Not a parser: it knows where comments, literals and braces begin and end, and nothing else.

/// One line of a source file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// What is left of it without comments and the contents of literals.
    pub(super) code: &'a str,
    /// Part of an item under `#[cfg(test)]`.
    pub(super) is_test: bool,
}

/// The lines of a source file whose code was extracted by [`code`].
pub(super) fn lines(code: &str) -> Vec<Line<'_>> {
    let tests = test_spans(code);
    let mut offset = 0;
    let mut lines = Vec::new();
    for (index, line) in code.split('\n').enumerate() {
        let is_test = tests.iter().any(|(start, end)| (*start..*end).contains(&offset));
        lines.push(Line { number: index + 1, code: line, is_test });
        offset += line.len() + 1;
    }
    lines
}

/// Whether `word` occurs in `line` as a whole path or name: `aya` does in `use aya::Ebpf`, not in `aya_ebpf`.
pub(super) fn names(line: &str, word: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        // `println!` and `hickory_` end by themselves.
        let longer = word.ends_with(char::is_alphanumeric) && after.is_some_and(continues);
        !before.is_some_and(continues) && !longer
    })
}

/// The text with every comment and the contents of every literal blanked; lines stay where they are.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let blank = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !after_name) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && is_char_literal(rest) {
            quoted(rest, '\'')
        } else {
            0
        };
        let taken = if blank == 0 { first.len_utf8() } else { blank };
        let (head, tail) = rest.split_at(taken);
        if blank == 0 {
            out.push(first);
        } else {
            out.extend(head.chars().filter(|c| *c == '\n').map(|_| '\n'));
            // What stood there still separates: `"a"b` must not read as one name.
            out.push(' ');
        }
        rest = tail;
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the raw string that `text` starts with (`r".."`, `br#".."#`, `cr".."`).
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = text.get(prefix.len()..)?.split('"').next()?.len();
    let opening = prefix.len() + hashes + 1;
    let closing = format!("\"{}", "#".repeat(hashes));
    Some(text.get(opening..)?.find(&closing).map_or(text.len(), |at| opening + at + closing.len()))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A quote starts a character (`'a'`, `'\n'`) or a lifetime (`'a`).
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// The byte ranges of items under `#[cfg(test)]`.
fn test_spans(code: &str) -> Vec<(usize, usize)> {
    code.match_indices("#[cfg(test)]")
        .map(|(start, _)| {
            let mut depth = 0_u32;
            let end = code.char_indices().skip_while(|(at, _)| *at < start).find_map(|(at, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                (depth == 0 && (c == '}' || c == ';')).then_some(at + 1)
            });
            // A line counts by where it starts; the item by the line it starts in.
            let line_start = code.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
            (line_start, end.unwrap_or(code.len()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            assert_eq!(code(text), expect);
        }
        check("let a = 1; // aya", "let a = 1;  ");
        check("a /* b /* c */ d */ e", "a   e");
        check("a /* b\nc */ d", "a \n  d");
        check(r#"f("aya \" b") + c"#, "f( ) + c");
        check(r##"f(r#"a " b"#) + c"##, "f( ) + c");
        check(r#"f(br"\") + c"#, "f( ) + c");
        check("let var\"x\"", "let var ");
        check("'\"' + \"a\"", "  +  ");
        check("'\\'' + b", "  + b");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn a_word_is_found_as_a_whole() {
        #[track_caller]
        fn check(line: &str, word: &str, expect: bool) {
            assert_eq!(names(line, word), expect, "{word} in {line}");
        }
        check("use aya::Ebpf;", "aya", true);
        check("use aya_ebpf::maps;", "aya", false);
        check("let papaya = 1;", "aya", false);
        check("std::time::Instant::now()", "Instant::now", true);
        check("Instant::nowhere()", "Instant::now", false);
        check("eprintln!()", "println!", false);
        check("println!()", "println!", true);
        check("hickory_proto::rr", "hickory_", true);
    }

    #[test]
    fn test_items_are_marked() {
        let text = "a\n#[cfg(test)]\nmod tests {\n  fn f() {}\n}\nb\n#[cfg(test)]\nmod t;\nc";
        let marked: Vec<usize> =
            lines(text).iter().filter(|line| line.is_test).map(|line| line.number).collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }
}
