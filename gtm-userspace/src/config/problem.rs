//! What is wrong with a file, where, and what would be right. Never prints: the command line does.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing wrong, or doubtful, in a configuration or zone file.
///
/// Displayed as `gtm.toml:14: pool.mainland.address[1].ordinal: 300000 is out of range; allowed 1 to 65535`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The file it is in.
    pub file: PathBuf,
    /// The line, counted from 1; `None` when it concerns the file as a whole.
    pub line: Option<usize>,
    /// The key it is about, list items counted from 1, as in `pool.mainland.address[2].ordinal`; in a zone file the owner
    /// name. May be empty.
    pub key: String,
    /// What is wrong with which value, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem with a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_path_buf(), line: None, key: String::new(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Every problem of a configuration that cannot be used; at least one. Displayed one to a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// In the order of the file, zone files after it.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: Option<usize>, key: &str, expect: &str) {
        let problem =
            Problem { file: "gtm.toml".into(), line, key: key.to_owned(), message: "5 is wrong".to_owned() };
        assert_eq!(problem.to_string(), expect);
    }

    #[test]
    fn display_names_what_is_known() {
        check(Some(14), "service.listen[1]", "gtm.toml:14: service.listen[1]: 5 is wrong");
        check(Some(14), "", "gtm.toml:14: 5 is wrong");
        check(None, "", "gtm.toml: 5 is wrong");
    }
}
