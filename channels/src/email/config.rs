//! The keys of an `email` channel, and what they mean together.

use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error};

use crate::host;
use crate::notifier::Problem;
use crate::secret::Secret;
use crate::tls::CaFile;

/// The keys of an `email` channel.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Name or address of the mail server. Its certificate must be for this name.
    pub host: String,
    /// Its port; by default 587, or the usual one of `tls`: 465 for `implicit`, 25 for
    /// `opportunistic` and `none`.
    #[schemars(example = 587)]
    pub port: Option<u16>,
    /// How the connection is encrypted; by default as the port says: 465 is `implicit`, 587 is
    /// `starttls`, any other is `opportunistic`.
    pub tls: Option<Tls>,
    /// User name, where the server wants one; then with `password`.
    pub username: Option<String>,
    /// Password of `username`.
    pub password: Option<Secret>,
    /// How `username` logs in: `password`, or `xoauth2`, where `password` is an access token of OAuth 2.0: its file is
    /// read anew at each login, since a token lives about an hour and somebody else renews it there.
    #[serde(default)]
    pub login: Way,
    /// The sender: `soc@example.org` or `Log monitor <soc@example.org>`.
    pub from: MailAddress,
    /// The recipients, at least one. One that the server refuses does not keep the others from
    /// theirs.
    pub to: Vec<MailAddress>,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// Allow plain text, mails and password included, to another machine. Certificates are
    /// verified all the same.
    #[serde(default)]
    pub insecure: bool,
}

/// How a user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// AUTH PLAIN, or LOGIN.
    #[default]
    Password,
    /// AUTH XOAUTH2 (Google's "XOAUTH2 mechanism", which Microsoft takes, too).
    Xoauth2,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Begins in plain text and must switch to TLS.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS when the server offers it, else plain text, but only to this machine.
    Opportunistic,
    /// Plain text.
    None,
}

impl EmailConfig {
    /// The port and the encryption that the keys amount to.
    #[must_use]
    pub const fn port_and_tls(&self) -> (u16, Tls) {
        match (self.port, self.tls) {
            (Some(port), Some(tls)) => (port, tls),
            (None, None) => (587, Tls::Starttls),
            (None, Some(tls)) => match tls {
                Tls::Implicit => (465, tls),
                Tls::Starttls => (587, tls),
                Tls::Opportunistic | Tls::None => (25, tls),
            },
            (Some(465), None) => (465, Tls::Implicit),
            (Some(587), None) => (587, Tls::Starttls),
            (Some(port), None) => (port, Tls::Opportunistic),
        }
    }

    /// Whether the server is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(&self.host)
    }

    /// What the types cannot say.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        [
            host::problem("host", &self.host),
            self.credentials_problem(),
            self.recipient_problem(),
            self.plain_text_problem(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn credentials_problem(&self) -> Option<Problem> {
        match (&self.username, &self.password) {
            (Some(_), None) => Some(Problem::at("username", "`username` without `password`")),
            (None, Some(_)) => Some(Problem::at("password", "`password` without `username`")),
            (None, None) if self.login == Way::Xoauth2 => {
                Some(Problem::at("login", "without `username` and `password` nobody logs in"))
            }
            _ => None,
        }
    }

    fn recipient_problem(&self) -> Option<Problem> {
        self.to.is_empty().then(|| Problem::at("to", "no recipient"))
    }

    fn plain_text_problem(&self) -> Option<Problem> {
        match self.port_and_tls().1 {
            _ if self.is_loopback() => None,
            Tls::None if self.insecure => {
                Some(Problem::at("tls", "mails go in plain text: anybody on the way can read them").warning())
            }
            Tls::None => Some(
                Problem::at("tls", "plain text to another machine is refused")
                    .help("use `starttls` or `implicit`, or accept the risk with `insecure = true`"),
            ),
            Tls::Opportunistic if self.insecure => Some(
                Problem::at("insecure", "mails go in plain text whenever the server offers no STARTTLS")
                    .warning(),
            ),
            _ => None,
        }
    }
}

/// An address, with or without a name.
#[derive(Debug, Clone)]
pub struct MailAddress(pub Mailbox);

impl<'de> Deserialize<'de> for MailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains(char::is_control) {
            return Err(D::Error::custom("not a mail address: it contains control characters"));
        }
        match text.trim().parse() {
            Ok(mailbox) => Ok(Self(mailbox)),
            Err(_) => Err(D::Error::custom(
                "not a mail address, expected `name@example.org` or `Some Name <name@example.org>`",
            )),
        }
    }
}

crate::schema::written_as!(MailAddress, String);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &str) -> Result<EmailConfig, toml::de::Error> {
        toml::from_str(&format!("from = \"Log monitor <a@example.org>\"\n{keys}"))
    }

    #[test]
    fn the_port_decides_on_encryption_unless_told_otherwise() {
        let of =
            |keys: &str| read(&format!("host = \"mx.example.org\"\nto = []\n{keys}")).unwrap().port_and_tls();
        assert_eq!(of(""), (587, Tls::Starttls));
        assert_eq!(of("port = 465"), (465, Tls::Implicit));
        assert_eq!(of("port = 2525"), (2525, Tls::Opportunistic));
        assert_eq!(of("tls = \"none\""), (25, Tls::None));
        assert_eq!(of("port = 465\ntls = \"starttls\""), (465, Tls::Starttls));
    }

    #[test]
    fn plain_text_leaves_the_machine_only_when_allowed() {
        let of = |keys: &str| {
            let problems =
                read(&format!("to = [\"b@example.org\"]\ntls = \"none\"\n{keys}")).unwrap().problems();
            problems.first().map(|problem| (problem.key.unwrap_or_default(), problem.warning))
        };
        assert_eq!(of("host = \"127.0.0.1\""), None);
        assert_eq!(of("host = \"::1\""), None);
        assert_eq!(of("host = \"mx.example.org\""), Some(("tls", false)));
        assert_eq!(of("host = \"mx.example.org\"\ninsecure = true"), Some(("tls", true)));
    }

    #[test]
    fn mistakes_are_found_at_their_own_key() {
        let key = |keys: &str| read(keys).unwrap().problems().first().and_then(|problem| problem.key);
        assert_eq!(key("host = \"mx\"\nto = []"), Some("to"));
        assert_eq!(key("host = \"mx\"\nto = [\"b@x.org\"]\nusername = \"u\""), Some("username"));
        assert_eq!(key("host = \"mx\"\nto = [\"b@x.org\"]\npassword = \"p\""), Some("password"));
        assert_eq!(key("host = \"mx\"\nto = [\"b@x.org\"]\nlogin = \"xoauth2\""), Some("login"));
        assert_eq!(key("host = \"smtp://mx\"\nto = [\"b@x.org\"]"), Some("host"));

        let keys = "host = \"mx\"\nto = [\"b@x.org\", \"nobody\"]";
        let error = read(keys).unwrap_err();
        assert!(error.message().contains("not a mail address"), "{error}");
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
