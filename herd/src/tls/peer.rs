//! The certificate of the other side.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;

use super::TlsError;

/// The parts of a certificate that matter to a herd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The DNS names in the certificate. The certificate of a node contains the node's name.
    pub names: Vec<String>,
    /// The IP addresses in the certificate, by which clients may reach a node.
    pub addresses: Vec<IpAddr>,
    /// The start of its validity.
    pub begins: SystemTime,
    /// The end of its validity.
    pub expires: SystemTime,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

impl Certificate {
    /// Parses a certificate.
    ///
    /// # Errors
    /// Returns a message if it is not an X.509 certificate.
    pub fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, String> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| format!("not a certificate: {error}"))?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let addresses = names.clone().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
        let time = |seconds| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        };
        let validity = parsed.validity();
        Ok(Certificate {
            addresses: addresses.collect(),
            names: names
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                })
                .collect(),
            begins: time(validity.not_before.timestamp()),
            expires: time(validity.not_after.timestamp()),
            is_authority: parsed.is_ca(),
        })
    }
}

/// Returns the address that is written as 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Reads all certificates of a PEM file, at least one.
///
/// # Errors
/// Fails if the file cannot be read, or contains no certificate.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failure = |error| TlsError::item(file, "certificate", error);
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(failure)?.collect::<Result<_, _>>().map_err(failure)?;
    if certificates.is_empty() {
        return Err(failure(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

/// Returns in plain words why a certificate is rejected; `None` if the error is another one, or
/// rare.
pub fn rejection(error: &Error) -> Option<&'static str> {
    let Error::InvalidCertificate(reason) = error else { return None };
    match reason {
        // The signature is bad if another authority has the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Some("its certificate is not signed by this herd's authority")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("its certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("its certificate is not valid yet: check the clocks of both machines")
        }
        _ => None,
    }
}

/// Accepts certificates of the herd's authority. The link checks whether the certificate is that of
/// the neighbour that was dialled. The usual check is about host names, and names of nodes need not
/// be names of hosts.
#[derive(Debug)]
pub(super) struct OfTheAuthority {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl OfTheAuthority {
    pub(super) fn new(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> OfTheAuthority {
        OfTheAuthority { roots, provider }
    }
}

impl ServerCertVerifier for OfTheAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let certificate = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, between, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_certificate_is_explained_in_plain_words() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        for (reason, words) in [
            (CertificateError::UnknownIssuer, Some("its certificate is not signed by this herd's authority")),
            (CertificateError::BadSignature, Some("its certificate is not signed by this herd's authority")),
            (CertificateError::Expired, Some("its certificate has expired")),
            (CertificateError::ExpiredContext { time, not_after: time }, Some("its certificate has expired")),
            (
                CertificateError::NotValidYet,
                Some("its certificate is not valid yet: check the clocks of both machines"),
            ),
            (
                CertificateError::NotValidYetContext { time, not_before: time },
                Some("its certificate is not valid yet: check the clocks of both machines"),
            ),
            (CertificateError::Revoked, None),
        ] {
            assert_eq!(rejection(&Error::InvalidCertificate(reason)), words);
        }
        assert_eq!(rejection(&Error::DecryptError), None);
    }
}
