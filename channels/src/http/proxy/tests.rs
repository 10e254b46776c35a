//! Requests through proxies, and proxies that are none.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use toml::Spanned;
use toml::de::DeTable;

use super::Proxy;
use crate::conformance::{assert_no_secret, build, context, sample};
use crate::email::tests::tls::front;
use crate::testing::{HttpServer, Reply};
use crate::webhook::Webhook;
use crate::{Reason, default_channels};

/// Each kind of HTTP, at an address where nobody listens.
const TABLES: [(&str, &str); 15] = [
    ("slack", "webhook_url = \"URL/services/k\""),
    ("teams", "url = \"URL/workflows/k\""),
    ("discord", "webhook_url = \"URL/api/webhooks/1/k\""),
    ("mattermost", "webhook_url = \"URL/hooks/k\""),
    ("google_chat", "webhook_url = \"URL/v1/spaces/k\""),
    ("telegram", "api_url = \"URL\"\ntoken = \"t\"\nchat_id = \"1\""),
    ("ntfy", "server = \"URL\"\ntopic = \"t\""),
    ("matrix", "homeserver = \"URL\"\ntoken = \"t\"\nroom_id = \"!r:a\""),
    ("webhook", "url = \"URL\""),
    ("pagerduty", "api_url = \"URL\"\nrouting_key = \"k\""),
    ("alertmanager", "urls = [\"URL\"]"),
    ("thehive", "url = \"URL\"\napi_key = \"k\""),
    ("opsgenie", "api_url = \"URL\"\napi_key = \"k\""),
    ("jira_service_management", "api_url = \"URL\"\napi_key = \"k\""),
    ("wazuh", "url = \"URL\"\nusername = \"u\"\npassword = \"p\""),
];

#[tokio::test]
async fn what_speaks_http_takes_a_proxy_and_an_authority_and_goes_through() {
    let proxy = HttpServer::start(|_| Reply::new(503, "")).await.unwrap();
    for kind in default_channels().iter() {
        let schema = kind.schema();
        let has = |key: &str| schema["properties"].get(key).is_some();
        let Some((_, table)) = TABLES.iter().find(|(name, _)| *name == kind.name()) else {
            assert!(!has("proxy"), "{} is not in the list", kind.name());
            continue;
        };
        assert!(has("ca_file"), "{}", kind.name());
        let table = format!("{table}\nproxy = {:?}", proxy.url("")).replace("URL", "http://localhost:1");
        let table: Spanned<DeTable<'_>> = DeTable::parse(&table).unwrap();
        let table = Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
        let notifier = kind.decode(table).unwrap().build(&context(Duration::from_secs(10))).unwrap();
        let error = notifier.notify(&sample()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Server, "{}: {error}", kind.name());
        let asked = proxy.take_received();
        assert!(asked[0].path.starts_with("http://localhost:1/"), "{}: {}", kind.name(), asked[0].path);
    }
}

/// A proxy that takes its first client to `backend`, wherever it wants to go, after an exchange that ends with
/// each of `says`; what it was told.
async fn tunnel(backend: std::net::SocketAddr, says: &'static [&'static [u8]]) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        for answer in says {
            let mut said = vec![0; 4096];
            let length = client.read(&mut said).await.unwrap();
            told.lock().unwrap().extend_from_slice(&said[..length]);
            client.write_all(answer).await.unwrap();
        }
        let mut backend = TcpStream::connect(backend).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut backend).await;
    });
    (port, heard)
}

/// A message to `vendor.example` by a proxy of this scheme, which answers so; what the proxy was told.
async fn told(scheme: &str, says: &'static [&'static [u8]]) -> Vec<u8> {
    let vendor = HttpServer::start(|_| Reply::new(200, "")).await.unwrap();
    let (port, ca) = front(vendor.address(), false, "vendor.example").await;
    let (proxy, heard) = tunnel(([127, 0, 0, 1], port).into(), says).await;
    let table = format!(
        "url = \"https://vendor.example/hook\"\nca_file = {:?}\nproxy = \"{scheme}://lm:S3cret@127.0.0.1:{proxy}\"",
        ca.path()
    );
    build::<Webhook>(&table).notify(&sample()).await.unwrap();
    assert_eq!(vendor.received()[0].path, "/hook");
    let heard = heard.lock().unwrap();
    heard.clone()
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_that_the_proxy_opens_to_a_name_that_only_it_knows() {
    let heard = String::from_utf8(told("http", &[b"HTTP/1.1 200 OK\r\n\r\n"]).await).unwrap();
    assert!(heard.starts_with("CONNECT vendor.example:443 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.to_lowercase().contains("proxy-authorization: basic bg06uznjcmv0"), "{heard}");
}

#[tokio::test]
async fn a_proxy_may_speak_socks() {
    // RFC 1928: a login (RFC 1929), its acceptance, and the tunnel.
    let heard = told("socks5h", &[&[5, 2], &[1, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
    assert!(heard.ends_with(b"\x03\x0evendor.example\x01\xbb"), "{heard:?}");
}

#[derive(Debug, serde::Deserialize)]
struct Table {
    #[expect(dead_code, reason = "only its reading matters")]
    proxy: Proxy,
}

#[tokio::test]
async fn it_must_be_an_address_and_nothing_of_it_shows() {
    for wrong in
        ["proxy.example:3128", "lm:S3cret@proxy.example:3128", "ftp://lm:S3cret@a.example", "http://"]
    {
        let error = toml::from_str::<Table>(&format!("# keys\nproxy = \"{wrong}\"")).unwrap_err();
        assert!(error.message().starts_with("not the address of a proxy"), "{error}");
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(!error.message().contains("S3cret"), "{error}");
    }
    let right: Table = toml::from_str("proxy = \"http://lm:S3cret@127.0.0.1:1\"").unwrap();
    assert!(!format!("{right:?}").contains("127"), "{right:?}");
    for scheme in ["http", "socks5"] {
        let table = format!("url = \"https://127.0.0.1:2\"\nproxy = \"{scheme}://lm:S3cret@127.0.0.1:1\"");
        let error = build::<Webhook>(&table).notify(&sample()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Network, "{error}");
        assert_no_secret(&error, &["S3cret", "127.0.0.1"]);
    }
}
