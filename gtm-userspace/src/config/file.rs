//! Reads a text file of bounded size: whatever the path names, the result is its text or one clear problem.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::Problem;

/// Reads a regular file of UTF-8 text with at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Problem> {
    let cannot_read = |error: std::io::Error| Problem::of_file(path, format!("cannot be read: {error}"));
    // Asked before opening: opening a named pipe would wait for its writer.
    let metadata = path.metadata().map_err(cannot_read)?;
    if !metadata.is_file() {
        return Err(Problem::of_file(path, "cannot be read: not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(cannot_read)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(Problem::of_file(path, format!("is larger than {limit} bytes, the most that is read")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = 1 + good.filter(|byte| **byte == b'\n').count();
        Problem { line: Some(line), ..Problem::of_file(path, "not UTF-8 text in this line") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], limit: u64, expect: Result<&str, (Option<usize>, &str)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        let result = read_text(&path, limit).map_err(|problem| (problem.line, problem.message));
        assert_eq!(result.as_deref().map_err(|(line, message)| (*line, message.as_str())), expect);
    }

    #[test]
    fn text_is_read_or_refused() {
        check(b"a\n", 2, Ok("a\n"));
        check(b"", 2, Ok(""));
        check(b"abc", 2, Err((None, "is larger than 2 bytes, the most that is read")));
        check(b"a\nb\xffc", 9, Err((Some(2), "not UTF-8 text in this line")));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| read_text(path, 9).unwrap_err().message;
        assert_eq!(message(folder.path()), "cannot be read: not a regular file");
        assert!(message(&folder.path().join("missing")).starts_with("cannot be read: No such file"));
    }
}
