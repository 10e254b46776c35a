//! What kinds share about TLS: authorities from a file, and words for what is wrong.

pub(crate) mod identity;

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig};
use rustls_platform_verifier::Verifier;
use serde::de::{Deserialize, Deserializer, Error};

use crate::error::BuildError;

pub use identity::{Identity, PemFile};

/// The certificates of a PEM file. It is read while the configuration is decoded, so that a missing
/// file is reported at its own line.
#[derive(Debug, Clone)]
pub struct CaFile(pub Vec<CertificateDer<'static>>);

impl<'de> Deserialize<'de> for CaFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        read_certificates(&path).map(Self).map_err(D::Error::custom)
    }
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{path}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{path} contains no certificate"));
    }
    let mut store = rustls::RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(certificates)
}

crate::schema::written_as!(CaFile, String, "file");

/// TLS as it is for everybody: the system's authorities, and those of `ca_file`; to a server that asks who we
/// are, `identity`.
///
/// # Errors
/// When the system's authorities cannot be read.
pub fn client_config(
    ca_file: Option<&CaFile>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, BuildError> {
    let failed = |error: rustls::Error| BuildError(format!("TLS: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let extra = ca_file.into_iter().flat_map(|file| file.0.iter().cloned());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(failed)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous() // rustls calls every verifier of one's own so; this one is the platform's.
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match identity {
        None => config.with_no_client_auth(),
        Some(identity) => config.with_client_cert_resolver(identity.resolver()),
    })
}

/// What is wrong, without rustls's own words, which name the host. The keys are those of a kind's
/// table: `host`, `port`, `tls`, `ca_file`.
#[must_use]
pub const fn trouble(error: Option<&rustls::Error>) -> &'static str {
    match error {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet; is the clock right?"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name than `host`"
            }
            CertificateError::UnknownIssuer => {
                "the server's certificate is from an unknown authority; name it with `ca_file`"
            }
            CertificateError::Revoked => "the server's certificate is revoked",
            _ => "the server's certificate is not acceptable",
        },
        Some(error) if wants_to_know_us(error) => {
            "the server refused the connection; does it want a certificate of ours?"
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port; are `port` and `tls` right?"
        }
        _ => "no common protocol with the server",
    }
}

/// Whether the server refuses who we are. In TLS 1.3 it does so only after we believe to be through.
#[must_use]
pub const fn wants_to_know_us(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::DecryptError
        )
    )
}

/// The error of rustls in `error` or below it, which may be inside an I/O error.
#[must_use]
pub fn rustls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inside = inside.and_then(|error| error.downcast_ref::<rustls::Error>());
        if let Some(found) = error.downcast_ref().or(inside) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{build, sample};
    use crate::email::tests::tls::front;
    use crate::testing::{HttpServer, Reply};
    use crate::{ChannelKind, Reason};

    #[derive(Debug, serde::Deserialize)]
    struct Table {
        #[expect(dead_code, reason = "only its reading matters")]
        ca_file: CaFile,
    }

    fn read(path: &str) -> Result<Table, toml::de::Error> {
        toml::from_str(&format!("# keys\nca_file = {path:?}"))
    }

    /// A vendor of whose authority only `ca_file` knows.
    async fn trusts<K: ChannelKind>(table: &str) {
        let vendor = HttpServer::start(|_| Reply::new(503, "")).await.unwrap();
        let address = vendor.url("").trim_start_matches("http://").parse().unwrap();
        let (port, ca) = front(address, false, "127.0.0.1").await;
        let table = table.replace("URL", &format!("https://127.0.0.1:{port}"));
        let told = async |table: &str| build::<K>(table).notify(&sample()).await.unwrap_err().reason();
        assert_eq!(told(&table).await, Reason::Tls, "{}", K::KIND);
        let known = told(&format!("{table}\nca_file = {:?}", ca.path())).await;
        assert_eq!(known, Reason::Server, "{}", K::KIND);
    }

    #[tokio::test]
    async fn what_people_host_themselves_may_have_an_authority_of_its_own() {
        trusts::<crate::webhook::Webhook>("url = \"URL\"").await;
        trusts::<crate::mattermost::Mattermost>("webhook_url = \"URL/hooks/k\"").await;
        trusts::<crate::ntfy::Ntfy>("server = \"URL\"\ntopic = \"t\"").await;
        trusts::<crate::telegram::Telegram>("api_url = \"URL\"\ntoken = \"t\"\nchat_id = \"1\"").await;
        let room = "homeserver = \"URL\"\ntoken = \"t\"\nroom_id = \"!r:a\"";
        trusts::<crate::matrix::Matrix>(room).await;
    }

    #[test]
    fn a_ca_file_must_be_there_and_hold_a_certificate() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let empty = read(path).unwrap_err();
        assert!(empty.message().contains("contains no certificate"), "{empty}");
        assert!(empty.to_string().contains("line 2"), "{empty}");
        assert!(read("/nonexistent.pem").is_err());
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(read(path).is_err(), "garbage is no certificate");
    }
}
