//! Answers as they are compared and shown.

use std::fmt::Write as _;

use hickory_proto::op::Message;

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

/// The bytes in hexadecimal, 16 to a line, and what a resolver's library reads in them.
pub fn shown(message: &[u8]) -> String {
    let mut text = String::new();
    for line in message.chunks(16) {
        for byte in line {
            // Writing to a string does not fail.
            write!(text, "{byte:02x} ").ok();
        }
        text.push('\n');
    }
    match Message::from_vec(message) {
        Ok(message) => text + &message.to_string(),
        Err(error) => text + &error.to_string(),
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
