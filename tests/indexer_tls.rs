//! Source `indexer` and certificates: who is trusted, and what is said of who is not.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::Utc;
use log_monitor::simulation::SimulatedIndexer;
use log_monitor::source::indexer::{Indexer, IndexerConfig};
use log_monitor::source::{SourceContext, SourceError, SourceKind, SourceReason};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate authority of our own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The file to trust it by.
    fn file(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.0.pem()).unwrap();
        file
    }

    /// What a server needs to show a certificate for `name`, valid until the year `until`.
    fn server(&self, name: &str, until: i32) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        self.server_with(&params)
    }

    fn server_with(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        showing(&certificate, &key)
    }
}

/// What a server needs to show this certificate.
fn showing(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    log_monitor_channels::http::install_tls_provider();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

/// Puts TLS in front of `backend`.
async fn terminate(config: ServerConfig, backend: &SimulatedIndexer) -> SocketAddr {
    let backend = backend.url().trim_start_matches("http://").to_owned();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, backend) = (acceptor.clone(), backend.clone());
            tokio::spawn(async move {
                let mut front = acceptor.accept(stream).await.ok()?;
                let mut back = TcpStream::connect(backend).await.ok()?;
                tokio::io::copy_bidirectional(&mut front, &mut back).await.ok()
            });
        }
    });
    address
}

async fn probe(url: &str, keys: &str) -> Result<(), SourceError> {
    let config: IndexerConfig = toml::from_str(&format!("url = {url:?}\n{keys}")).unwrap();
    Indexer::build(config, &SourceContext { name: "wazuh".into() }).unwrap().probe().await
}

fn trusting(file: &NamedTempFile) -> String {
    format!("ca_file = {:?}", file.path())
}

#[tokio::test]
async fn a_server_is_trusted_by_its_own_root_ca_and_by_no_other() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    indexer.log("001", Utc::now());
    let (ours, theirs) = (Authority::named("Wazuh"), Authority::named("Somebody"));
    let url = format!("https://{}", terminate(ours.server("127.0.0.1", 4096), &indexer).await);
    assert_eq!(probe(&url, &trusting(&ours.file())).await, Ok(()));
    for keys in [String::new(), trusting(&theirs.file())] {
        let error = probe(&url, &keys).await.unwrap_err();
        assert_eq!(error.reason, SourceReason::Tls, "{error}");
        assert!(error.detail.contains("unknown issuer: set `ca_file`"), "{error}");
    }
    assert_eq!(probe(&url, "verify_certificates = false").await, Ok(()));
}

#[tokio::test]
async fn the_root_ca_of_another_installation_is_recognised_although_it_has_the_same_name() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    let (ours, theirs) = (Authority::named("Wazuh"), Authority::named("Wazuh"));
    let url = format!("https://{}", terminate(ours.server("127.0.0.1", 4096), &indexer).await);
    let error = probe(&url, &trusting(&theirs.file())).await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Tls, "{error}");
    assert!(error.detail.contains("another installation"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_says_which_names_it_has() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    let ours = Authority::named("Wazuh");
    let url = format!("https://{}", terminate(ours.server("node-1.example", 4096), &indexer).await);
    let error = probe(&url, &trusting(&ours.file())).await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Tls, "{error}");
    assert!(error.detail.contains("node-1.example"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_called_so() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    let ours = Authority::named("Wazuh");
    let url = format!("https://{}", terminate(ours.server("127.0.0.1", 2001), &indexer).await);
    let error = probe(&url, &trusting(&ours.file())).await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Tls, "{error}");
    assert!(error.detail.contains("has expired"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_verifies_by_no_key_but_its_hash_says_so() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    indexer.log("001", Utc::now());
    let ours = Authority::named("Wazuh");
    // As `openssl req -x509` makes one.
    let mut own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = own.self_signed(&key).unwrap();
    let own_file = NamedTempFile::new().unwrap();
    std::fs::write(own_file.path(), own.pem()).unwrap();
    let url = format!("https://{}", terminate(showing(&own, &key), &indexer).await);
    for keys in [
        String::new(),
        trusting(&own_file),
        format!("{}\ntls_server_name = \"127.0.0.1\"", trusting(&own_file)),
    ] {
        let error = probe(&url, &keys).await.unwrap_err();
        assert!(error.detail.ends_with("must not be a server's: name it with `pinned_sha256`"), "{error}");
    }
    let pin: String = digest(&SHA256, own.der()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(probe(&url, &format!("pinned_sha256 = {pin:?}")).await, Ok(()));

    let nameless = CertificateParams::default();
    let mut of_clients = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    of_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (params, said) in [(nameless, "names no host"), (of_clients, "is not made for servers")] {
        let url = format!("https://{}", terminate(ours.server_with(&params), &indexer).await);
        let error = probe(&url, &trusting(&ours.file())).await.unwrap_err();
        assert!(error.detail.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_a_bad_certificate() {
    let indexer = SimulatedIndexer::start(&[]).await.unwrap();
    let error = probe(&indexer.url().replace("http://", "https://"), "").await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Tls, "{error}");
    assert!(error.detail.contains("does not speak TLS"), "{error}");
}
