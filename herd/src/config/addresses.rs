//! Which addresses of a herd file can be listened on, dialled, and used beside each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Member;
use crate::net::Address;

/// Why no node can listen on an address, if so.
pub(super) fn cannot_listen(address: SocketAddr) -> Option<String> {
    let kind = of_many(address)?;
    Some(format!("no node can listen on {address}, {kind}: name an address of the node's machine"))
}

/// Why no neighbour can dial an address, if so.
pub(super) fn cannot_dial(address: &Address) -> Option<String> {
    if address.port() == 0 {
        return Some(format!("neighbours cannot dial {address}, since port 0 is any free port: name a port"));
    }
    let Address::Ip(ip) = address else { return None };
    if let Some(kind) = of_many(*ip) {
        return Some(format!("neighbours cannot dial {address}, {kind}: name an address of one machine"));
    }
    ip_of(*ip).is_unspecified().then(|| {
        let port = address.port();
        format!(
            "neighbours cannot dial {address}, which is every address of a machine: say where they can with `advertise`, such as advertise = \"alford.example:{port}\""
        )
    })
}

/// Why an address cannot be that of an admin port, if so.
pub(super) fn cannot_administer(address: SocketAddr) -> Option<String> {
    if !ip_of(address).is_loopback() {
        return Some(format!("the admin port listens on loopback only, such as 127.0.0.1: {address} is not"));
    }
    (address.port() == 0).then(|| {
        "port 0 is any free port, and would change at each start: name a port for `admin`".to_owned()
    })
}

/// Which kind of address that many machines have it is, if so.
fn of_many(address: SocketAddr) -> Option<&'static str> {
    match ip_of(address) {
        ip if ip.is_multicast() => Some("a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("the broadcast address"),
        _ => None,
    }
}

/// An address that a node listens on.
#[derive(Clone, Copy)]
pub(super) struct Listening<'a> {
    pub(super) address: SocketAddr,
    pub(super) node: &'a Member,
}

/// Whether two addresses cannot both be listened on. Port 0 asks the system for a free port, so it
/// is never taken.
pub(super) fn collide(one: Listening<'_>, other: Listening<'_>) -> bool {
    let ip = ip_of(one.address);
    let other_ip = ip_of(other.address);
    let same_port = one.address.port() != 0 && one.address.port() == other.address.port();
    let is_wide = ip.is_unspecified() || other_ip.is_unspecified();
    // Each machine has these addresses.
    let is_everywhere = is_wide || (ip == other_ip && ip.is_loopback());
    let collide = if is_everywhere { !are_apart(one.node, other.node) } else { ip == other_ip };
    same_port && collide && !are_translated(one.node, other.node)
}

/// Whether two nodes are on two machines, as far as a herd file shows.
fn are_apart(one: &Member, other: &Member) -> bool {
    let one = ip_of(one.link);
    let other = ip_of(other.link);
    one != other && [one, other].iter().all(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// Whether the addresses of one of two nodes are translated on their way, as those of containers
/// are: then each node may have a network of its own, in which all ports are free.
fn are_translated(one: &Member, other: &Member) -> bool {
    !std::ptr::eq(one, other) && [one, other].iter().any(|node| node.advertise.is_some())
}

/// The IP, the same however it is written: an IPv4 address may be mapped to IPv6.
fn ip_of(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
