//! Reads the vector files.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use gtm_tests::Query;
use gtm_tests::query::hex;

use crate::answer;

/// One case of a vector file.
#[derive(Debug)]
pub(crate) struct Case {
    /// File and line, for messages.
    pub(crate) place: String,
    /// The configuration, from the root of the repository on.
    pub(crate) about: String,
    pub(crate) message: Vec<u8>,
    pub(crate) clients: Vec<IpAddr>,
    pub(crate) transports: Vec<Transport>,
    pub(crate) kernel: Kernel,
    /// `None` when there is no answer.
    pub(crate) answer: Option<Vec<u8>>,
}

/// What the query comes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What the program does with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    Answers,
    Passes,
    Either,
}

/// What is asked about where nothing else is said.
const EXAMPLE: &str = "tests/vectors/example.toml";

/// The folder of the vectors.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Every case of every `.txt` file in the folders of the RFCs.
pub(crate) fn all() -> Vec<Case> {
    let mut folders: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Vec<Case> {
    let name = file.strip_prefix(folder()).unwrap().display().to_string();
    let mut entries: Vec<(usize, &str, String)> = Vec::new();
    let text = fs::read_to_string(file).unwrap();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim_end();
        match line.split_once(' ') {
            _ if line.trim().is_empty() => {}
            // What is indented goes on with the entry above.
            Some(("", rest)) => match entries.last_mut() {
                Some((.., value)) => {
                    value.push('\n');
                    value.push_str(rest);
                }
                None => panic!("{name} begins indented"),
            },
            Some((key, rest)) => entries.push((index + 1, key, rest.trim().to_owned())),
            None => panic!("{name}:{}: {line:?} has no value", index + 1),
        }
    }
    // `about` holds until the next one.
    let mut about = EXAMPLE;
    let mut cases = Vec::new();
    for entries in entries.chunk_by(|_, (_, key, _)| *key != "ask" && *key != "about") {
        match entries {
            [(_, "about", path)] => about = path,
            _ => cases.push(case(&name, about, entries)),
        }
    }
    assert!(!cases.is_empty(), "{name} has no case");
    cases
}

fn case(file: &str, about: &str, entries: &[(usize, &str, String)]) -> Case {
    let place = format!("{file}:{}", entries.first().map_or(0, |(line, ..)| *line));
    let value = |wanted| entries.iter().find(|(_, key, _)| *key == wanted).map(|(.., value)| value.as_str());
    for (line, key, _) in entries {
        assert!(
            ["ask", "over", "from", "kernel", "answer"].contains(key),
            "{file}:{line}: no such key: {key:?}"
        );
    }
    let ask = value("ask").unwrap_or_else(|| panic!("{place}: begins without `ask`"));
    let bytes = |digits: &str| hex(digits).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (message, query) = if let Some(digits) = ask.strip_prefix("hex ") {
        (bytes(digits), None)
    } else {
        let query: Query = ask.parse().unwrap_or_else(|error| panic!("{place}: {error:#}"));
        (query.bytes(), Some(query))
    };
    let clients = value("from").unwrap_or("192.0.2.1 2001:db8:1::1").split_whitespace();
    let transport = |word| match word {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        other => panic!("{place}: over {other:?}?"),
    };
    let kernel = match value("kernel") {
        None => Kernel::Either,
        Some("answers") => Kernel::Answers,
        Some("passes") => Kernel::Passes,
        Some(other) => panic!("{place}: the kernel {other:?}?"),
    };
    let answer = match value("answer") {
        None => panic!("{place}: no `answer`"),
        Some("none") => None,
        Some(text) if text.starts_with(|letter: char| letter.is_ascii_uppercase()) => {
            let query = query.unwrap_or_else(|| panic!("{place}: an answer in words is to a query in words"));
            Some(answer::bytes(&query, text).unwrap_or_else(|error| panic!("{place}: {error:#}")))
        }
        Some(digits) => Some(bytes(digits)),
    };
    let transports = value("over").unwrap_or("udp tcp").split_whitespace().map(transport).collect();
    let clients = clients.map(|client| client.parse().unwrap()).collect();
    Case { place, about: about.to_owned(), message, clients, transports, kernel, answer }
}
