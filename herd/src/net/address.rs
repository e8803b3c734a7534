//! The addresses that nodes dial: an IP address or a DNS name, with a port.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An address to dial.
///
/// A name is looked up each time it is dialled, so it can move to another machine while nodes run.
///
/// # Examples
/// ```
/// use herd::net::Address;
///
/// let address: Address = "alford.example:12580".parse().unwrap();
/// assert_eq!((address.port(), address.is_loopback()), (12580, false));
/// assert!("alford.example".parse::<Address>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A DNS name and a port.
    Name {
        /// The name, such as `alford.example`.
        host: String,
        /// The port.
        port: u16,
    },
}

/// The longest name that DNS allows, and the longest label between its dots, in bytes.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

impl Address {
    /// Returns the port.
    pub fn port(&self) -> u16 {
        match self {
            Address::Ip(address) => address.port(),
            Address::Name { port, .. } => *port,
        }
    }

    /// Returns whether the address can mean only this machine. The name `localhost` is never
    /// another machine.
    pub fn is_loopback(&self) -> bool {
        match self {
            Address::Ip(address) => address.ip().to_canonical().is_loopback(),
            Address::Name { host, .. } => host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Ip(address)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Ok(address) = text.parse() {
            return Ok(Address::Ip(address));
        }
        let name = text.rsplit_once(':').filter(|(host, port)| is_name(host) && is_number(port));
        let name = name.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let (host, port) = name.ok_or_else(|| {
            format!(
                "`{text}` is not an address: write an IP address or a DNS name, and a port, such as \"127.0.0.1:12580\" or \"alford.example:12580\""
            )
        })?;
        Ok(Address::Name { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Returns whether a host may be a DNS name. A host whose last label is a number is not: resolvers
/// read `10.1` as an IPv4 address, and `127.0.0.300` is a mistyped one.
fn is_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    host.len() <= LONGEST_NAME
        && host.split('.').all(is_label)
        && !is_number(last)
        && !last.to_ascii_lowercase().starts_with("0x")
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_or_a_name_with_a_port() {
        for text in ["127.0.0.1:1", "[::1]:65535", "0.0.0.0:0"] {
            assert_eq!(text.parse::<Address>(), Ok(Address::Ip(text.parse().unwrap())), "{text}");
        }
        for text in
            ["localhost:0", "alford.example:12580", "Alford.example.:1", "my_service:80", "3com.example:1"]
        {
            let address: Address = text.parse().unwrap();
            assert!(matches!(&address, Address::Name { .. }), "{text}");
            assert_eq!(address.to_string(), text);
        }
        let long = format!("{}a:1", "a.".repeat(127));
        let label = format!("{}:1", "a".repeat(64));
        for text in [
            "",
            "1",
            ":1",
            "a",
            "a:",
            "a:+1",
            "a:65536",
            "a:b",
            "a b:1",
            "a..b:1",
            ".a:1",
            "-a:1",
            "a-:1",
            "127.0.0.300:1",
            "10.1:1",
            "0x7f000001:1",
            "::1:80",
            "m\u{fc}ller.example:1",
            "http://a:1",
            &long,
            &label,
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn localhost_is_this_machine_and_other_names_may_not_be() {
        let is_loopback = |text: &str| text.parse::<Address>().unwrap().is_loopback();
        for text in ["127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1", "LocalHost:1"] {
            assert!(is_loopback(text), "{text}");
        }
        for text in ["10.0.0.1:1", "0.0.0.0:1", "alford.example:1", "localhost.example:1"] {
            assert!(!is_loopback(text), "{text}");
        }
    }
}
