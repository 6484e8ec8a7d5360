//! `$GENERATE` in the form of BIND 9: a line that stands for one record per number of a range.
//!
//! `$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA`, in whose owner and data `$` is the number and
//! `${OFFSET,WIDTH,BASE}` the number plus OFFSET, at least WIDTH digits long. Data with spaces is in quotes.

use super::entries::{Entries, Token};
use super::words::is_number;

/// Most digits of a number.
const MAX_WIDTH: usize = 127;

/// The numbers of `START-STOP[/STEP]`.
pub(super) fn parse_range(token: &Token) -> Result<impl Iterator<Item = i32>, String> {
    let raw = token.raw.as_str();
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| is_number(text));
    let range = || {
        let (ends, stride) = raw.split_once('/').unwrap_or((raw, "1"));
        let (first, last) = ends.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let stride = usize::try_from(number(stride)?).ok().filter(|stride| *stride > 0)?;
        (first <= last).then(|| (first..=last).step_by(stride))
    };
    range().ok_or_else(|| {
        format!(
            "\"{raw}\" is not a range like 1-254 or 0-100/2, from 0 to {}, the smaller end first",
            i32::MAX
        )
    })
}

/// The owner for this number.
pub(super) fn owner(template: &Token, number: i32) -> Result<Token, String> {
    Ok(Token { raw: expand(&template.raw, number)?, ..template.clone() })
}

/// The words of the data for this number, and how long their text is.
pub(super) fn data(template: &Token, number: i32) -> Result<(Vec<Token>, usize), String> {
    // Quotes that are escaped in a quoted template are those of the data.
    let template = if template.quoted { template.raw.replace("\\\"", "\"") } else { template.raw.clone() };
    let text = expand(&template, number)?;
    match Entries::new(&text).next() {
        Some(Ok(entry)) => Ok((entry.tokens, text.len())),
        Some(Err(error)) => Err(format!("\"{text}\": {}", error.message)),
        None => Ok((Vec::new(), 0)),
    }
}

/// The template with its `$` replaced; `\$` and `$$` stand for the character itself.
fn expand(template: &str, number: i32) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, special) = rest.split_at(at);
        text.push_str(before);
        if special.starts_with('\\') {
            let mut characters = special.chars();
            text.extend(characters.by_ref().take(2));
            rest = characters.as_str();
            continue;
        }
        rest = special.strip_prefix('$').unwrap_or_default();
        if let Some(after) = rest.strip_prefix('$') {
            text.push_str("\\$");
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (modifier, after) = after.split_once('}').ok_or("\"${\" without a \"}\" after it")?;
            let shown = modified(modifier, number).ok_or_else(|| {
                format!(
                    "\"${{{modifier}}}\" with {number} is not ${{OFFSET,WIDTH,BASE}} like ${{-1,3,d}}: the width at most \
                     {MAX_WIDTH}, the base d, o, x, X, n or N"
                )
            })?;
            text.push_str(&shown);
            rest = after;
        } else {
            text.push_str(&number.to_string());
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// The number as `OFFSET[,WIDTH[,BASE]]` wants it.
fn modified(modifier: &str, number: i32) -> Option<String> {
    let mut parts = modifier.split(',');
    let number = number.checked_add(parts.next()?.parse().ok()?)?;
    let width =
        parts.next().map_or(Some(0), |width| width.parse().ok().filter(|width| *width <= MAX_WIDTH))?;
    let base = parts.next().unwrap_or("d");
    if parts.next().is_some() {
        return None;
    }
    match base {
        "d" => Some(format!("{number:0width$}")),
        "o" => Some(format!("{number:0width$o}")),
        "x" => Some(format!("{number:0width$x}")),
        "X" => Some(format!("{number:0width$X}")),
        "n" if number >= 0 => Some(nibbles(&format!("{number:x}"), width)),
        "N" if number >= 0 => Some(nibbles(&format!("{number:X}"), width)),
        _ => None,
    }
}

/// The digits as labels from the last on, as in `ip6.arpa`; the width counts digits and dots, and a dot at its end is one.
fn nibbles(digits: &str, width: usize) -> String {
    let mut text = String::new();
    let mut digits = digits.chars().rev().peekable();
    while digits.peek().is_some() || text.len() < width {
        text.push(digits.next().unwrap_or('0'));
        if digits.peek().is_some() || text.len() < width {
            text.push('.');
        }
    }
    text
}
