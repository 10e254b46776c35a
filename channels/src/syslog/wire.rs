//! How messages get to the server.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio_rustls::TlsConnector;

use crate::error::{DeliveryError, Reason};
use crate::http::innermost;
use crate::syslog::Transport;
use crate::tls;

/// How long the server may take to close the connection, which shows that nothing broke. Most close at
/// once; that one does not is no failure.
const LEAVE: Duration = Duration::from_secs(1);

/// The way to a server.
pub struct Wire {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How.
    pub transport: Transport,
    /// For TLS: what to verify, and the name that the certificate must have.
    pub tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Wire {
    /// Sends them in order. With none it only tries the way.
    ///
    /// # Errors
    /// Transient, in words without the address.
    pub async fn send(&self, messages: &[Vec<u8>]) -> Result<(), DeliveryError> {
        match (self.transport, &self.tls) {
            (Transport::Udp, _) => self.datagrams(messages).await.map_err(cannot_connect),
            (_, None) => deliver(self.connect().await?, TcpStream::take_error, messages).await,
            (_, Some((connector, name))) => {
                let stream = self.connect().await?;
                let stream = connector.connect(name.clone(), stream).await.map_err(no_tls)?;
                deliver(stream, |stream| stream.get_ref().0.take_error(), messages).await
            }
        }
    }

    async fn datagrams(&self, messages: &[Vec<u8>]) -> io::Result<()> {
        let address = lookup_host((self.host.as_str(), self.port)).await?.next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        for message in messages {
            socket.send(message).await?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<TcpStream, DeliveryError> {
        TcpStream::connect((self.host.as_str(), self.port)).await.map_err(cannot_connect)
    }
}

/// Each message behind its length (RFC 6587 §3.4.1, RFC 5425 §4.3), then a farewell.
async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    error_of: impl Fn(&S) -> io::Result<Option<io::Error>>,
    messages: &[Vec<u8>],
) -> Result<(), DeliveryError> {
    let mut frames = Vec::new();
    for message in messages {
        frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
        frames.extend_from_slice(message);
    }
    stream.write_all(&frames).await.map_err(broke)?;
    stream.shutdown().await.map_err(broke)?;
    if let Ok(Err(error)) = tokio::time::timeout(LEAVE, closed(&mut stream)).await {
        return Err(broke(error));
    }
    // A server that closed before it read looks as if it had closed in order, but for this.
    match error_of(&stream) {
        Ok(Some(error)) | Err(error) => Err(broke(error)),
        Ok(None) => Ok(()),
    }
}

/// Waits until the server has closed its side, too.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut ignored = [0; 1024];
    loop {
        match stream.read(&mut ignored).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // Closed without TLS's own farewell, as many do.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// There was no end in time.
#[must_use]
pub fn timeout() -> DeliveryError {
    DeliveryError::transient(Reason::Timeout, "no connection in time, or the server takes nothing")
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn cannot_connect(error: io::Error) -> DeliveryError {
    DeliveryError::transient(Reason::Network, format!("cannot connect: {}", innermost(&error)))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn no_tls(error: io::Error) -> DeliveryError {
    let trouble = match tls::rustls_error(&error) {
        None => innermost(&error),
        found => tls::trouble(found).to_owned(),
    };
    DeliveryError::transient(Reason::Tls, format!("TLS: {trouble}"))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broke(error: io::Error) -> DeliveryError {
    match tls::rustls_error(&error).filter(|error| tls::wants_to_know_us(error)) {
        found @ Some(_) => DeliveryError::transient(Reason::Tls, format!("TLS: {}", tls::trouble(found))),
        None => {
            DeliveryError::transient(Reason::Broken, format!("the connection broke: {}", innermost(&error)))
        }
    }
}
