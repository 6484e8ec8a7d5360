//! The TTL of an access domain. gdnsd's lies between two bounds: the shortest time in which a check could change the
//! answer. Here it is always the same: the one gdnsd gives while everything is up.

use super::context::Context;
use super::node::Flat;
use super::options::Options;
use super::pool::Pool;
use super::steer::leaves_of;
use super::zone::Record;

/// Longest TTL of an access domain here.
const MAX_TTL: u32 = 86400;

/// The TTL, and a comment when gdnsd's would be another at times.
pub(super) fn of(
    context: &Context<'_>,
    options: &Options,
    record: &Record,
    flat: &Flat,
) -> (u32, Option<String>) {
    let bounded = |ttl: u32| ttl.clamp(options.min_ttl, options.max_ttl);
    let max = bounded(record.max_ttl);
    let min = bounded(record.min_ttl.unwrap_or(record.max_ttl / 2)).min(max);
    let leaves = leaves_of(flat);
    let seconds = leaves.iter().flat_map(|leaf| &leaf.pools).filter_map(Pool::seconds_to_failed).min();
    let (mut ttl, mut comment) = (max, None);
    if let Some(seconds) = seconds.filter(|_| min < max) {
        ttl = seconds.clamp(min, max);
        if record.min_ttl.is_some() {
            let reason = format!(
                "the TTL does not follow from the state, between {min} and {max}; it is always {ttl}"
            );
            context.report.no_equal(&record.place, &record.key(), reason);
        }
        comment =
            Some(format!("In gdnsd the TTL was between {min} and {max}, {ttl} while everything is up."));
    }
    let allowed = ttl.clamp(1, MAX_TTL);
    if allowed != ttl {
        let reason = format!("a TTL of {ttl} is not allowed; 1 to {MAX_TTL}, so it is {allowed}");
        context.report.no_equal(&record.place, &record.key(), reason);
    }
    (allowed, comment)
}
