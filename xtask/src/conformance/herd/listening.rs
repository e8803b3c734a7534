//! The ports that programs listen at, as the system lists them. Nothing has to connect to find out,
//! so a program that dies of a connection without a command is not harmed.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The number of the state "listening" in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The addresses in this process's network at which a program listens.
#[derive(Debug)]
pub(super) struct Listening(Vec<SocketAddr>);

impl Listening {
    pub(super) fn now() -> Listening {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let mut addresses = parse(&read("/proc/self/net/tcp"));
        addresses.extend(parse(&read("/proc/self/net/tcp6")));
        Listening(addresses)
    }

    /// Returns whether a connection to `address` would be accepted.
    pub(super) fn accepts(&self, address: SocketAddr) -> bool {
        self.at_port(address.port()).any(|ip| {
            let ip = match ip {
                IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
                IpAddr::V4(_) => ip,
            };
            // A program that listens at all addresses of IPv6 also gets connections of IPv4.
            ip == address.ip() || ip.is_unspecified()
        })
    }

    /// Returns the addresses at which programs listen with `port`.
    pub(super) fn at_port(&self, port: u16) -> impl Iterator<Item = IpAddr> {
        self.0.iter().filter(move |address| address.port() == port).map(SocketAddr::ip)
    }
}

/// Reads the listening sockets of `/proc/net/tcp` or `/proc/net/tcp6`.
fn parse(text: &str) -> Vec<SocketAddr> {
    let sockets = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (ip, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == LISTENING).then_some(SocketAddr::new(parse_ip(ip)?, port))
    });
    sockets.collect()
}

/// Reads an address: words of 32 bits, each in the byte order of the machine.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for start in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_is_seen_at_its_address_while_it_listens() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::ffff:127.0.0.1]:0", "[::]:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            assert!(Listening::now().accepts(address), "{address}");
        }
        let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        let listening = Listening::now();
        assert!(!listening.accepts(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        assert_eq!(listening.at_port(port).collect::<Vec<_>>(), [Ipv6Addr::LOCALHOST]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn only_listening_sockets_count() {
        let text = "  sl  local_address rem_address   st\n\
                    0: 0100007F:2EE0 00000000:0000 0A 0\n\
                    1: 0100007F:2EE1 0100007F:9999 01 0\n\
                    2: 00000000000000000000000001000000:2EE2 0:0000 0A 0\n";
        assert_eq!(parse(text), ["127.0.0.1:12000".parse().unwrap(), "[::1]:12002".parse().unwrap()]);
    }
}
