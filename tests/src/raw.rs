//! Whole Ethernet frames on one device: sent as they are, and received with the VLAN tag that Linux takes off.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{io, ptr};

use anyhow::{Context, Result, ensure};
use etherparse::{SlicedPacket, TransportSlice};
use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, send,
    setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::frame::Datagram;
use crate::namespace::Namespace;

/// Longer than any frame of these tests.
const LONGEST_FRAME: usize = 4096;
/// Length of the two Ethernet addresses, behind which a VLAN tag stands.
const MACS_LEN: usize = 12;
/// One look at the socket; the deadline is looked at between two.
const LOOK: i64 = 50;

/// A packet socket (packet(7)) on one device of a namespace.
#[derive(Debug)]
pub struct RawSocket {
    socket: OwnedFd,
}

impl RawSocket {
    /// Opens it; from now on frames are kept until they are received.
    pub fn open(namespace: &Namespace, device: &str) -> Result<Self> {
        let opened = namespace.run(|| -> io::Result<OwnedFd> {
            let interface = if_nametoindex(device)?;
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
            bind(&socket, interface)?;
            request_tags(&socket)?;
            setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(LOOK))?;
            Ok(socket)
        })?;
        Ok(Self { socket: opened.with_context(|| format!("packet socket on {device}"))? })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        ensure!(sent == frame.len(), "{sent} of {} bytes were sent", frame.len());
        Ok(())
    }

    /// The next UDP datagram that came in from this port, with every length and checksum of its frame verified.
    pub fn datagram_from(&self, port: u16, deadline: Duration) -> Result<Datagram> {
        let start = Instant::now();
        while start.elapsed() < deadline {
            if let Some(frame) = self.receive()?
                && udp_source(&frame) == Some(port)
            {
                return Datagram::read(&frame).with_context(|| format!("frame {frame:02x?}"));
            }
        }
        anyhow::bail!("no datagram from port {port} within {deadline:?}")
    }

    /// A frame that came in; `None` when none came for a moment, or one went out.
    fn receive(&self) -> Result<Option<Vec<u8>>> {
        let mut frame = vec![0; LONGEST_FRAME];
        let mut space = nix::cmsg_space!(libc::tpacket_auxdata);
        let mut parts = [IoSliceMut::new(&mut frame)];
        let received =
            recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty());
        let message = match received {
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            received => received?,
        };
        if message.address.is_some_and(|address| address.pkttype() == libc::PACKET_OUTGOING) {
            return Ok(None);
        }
        let tag = message.cmsgs()?.find_map(|control| {
            let ControlMessageOwned::Unknown(control) = control else { return None };
            vlan_tag(&control.data_bytes)
        });
        let length = message.bytes;
        frame.truncate(length);
        if let Some(tag) = tag {
            frame.splice(MACS_LEN..MACS_LEN, tag);
        }
        Ok(Some(frame))
    }
}

/// The tag that was taken off the frame, from `struct tpacket_auxdata` of `linux/if_packet.h`.
fn vlan_tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    let status = u32::from_ne_bytes(*auxdata.first_chunk()?);
    let word = |at: usize| Some(u16::from_ne_bytes(*auxdata.get(at..)?.first_chunk()?));
    let (tci, protocol) = (word(16)?, word(18)?);
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), tci.to_be_bytes());
    (status & libc::TP_STATUS_VLAN_VALID != 0).then_some([a, b, c, d])
}

fn udp_source(frame: &[u8]) -> Option<u16> {
    let TransportSlice::Udp(udp) = SlicedPacket::from_ethernet(frame).ok()?.transport? else { return None };
    Some(udp.source_port())
}

/// Ties the socket to one device.
fn bind(socket: &OwnedFd, interface: libc::c_uint) -> io::Result<()> {
    // SAFETY: all bytes of this plain struct may be zero.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
    address.sll_ifindex = i32::try_from(interface).map_err(io::Error::other)?;
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: the pointer is to an address of this length, which lives until the call returns.
    let result = unsafe { libc::bind(socket.as_raw_fd(), ptr::from_ref(&address).cast(), length) };
    Ok(Errno::result(result).map(drop)?)
}

/// Has Linux tell the VLAN tag that it takes off each frame.
fn request_tags(socket: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    let (level, option) = (libc::SOL_PACKET, libc::PACKET_AUXDATA);
    // SAFETY: the pointer is to a value of this length, which lives until the call returns.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, ptr::from_ref(&on).cast(), length) };
    Ok(Errno::result(result).map(drop)?)
}
