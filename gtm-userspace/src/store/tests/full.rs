//! A disk that is full for a while: what was acknowledged stays, and the store goes on when there is room again.

use std::env;
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::*;

/// Names the file to the process whose files may not grow.
const FILE: &str = "GTM_TEST_STORE_FULL";

/// Only in the process that the test below starts.
#[test]
fn limited_process() {
    let Some(file) = env::var_os(FILE) else { return };
    let store = Arc::new(Store::open(Path::new(&file)).unwrap());
    let mut number = 0;
    let error = loop {
        number += 1;
        assert!(number < 2000, "the file is too large");
        if let Err(error) = store.commit(&large(number)) {
            break error;
        }
    };
    let expect = format!("the store '{}' failed: ", Path::new(&file).display());
    assert!(error.to_string().starts_with(&expect), "{error}");
    assert!(number > 3, "{error}");
    // Still full: an error again, and what was acknowledged can be read.
    store.commit(&large(number)).unwrap_err();
    assert_eq!(sequences(&store.events_after(0, usize::MAX).unwrap()), (1..number).collect::<Vec<_>>());

    // What nobody waits for is not lost either, and nothing is acknowledged before it.
    let writer = Writer::start(Arc::clone(&store), |_| {}).unwrap();
    writer.put(large(number));
    writer.commit(Batch::default()).unwrap_err();

    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    writer.commit(large(number + 1)).unwrap();
    drop(writer);
    assert_eq!(sequences(&store.events_after(0, usize::MAX).unwrap()), (1..=number + 1).collect::<Vec<_>>());
}

fn large(number: u64) -> Batch {
    let mut batch = Batch::default();
    batch.add_event(Event { reason: "x".repeat(20_000), ..event(number) });
    batch
}

#[test]
fn full_disk_loses_nothing_and_does_not_end_the_store() {
    let folder = Folder::new();
    // A write beyond the limit of 1 MiB is an error instead of the end of the process when its signal is ignored.
    let output = Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 2048; exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "store::tests::full::limited_process"])
        .env(FILE, folder.file())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
