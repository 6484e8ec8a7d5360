//! Putting the program on interfaces, and one generation in the place of another.

use aya::programs::ProgramError;
use aya::programs::xdp::{XdpLink, XdpMode as AyaMode};

use super::{DataplaneError, Generation, error};
use crate::config::model::XdpMode;

/// The program on one interface; dropped, it is detached.
#[derive(Debug)]
pub struct Attachment {
    /// True in the driver, false in the network stack.
    pub native: bool,
    link: XdpLink,
}

impl Generation {
    /// Attaches this generation to an interface.
    pub(super) fn attach(&mut self, interface: &str, mode: XdpMode) -> Result<Attachment, DataplaneError> {
        let program = self.program()?;
        let mut attach = |native: bool| {
            let link = program.attach(interface, if native { AyaMode::Driver } else { AyaMode::Skb })?;
            Ok(Attachment { native, link: program.take_link(link)? })
        };
        let attached = match mode {
            XdpMode::Auto => {
                attach(true).or_else(|error| if is_of_driver(&error) { attach(false) } else { Err(error) })
            }
            XdpMode::Native => attach(true),
            XdpMode::Generic | XdpMode::Off => attach(false),
        };
        attached.map_err(|error| match mode {
            XdpMode::Native if is_of_driver(&error) => {
                DataplaneError::NoNativeMode { interface: interface.to_owned(), source: error }
            }
            XdpMode::Auto | XdpMode::Native | XdpMode::Generic | XdpMode::Off => {
                attach_error(interface, error)
            }
        })
    }

    /// Puts this generation in the place of the one that is attached, with one store by the kernel. On an error the
    /// interface is left without a program.
    pub(super) fn take_over(
        &mut self,
        interface: &str,
        attachment: Attachment,
    ) -> Result<Attachment, DataplaneError> {
        let Attachment { native, link } = attachment;
        let program = self.program()?;
        let link = program.attach_to_link(link).and_then(|link| program.take_link(link));
        Ok(Attachment { native, link: link.map_err(|error| attach_error(interface, error))? })
    }
}

/// True when generic mode may work where native mode did not: drivers say in many ways that they cannot, veth `ERANGE` for
/// a large MTU, others `EINVAL`, `ENOSPC` or `ENOMEM` for their rings.
fn is_of_driver(error: &ProgramError) -> bool {
    use nix::libc::{EBUSY, EEXIST, ENODEV, EPERM};
    !matches!(error, ProgramError::UnknownInterface { .. })
        && error::os_error(error).is_some_and(|code| ![EPERM, EBUSY, EEXIST, ENODEV].contains(&code))
}

fn attach_error(interface: &str, source: ProgramError) -> DataplaneError {
    let interface = interface.to_owned();
    if matches!(source, ProgramError::UnknownInterface { .. }) {
        return DataplaneError::NoInterface { interface };
    }
    match error::os_error(&source) {
        Some(nix::libc::EPERM) => DataplaneError::NoPrivilege,
        Some(nix::libc::EBUSY | nix::libc::EEXIST) => DataplaneError::InUse { interface },
        _ => DataplaneError::Attach { interface, source },
    }
}
