//! What `dig`, `kdig` and `drill` print, in one form. Whatever they have to say beside the message itself, warnings above all,
//! is an error here.

/// A message as lines, sorted:
///
/// - `NOERROR qr aa`: response code and flags,
/// - `question www.example.com. IN A`,
/// - `answer www.example.com. 30 IN A 192.0.2.1`, likewise `authority` and `additional`,
/// - `edns` or `edns do`: an OPT record and its flags,
/// - `option NSID gtm`: an option of it.
pub(crate) type Lines = Vec<String>;

/// Lines that say when and how it was asked.
const BY_THE_WAY: [&str; 8] = [
    ";; Got answer:",
    ";; Query time:",
    ";; SERVER:",
    ";; WHEN:",
    ";; MSG SIZE",
    ";; Received ",
    ";; Time ",
    ";; From ",
];

/// The payload size that we advertise, as `dig` and `drill` print it and as `kdig` does.
const SIZES: [&str; 2] = ["udp: 1232", "UDP size: 1232 B;"];

/// Reads what one of them printed; an error is the line that ought not to be there.
pub(crate) fn read(printed: &str) -> Result<Lines, String> {
    let mut lines = Lines::new();
    let mut code = String::new();
    let mut section = String::new();
    for line in printed.lines() {
        let words = record(line);
        let comment = words.trim_start_matches([';', ' ']);
        if words.is_empty() || BY_THE_WAY.iter().any(|way| words.starts_with(way)) {
            continue;
        }
        if let Some(name) = comment.strip_suffix(" SECTION:") {
            section = name.to_lowercase();
        } else if comment.ends_with(" PSEUDOSECTION:") {
            section.clear();
        } else if let Some(header) = comment.strip_prefix("->>HEADER<<- opcode: ") {
            value(header, &["status: ", "rcode: "]).ok_or(line)?.clone_into(&mut code);
        } else if let Some(flags) = comment.strip_prefix("flags: ").or(comment.strip_prefix("Flags: ")) {
            let (flags, _counts) = flags.split_once(';').ok_or(line)?;
            lines.push(format!("{code} {}", flags.trim()));
        } else if SIZES.iter().any(|size| comment.contains(size)) {
            let flags = value(comment, &["flags:"]).ok_or(line)?;
            lines.push(format!("edns {flags}").trim_end().to_owned());
        } else if section == "question" && words.starts_with(';') {
            lines.push(format!("question {comment}"));
        } else if !section.is_empty() && !words.starts_with(';') {
            lines.push(format!("{section} {words}"));
        } else if let Some(option) = option(comment) {
            lines.push(option);
        } else {
            return Err(line.to_owned());
        }
    }
    lines.sort();
    Ok(lines)
}

/// What stands behind one of these keys, up to the next separator.
fn value<'t>(text: &'t str, keys: &[&str]) -> Option<&'t str> {
    let behind = keys.iter().find_map(|key| text.split_once(key))?.1;
    behind.split([',', ';']).next().map(str::trim)
}

/// A record with one space where they put any number. BIND's tools put lists of service parameters into quotes, which nobody
/// needs to.
pub(crate) fn record(line: &str) -> String {
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.contains(" HTTPS ") { words.replace('"', "") } else { words }
}

/// An EDNS option. Of an identifier they print the bytes, each in its way, and then the text.
fn option(comment: &str) -> Option<String> {
    let (name, value) = comment.split_once(": ")?;
    let value = match name {
        "NSID" => value.split('"').nth(1)?,
        "CLIENT-SUBNET" | "EDE" => value,
        _ => return None,
    };
    Some(format!("option {name} {value}"))
}

#[test]
fn what_is_no_part_of_a_message_is_an_error() {
    #[track_caller]
    fn check(printed: &str, expect: Result<&[&str], &str>) {
        let expect = expect.map(|lines| lines.iter().map(ToString::to_string).collect());
        assert_eq!(read(printed), expect.map_err(str::to_owned));
    }
    let head =
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;; flags: qr aa; QUERY: 1, ANSWER: 0\n";
    check(head, Ok(&["NOERROR qr aa"]));
    for line in [
        ";; WARNING: recursion requested but not available",
        ";; Warning: Message parser reports malformed message packet.",
        ";; Question section mismatch: got b/A/IN",
        "; EDNS: version: 0, flags:; udp: 4096",
        "; COOKIE: 0123456789abcdef (echoed)",
    ] {
        check(&format!("{head}{line}\n"), Err(line));
    }
}
