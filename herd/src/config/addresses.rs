//! Checks which addresses of a herd file a node can listen on, a neighbour can dial, and two nodes
//! can use together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Member;
use crate::net::Address;

/// The problem with listening on an address, if there is one.
pub(super) fn cannot_listen(address: SocketAddr) -> Option<String> {
    let kind = of_many(address)?;
    Some(format!("no node can listen on {address}, {kind}: name an address of the node's machine"))
}

/// The problem with dialling an address, if there is one.
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
            "neighbours cannot dial {address}, which stands for every address of a machine: add an address that they can dial, such as advertise = \"alford.example:{port}\""
        )
    })
}

/// The problem with an address for the admin port, if there is one.
pub(super) fn cannot_administer(address: SocketAddr) -> Option<String> {
    if !ip_of(address).is_loopback() {
        return Some(format!(
            "the admin address {address} is not on loopback: use an address such as 127.0.0.1:12680"
        ));
    }
    (address.port() == 0).then(|| {
        "port 0 is any free port, which would change at each start: name a port for `admin`".to_owned()
    })
}

/// The problem with an address for the metrics port, if there is one.
pub(super) fn cannot_be_scraped(address: SocketAddr) -> Option<String> {
    (address.port() == 0).then(|| {
        "port 0 is any free port, which would change at each start: name a port for `metrics`".to_owned()
    })
}

/// The kind of an address that belongs to several machines, if it does.
fn of_many(address: SocketAddr) -> Option<&'static str> {
    match ip_of(address) {
        ip if ip.is_multicast() => Some("a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("the broadcast address"),
        _ => None,
    }
}

/// An address and the node that listens on it.
#[derive(Clone, Copy)]
pub(super) struct Listening<'a> {
    pub(super) address: SocketAddr,
    pub(super) node: &'a Member,
}

/// Whether two nodes cannot listen on two addresses at the same time. Port 0 asks the system for a
/// free port, so it is never taken.
pub(super) fn collide(one: Listening<'_>, other: Listening<'_>) -> bool {
    let ip = ip_of(one.address);
    let other_ip = ip_of(other.address);
    let same_port = one.address.port() != 0 && one.address.port() == other.address.port();
    let is_wide = ip.is_unspecified() || other_ip.is_unspecified();
    // Every machine has these addresses.
    let is_everywhere = is_wide || (ip == other_ip && ip.is_loopback());
    let collide = if is_everywhere { !are_apart(one.node, other.node) } else { ip == other_ip };
    same_port && collide && !are_translated(one.node, other.node)
}

/// Whether a herd file shows that two nodes are on different machines.
fn are_apart(one: &Member, other: &Member) -> bool {
    let one = ip_of(one.link);
    let other = ip_of(other.link);
    one != other && [one, other].iter().all(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// Whether the addresses of one of two nodes are translated, like those of containers. Then each
/// node may have its own network, in which all ports are free.
fn are_translated(one: &Member, other: &Member) -> bool {
    !std::ptr::eq(one, other) && [one, other].iter().any(|node| node.advertise.is_some())
}

/// The IP address in its canonical form: an IPv4 address may be mapped to IPv6.
fn ip_of(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
