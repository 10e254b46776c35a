//! Which certificate of a server is trusted. Wazuh's API ships a self-signed one, for `localhost`
//! only and good for a year (Wazuh 4.x, `api/api/configuration.py`): a CA file alone does not help
//! against the name.

use std::fmt;
use std::sync::Arc;

use log_monitor_channels::http::client_builder;
use log_monitor_channels::{BuildError, Problem};
use reqwest::{ClientBuilder, Url};
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::ca_file::CaFile;

/// The keys of a source's table about certificates.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// `ca_file`
    pub ca_file: Option<&'a CaFile>,
    /// `tls_server_name`
    pub server_name: Option<&'a str>,
    /// `pinned_sha256`
    pub pinned: Option<&'a str>,
    /// `verify_certificates`
    pub verify: bool,
}

impl Keys<'_> {
    /// What the types cannot say.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.server_name.is_some_and(|name| ServerName::try_from(name).is_err()) {
            problems.push(Problem::at("tls_server_name", "not the name of a host"));
        }
        if self.pinned.is_some_and(|pin| digits(pin).is_none()) {
            let help = "openssl x509 -in server.crt -noout -fingerprint -sha256";
            problems.push(Problem::at("pinned_sha256", "must be 64 hexadecimal digits").help(help));
        }
        if !self.verify && self.pinned.is_some() {
            let off = "`false` would take any certificate, not only that of `pinned_sha256`";
            let help = "leave it out: a pinned certificate needs no authority, no name and no date";
            problems.push(Problem::at("verify_certificates", off).help(help));
        } else if !self.verify {
            let risk = "certificates are not verified: anybody on the way can read the password";
            let help = "set `ca_file`, `tls_server_name` or `pinned_sha256` instead";
            problems.push(Problem::at("verify_certificates", risk).warning().help(help));
        }
        problems
    }

    /// A client that verifies as they say.
    ///
    /// # Errors
    /// When the system's authorities cannot be read.
    pub fn client(&self, base: &Url) -> Result<ClientBuilder, BuildError> {
        let provider = Arc::new(provider::default_provider());
        let trust = match (self.pinned.and_then(digits), self.server_name) {
            _ if !self.verify => return Ok(client_builder().tls_danger_accept_invalid_certs(true)),
            _ if base.scheme() == "http" => return Ok(client_builder().tls_certs_only([])),
            (Some(pin), _) => Trust::Pinned(pin),
            (None, Some(name)) => self.named(name, provider.clone())?,
            (None, None) => return Ok(self.usual()),
        };
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| BuildError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Judge { trust, provider }))
            .with_no_client_auth();
        Ok(client_builder().tls_backend_preconfigured(config))
    }

    /// The system's authorities, and those of the CA file.
    fn usual(&self) -> ClientBuilder {
        let extra = self.ca_file.map(|file| file.certificates().iter().cloned());
        match extra {
            Some(extra) => client_builder().tls_certs_merge(extra),
            None => client_builder(),
        }
    }

    fn named(&self, name: &str, provider: Arc<CryptoProvider>) -> Result<Trust, BuildError> {
        let failed = |error: &dyn fmt::Display| BuildError(error.to_string());
        let extra = self.ca_file.into_iter().flat_map(|file| file.der().iter().cloned());
        let inner = Verifier::new_with_extra_roots(extra, provider).map_err(|error| failed(&error))?;
        let name = ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?;
        Ok(Trust::Named(Arc::new(inner), name))
    }
}

/// The bytes of a fingerprint; colons between them are how openssl writes it.
fn digits(pin: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = pin.bytes().filter(|byte| *byte != b':').collect();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Which certificate is trusted.
enum Trust {
    /// The one with this SHA-256.
    Pinned([u8; 32]),
    /// One that this verifier takes, for this name.
    Named(Arc<Verifier>, ServerName<'static>),
}

struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Pinned(pin) if digest(&SHA256, end_entity).as_ref() == pin => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Pinned(_) => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Trust::Named(inner, name) => inner.verify_server_cert(end_entity, intermediates, name, ocsp, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_digits_and_colons() {
        let pin = "4F:0C".to_owned() + &"a5".repeat(30);
        assert_eq!(digits(&pin).map(|bytes| bytes[..3].to_vec()), Some(vec![0x4f, 0x0c, 0xa5]));
        for wrong in [pin.replace("4F", "+F"), pin.replace("4F", "4"), pin + "00", String::new()] {
            assert_eq!(digits(&wrong), None, "{wrong}");
        }
    }
}
