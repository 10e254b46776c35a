//! What is wrong with the TLS of a server, in words that say what to do. Pure.

use log_monitor_channels::text::one_line;
use log_monitor_channels::tls::wants_to_know_us;
use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};

/// The end of a sentence that begins with the server.
#[must_use]
pub fn trouble(error: &Error) -> String {
    let known = match error {
        Error::InvalidCertificate(bad) => return format!("has a certificate {}", certificate(bad)),
        Error::InvalidMessage(_) => "does not speak TLS: is it `http://` that `url` should begin with?",
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => "has no version or cipher of TLS in common with log-monitor: it must offer TLS 1.2 or 1.3",
        Error::AlertReceived(Alert::UnrecognisedName) => "knows no host of this name: correct `url`",
        asks if wants_to_know_us(asks) => "wants a certificate of its clients, and sources have none",
        other => return format!("failed in the TLS handshake ({})", in_words(&other.to_string())),
    };
    known.to_owned()
}

/// What comes after "a certificate".
fn certificate(bad: &Bad) -> String {
    let known = match bad {
        Bad::UnknownIssuer => {
            "of an unknown issuer: set `ca_file` to the root CA that signed it (`root-ca.pem` in a Wazuh \
             installation), or name it with `pinned_sha256`"
        }
        // Each installation's root has the same name, so a wrong one is found by its signature.
        Bad::BadSignature => {
            "that the root CA in `ca_file` has not signed: is it the file of another installation?"
        }
        Bad::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            return for_other_names(presented);
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "that names no host (it has no subjectAltName): name it with `pinned_sha256`"
        }
        Bad::Expired | Bad::ExpiredContext { .. } => "that has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "that is not valid yet: compare the clocks",
        Bad::Revoked => "that is revoked",
        Bad::ApplicationVerificationFailure => "that is another one than that of `pinned_sha256`",
        Bad::Other(other) => return unusual(&other.to_string()),
        other => return unusual(&other.to_string()),
    };
    known.to_owned()
}

fn for_other_names(presented: &[String]) -> String {
    let names = presented.iter().map(|name| plain_name(name)).collect::<Vec<_>>().join(", ");
    let names = one_line(&names, 200);
    format!("for other names ({names}): use one of them in `url`, or as `tls_server_name`")
}

/// What rustls has no kinds of its own for: it passes on the words of the crates below it, which are names
/// (rustls-webpki, `Error`; rustls-platform-verifier, `EkuError`).
fn unusual(said: &str) -> String {
    let known = match said {
        // `openssl req -x509` makes such ones.
        "CaUsedAsEndEntity" => {
            "that is an authority's own, which must not be a server's: name it with `pinned_sha256`"
        }
        "UnsupportedCertVersion" => "of an old version of X.509: make one of version 3",
        "certificate had invalid extensions" => {
            "that is not made for servers (extendedKeyUsage): name it with `pinned_sha256`"
        }
        _ => return format!("that does not verify ({})", in_words(said)),
    };
    known.to_owned()
}

/// `DnsName("a.example")` and `IpAddress(127.0.0.1)`, as rustls lists names, without its types.
fn plain_name(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"')
}

/// `MaximumPathDepthExceeded` as people write it: `maximum path depth exceeded`.
fn in_words(said: &str) -> String {
    let name = said.split(['{', '(']).next().unwrap_or_default();
    let mut words = String::new();
    for letter in name.trim_end().chars() {
        if letter.is_uppercase() && words.ends_with(char::is_lowercase) {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    one_line(&words, 100)
}

#[cfg(test)]
mod tests {
    use rustls::{InvalidMessage, PeerIncompatible, PeerMisbehaved};

    use super::*;

    #[test]
    fn nothing_that_can_go_wrong_is_told_in_the_words_of_a_program() {
        let deep = Bad::Other(rustls::OtherError(std::sync::Arc::new(std::io::Error::other(
            "TrailingData(Certificate)",
        ))));
        let told = [
            (
                Error::InvalidCertificate(Bad::BadEncoding),
                "has a certificate that does not verify (bad encoding)",
            ),
            (Error::InvalidCertificate(deep), "has a certificate that does not verify (trailing data)"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "does not speak TLS"),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), "TLS 1.2 or 1.3"),
            (Error::AlertReceived(Alert::HandshakeFailure), "TLS 1.2 or 1.3"),
            (Error::AlertReceived(Alert::CertificateRequired), "wants a certificate of its clients"),
            (Error::AlertReceived(Alert::InternalError), "(received fatal alert: internal error)"),
            (
                Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
                "(peer misbehaved: too much early data received)",
            ),
        ];
        for (error, said) in told {
            let trouble = trouble(&error);
            assert!(trouble.contains(said), "{trouble}");
        }
    }
}
