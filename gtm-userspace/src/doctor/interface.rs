//! What concerns one interface.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{Root, list};
use super::{Driver, Finding};
use crate::config::model::XdpMode;
use crate::ethtool::{HASH_PORTS, LRO, RX_VLAN};

/// Slots of a receive ring that hold what comes while a core is busy elsewhere for a moment.
const RING: u32 = 1024;
/// The longest packet that every driver with native mode takes: a page, less what the kernel keeps in it.
const MTU: u64 = 3498;

/// All findings.
pub(super) fn examine(root: &Root, name: &str, driver: &Driver, mode: XdpMode) -> Vec<Finding> {
    let folder = format!("sys/class/net/{name}");
    if driver.name.is_none() && !root.path(&folder).exists() {
        let command = "ip link show".to_owned();
        return vec![Finding::change(
            "interface",
            "not there",
            "the name of an interface of this host",
            command,
        )];
    }
    let about = Interface { root, name, folder, driver };
    let mut findings = vec![about.mode(mode), about.ring(), about.queues(), about.hash(), about.interrupts()];
    findings.extend([about.node(), about.mtu(), about.merging(), about.tags()]);
    findings
}

struct Interface<'h> {
    root: &'h Root,
    name: &'h str,
    folder: String,
    driver: &'h Driver,
}

impl Interface<'_> {
    fn text(&self, path: &str) -> Option<String> {
        self.root.text(&format!("{}/{path}", self.folder))
    }

    fn mode(&self, mode: XdpMode) -> Finding {
        let what = "XDP mode";
        let name =
            self.driver.name.clone().or_else(|| self.root.link(&format!("{}/device/driver", self.folder)));
        let Some(driver) = name else { return Finding::not_readable(what) };
        match (mode, Driver::is_native(&driver)) {
            (XdpMode::Generic | XdpMode::Off, true) => Finding::change(
                what,
                format!("not used: driver {driver} has native mode"),
                "xdp_mode = \"auto\" in the configuration",
                None,
            ),
            (XdpMode::Auto | XdpMode::Native, true) => {
                Finding::right(what, format!("native: driver {driver}"))
            }
            (_, false) => Finding::unknown(
                what,
                format!(
                    "driver {driver} is not known to have native mode: the log of `gtm run` says the mode"
                ),
            ),
        }
    }

    fn ring(&self) -> Finding {
        let what = "receive ring";
        let Some((most, now)) = self.driver.ring else { return Finding::not_readable(what) };
        let right = most.min(RING);
        let found = format!("{now} of at most {most} slots");
        if now < right {
            let command = format!("ethtool -G {} rx {right}", self.name);
            return Finding::change(what, found, format!("{right} or more"), command);
        }
        Finding::right(what, found)
    }

    fn queues(&self) -> Finding {
        let what = "receive queues";
        let names = self.root.names(&format!("{}/queues", self.folder));
        let seen =
            u32::try_from(names.iter().filter(|name| name.starts_with("rx-")).count()).unwrap_or(u32::MAX);
        let cores = u32::try_from(self.root.cpus().len()).unwrap_or(u32::MAX);
        let (most, now) = self.driver.queues.unwrap_or((seen, seen));
        if now == 0 || cores == 0 {
            return Finding::not_readable(what);
        }
        let right = most.min(cores);
        let found = format!("{now} of at most {most}, for {cores} cores");
        if now < right {
            let command = format!("ethtool -L {} combined {right}", self.name);
            return Finding::change(what, found, format!("{right}: each core receives"), command);
        }
        Finding::right(what, found)
    }

    /// Without the ports all packets between two addresses come in over one queue.
    fn hash(&self) -> Finding {
        let what = "what decides the queue of UDP";
        match self.driver.udp_hash {
            None => Finding::not_readable(what),
            Some(hash) if hash & HASH_PORTS == HASH_PORTS => Finding::right(what, "addresses and ports"),
            Some(_) => {
                let command = format!("ethtool -N {} rx-flow-hash udp4 sdfn", self.name);
                Finding::change(what, "addresses", "addresses and ports", command)
            }
        }
    }

    /// The CPUs that each interrupt may go to.
    fn affinities(&self) -> BTreeMap<u32, BTreeSet<u32>> {
        let numbers = self.root.names(&format!("{}/device/msi_irqs", self.folder));
        let affinity = |number: String| {
            let cpus = self.root.text(&format!("proc/irq/{number}/smp_affinity_list"))?;
            Some((number.parse().ok()?, list(&cpus)))
        };
        numbers.into_iter().filter_map(affinity).collect()
    }

    /// Each interrupt at one CPU, and no CPU with two while another has none.
    fn interrupts(&self) -> Finding {
        let what = "interrupts";
        let affinities = self.affinities();
        let cores = self.root.cpus();
        if affinities.is_empty() || cores.is_empty() {
            return Finding::not_readable(what);
        }
        let most = affinities.len().div_ceil(cores.len());
        let mut taken: BTreeMap<u32, usize> = cores.iter().map(|core| (*core, 0)).collect();
        let mut wrong = Vec::new();
        for (number, cpus) in &affinities {
            let one = cpus.first().filter(|_| cpus.len() == 1);
            match one.and_then(|cpu| taken.get_mut(cpu)) {
                Some(count) if *count < most => *count += 1,
                _ => wrong.push(*number),
            }
        }
        let found = format!(
            "{} for {} cores, {} of them without a core of its own",
            affinities.len(),
            cores.len(),
            wrong.len()
        );
        if wrong.is_empty() {
            return Finding::right(what, found);
        }
        let commands = wrong.iter().map(|number| {
            let free =
                taken.iter().min_by_key(|(_, count)| **count).map(|(core, _)| *core).unwrap_or_default();
            taken.entry(free).and_modify(|count| *count += 1);
            format!("echo {free} > /proc/irq/{number}/smp_affinity_list")
        });
        let commands: Vec<String> = commands.collect();
        Finding::change(what, found, "each at one core, spread evenly", commands.join("; "))
    }

    fn node(&self) -> Finding {
        let what = "NUMA node";
        let Some(node) = self.text("device/numa_node").and_then(|node| node.parse::<i32>().ok()) else {
            return Finding::not_readable(what);
        };
        let near = self.root.text(&format!("sys/devices/system/node/node{node}/cpulist"));
        let Some(near) = near.filter(|_| node >= 0) else {
            return Finding::right(what, "none: all memory is as near");
        };
        let cpus = list(&near);
        let far: Vec<u32> = self
            .affinities()
            .into_iter()
            .filter(|(_, at)| !at.is_subset(&cpus))
            .map(|(number, _)| number)
            .collect();
        if far.is_empty() {
            return Finding::right(what, format!("{node}, cores {near}"));
        }
        let found = format!("{node}, cores {near}; {} interrupts may go to others", far.len());
        let command = far.iter().map(|number| format!("echo {near} > /proc/irq/{number}/smp_affinity_list"));
        Finding::change(what, found, "interrupts at its own cores", command.collect::<Vec<_>>().join("; "))
    }

    fn mtu(&self) -> Finding {
        let what = "MTU";
        let Some(mtu) = self.text("mtu").and_then(|mtu| mtu.parse::<u64>().ok()) else {
            return Finding::not_readable(what);
        };
        if mtu > MTU {
            let right = format!("{MTU} or less: above it not every driver has native mode");
            return Finding::change(
                what,
                mtu.to_string(),
                right,
                format!("ip link set dev {} mtu 1500", self.name),
            );
        }
        Finding::right(what, mtu.to_string())
    }

    /// Generic offload (GRO) may stay: it comes behind the program.
    fn merging(&self) -> Finding {
        self.flag("large receive offload", LRO, "off: the program needs packets as they came", "lro")
    }

    /// Without tagged packets there is nothing to take off.
    fn tags(&self) -> Finding {
        let what = "VLAN tags taken off";
        let vlans = self.root.text("proc/net/vlan/config").unwrap_or_default();
        let is_tagged =
            vlans.lines().any(|line| line.rsplit('|').next().is_some_and(|on| on.trim() == self.name));
        match self.driver.flags {
            Some(flags) if flags & RX_VLAN != 0 && !is_tagged => Finding::right(what, "on, and no VLAN here"),
            _ => {
                self.flag(what, RX_VLAN, "off: the answer to a tagged query would go out untagged", "rxvlan")
            }
        }
    }

    fn flag(&self, what: &'static str, flag: u32, right: &str, word: &str) -> Finding {
        match self.driver.flags {
            None => Finding::not_readable(what),
            Some(flags) if flags & flag == 0 => Finding::right(what, "off"),
            Some(_) => Finding::change(what, "on", right, format!("ethtool -K {} {word} off", self.name)),
        }
    }
}

#[cfg(test)]
#[path = "interface_tests.rs"]
mod tests;
