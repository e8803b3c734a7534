//! Which addresses of a herd file can be listened on, dialled, and used beside each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Why no node can listen on an address, if so.
pub(super) fn cannot_listen(address: SocketAddr) -> Option<String> {
    let kind = match ip_of(address) {
        ip if ip.is_multicast() => "a multicast address",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast address",
        _ => return None,
    };
    Some(format!("no node can listen on {address}, {kind}: name an address of the node's machine"))
}

/// Why no neighbour can dial an address, if so.
pub(super) fn cannot_dial(address: SocketAddr) -> Option<String> {
    if address.port() == 0 {
        return Some(format!("neighbours cannot dial {address}, since port 0 is any free port: name a port"));
    }
    ip_of(address).is_unspecified().then(|| {
        format!(
            "neighbours cannot dial {address}, which is every address of a machine: name one of them, and let the node listen on all with --link-address {address}"
        )
    })
}

/// Whether two addresses cannot both be listened on, each given with the address for links of its
/// node. Port 0 asks the system for a free port, so it is never taken.
pub(super) fn collide([one, link]: [SocketAddr; 2], [other, other_link]: [SocketAddr; 2]) -> bool {
    let (ip, other_ip) = (ip_of(one), ip_of(other));
    let same_port = one.port() != 0 && one.port() == other.port();
    let is_wide = ip.is_unspecified() || other_ip.is_unspecified();
    same_port && (ip == other_ip && !is_wide || is_wide && !are_apart(ip_of(link), ip_of(other_link)))
}

/// Whether nodes that are dialled at these addresses are on two machines, as far as a herd file
/// shows.
fn are_apart(one: IpAddr, other: IpAddr) -> bool {
    one != other && [one, other].iter().all(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// The IP, the same however it is written: an IPv4 address may be mapped to IPv6.
fn ip_of(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
