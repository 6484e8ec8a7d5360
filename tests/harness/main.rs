//! The guards of the harness keep their promises: nothing outlives them, also after a panic or a crash.
#![expect(clippy::unwrap_used, reason = "tests may unwrap, and so may what they share")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gtm_tests::counters::xdp_program;
use gtm_tests::pass::PassProgram;
use gtm_tests::privilege::root_or_skip;
use gtm_tests::{Client, Namespace, Process, Site, Veth, eventually, leftover};

const DEADLINE: Duration = Duration::from_secs(10);
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}

fn is_alive(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // One that has ended but is not yet reaped counts as gone.
    !state.is_empty() && !state.contains(") Z ")
}

fn shell(namespace: &Namespace, script: &str) -> Process {
    let mut command = namespace.command("sh");
    command.args(["-c", script]);
    Process::start(command).unwrap()
}

/// A pair of connected namespaces with the addresses `NEAR` and `FAR`.
fn pair() -> (Arc<Namespace>, Arc<Namespace>, Veth) {
    let near = Arc::new(Namespace::create("near").unwrap());
    let far = Arc::new(Namespace::create("far").unwrap());
    let veth = Veth::connect((&near, "near0"), (&far, "far0"), 1400).unwrap();
    near.add_address("near0", NEAR).unwrap();
    far.add_address("far0", FAR).unwrap();
    near.add_default_route("near0").unwrap();
    far.add_default_route("far0").unwrap();
    (near, far, veth)
}

#[test]
fn namespace_goes_with_its_guard_also_after_a_panic() {
    if !root_or_skip("namespace_goes_with_its_guard_also_after_a_panic") {
        return;
    }
    let panicked = std::thread::spawn(|| {
        let namespace = Namespace::create("panic").unwrap();
        assert!(exists(namespace.name()));
        std::panic::panic_any(namespace.name().to_owned());
    });
    let name = panicked.join().unwrap_err().downcast::<String>().unwrap();
    assert!(!exists(&name), "{name} is still there");
}

#[test]
fn namespaces_of_one_label_have_different_names() {
    if !root_or_skip("namespaces_of_one_label_have_different_names") {
        return;
    }
    let one = Namespace::create("twin").unwrap();
    let other = Namespace::create("twin").unwrap();
    assert_ne!(one.name(), other.name());
}

#[test]
fn only_the_network_is_another_one_inside() {
    if !root_or_skip("only_the_network_is_another_one_inside") {
        return;
    }
    let namespace = Namespace::create("inside").unwrap();
    let look = || ["net", "mnt"].map(|kind| fs::read_link(format!("/proc/thread-self/ns/{kind}")).unwrap());
    let [outer_net, outer_mnt] = look();
    let [net, mnt] = namespace.run(look).unwrap();
    assert_ne!(net, outer_net);
    assert_eq!(mnt, outer_mnt);
    let mut child = shell(&namespace, "readlink /proc/self/ns/net");
    child.wait_for_line(DEADLINE, net.to_str().unwrap()).unwrap();
    assert!(child.wait(DEADLINE).unwrap().success());
    assert_eq!(look(), [outer_net, outer_mnt], "the caller has stayed outside");
}

#[test]
fn sysctl_is_set_inside_only() {
    if !root_or_skip("sysctl_is_set_inside_only") {
        return;
    }
    let key = Path::new("/proc/sys/net/ipv4/ip_default_ttl");
    let outside = fs::read_to_string(key).unwrap();
    let namespace = Namespace::create("sysctl").unwrap();
    namespace.set_sysctl("ipv4/ip_default_ttl", "33").unwrap();
    assert_eq!(namespace.run(|| fs::read_to_string(key)).unwrap().unwrap(), "33\n");
    assert_eq!(fs::read_to_string(key).unwrap(), outside);
}

#[test]
fn process_ends_with_its_guard() {
    if !root_or_skip("process_ends_with_its_guard") {
        return;
    }
    let namespace = Namespace::create("child").unwrap();
    let child = shell(&namespace, "echo pid $$; exec sleep 60");
    let line = child.wait_for_line(DEADLINE, "pid ").unwrap();
    let pid = line.trim_start_matches("pid ").to_owned();
    assert!(is_alive(&pid));
    drop(child);
    assert!(!is_alive(&pid));
}

#[test]
fn process_that_ignores_sigterm_is_killed() {
    if !root_or_skip("process_that_ignores_sigterm_is_killed") {
        return;
    }
    let namespace = Namespace::create("stubborn").unwrap();
    let mut child = shell(&namespace, "trap '' TERM; echo pid $$; while :; do sleep 60; done");
    let line = child.wait_for_line(DEADLINE, "pid ").unwrap();
    let error = child.stop().unwrap_err();
    assert!(format!("{error:#}").contains("was killed"), "{error:#}");
    assert!(!is_alive(line.trim_start_matches("pid ")));
}

#[test]
fn process_that_ends_early_is_reported_with_its_output() {
    if !root_or_skip("process_that_ends_early_is_reported_with_its_output") {
        return;
    }
    let namespace = Namespace::create("early").unwrap();
    let child = shell(&namespace, "echo out; echo err >&2");
    let error = child.wait_for_line(DEADLINE, "ready").unwrap_err().to_string();
    assert!(error.contains("sh ended without a line with \"ready\""), "{error}");
    assert!(error.contains("out\nerr"), "{error}");
}

#[test]
fn processes_left_in_a_namespace_end_with_it() {
    if !root_or_skip("processes_left_in_a_namespace_end_with_it") {
        return;
    }
    let namespace = Namespace::create("left").unwrap();
    let mut child = namespace.command("sleep").arg("60").spawn().unwrap();
    drop(namespace);
    let status = eventually(DEADLINE, "sleep is ended", || child.try_wait().unwrap()).unwrap();
    assert!(!status.success(), "{status}");
}

#[test]
fn sweep_removes_what_a_dead_process_left_and_nothing_else() {
    if !root_or_skip("sweep_removes_what_a_dead_process_left_and_nothing_else") {
        return;
    }
    let mut dead = Command::new("true").spawn().unwrap();
    // Ended but not reaped: whoever started a crashed run may not have looked yet.
    let program = format!("/proc/{}/exe", dead.id());
    eventually(DEADLINE, "true ends", || fs::read_link(&program).is_err().then_some(())).unwrap();
    let leftover_name = format!("gtm-{}-crash", dead.id());
    let living = Namespace::create("living").unwrap();
    let add = |name: &str| Command::new("ip").args(["netns", "add", name]).status().unwrap();
    assert!(add(&leftover_name).success());
    let folder = std::env::temp_dir().join(&leftover_name);
    fs::create_dir(&folder).unwrap();
    let mut inside =
        Command::new("ip").args(["netns", "exec", &leftover_name, "sleep", "60"]).spawn().unwrap();
    let pid = inside.id();
    // The sweep looks at who is inside: the child has to have entered.
    let entered = || fs::metadata(format!("/proc/{pid}/ns/net")).ok().map(|metadata| metadata.ino());
    let target = fs::metadata(Path::new("/run/netns").join(&leftover_name)).unwrap().ino();
    eventually(DEADLINE, "sleep enters the namespace", || (entered() == Some(target)).then_some(())).unwrap();

    leftover::sweep();

    let status = eventually(DEADLINE, "sleep is ended", || inside.try_wait().unwrap()).unwrap();
    assert!(!status.success(), "{status}");

    dead.wait().unwrap();
    assert!(!exists(&leftover_name));
    assert!(!folder.exists());
    assert!(exists(living.name()));
}

#[test]
fn site_refuses_while_it_is_stopped() {
    if !root_or_skip("site_refuses_while_it_is_stopped") {
        return;
    }
    let (near, far, _veth) = pair();
    let mut site = Site::start(&far, FAR).unwrap();
    let visit = |path: &str| {
        near.run(|| {
            use std::io::{Read, Write};
            let mut connection = std::net::TcpStream::connect((FAR, 80))?;
            write!(connection, "GET {path} HTTP/1.1\r\nHost: site\r\n\r\n")?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            Ok::<_, std::io::Error>(answer.lines().next().unwrap_or_default().to_owned())
        })
        .unwrap()
    };
    assert_eq!(visit("/health").unwrap(), "HTTP/1.1 200 OK");
    assert_eq!(visit("/other").unwrap(), "HTTP/1.1 404 Not Found");
    site.stop().unwrap();
    assert_eq!(visit("/health").unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    site.resume().unwrap();
    assert_eq!(visit("/health").unwrap(), "HTTP/1.1 200 OK");
}

#[test]
fn client_asks_from_its_address() {
    if !root_or_skip("client_asks_from_its_address") {
        return;
    }
    let (near, far, _veth) = pair();
    let socket = far.run(|| std::net::UdpSocket::bind((FAR, 53)).unwrap()).unwrap();
    let responder = std::thread::spawn(move || {
        let mut query = [0; 512];
        let (length, from) = socket.recv_from(&mut query).unwrap();
        // The query itself, as a response without records.
        query[2] |= 0x80;
        socket.send_to(&query[..length], from).unwrap();
        from
    });
    let client = Client::new(&near, NEAR);
    let server = (FAR, 53).into();
    let prefix = (IpAddr::V4(Ipv4Addr::new(1, 64, 0, 0)), 24);
    let answer = client.ask_for(server, "www.example.com", hickory_proto::rr::RecordType::A, prefix).unwrap();
    assert_eq!(responder.join().unwrap().ip(), NEAR);
    assert!(answer.addresses().is_empty());
    let subnet = answer.subnet().unwrap();
    assert_eq!((subnet.addr(), subnet.source_prefix()), prefix);
    let lost = client.ask(server, "www.example.com", hickory_proto::rr::RecordType::A).unwrap_err();
    assert!(lost.to_string().contains("did not answer"), "{lost:#}");
}

#[test]
fn links_have_the_mtu_and_go_with_their_guard() {
    if !root_or_skip("links_have_the_mtu_and_go_with_their_guard") {
        return;
    }
    let (near, far, veth) = pair();
    assert!(far.ip(&["link", "show", "dev", "far0"]).unwrap().contains("mtu 1400"));
    drop(veth);
    assert!(near.ip(&["link", "show", "dev", "near0"]).is_err());
    assert!(far.ip(&["link", "show", "dev", "far0"]).is_err());
}

#[test]
fn passing_program_is_attached_as_long_as_its_guard_lives() {
    if !root_or_skip("passing_program_is_attached_as_long_as_its_guard_lives") {
        return;
    }
    let (near, _far, _veth) = pair();
    let pass = PassProgram::attach(&near, "near0").unwrap();
    assert!(xdp_program(&near, "near0").unwrap().is_some());
    drop(pass);
    assert_eq!(xdp_program(&near, "near0").unwrap(), None);
}
