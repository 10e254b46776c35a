//! A real mail server on loopback that keeps what it gets, and misbehaves on demand.
//!
//! It speaks plain SMTP (RFC 5321) with AUTH PLAIN, LOGIN and XOAUTH2, and takes any password unless told
//! otherwise.

mod mail;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

pub use mail::Mail;
use session::Session;

/// A code such as 451, and the text after it.
pub type SmtpReply = (u16, String);

/// What to answer at each stage; by default everything is accepted.
#[derive(Debug, Clone, Default)]
pub struct SmtpReplies {
    /// Instead of `220`.
    pub greeting: Option<SmtpReply>,
    /// Instead of `235`, once the password is here.
    pub auth: Option<SmtpReply>,
    /// To `MAIL FROM`.
    pub mail: Option<SmtpReply>,
    /// To every `RCPT TO`.
    pub rcpt: Option<SmtpReply>,
    /// To the message itself, after its final dot.
    pub data: Option<SmtpReply>,
    /// Addresses that are refused while others are taken.
    pub refused: Vec<String>,
    /// How they are; with 550 by default.
    pub refusal: Option<SmtpReply>,
    /// Take connections and never say a word.
    pub hang: bool,
    /// Close each connection without a word after this many messages; 0 closes it at once.
    pub drop_connection_after: Option<usize>,
}

/// The server. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    replies: Mutex<SmtpReplies>,
    received: Mutex<Vec<Mail>>,
    logins: Mutex<Vec<String>>,
}

impl SmtpServer {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(replies: SmtpReplies) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (received, logins) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { replies: Mutex::new(replies), received, logins });
        let task = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every message taken so far.
    #[must_use]
    pub fn received(&self) -> Vec<Mail> {
        lock(&self.shared.received).clone()
    }

    /// Every message since the last call of this, which are forgotten.
    #[must_use]
    pub fn take_received(&self) -> Vec<Mail> {
        std::mem::take(&mut *lock(&self.shared.received))
    }

    /// Every AUTH so far: the mechanism, and what came with it in base64.
    #[must_use]
    pub fn logins(&self) -> Vec<String> {
        lock(&self.shared.logins).clone()
    }

    /// Answers differently from now on, on open connections too.
    pub fn set_replies(&self, replies: SmtpReplies) {
        *lock(&self.shared.replies) = replies;
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections live in the set, so that aborting this task closes them too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let session = Session::new(stream, shared.clone());
                // An error is the client's going away, which is its own affair.
                connections.spawn(session.serve());
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
