//! One connection to the mail server: opened, secured, used for one message, closed.

use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter, RcptParameter};
use lettre::transport::smtp::response::Response;
use lettre::{Address, transport::smtp};

use crate::email::config::{Tls, Way};
use crate::email::failure::{Failure, Stage};
use crate::secret::Secret;

/// What it takes to open a connection.
pub struct Server {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How to encrypt.
    pub tls: Tls,
    /// What to verify; `None` when TLS is never used.
    pub parameters: Option<TlsParameters>,
    /// Whether a connection may stay in plain text.
    pub plain_allowed: bool,
    /// Who logs in.
    pub login: Option<Login>,
    /// How long connecting to one of the host's addresses may take.
    pub connect_timeout: Duration,
}

/// A user who logs in.
pub struct Login {
    /// The name.
    pub username: String,
    /// The password, or the access token.
    pub password: Secret,
    /// Which of them it is.
    pub way: Way,
}

impl Login {
    async fn on(&self, connection: &mut AsyncSmtpConnection) -> Result<(), smtp::Error> {
        let (mechanisms, password): (&[Mechanism], _) = match self.way {
            Way::Password => (&[Mechanism::Plain, Mechanism::Login], self.password.clone()),
            Way::Xoauth2 => (&[Mechanism::Xoauth2], self.password.renewed()),
        };
        let credentials = Credentials::new(self.username.clone(), password.expose().to_owned());
        connection.auth(mechanisms, &credentials).await.map(drop)
    }
}

/// An open connection, secured and authenticated.
pub struct Session(AsyncSmtpConnection);

/// What became of an accepted message.
pub struct Accepted {
    /// The server's answer to the message.
    pub answer: Response,
    /// The recipients that it refused, by their place among those given, with what it said.
    pub refused: Vec<(usize, smtp::Error)>,
}

impl Server {
    /// Connects, says hello, encrypts and authenticates.
    ///
    /// # Errors
    /// At the first step that fails.
    pub async fn open(&self) -> Result<Session, Failure> {
        let hello = ClientId::default();
        let implicit = self.parameters.clone().filter(|_| self.tls == Tls::Implicit);
        let address = (self.host.trim_matches(['[', ']']), self.port);
        let timeout = Some(self.connect_timeout);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, timeout, &hello, implicit, None)
            .await
            .map_err(Stage::Connect.failed())?;
        self.secure(&mut connection, &hello).await?;
        if let Some(login) = &self.login {
            login.on(&mut connection).await.map_err(Stage::Auth.failed())?;
        }
        Ok(Session(connection))
    }

    async fn secure(&self, connection: &mut AsyncSmtpConnection, hello: &ClientId) -> Result<(), Failure> {
        if connection.is_encrypted() || self.tls == Tls::None {
            return Ok(());
        }
        match &self.parameters {
            Some(parameters) if connection.can_starttls() => {
                connection.starttls(parameters.clone(), hello).await.map_err(Stage::Tls.failed())
            }
            _ if self.tls == Tls::Opportunistic && self.plain_allowed => Ok(()),
            _ => Err(Failure::NotEncrypted),
        }
    }
}

impl Session {
    /// Sends one message to every recipient that the server takes.
    ///
    /// # Errors
    /// When the server takes no recipient, or not the sender, or not the message.
    pub async fn deliver(
        &mut self,
        from: &Address,
        to: &[Address],
        message: &[u8],
    ) -> Result<Accepted, Failure> {
        self.sender(from, to).await?;
        let refused = self.recipients(to).await?;
        self.0.command(Data).await.map_err(Stage::Message.failed())?;
        let answer = self.0.message(message).await.map_err(Stage::Message.failed())?;
        Ok(Accepted { answer, refused })
    }

    async fn sender(&mut self, from: &Address, to: &[Address]) -> Result<(), Failure> {
        let foreign = [from].into_iter().chain(to).any(|address| !is_ascii(address));
        if foreign && !self.0.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::NoUtf8Addresses);
        }
        let parameters = if foreign { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        let command = Mail::new(Some(from.clone()), parameters);
        self.0.command(command).await.map_err(Stage::Sender.failed())?;
        Ok(())
    }

    /// Names every recipient and says which were refused. One that may be taken later does not
    /// hold the message up for the others.
    async fn recipients(&mut self, to: &[Address]) -> Result<Vec<(usize, smtp::Error)>, Failure> {
        let mut refusals: Vec<(usize, smtp::Error)> = Vec::new();
        for (place, address) in to.iter().enumerate() {
            let command = Rcpt::new(address.clone(), Vec::<RcptParameter>::new());
            match self.0.command(command).await {
                Ok(_) => {}
                Err(error) if error.status().is_some() => refusals.push((place, error)),
                Err(error) => return Err(Stage::Recipient.failed()(error)),
            }
        }
        if refusals.len() < to.len() {
            return Ok(refusals);
        }
        // If anything may change later, it is worth another try.
        refusals.sort_by_key(|(_, error)| error.is_permanent());
        let first = refusals.into_iter().next().map(|(_, error)| error);
        Err(first.map_or(Failure::NoRecipient, Stage::Recipient.failed()))
    }

    /// Takes leave. How that ends changes nothing any more.
    pub async fn close(mut self) {
        let _ = self.0.quit().await;
    }
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}
