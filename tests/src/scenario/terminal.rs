//! The screen: lines and tables on standard output, in colour on a terminal and plain when piped.

use std::io::{self, IsTerminal, Write};

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// A heading.
    Heading,
}

/// Standard output.
#[derive(Debug)]
pub struct Terminal {
    coloured: bool,
}

impl Terminal {
    /// Colour only where someone looks: on a terminal, unless `NO_COLOR` is set.
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { coloured: io::stdout().is_terminal() && !unwanted }
    }

    /// Prints one line.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Prints an empty line and a heading.
    pub fn heading(&self, text: &str) -> io::Result<()> {
        self.line(&format!("\n{}", self.paint(Tone::Heading, text)))
    }

    /// Prints the cells in columns of these widths; the last one as long as it is. No spaces at the end.
    pub fn row(&self, widths: &[usize], cells: &[&str]) -> io::Result<()> {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                format!("{cell:width$}", width = widths.get(column).copied().unwrap_or_default())
            })
            .collect();
        self.line(padded.join("  ").trim_end())
    }

    /// The text in the colour of its tone; as it is when piped.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Heading => "1",
        };
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
