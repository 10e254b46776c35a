//! Who we are to a server that wants to know: a certificate of ours with its key.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde::de::{Deserialize, Deserializer, Error};

use crate::notifier::Problem;
use crate::secret::Secret;

/// A PEM file that may hold a key. It is read while the configuration is decoded, so that a missing file is
/// reported at its own line, and never shown.
#[derive(Debug, Clone)]
pub struct PemFile(Secret);

impl<'de> Deserialize<'de> for PemFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        let text = std::fs::read_to_string(&path);
        text.map(|text| Self(Secret::new(text))).map_err(|error| D::Error::custom(format!("{path}: {error}")))
    }
}

crate::schema::written_as!(PemFile, String, "file");

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity(Arc<SingleCertAndKey>);

impl Identity {
    /// Of the keys `client_certificate` and `client_key`, of which the second may be in the file of the first.
    ///
    /// # Errors
    /// At the key that is wrong.
    pub fn of(certificate: Option<&PemFile>, key: Option<&PemFile>) -> Result<Option<Self>, Problem> {
        let Some(certificate) = certificate else {
            let alone = key.map(|_| Problem::at("client_key", "`client_key` without `client_certificate`"));
            return alone.map_or(Ok(None), Err);
        };
        let chain = chain(certificate)?;
        let (at, file) = key.map_or(("client_certificate", certificate), |key| ("client_key", key));
        let key = PrivateKeyDer::from_pem_slice(file.0.expose().as_bytes());
        let key = key.map_err(|_| {
            Problem::at(at, "the file holds no private key that can be read")
                .help("name a PEM file with the key, without a password, as `client_key`")
        })?;
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| Problem::at(at, format!("not the key of `client_certificate`: {error}")))?;
        Ok(Some(Self(Arc::new(pair.into()))))
    }

    /// For a client.
    #[must_use]
    pub fn resolver(&self) -> Arc<SingleCertAndKey> {
        self.0.clone()
    }
}

fn chain(file: &PemFile) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain = CertificateDer::pem_slice_iter(file.0.expose().as_bytes()).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(Problem::at("client_certificate", "the file holds no certificate that can be read")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
