//! Tables with aligned columns, for people.

use std::fmt;

use anstyle::Style;

use super::style::{BOLD, PLAIN, styled};

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug)]
struct Column {
    heading: &'static str,
    side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A text in a style.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Table {
    /// An empty one; the columns whose headings begin with `>` are aligned to the right.
    pub(super) fn new(headings: &[&'static str]) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('>') {
            Some(heading) => Column { heading, side: Side::Right },
            None => Column { heading, side: Side::Left },
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row below.
    pub(super) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    /// Without any row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Cell {
    /// A text; what would move the cursor is shown as `?`.
    pub(super) fn new(style: Style, text: impl Into<String>) -> Self {
        let text: String = text.into();
        let text = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        Self { text, style }
    }

    /// What is shown, without its style.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(PLAIN, text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(PLAIN, text)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings: Vec<Cell> = self.columns.iter().map(|column| Cell::new(BOLD, column.heading)).collect();
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let width = |index| lines().filter_map(|row| row.get(index)).map(Cell::width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for (number, row) in lines().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            // Spaces are written before the next text only: no line ends with some.
            let mut spaces = 0;
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let rest = width - cell.width();
                if column.side == Side::Right {
                    spaces += rest;
                }
                if !cell.text.is_empty() {
                    write!(f, "{:spaces$}{}", "", styled(cell.style, &cell.text))?;
                    spaces = 0;
                }
                if column.side == Side::Left {
                    spaces += rest;
                }
                spaces += 2;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_without_spaces_at_the_end() {
        let mut table = Table::new(&["NAME", ">COUNT", "WHY"]);
        table.row(["a".into(), "1".into(), "".into()]);
        table.row(["straße".into(), "12345".into(), Cell::new(BOLD, "x\ny\u{1b}")]);
        table.row(["".into(), "".into(), "z".into()]);
        let shown = anstream::adapter::strip_str(&table.to_string()).to_string();
        let expect = "NAME    COUNT  WHY\na           1\nstraße  12345  x?y?\n               z";
        assert_eq!(shown, expect);
    }
}
