//! Where everything that is printed goes: colours only to a terminal, and not with `NO_COLOR`. Tests keep it instead.

#[cfg(not(test))]
pub(super) use terminal::{error, out};
#[cfg(test)]
pub(super) use test::{error, out, take};

#[cfg(not(test))]
mod terminal {
    use std::io::{self, Write};

    /// A line to standard output.
    pub(crate) fn out(text: &str) -> io::Result<()> {
        writeln!(anstream::stdout(), "{text}")
    }

    /// A line to standard error.
    pub(crate) fn error(text: &str) -> io::Result<()> {
        writeln!(anstream::stderr(), "{text}")
    }
}

#[cfg(test)]
mod test {
    use std::cell::RefCell;
    use std::io;

    thread_local! {
        static PRINTED: RefCell<String> = const { RefCell::new(String::new()) };
    }

    /// A line to standard output.
    #[expect(clippy::unnecessary_wraps, reason = "a terminal can fail")]
    pub(crate) fn out(text: &str) -> io::Result<()> {
        let plain = anstream::adapter::strip_str(text).to_string();
        PRINTED.with_borrow_mut(|printed| printed.extend([plain.as_str(), "\n"]));
        Ok(())
    }

    /// A line to standard error, told apart from the others.
    pub(crate) fn error(text: &str) -> io::Result<()> {
        out(&format!("! {text}"))
    }

    /// What this thread has printed since it was asked last.
    pub(crate) fn take() -> String {
        PRINTED.take()
    }
}
