//! Interfaces of hosts that are folders, and what is found about them.

use super::super::Verdict;
use super::super::host::tests::folder;
use super::*;

/// Two cores and an interface with two queues, as they should be.
const RIGHT: &[(&str, &str)] = &[
    ("sys/devices/system/cpu/online", "0-1"),
    ("sys/devices/system/node/node0/cpulist", "0-1"),
    ("sys/class/net/eth0/mtu", "1500"),
    ("sys/class/net/eth0/queues/rx-0/x", ""),
    ("sys/class/net/eth0/queues/rx-1/x", ""),
    ("sys/class/net/eth0/queues/tx-0/x", ""),
    ("sys/class/net/eth0/device/numa_node", "0"),
    ("sys/class/net/eth0/device/msi_irqs/41", ""),
    ("sys/class/net/eth0/device/msi_irqs/42", ""),
    ("proc/irq/41/smp_affinity_list", "1"),
    ("proc/irq/42/smp_affinity_list", "0"),
];

fn driver() -> Driver {
    Driver {
        name: Some("ice".to_owned()),
        ring: Some((8160, 2048)),
        queues: Some((64, 2)),
        flags: Some(0),
        udp_hash: Some(0xf0),
    }
}

/// What is not right, with its remedy; empty when all is.
#[track_caller]
fn check(files: &[(&str, &str)], driver: &Driver, expect: &[(&str, &str)]) {
    let (_folder, root) = folder(RIGHT.iter().chain(files));
    let found = examine(&root, "eth0", driver, XdpMode::Auto);
    let found: Vec<(&str, &str)> = found
        .iter()
        .filter(|finding| finding.verdict != Verdict::Right)
        .map(|finding| (finding.what, finding.command.as_deref().unwrap_or(&finding.found)))
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn files_show_interrupts_queues_and_nodes() {
    check(&[], &driver(), &[]);
    let spread = [("proc/irq/41/smp_affinity_list", "0-1"), ("proc/irq/42/smp_affinity_list", "0-1")];
    let remedy = "echo 0 > /proc/irq/41/smp_affinity_list; echo 1 > /proc/irq/42/smp_affinity_list";
    check(&spread, &driver(), &[("interrupts", remedy)]);
    let crowded = [("proc/irq/41/smp_affinity_list", "0")];
    check(&crowded, &driver(), &[("interrupts", "echo 1 > /proc/irq/42/smp_affinity_list")]);
    let far = [("sys/devices/system/node/node0/cpulist", "1")];
    check(&far, &driver(), &[("NUMA node", "echo 1 > /proc/irq/42/smp_affinity_list")]);
    check(&[("sys/class/net/eth0/mtu", "9000")], &driver(), &[("MTU", "ip link set dev eth0 mtu 1500")]);
    let cores = [("sys/devices/system/cpu/online", "0-3")];
    check(&cores, &driver(), &[("receive queues", "ethtool -L eth0 combined 4")]);
}

#[test]
fn drivers_show_rings_hashes_and_offloads() {
    let with = |change: fn(&mut Driver)| {
        let mut driver = driver();
        change(&mut driver);
        driver
    };
    check(
        &[],
        &with(|driver| driver.ring = Some((8160, 512))),
        &[("receive ring", "ethtool -G eth0 rx 1024")],
    );
    check(&[], &with(|driver| driver.ring = Some((256, 256))), &[]);
    let hash = ("what decides the queue of UDP", "ethtool -N eth0 rx-flow-hash udp4 sdfn");
    check(&[], &with(|driver| driver.udp_hash = Some(0x30)), &[hash]);
    check(
        &[],
        &with(|driver| driver.flags = Some(LRO)),
        &[("large receive offload", "ethtool -K eth0 lro off")],
    );
    let tags = with(|driver| driver.flags = Some(RX_VLAN));
    check(&[], &tags, &[]);
    let vlan = ("proc/net/vlan/config", "VLAN Dev name | VLAN ID\nName-Type: X\neth0.7 | 7 | eth0\n");
    check(&[vlan], &tags, &[("VLAN tags taken off", "ethtool -K eth0 rxvlan off")]);
    let unknown = "driver e1000e is not known to have native mode: the log of `gtm run` says the mode";
    check(&[], &with(|driver| driver.name = Some("e1000e".to_owned())), &[("XDP mode", unknown)]);
}

#[test]
fn an_interface_that_is_not_there_is_the_only_finding() {
    let (_folder, root) = folder(RIGHT.iter());
    let found = examine(&root, "eth1", &Driver::default(), XdpMode::Auto);
    assert_eq!(found.iter().map(|finding| finding.found.as_str()).collect::<Vec<_>>(), ["not there"]);
}
