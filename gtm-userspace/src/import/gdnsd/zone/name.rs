//! Names in a zone file, with gdnsd's `@Z` and `@F` (gdnsd.zonefile(5), "Special names and origins").

use crate::name::Name;

/// What a relative name may end in.
pub(super) struct Origins<'o> {
    pub(super) zone: &'o Name,
    /// The origin that the file began with.
    pub(super) file: &'o Name,
    pub(super) current: &'o Name,
}

impl Origins<'_> {
    /// True when a name ends in one of the origins that only gdnsd knows.
    pub(super) fn is_extended(raw: &str) -> bool {
        let last = raw.rsplit('.').next();
        last.is_some_and(|last| last.eq_ignore_ascii_case("@Z") || last.eq_ignore_ascii_case("@F"))
    }

    /// The absolute name.
    pub(super) fn name(&self, raw: &str) -> Result<Name, String> {
        let not_a_name = |error: crate::name::NameError| format!("\"{raw}\" is not a domain name: {error}");
        let (relative, origin) = if raw == "@" {
            ("", self.current)
        } else if Self::is_extended(raw) {
            let (relative, last) = raw.rsplit_once('.').unwrap_or(("", raw));
            (relative, if last.eq_ignore_ascii_case("@Z") { self.zone } else { self.file })
        } else {
            // A final dot counts unless an odd number of backslashes escapes it.
            let is_absolute = raw.strip_suffix('.').is_some_and(|rest| {
                let backslashes = rest.len() - rest.trim_end_matches('\\').len();
                backslashes % 2 == 0
            });
            if is_absolute {
                return raw.parse().map_err(not_a_name);
            }
            (raw, self.current)
        };
        if relative.is_empty() {
            return Ok(origin.clone());
        }
        let text = if *origin == Name::root() { relative.to_owned() } else { format!("{relative}.{origin}") };
        text.parse().map_err(not_a_name)
    }
}
