//! The files that the pattern of an `$include` means (glob(7): `*`, `?` and `[...]` in each part of a path).

use std::path::{Component, Path, PathBuf};

/// True when the text is a pattern, not the path of one file.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The files, sorted; those of a folder that is named itself, even when there are none.
pub(super) fn find(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let whole = folder.join(pattern);
    let named_folder = !is_pattern(pattern) && whole.is_dir();
    if !is_pattern(pattern) && !named_folder {
        return Ok(vec![whole]);
    }
    let mut found = vec![PathBuf::new()];
    let parts: Vec<Component<'_>> = whole.components().collect();
    for part in &parts {
        let text =
            part.as_os_str().to_str().filter(|text| matches!(part, Component::Normal(_)) && is_pattern(text));
        found = match text {
            Some(text) => found.iter().flat_map(|folder| matching(folder, text)).collect(),
            None => found.into_iter().map(|folder| folder.join(part)).collect(),
        };
    }
    if named_folder {
        found = found.iter().flat_map(|folder| matching(folder, "*")).collect();
    }
    found.retain(|path| path.exists());
    found.sort();
    if found.is_empty() && !named_folder {
        return Err(format!("no file matches \"{pattern}\""));
    }
    Ok(found)
}

/// What of a folder matches one part of a pattern. A folder that cannot be read has nothing.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    // As the shell does: a hidden file is meant only by a pattern that begins with its dot.
    let names = names.filter(|name| !name.starts_with('.') || pattern.starts_with('.'));
    names.filter(|name| matches(pattern, name)).map(|name| folder.join(name)).collect()
}

/// True when the name fits the pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = pattern.get(first.len_utf8()..).unwrap_or_default();
    let next = name.chars().next();
    let after = next.and_then(|next| name.get(next.len_utf8()..)).unwrap_or_default();
    match (first, next) {
        ('*', _) => {
            // Each star may stand for nothing; a run of them means no more than one.
            let rest = rest.trim_start_matches('*');
            name.char_indices().any(|(at, _)| matches(rest, name.get(at..).unwrap_or_default()))
                || matches(rest, "")
        }
        (_, None) => false,
        ('?', Some(_)) => matches(rest, after),
        ('[', Some(next)) => match class(rest, next) {
            Some((fits, rest)) => fits && matches(rest, after),
            None => next == '[' && matches(rest, after),
        },
        (first, Some(next)) => first == next && matches(rest, after),
    }
}

/// Whether a character is in the class that begins after `[`, and what follows the class; `None` when it has no end.
fn class(pattern: &str, character: char) -> Option<(bool, &str)> {
    let negated = pattern.starts_with(['!', '^']);
    let inside = if negated { pattern.get(1..)? } else { pattern };
    // A bracket that comes first stands for itself.
    let end = inside.char_indices().skip(1).find(|(_, character)| *character == ']')?.0;
    let (set, rest) = (inside.get(..end)?, inside.get(end + 1..)?);
    let members: Vec<char> = set.chars().collect();
    let mut fits = false;
    let mut at = members.as_slice();
    loop {
        at = match at {
            [low, '-', high, rest @ ..] => {
                fits |= (*low..=*high).contains(&character);
                rest
            }
            [one, rest @ ..] => {
                fits |= *one == character;
                rest
            }
            [] => break,
        };
    }
    Some((fits != negated, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expect: bool) {
        assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
    }

    #[test]
    fn patterns() {
        check("a.cfg", "a.cfg", true);
        check("*.cfg", "a.cfg", true);
        check("*.cfg", "a.cfgs", false);
        check("*", "", true);
        check("a**b", "ab", true);
        check("a*b*c", "axxbyyc", true);
        check("a?", "a", false);
        check("a?", "aé", true);
        check("[a-c]1", "b1", true);
        check("[!a-c]1", "b1", false);
        check("[]x]", "]", true);
        check("[a", "[a", true);
    }
}
