//! Policies and the keys that belong to them, the same for the addresses of a pool and the pools of an access domain.
//!
//! A key that does not belong to the policy is reported, and its value returned all the same: the rest is read on.

use super::model::{Judgement, MAX_WEIGHT, Policy, Preemption, Sticky};
use super::reader::{At, Node, Place, Report, Table};

/// Most members of a sticky level.
pub(super) const MAX_STICKY_MEMBERS: usize = 16;

const POLICIES: &[(&str, Policy)] = &[
    ("ordinal", Policy::Ordinal),
    ("round-robin", Policy::RoundRobin),
    ("weight", Policy::Weight),
    ("nearest-source", Policy::NearestSource),
];
const STICKY_KEYS: &[&str] = &["ipv4", "ipv6"];
const DEFAULT_WEIGHT: u8 = 1;

/// One of the four policies.
pub(super) fn read_policy(node: &Node<'_>) -> Option<Policy> {
    node.choice(POLICIES)
}

/// `preemptive`; only these policies have the other way.
pub(super) fn read_preemption(
    table: &Table<'_>,
    policy: Option<Policy>,
    allowed: &[Policy],
) -> Option<Preemption> {
    table.read_or("preemptive", Preemption::Preemptive, |node| {
        if node.boolean()? {
            return Some(Preemption::Preemptive);
        }
        check_policy(node, "preemptive = false", policy, allowed);
        Some(Preemption::NonPreemptive)
    })
}

/// What is written at `sticky`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stickiness(pub(super) Option<Sticky>);

/// `sticky`: true, false or the lengths.
pub(super) fn read_sticky(table: &Table<'_>, policy: Option<Policy>) -> Option<Stickiness> {
    table.read_or("sticky", Stickiness::default(), |node| {
        let sticky = if node.is_table() {
            Stickiness(Some(read_sticky_lengths(node)?))
        } else {
            let is_sticky = node.boolean_or("true, false or a table like { ipv4 = 24, ipv6 = 56 }")?;
            Stickiness(is_sticky.then(Sticky::default))
        };
        if sticky.0.is_some() {
            check_policy(node, "\"sticky\"", policy, &[Policy::Weight, Policy::RoundRobin]);
        }
        Some(sticky)
    })
}

fn read_sticky_lengths(node: &Node<'_>) -> Option<Sticky> {
    let table = node.table()?.with_keys(STICKY_KEYS);
    let default = Sticky::default();
    let ipv4 = table.read_or("ipv4", default.ipv4, |node| node.number(1..=32));
    let ipv6 = table.read_or("ipv6", default.ipv6, |node| node.number(1..=128));
    Some(Sticky { ipv4: ipv4?, ipv6: ipv6? })
}

/// Reports a sticky level with more members than can be compared for each answer.
pub(super) fn check_sticky_members(table: &Table<'_>, sticky: Stickiness, count: usize, what: &str) {
    if let Some(node) = table.get("sticky").filter(|_| sticky.0.is_some() && count > MAX_STICKY_MEMBERS) {
        let message = format!(
            "{count} {what} to keep clients at; at most {MAX_STICKY_MEMBERS}: the kernel compares each of them for \
             each query"
        );
        node.report.error(&node.place, message);
    }
}

/// `weight` of a member of a level with this policy.
pub(super) fn read_weight(table: &Table<'_>, policy: Option<Policy>) -> Option<u8> {
    table.read_or("weight", DEFAULT_WEIGHT, |node| {
        check_policy(node, "\"weight\"", policy, &[Policy::Weight]);
        node.number(0..=MAX_WEIGHT)
    })
}

/// Warns when these are all the weights of a level and none of them prefers anything.
pub(super) fn warn_of_zero_weights(
    report: &Report<'_>,
    place: &Place,
    policy: Policy,
    mut weights: impl Iterator<Item = u8>,
) {
    if policy == Policy::Weight && weights.all(|weight| weight == 0) {
        let message = format!(
            "every weight is 0, so all are used alike; give those that should answer a weight of 1 to {MAX_WEIGHT}"
        );
        report.warn(place, message);
    }
}

/// `sources` of a member of a level with this policy: required with `nearest-source`, and only there.
pub(super) fn read_sources(table: &Table<'_>, policy: Option<Policy>) -> Option<Vec<At<String>>> {
    match table.get("sources") {
        Some(node) => {
            check_policy(node, "\"sources\"", policy, &[Policy::NearestSource]);
            node.distinct_list(|item| item.text().map(str::to_owned))
        }
        None if policy == Some(Policy::NearestSource) => {
            let message = "\"sources\" is missing; policy \"nearest-source\" needs at least one, for example [\"default\"]";
            table.report.error(&table.place, message);
            None
        }
        None => Some(Vec::new()),
    }
}

/// Reports what is written here when it belongs to other policies only; an unknown policy has been reported.
pub(super) fn check_policy(node: &Node<'_>, what: &str, policy: Option<Policy>, allowed: &[Policy]) {
    let Some(policy) = policy.filter(|policy| !allowed.contains(policy)) else { return };
    let words: Vec<_> = allowed.iter().map(|policy| format!("\"{policy}\"")).collect();
    let message = format!(
        "{what} does not belong to policy \"{policy}\"; leave it out, or use policy {}",
        words.join(" or ")
    );
    node.report.error(&node.place, message);
}

/// `"any"`, `"all"` or a percentage.
pub(super) fn read_judgement(node: &Node<'_>) -> Option<Judgement> {
    const ALLOWED: &str = "allowed \"any\", \"all\" and \"1%\" to \"100%\"";
    let text = node.text_or("\"any\", \"all\" or a share like \"50%\"")?;
    match text {
        "any" => return Some(Judgement::Any),
        "all" => return Some(Judgement::All),
        _ => {}
    }
    let digits = text.strip_suffix('%').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        node.reject(&format!("not a judgement; {ALLOWED}, in whole percents"));
        return None;
    }
    let percent = digits.parse().ok().filter(|percent| (1..=100).contains(percent));
    match percent {
        Some(percent) if digits.len() < text.len() => Some(Judgement::Percent(percent)),
        Some(percent) => {
            node.reject(&format!("a number without its unit; did you mean \"{percent}%\"?"));
            None
        }
        None => {
            node.reject(&format!("out of range; {ALLOWED}"));
            None
        }
    }
}
