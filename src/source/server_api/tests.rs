//! The source against a simulated server.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::ServerApi;
use crate::simulation::{SimulatedAgent, SimulatedServerApi};
use crate::source::{Entities, Link, Query, Source, SourceContext, SourceKind, SourceReason};

use log_monitor_channels::testing::{Fault, Reply};

const PASSWORD: &str = "pa55-for-the-api";

async fn server(agents: usize) -> SimulatedServerApi {
    let server = SimulatedServerApi::start("reader", PASSWORD).await.unwrap();
    let agent = |number: usize| SimulatedAgent {
        id: format!("{number:03}"),
        name: format!("host-{number}"),
        groups: vec!["default", "prod"],
        received: (500, 20),
        status: "active",
        code: 0,
        keepalive: Some(now()),
        node: if number.is_multiple_of(2) { "node02" } else { "node01" },
    };
    server.state().agents = (0..agents).map(agent).collect();
    server
}

fn source(server: &SimulatedServerApi, password: &str) -> Box<dyn Source> {
    build(&format!(
        "url = {:?}\nusername = \"reader\"\npassword = {password:?}\ntimeout = \"2s\"",
        server.url()
    ))
}

fn build(table: &str) -> Box<dyn Source> {
    ServerApi::build(toml::from_str(table).unwrap(), &SourceContext { name: "api".to_owned() }).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

/// When nobody waits any longer.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(15)
}

fn window() -> Query<'static> {
    Query { from: now() - TimeDelta::hours(1), to: now(), entities: Entities::All(10) }
}

#[tokio::test]
async fn it_tells_how_agents_are_connected_and_whom_the_server_does_not_know() {
    let server = server(5).await;
    {
        let mut state = server.state();
        state.agents[2].status = "disconnected";
        state.agents[2].code = 3;
        state.agents[3].status = "never_connected";
        state.agents[3].keepalive = None;
    }
    let source = source(&server, PASSWORD);
    source.probe().await.unwrap();
    let seen = source.connections(&["001", "002", "003", "099", "web-1", "1"], soon()).await.unwrap();
    let said: Vec<_> = seen.iter().map(|agent| (agent.key.as_str(), agent.link)).collect();
    let expected = [
        ("001", Link::Connected),
        ("002", Link::Stopped),
        ("003", Link::NeverConnected),
        ("099", Link::NotEnrolled),
    ];
    assert_eq!(said, expected);
    assert_eq!(seen[0].last_keepalive, Some(now().timestamp_millis()));
    assert_eq!(server.state().logins, 1, "one login serves all questions");
}

#[tokio::test]
async fn it_tells_of_as_many_as_leaves_room_for_other_questions_and_of_a_few_always() {
    let server = server(2000).await;
    let source = source(&server, PASSWORD);
    let ids: Vec<String> = (0..2000).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(source.connections(&ids, soon()).await.unwrap().len(), 1400, "after the login");
    assert_eq!(source.connections(&ids[..100], soon()).await.unwrap().len(), 100);
}

#[tokio::test]
async fn of_many_it_tells_of_those_of_whom_it_knows_when_the_time_is_over() {
    let server = server(300).await;
    let source = source(&server, PASSWORD);
    let ids: Vec<String> = (0..300).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(source.connections(&ids, Instant::now()).await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_keepalive_is_as_old_as_it_is_by_the_servers_own_clock() {
    let server = server(0).await;
    for (ahead, date) in [(600, true), (-600, true), (600, false)] {
        let theirs = Utc::now() + TimeDelta::seconds(ahead);
        let agent =
            serde_json::json!({ "id": "001", "status": "active", "lastKeepAlive": theirs.to_rfc3339() });
        let body = serde_json::json!({ "data": { "affected_items": [agent], "total_affected_items": 1 } });
        let reply = Reply::json(200, &body);
        let dated = if date { reply.header("Date", &theirs.to_rfc2822()) } else { reply };
        server.state().instead = Some(dated);
        let seen = source(&server, PASSWORD).connections(&["001"], soon()).await.unwrap();
        let age = Utc::now().timestamp_millis() - seen[0].last_keepalive.unwrap();
        let expected = if date { 0 } else { -ahead };
        assert!((age / 1000 - expected).abs() < 30, "{age} ms, {ahead} s ahead");
    }
}

/// How often the list was asked for.
fn pages(server: &SimulatedServerApi) -> usize {
    server.asked().iter().filter(|path| path.starts_with("/agents?")).count()
}

#[tokio::test]
async fn a_large_fleet_is_read_in_pages_and_each_agent_once() {
    let server = server(1203).await;
    let homes = source(&server, PASSWORD).nodes(&window()).await.unwrap();
    assert_eq!(homes.len(), 1203);
    assert_eq!((homes[2].key.as_str(), homes[2].node.as_str()), ("002", "node02"));
    assert_eq!(pages(&server), 3);
}

#[tokio::test]
async fn a_list_that_changes_between_its_pages_is_read_again() {
    let server = server(1000).await;
    let source = source(&server, PASSWORD);
    let goes: fn(&mut Vec<SimulatedAgent>) = |agents| drop(agents.remove(3));
    let comes: fn(&mut Vec<SimulatedAgent>) =
        |agents| agents.insert(3, SimulatedAgent { id: "003".to_owned(), ..agents[3].clone() });
    // Somebody of the first page goes, and all behind move up by one.
    server.state().meanwhile = [goes].into();
    let listed = source.inventory(&window()).await.unwrap();
    assert_eq!((listed.len(), pages(&server)), (999, 4));
    assert!(listed.iter().any(|agent| agent.key == "500"), "it was between the pages");
    // And comes back.
    server.state().meanwhile = [comes].into();
    let listed = source.inventory(&window()).await.unwrap();
    assert_eq!((listed.len(), listed[3].key.as_str()), (1000, "003"));
    // And so on.
    server.state().meanwhile = [goes, comes, goes, comes, goes, comes].into();
    assert_eq!(source.inventory(&window()).await.unwrap_err().reason, SourceReason::Incomplete);
}

#[tokio::test]
async fn a_list_without_an_end_is_no_list() {
    let server = server(0).await;
    let agents: Vec<_> = (0..500).map(|number| serde_json::json!({ "id": format!("{number:03}") })).collect();
    let body = serde_json::json!({ "data": { "affected_items": agents, "total_affected_items": 1000 } });
    server.state().instead = Some(Reply::json(200, &body));
    let error = source(&server, PASSWORD).inventory(&window()).await.unwrap_err();
    assert_eq!((error.reason, pages(&server)), (SourceReason::Incomplete, 6), "two pages, three times");
}

#[tokio::test]
async fn it_lists_everybody_with_names_and_groups_and_an_empty_list_is_a_lack_of_rights() {
    let server = server(502).await;
    let source = source(&server, PASSWORD);
    assert!(source.lists_all());
    let listed = source.inventory(&window()).await.unwrap();
    assert_eq!((listed.len(), listed[501].name.as_str()), (502, "host-501"));
    assert_eq!(listed[1].groups, ["default", "prod"]);
    server.state().agents.clear();
    assert_eq!(source.inventory(&window()).await.unwrap_err().reason, SourceReason::Rights);
}

#[tokio::test]
async fn of_agents_that_the_user_may_not_read_nothing_is_told_and_of_others_everything() {
    let server = server(5).await;
    server.state().forbidden = vec!["002", "099"];
    let source = source(&server, PASSWORD);
    let seen = source.connections(&["001", "002", "003", "099"], soon()).await.unwrap();
    let said: Vec<_> = seen.iter().map(|agent| agent.key.as_str()).collect();
    assert_eq!(said, ["001", "003"]);
    assert_eq!(source.connections(&["002"], soon()).await, Ok(Vec::new()));
    let counted = source.counters(&["001", "002", "003"]).await.unwrap();
    assert_eq!(counted.len(), 2);
}

#[tokio::test]
async fn counters_are_told_of_connected_agents_and_not_missed_where_there_are_none() {
    let server = server(4).await;
    server.state().agents[2].status = "disconnected";
    let source = source(&server, PASSWORD);
    let known = source.counters(&["001", "002", "web-1", "003"]).await.unwrap();
    let said: Vec<_> = known.iter().map(|one| (one.key.as_str(), one.counted.received)).collect();
    assert_eq!(said, [("001", 500), ("003", 500)]);
    server.state().counts_nothing = true;
    assert_eq!(source.counters(&["001"]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_token_that_ended_is_replaced_once_and_a_wrong_password_is_tried_once() {
    let server = server(2).await;
    let right = source(&server, PASSWORD);
    right.probe().await.unwrap();
    server.state().generation = 1;
    right.probe().await.unwrap();
    assert_eq!(server.state().logins, 2);

    // Also after a reload, which makes another source of it beside the first.
    let (wrong, reloaded) = (source(&server, "wr0ng-password"), source(&server, "wr0ng-password"));
    for wrong in [&wrong, &wrong, &reloaded, &wrong, &reloaded] {
        let error = wrong.probe().await.unwrap_err();
        assert_eq!(error.reason, SourceReason::Auth);
        assert!(error.detail.contains("check `username` and `password`"), "{error}");
        assert!(!error.detail.contains("wr0ng"), "{error}");
    }
    assert_eq!(server.state().logins, 3, "fifty would block the dashboard beside us");
    source(&server, PASSWORD).probe().await.unwrap();
    assert_eq!(server.state().logins, 4, "another password is tried at once");
}

#[tokio::test]
async fn a_token_is_replaced_after_four_fifths_of_its_life() {
    let server = server(2).await;
    let source = source(&server, PASSWORD);
    source.probe().await.unwrap();
    later(718).await;
    source.probe().await.unwrap();
    assert_eq!(server.state().logins, 1);
    later(2).await;
    source.probe().await.unwrap();
    assert_eq!(server.state().logins, 2, "its life is 900 s");
}

#[tokio::test]
async fn a_token_that_is_never_taken_is_replaced_once_and_then_it_is_an_error() {
    let server = server(2).await;
    let source = source(&server, PASSWORD);
    server.state().instead = Some(Reply::json(401, &serde_json::json!({ "title": "Unauthorized" })));
    let error = source.probe().await.unwrap_err();
    assert_eq!(error.reason, SourceReason::Auth);
    assert!(error.detail.contains("took the login, and then refused its token"), "{error}");
    assert_eq!((server.state().logins, pages(&server)), (2, 2));
    server.state().instead = None;
    source.probe().await.expect("no login was refused, so nothing waits");
}

#[tokio::test]
async fn version_4_3_logs_in_by_get_and_does_not_say_how_an_agent_went() {
    let server = server(3).await;
    {
        let mut state = server.state();
        state.old = true;
        state.agents[2].status = "disconnected";
        state.agents[2].code = 3;
    }
    let source = source(&server, PASSWORD);
    source.probe().await.unwrap();
    let seen = source.connections(&["001", "002"], soon()).await.unwrap();
    let links: Vec<_> = seen.iter().map(|agent| agent.link).collect();
    assert_eq!(links, [Link::Connected, Link::Disconnected]);
    let refused = server.asked().iter().filter(|path| path.contains("status_code")).count();
    assert_eq!(refused, 1, "once is enough to know");
}

/// Moves the program's clock. It runs while the server is asked, whose answers would not come in time
/// on a paused one.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn after_too_many_requests_nothing_is_sent_for_a_minute_or_as_long_as_a_proxy_says() {
    let server = server(2).await;
    let source = source(&server, PASSWORD);
    let too_many = |name: &str| Reply::json(429, &serde_json::json!({ "title": "x", name: 6001 }));
    for (reply, wait) in [(too_many("error"), 60), (too_many("code").header("retry-after", "7"), 7)] {
        source.probe().await.unwrap();
        server.state().instead = Some(reply);
        let told = source.probe().await.unwrap_err();
        assert!(told.detail.contains("(HTTP 429, error 6001)"), "{told}");
        server.state().instead = None;
        let asked = server.asked().len();
        later(wait - 1).await;
        assert_eq!(source.probe().await.unwrap_err().reason, SourceReason::Overloaded);
        assert_eq!(server.asked().len(), asked);
        later(1).await;
    }
    source.probe().await.unwrap();
}

#[tokio::test]
async fn counters_leave_enough_of_the_budget_to_ask_how_agents_are_connected() {
    let server = server(40).await;
    let source = source(&server, PASSWORD);
    let ids: Vec<String> = (1..40).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let counted = source.counters(&ids).await.unwrap().len();
    assert!((10..15).contains(&counted), "{counted}");
    for _ in 0..15 {
        let asked = source.connections(&ids[..1], soon());
        let connected = tokio::time::timeout(Duration::from_secs(10), asked).await;
        assert_eq!(connected.expect("nothing is left").unwrap().len(), 1);
    }
    assert_eq!(source.counters(&ids).await, Ok(Vec::new()), "at once");
}

#[tokio::test]
async fn every_refusal_has_its_meaning() {
    let server = server(2).await;
    let source = source(&server, PASSWORD);
    let by_name =
        |name: &str, status, code: i64| Reply::json(status, &serde_json::json!({ "title": "x", name: code }));
    let (error, code) =
        (|status, number| by_name("error", status, number), |status, number| by_name("code", status, number));
    for (reply, expected) in [
        (error(403, 4000), SourceReason::Rights),
        (code(403, 4000), SourceReason::Rights),
        (error(403, 6000), SourceReason::Auth),
        (code(403, 6000), SourceReason::Auth),
        (error(500, 3021), SourceReason::Overloaded),
        (error(400, 1406), SourceReason::Malformed),
        (Reply::new(200, "<html>sign in</html>"), SourceReason::Malformed),
        (Reply::new(200, "{\"data\": {"), SourceReason::Malformed),
        (Reply::fault(Fault::Hang), SourceReason::Timeout),
        (Reply::fault(Fault::Reset), SourceReason::Network),
    ] {
        server.state().instead = Some(reply);
        let error = source.connections(&["001"], soon()).await.unwrap_err();
        assert_eq!(error.reason, expected, "{error}");
        assert!(error.detail.starts_with("the Wazuh API at 127.0.0.1:"), "{error}");
    }
    server.state().instead = None;
    server.state().agents.clear();
    let nobody = source.probe().await.unwrap_err();
    assert_eq!(nobody.reason, SourceReason::Rights, "a role without agents is shown an empty list");
    drop(server);
    assert_eq!(source.probe().await.unwrap_err().reason, SourceReason::Network);
}

mod certificates {
    //! What Wazuh ships: self-signed, for `localhost` only.

    use std::sync::Arc;

    use ring::digest::{SHA256, digest};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A front of the server with TLS; its port, its certificate in a file and that one's SHA-256.
    async fn front(server: &SimulatedServerApi) -> (u16, tempfile::NamedTempFile, String) {
        log_monitor_channels::http::install_tls_provider();
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pair.cert.pem()).unwrap();
        let hash = digest(&SHA256, pair.cert.der());
        let pin: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let pin = pin.join(":");
        let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![pair.cert.into()], key);
        let acceptor = TlsAcceptor::from(Arc::new(tls.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let backend = server.url().trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, backend) = (acceptor.clone(), backend.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut backend) = TcpStream::connect(backend).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut backend).await;
                });
            }
        });
        (port, file, pin)
    }

    #[tokio::test]
    async fn a_name_of_its_own_or_a_pin_opens_what_a_ca_file_alone_cannot() {
        let server = server(2).await;
        let (port, ca, pin) = front(&server).await;
        let with = |keys: &str| {
            build(&format!(
                "url = \"https://127.0.0.1:{port}\"\nusername = \"reader\"\npassword = {PASSWORD:?}\n{keys}"
            ))
        };
        let ca = format!("ca_file = {:?}", ca.path());
        let refused = |keys: String| {
            let source = with(&keys);
            async move { source.probe().await.unwrap_err().reason }
        };
        assert_eq!(refused(String::new()).await, SourceReason::Tls);
        assert_eq!(refused(ca.clone()).await, SourceReason::Tls, "it is for localhost, not for this address");
        assert_eq!(refused(format!("{ca}\ntls_server_name = \"manager\"")).await, SourceReason::Tls);
        assert_eq!(refused(format!("pinned_sha256 = \"{}\"", "00".repeat(32))).await, SourceReason::Tls);
        with(&format!("{ca}\ntls_server_name = \"localhost\"")).probe().await.unwrap();
        with(&format!("pinned_sha256 = {pin:?}")).probe().await.unwrap();
        with("verify_certificates = false").probe().await.unwrap();
    }
}
