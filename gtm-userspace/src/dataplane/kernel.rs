//! Whether a kernel is one that the program is made for. Asked only when a kernel has refused it: distributions put what
//! is new into old kernels too.

use nix::sys::utsname::uname;

use super::DataplaneError;

/// The oldest kernel on which the program is tried (docs/decisions/0011): major and minor number.
pub const OLDEST_KERNEL: [u32; 2] = [6, 1];

/// The refusal in the words that help, if it comes from a kernel that is too old.
pub(super) fn too_old() -> Option<DataplaneError> {
    let release = uname().ok()?.release().to_string_lossy().into_owned();
    let [major, minor] = OLDEST_KERNEL;
    is_older_kernel(&release)
        .then(|| DataplaneError::OldKernel { release, needed: format!("{major}.{minor}") })
}

/// True for a release before [`OLDEST_KERNEL`]. Says no for a release that begins with no version.
pub fn is_older_kernel(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => [major, minor] < OLDEST_KERNEL,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_older_by_its_first_two_numbers() {
        #[track_caller]
        fn check(release: &str, expect: bool) {
            assert_eq!(is_older_kernel(release), expect, "{release}");
        }
        check("5.10.0-32-cloud-amd64", true);
        check("6.0.19", true);
        check("5.99", true);
        check("6.1.0-50-cloud-amd64", false);
        check("6.12.95+deb12-cloud-amd64", false);
        check("6.10", false);
        check("10.0.0", false);
        check("next", false);
    }
}
