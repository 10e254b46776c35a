//! What a failure of the mail server means, in words that name nobody.

use std::error::Error as _;

use crate::error::{DeliveryError, Reason};
use crate::http::innermost;
use crate::text::one_line;
use crate::tls;
use lettre::transport::smtp;

/// The longest part of a server's answer that is repeated, in characters.
const MAX_QUOTE: usize = 200;

/// The step at which it failed: the same code means different things at different steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Connection, greeting and hello, TLS too where it comes first.
    Connect,
    /// The switch to TLS.
    Tls,
    /// User name and password.
    Auth,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA` and what follows.
    Message,
}

/// Why it failed.
#[derive(Debug)]
pub enum Failure {
    /// The server, or the way to it.
    Smtp(Stage, smtp::Error),
    /// No TLS where there must be.
    NotEncrypted,
    /// An address needs SMTPUTF8 (RFC 6531).
    NoUtf8Addresses,
    /// Nobody to send to.
    NoRecipient,
}

impl Stage {
    /// Turns lettre's error into a failure at this stage.
    pub fn failed(self) -> impl FnOnce(smtp::Error) -> Failure {
        move |error| Failure::Smtp(self, error)
    }

    /// What the server refused at it.
    const fn what(self) -> &'static str {
        match self {
            Self::Connect => "the connection",
            Self::Tls => "TLS",
            Self::Auth => "user name and password",
            Self::Sender => "the sender",
            Self::Recipient => "every recipient",
            Self::Message => "the message",
        }
    }
}

impl Failure {
    /// What the framework should know of it.
    #[must_use]
    pub fn into_delivery_error(self, redactor: &Redactor) -> DeliveryError {
        match self {
            Self::Smtp(stage, error) => match error.status() {
                Some(code) => refusal(stage, u16::from(code), &answer(stage, &error, redactor)),
                None => breakdown(stage, &error),
            },
            Self::NotEncrypted => DeliveryError::transient(
                Reason::Tls,
                "TLS: the server offers no STARTTLS, and plain text to another machine is not allowed",
            ),
            Self::NoUtf8Addresses => DeliveryError::permanent_channel(
                Reason::Rejected,
                "the server takes no addresses with letters outside ASCII",
            ),
            Self::NoRecipient => DeliveryError::permanent_channel(Reason::Gone, "there is no recipient"),
        }
    }
}

/// What the server said of one recipient of several, and whether it may take that one later.
#[must_use]
pub fn of_recipient(error: &smtp::Error, redactor: &Redactor) -> (String, bool) {
    let code = error.status().map_or(0, u16::from);
    let later = matches!(refusal(Stage::Recipient, code, ""), DeliveryError::Transient { .. });
    let said = format!("{code} {}", answer(Stage::Recipient, error, redactor));
    (said.trim_end().to_owned(), later)
}

/// The part of the server's answer that may be repeated. To a password some servers answer with
/// parts of it, encoded, so of that only the status of RFC 3463 (`5.7.8`) is kept.
fn answer(stage: Stage, error: &smtp::Error, redactor: &Redactor) -> String {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    match stage {
        Stage::Auth => {
            let status = text.split_whitespace().next().unwrap_or_default();
            let harmless = status.len() <= 9 && status.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            if harmless { status.to_owned() } else { String::new() }
        }
        _ => redactor.redact(&text),
    }
}

/// What a negative answer means (RFC 5321 §4.2.3, RFC 4954 §6).
fn refusal(stage: Stage, code: u16, quote: &str) -> DeliveryError {
    use DeliveryError as E;
    let said = format!("{code} {quote}");
    let detail = format!("the server refused {}: {}", stage.what(), said.trim_end());
    match (stage, code) {
        (_, ..500) => E::transient(Reason::Server, detail),
        (Stage::Auth, 534) => E::permanent_channel(
            Reason::Auth,
            format!("{detail}; it may want an application password instead of the account's"),
        ),
        (Stage::Auth, _) => E::permanent_channel(Reason::Auth, detail),
        (_, 530 | 535 | 538) => E::permanent_channel(Reason::Auth, detail),
        (Stage::Tls, _) => E::transient(Reason::Tls, detail),
        // §4.5.3.1.10: at this stage an old way to say 452, too many recipients or a full mailbox.
        (Stage::Recipient, 552) => E::transient(Reason::Server, detail),
        (Stage::Recipient, 550 | 551 | 553) => E::permanent_channel(Reason::Gone, detail),
        (Stage::Sender | Stage::Message, 552) => E::permanent_message(Reason::TooLarge, detail),
        (Stage::Message, _) => E::permanent_message(Reason::Rejected, detail),
        _ => E::permanent_channel(Reason::Rejected, detail),
    }
}

/// What the lack of a proper answer means.
fn breakdown(stage: Stage, error: &smtp::Error) -> DeliveryError {
    use DeliveryError as E;
    if let Some(trouble) = tls_trouble(error) {
        return E::transient(Reason::Tls, format!("TLS: {trouble}"));
    }
    let cause = innermost(error);
    match stage {
        _ if error.is_timeout() => timeout(),
        // XOAUTH2 refuses a token by one more question, with the reason in it.
        Stage::Auth if error.is_client() && cause.contains("challenge") => E::permanent_channel(
            Reason::Auth,
            "the server asks for more than the login, as for an access token that is too old",
        ),
        Stage::Auth if error.is_client() => {
            E::permanent_channel(Reason::Auth, "the server offers no such way to log in as `login` says")
        }
        // lettre's words for the end of the connection where an answer should be.
        _ if cause == "incomplete response" => {
            E::transient(lost_at(stage), "the server closed the connection")
        }
        _ if error.is_response() => E::transient(Reason::UnexpectedAnswer, "the answer was not SMTP"),
        Stage::Connect => E::transient(Reason::Network, format!("cannot connect: {cause}")),
        _ => E::transient(lost_at(stage), format!("the connection broke: {cause}")),
    }
}

/// Only a connection lost after the text was sent leaves it open whether the server took it.
const fn lost_at(stage: Stage) -> Reason {
    match stage {
        Stage::Message => Reason::Broken,
        _ => Reason::Network,
    }
}

/// There was no answer in time.
#[must_use]
pub fn timeout() -> DeliveryError {
    DeliveryError::transient(Reason::Timeout, "no answer in time")
}

/// What is wrong with TLS, if that is it.
fn tls_trouble(error: &smtp::Error) -> Option<&'static str> {
    let found = tls::rustls_error(error);
    (found.is_some() || error.is_tls()).then(|| tls::trouble(found))
}

/// Hides in servers' answers what nobody else should read: addresses, and some words. It works on
/// whole words of the answer, since what is left must still make sense.
pub struct Redactor {
    secrets: Vec<String>,
    names: Vec<String>,
}

impl Redactor {
    /// Hides words that contain one of the `secrets` (host, user name, password) or are one of the
    /// `names` (the part of an address before the `@`, which is often an everyday word).
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = String>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let secrets =
            secrets.into_iter().map(|secret| secret.to_lowercase()).filter(|secret| !secret.is_empty());
        Self { secrets: secrets.collect(), names: names.into_iter().map(str::to_lowercase).collect() }
    }

    /// The same with more secrets.
    #[must_use]
    pub fn with(&self, secrets: Vec<String>) -> Self {
        let more = Self::new(secrets, []);
        Self { secrets: [self.secrets.as_slice(), &more.secrets].concat(), names: self.names.clone() }
    }

    /// One line without them.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let shown = |word| if self.hides(word) { "****" } else { word };
        one_line(&text.split_whitespace().map(shown).collect::<Vec<_>>().join(" "), MAX_QUOTE)
    }

    fn hides(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        // A short secret inside a longer word is chance.
        let reveals = |secret: &String| bare == secret || (secret.len() >= 4 && word.contains(secret));
        word.contains('@')
            || word.contains("://")
            || self.secrets.iter().any(reveals)
            || self.names.iter().any(|name| bare == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_what_its_stage_makes_of_it() {
        let meaning = |stage, code| match refusal(stage, code, "") {
            DeliveryError::Transient { reason, .. } => ("transient", reason),
            DeliveryError::PermanentMessage { reason, .. } => ("message", reason),
            DeliveryError::PermanentChannel { reason, .. } => ("channel", reason),
        };
        assert_eq!(meaning(Stage::Message, 451), ("transient", Reason::Server));
        assert_eq!(meaning(Stage::Auth, 454), ("transient", Reason::Server));
        assert_eq!(meaning(Stage::Auth, 535), ("channel", Reason::Auth));
        assert_eq!(meaning(Stage::Sender, 530), ("channel", Reason::Auth));
        assert_eq!(meaning(Stage::Recipient, 550), ("channel", Reason::Gone));
        assert_eq!(meaning(Stage::Recipient, 552), ("transient", Reason::Server));
        assert_eq!(meaning(Stage::Message, 552), ("message", Reason::TooLarge));
        assert_eq!(meaning(Stage::Message, 554), ("message", Reason::Rejected));
        assert_eq!(meaning(Stage::Connect, 554), ("channel", Reason::Rejected));
    }

    #[test]
    fn an_answer_is_repeated_without_names() {
        let redactor = Redactor::new(["mx.example.org", "watcher", "hunter22"].map(str::to_owned), ["mail"]);
        let text = "5.1.1 <Soc@Example.org>: (mail) mailbox unknown, WATCHER at MX.example.org[::1]; \
            see https://help.example/x";
        assert_eq!(redactor.redact(text), "5.1.1 **** **** mailbox unknown, **** at **** see ****");
    }
}
