//! Kind `email`: a mail over SMTP, as text and HTML, threaded under the message that it answers.
//!
//! What the server takes for some of several recipients is accepted. Those that it refuses for now (greylisting,
//! a full mailbox) are tried again by themselves, so that nobody gets it twice.
//!
//! Each message has a connection of its own: messages are rare, and a connection kept open is one
//! that has died unnoticed by the time it is needed.

mod config;
mod failure;
mod message;
mod rest;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use tokio::time::{Instant, timeout_at};

use crate::error::{BuildError, DeliveryError, Reason};
use crate::notification::{Notification, Receipt};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::secret::Secret;
use crate::text::one_line;

pub use config::{EmailConfig, MailAddress, Tls, Way};
use failure::{Failure, Redactor};
use session::{Accepted, Login, Server, Session};

/// The most characters of a receipt's line.
const MAX_LINE: usize = 500;

/// How long taking leave may take at most: the message is delivered by then.
const LEAVE: Duration = Duration::from_secs(1);

/// Sends each message as a mail.
pub struct Email {
    name: String,
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    redactor: Redactor,
    timeout: Duration,
}

impl ChannelKind for Email {
    const KIND: &'static str = "email";
    type Config = EmailConfig;

    fn capabilities() -> Capabilities {
        Capabilities { thread: true, ..Capabilities::default() }
    }

    fn validate(config: &EmailConfig) -> Vec<Problem> {
        config.problems()
    }

    fn host(config: &EmailConfig) -> Option<String> {
        Some(config.host.to_lowercase())
    }

    /// Mailboxes in clouds whose chats are channels, too.
    fn provider(host: &str) -> Option<&'static str> {
        let of = |domains: [&str; 2]| domains.iter().any(|domain| crate::host::is_of(host, domain));
        let microsoft = of(["office365.com", "outlook.com"]).then_some("Microsoft");
        microsoft.or_else(|| of(["gmail.com", "google.com"]).then_some("Google"))
    }

    fn build(config: EmailConfig, context: &Context) -> Result<Box<dyn Notifier>, BuildError> {
        Ok(Box::new(Self {
            name: context.name.clone(),
            redactor: redactor(&config),
            server: server(&config, context.timeout)?,
            from: config.from.0,
            to: config.to.into_iter().map(|address| address.0).collect(),
            timeout: context.timeout,
        }))
    }
}

fn server(config: &EmailConfig, timeout: Duration) -> Result<Server, BuildError> {
    let (port, tls) = config.port_and_tls();
    let parameters = match tls {
        Tls::None => None,
        _ => Some(tls_parameters(config).map_err(|error| BuildError(format!("TLS: {error}")))?),
    };
    let login = config.username.clone().zip(config.password.clone());
    Ok(Server {
        host: config.host.clone(),
        port,
        tls,
        parameters,
        plain_allowed: config.insecure || config.is_loopback(),
        login: login.map(|(username, password)| Login { username, password, way: config.login }),
        // So that one dead address of several leaves time for the next.
        connect_timeout: timeout / 2,
    })
}

fn tls_parameters(config: &EmailConfig) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    crate::http::install_tls_provider();
    let mut builder = TlsParameters::builder(config.host.trim_matches(['[', ']']).to_owned());
    for certificate in config.ca_file.iter().flat_map(|file| &file.0) {
        builder = builder.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
    }
    builder.build()
}

/// User and password as AUTH PLAIN (RFC 4616 §2), XOAUTH2 and AUTH LOGIN send them.
fn as_sent(user: &str, password: &str) -> [String; 4] {
    let token = format!("user={user}\x01auth=Bearer {password}\x01\x01");
    [format!("\0{user}\0{password}"), token, user.to_owned(), password.to_owned()]
        .map(|text| STANDARD.encode(text))
}

fn redactor(config: &EmailConfig) -> Redactor {
    let mailboxes = [&config.from].into_iter().chain(&config.to);
    let users = mailboxes.map(|address| address.0.email.user());
    let password = config.password.as_ref().map(Secret::expose);
    let secrets = [Some(config.host.as_str()), config.username.as_deref(), password];
    let sent = config.username.as_deref().zip(password).map(|(user, password)| as_sent(user, password));
    let secrets = secrets.into_iter().flatten().map(str::to_owned).chain(sent.into_iter().flatten());
    Redactor::new(secrets, users)
}

#[async_trait]
impl Notifier for Email {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let to = rest::recipients(notification, &self.to);
        if to.is_empty() {
            return Ok(Receipt::untold("the others are no recipients any more"));
        }
        let message = message::compose(notification, &self.from, &self.to).map_err(|error| {
            DeliveryError::permanent_message(Reason::Rejected, format!("not a mail: {error}"))
        })?;
        let message = message.formatted();
        let accepted = self
            .with_session(async |session| {
                let addresses: Vec<Address> = to.iter().map(|place| self.to[*place].email.clone()).collect();
                session.deliver(&self.from.email, &addresses, &message).await
            })
            .await
            .map_err(|error| rest::of_some(notification, error))?;
        Ok(self.receipt(notification, &to, &accepted))
    }

    async fn probe(&self) -> Result<(), DeliveryError> {
        self.with_session(async |_| Ok(())).await
    }
}

impl Email {
    /// Opens a connection, uses it and closes it, within the timeout.
    async fn with_session<T: Send>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Failure> + Send,
    ) -> Result<T, DeliveryError> {
        let deadline = Instant::now() + self.timeout;
        let attempt = async {
            let mut session = self.server.open().await?;
            let done = work(&mut session).await?;
            Ok((session, done))
        };
        let (session, done) = timeout_at(deadline, attempt)
            .await
            .map_err(|_| failure::timeout())?
            .map_err(|failure: Failure| failure.into_delivery_error(&self.redactor()))?;
        let _ = timeout_at(deadline.min(Instant::now() + LEAVE), session.close()).await;
        Ok(done)
    }

    /// It knows the token of today, too.
    fn redactor(&self) -> Redactor {
        let login = self.server.login.as_ref().filter(|login| login.way == Way::Xoauth2);
        let renewed = login.map(|login| (&login.username, login.password.renewed()));
        let sent = |(user, token): (&String, Secret)| {
            as_sent(user, token.expose()).into_iter().chain([token.expose().to_owned()]).collect()
        };
        self.redactor.with(renewed.map_or_else(Vec::new, sent))
    }

    /// `to` are the places of those it was for.
    fn receipt(&self, notification: &Notification, to: &[usize], accepted: &Accepted) -> Receipt {
        let answer = accepted.answer.message().collect::<Vec<_>>().join(" ");
        let redactor = self.redactor();
        let mut line = format!("{} {}", accepted.answer.code(), redactor.redact(&answer));
        let mut later = Vec::new();
        for (place, error) in &accepted.refused {
            let (place, (said, again)) = (to[*place], failure::of_recipient(error, &redactor));
            let refused = format!("recipient {} of {} refused: {said}", place + 1, self.to.len());
            tracing::warn!("{}: {refused}", self.name);
            line += &format!("; {refused}");
            later.extend(again.then(|| &self.to[place]));
        }
        let id = message::message_id(notification, &self.from);
        rest::receipt(&id, &one_line(&line, MAX_LINE), &later)
    }
}

#[cfg(test)]
pub(crate) mod tests;
