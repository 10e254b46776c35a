//! Whatever a vendor answers, a try ends with a receipt that can be kept or an error that tells no secret.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::alertmanager::Alertmanager;
use log_monitor_channels::conformance::{assert_no_secret, build, sample};
use log_monitor_channels::discord::Discord;
use log_monitor_channels::email::Email;
use log_monitor_channels::google_chat::GoogleChat;
use log_monitor_channels::http::{MAX_RETRY_AFTER, retry_after};
use log_monitor_channels::jira_service_management::JiraServiceManagement;
use log_monitor_channels::matrix::Matrix;
use log_monitor_channels::mattermost::Mattermost;
use log_monitor_channels::ntfy::Ntfy;
use log_monitor_channels::opsgenie::Opsgenie;
use log_monitor_channels::pagerduty::PagerDuty;
use log_monitor_channels::slack::Slack;
use log_monitor_channels::teams::Teams;
use log_monitor_channels::telegram::Telegram;
use log_monitor_channels::testing::{HEADERS, HttpServer, Reply, SmtpReplies, SmtpServer};
use log_monitor_channels::thehive::TheHive;
use log_monitor_channels::wazuh::Wazuh;
use log_monitor_channels::webhook::Webhook;
use log_monitor_channels::{DeliveryError, MessageKind, Notification, Notifier, Receipt};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

/// A part of every address, token and password.
const SECRET: &str = "s3cret0of0the0channel0123456789a";

/// What vendors call things.
const KEYS: [&str; 30] = [
    "ok",
    "error",
    "errors",
    "message",
    "description",
    "code",
    "id",
    "_id",
    "result",
    "data",
    "parameters",
    "retry_after",
    "retry_after_ms",
    "migrate_to_chat_id",
    "message_id",
    "errcode",
    "event_id",
    "name",
    "details",
    "reason",
    "ts",
    "channel",
    "requestId",
    "isSuccess",
    "status",
    "stage",
    "token",
    "failed_items",
    "type",
    "total",
];

fn channels(base: &str) -> Vec<Box<dyn Notifier>> {
    let hook = |path: &str| format!("webhook_url = \"{base}{path}/{SECRET}\"");
    let url = format!("url = \"{base}/{SECRET}\"");
    let api = |key: &str| format!("{key} = \"{SECRET}\"\napi_url = \"{base}\"");
    let account = format!("cloud_id = \"c\"\nusername = \"a@b.example\"\n{}", api("api_token"));
    let user = format!("username = \"u\"\npassword = \"{SECRET}\"");
    let own = |key: &str| format!("url = \"{base}\"\n{key} = \"{SECRET}\"");
    let edit = "on_resolve = \"edit\"";
    vec![
        build::<Slack>(&hook("/services/T/B")),
        build::<Slack>(&format!("{}\nchannel = \"#soc\"\n{edit}", api("token"))),
        build::<Teams>(&url),
        build::<Discord>(&format!("{}\n{edit}", hook("/api/webhooks/1"))),
        build::<Mattermost>(&hook("/hooks")),
        build::<GoogleChat>(&format!("webhook_url = \"{base}/v1/spaces/A/messages?key=k&token={SECRET}\"")),
        build::<Telegram>(&format!("{}\nchat_id = \"-1\"\n{edit}", api("token"))),
        build::<Ntfy>(&format!("server = \"{base}\"\ntopic = \"soc\"\ntoken = \"{SECRET}\"")),
        build::<Ntfy>(&format!("server = \"{base}\"\ntopic = \"soc\"\n{user}")),
        build::<Matrix>(&format!(
            "homeserver = \"{base}\"\nroom_id = \"!r:a.example\"\ntoken = \"{SECRET}\"\n{edit}"
        )),
        build::<Webhook>(&url),
        build::<Webhook>(&format!("url = \"{base}\"\n{user}")),
        build::<PagerDuty>(&api("routing_key")),
        build::<Alertmanager>(&format!("urls = [\"{base}\"]\nbearer = \"{SECRET}\"")),
        build::<Alertmanager>(&format!("urls = [\"{base}\"]\n{user}")),
        build::<TheHive>(&own("api_key")),
        build::<Opsgenie>(&api("api_key")),
        build::<JiraServiceManagement>(&account),
        build::<Wazuh>(&format!("username = \"u\"\n{}", own("password"))),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ok".to_owned()),
        Just(format!("no such thing: {SECRET}")),
        Just(format!("you said {HEADERS}")),
        Just(format!("https://x.example/a/{SECRET}?b=c\r\nSet-Cookie: x")),
        Just("é".repeat(5000)),
        "\\PC{0,12}",
        "[0-9]{1,25}",
    ]
}

/// An answer has most of its keys in some place, and many of them hold a number or repeat the secret.
fn answer_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => Just(Value::from(format!("no such thing: {SECRET}"))),
        1 => Just(Value::from(HEADERS)),
        3 => (0u64..1000).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 60, 30, |inner| {
        let entry = (prop::sample::select(&KEYS[..]), inner.clone());
        let object = prop::collection::vec(entry, 10..40)
            .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        let list = prop::collection::vec(inner, 0..3).prop_map(Value::Array);
        prop_oneof![1 => list, 5 => object.prop_map(Value::Object)]
    })
}

fn answer() -> impl Strategy<Value = Reply> {
    let status =
        prop::sample::select(vec![200, 201, 202, 204, 301, 400, 401, 403, 404, 413, 422, 429, 500, 503]);
    let body = prop_oneof![
        4 => answer_json().prop_map(|json| json.to_string().into_bytes()),
        1 => text().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ];
    (status, body, prop::option::of("[ -~]{1,30}")).prop_map(|(status, body, wait)| {
        let reply = Reply::new(status, if status == 204 { Vec::new() } else { body });
        wait.into_iter().fold(reply, |reply, wait| reply.header("retry-after", &wait))
    })
}

/// What holds of every end.
fn is_an_end(end: &Result<Receipt, DeliveryError>) {
    match end {
        Ok(receipt) => {
            assert!(
                receipt.reference.to_string().len() <= 1024 && !receipt.line.contains('\n'),
                "{receipt:?}"
            );
        }
        Err(error) => {
            assert_no_secret(error, &[SECRET]);
            assert!(error.to_string().len() < 2000 && !error.to_string().contains(['\n', '\r']), "{error:?}");
            if let DeliveryError::Transient { retry_after: Some(wait), .. } = error {
                assert!(*wait <= MAX_RETRY_AFTER, "{error:?}");
            }
        }
    }
}

/// Nor does it tell what the requests called themselves by.
fn tells_no_login(end: &Result<Receipt, DeliveryError>, server: &HttpServer) {
    for request in server.take_received() {
        let login = request.login();
        assert!(login.is_empty() || !format!("{end:?}").contains(login), "{end:?}");
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn no_answer_over_http_makes_a_kind_panic_or_tell_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What is answered, and whether to what a kind looks up first, too.
    let reply = Arc::new(Mutex::new((Reply::new(200, ""), true)));
    let answered = reply.clone();
    let start = HttpServer::start(move |request| match &*answered.lock().unwrap() {
        (_, false) if request.path == "/api/v1/query" => {
            Reply::json(200, &json!([{ "_id": "~1", "stage": "New" }]))
        }
        (_, false) if request.path.contains("/alerts/alias?") => Reply::json(200, &json!({ "id": "a-1" })),
        (reply, _) => reply.clone(),
    });
    let server = runtime.block_on(start).unwrap();
    let channels = channels(&server.url(""));
    // A firing, and an end that edits or answers a firing of which everything is known.
    let known = json!({
        "id": "1", "ts": "1.2", "channel": "C1", "message_id": 7, "event_id": "$e", "alias": "k",
        "source_ref": "k",
    });
    let in_reply_to = Some(Receipt { reference: known, ..Receipt::line("sent") });
    let over = Notification { kind: MessageKind::Resolved, all_over: true, in_reply_to, ..sample() };
    let outcome = runner(96).run(&answer(), |answer| {
        reply.lock().unwrap().0 = answer;
        runtime.block_on(async {
            for channel in &channels {
                for (message, whatever) in [(&sample(), true), (&over, true), (&over, false)] {
                    reply.lock().unwrap().1 = whatever;
                    let end = channel.notify(message).await;
                    is_an_end(&end);
                    tells_no_login(&end, &server);
                }
                if let Err(error) = channel.probe().await {
                    assert_no_secret(&error, &[SECRET]);
                    tells_no_login(&Err(error), &server);
                }
            }
        });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn no_answer_of_a_mail_server_makes_the_kind_panic_or_tell_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(SmtpServer::start(SmtpReplies::default())).unwrap();
    let port = server.address().port();
    let channel = build::<Email>(&format!(
        "host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nusername = \"u\"\npassword = \"{SECRET}\"\n\
         from = \"a@b.example\"\nto = [\"c@d.example\"]"
    ));
    let reply = || prop::option::of((200u16..600, text().prop_map(|text| text.replace(['\r', '\n'], " "))));
    let replies = (reply(), reply(), reply(), reply()).prop_map(|(auth, mail, rcpt, data)| SmtpReplies {
        auth,
        mail,
        rcpt,
        data,
        ..SmtpReplies::default()
    });
    let outcome = runner(64).run(&replies, |replies| {
        server.set_replies(replies);
        runtime.block_on(async { is_an_end(&channel.notify(&sample()).await) });
        Ok(())
    });
    outcome.unwrap();
}

proptest! {
    #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_retry_after_of_seconds_is_that_wait_up_to_the_longest(seconds in prop_oneof![0u64..8000, any::<u64>()]) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from(seconds))]);
        let wait = retry_after(&headers, Utc::now()).unwrap();
        prop_assert_eq!(wait.as_secs(), seconds.min(MAX_RETRY_AFTER.as_secs()));
    }

    #[test]
    fn a_retry_after_of_a_date_is_the_time_until_then(at in 0i64..4_000_000_000, ahead in -8000i64..8000) {
        let now = DateTime::from_timestamp(at, 0).unwrap();
        let date = (now + TimeDelta::seconds(ahead)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, date.parse::<HeaderValue>().unwrap())]);
        let wait = retry_after(&headers, now).unwrap();
        prop_assert_eq!(i64::try_from(wait.as_secs()).unwrap(), ahead.clamp(0, 3600), "{}", date);
    }

    #[test]
    fn any_other_retry_after_is_no_wait_that_is_too_long(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let wait = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), Utc::now());
            prop_assert!(wait.is_none_or(|wait| wait <= MAX_RETRY_AFTER));
        }
    }
}
