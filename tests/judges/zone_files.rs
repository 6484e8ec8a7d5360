//! `named-checkzone` of BIND 9 and our loader read the same zone files: both find them good or both find them bad, and
//! what both find good holds the same records, byte for byte. Where we differ on purpose, the reason stands beside the
//! case in `differences`.

mod bad;
mod differences;
mod good;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gtm_tests::privilege::programs_or_skip;
use gtm_userspace::zone;

/// What a case begins with that says nothing of the apex.
const APEX: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
const ORIGIN: &str = "example.com";

/// Record sets by owner in wire form and type: TTL, and the data of each record, sorted.
type Records = BTreeMap<(Vec<u8>, u16), (u32, Vec<Vec<u8>>)>;

/// Good records, or what is said against them.
type Verdict = Result<Records, String>;

/// A zone file of which the two say different things, and why that is meant.
struct Difference {
    why: &'static str,
    text: &'static str,
    ours: Opinion,
}

/// What we find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opinion {
    /// Good, and they find it bad.
    Good,
    /// Bad, and they find it good.
    Bad,
    /// Both find it good, but with other records.
    OtherRecords,
}

/// Our verdict on a case and theirs. Each is a whole zone file, or what follows a good apex.
fn judge(text: &str) -> (Verdict, Verdict) {
    let folder = tempfile::tempdir().unwrap();
    let text = if text.contains("SOA") { text.to_owned() } else { format!("{APEX}{text}") };
    std::fs::write(folder.path().join("zone"), format!("{}\n", text.trim_end())).unwrap();
    std::fs::write(folder.path().join("included"), "c A 192.0.2.3\n$ORIGIN d\ne A 192.0.2.4\n").unwrap();
    (ours(&folder.path().join("zone")), theirs(folder.path()))
}

fn ours(file: &Path) -> Verdict {
    let zone = zone::load(&ORIGIN.parse().unwrap(), file, &[]).map_err(|problems| format!("{problems:?}"))?;
    let mut records = Records::new();
    for (owner, node) in zone.nodes.iter() {
        for (rtype, set) in node {
            let mut data: Vec<Vec<u8>> = set.rdata.iter().map(|rdata| rdata.to_vec()).collect();
            data.sort();
            records.insert((owner.as_wire().to_vec(), *rtype), (set.ttl, data));
        }
    }
    Ok(records)
}

/// Addresses of other zones are not looked up (`-i local`): that would ask the network.
fn theirs(folder: &Path) -> Verdict {
    let mut command = Command::new("named-checkzone");
    command.current_dir(folder).args(["-i", "local", "-F", "raw", "-o", "dump", ORIGIN, "zone"]);
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(read_dump(&std::fs::read(folder.join("dump")).unwrap()).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }
}

/// Reads BIND's format `raw`, version 1: a head of six words, then for each set its length, class, type, covered type,
/// TTL, number of records, owner, and data, the last two with their length before them.
fn read_dump(dump: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    let mut rest = dump.get(24..)?;
    while !rest.is_empty() {
        take(&mut rest, 4 + 2)?;
        let rtype = u16::try_from(number(&mut rest, 2)?).ok()?;
        take(&mut rest, 2)?;
        let ttl = number(&mut rest, 4)?;
        let count = number(&mut rest, 4)?;
        let owner = counted(&mut rest)?.to_ascii_lowercase();
        let mut data: Vec<_> =
            (0..count).map(|_| Some(counted(&mut rest)?.to_vec())).collect::<Option<_>>()?;
        data.sort();
        records.insert((owner, rtype), (ttl, data));
    }
    Some(records)
}

fn take<'d>(rest: &mut &'d [u8], length: usize) -> Option<&'d [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<u32> {
    Some(take(rest, bytes)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn counted<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    let length = number(rest, 2)?;
    take(rest, usize::try_from(length).ok()?)
}

fn can_judge(name: &str) -> bool {
    programs_or_skip(name, &["named-checkzone"])
}

/// Every case is looked at before one fails the test.
#[track_caller]
fn check_all<T>(cases: &[T], wrong: impl Fn(&T) -> Option<String>) {
    let wrong: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn good_zone_files_hold_the_same_records() {
    if can_judge("good_zone_files_hold_the_same_records") {
        check_all(good::CASES, |text| match judge(text) {
            (Ok(ours), Ok(theirs)) if ours == theirs => None,
            (ours, theirs) => Some(format!("{text}\nwe say {ours:02x?}\nthey say {theirs:02x?}")),
        });
    }
}

#[test]
fn bad_zone_files_are_refused_by_both() {
    if can_judge("bad_zone_files_are_refused_by_both") {
        check_all(bad::CASES, |text| match judge(text) {
            (Err(_), Err(_)) => None,
            (ours, theirs) => Some(format!("{text}\nwe say {ours:02x?}\nthey say {theirs:02x?}")),
        });
    }
}

#[test]
fn differences_are_as_they_are_listed() {
    if can_judge("differences_are_as_they_are_listed") {
        check_all(differences::CASES, |difference| {
            let Difference { why, text, ours: expect } = difference;
            let (ours, theirs) = judge(text);
            let opinion = match (&ours, &theirs) {
                (Ok(_), Err(_)) => Some(Opinion::Good),
                (Err(_), Ok(_)) => Some(Opinion::Bad),
                (Ok(ours), Ok(theirs)) if ours != theirs => Some(Opinion::OtherRecords),
                _ => None,
            };
            (opinion != Some(*expect))
                .then(|| format!("{why}: {text}\nwe say {ours:02x?}\nthey say {theirs:02x?}"))
        });
    }
}
