//! Deliveries over TLS, to a front that decrypts for the mail server behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{config, context, notification};
use crate::email::Email;
use crate::testing::{SmtpReplies, SmtpServer};
use crate::{ChannelKind, DeliveryError, Reason};

/// A front with a certificate for `name`, and that certificate in a file.
pub(crate) async fn front(backend: SocketAddr, starttls: bool, name: &str) -> (u16, tempfile::NamedTempFile) {
    front_for(backend, starttls, name, WebPkiClientVerifier::no_client_auth()).await
}

/// The same for clients whom this one lets in.
pub(crate) async fn front_for(
    backend: SocketAddr,
    starttls: bool,
    name: &str,
    clients: Arc<dyn ClientCertVerifier>,
) -> (u16, tempfile::NamedTempFile) {
    crate::http::install_tls_provider();
    let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pair.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder().with_client_cert_verifier(clients);
    let tls = tls.with_single_cert(vec![pair.cert.into()], key);
    let acceptor = TlsAcceptor::from(Arc::new(tls.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let _ = relay(client, backend, starttls, &acceptor).await;
        }
    });
    (port, file)
}

async fn relay(
    client: TcpStream,
    backend: SocketAddr,
    starttls: bool,
    acceptor: &TlsAcceptor,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut backend = BufReader::new(TcpStream::connect(backend).await?);
    if starttls {
        let mut line = String::new();
        // The greeting comes before TLS, and only once.
        backend.read_line(&mut line).await?;
        for answer in [line.as_str(), "250-localhost\r\n250 STARTTLS\r\n", "220 go ahead\r\n"] {
            client.write_all(answer.as_bytes()).await?;
            if !answer.starts_with("220 go") {
                client.read_line(&mut String::new()).await?;
            }
        }
    }
    let mut client = acceptor.accept(client).await?;
    copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}

#[tokio::test]
async fn an_authority_from_a_file_is_trusted_either_way() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    for (starttls, tls) in [(false, "implicit"), (true, "starttls"), (true, "opportunistic")] {
        let (port, ca) = front(server.address(), starttls, "127.0.0.1").await;
        let more = format!("tls = \"{tls}\"\nca_file = {:?}", ca.path());
        let email = Email::build(config(port, &more), &context()).unwrap();
        email.notify(&notification()).await.unwrap();
    }
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_with_advice() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let unknown = "TLS: the server's certificate is from an unknown authority; name it with `ca_file`";
    let other = "TLS: the server's certificate is for another name than `host`";
    for (name, trusted, expected) in [("127.0.0.1", false, unknown), ("mx.example.org", true, other)] {
        let (port, ca) = front(server.address(), true, name).await;
        let trust = if trusted { format!("ca_file = {:?}", ca.path()) } else { String::new() };
        let email = Email::build(config(port, &trust), &context()).unwrap();
        let error = email.notify(&notification()).await.unwrap_err();
        assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
    }
    assert!(server.received().is_empty());
}
