//! `service_types`: what becomes a health check template, and what only says that something is up or down.

use std::collections::BTreeMap;

use super::super::report::{Place, Report};
use super::naming::Naming;
use super::section::{Item, Section};

const DEFAULT_UP_THRESH: u32 = 20;
const DEFAULT_OK_THRESH: u32 = 10;
const DEFAULT_DOWN_THRESH: u32 = 10;
const DEFAULT_INTERVAL: u32 = 10;
/// Most consecutive probes a template of ours takes.
const MAX_COUNT: u32 = 100;
/// Longest timeout of ours, in milliseconds.
const MAX_TIMEOUT: u32 = 60_000;

/// What a service type says of an address.
#[derive(Debug, Clone)]
pub(super) enum Service {
    /// Nothing: it is up.
    Up,
    /// It is down.
    Down,
    /// What a check finds.
    Checked(Template),
    /// What nothing here can find out.
    NoEqual,
}

/// A health check template to write.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Its name here.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) path: String,
    /// Lines of comment.
    pub(super) comments: Vec<String>,
    /// Keys and values, as they are written.
    pub(super) keys: Vec<(&'static str, String)>,
    /// The shortest time in seconds from all good to failed: what gdnsd makes TTLs of.
    pub(super) seconds_to_failed: u32,
}

/// All service types by their name in the file, with the two that are always there.
pub(super) fn read(root: &Section<'_>, naming: &mut Naming, report: &Report) -> BTreeMap<String, Service> {
    let mut services = BTreeMap::from([("up".to_owned(), Service::Up), ("down".to_owned(), Service::Down)]);
    let section = root.take("service_types").and_then(|item| item.expect_section(report));
    for item in section.iter().flat_map(Section::rest) {
        let service = read_service(&item, naming, report).unwrap_or(Service::NoEqual);
        services.insert(item.key.to_owned(), service);
    }
    services
}

fn read_service(item: &Item<'_>, naming: &mut Naming, report: &Report) -> Option<Service> {
    let section = item.expect_section(report)?;
    let Some(plugin) = section.take("plugin") else {
        item.no_equal(report, "\"plugin\" is missing; addresses count as up for it");
        return None;
    };
    match plugin.text(report)? {
        "http_status" | "tcp_connect" => read_template(item, &section, naming, report).map(Service::Checked),
        "null" => Some(Service::Down),
        "static" => read_static(&section, report),
        other => {
            let kind = match other {
                "extmon" => "a check by a command has no equal",
                "extfile" => "a state from a file has no equal",
                _ => "not a monitoring plugin that is known",
            };
            plugin
                .no_equal(report, format!("{kind}; addresses with this service type are not checked for it"));
            None
        }
    }
}

fn read_static(section: &Section<'_>, report: &Report) -> Option<Service> {
    if let Some(ttl) = section.take("ttl") {
        ttl.no_equal(report, "TTLs do not follow from the state; the access domain has one");
    }
    match section.take("state") {
        Some(state) => match state.text(report)?.to_ascii_uppercase().as_str() {
            "DOWN" => Some(Service::Down),
            _ => Some(Service::Up),
        },
        None => Some(Service::Up),
    }
}

fn read_template(
    item: &Item<'_>,
    section: &Section<'_>,
    naming: &mut Naming,
    report: &Report,
) -> Option<Template> {
    let number = |key: &str, default: u32| {
        section.take(key).and_then(|item| item.number(report, 1..=65535)).unwrap_or(default)
    };
    let interval = number("interval", DEFAULT_INTERVAL);
    let up_thresh = clamped(section, "up_thresh", DEFAULT_UP_THRESH, report);
    let down_thresh = clamped(section, "down_thresh", DEFAULT_DOWN_THRESH, report);
    let mut comments = Vec::new();
    read_ok_thresh(section, down_thresh, &mut comments, report);
    let timeout = read_timeout(section, interval, report);
    let mut keys = Vec::new();
    if section.take("plugin").and_then(|plugin| plugin.value.text()) == Some("tcp_connect") {
        let Some(port) = section.take("port") else {
            item.no_equal(report, "\"port\" is missing; addresses are not checked for it");
            return None;
        };
        keys.push(("kind", quoted("tcp")));
        keys.push(("port", port.number(report, 1..=65535)?.to_string()));
    } else {
        keys.push(("kind", quoted("http")));
        read_http(section, &mut keys, &mut comments, report);
    }
    keys.push(("interval", quoted(&format!("{interval}s"))));
    keys.push(("timeout", quoted(&milliseconds(timeout))));
    keys.push(("failures", down_thresh.to_string()));
    keys.push(("successes", up_thresh.to_string()));
    for other in section.rest() {
        other.no_equal(report, "not a setting of this plugin that is known; left out");
    }
    Some(Template {
        name: naming.template(item.key),
        place: item.place.clone(),
        path: item.path.clone(),
        comments,
        keys,
        seconds_to_failed: interval.saturating_mul(down_thresh),
    })
}

/// A count of probes, at most what a template takes.
fn clamped(section: &Section<'_>, key: &str, default: u32, report: &Report) -> u32 {
    let Some(item) = section.take(key) else { return default };
    let count = item.number(report, 1..=65535).unwrap_or(default);
    if count > MAX_COUNT {
        item.no_equal(
            report,
            format!("{count} is above {MAX_COUNT}, the most a template takes; now {MAX_COUNT}"),
        );
    }
    count.min(MAX_COUNT)
}

/// gdnsd counts failures that are not consecutive, until so many successes in a row; here one success begins anew. The
/// same only when one failure or one success is enough.
fn read_ok_thresh(section: &Section<'_>, down_thresh: u32, comments: &mut Vec<String>, report: &Report) {
    let item = section.take("ok_thresh");
    let written = item.as_ref().and_then(|item| item.number(report, 1..=65535));
    if down_thresh == 1 || written == Some(1) {
        return;
    }
    match (item, written) {
        (Some(item), Some(written)) => item.no_equal(
            report,
            format!(
                "failures count here only when they are consecutive: one success begins anew, not {written}"
            ),
        ),
        _ => comments.push(format!(
            "gdnsd adds up failures until {DEFAULT_OK_THRESH} successes in a row (ok_thresh); here one success begins anew."
        )),
    }
}

/// In milliseconds.
fn read_timeout(section: &Section<'_>, interval: u32, report: &Report) -> u32 {
    let item = section.take("timeout");
    let written = item.as_ref().and_then(|item| item.number(report, 1..=3600));
    let wanted = written.map_or(interval.saturating_mul(500), |seconds| seconds.saturating_mul(1000));
    let timeout = wanted.min(interval.saturating_mul(1000)).min(MAX_TIMEOUT);
    if let (Some(item), true) = (item.filter(|_| written.is_some()), timeout < wanted) {
        item.no_equal(
            report,
            format!("at most 60 seconds and the interval are allowed; now {}", milliseconds(timeout)),
        );
    }
    timeout
}

fn read_http(
    section: &Section<'_>,
    keys: &mut Vec<(&'static str, String)>,
    comments: &mut Vec<String>,
    report: &Report,
) {
    if let Some(port) = section.take("port").and_then(|item| item.number(report, 1..=65535))
        && port != 80
    {
        keys.push(("port", port.to_string()));
    }
    if let Some(item) = section.take("url_path")
        && let Some(path) = item.text(report)
    {
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if path.starts_with('/') && plain && path.len() <= 2048 {
            keys.push(("path", quoted(path)));
        } else {
            item.no_equal(
                report,
                "not a path that a template takes: it begins with \"/\" and has at most 2048 ASCII characters \
                 without spaces and \"#\"; \"/\" is asked for",
            );
        }
    }
    read_host(section, keys, comments, report);
    let mut codes = Vec::new();
    if let Some(item) = section.take("ok_codes") {
        for text in item.texts(report) {
            match text.parse::<u16>() {
                Ok(code) if (200..=599).contains(&code) => {
                    if !codes.contains(&code) {
                        codes.push(code);
                    }
                }
                _ => item.no_equal(
                    report,
                    format!("the status {text} cannot be expected; allowed 200 to 599; left out"),
                ),
            }
        }
    }
    if codes.is_empty() {
        codes.push(200);
    }
    let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
    keys.push(("expect_status", format!("[{}]", codes.join(", "))));
}

fn read_host(
    section: &Section<'_>,
    keys: &mut Vec<(&'static str, String)>,
    comments: &mut Vec<String>,
    report: &Report,
) {
    let Some(item) = section.take("vhost") else {
        comments.push("gdnsd sends no Host header; here it is the address.".to_owned());
        return;
    };
    let Some(host) = item.text(report) else { return };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if host.len() <= 253 && host.split('.').all(label) || host.parse::<std::net::IpAddr>().is_ok() {
        keys.push(("host", quoted(host)));
    } else {
        item.no_equal(report, "not a host name without a port; the address itself is sent");
    }
}

fn milliseconds(milliseconds: u32) -> String {
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
