//! What cannot be used is refused: at start with an exit code and a message that says what to do, at a reload with the
//! same words in the log, and the answers go on.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::Path;

use gtm_common::counters::Outcome;
use gtm_tests::gtm::{CONFIG, Gtm};
use gtm_tests::{Namespace, Query, eventually};
use tempfile::TempDir;

use crate::stage::{SERVER_V4, Stage, edit, folder, folder_with};
use crate::{DEADLINE, beside_others, can_run};

/// Exit code for files that cannot be used.
const UNUSABLE: i32 = 2;
/// Exit code for a host on which the daemon cannot serve.
const FAILURE: i32 = 1;
const ZONE: &str = "example.com.zone";
const DATABASE: &str = "country.mmdb";

/// One way to break the files: the change, the file and line that the message begins with, and what it says.
struct Break {
    make: fn(&Path),
    at: &'static str,
    says: &'static [&'static str],
}

/// Every file in every way.
const BREAKS: &[Break] = &[
    Break {
        make: |folder| edit(folder, CONFIG, "version = 1", "version = = 1"),
        at: "gtm.toml:3:",
        says: &["not valid TOML"],
    },
    Break {
        make: |folder| edit(folder, CONFIG, "\"192.0.2.10\", ordinal = 1", "\"192.0.2.10\", ordinal = 70000"),
        at: "gtm.toml:33: pool.one.address[1].ordinal:",
        says: &["70000", "1 to 65535"],
    },
    Break {
        make: |folder| edit(folder, CONFIG, "countries", "contries"),
        at: "gtm.toml:23: source.germany",
        says: &["contries", "countries"],
    },
    Break {
        make: |folder| edit(folder, CONFIG, "[pool.one]\n", "[pool.one]\njudgement = \"150%\"\n"),
        at: "pool.one.judgement:",
        says: &["150%", "\"1%\" to \"100%\""],
    },
    Break {
        make: |folder| {
            edit(folder, CONFIG, "[pool.one]\n", "[pool.one]\npolicy = \"weight\"\n");
            edit(folder, CONFIG, "\"192.0.2.10\", ordinal = 1", "\"192.0.2.10\", ordinal = 1, weight = 101");
        },
        at: "pool.one.address[1].weight:",
        says: &["101", "0 to 100"],
    },
    Break {
        make: |folder| edit(folder, CONFIG, "pool = \"one\", ordinal = 1", "pool = \"one-v6\", ordinal = 1"),
        at: "domain[1].pool[1].pool:",
        says: &["\"one-v6\" is a pool of kind \"ipv6\"", "did you mean \"one\"?"],
    },
    Break {
        make: |folder| edit(folder, CONFIG, "2001:db8:30::2\", ordinal = 2", "2001:db8:30::2\", ordinal = 1"),
        at: "pool.many-v6.address[2].ordinal:",
        says: &["is already in line", "the next free one is 2"],
    },
    Break {
        make: |folder| edit(folder, ZONE, "text IN", "ns1 IN CNAME www.example.net.\ntext IN"),
        at: "example.com.zone:",
        says: &["ns1.example.com", "CNAME"],
    },
    Break {
        make: |folder| fs::remove_file(folder.join(CONFIG)).unwrap(),
        at: "gtm.toml:",
        says: &["No such file"],
    },
    Break {
        make: |folder| edit(folder, ZONE, "198.51.100.53", "198.51.100.253.1"),
        at: "example.com.zone:5:",
        says: &["198.51.100.253.1"],
    },
    Break { make: |folder| fs::remove_file(folder.join(ZONE)).unwrap(), at: "zone", says: &["No such file"] },
    Break {
        make: |folder| fs::write(folder.join(DATABASE), "no database").unwrap(),
        at: "gtm.toml:17: geo.databases[1]:",
        says: &["country.mmdb"],
    },
    Break {
        make: |folder| {
            let bytes = fs::read(folder.join(DATABASE)).unwrap();
            fs::write(folder.join(DATABASE), bytes.get(..bytes.len() / 2).unwrap()).unwrap();
        },
        at: "gtm.toml:17: geo.databases[1]:",
        says: &["country.mmdb"],
    },
    Break {
        make: |folder| fs::remove_file(folder.join(DATABASE)).unwrap(),
        at: "gtm.toml:17: geo.databases[1]:",
        says: &["country.mmdb", "No such file"],
    },
];

#[test]
fn start_with_unusable_files_is_refused() {
    if !can_run("start_with_unusable_files_is_refused", &[]) {
        return;
    }
    let _cpu = beside_others();
    let namespace = Namespace::create("edge").unwrap();
    for Break { make, at, says } in BREAKS {
        let folder = folder();
        make(folder.path());
        check_start(&namespace, folder, UNUSABLE, at, says);
    }
}

#[test]
fn start_on_an_unfit_host_is_refused() {
    if !can_run("start_on_an_unfit_host_is_refused", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let check = |from: &str, to: &str, says: &[&str]| {
        check_start(&stage.edge, folder_with(from, to), FAILURE, "error: ", says);
        assert_eq!(stage.program(), None, "nothing stays attached");
    };
    check("\"edge0\"", "\"eth9\"", &["interface eth9 does not exist", "`ip link` lists"]);
    // The first is attached when the second turns out to be missing.
    check("[\"edge0\"]", "[\"edge0\", \"eth9\"]", &["interface eth9 does not exist"]);
    check(
        "\"edge0\"",
        "\"lo\"",
        &["interface lo has no native XDP", "use xdp_mode = \"generic\" or \"auto\""],
    );

    let holder = stage.edge.run(|| UdpSocket::bind(SERVER_V4).unwrap()).unwrap();
    let own = format!("(process {})", std::process::id());
    check(
        "version = 1",
        "version = 1 ",
        &["UDP 198.51.100.53:53 is already taken by end_to_end", &own, "stop it"],
    );
    drop(holder);

    let holder = stage.edge.run(|| std::net::TcpListener::bind(SERVER_V4).unwrap()).unwrap();
    check("version = 1", "version = 1 ", &["TCP 198.51.100.53:53 is already taken by end_to_end", "stop it"]);
    drop(holder);

    // What stood in the way has gone.
    let gtm = stage.run(folder());
    let another = folder_with("[\"198.51.100.53\", \"2001:db8:53::53\"]", "[\"198.51.100.54\"]");
    let says = ["interface edge0 already has an XDP program", "`ip link set dev edge0 xdp off`"];
    check_start(&stage.edge, another, FAILURE, "error: ", &says);
    gtm.stop().unwrap();
}

#[test]
fn reload_of_unusable_files_is_refused_and_answers_go_on() {
    if !can_run("reload_of_unusable_files_is_refused_and_answers_go_on", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let program = stage.program();
    let good = folder();
    let loaded = fs::metadata(gtm.folder().join(DATABASE)).unwrap().modified().unwrap();
    let restore = || {
        for file in [CONFIG, ZONE, DATABASE] {
            fs::copy(good.path().join(file), gtm.folder().join(file)).unwrap();
        }
        // As it was: the daemon need not load it again by itself.
        File::options().write(true).open(gtm.folder().join(DATABASE)).unwrap().set_modified(loaded).unwrap();
    };
    let check = |says: &[&str]| {
        let written = gtm.reload().unwrap();
        assert!(written.contains("configuration refused"), "{written}");
        assert!(written.contains("the running one goes on"), "{written}");
        for text in says {
            assert!(written.contains(text), "no {text:?} in {written}");
        }
        assert_eq!(stage.program(), program);
        check_answers(&stage);
        restore();
    };
    for Break { make, at, says } in BREAKS {
        make(gtm.folder());
        check(&[&[*at], *says].concat());
    }
    for (from, to) in
        [("\"198.51.100.53\"", "\"198.51.100.54\""), ("\"edge0\"", "\"lo\""), ("\"native\"", "\"generic\"")]
    {
        edit(gtm.folder(), CONFIG, from, to);
        check(&["service: cannot change while gtm runs; restart it"]);
    }

    let written = gtm.reload().unwrap();
    assert!(written.contains("configuration accepted"), "{written}");
    assert_ne!(stage.program(), program, "a new generation is a new program");
    check_answers(&stage);
    gtm.stop().unwrap();
}

#[test]
fn a_changed_database_is_noticed() {
    if !can_run("a_changed_database_is_noticed", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let path = gtm.folder().join(DATABASE);
    let german = fs::read(&path).unwrap();
    // Texts of two bytes: Germany is now France.
    let mut french = german.clone();
    let code = german.windows(3).position(|bytes| bytes == b"\x42DE").unwrap();
    french[code..code + 3].copy_from_slice(b"\x42FR");
    let query: Query = "www.example.com A edns".parse().unwrap();
    let answered = |address: &str| {
        let expect = query.answer(&[address.into()], 0);
        eventually(DEADLINE, "the answer is that of the new database", || {
            (stage.side().client().send(SERVER_V4, &query.bytes()).unwrap().bytes == expect).then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}: {}", gtm.output()));
    };
    answered("192.0.2.20");
    // A configuration that nobody has asked for stays out of it.
    edit(gtm.folder(), CONFIG, "version = 1", "version = = 1");
    fs::write(&path, french).unwrap();
    answered("192.0.2.10");
    let program = stage.program();
    fs::write(&path, "no database").unwrap();
    gtm.wait_for_line(DEADLINE, "geo data refused").unwrap();
    assert_eq!(stage.program(), program);
    answered("192.0.2.10");
    fs::write(&path, german).unwrap();
    answered("192.0.2.20");
    assert_eq!(gtm.output().matches("geo data refused").count(), 1, "{}", gtm.output());
    gtm.stop().unwrap();
}

/// Starts the daemon, which must end by itself with this code and one message that says all of this.
#[track_caller]
fn check_start(namespace: &Namespace, folder: TempDir, code: i32, at: &str, says: &[&str]) {
    let mut gtm = Gtm::start(namespace, folder).unwrap();
    let status = gtm.wait(DEADLINE).unwrap();
    let output = gtm.output();
    assert_eq!(status.code(), Some(code), "{output}");
    let errors: Vec<&str> = output.lines().filter(|line| line.starts_with("error: ")).collect();
    let is_said = |line: &&str| line.contains(at) && says.iter().all(|text| line.contains(text));
    assert!(errors.iter().any(is_said), "no line with {at:?} and {says:?} in {output}");
    assert!(!output.contains("panicked"), "{output}");
}

/// The kernel's and the server's answers are those of the good configuration.
#[track_caller]
fn check_answers(stage: &Stage) {
    for (client, server) in stage.side().pairs() {
        let steered: Query = "www.example.com A edns".parse().unwrap();
        let (answer, counted) = stage.counted(|| client.send(server, &steered.bytes()).unwrap());
        assert_eq!(answer.bytes, steered.answer(&["192.0.2.20".into()], 0));
        assert_eq!(counted, [(Outcome::Answered, 1)]);
        let of_zone: Query = "ns1.example.com A".parse().unwrap();
        let (answer, counted) = stage.counted(|| client.send(server, &of_zone.bytes()).unwrap());
        assert_eq!(answer.addresses(), [SERVER_V4.ip()]);
        assert_eq!(counted, [(Outcome::Answered, 1)]);
    }
}
