//! The shared suite, with a mail server as the far end.

use super::says;
use crate::conformance::{Arrival, Expect, FarEnd, Scene, conforms};
use crate::email::Email;
use crate::testing::{Mail, SmtpReplies, SmtpServer};

/// The password in the forms of AUTH PLAIN and LOGIN, too.
const SECRETS: [&str; 5] = ["hunter22", "duty-desk", "127.0.0.1", "AHdhdGNoZXIAaHVudGVyMjI=", "aHVudGVyMjI="];

fn config(server: &SmtpServer) -> String {
    format!(
        "host = \"127.0.0.1\"\nport = {}\nfrom = \"watch@example.org\"\nto = [\"duty-desk@example.org\"]\n\
         username = \"watcher\"\npassword = \"hunter22\"",
        server.address().port()
    )
}

impl FarEnd for SmtpServer {
    fn accept(&self) {
        self.set_replies(SmtpReplies::default());
    }

    fn scenes(&self) -> Vec<Scene<'_>> {
        use Expect::{AnEnd, PermanentChannel, PermanentMessage, Transient};
        let quote = |status: &str| format!("{status} no {}", SECRETS.join(" "));
        let replies = SmtpReplies::default;
        let connection =
            |code, expect| (expect, SmtpReplies { greeting: says(code, &quote("")), ..replies() });
        let login = |code, expect| (expect, SmtpReplies { auth: says(code, &quote("5.7.8")), ..replies() });
        let sender = |code, expect| (expect, SmtpReplies { mail: says(code, &quote("5.7.1")), ..replies() });
        let recipient =
            |code, expect| (expect, SmtpReplies { rcpt: says(code, &quote("5.1.1")), ..replies() });
        let message = |code, expect| (expect, SmtpReplies { data: says(code, &quote("5.3.4")), ..replies() });
        let scenes = [
            connection(421, Transient),
            connection(554, PermanentChannel),
            login(454, Transient),
            login(534, PermanentChannel),
            login(535, PermanentChannel),
            sender(451, Transient),
            sender(550, PermanentChannel),
            recipient(450, Transient),
            recipient(552, Transient),
            recipient(550, PermanentChannel),
            message(451, Transient),
            message(552, PermanentMessage),
            message(554, PermanentMessage),
            (Transient, SmtpReplies { hang: true, ..replies() }),
            (Transient, SmtpReplies { drop_connection_after: Some(0), ..replies() }),
            (AnEnd, SmtpReplies { data: says(250, &"x".repeat(5_000_000)), ..replies() }),
        ];
        let scene = |(expect, replies): (Expect, SmtpReplies)| Scene {
            name: format!("{replies:?}").chars().take(300).collect(),
            expect,
            set: Box::new(move || self.set_replies(replies.clone())),
        };
        scenes.into_iter().map(scene).collect()
    }

    fn arrived(&self) -> Vec<Arrival> {
        self.take_received().iter().map(arrival).collect()
    }
}

fn arrival(mail: &Mail) -> Arrival {
    let bcc = mail.header("bcc").map(|_| "a header Bcc".to_owned());
    let others = (mail.to != ["duty-desk@example.org"]).then(|| format!("recipients {:?}", mail.to));
    let script = mail.html().filter(|html| html.contains("<script")).map(|_| "a script in HTML".to_owned());
    let (size, key, harm) = (mail.data.len(), mail.header("message-id"), bcc.or(others).or(script));
    let text = mail.data.clone();
    Arrival { size, key, text, harm, ..Arrival::default() }
}

#[tokio::test]
async fn it_conforms() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    conforms::<Email>(&server, &config(&server), &SECRETS).await;
}
