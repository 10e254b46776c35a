use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::conformance::{self, Arrival, FarEnd, Scene, conforms, sample};
use crate::error::Reason;
use crate::tls::identity::tests::Own;

/// A server that takes everything. What can fail is the way to it, which no message decides: that is
/// tested by itself.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<Vec<u8>>>>, Option<Arc<UdpSocket>>);

impl FarEnd for Server {
    fn accept(&self) {}

    fn scenes(&self) -> Vec<Scene<'_>> {
        Vec::new()
    }

    fn arrived(&self) -> Vec<Arrival> {
        let mut datagram = [0; 65_536];
        while let Some(Ok(size)) = self.1.as_ref().map(|socket| socket.recv(&mut datagram)) {
            self.0.lock().unwrap().push(datagram[..size].to_vec());
        }
        std::mem::take(&mut *self.0.lock().unwrap()).iter().map(|message| arrival(message)).collect()
    }
}

fn arrival(message: &[u8]) -> Arrival {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let key = text.split_once(" key=\"").and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned);
    let harm = text.contains(char::is_control).then(|| text.clone());
    Arrival { size: message.len(), key, text, harm, ..Arrival::default() }
}

/// Reads frames until the client has said farewell.
async fn take(mut client: impl AsyncRead + AsyncWrite + Unpin, into: &Server) {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        into.0.lock().unwrap().push(rest[space + 1..][..length].to_vec());
        rest = &rest[space + 1 + length..];
    }
    client.shutdown().await.unwrap();
}

/// By TCP, or over TLS with that certificate.
async fn serve(tls: Option<TlsAcceptor>) -> (Server, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::default();
    let into = server.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            match &tls {
                None => take(client, &into).await,
                Some(tls) => {
                    if let Ok(client) = tls.accept(client).await {
                        take(client, &into).await;
                    }
                }
            }
        }
    });
    (server, port)
}

fn table(transport: &str, port: u16) -> String {
    format!("host = \"127.0.0.1\"\ntransport = \"{transport}\"\nport = {port}\n")
}

/// A certificate for `name`, in a file, and a server with it.
fn certificate(name: &str) -> (TlsAcceptor, tempfile::NamedTempFile) {
    certificate_for(name, WebPkiClientVerifier::no_client_auth())
}

/// The same for clients whom this one lets in.
fn certificate_for(
    name: &str,
    clients: Arc<dyn ClientCertVerifier>,
) -> (TlsAcceptor, tempfile::NamedTempFile) {
    crate::http::install_tls_provider();
    let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pair.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder().with_client_cert_verifier(clients);
    let tls = tls.with_single_cert(vec![pair.cert.into()], key);
    (TlsAcceptor::from(Arc::new(tls.unwrap())), file)
}

fn tls_table(port: u16, ca: &tempfile::NamedTempFile) -> String {
    format!("{}ca_file = {:?}", table("tls", port), ca.path())
}

#[tokio::test]
async fn it_conforms_by_udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    let server = Server(Arc::default(), Some(Arc::new(socket)));
    conforms::<Syslog>(&server, &table("udp", port), &["127.0.0.1"]).await;
}

#[tokio::test]
async fn it_conforms_by_tcp() {
    let (server, port) = serve(None).await;
    conforms::<Syslog>(&server, &table("tcp", port), &["127.0.0.1"]).await;
}

#[tokio::test]
async fn it_conforms_over_tls() {
    let (tls, ca) = certificate("127.0.0.1");
    let (server, port) = serve(Some(tls)).await;
    conforms::<Syslog>(&server, &tls_table(port, &ca), &["127.0.0.1"]).await;
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for transport in ["tcp", "tls"] {
        let channel = conformance::build::<Syslog>(&table(transport, port));
        for error in [channel.notify(&sample()).await.unwrap_err(), channel.probe().await.unwrap_err()] {
            assert!(matches!(error, DeliveryError::Transient { reason: Reason::Network, .. }), "{error:?}");
            assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_on_us_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = conformance::build::<Syslog>(&table("tcp", listener.local_addr().unwrap().port()));
    let message = sample();
    for waits in [false, true] {
        let hang_up = async {
            let (client, _): (TcpStream, _) = listener.accept().await.unwrap();
            if waits {
                client.peek(&mut [0]).await.unwrap();
            }
        };
        let (result, ()) = tokio::join!(channel.notify(&message), hang_up);
        assert_eq!(result.unwrap_err().reason(), Reason::Broken, "it reads nothing, and waits: {waits}");
    }
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_with_advice() {
    let (tls, ca) = certificate("other.example");
    let (server, port) = serve(Some(tls)).await;
    let unknown = "TLS: the server's certificate is from an unknown authority; name it with `ca_file`";
    let other = "TLS: the server's certificate is for another name than `host`";
    for (table, expected) in [(table("tls", port), unknown), (tls_table(port, &ca), other)] {
        let error = conformance::build::<Syslog>(&table).notify(&sample()).await.unwrap_err();
        assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
    }
    assert!(server.arrived().is_empty());
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate() {
    let own = Own::new();
    let (tls, ca) = certificate_for("127.0.0.1", own.verifier());
    let (server, port) = serve(Some(tls)).await;
    let table = tls_table(port, &ca);
    let error = conformance::build::<Syslog>(&table).notify(&sample()).await.unwrap_err();
    let expected = "TLS: the server refused the connection; does it want a certificate of ours?";
    assert_eq!(error, DeliveryError::transient(Reason::Tls, expected));
    let known = format!("{table}\nclient_certificate = {:?}", own.file.path());
    conformance::build::<Syslog>(&known).notify(&sample()).await.unwrap();
    assert_eq!(server.arrived().len(), 1);
}

#[test]
fn mistakes_are_found_at_their_own_key() {
    let problem = |text: &str| {
        let problems = Syslog::validate(&toml::from_str(text).unwrap());
        problems.first().map(|problem| (problem.key.unwrap_or_default(), problem.warning))
    };
    assert_eq!(problem("host = \"siem.example\"\ntransport = \"tls\""), None);
    assert_eq!(problem("host = \"::1\"\ntransport = \"udp\""), None);
    assert_eq!(problem("host = \"siem.example\"\ntransport = \"udp\""), Some(("transport", false)));
    let accepted = "host = \"siem.example\"\ntransport = \"tcp\"\ninsecure = true";
    assert_eq!(problem(accepted), Some(("transport", true)));
    assert_eq!(problem("host = \"tcp://siem\"\ntransport = \"tls\""), Some(("host", false)));
    assert_eq!(
        problem("host = \"siem\"\ntransport = \"tls\"\napp_name = \"two words\""),
        Some(("app_name", false))
    );
    let (_, ca) = certificate("x.example");
    assert_eq!(problem(&format!("{}ca_file = {:?}", table("tcp", 1), ca.path())), Some(("ca_file", false)));
    let own = Own::new();
    let table = format!("{}client_certificate = {:?}", table("tcp", 1), own.file.path());
    assert_eq!(problem(&table), Some(("client_certificate", false)));
    assert!(
        toml::from_str::<SyslogConfig>("host = \"siem\"\ntransport = \"tls\"\nfacility = \"local8\"")
            .is_err()
    );
}
