//! From text to values. The first thing wrong ends it: what follows a missing brace says nothing.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::report::Place;
use super::{Data, Entry, Hash, Value, glob};
use crate::config::{Problem, read_text};

/// Most bytes of one file.
const MAX_BYTES: u64 = 64 << 20;
/// Most files together: one that includes itself twice is a tree without end.
const MAX_FILES: usize = 10_000;
/// How deep values and files may be nested, together.
const MAX_DEPTH: usize = 100;

/// Loads files, and counts them.
#[derive(Default)]
pub(super) struct Loader {
    files: usize,
    depth: usize,
}

impl Loader {
    /// Reads a file and those it includes.
    pub(super) fn load(&mut self, path: &Path) -> Result<Value, Problem> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(Problem::of_file(
                path,
                format!("more than {MAX_FILES} files are included; does a file include itself?"),
            ));
        }
        let text = read_text(path, MAX_BYTES)?;
        self.parse(path, &text)
    }

    /// Parses the text of a file.
    pub(super) fn parse(&mut self, path: &Path, text: &str) -> Result<Value, Problem> {
        let mut parser = Parser {
            loader: self,
            bytes: text.strip_prefix('\u{feff}').unwrap_or(text).bytes().peekable(),
            file: Rc::from(path),
            line: 1,
        };
        parser.document()
    }
}

struct Parser<'p, I: Iterator<Item = u8>> {
    loader: &'p mut Loader,
    bytes: Peekable<I>,
    file: Rc<Path>,
    line: usize,
}

/// What ends a string without quotes.
fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"][}{;#,\"=".contains(&byte)
}

impl<I: Iterator<Item = u8>> Parser<'_, I> {
    /// A whole file: an array, or the inside of a hash.
    fn document(&mut self) -> Result<Value, Problem> {
        let place = self.place();
        self.skip_blank();
        if self.bytes.peek() == Some(&b'[') {
            let array = self.value()?;
            self.skip_blank();
            return match self.bytes.peek() {
                None => Ok(array),
                Some(_) => Err(self.problem("more text after the array that is this file")),
            };
        }
        let hash = self.hash_until(None)?;
        Ok(Value { place, data: Data::Hash(hash) })
    }

    fn value(&mut self) -> Result<Value, Problem> {
        self.deeper(|parser| {
            let place = parser.place();
            let data = match parser.bytes.peek() {
                Some(b'{') => {
                    parser.step();
                    Data::Hash(parser.hash_until(Some(&place))?)
                }
                Some(b'[') => {
                    parser.step();
                    Data::Array(parser.array_until(&place)?)
                }
                Some(b'$') => {
                    let (pattern, paths) = parser.include()?;
                    return match paths.as_slice() {
                        [path] if !glob::is_pattern(&pattern) => parser.loader.load(path),
                        _ => Err(parser.problem(format!(
                            "\"{pattern}\" in the place of a value must be exactly one file"
                        ))),
                    };
                }
                Some(_) => Data::Text(parser.string("a value")?),
                None => return Err(parser.problem("the file ends where a value is expected")),
            };
            Ok(Value { place, data })
        })
    }

    fn array_until(&mut self, start: &Place) -> Result<Vec<Value>, Problem> {
        let mut items = Vec::new();
        loop {
            self.skip_blank();
            match self.bytes.peek() {
                Some(b']') => {
                    self.step();
                    return Ok(items);
                }
                None => return Err(problem_at(start, "\"[\" without a \"]\" after it")),
                Some(_) => items.push(self.value()?),
            }
            self.skip_comma();
        }
    }

    /// The inside of a hash, up to its closing brace or, without a start, to the end of the file.
    fn hash_until(&mut self, start: Option<&Place>) -> Result<Hash, Problem> {
        let mut hash = Hash::default();
        loop {
            self.skip_blank();
            match (self.bytes.peek(), start) {
                (Some(b'}'), Some(_)) => {
                    self.step();
                    return Ok(hash);
                }
                (None, None) => return Ok(hash),
                (None, Some(start)) => return Err(problem_at(start, "\"{\" without a \"}\" after it")),
                (Some(b'$'), _) => self.merge(&mut hash)?,
                (Some(_), _) => {
                    let entry = self.entry()?;
                    Self::insert(&mut hash, entry)?;
                }
            }
            self.skip_comma();
        }
    }

    fn entry(&mut self) -> Result<Entry, Problem> {
        let place = self.place();
        let key = self.string("a key")?;
        self.skip_blank();
        if self.bytes.next_if_eq(&b'=').is_none() {
            return Err(self.problem(format!("\"=>\" or \"=\" is expected after the key \"{key}\"")));
        }
        self.bytes.next_if_eq(&b'>');
        self.skip_blank();
        let value = self.value()?;
        Ok(Entry { key, place, value })
    }

    fn insert(hash: &mut Hash, entry: Entry) -> Result<(), Problem> {
        if let Some(earlier) = hash.get(&entry.key) {
            let message = format!("the key \"{}\" is already at {}", entry.key, earlier.place);
            return Err(problem_at(&entry.place, message));
        }
        hash.0.push(entry);
        Ok(())
    }

    /// Takes the keys of the included files into the hash.
    fn merge(&mut self, hash: &mut Hash) -> Result<(), Problem> {
        let (_, paths) = self.include()?;
        for path in paths {
            let value = self.deeper(|parser| parser.loader.load(&path))?;
            let Data::Hash(included) = value.data else {
                return Err(self.problem(format!(
                    "\"{}\" is an array; in the place of a key a file of keys is expected",
                    path.display()
                )));
            };
            for entry in included.0 {
                Self::insert(hash, entry)?;
            }
        }
        Ok(())
    }

    /// `$include{PATTERN}`: what is written, and the files it means, sorted by name.
    fn include(&mut self) -> Result<(String, Vec<PathBuf>), Problem> {
        for expected in b"$include{" {
            if self.bytes.next_if_eq(expected).is_none() {
                return Err(self.problem(
                    "\"$\" begins only \"$include{FILE}\"; write a string that begins with it in quotes",
                ));
            }
        }
        self.skip_blank();
        let pattern = self.string("a path")?;
        self.skip_blank();
        if self.bytes.next_if_eq(&b'}').is_none() {
            return Err(self.problem("\"}\" is expected after the path of $include"));
        }
        let folder = self.file.parent().unwrap_or(Path::new(""));
        match glob::find(folder, &pattern) {
            Ok(paths) => Ok((pattern, paths)),
            Err(message) => Err(self.problem(message)),
        }
    }

    /// A string, in quotes or not.
    fn string(&mut self, what: &str) -> Result<String, Problem> {
        let place = self.place();
        let quoted = self.bytes.next_if_eq(&b'"').is_some();
        let mut bytes = Vec::new();
        loop {
            match self.bytes.peek().copied() {
                Some(b'"') if quoted => {
                    self.step();
                    break;
                }
                None if quoted => return Err(problem_at(&place, "a string without its closing quote")),
                Some(byte) if !quoted && ends_word(byte) => break,
                None => break,
                Some(b'\\') => {
                    self.step();
                    bytes.push(self.escaped()?);
                }
                Some(byte) => {
                    self.step();
                    bytes.push(byte);
                }
            }
        }
        if bytes.is_empty() && !quoted {
            let found = self.bytes.peek().map_or_else(
                || "the file ends".to_owned(),
                |byte| format!("\"{}\"", char::from(*byte).escape_debug()),
            );
            return Err(self.problem(format!("{found} where {what} is expected")));
        }
        String::from_utf8(bytes).map_err(|_not_text| problem_at(&place, "a string that is not UTF-8 text"))
    }

    /// What follows a backslash: one byte that stands for itself, or three digits of its value.
    fn escaped(&mut self) -> Result<u8, Problem> {
        let wrong = "an escape that is neither \\X nor \\DDD up to \\255";
        let Some(first) = self.bytes.peek().copied() else { return Err(self.problem(wrong)) };
        self.step();
        if !first.is_ascii_digit() {
            return Ok(first);
        }
        let mut value = u16::from(first - b'0');
        for _ in 0..2 {
            let Some(digit) = self.bytes.next_if(u8::is_ascii_digit) else { return Err(self.problem(wrong)) };
            value = value * 10 + u16::from(digit - b'0');
        }
        u8::try_from(value).map_err(|_too_large| self.problem(wrong))
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) {
        while let Some(byte) = self.bytes.peek().copied() {
            if byte.is_ascii_whitespace() {
                self.step();
            } else if byte == b'#' || byte == b';' {
                while self.bytes.next_if(|byte| *byte != b'\n').is_some() {}
            } else {
                break;
            }
        }
    }

    fn skip_comma(&mut self) {
        self.skip_blank();
        self.bytes.next_if_eq(&b',');
    }

    fn step(&mut self) {
        self.line += usize::from(self.bytes.next() == Some(b'\n'));
    }

    /// One level deeper, unless that is too deep.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        if self.loader.depth == MAX_DEPTH {
            return Err(self.problem(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.loader.depth += 1;
        let result = read(self);
        self.loader.depth -= 1;
        result
    }

    fn place(&self) -> Place {
        Place { file: Rc::clone(&self.file), line: self.line }
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        problem_at(&self.place(), message)
    }
}

fn problem_at(place: &Place, message: impl Into<String>) -> Problem {
    Problem { line: Some(place.line), ..Problem::of_file(&place.file, message) }
}
