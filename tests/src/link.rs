//! A pair of virtual Ethernet links between two namespaces.

use std::sync::Arc;

use anyhow::Result;

use crate::namespace::Namespace;

/// Two connected links, each in its namespace, both up. Deleted on drop.
///
/// An end that is to receive what the other's XDP program sends back needs a [`crate::pass::PassProgram`].
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
            // No neighbour discovery of the kernel's own accord: the counters see what the tests send.
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
