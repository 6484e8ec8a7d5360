//! Splits the text of a zone file into its entries (RFC 1035 section 5.1): quotes, parentheses, comments, escapes.
//! Knows nothing of what the entries mean.

use std::iter::Peekable;
use std::str::Chars;

/// One entry: a record or a directive, over one line or, in parentheses, several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line it begins on, counted from 1.
    pub(super) line: usize,
    /// It begins with white space: its owner is the one of the record before it.
    pub(super) owner_is_blank: bool,
    /// At least one.
    pub(super) tokens: Vec<Token>,
}

/// A word or a quoted string, its escapes as they are written, its quotes taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) raw: String,
    /// It stood in quotes, so that nothing in it has a special meaning.
    pub(super) quoted: bool,
    /// Nothing stands between it and the token before it, as in `key="value"`.
    pub(super) glued: bool,
}

/// Why an entry cannot be split, and the line to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryError {
    pub(super) line: usize,
    pub(super) message: &'static str,
}

/// The entries of a text, one after the other; a bad one is an error, and the next one follows.
pub(super) struct Entries<'t> {
    text: Peekable<Chars<'t>>,
    line: usize,
}

impl<'t> Entries<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable(), line: 1 }
    }

    fn step(&mut self) -> Option<char> {
        let next = self.text.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    /// Reads up to the end of one entry or of an empty line.
    fn read_entry(&mut self) -> Result<Entry, EntryError> {
        let line = self.line;
        let owner_is_blank = matches!(self.text.peek(), Some(' ' | '\t'));
        let mut tokens = Vec::new();
        let mut opened = Vec::new();
        let mut error = None;
        let mut after_token = false;
        while let Some(next) = self.text.peek().copied() {
            let at = self.line;
            let glued = std::mem::take(&mut after_token);
            let result = match next {
                '\n' => {
                    self.step();
                    if opened.is_empty() {
                        break;
                    }
                    Ok(())
                }
                ' ' | '\t' => {
                    self.step();
                    Ok(())
                }
                '\r' => {
                    self.step();
                    let ends_line = matches!(self.text.peek(), None | Some('\n'));
                    if ends_line {
                        Ok(())
                    } else {
                        Err("a carriage return within a line; end lines with a line feed")
                    }
                }
                ';' => {
                    while self.text.next_if(|character| *character != '\n').is_some() {}
                    Ok(())
                }
                '(' => {
                    opened.push(at);
                    self.step();
                    Ok(())
                }
                ')' => {
                    self.step();
                    opened.pop().map(drop).ok_or("\")\" without a \"(\" before it")
                }
                _ => {
                    after_token = true;
                    self.read_token(glued).map(|token| tokens.push(token))
                }
            };
            if let Err(message) = result {
                error.get_or_insert(EntryError { line: at, message });
            }
        }
        if let Some(line) = opened.first() {
            error.get_or_insert(EntryError { line: *line, message: "\"(\" without a \")\" after it" });
        }
        error.map_or(Ok(Entry { line, owner_is_blank, tokens }), Err)
    }

    fn read_token(&mut self, glued: bool) -> Result<Token, &'static str> {
        let mut raw = String::new();
        let quoted = self.text.next_if_eq(&'"').is_some();
        let mut in_quotes = quoted;
        let mut result = Ok(());
        while let Some(next) = self.text.peek().copied() {
            match next {
                '\n' => break,
                '"' => {
                    if in_quotes {
                        in_quotes = false;
                        self.step();
                    }
                    break;
                }
                '\\' => {
                    raw.push(next);
                    self.step();
                    // The escaped character never ends the token; one that ends the line is not escaped.
                    let Some(escaped) = self.text.next_if(|escaped| *escaped != '\n') else {
                        result = Err("\"\\\" at the end of a line");
                        break;
                    };
                    raw.push(escaped);
                    continue;
                }
                ' ' | '\t' | '\r' | ';' | '(' | ')' if !in_quotes => break,
                _ if next.is_control() && next != '\t' => {
                    result = Err("a control character; write it as \"\\DDD\"");
                }
                _ => {}
            }
            raw.push(next);
            self.step();
        }
        if in_quotes && result.is_ok() {
            result = Err("a string without its closing quote");
        }
        result.map(|()| Token { raw, quoted, glued })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.text.peek().is_some() {
            match self.read_entry() {
                Ok(entry) if entry.tokens.is_empty() => {}
                result => return Some(result),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each entry as `line:[blank ]token token`, quoted tokens in quotes, glued ones after a plus; each error as `line!message`.
    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let shown = |token: &Token| {
            let quote = if token.quoted { "\"" } else { "" };
            format!("{}{quote}{}{quote}", if token.glued { "+" } else { "" }, token.raw)
        };
        let entries: Vec<_> = Entries::new(text)
            .map(|entry| match entry {
                Ok(entry) => {
                    let tokens: Vec<_> = entry.tokens.iter().map(shown).collect();
                    format!(
                        "{}:{}{}",
                        entry.line,
                        if entry.owner_is_blank { "_ " } else { "" },
                        tokens.join(" ")
                    )
                }
                Err(error) => format!("{}!{}", error.line, error.message),
            })
            .collect();
        assert_eq!(entries, expect, "{text:?}");
    }

    #[test]
    fn entries_and_their_lines() {
        check("", &[]);
        check("\n  \n ; comment\n;\n", &[]);
        check("a b\nc", &["1:a b", "2:c"]);
        check("a\tb ; comment \"(\n c\r\n", &["1:a b", "2:_ c"]);
        check("\u{feff}a", &["1:a"]);
        check("a ( b ; comment )\n c\n) d\ne", &["1:a b c d", "4:e"]);
        check("a ( ( b )\n ) c", &["1:a b c"]);
        check("a(b)c", &["1:a b c"]);
        check("a\";\n", &["1!a string without its closing quote"]);
        check(" ( a )", &["1:_ a"]);
        check("a;b", &["1:a"]);
    }

    #[test]
    fn strings_and_escapes() {
        check(r#"a "b c" "" "d;(e" f"#, &[r#"1:a "b c" "" "d;(e" f"#]);
        check(r#""a""b"c d"e" ("f")"#, &[r#"1:"a" +"b" +c d +"e" "f""#]);
        check(r#"key="a b",c d"#, &[r#"1:key= +"a b" +,c d"#]);
        check(r#"a\;b\ c "d\"e" \( \\ f"#, &[r#"1:a\;b\ c "d\"e" \( \\ f"#]);
        check(r"\010\#", &[r"1:\010\#"]);
    }

    #[test]
    fn a_bad_entry_does_not_hide_the_next() {
        check("a \"b\nc", &["1!a string without its closing quote", "2:c"]);
        check("a )\nc", &["1!\")\" without a \"(\" before it", "2:c"]);
        check("a (\n \"b\n) d\nc", &["2!a string without its closing quote", "4:c"]);
        check("a b\\\nc", &["1!\"\\\" at the end of a line", "2:c"]);
        check("a\u{1}b\nc", &["1!a control character; write it as \"\\DDD\"", "2:c"]);
        check("a\nb (\nc\n", &["1:a", "2!\"(\" without a \")\" after it"]);
    }

    proptest! {
        #[test]
        fn any_text_is_split_to_its_end(text in "[ab\\\\\"();\n\t 0-9\\PC]{0,80}") {
            for entry in Entries::new(&text).flatten() {
                prop_assert!(!entry.tokens.is_empty());
                prop_assert!(entry.line <= 1 + text.matches('\n').count());
            }
        }
    }
}
