//! What configurations mean, and what is said about bad ones: each case is one edit of a valid configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

mod examples;
mod policies;
mod refusals;
mod steering;
mod warnings;

use super::model::*;
use super::*;

/// A valid configuration without warnings. The edits of the cases name whole lines of it.
const BASE: &str = r#"version = 1
[service]
listen = ["192.0.2.53", "[2001:db8::53]:5353"]
interfaces = ["eth0"]
[geo]
databases = ["country.mmdb"]
[zone."example.com"]
file = "example.com.zone"
[source.mainland]
countries = ["CN"]
[template.web]
kind = "http"
[template.other]
kind = "ping"
[pool.mainland]
kind = "ipv4"
templates = ["web"]
[[pool.mainland.address]]
address = "223.5.0.1"
ordinal = 1
[[pool.mainland.address]]
address = "223.6.0.1"
ordinal = 2
templates = ["other"]
[pool.six]
kind = "ipv6"
address = [{ address = "2001:db8::1", ordinal = 1 }]
[pool.named]
kind = "domain"
address = [{ address = "site.example.net", ordinal = 1 }]
[[domain]]
name = "www.example.com"
type = "A"
policy = "nearest-source"
[[domain.pool]]
pool = "mainland"
ordinal = 1
sources = ["mainland", "default"]
[[domain]]
name = "www.example.com"
type = "AAAA"
policy = "ordinal"
pool = [{ pool = "six", ordinal = 1 }]
[[domain]]
name = "alias.example.com"
type = "CNAME"
policy = "ordinal"
pool = [{ pool = "named", ordinal = 1 }]
"#;

const ZONE: &str = r"$TTL 60
@ SOA ns host 1 2 3 4 5
@ NS ns
ns A 192.0.2.53
www A 203.0.113.80
cname CNAME www
sub NS ns.sub
ns.sub A 192.0.2.54
dname DNAME example.net.
";

/// Loads a configuration in a folder of its own, with the zone file beside it.
fn load_text(text: &str) -> Result<Loaded, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.com.zone"), ZONE).unwrap();
    let path = folder.path().join("gtm.toml");
    std::fs::write(&path, text).unwrap();
    load(&path)
}

/// The base with a part of it replaced; an empty part means an addition at the end.
#[track_caller]
fn edited(old: &str, new: &str) -> String {
    if old.is_empty() {
        return format!("{BASE}{new}");
    }
    assert!(BASE.contains(old), "{old} is in the base");
    BASE.replacen(old, new, 1)
}

/// Each problem as `line: key: message`.
fn said(problems: &[Problem]) -> Vec<String> {
    let lines = problems.iter().map(|problem| {
        let shown = Problem { file: PathBuf::new(), ..problem.clone() }.to_string();
        shown.trim_start_matches(':').to_owned()
    });
    lines.collect()
}

/// The problems of the edited base, all of them.
#[track_caller]
fn check_bad(old: &str, new: &str, expect: &[&str]) {
    let text = edited(old, new);
    let errors = load_text(&text).expect_err(&text);
    assert_eq!(said(&errors.problems), expect, "{new}");
}

#[track_caller]
fn model(old: &str, new: &str) -> Model {
    load_text(&edited(old, new)).unwrap_or_else(|errors| panic!("{errors}")).model
}

#[test]
fn base_means_what_it_says() {
    let loaded = load_text(BASE).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(said(&loaded.warnings), [""; 0]);
    let model = loaded.model;
    assert_eq!(
        model.service.listen,
        ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:5353".parse().unwrap()]
    );
    assert_eq!((model.service.interfaces, model.service.xdp_mode), (vec!["eth0".to_owned()], XdpMode::Auto));
    assert!(
        model.geo_databases[0].path.is_absolute() && model.geo_databases[0].path.ends_with("country.mmdb")
    );
    assert_eq!(model.zones[0].nodes.iter().count(), 7);
    assert_eq!((model.sources[0].name.as_str(), model.sources[1].name.as_str()), ("default", "mainland"));
    assert_eq!(model.sources[1].include.countries, ["CN"]);
    let http = HttpCheck { tls: Tls::Off, port: 80, path: "/".to_owned(), host: None, expect_status: vec![] };
    let web = Template {
        name: "web".to_owned(),
        kind: CheckKind::Http(http),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        failures: 3,
        successes: 2,
        initial: Initial::Up,
    };
    assert_eq!(model.templates[0], web);
    assert_eq!(model.pools.len(), 3);
    let first = &model.pools[0].addresses[0];
    assert_eq!(first.target, Target::Ip(IpAddr::from([223, 5, 0, 1])));
    assert_eq!((first.mode, first.enabled, &first.checks), (AddressMode::Auto, true, &vec![CheckId(0)]));
    assert_eq!(model.checks[1].template, TemplateId(1), "an address's own templates replace the pool's");
    assert_eq!(model.checks.len(), 2);
    assert_eq!((first.weight, first.judgement, &first.sources), (1, Judgement::All, &vec![]));
    let pool = &model.pools[0];
    assert_eq!((pool.policy, pool.preemption, pool.sticky), (Policy::Ordinal, Preemption::Preemptive, None));
    assert_eq!((pool.judgement, pool.min_available), (Judgement::Any, 1));
    assert_eq!(model.control.socket, PathBuf::from("/run/gtm/gtm.sock"));
    assert_eq!(model.store.file, PathBuf::from("/var/lib/gtm/gtm.redb"));
    assert_eq!(model.store.keep_events, Duration::from_hours(7 * 24));
    assert_eq!(
        model.dns,
        Dns { ecs: EcsTrust::Always, nsid: None, version: None, id: None, extended_errors: false }
    );
    let domain = &model.domains[0];
    assert_eq!((domain.steered, domain.ttl, domain.enabled), (SteeredType::A, 30, true));
    assert_eq!((domain.preemption, domain.sticky, domain.max_answers), (Preemption::Preemptive, None, None));
    assert_eq!(
        (&domain.all_down, domain.source_fallback),
        (&AllDownAction::DefaultPool, SourceFallback::Default)
    );
    assert_eq!(domain.pools[0].weight, 1);
    assert_eq!(domain.pools[0].sources, [SourceId(1), DEFAULT_SOURCE]);
}

#[test]
fn lists_are_in_their_deciding_order() {
    let swapped = edited("ordinal = 1\n[[pool", "ordinal = 9\n[[pool");
    let model = load_text(&swapped).unwrap().model;
    let ordinals: Vec<_> = model.pools[0].addresses.iter().map(|address| address.ordinal).collect();
    assert_eq!(ordinals, [2, 9]);
}

#[test]
fn checks_are_shared() {
    let other = "[pool.z]\nkind = \"ipv4\"\ntemplates = [\"other\", \"web\"]\naddress = [{ address = \"223.5.0.1\", ordinal = 1 }]";
    let model = model("", other);
    assert_eq!(model.checks.len(), 3);
    assert_eq!(model.pools[3].addresses[0].checks, [CheckId(2), CheckId(0)]);
}

#[test]
fn values_are_read() {
    let templates = |keys: &str| model("kind = \"http\"", keys).templates.remove(0);
    let web = templates(
        "kind = \"https\"\ninterval = \"1m\"\ntimeout = \"500ms\"\nfailures = 1\nsuccesses = 100\ninitial = \"down\"",
    );
    assert_eq!((web.interval, web.timeout), (Duration::from_mins(1), Duration::from_millis(500)));
    assert_eq!((web.failures, web.successes, web.initial), (1, 100, Initial::Down));
    let CheckKind::Http(https) = web.kind else { panic!("{:?}", web.kind) };
    assert_eq!((https.tls, https.port), (Tls::Verify, 443));
    let web = templates(
        "kind = \"https\"\nverify = false\nport = 8443\npath = \"/a?b\"\nhost = \"a.b\"\nexpect_status = [200, 204]",
    );
    let CheckKind::Http(https) = web.kind else { panic!("{:?}", web.kind) };
    assert_eq!((https.tls, https.port, https.path.as_str()), (Tls::NoVerify, 8443, "/a?b"));
    assert_eq!((https.host.as_deref(), https.expect_status), (Some("a.b"), vec![200, 204]));
    assert_eq!(templates("kind = \"tcp\"\nport = 0x16").kind, CheckKind::Tcp { port: 22 });
    assert_eq!(templates("kind = \"ping\"\ninterval = \"1s\"").timeout, Duration::from_secs(1));
    assert_eq!(templates("kind = \"ping\"\ninterval = \"1h\"").interval, Duration::from_hours(1));

    let source = |keys: &str| model("countries = [\"CN\"]", keys).sources.remove(1);
    let read = source(
        "continents = [\"AS\"]\nsubdivisions = [\"US-CA\"]\ncities = [1]\nas_numbers = [4294967295]\nprefixes = [\"10.0.0.0/8\", \"::/0\"]\nexclude_prefixes = [\"10.0.0.0/9\"]",
    );
    assert_eq!((read.include.cities, read.include.as_numbers), (vec![1], vec![u32::MAX]));
    let prefixes: Vec<_> = read.include.prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(prefixes, ["10.0.0.0/8", "::/0"]);
    assert_eq!(read.exclude.prefixes[0].to_string(), "10.0.0.0/9");

    let dns = |keys: &str| model("", &format!("[dns]\n{keys}")).dns;
    assert_eq!(dns("ecs = \"always\"").ecs, EcsTrust::Always);
    assert_eq!(dns("ecs = \"never\"").ecs, EcsTrust::Never);
    let EcsTrust::Prefixes(prefixes) = dns("ecs = [\"192.0.2.0/24\", \"::/0\"]").ecs else { panic!() };
    assert_eq!(prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.0/24", "::/0"]);
    let said = dns("nsid = \"a\"\nversion = \"b\"\nid = \"c\"\nextended_errors = true");
    let text = |text: &str| Some(text.to_owned());
    assert_eq!((said.nsid, said.version, said.id), (text("a"), text("b"), text("c")));
    assert!(said.extended_errors);
    let longest = "x".repeat(64);
    assert_eq!(dns(&format!("nsid = \"{longest}\"")).nsid, Some(longest));

    let listen = |list: &str| model("[\"192.0.2.53\", \"[2001:db8::53]:5353\"]", list).service.listen;
    assert_eq!(
        listen("[\"::1\", \"[::2]\", \"127.0.0.1:5353\"]")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["[::1]:53", "[::2]:53", "127.0.0.1:5353"]
    );
}
