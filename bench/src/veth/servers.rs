//! The servers: ours, and those of others, each with two workers, the same zone and the same geo data.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use gtm_tests::leftover::temporary_folder;
use gtm_tests::{Gtm, Namespace, Process};
use tempfile::TempDir;

use super::questions::{COUNTRIES, Country, DATABASE, SERVER, Steering, address, names};

/// The device that they serve on is put for this in a configuration.
const DEVICE: &str = "DEVICE";
/// How long one may take to start.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server that can be measured.
#[derive(Debug)]
pub(crate) struct Server {
    /// How figures call it.
    pub(crate) name: &'static str,
    /// Its program, and what has it say its version.
    pub(crate) program: (&'static str, &'static str),
    /// Whether it looks at who asks.
    pub(crate) steering: Steering,
    /// Whether it puts a program on the device itself.
    pub(crate) has_program: bool,
    /// What of the bar gtm is measured by beside it: row, must and aim of the ratio of answers for each CPU-second.
    pub(crate) bar: Option<(u8, f64, f64)>,
    arguments: &'static [&'static str],
    files: fn() -> Vec<(&'static str, String)>,
}

/// Ours first.
pub(crate) const SERVERS: [Server; 6] = [
    Server {
        name: "gtm",
        program: ("gtm", "--version"),
        steering: Steering::Country,
        has_program: true,
        bar: None,
        arguments: &[],
        files: || vec![("gtm.toml", gtm())],
    },
    Server {
        name: "NSD",
        program: ("nsd", "-v"),
        steering: Steering::None,
        has_program: false,
        bar: Some((9, 8.0, 15.0)),
        arguments: &["-d", "-c", "nsd.conf"],
        files: || vec![("nsd.conf", nsd())],
    },
    Server {
        name: "Knot",
        program: ("knotd", "--version"),
        steering: Steering::Country,
        has_program: false,
        bar: Some((9, 8.0, 15.0)),
        arguments: &["-c", "knot.conf"],
        files: || {
            vec![("knot.conf", knot(&format!("server:\n  listen: {SERVER}@53\n"))), ("geo.conf", knot_geo())]
        },
    },
    Server {
        // A veth has no zero-copy mode.
        name: "Knot XDP (copy mode)",
        program: ("knotd", "--version"),
        steering: Steering::Country,
        has_program: true,
        bar: Some((10, 4.0, 6.0)),
        arguments: &["-c", "knot.conf"],
        files: || {
            vec![
                ("knot.conf", knot(&format!("xdp:\n  listen: {DEVICE}@53\nserver:\n"))),
                ("geo.conf", knot_geo()),
            ]
        },
    },
    Server {
        name: "gdnsd",
        program: ("gdnsd", "version"),
        steering: Steering::Country,
        has_program: false,
        bar: Some((9, 8.0, 15.0)),
        arguments: &["-c", "etc", "start"],
        files: || vec![("etc/config", gdnsd()), ("etc/zones/gtm.test", gdnsd_zone())],
    },
    Server {
        name: "PowerDNS",
        program: ("pdns_server", "--version"),
        steering: Steering::Country,
        has_program: false,
        bar: Some((10, 20.0, 50.0)),
        arguments: &["--config-dir=."],
        files: || vec![("pdns.conf", powerdns()), ("zones.yaml", powerdns_zones())],
    },
];

/// A server that runs; ended on drop.
#[derive(Debug)]
pub(crate) enum Running {
    Gtm(Gtm),
    Other { process: Process, _folder: TempDir },
}

impl Server {
    /// Its version in its own words; `None` where it is not installed. What is said in several lines is cut.
    pub(crate) fn version(&self) -> Option<String> {
        let (program, argument) = self.program;
        if program == "gtm" {
            return Some(format!("gtm {}", env!("CARGO_PKG_VERSION")));
        }
        let output = Command::new(program).arg(argument).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let number =
            |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.matches('.').count() == 2;
        let version = said.split_whitespace().find(number)?.to_owned();
        Some(format!("{program} {version}"))
    }

    /// Starts it in the namespace; whether it serves yet is to be found out.
    pub(crate) fn start(&self, namespace: &Namespace, device: &str) -> anyhow::Result<Running> {
        let folder = temporary_folder()?;
        for (name, text) in (self.files)().into_iter().chain([("zone", zone())]) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().context("in the folder")?)?;
            fs::write(path, text.replace(DEVICE, device))?;
        }
        for name in ["country.mmdb", "etc/geoip/country.mmdb"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().context("in the folder")?)?;
            fs::write(path, DATABASE)?;
        }
        for name in ["run", "state"] {
            fs::create_dir(folder.path().join(name))?;
        }
        if self.name == "gtm" {
            let gtm = Gtm::start(namespace, folder)?;
            gtm.wait_for_line(DEADLINE, "program attached")?;
            return Ok(Running::Gtm(gtm));
        }
        let mut command = namespace.command(self.program.0);
        command.args(self.arguments).current_dir(folder.path());
        Ok(Running::Other { process: Process::start(command)?, _folder: folder })
    }
}

impl Running {
    /// The error, with what it wrote below it.
    pub(crate) fn with_output(&self, error: &anyhow::Error) -> anyhow::Error {
        match self {
            Self::Gtm(gtm) => gtm.with_output(error),
            Self::Other { process, .. } => process.with_output(error),
        }
    }
}

fn zone() -> String {
    let mut text = "$ORIGIN gtm.test.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 198.51.100.53\n".to_owned();
    // For those who know no geo data, and as the names that Knot's module answers for.
    for name in names() {
        writeln!(text, "{name} A {}", address(0)).ok();
    }
    text
}

/// The countries with their numbers.
fn countries() -> impl Iterator<Item = (usize, &'static Country)> {
    (1..).zip(&COUNTRIES)
}

fn gtm() -> String {
    let mut text = format!(
        "version = 1\n[service]\nlisten = [\"{SERVER}\"]\ninterfaces = [\"{DEVICE}\"]\nxdp_mode = \"native\"\n\
         [control]\nsocket = \"gtm.sock\"\n[store]\nfile = \"gtm.redb\"\n[geo]\ndatabases = [\"country.mmdb\"]\n\
         [zone.\"gtm.test\"]\nfile = \"zone\"\n"
    );
    let mut pools = String::new();
    for number in 0..=COUNTRIES.len() {
        let source = number.checked_sub(1).and_then(|place| COUNTRIES.get(place));
        writeln!(
            text,
            "[pool.pool{number}]\nkind = \"ipv4\"\naddress = [{{ address = \"{}\", ordinal = 1 }}]",
            address(number)
        )
        .ok();
        if let Some(country) = source {
            writeln!(text, "[source.source{number}]\ncountries = [\"{}\"]", country.code).ok();
        }
        let source = source.map_or_else(|| "default".to_owned(), |_| format!("source{number}"));
        writeln!(
            pools,
            "[[domain.pool]]\npool = \"pool{number}\"\nordinal = {}\nsources = [\"{source}\"]",
            number + 1
        )
        .ok();
    }
    for name in names() {
        write!(text, "[[domain]]\nname = \"{name}.gtm.test\"\ntype = \"A\"\nttl = 300\npolicy = \"nearest-source\"\n{pools}").ok();
    }
    text
}

fn nsd() -> String {
    // Its limit of answers to one network is on by default.
    format!(
        "server:\n  ip-address: {SERVER}\n  server-count: 2\n  username: \"\"\n  pidfile: \"run/pid\"\n  zonesdir: \".\"\n  \
         database: \"\"\n  zonelistfile: \"run/zones\"\n  xfrdfile: \"run/xfrd\"\n  xfrdir: \"run\"\n  rrl-ratelimit: 0\n  \
         rrl-whitelist-ratelimit: 0\n  minimal-responses: yes\n\
         remote-control:\n  control-enable: no\nzone:\n  name: gtm.test\n  zonefile: zone\n"
    )
}

fn knot(listen: &str) -> String {
    format!(
        "{listen}  rundir: run\n  udp-workers: 2\n  tcp-workers: 1\n  background-workers: 1\ndatabase:\n  storage: state\n\
         log:\n - target: stderr\n   any: info\n\
         mod-geoip:\n - id: geo\n   config-file: geo.conf\n   ttl: 300\n   mode: geodb\n   geodb-file: country.mmdb\n   \
         geodb-key: country/iso_code\nzone:\n - domain: gtm.test\n   storage: .\n   file: zone\n   zonefile-load: whole\n   \
         journal-content: none\n   module: mod-geoip/geo\n"
    )
}

fn knot_geo() -> String {
    let mut text = String::new();
    for name in names() {
        writeln!(text, "{name}.gtm.test:").ok();
        for (number, country) in countries() {
            writeln!(text, "  - geo: \"{}\"\n    A: {}", country.code, address(number)).ok();
        }
        writeln!(text, "  - geo: \"*\"\n    A: {}", address(0)).ok();
    }
    text
}

fn gdnsd() -> String {
    let (mut map, mut sites) = (String::new(), format!("d0 => {}", address(0)));
    let mut centres = "d0".to_owned();
    for (number, country) in countries() {
        write!(sites, ", d{number} => {}", address(number)).ok();
        write!(centres, ", d{number}").ok();
        let is_first = !map.contains(&format!("{} =>", country.continent));
        let entry = format!("{} => [ d{number} ]", country.code);
        if is_first {
            write!(map, "{} => {{ default => [ d0 ], {entry} }}\n      ", country.continent).ok();
        } else {
            let open = format!("{} => {{ ", country.continent);
            map = map.replacen(&open, &format!("{open}{entry}, "), 1);
        }
    }
    format!(
        "options => {{ listen => [ {SERVER} ], udp_threads => 2, tcp_threads => 1, run_dir => run, state_dir => state }}
plugins => {{
  geoip => {{
    maps => {{ world => {{ geoip2_db => country.mmdb, datacenters => [ {centres} ], map => {{
      {map}default => [ d0 ]
    }} }} }}
    resources => {{ www => {{ map => world, service_types => up, dcmap => {{ {sites} }} }} }}
  }}
}}
"
    )
}

fn gdnsd_zone() -> String {
    let mut text =
        "@ 300 SOA ns1 hostmaster ( 1 3600 600 86400 60 )\n@ 300 NS ns1\nns1 300 A 198.51.100.53\n"
            .to_owned();
    for name in names() {
        writeln!(text, "{name} 300 DYNA geoip!www").ok();
    }
    text
}

fn powerdns() -> String {
    // One distributor for each receiver: then a receiver answers itself, and two receivers are two workers.
    format!(
        "launch=geoip\ngeoip-zones-file=zones.yaml\ngeoip-database-files=mmdb:country.mmdb\nlocal-address={SERVER}\n\
         socket-dir=run\nreceiver-threads=2\ndistributor-threads=1\nreuseport=yes\ndaemon=no\nguardian=no\n\
         version-string=anonymous\n"
    )
}

fn powerdns_zones() -> String {
    let mut text = "domains:\n- domain: gtm.test\n  ttl: 300\n  records:\n    gtm.test:\n      - soa: ns1.gtm.test hostmaster.gtm.test 1 3600 600 86400 60\n      - ns: ns1.gtm.test\n    ns1.gtm.test:\n      - a: 198.51.100.53\n".to_owned();
    writeln!(text, "    default.site.gtm.test:\n      - a: {}", address(0)).ok();
    for (number, country) in countries() {
        writeln!(text, "    {}.site.gtm.test:\n      - a: {}", country.code.to_lowercase(), address(number))
            .ok();
    }
    text += "  services:\n";
    for name in names() {
        writeln!(text, "    {name}.gtm.test: [ '%cc.site.gtm.test', 'default.site.gtm.test' ]").ok();
    }
    text
}
