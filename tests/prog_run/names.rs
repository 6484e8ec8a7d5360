//! Names: letter case, all lengths, and bytes that are no name.

use std::fmt::Write as _;

use gtm_common::names::NameHash;
use gtm_common::wire::class;
use gtm_tests::query::wire;
use gtm_tests::{Query, Service};
use gtm_userspace::name::Name;

use crate::program::{Program, V4, V6, can_run};

#[test]
fn letter_case_is_kept() {
    let Some(program) = Program::example() else { return };
    program.check_both("WWW.EXAMPLE.COM A", "192.0.2.10");
    program.check_both("wWw.eXaMpLe.CoM A edns", "192.0.2.10");
    program.check_both("CDN.Example.coM TXT", "cdn.example.net");
    // Characters beside the letters are not letters in another case.
    program.check_both("ww@.example.com A", "server");
    program.check_both("ww[.example.com A", "server");
    program.check_both(r"ww\247.example.com A", "server");
}

/// Bytes that resemble a steered name, but are another name or none.
#[test]
fn not_the_name() {
    let Some(program) = Program::example() else { return };
    check_bytes(&program, b"\x03www\x07example\x03com\0", "192.0.2.10");
    check_bytes(&program, b"\x0fwww.example.com\0", "server");
    check_bytes(&program, b"\x0bwww\x07example\x03com\0", "server");
    // No labels up to the end.
    check_bytes(&program, b"\x03www\x07example\x04com\0", "passed_bad_question");
    check_bytes(&program, b"\x03www\x07example\x83com\0", "passed_bad_question");
    check_bytes(&program, b"\x43www\x07example\x03com\0", "passed_bad_question");
    check_bytes(&program, b"\x03www\x07example\xc0\x0c\0", "passed_bad_question");
    check_bytes(&program, b"\x03www\x47example\x03com\0", "passed_bad_question");
    // Zero bytes in a label: what follows them could be type and class.
    check_bytes(&program, b"\x07www\0com\x03net\0", "server");
    check_bytes(&program, b"\x08www\0\0\x01\0\x01\x03net\0", "server");
    check_bytes(&program, b"\x07www\0\0\x01\0\x01\x03net\0", "passed_bad_question");
    // A pointer has no root label behind it.
    check_bytes(&program, b"\xc0\x0c", "passed_bad_question");
    check_bytes(&program, b"\x03www\xc0\x0c", "passed_bad_question");
}

#[track_caller]
fn check_bytes(program: &Program, qname: &[u8], expect: &str) {
    for client in [V4, V6] {
        program.check_query(client, &Query::new(qname.to_vec(), 1), expect);
        program.check_query(client, &Query::new(qname.to_vec(), 1).with_opt(1232, Vec::new()), expect);
    }
}

/// A name with the hash of a steered one is still another name: the whole of it is compared. Only who knows the key can
/// make one.
#[test]
fn name_with_the_same_hash() {
    let Some(program) = Program::example() else { return };
    check_bytes(&program, b"\x02of\x07example\x03com\0", "192.0.2.10");
    let words = [*b"\x02of\x07exam", *b"ple\x03com\0"].map(u64::from_le_bytes);
    let qnames: Vec<_> = collisions(program.hash_key(), words).take(40).collect();
    assert_eq!(qnames.len(), 40);
    for qname in qnames {
        let expect = if Name::from_wire(&qname).is_ok() { "server" } else { "passed_bad_question" };
        check_bytes(&program, &qname, expect);
    }
}

/// Names of two words that differ from these and have their hash: the second makes up for what the first changes.
fn collisions(key: u64, [first, second]: [u64; 2]) -> impl Iterator<Item = Vec<u8>> {
    let state = move |word| NameHash::new(key, class::IN).add(word).value();
    (1..1_u64 << 20).filter_map(move |change| {
        let other = first ^ (change << 8);
        let qname = name_of_words([other, second ^ state(first) ^ state(other)])?;
        let hash = |words: [u64; 2]| words.into_iter().fold(NameHash::new(key, class::IN), NameHash::add);
        assert_eq!(hash(qname_words(&qname)).value(), hash([first, second]).value());
        Some(qname)
    })
}

fn qname_words(qname: &[u8]) -> [u64; 2] {
    let (words, _) = qname.as_chunks::<8>();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

/// The name of two words, unless a zero byte ends it before the last, or an upper-case letter is changed.
fn name_of_words(words: [u64; 2]) -> Option<Vec<u8>> {
    let qname = words.map(u64::to_le_bytes).concat();
    let (root, rest) = qname.split_last().unwrap();
    let is_kept = *root == 0 && rest.iter().all(|byte| *byte != 0 && !byte.is_ascii_uppercase());
    is_kept.then_some(qname)
}

/// Zero bytes in labels do not end a name.
#[test]
fn name_with_a_zero_byte() {
    if !can_run() {
        return;
    }
    let config = r"version = 1
        service = { listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }
        zone.example.file = 'zone'
        pool.one = { kind = 'ipv4', address = [{ address = '192.0.2.1', ordinal = 1 }] }
        domain = [{ name = 'a\000b.example', type = 'A', policy = 'ordinal', pool = [{ pool = 'one', ordinal = 1 }] }]";
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let program = Program::new(Service::from_text(config, zone).unwrap());
    for rest in ["A", "A edns", "A edns ecs=11.1.2.0/24 option=3"] {
        program.check_both(&format!(r"a\000b.example {rest}"), "192.0.2.1");
        program.check_both(&format!(r"A\000B.example {rest}"), "192.0.2.1");
        for name in [r"a\000c.example", r"x.a\000b.example", r"\000.example", r"\000\000\001\000\001.example"]
        {
            program.check_both(&format!("{name} {rest}"), "server");
        }
    }
}

/// The steered names of every length from 1 to 255 bytes, so that type, class and everything behind them meets every
/// alignment, and the same for the records of the answer: aliases of every length.
#[test]
fn every_length() {
    if !can_run() {
        return;
    }
    let lengths = || 3..=255;
    let mut config = String::from(
        "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'.']\nfile = 'zone'\n[pool.one]\nkind = 'ipv4'\n[[pool.one.address]]\naddress = '192.0.2.1'\nordinal = 1\n",
    );
    for length in lengths() {
        let name = name_of(length, 'n');
        writeln!(config, "[[domain]]\nname = '{name}'\ntype = 'A'\npolicy = 'ordinal'").unwrap();
        writeln!(config, "[[domain.pool]]\npool = 'one'\nordinal = 1").unwrap();
    }
    let extra = [most_labels(), ".".to_owned(), r"\096\123.c".to_owned()];
    for name in &extra {
        writeln!(config, "[[domain]]\nname = '{name}'\ntype = 'A'\npolicy = 'ordinal'").unwrap();
        writeln!(config, "[[domain.pool]]\npool = 'one'\nordinal = 1").unwrap();
    }
    let zone = "$ORIGIN .\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let program = Program::new(Service::from_text(&config, zone).unwrap());
    for name in lengths().map(|length| name_of(length, 'N')).chain([most_labels(), ".".to_owned()]) {
        for rest in ["A", "A rd edns", "A edns ecs=11.1.2.0/23 option=10:00"] {
            program.check_both(&format!("{name} {rest}"), "192.0.2.1");
            program.check_both(&format!("{name} AAA{rest}"), "server");
        }
        let other = name.replace('N', "x");
        if other != name {
            program.check_both(&format!("{other} A edns"), "server");
        }
    }
    // The characters before and behind the letters have no other case.
    program.check_both(r"\096\123.c A", "192.0.2.1");
    for name in [r"\064\123.c", r"\096\091.c", r"\064\091.c", r"\224\123.c"] {
        program.check_both(&format!("{name} A"), "server");
    }
    // Past the longest name: 256 bytes and more.
    for length in [256, 257, 264, 300] {
        program.check_both(&format!("{} A", name_of(length, 'n')), "passed_bad_question");
    }
}

#[test]
fn aliases_of_every_length() {
    if !can_run() {
        return;
    }
    let mut config = String::from(
        "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'example']\nfile = 'zone'\n",
    );
    let lengths = || 3..=255;
    for length in lengths() {
        let target = name_of(length, 't');
        writeln!(
            config,
            "[pool.p{length}]\nkind = 'domain'\n[[pool.p{length}.address]]\naddress = '{target}'\nordinal = 1"
        )
        .unwrap();
        writeln!(config, "[[domain]]\nname = 'n{length}.example'\ntype = 'CNAME'\npolicy = 'ordinal'")
            .unwrap();
        writeln!(config, "[[domain.pool]]\npool = 'p{length}'\nordinal = 1").unwrap();
    }
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let program = Program::new(Service::from_text(&config, zone).unwrap());
    for length in lengths() {
        for rest in ["A", "CNAME edns", "TXT edns ecs=11.1.2.0/23", "HTTPS edns ecs=2001:db8::/41"] {
            program.check_both(&format!("n{length}.example {rest}"), &name_of(length, 't'));
        }
    }
}

/// A name of this many bytes in wire form, of labels as long as can be.
fn name_of(length: usize, letter: char) -> String {
    let mut left = length - 1;
    let mut labels = Vec::new();
    while left > 0 {
        // A label has one byte at least: never leave just a length byte.
        let label = (left - 1).min(63);
        let label = if left - 1 - label == 1 { label - 1 } else { label };
        labels.push(letter.to_string().repeat(label));
        left -= label + 1;
    }
    let name = labels.join(".");
    assert_eq!(wire(&name).unwrap().len(), length);
    name
}

/// The name with the most labels: 127 of one byte.
fn most_labels() -> String {
    vec!["m"; 127].join(".")
}
