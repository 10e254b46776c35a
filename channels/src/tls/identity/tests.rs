//! A server that lets in only whom it knows, and files that prove nothing.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use tempfile::NamedTempFile;

use crate::conformance::{build, sample};
use crate::email::tests::tls::front_for;
use crate::testing::{HttpServer, Reply};
use crate::webhook::{Webhook, WebhookConfig};
use crate::{ChannelKind, DeliveryError, Reason};

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

/// A certificate and its key, as PEM.
fn pair() -> (rcgen::Certificate, String) {
    let pair = rcgen::generate_simple_self_signed(["log-monitor".to_owned()]).unwrap();
    let key = pair.signing_key.serialize_pem();
    (pair.cert, key)
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate() {
    crate::http::install_tls_provider();
    let ((cert, key), mut known) = (pair(), RootCertStore::empty());
    known.add(cert.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(known)).build().unwrap();
    let vendor = HttpServer::start(|_| Reply::new(200, "")).await.unwrap();
    let (port, ca) = front_for(vendor.address(), false, "127.0.0.1", clients).await;
    let table = format!("url = \"https://127.0.0.1:{port}/\"\nca_file = {:?}", ca.path());
    let (two, one) = ((file(&cert.pem()), file(&key)), file(&(cert.pem() + &key)));
    for keys in [
        format!("client_certificate = {:?}\nclient_key = {:?}", two.0.path(), two.1.path()),
        format!("client_certificate = {:?}", one.path()),
    ] {
        build::<Webhook>(&format!("{table}\n{keys}")).notify(&sample()).await.unwrap();
    }
    let (stranger, key) = pair();
    let stranger = file(&(stranger.pem() + &key));
    for keys in [String::new(), format!("client_certificate = {:?}", stranger.path())] {
        let error = build::<Webhook>(&format!("{table}\n{keys}")).notify(&sample()).await.unwrap_err();
        let expected = "TLS: the server refused the connection; does it want a certificate of ours?";
        assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
    }
    assert_eq!(vendor.received().len(), 2);
}

#[test]
fn what_cannot_be_used_is_said_at_its_key() {
    let ((cert, key), (_, other)) = (pair(), pair());
    let files = [cert.pem(), key, other, "-----BEGIN".to_owned()].map(|text| file(&text));
    let [cert, key, other, none] = files.each_ref().map(|file| file.path().to_str().unwrap());
    let found = |keys: &str| {
        let config: WebhookConfig = toml::from_str(&format!("url = \"https://a.example\"\n{keys}")).unwrap();
        let problem = Webhook::validate(&config).into_iter().next();
        problem.map(|problem| (problem.key.unwrap(), problem.message))
    };
    let of = |certificate: &str, key: &str| {
        found(&format!("client_certificate = {certificate:?}\nclient_key = {key:?}")).map(|(key, _)| key)
    };
    assert_eq!(of(cert, key), None);
    assert_eq!(of(cert, other), Some("client_key"));
    assert_eq!(of(cert, none), Some("client_key"));
    assert_eq!(of(none, key), Some("client_certificate"));
    let alone = found(&format!("client_key = {key:?}")).unwrap();
    assert_eq!(alone, ("client_key", "`client_key` without `client_certificate`".to_owned()));
    assert_eq!(found(&format!("client_certificate = {cert:?}")).unwrap().0, "client_certificate");
    let missing = toml::from_str::<WebhookConfig>("url = \"https://a.example\"\nclient_key = \"/no.pem\"");
    assert!(missing.unwrap_err().to_string().contains("line 2"));
}
