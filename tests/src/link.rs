//! A pair of virtual Ethernet links between two namespaces.

use std::ffi::c_char;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nix::libc;

use crate::namespace::Namespace;

/// ethtool command: switch generic receive offload (`linux/ethtool.h`).
const ETHTOOL_SGRO: u32 = 0x2c;

/// Two connected links, each in its namespace, both up. Deleted on drop.
#[derive(Debug)]
pub struct Veth {
    namespace: Arc<Namespace>,
    device: String,
}

/// One end of a pair: the namespace it is in and its name there.
pub type End<'a> = (&'a Arc<Namespace>, &'a str);

impl Veth {
    /// Connects two namespaces; `mtu` in bytes.
    pub fn connect(one: End<'_>, other: End<'_>, mtu: u16) -> Result<Self> {
        let (namespace, device) = one;
        let (peer_namespace, peer) = other;
        let mtu = mtu.to_string();
        let link = ["link", "add", device, "mtu", &mtu, "type", "veth"];
        let peer_link = ["peer", "name", peer, "mtu", &mtu, "netns", peer_namespace.name()];
        namespace.ip(&[&link[..], &peer_link[..]].concat())?;

        let veth = Self { namespace: Arc::clone(namespace), device: device.to_owned() };
        for (namespace, device) in [one, other] {
            enable_gro(namespace, device)?;
            // No router or neighbour discovery of our own accord: the counters see what the tests send.
            namespace.ip(&["link", "set", device, "addrgenmode", "none"])?;
            namespace.ip(&["link", "set", device, "up"])?;
        }
        Ok(veth)
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        // Fails when the namespace took its links with it: then there is nothing to do.
        drop(self.namespace.ip(&["link", "delete", &self.device]));
    }
}

/// The argument of an ethtool command (`struct ethtool_value`).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    value: u32,
}

/// Switches generic receive offload on. A veth device receives what its peer sends with `XDP_TX` only when it has an
/// XDP program or, since Linux 5.13, generic receive offload.
fn enable_gro(namespace: &Namespace, device: &str) -> Result<()> {
    let mut argument = EthtoolValue { command: ETHTOOL_SGRO, value: 1 };
    let request = libc::ifreq {
        ifr_name: interface_name(device)?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: ptr::from_mut(&mut argument).cast::<c_char>() },
    };
    let socket = namespace.run(|| UdpSocket::bind("127.0.0.1:0"))?.context("no socket for ethtool")?;
    // SAFETY: SIOCETHTOOL takes an ifreq with a terminated name and a pointer to the command's argument; both live
    // beyond the call and ETHTOOL_SGRO reads exactly the two words of `EthtoolValue`.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw const request) };
    nix::errno::Errno::result(result).with_context(|| format!("generic receive offload of {device}"))?;
    Ok(())
}

/// The name of an interface as the kernel takes it: zero-terminated in a fixed length.
fn interface_name(device: &str) -> Result<[c_char; libc::IFNAMSIZ]> {
    ensure!(
        device.len() < libc::IFNAMSIZ,
        "interface name {device:?} is longer than {} bytes",
        libc::IFNAMSIZ - 1
    );
    let mut name = [0; libc::IFNAMSIZ];
    for (slot, byte) in name.iter_mut().zip(device.bytes()) {
        *slot = c_char::from_ne_bytes([byte]);
    }
    Ok(name)
}
