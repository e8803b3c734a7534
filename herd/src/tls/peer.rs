//! The other side's certificate.

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

/// What a certificate says that matters to a herd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The DNS names it was made out for, as they stand in it. A node's is the node's name.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub begins: SystemTime,
    /// When it ends.
    pub expires: SystemTime,
    /// Whether it may sign others.
    pub is_authority: bool,
}

impl Certificate {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, String> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| format!("no certificate: {error}"))?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let time = |seconds| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        };
        let validity = parsed.validity();
        Ok(Certificate {
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

/// Reads all certificates of a file, at least one.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let told = |error| TlsError::item(file, "certificate", error);
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(told)?.collect::<Result<_, _>>().map_err(told)?;
    if certificates.is_empty() {
        return Err(told(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

/// Why a certificate is not accepted, in plain words; `None` if the error is not about that, or rare.
pub fn rejection(error: &Error) -> Option<&'static str> {
    let Error::InvalidCertificate(reason) = error else { return None };
    match reason {
        // The latter when another authority has the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Some("its certificate is not of this herd's authority")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("its certificate has ended")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("its certificate does not count yet: do the clocks differ?")
        }
        _ => None,
    }
}

/// Takes whoever shows a certificate of the herd's authority. Whether it is the neighbour that was dialled is for the link
/// to say: nodes have names that need not be those of hosts, which is what the usual check is about.
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
    fn a_certificate_that_is_not_accepted_is_told_in_plain_words() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        for (reason, words) in [
            (CertificateError::UnknownIssuer, Some("its certificate is not of this herd's authority")),
            (CertificateError::BadSignature, Some("its certificate is not of this herd's authority")),
            (CertificateError::Expired, Some("its certificate has ended")),
            (CertificateError::ExpiredContext { time, not_after: time }, Some("its certificate has ended")),
            (
                CertificateError::NotValidYet,
                Some("its certificate does not count yet: do the clocks differ?"),
            ),
            (
                CertificateError::NotValidYetContext { time, not_before: time },
                Some("its certificate does not count yet: do the clocks differ?"),
            ),
            (CertificateError::Revoked, None),
        ] {
            assert_eq!(rejection(&Error::InvalidCertificate(reason)), words);
        }
        assert_eq!(rejection(&Error::DecryptError), None);
    }
}
