//! Whole deliveries to a mail server on loopback.

mod conformance;
pub(crate) mod tls;

use std::time::Duration;

use serde_json::json;

use super::{Email, EmailConfig};
use crate::conformance::sample;
use crate::testing::{SmtpReplies, SmtpServer};
use crate::{ChannelKind, Context, DeliveryError, MessageKind, Notification, Notifier, Reason, Receipt};

fn context() -> Context {
    crate::conformance::context(Duration::from_secs(10))
}

fn config(port: u16, more: &str) -> EmailConfig {
    toml::from_str(&format!(
        "host = \"127.0.0.1\"\nport = {port}\nfrom = \"Wächter <watch@example.org>\"\n\
         to = [\"soc@example.org\", \"duty@example.net\"]\n{more}"
    ))
    .unwrap()
}

fn email(server: &SmtpServer) -> Box<dyn Notifier> {
    let login = "username = \"watcher\"\npassword = \"hunter22\"";
    Email::build(config(server.address().port(), login), &context()).unwrap()
}

fn notification() -> Notification {
    Notification {
        idempotency_key: "7:mail".to_owned(),
        title: "001 wéb is silent".to_owned(),
        body: "Check the agent.\n.\nThen the manager.".to_owned(),
        ..sample()
    }
}

async fn failure(replies: SmtpReplies) -> DeliveryError {
    let server = SmtpServer::start(replies).await.unwrap();
    email(&server).notify(&notification()).await.unwrap_err()
}

fn says(code: u16, text: &str) -> Option<(u16, String)> {
    Some((code, text.to_owned()))
}

#[tokio::test]
async fn text_and_html_reach_every_recipient() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let receipt = email(&server).notify(&notification()).await.unwrap();
    assert_eq!(receipt.reference, json!({ "message_id": "<7-mail@example.org>" }));
    assert_eq!(receipt.line, "250 2.0.0 queued as 1");

    let mail = &server.received()[0];
    assert_eq!(mail.from, "watch@example.org");
    assert_eq!(mail.to, ["soc@example.org", "duty@example.net"]);
    let header = |name| mail.header(name).unwrap_or_default();
    assert_eq!(header("Subject"), "001 wéb is silent");
    assert_eq!(header("From"), "Wächter <watch@example.org>");
    assert_eq!(header("To"), "soc@example.org, duty@example.net");
    assert_eq!(header("Date"), "Thu, 01 Jan 2026 00:00:00 +0000");
    assert_eq!(header("Message-ID"), "<7-mail@example.org>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("X-Log-Monitor-Event"), "agent_silent");
    let text = mail.text().unwrap();
    assert_eq!(text.trim_end(), "001 wéb is silent\n\nCheck the agent.\n.\nThen the manager.");
    assert!(mail.html().unwrap().contains("Check the agent.<br>\n.<br>\nThen the manager."));
}

#[tokio::test]
async fn a_resolution_answers_its_firing_and_a_repetition_keeps_its_identity() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let email = email(&server);
    let firing = email.notify(&notification()).await.unwrap();
    let again = Notification { attempt: 2, possible_duplicate: true, ..notification() };
    assert_eq!(email.notify(&again).await.unwrap().reference, firing.reference);

    let mut resolution = Notification { idempotency_key: "8:mail".to_owned(), ..notification() };
    resolution.kind = MessageKind::Resolved;
    let lost = Notification { answers: Some("7:mail".to_owned()), ..resolution.clone() };
    resolution.in_reply_to = Some(firing);
    for resolution in [resolution, lost] {
        email.notify(&resolution).await.unwrap();
        let mail = server.received().pop().unwrap();
        assert_eq!(mail.header("In-Reply-To").unwrap(), "<7-mail@example.org>");
        assert_eq!(mail.header("References").unwrap(), "<7-mail@example.org>");
        assert_eq!(mail.header("Message-ID").unwrap(), "<8-mail@example.org>");
    }
}

#[tokio::test]
async fn the_short_form_is_text_alone() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    email(&server).notify(&Notification { short: true, ..notification() }).await.unwrap();
    let mail = &server.received()[0];
    assert!(mail.text().unwrap().contains("Check the agent."));
    assert_eq!(mail.html(), None);
}

#[tokio::test]
async fn links_can_be_followed_from_both_texts() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let url = "https://a.example/?id=1&x='2'".to_owned();
    let links = vec![crate::Link { title: "<Dash>".to_owned(), url }];
    email(&server).notify(&Notification { links, ..notification() }).await.unwrap();
    let mail = &server.received()[0];
    assert!(mail.text().unwrap().contains("\n<Dash>: https://a.example/?id=1&x='2'"));
    let anchor = "<a href=\"https://a.example/?id=1&amp;x=&#39;2&#39;\">&lt;Dash&gt;</a>";
    assert!(mail.html().unwrap().contains(anchor), "{}", mail.html().unwrap());
}

#[tokio::test]
async fn hostile_names_stay_text() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let evil = "a\r\nBcc: x@evil.example\r\n\r\n<script>'\"&</script> =?utf-8?Q?=0D=0ABcc:?=";
    let mut hostile = Notification { title: evil.to_owned(), body: evil.to_owned(), ..notification() };
    hostile.idempotency_key = "7>\r\nBcc: y@evil.example".to_owned();
    hostile.in_reply_to = Some(Receipt {
        reference: json!({ "message_id": "<a@b>\r\nBcc: z@evil.example" }),
        ..Receipt::default()
    });
    email(&server).notify(&hostile).await.unwrap();
    let mail = &server.received()[0];
    assert_eq!(mail.header("Bcc"), None);
    assert_eq!(mail.header("In-Reply-To"), None);
    assert_eq!(mail.header("Message-ID").unwrap(), "<7---Bcc--y-evil.example@example.org>");
    let subject = mail.header("Subject").unwrap();
    let shown = "a Bcc: x@evil.example <script>'\"&</script> =\u{200b}?utf-8?Q?=0D=0ABcc:?=";
    assert_eq!(subject, shown, "an encoded word in a name must not be decoded");
    let html = mail.html().unwrap();
    assert!(html.contains("&lt;script&gt;&#39;&quot;&amp;&lt;/script&gt;") && !html.contains("<script"));
}

#[tokio::test]
async fn one_refused_recipient_does_not_stop_the_others() {
    let refused = vec!["soc@example.org".to_owned()];
    let server = SmtpServer::start(SmtpReplies { refused, ..SmtpReplies::default() }).await.unwrap();
    let receipt = email(&server).notify(&notification()).await.unwrap();
    assert_eq!(receipt.line, "250 2.0.0 queued as 1; recipient 1 of 2 refused: 550 5.1.1 **** user unknown");
    assert!(!receipt.rest, "never is not later");
    assert_eq!(server.received()[0].to, ["duty@example.net"]);

    let refused = vec!["soc@example.org".to_owned()];
    let error = failure(SmtpReplies { refused, rcpt: says(450, "later"), ..SmtpReplies::default() }).await;
    assert_eq!(
        error,
        DeliveryError::transient(Reason::Server, "the server refused every recipient: 450 later")
    );
}

#[tokio::test]
async fn a_recipient_that_is_refused_for_now_gets_it_later_and_the_others_not_again() {
    let refuse = |reply: Option<(u16, String)>| SmtpReplies {
        refused: vec!["soc@example.org".to_owned()],
        refusal: reply,
        ..SmtpReplies::default()
    };
    let server = SmtpServer::start(refuse(says(451, "4.7.1 soc@example.org is greylisted"))).await.unwrap();
    let email = email(&server);
    let first = email.notify(&notification()).await.unwrap();
    assert!(first.line.ends_with("; recipient 1 of 2 refused: 451 4.7.1 **** is greylisted"), "{first:?}");
    assert!(first.rest && !first.reference.to_string().contains("soc"), "{first:?}");

    let rest =
        Notification { idempotency_key: "8:mail".to_owned(), rest_of: Some(first.clone()), ..notification() };
    let error = email.notify(&rest).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
    server.set_replies(refuse(says(550, "5.1.1 unknown")));
    let error = email.notify(&rest).await.unwrap_err();
    assert!(matches!(error, DeliveryError::PermanentMessage { .. }), "the channel works: {error:?}");

    server.set_replies(SmtpReplies::default());
    let second = email.notify(&rest).await.unwrap();
    assert!(
        !second.rest && second.reference == json!({ "message_id": "<7-mail@example.org>" }),
        "{second:?}"
    );
    let mails = server.received();
    let to: Vec<_> = mails.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(to, [["duty@example.net"], ["soc@example.org"]]);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
}

#[tokio::test]
async fn every_refusal_is_classified_and_names_nobody() {
    let permanent = DeliveryError::permanent_channel;
    let cases = [
        (
            SmtpReplies {
                auth: says(535, "5.7.8 watcher: hunter22 is wrong (AHdhdGNoZXIAaHVudGVyMjI=)"),
                ..SmtpReplies::default()
            },
            permanent(Reason::Auth, "the server refused user name and password: 535 5.7.8"),
        ),
        (
            SmtpReplies { rcpt: says(550, "5.1.1 <soc@example.org> unknown"), ..SmtpReplies::default() },
            permanent(Reason::Gone, "the server refused every recipient: 550 5.1.1 **** unknown"),
        ),
        (
            SmtpReplies { mail: says(550, "5.7.1 watch@example.org not yours"), ..SmtpReplies::default() },
            permanent(Reason::Rejected, "the server refused the sender: 550 5.7.1 **** not yours"),
        ),
        (
            SmtpReplies { greeting: says(421, "127.0.0.1 is busy"), ..SmtpReplies::default() },
            DeliveryError::transient(Reason::Server, "the server refused the connection: 421 **** is busy"),
        ),
        (
            SmtpReplies { data: says(451, "4.3.0 try later, watcher"), ..SmtpReplies::default() },
            DeliveryError::transient(
                Reason::Server,
                "the server refused the message: 451 4.3.0 try later, ****",
            ),
        ),
        (
            SmtpReplies { data: says(552, "5.3.4 too big"), ..SmtpReplies::default() },
            DeliveryError::permanent_message(
                Reason::TooLarge,
                "the server refused the message: 552 5.3.4 too big",
            ),
        ),
    ];
    for (replies, expected) in cases {
        assert_eq!(failure(replies).await, expected);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_drops_fails_no_other_message() {
    let dropping = |limit| SmtpReplies { drop_connection_after: Some(limit), ..SmtpReplies::default() };
    let server = SmtpServer::start(dropping(1)).await.unwrap();
    let email = email(&server);
    email.notify(&notification()).await.unwrap();
    email.notify(&notification()).await.unwrap();

    server.set_replies(dropping(0));
    let error = email.notify(&notification()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient { reason: Reason::Network, .. }), "{error:?}");
    server.set_replies(SmtpReplies::default());
    email.notify(&notification()).await.unwrap();
    assert_eq!(server.received().len(), 3);

    drop(server);
    let error = email.notify(&notification()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient { reason: Reason::Network, .. }), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn required_tls_is_never_given_up() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    for tls in ["tls = \"starttls\"", "tls = \"implicit\""] {
        let email = Email::build(config(server.address().port(), tls), &context()).unwrap();
        let error = email.notify(&notification()).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Transient { reason: Reason::Tls, .. }), "{error:?}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_probe_logs_in_and_sends_nothing() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let email = email(&server);
    email.probe().await.unwrap();
    assert!(server.received().is_empty());
    server.set_replies(SmtpReplies { auth: says(535, "no"), ..SmtpReplies::default() });
    assert_eq!(email.probe().await.unwrap_err().reason(), Reason::Auth);
}

#[tokio::test]
async fn an_access_token_is_read_anew_at_each_login_and_one_that_is_too_old_is_the_channels() {
    let server = SmtpServer::start(SmtpReplies::default()).await.unwrap();
    let token = tempfile::NamedTempFile::new().unwrap();
    let channel = |token: &str| {
        let login = format!("username = \"a@b.example\"\nlogin = \"xoauth2\"\npassword = {token}");
        Email::build(config(server.address().port(), &login), &context()).unwrap()
    };
    std::fs::write(token.path(), "ya29.first\n").unwrap();
    let email = channel(&format!("{{ file = {:?} }}", token.path()));
    email.notify(&notification()).await.unwrap();
    std::fs::write(token.path(), "ya29.second\n").unwrap();
    email.probe().await.unwrap();
    // Base64 of `user=a@b.example^Aauth=Bearer ya29.first^A^A`, where ^A is the byte 1.
    let of_first = "XOAUTH2 dXNlcj1hQGIuZXhhbXBsZQFhdXRoPUJlYXJlciB5YTI5LmZpcnN0AQE=";
    let of_second = "XOAUTH2 dXNlcj1hQGIuZXhhbXBsZQFhdXRoPUJlYXJlciB5YTI5LnNlY29uZAEB";
    assert_eq!(server.logins(), [of_first, of_second]);

    server.set_replies(SmtpReplies {
        mail: says(550, &format!("no session {} of ya29.second", of_second.replace("XOAUTH2 ", ""))),
        ..SmtpReplies::default()
    });
    let repeated = email.notify(&notification()).await.unwrap_err().to_string();
    assert!(repeated.contains("no session **** of ****"), "{repeated}");

    let question = "eyJzdGF0dXMiOiI0MDEifQ==";
    server.set_replies(SmtpReplies { auth: says(334, question), ..SmtpReplies::default() });
    let refused = email.notify(&notification()).await.unwrap_err();
    assert!(matches!(refused, DeliveryError::PermanentChannel { reason: Reason::Auth, .. }), "{refused:?}");
    assert!(refused.to_string().contains("access token"), "{refused}");
}
