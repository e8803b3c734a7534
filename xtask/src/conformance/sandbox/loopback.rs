//! Loopback in a new network: it has to be brought up first, and it counts its bytes.

use std::fs;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc::{IFF_UP, NLM_F_ACK, NLM_F_REQUEST, RTM_NEWLINK};
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// The length of a netlink header (`nlmsghdr`) and of a description of an interface (`ifinfomsg`).
const HEADER: u32 = 16;
const INTERFACE: u32 = 16;

/// Brings the loopback interface of this process's network up.
///
/// # Errors
/// The system refuses, because this process does not own the network.
pub(super) fn bring_up() -> Result<()> {
    let index = if_nametoindex("lo").context("the network has no loopback interface")?;
    let netlink =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
            .context("cannot open a netlink socket")?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(netlink.as_raw_fd(), &request(index), &kernel, MsgFlags::empty())
        .context("cannot ask for loopback")?;
    let mut answer = [0; 256];
    let length =
        recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty()).context("no answer on loopback")?;
    // An acknowledgement: a header, and zero or a negative error number.
    let error = answer[..length].get(16..20).context("the answer on loopback is too short")?;
    let error = i32::from_ne_bytes([error[0], error[1], error[2], error[3]]);
    ensure!(error == 0, "cannot bring loopback up: {}", Errno::from_raw(-error).desc());
    Ok(())
}

/// The message that sets the flag "up" of an interface.
fn request(index: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let up = IFF_UP as u32;
    bytes.extend((HEADER + INTERFACE).to_ne_bytes());
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend(((NLM_F_REQUEST | NLM_F_ACK) as u16).to_ne_bytes());
    // The sequence and the sender, which the kernel fills in.
    bytes.extend([0; 8]);
    // The family and the type, which stay open.
    bytes.extend([0; 4]);
    for field in [index, up, up] {
        bytes.extend(field.to_ne_bytes());
    }
    bytes
}

/// Returns the number of bytes that loopback has carried in this process's network.
pub(super) fn bytes() -> Option<u64> {
    received(&fs::read_to_string("/proc/self/net/dev").ok()?)
}

/// The first figure on the line of `lo`.
fn received(text: &str) -> Option<u64> {
    let figures = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
    figures.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_loopback_are_the_first_figure_of_its_line() {
        let text = "Inter-|   Receive\n face |bytes packets\n  eth0:   1 2\n    lo:12345 6 0\n";
        assert_eq!(received(text), Some(12_345));
        assert_eq!(received("eth0: 1"), None);
        assert!(bytes().is_some());
    }
}
