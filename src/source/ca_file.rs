//! A file of certificate authorities in the configuration.

use std::path::{Path, PathBuf};

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A PEM file with one certificate or more. It is read while the configuration is decoded, so that
/// a missing or empty file is reported at its own line.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "PathBuf")]
pub struct CaFile {
    certificates: Vec<Certificate>,
    der: Vec<CertificateDer<'static>>,
}

impl CaFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, holds no certificate, or one that nobody could trust.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let pem = std::fs::read(path).map_err(|error| format!("CA file {shown}: {error}"))?;
        let certificates = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("CA file {shown} is not a PEM file: {error:?}"))?;
        if certificates.is_empty() {
            return Err(format!("CA file {shown} holds no certificate (no BEGIN CERTIFICATE line)"));
        }
        let checked = certificates.iter().map(checked).collect::<Result<_, _>>();
        let checked = checked.map_err(|error| format!("CA file {shown}: {error}"))?;
        Ok(Self { certificates: checked, der: certificates })
    }

    /// The same as bytes.
    #[must_use]
    pub fn der(&self) -> &[CertificateDer<'static>] {
        &self.der
    }

    /// What it holds, never nothing.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// A certificate that can be an authority: reqwest itself looks only when the client is built,
/// and then says no file name.
fn checked(certificate: &CertificateDer<'static>) -> Result<Certificate, String> {
    RootCertStore::empty().add(certificate.clone()).map_err(|error| error.to_string())?;
    Certificate::from_der(certificate).map_err(|error| error.to_string())
}

impl<'de> Deserialize<'de> for CaFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PathVisitor)
    }
}

struct PathVisitor;

impl<'de> Visitor<'de> for PathVisitor {
    type Value = CaFile;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the path of a PEM file")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<CaFile, E> {
        CaFile::read(Path::new(path)).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CaFile, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("one PEM file is expected; it may hold several certificates"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        ca_file: CaFile,
    }

    fn read(content: &str) -> Result<Table, toml::de::Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        toml::from_str(&format!("ca_file = {:?}", file.path()))
    }

    #[test]
    fn a_file_of_certificates_is_read_whole() {
        let key = rcgen::KeyPair::generate().unwrap();
        let one = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        let table = read(&format!("some words before\n{one}\n{one}")).unwrap();
        assert_eq!(table.ca_file.certificates().len(), 2);
    }

    #[test]
    fn a_useless_file_is_reported_at_its_own_place() {
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (content, said) in [("", "holds no certificate"), ("hello", "holds no"), (garbage, "CA file")] {
            let error = read(content).unwrap_err();
            assert!(error.message().contains(said), "{error}");
            assert_eq!(error.span().unwrap().start, "ca_file = ".len());
        }
        let missing = toml::from_str::<Table>("ca_file = \"no/such.pem\"").unwrap_err();
        assert!(missing.message().contains("no/such.pem: No such file"), "{missing}");
    }
}
