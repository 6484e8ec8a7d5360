//! Answers as they are compared and shown.

use std::fmt::Write as _;

use gtm_common::wire::MAX_NAME;
use gtm_userspace::name::Name;

/// Length of a DNS header.
const HEADER_LEN: usize = 12;
/// Offset of the number of answers in it.
const ANSWER_COUNT: usize = 6;

/// The message with the records of its answer section in ascending order: two answers that differ in rotation alone
/// become the same. A message that cannot be walked through stays as it is.
pub fn sorted(message: &[u8]) -> Vec<u8> {
    let Some(Parts { before, mut records, behind }) = Parts::of(message) else { return message.to_vec() };
    records.sort_unstable();
    [before, &records.concat(), behind].concat()
}

/// The records of the answer section, and what else there is but their number: what two answers must have in common
/// whose records are picked. `None` when the message cannot be walked through.
pub fn apart(message: &[u8]) -> Option<(Vec<&[u8]>, Vec<u8>)> {
    let Parts { before, records, behind } = Parts::of(message)?;
    let rest = [before.get(..ANSWER_COUNT)?, before.get(ANSWER_COUNT + 2..)?, behind].concat();
    Some((records, rest))
}

/// The owner of each record of the answer section; `None` when the message cannot be walked through.
pub fn owners(message: &[u8]) -> Option<Vec<Name>> {
    let Parts { before, records, .. } = Parts::of(message)?;
    let starts = records.iter().scan(before.len(), |start, record| {
        let at = *start;
        *start += record.len();
        Some(at)
    });
    starts.map(|start| uncompressed(message, start)).collect()
}

/// The name that begins here.
fn uncompressed(message: &[u8], mut at: usize) -> Option<Name> {
    let mut wire = Vec::new();
    // Each step is a label, the root label or a pointer.
    for _ in 0..MAX_NAME {
        match *message.get(at)? {
            0 => return Name::from_wire(&[&*wire, &[0]].concat()).ok(),
            0xc0.. => at = usize::from(u16::from_be_bytes(*message.get(at..)?.first_chunk()?) & 0x3fff),
            length => {
                let end = at + 1 + usize::from(length);
                wire.extend(message.get(at..end)?);
                at = end;
            }
        }
    }
    None
}

/// A message by its answer section.
struct Parts<'m> {
    before: &'m [u8],
    records: Vec<&'m [u8]>,
    behind: &'m [u8],
}

impl<'m> Parts<'m> {
    fn of(message: &'m [u8]) -> Option<Self> {
        let count = |at: usize| Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?));
        let mut at = HEADER_LEN;
        for _ in 0..count(4)? {
            at = name_end(message, at)? + 4;
        }
        let start = at;
        let mut records = Vec::new();
        for _ in 0..count(ANSWER_COUNT)? {
            let fixed = name_end(message, at)?;
            let end = fixed + 10 + usize::from(count(fixed + 8)?);
            records.push(message.get(at..end)?);
            at = end;
        }
        Some(Self { before: message.get(..start)?, records, behind: message.get(at..)? })
    }
}

fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// The bytes in hexadecimal, 16 to a line, and what can be read in them, up to where it cannot.
pub fn shown(message: &[u8]) -> String {
    let mut text = String::new();
    for line in message.chunks(16) {
        for byte in line {
            // Writing to a string does not fail.
            write!(text, "{byte:02x} ").ok();
        }
        text.push('\n');
    }
    let mut reader = Shown { message, at: 0, text };
    if reader.message().is_none() {
        writeln!(reader.text, "; not readable from byte {} on", reader.at).ok();
    } else if reader.at < message.len() {
        writeln!(reader.text, "; {} more bytes from byte {} on", message.len() - reader.at, reader.at).ok();
    }
    reader.text
}

/// The question and the records of a message on one line, as far as they can be read.
pub fn records(message: &[u8]) -> String {
    let mut reader = Shown { message, at: 0, text: String::new() };
    // What cannot be read is not shown.
    reader.message();
    let lines = reader.text.lines().filter(|line| !line.starts_with(';'));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

/// Whether a message can be read from its beginning to its end.
pub fn is_whole(message: &[u8]) -> bool {
    let mut reader = Shown { message, at: 0, text: String::new() };
    reader.message().is_some() && reader.at == message.len()
}

/// Writes a message as text, as far as it can be read.
struct Shown<'m> {
    message: &'m [u8],
    at: usize,
    text: String,
}

impl Shown<'_> {
    fn message(&mut self) -> Option<()> {
        let [id, flags, questions, answers, authorities, additionals] =
            [self.word()?, self.word()?, self.word()?, self.word()?, self.word()?, self.word()?];
        let names = ["QR", "AA", "TC", "RD", "RA", "Z", "AD", "CD"].into_iter();
        let set = names.zip([15, 10, 9, 8, 7, 6, 5, 4]).filter(|(_, bit)| flags >> bit & 1 == 1);
        let set: Vec<_> = set.map(|(name, _)| name).collect();
        let (opcode, rcode) = (flags >> 11 & 15, flags & 15);
        writeln!(self.text, "; id {id}, opcode {opcode}, rcode {rcode}, flags {}", set.join(" ")).ok()?;
        writeln!(self.text, "; counts {questions}, {answers}, {authorities}, {additionals}").ok()?;
        for _ in 0..questions {
            let (name, rtype, class) = (self.name()?, self.word()?, self.word()?);
            writeln!(self.text, "question    {name} class {class} type {rtype}").ok()?;
        }
        let sections = [("answer", answers), ("authority", authorities), ("additional", additionals)];
        for (section, count) in sections {
            for _ in 0..count {
                let (name, rtype, class) = (self.name()?, self.word()?, self.word()?);
                let ttl = (u32::from(self.word()?) << 16) | u32::from(self.word()?);
                write!(self.text, "{section:<11} {name} {ttl:#x} class {class} type {rtype}:").ok()?;
                let length = usize::from(self.word()?);
                for byte in self.message.get(self.at..self.at + length)? {
                    write!(self.text, " {byte:02x}").ok()?;
                }
                self.text.push('\n');
                self.at += length;
            }
        }
        Some(())
    }

    fn word(&mut self) -> Option<u16> {
        let word = self.message.get(self.at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))?;
        self.at += 2;
        Some(word)
    }

    /// A name; a pointer at its end is shown as one.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            let length = *self.message.get(self.at)?;
            if length >= 0xc0 {
                return Some(format!("{name}->{}", self.word()? & 0x3fff));
            }
            self.at += 1;
            let end = self.at + usize::from(length);
            for byte in self.message.get(self.at..end)? {
                match byte {
                    b'.' | b'\\' => write!(name, "\\{}", char::from(*byte)).ok()?,
                    b'!'..=b'~' => name.push(char::from(*byte)),
                    _ => write!(name, "\\{byte:03}").ok()?,
                }
            }
            self.at = end;
            if length > 0 || name.is_empty() {
                name.push('.');
            }
            if length == 0 {
                return Some(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    #[test]
    fn rotations_are_the_same_sorted() {
        let query: Query = "www.example A edns".parse().unwrap();
        let answer = |records: [&str; 3]| query.answer(&records.map(Into::into), 0);
        let [one, two, other] = [
            ["10.0.0.1", "10.0.0.2", "a.b"],
            ["a.b", "10.0.0.1", "10.0.0.2"],
            ["10.0.0.1", "10.0.0.3", "a.b"],
        ]
        .map(answer);
        assert_ne!(one, two);
        assert_eq!(sorted(&one), sorted(&two));
        assert_ne!(sorted(&one), sorted(&other));
        assert_eq!(sorted(&one[..20]), one[..20]);
    }

    #[test]
    fn what_can_be_read_is_shown() {
        let query: Query = r"a\000.b A rd edns=512 do option=3".parse().unwrap();
        let mut message = query.answer(&["10.0.0.1".into()], 0);
        message.push(7);
        let text = shown(&message);
        let lines: Vec<_> = text.lines().skip_while(|line| !line.starts_with(';')).collect();
        let whole = [
            "; id 4660, opcode 0, rcode 0, flags QR AA RD",
            "; counts 1, 1, 0, 1",
            r"question    a\000.b. class 1 type 1",
            "answer      ->12 0x1e class 1 type 1: 0a 00 00 01",
            "additional  . 0x8000 class 1232 type 41:",
            "; 1 more bytes from byte 49 on",
        ];
        assert_eq!(lines, whole);
        let cut = shown(&message[..30]);
        assert!(
            cut.ends_with("question    a\\000.b. class 1 type 1\n; not readable from byte 30 on\n"),
            "{cut}"
        );
    }

    #[test]
    fn answers_are_taken_apart() {
        let query: Query = "www.example A edns".parse().unwrap();
        let [two, one] = [&["10.0.0.1", "10.0.0.2"][..], &["10.0.0.2"]].map(|records| {
            query.answer(&records.iter().map(|record| (*record).into()).collect::<Vec<_>>(), 0)
        });
        let ((two, rest), (one, same)) = (apart(&two).unwrap(), apart(&one).unwrap());
        assert_eq!((two.len(), &two[1..], rest), (2, one.as_slice(), same));
        assert_eq!(apart(&[0; 11]), None);
    }
}
