//! Splits the text of a zone file into its entries, each with where it is in the text (RFC 1035 section 5.1). Every byte
//! belongs to one entry, so that they can be copied or replaced.

/// A record or a directive with its comments, or an empty line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// Where it begins and ends in the text, the end of its line included.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Counted from 1.
    pub(super) line: usize,
    /// It begins with white space: its owner is the one of the record before it.
    pub(super) owner_is_blank: bool,
    /// None for an empty line or a comment.
    pub(super) tokens: Vec<Token<'t>>,
}

/// A word, or a string with its quotes taken off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Where it begins and ends in the text, its quotes included.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) raw: &'t str,
    pub(super) quoted: bool,
}

/// The entries of a text. What is wrong with them is found by whoever loads the result.
pub(super) fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut found = Vec::new();
    let (mut start, mut line) = (0, 1);
    while start < text.len() {
        let entry = entry(text, start, line);
        line += text.get(start..entry.end).unwrap_or_default().matches('\n').count();
        // An entry holds at least one byte.
        start = entry.end.max(start + 1);
        found.push(entry);
    }
    found
}

fn entry(text: &str, start: usize, line: usize) -> Entry<'_> {
    let bytes = text.as_bytes();
    let owner_is_blank = matches!(bytes.get(start), Some(b' ' | b'\t'));
    let mut entry = Entry { start, end: text.len(), line, owner_is_blank, tokens: Vec::new() };
    let mut open = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' if open == 0 => {
                entry.end = at + 1;
                break;
            }
            b';' => at += length(bytes, at, |byte| byte == b'\n'),
            b'(' => {
                open += 1;
                at += 1;
            }
            b')' => {
                open = open.saturating_sub(1);
                at += 1;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            b'"' => {
                let inside = string_length(bytes, at + 1);
                let end = (at + 1 + inside + 1).min(text.len());
                let raw = text.get(at + 1..at + 1 + inside).unwrap_or_default();
                entry.tokens.push(Token { start: at, end, raw, quoted: true });
                at = end;
            }
            _ => {
                let end = at + word_length(bytes, at);
                let raw = text.get(at..end).unwrap_or_default();
                entry.tokens.push(Token { start: at, end, raw, quoted: false });
                at = end;
            }
        }
    }
    entry
}

/// Bytes up to the first that ends it.
fn length(bytes: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
    bytes.iter().skip(start).take_while(|byte| !ends(**byte)).count()
}

/// Bytes of a string up to its closing quote, or to the end.
fn string_length(bytes: &[u8], start: usize) -> usize {
    let mut escaped = false;
    let inside = bytes.iter().skip(start).take_while(|byte| {
        let ends = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !ends
    });
    inside.count()
}

/// Bytes of a word, at least one; an escaped byte never ends it.
fn word_length(bytes: &[u8], start: usize) -> usize {
    let mut escaped = false;
    let word = bytes.iter().skip(start).take_while(|byte| {
        let ends = !escaped && (byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b')'));
        escaped = **byte == b'\\' && !escaped;
        !ends && **byte != b'\n'
    });
    word.count().max(1)
}
