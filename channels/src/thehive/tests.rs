use std::sync::{Arc, Mutex};

use super::*;
use crate::conformance::{self, HttpSuite, hostile, oversize, sample};
use crate::error::Reason;
use crate::notification::Link;
use crate::testing::{HttpServer, Reply, Request};

const KEY: &str = "th3hive-api-key";

fn config(base: &str) -> String {
    format!("url = \"{base}/\"\napi_key = \"{KEY}\"\norganisation = \"soc\"\ntags = [\"team:soc\"]")
}

fn created() -> Reply {
    Reply::json(201, &json!({ "_id": "~4104", "stage": "New", "status": "New" }))
}

/// Nothing that Markdown would act on, in fields as long as TheHive takes them.
fn harmless(request: &Request) -> Result<(), String> {
    let body = request.json();
    let mut previous = ' ';
    for c in body["description"].as_str().unwrap_or_default().chars() {
        if "<>[]()*_`#@!".contains(c) && previous != '\\' {
            return Err(format!("{c} is not escaped"));
        }
        previous = if previous == '\\' { ' ' } else { c };
    }
    let fits =
        |key: &str, max| (1..=max).contains(&body[key].as_str().map_or(0, |text| text.chars().count()));
    match body["tags"].as_array() {
        Some(tags) if tags.iter().any(|tag| tag.as_str().is_none_or(|tag| tag.chars().count() > 128)) => {
            Err("a tag is too long".to_owned())
        }
        _ if !fits("title", 512) || !fits("source", 32) || !fits("type", 32) => Err(format!("{body}")),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<TheHive>(&HttpSuite {
        config: &config,
        secrets: &[KEY],
        accepts: created(),
        idempotency: Some(&|request| request.json()["sourceRef"].to_string()),
        harmless: &harmless,
    })
    .await;
}

/// A TheHive with one alert, in this stage.
async fn with_alert(stage: &'static str) -> HttpServer {
    HttpServer::start(move |request| match request.path.as_str() {
        "/api/v1/query" => Reply::json(200, &json!([{ "_id": "~4104", "stage": stage }])),
        path if path.ends_with("/comment") => Reply::json(201, &json!({ "_id": "~1" })),
        "/api/v1/alert/~4104" => Reply::new(204, ""),
        _ => created(),
    })
    .await
    .unwrap()
}

/// What follows a firing, and the last request that it made.
async fn follow(server: &HttpServer, kind: MessageKind, all_over: bool) -> (Receipt, Request) {
    let notifier = conformance::build::<TheHive>(&config(&server.url("")));
    let in_reply_to = Some(notifier.notify(&sample()).await.unwrap());
    let idempotency_key = "another-2".to_owned();
    let next = Notification { kind, all_over, in_reply_to, idempotency_key, ..sample() };
    let receipt = notifier.notify(&next).await.unwrap();
    (receipt, server.received().pop().unwrap())
}

#[tokio::test]
async fn the_end_of_all_closes_what_nobody_has_begun_with() {
    let server = with_alert("New").await;
    let (receipt, closing) = follow(&server, MessageKind::Resolved, true).await;
    assert_eq!((closing.method.as_str(), closing.path.as_str()), ("PATCH", "/api/v1/alert/~4104"));
    assert_eq!(closing.json()["status"], "Ignored");
    assert_eq!(receipt.line, "closed its alert");
    let requests = server.received();
    assert_eq!(requests[0].json()["sourceRef"], sample().idempotency_key);
    assert_eq!(requests[0].header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(requests[0].header("x-organisation"), "soc");
    assert_eq!(requests[1].json()["query"][1]["_eq"]["_value"], sample().idempotency_key);
}

#[tokio::test]
async fn everything_else_that_follows_is_a_comment() {
    for (stage, kind, all_over) in [
        ("InProgress", MessageKind::Resolved, true),
        ("New", MessageKind::Resolved, false),
        ("New", MessageKind::Reminder, false),
    ] {
        let server = with_alert(stage).await;
        let (receipt, comment) = follow(&server, kind, all_over).await;
        assert_eq!((comment.method.as_str(), comment.path.as_str()), ("POST", "/api/v1/alert/~4104/comment"));
        assert_eq!(comment.json()["message"], "No logs for 16 min\\.  \n  \nAgent\\: 007 db\\-03");
        assert_eq!(receipt.reference, json!({ "source_ref": sample().idempotency_key }));
    }
}

#[tokio::test]
async fn a_deleted_alert_needs_no_end() {
    let server = HttpServer::start(|request| match request.path.as_str() {
        "/api/v1/query" => Reply::json(200, &json!([])),
        _ => created(),
    })
    .await
    .unwrap();
    let (receipt, last) = follow(&server, MessageKind::Resolved, true).await;
    assert_eq!((receipt.line.as_str(), last.path.as_str()), ("its alert is there no more", "/api/v1/query"));
}

#[tokio::test]
async fn a_firing_whose_answer_was_lost_is_closed_or_told_again_under_the_same_reference() {
    let follow = async |server: &HttpServer, kind| {
        let answers = Some("firing-1".to_owned());
        let next = Notification { kind, all_over: kind == MessageKind::Resolved, answers, ..sample() };
        conformance::build::<TheHive>(&config(&server.url(""))).notify(&next).await.unwrap();
        let requests = server.take_received();
        assert_eq!(requests[0].json()["query"][1]["_eq"]["_value"], "firing-1");
        requests.last().map(|last| (last.method.clone(), last.json())).unwrap()
    };
    let arrived = with_alert("New").await;
    assert_eq!(follow(&arrived, MessageKind::Resolved).await.0, "PATCH");
    let lost = HttpServer::start(|request| match request.path.as_str() {
        "/api/v1/query" => Reply::json(200, &json!([])),
        _ => created(),
    })
    .await
    .unwrap();
    assert_eq!(follow(&lost, MessageKind::Reminder).await.1["sourceRef"], "firing-1");
    assert!(follow(&lost, MessageKind::Resolved).await.1["query"].is_array(), "nothing is raised to end");
}

#[tokio::test]
async fn a_second_alert_of_the_same_reference_is_the_first_delivered() {
    let exists = json!({ "type": "CreateError", "message": "Alert log-monitor:test:0123 already exist in organisation soc" });
    let other = json!({ "type": "BadRequest", "message": "title is required" });
    let reply = Arc::new(Mutex::new(Reply::json(400, &exists)));
    let answer = reply.clone();
    let server = HttpServer::start(move |_| answer.lock().unwrap().clone()).await.unwrap();
    let notifier = conformance::build::<TheHive>(&config(&server.url("")));
    let receipt = notifier.notify(&sample()).await.unwrap();
    assert_eq!(receipt.reference["source_ref"], sample().idempotency_key);
    *reply.lock().unwrap() = Reply::json(400, &other);
    assert_eq!(notifier.notify(&sample()).await.unwrap_err().reason(), Reason::Rejected);
    *reply.lock().unwrap() = Reply::new(200, "<html>log in</html>");
    assert_eq!(notifier.notify(&sample()).await.unwrap_err(), unexpected("TheHive"));
}

#[test]
fn agents_are_observables_and_nothing_else_is() {
    let named = |kind, label: &str| {
        let entity = Some(crate::Entity { id: "1".to_owned(), label: label.to_owned() });
        crate::Event { kind, entity, ..sample().events.remove(0) }
    };
    let silent = crate::EventKind::AgentSilent;
    let node = named(crate::EventKind::PipelineStalled, "(40 agents)");
    let events = vec![named(silent, "web-01"), named(silent, "db-03"), named(silent, "web-01"), node];
    let told = Notification { events, ..sample() };
    let of = |notification: &Notification| alert(notification, &usual_type(), &[])["observables"].clone();
    let host = |name: &str| json!({ "dataType": "hostname", "data": name });
    assert_eq!(of(&told), json!([host("db-03"), host("web-01")]));
    assert_eq!(of(&Notification { short: true, ..told }), Value::Null);
    let many = (0..200).map(|number| named(silent, &format!("{number}{}", "x".repeat(9000)))).collect();
    let many = of(&Notification { events: many, ..sample() });
    let data = many.as_array().unwrap().iter().map(|one| one["data"].as_str().unwrap().chars().count());
    assert_eq!((many.as_array().unwrap().len(), data.max()), (50, Some(512)));
}

#[test]
fn every_field_is_within_its_length() {
    let mut huge = Notification { title: "<".repeat(2000), installation: "i".repeat(99), ..hostile() };
    huge.idempotency_key = "k".repeat(300);
    huge.links = vec![Link { title: "x".to_owned(), url: format!("https://a.example/{}", "x".repeat(600)) }];
    let alert = alert(&huge, &usual_type(), &["t".repeat(128)]);
    let length = |key: &str| alert[key].as_str().unwrap().chars().count();
    assert_eq!((length("sourceRef"), length("source")), (128, 32));
    assert!(length("title") <= 512);
    assert!(alert.get("externalLink").is_none(), "half a link is none");
    assert!(super::alert::text(&oversize()).chars().count() < 1_048_576);
}

#[test]
fn mistakes_are_found_at_their_own_key() {
    let key = |more: &str| {
        let config =
            toml::from_str(&format!("url = \"https://a.example\"\napi_key = \"k\"\n{more}")).unwrap();
        TheHive::validate(&config).first().and_then(|problem| problem.key)
    };
    assert_eq!(key(""), None);
    assert_eq!(key("organisation = \"a\\nb\""), Some("organisation"));
    assert_eq!(key("alert_type = \"\""), Some("alert_type"));
    assert_eq!(key("closed_status = \"\""), Some("closed_status"));
    assert_eq!(key("tags = [\"\"]"), Some("tags"));
}

#[tokio::test]
async fn the_end_of_what_it_was_never_told_opens_no_alert() {
    let server = with_alert("New").await;
    let notifier = conformance::build::<TheHive>(&config(&server.url("")));
    let end = Notification { kind: MessageKind::Resolved, all_over: true, ..sample() };
    assert_eq!(notifier.notify(&end).await.unwrap().line, "nothing to close");
    assert_eq!(server.count(), 0);
}
