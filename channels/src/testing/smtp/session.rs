//! One connection to the mail server: its side of the conversation.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Mail, Shared, SmtpReplies, SmtpReply, lock};

/// The longest line taken, in bytes; a longer one ends the connection.
const MAX_LINE: u64 = 64 * 1024;

/// The largest message taken, in bytes; a larger one is answered with 552.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// One connection, with the envelope of the message under way.
pub struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    from: Option<String>,
    to: Vec<String>,
    taken: usize,
}

impl Session {
    pub fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream: BufReader::new(stream), shared, from: None, to: Vec::new(), taken: 0 }
    }

    pub async fn serve(mut self) -> io::Result<()> {
        if self.must_drop() {
            return Ok(());
        }
        let greeting = self.scripted(|replies| &replies.greeting);
        self.reply(greeting, (220, "localhost ESMTP sink")).await?;
        while !self.must_drop() {
            let line = self.line().await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            if !self.command(&line).await? {
                break;
            }
        }
        Ok(())
    }

    /// Obeys one command; false when it was the last.
    async fn command(&mut self, line: &str) -> io::Result<bool> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                let extensions =
                    "250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN XOAUTH2";
                self.write(extensions).await?;
            }
            "HELO" | "NOOP" => self.reply(None, (250, "localhost")).await?,
            "RSET" => {
                self.forget_envelope();
                self.reply(None, (250, "2.0.0 forgotten")).await?;
            }
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => self.data().await?,
            "QUIT" => {
                self.reply(None, (221, "2.0.0 bye")).await?;
                return Ok(false);
            }
            _ => self.reply(None, (502, "5.5.1 unknown command")).await?,
        }
        Ok(true)
    }

    /// Reads the credentials of PLAIN (RFC 4616), LOGIN or XOAUTH2, whichever way they come.
    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let prompts: &[&str] = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" | "XOAUTH2" => &["334 "],
            // "Username:" and "Password:" in base64.
            "LOGIN" => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
            _ => return self.reply(None, (504, "5.5.4 unknown mechanism")).await,
        };
        for prompt in &prompts[usize::from(!initial.is_empty())..] {
            self.write(prompt).await?;
            self.line().await?;
        }
        lock(&self.shared.logins).push(rest.to_owned());
        let scripted = self.scripted(|replies| &replies.auth);
        self.reply(scripted, (235, "2.7.0 welcome")).await
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        self.forget_envelope();
        let scripted = self.scripted(|replies| &replies.mail);
        if is_good(scripted.as_ref()) {
            self.from = Some(path(rest));
        }
        self.reply(scripted, (250, "2.1.0 sender ok")).await
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.reply(None, (503, "5.5.1 MAIL first")).await;
        }
        let recipient = path(rest);
        let refused = lock(&self.shared.replies).refused.contains(&recipient);
        let unknown = || (550, format!("5.1.1 <{recipient}>: user unknown"));
        let scripted = match refused {
            true => Some(self.scripted(|replies| &replies.refusal).unwrap_or_else(unknown)),
            false => self.scripted(|replies| &replies.rcpt),
        };
        if is_good(scripted.as_ref()) {
            self.to.push(recipient);
        }
        self.reply(scripted, (250, "2.1.5 recipient ok")).await
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.to.is_empty() {
            return self.reply(None, (554, "5.5.1 no valid recipients")).await;
        }
        self.write("354 end with a dot").await?;
        let data = self.message().await?;
        if data.len() >= MAX_MESSAGE {
            return self.reply(None, (552, "5.3.4 message too big")).await;
        }
        let scripted = self.scripted(|replies| &replies.data);
        let number = match is_good(scripted.as_ref()) {
            true => self.keep(&data),
            false => 0,
        };
        self.forget_envelope();
        self.reply(scripted, (250, &format!("2.0.0 queued as {number}"))).await
    }

    /// Everything up to the lone dot, without the dots that were stuffed (RFC 5321 §4.5.2).
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            let line = self.line().await?;
            match line.strip_prefix(b".") {
                Some(b"") => return Ok(data),
                _ if data.len() >= MAX_MESSAGE => {}
                stuffed => {
                    data.extend_from_slice(stuffed.unwrap_or(&line));
                    data.extend_from_slice(b"\r\n");
                }
            }
        }
    }

    fn keep(&mut self, data: &[u8]) -> usize {
        self.taken += 1;
        let mut received = lock(&self.shared.received);
        received.push(Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data: String::from_utf8_lossy(data).into_owned(),
        });
        received.len()
    }

    fn forget_envelope(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn must_drop(&self) -> bool {
        lock(&self.shared.replies).drop_connection_after.is_some_and(|limit| self.taken >= limit)
    }

    fn scripted(&self, stage: impl Fn(&SmtpReplies) -> &Option<SmtpReply>) -> Option<SmtpReply> {
        stage(&lock(&self.shared.replies)).clone()
    }

    async fn reply(&mut self, scripted: Option<SmtpReply>, usual: (u16, &str)) -> io::Result<()> {
        let (code, text) = scripted.unwrap_or_else(|| (usual.0, usual.1.to_owned()));
        self.write(&format!("{code} {text}")).await
    }

    async fn write(&mut self, text: &str) -> io::Result<()> {
        if lock(&self.shared.replies).hang {
            std::future::pending::<()>().await;
        }
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await
    }

    /// The next line without its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }
}

fn is_good(scripted: Option<&SmtpReply>) -> bool {
    scripted.is_none_or(|(code, _)| *code < 400)
}

/// The address between the angle brackets of `FROM:<…>` and `TO:<…>`.
fn path(rest: &str) -> String {
    let inside = rest.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    inside.map_or(rest, |(address, _)| address).to_owned()
}
