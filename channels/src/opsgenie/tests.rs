use serde_json::json;

use super::*;
use crate::conformance::{self, HttpSuite, hostile, oversize, sample};
use crate::error::{DeliveryError, Reason};
use crate::notification::{MessageKind, Notification, Receipt};
use crate::testing::{HttpServer, Reply, Request};

const KEY: &str = "g3nie-api-key";

fn config(base: &str) -> String {
    format!("api_key = \"{KEY}\"\napi_url = \"{base}\"")
}

pub(crate) fn accepted() -> Reply {
    Reply::json(202, &json!({ "result": "Request will be processed", "took": 0.1, "requestId": "43a29c5c" }))
}

/// Nothing that shows as HTML.
pub(crate) fn harmless(request: &Request) -> Result<(), String> {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let act = ["<", ">", "@everyone", "\\r"].into_iter().find(|act| text.contains(act));
    act.map_or(Ok(()), |act| Err(format!("{act} in {text}")))
}

#[tokio::test]
async fn it_conforms() {
    conformance::http::<Opsgenie>(&HttpSuite {
        config: &config,
        secrets: &[KEY],
        accepts: accepted(),
        idempotency: Some(&|request| request.json()["alias"].to_string()),
        harmless: &harmless,
    })
    .await;
}

#[tokio::test]
async fn what_follows_a_firing_has_its_alias_and_only_the_end_of_all_closes() {
    let server = HttpServer::start(|_| accepted()).await.unwrap();
    let notifier = conformance::build::<Opsgenie>(&config(&server.url("/proxy/")));
    let firing = notifier.notify(&sample()).await.unwrap();
    assert_eq!(firing.line, "accepted for processing as 43a29c5c");
    for (kind, all_over) in
        [(MessageKind::Reminder, false), (MessageKind::Resolved, false), (MessageKind::Resolved, true)]
    {
        let idempotency_key = "another-2".to_owned();
        let next =
            Notification { kind, all_over, in_reply_to: Some(firing.clone()), idempotency_key, ..sample() };
        assert_eq!(notifier.notify(&next).await.unwrap().reference, firing.reference);
    }
    let mut requests = server.received();
    requests.retain(|request| request.method == "POST");
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    let of_alert =
        |what| format!("/proxy/v2/alerts/{}/{what}?identifierType=alias", sample().idempotency_key);
    assert_eq!(paths, ["/proxy/v2/alerts", "/proxy/v2/alerts", &of_alert("notes"), &of_alert("close")]);
    assert_eq!(requests[1].json()["alias"], sample().idempotency_key);
    assert_eq!(requests[0].json()["priority"], "P3");
    assert_eq!(requests[0].json()["details"]["entity_id"], "007");
    assert_eq!(requests[0].header("authorization"), format!("GenieKey {KEY}"));
}

/// What a message comes to when the request is processed so.
async fn processed(answers: bool, how: Vec<Reply>) -> (Result<Receipt, DeliveryError>, usize) {
    let how = std::sync::Mutex::new(how.into_iter());
    let server = HttpServer::start(move |request| match request.method.as_str() {
        "GET" => how.lock().unwrap().next().unwrap_or_else(|| Reply::new(404, "")),
        _ => accepted(),
    })
    .await
    .unwrap();
    let kind = if answers { MessageKind::Resolved } else { MessageKind::Firing };
    let answers = answers.then(|| "firing-1".to_owned());
    let notification = Notification { kind, all_over: true, answers, ..sample() };
    let result = conformance::build::<Opsgenie>(&config(&server.url(""))).notify(&notification).await;
    let looks =
        server.received().into_iter().filter(|request| request.path == "/v2/alerts/requests/43a29c5c");
    (result, looks.count())
}

#[tokio::test]
async fn what_was_accepted_and_then_refused_was_not_told() {
    let status = |done: bool, status: &str| {
        Reply::json(200, &json!({ "data": { "isSuccess": done, "status": status }, "requestId": "43a29c5c" }))
    };
    let waits = || Reply::new(404, "{}");
    let (created, looks) = processed(false, vec![waits(), status(true, "Created alert")]).await;
    assert_eq!((created.unwrap().line.as_str(), looks), ("Created alert", 2));
    let (refused, _) = processed(false, vec![status(false, "Integration is turned off")]).await;
    assert!(
        matches!(refused, Err(DeliveryError::PermanentMessage { detail, .. }) if detail.contains("turned off"))
    );
    let (gone, _) = processed(true, vec![status(false, "Alert does not exist")]).await;
    let gone = gone.unwrap();
    assert_eq!((gone.line.as_str(), gone.untold), ("Alert does not exist", true));
    let unknown = "accepted for processing as 43a29c5c";
    let (late, looks) = processed(false, Vec::new()).await;
    assert_eq!((late.unwrap().line.as_str(), looks), (unknown, 2));
    let (secret, looks) = processed(false, vec![Reply::new(403, "")]).await;
    assert_eq!((secret.unwrap().line.as_str(), looks), (unknown, 1));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let outcome = |reply: Reply| async move {
        let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
        conformance::build::<Opsgenie>(&config(&server.url(""))).notify(&sample()).await.unwrap_err()
    };
    let limit = outcome(Reply::new(429, "")).await;
    assert!(
        matches!(limit, DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 60)
    );
    let proxy = outcome(Reply::new(200, "<html>log in</html>")).await;
    assert_eq!(proxy.reason(), Reason::UnexpectedAnswer);
}

#[test]
fn every_field_is_within_its_length() {
    let long = "@all".repeat(10_000);
    let mut huge =
        Notification { title: long.clone(), body: long.clone(), installation: long.clone(), ..oversize() };
    huge.events = vec![hostile().events.remove(0); 30];
    for (at, event) in huge.events.iter_mut().enumerate() {
        event.labels.insert(format!("l{at}"), long.clone());
        event.cause.clone_from(&long);
    }
    let alert = alert(&huge);
    let length = |key: &str| alert[key].as_str().unwrap().chars().count();
    assert!(length("message") <= 130 && length("description") <= 15_000 && length("source") <= 100);
    let tags = alert["tags"].as_array().unwrap();
    assert!(tags.len() <= 20 && tags.iter().all(|tag| tag.as_str().unwrap().chars().count() <= 50));
    let details = super::alert::details(&huge);
    assert!(details.values().map(|detail| detail.chars().count()).sum::<usize>() < 8000);
}

#[test]
fn its_end_is_a_warning() {
    let problems = Opsgenie::validate(&toml::from_str("api_key = \"k\"").unwrap());
    assert!(matches!(problems.as_slice(), [end] if end.warning && end.message.contains("2027-04-05")));
    let plain = toml::from_str("api_key = \"k\"\napi_url = \"http://a.example\"").unwrap();
    assert_eq!(Opsgenie::validate(&plain).len(), 2);
}

#[tokio::test]
async fn the_end_of_what_it_was_never_told_opens_no_alert() {
    let server = HttpServer::start(|_| accepted()).await.unwrap();
    let notifier = conformance::build::<Opsgenie>(&config(&server.url("")));
    for all_over in [true, false] {
        let end = Notification { kind: MessageKind::Resolved, all_over, ..sample() };
        assert_eq!(notifier.notify(&end).await.unwrap().line, "nothing to close");
    }
    assert_eq!(server.count(), 0);
}
