//! The way by analysisd's socket.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::UnixDatagram;

use crate::error::{DeliveryError, Reason};

/// The queue of log messages, and where they come from.
const HEAD: &str = "1:log-monitor:";

/// Hands each event over as a datagram. With none it only tries the socket.
///
/// # Errors
/// By what the system says: analysisd never answers.
pub async fn send(path: &Path, events: &[String], timeout: Duration) -> Result<(), DeliveryError> {
    let sending = async {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        for event in events {
            // It waits while analysisd's queue is full.
            socket.send(format!("{HEAD}{event}").as_bytes()).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(timeout, sending).await {
        Ok(result) => result.map_err(failure),
        Err(_) => Err(DeliveryError::transient(Reason::Timeout, "analysisd's queue stays full")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failure(error: io::Error) -> DeliveryError {
    let code = error.raw_os_error().map(Errno::from_raw);
    match (error.kind(), code) {
        (ErrorKind::NotFound | ErrorKind::ConnectionRefused, _) => DeliveryError::transient(
            Reason::Network,
            "nobody listens at `socket`: is the Wazuh manager running, and on this machine?",
        ),
        (ErrorKind::PermissionDenied, _) => DeliveryError::permanent_channel(
            Reason::Auth,
            "no right to write to `socket`: make log-monitor's user a member of the group wazuh",
        ),
        (_, Some(Errno::EPROTOTYPE)) => DeliveryError::permanent_channel(
            Reason::Rejected,
            "`socket` takes no datagrams: it is not Wazuh 4's (Wazuh 5 takes no events there)",
        ),
        (_, Some(Errno::EMSGSIZE)) => {
            DeliveryError::permanent_message(Reason::TooLarge, "larger than the socket takes")
        }
        _ => DeliveryError::transient(Reason::Local, format!("`socket`: {error}")),
    }
}
