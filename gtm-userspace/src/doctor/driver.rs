//! What the driver of an interface tells, as far as it does.

use crate::ethtool;

/// Drivers that are known to run the program themselves. Another one may as well: the log of `gtm run` says the mode.
const NATIVE: &[&str] = &[
    "atlantic",
    "bnxt_en",
    "ena",
    "fsl_dpaa2_eth",
    "gve",
    "hv_netvsc",
    "i40e",
    "ice",
    "igb",
    "igc",
    "ixgbe",
    "ixgbevf",
    "mana",
    "mlx4_en",
    "mlx5_core",
    "mvneta",
    "mvpp2",
    "nfp",
    "qede",
    "sfc",
    "st_gmac",
    "tun",
    "veth",
    "virtio_net",
    "vmxnet3",
];

/// What it tells; `None` is what it does not.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    /// Its name.
    pub name: Option<String>,
    /// Slots of the receive ring: as many as there may be, and as there are.
    pub ring: Option<(u32, u32)>,
    /// Queues that receive: as many as there may be, and as there are.
    pub queues: Option<(u32, u32)>,
    /// What it does with received packets.
    pub flags: Option<u32>,
    /// What of a UDP packet decides its queue.
    pub udp_hash: Option<u32>,
}

impl Driver {
    /// Asks it.
    pub fn ask(interface: &str) -> Self {
        Self {
            name: ethtool::driver(interface).ok(),
            ring: ethtool::ring(interface).ok().filter(|(most, _)| *most > 0),
            queues: ethtool::channels(interface).ok().filter(|(most, _)| *most > 0),
            flags: ethtool::flags(interface).ok(),
            udp_hash: ethtool::udp_hash(interface).ok(),
        }
    }

    /// Whether a driver of this name is known to have native mode.
    pub(super) fn is_native(name: &str) -> bool {
        NATIVE.contains(&name)
    }
}
