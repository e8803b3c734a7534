//! The hosts for which the certificate of a node is good, besides the node's name.

use std::net::IpAddr;

use rcgen::SanType;
use rustls::pki_types::DnsName;

use super::Certificate;

/// The DNS names and IP addresses by which clients reach a node over TLS. They compare these with
/// the node's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// DNS names; the first part of a name may be `*`.
    pub names: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
}

impl Hosts {
    /// Returns the hosts of a certificate that names `node`.
    pub(super) fn of(certificate: Certificate, node: &str) -> Hosts {
        let Certificate { mut names, addresses, .. } = certificate;
        names.retain(|name| name != node);
        Hosts { names, addresses }
    }

    /// Returns whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addresses.is_empty()
    }

    /// Returns what a certificate for `node` says that it is good for.
    ///
    /// # Errors
    /// A name is not ASCII.
    pub(super) fn subjects(&self, node: &str) -> Result<Vec<SanType>, rcgen::Error> {
        let names = std::iter::once(node).chain(self.names.iter().map(String::as_str));
        let mut subjects: Vec<SanType> =
            names.map(|name| Ok(SanType::DnsName(name.try_into()?))).collect::<Result<_, rcgen::Error>>()?;
        subjects.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        Ok(subjects)
    }
}

/// Checks a DNS name for a certificate.
///
/// # Errors
/// Returns what is wrong with it.
pub fn check_dns_name(name: &str) -> Result<(), &'static str> {
    if name.parse::<IpAddr>().is_ok() {
        return Err("an IP address is not a DNS name: give it with --ip");
    }
    match DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)) {
        Ok(_) => Ok(()),
        Err(_) => Err("expected a DNS name, such as alford.example or *.herd.example"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts_may_be_wild_and_addresses_are_not_names() {
        for name in ["alford.example", "localhost", "*.herd.example", "xn--bcher-kva.example", "a-b.c"] {
            assert_eq!(check_dns_name(name), Ok(()), "{name}");
        }
        for name in ["", "*", "*.", "a.*.example", "a b", "a..b", "-a.example", "bücher.example", "a:1"] {
            assert!(check_dns_name(name).is_err_and(|reason| reason.contains("such as")), "{name}");
        }
        for address in ["10.0.0.1", "::1"] {
            assert!(check_dns_name(address).is_err_and(|reason| reason.contains("--ip")), "{address}");
        }
    }
}
