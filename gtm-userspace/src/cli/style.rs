//! Colours, and what they mean. They are left out on the way to anything that is no terminal.

use anstyle::{AnsiColor, Style};

/// As it is.
pub(super) const PLAIN: Style = Style::new();
/// Headings.
pub(super) const BOLD: Style = Style::new().bold();
/// What matters less.
pub(super) const DIM: Style = Style::new().dimmed();
/// As it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Look here.
pub(super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Not as it should be.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// A text in a style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
