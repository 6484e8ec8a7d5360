//! Times and durations, as people write and read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A time of this zone.
pub(super) fn shown(millis: u64, zone: &TimeZone) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.map_or_else(
        || format!("{millis} ms"),
        |time| time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// How long it is from one time to a later one, in its two largest units.
pub(super) fn between(from: u64, to: u64) -> String {
    let seconds = Duration::from_millis(to.saturating_sub(from)).as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// Reads a time, in milliseconds since 1970: with an offset, or of this zone.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<u64, String> {
    let local =
        || text.parse::<DateTime>().ok()?.to_zoned_datetime(zone.clone()).ok().map(|zoned| zoned.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(local);
    time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).ok_or_else(|| {
        "not a time; write 2026-12-31T18:00:00Z, or 2026-12-31 18:00 for the time here".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::offset;

    use super::*;

    #[test]
    fn times_are_of_the_zone() {
        let zone = TimeZone::fixed(offset(8));
        assert_eq!(shown(1_767_225_600_000, &zone), "2026-01-01 08:00:00");
        assert_eq!(shown(u64::MAX, &zone), "18446744073709551615 ms");
    }

    #[track_caller]
    fn check_between(seconds: u64, expect: &str) {
        assert_eq!(between(1000, 1000 + seconds * 1000), expect);
    }

    #[test]
    fn durations_have_two_units() {
        check_between(0, "0s");
        check_between(59, "59s");
        check_between(61, "1m 1s");
        check_between(3 * 3600 + 125, "3h 2m");
        check_between(49 * 3600, "2d 1h");
        assert_eq!(between(5000, 1000), "0s");
    }

    #[track_caller]
    fn check_parse(text: &str, expect: Option<u64>) {
        assert_eq!(parse(text, &TimeZone::fixed(offset(8))).ok(), expect, "{text}");
    }

    #[test]
    fn a_time_has_an_offset_or_is_of_the_zone() {
        check_parse("2026-01-01T00:00:00Z", Some(1_767_225_600_000));
        check_parse("2026-01-01T01:00:00+01:00", Some(1_767_225_600_000));
        check_parse("2026-01-01 08:00", Some(1_767_225_600_000));
        check_parse("2026-01-01 08:00:01", Some(1_767_225_601_000));
        check_parse("2026-01-01", Some(1_767_225_600_000 - 8 * 3_600_000));
        check_parse("1969-01-01", None);
        check_parse("2026-02-30 08:00", None);
        check_parse("tomorrow", None);
        check_parse("", None);
    }
}
