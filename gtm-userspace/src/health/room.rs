//! How many probes may run at the same time, and whether a configuration can want more. Starts nothing.

use nix::sys::resource::{Resource, getrlimit};

use crate::config::model::{Check, Template};

/// Probes at the same time whatever the open-file limit: an https probe holds about 50 KB while it runs.
const MAX_PROBES: usize = 8192;

/// Probes at the same time that any process can afford.
const MIN_PROBES: usize = 16;

/// How many files this process may have open.
pub fn open_files() -> usize {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// How many probes may run at the same time in a process that may have so many files open. Each has one socket, so half of
/// them are theirs; the other half stays for the server's connections, the maps and the files.
pub fn capacity(files: usize) -> usize {
    (files / 2).clamp(MIN_PROBES, MAX_PROBES)
}

/// What to say when more probes can want to run at the same time than so many open files allow: that is when targets hang,
/// and each of their probes takes its whole timeout.
pub fn shortage(checks: &[Check], templates: &[Template], files: usize) -> Option<String> {
    let thousandths = |check: &Check| {
        let template = templates.get(check.template.0)?;
        (template.timeout.as_nanos() * 1000).checked_div(template.interval.as_nanos())
    };
    let wanted = checks.iter().filter_map(thousandths).sum::<u128>().div_ceil(1000);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let allowed = capacity(files);
    if wanted <= allowed {
        return None;
    }
    let enough = wanted.min(MAX_PROBES) * 2;
    let raise = if files < enough {
        format!(
            "raise the limit of open files from {files} to {enough} (LimitNOFILE= of a systemd unit, ulimit -n of a \
             shell), or "
        )
    } else {
        String::new()
    };
    Some(format!(
        "if every target hung, {wanted} probes would run at a time, and {allowed} may: checks would be made less often \
         than configured; {raise}set shorter timeouts or longer intervals"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::model::{CheckKind, Initial, Target, TemplateId};

    #[test]
    fn half_of_the_files_are_for_probes() {
        #[track_caller]
        fn check(files: usize, expect: usize) {
            assert_eq!(capacity(files), expect, "{files}");
        }
        check(0, 16);
        check(1024, 512);
        check(16_383, 8191);
        check(1 << 20, 8192);
        check(usize::MAX, 8192);
    }

    #[test]
    fn a_shortage_is_told_with_what_helps() {
        #[track_caller]
        fn check(checks: usize, timeout: u64, files: usize, expect: Option<&str>) {
            let template = Template {
                name: "web".to_owned(),
                kind: CheckKind::Ping,
                interval: Duration::from_secs(10),
                timeout: Duration::from_millis(timeout),
                failures: 3,
                successes: 2,
                initial: Initial::Up,
            };
            let target = Target::Ip("192.0.2.1".parse().unwrap());
            let checks = vec![Check { target, template: TemplateId(0) }; checks];
            assert_eq!(shortage(&checks, &[template], files).as_deref(), expect);
        }
        check(0, 2000, 1024, None);
        check(2560, 2000, 1024, None);
        check(
            2561,
            2000,
            1024,
            Some(
                "if every target hung, 513 probes would run at a time, and 512 may: checks would be made less often than \
                 configured; raise the limit of open files from 1024 to 1026 (LimitNOFILE= of a systemd unit, ulimit -n of a \
                 shell), or set shorter timeouts or longer intervals",
            ),
        );
        let at_most = "if every target hung, 20000 probes would run at a time, and 8192 may: checks would be made less \
                       often than configured; set shorter timeouts or longer intervals";
        check(100_000, 2000, 16_384, Some(at_most));
        check(100_000, 800, 16_384, None);
    }
}
