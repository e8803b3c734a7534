//! The certificate authority of a run, which signs the Places service's certificate.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// How long certificates are valid before and after they are made.
const VALID: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A certificate authority that lives in memory, for one run.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority with a new key.
    pub(super) fn new() -> Result<Authority> {
        let mut params = params("Conformance run");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("cannot generate a key")?;
        let issuer = CertifiedIssuer::self_signed(params, key).context("cannot create an authority")?;
        Ok(Authority { issuer })
    }

    /// Returns the authority's certificate, which guests must trust.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Returns the TLS configuration of a server called `names`.
    ///
    /// Python since 3.13 and other strict clients require the certificate to name its issuer's key.
    pub(super) fn server_config(&self, names: &[String]) -> Result<Arc<ServerConfig>> {
        let mut params = params(names.first().map_or("localhost", String::as_str));
        params.subject_alt_names =
            CertificateParams::new(names).context("cannot make a certificate")?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().context("cannot generate a key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("cannot sign a certificate")?;
        let chain = vec![certificate.der().clone(), self.issuer.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))?;
        // A client that offers protocols is refused if none of them is here.
        config.alpn_protocols = [&b"http/1.1"[..], b"http/1.0"].map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // A common name has at most 64 characters. Clients look at the alternative names.
    params.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    let now = SystemTime::now();
    params.not_before = (now - VALID).into();
    params.not_after = (now + VALID).into();
    params
}
