//! Source `server_api` and channel kind `wazuh` against the official specification of Wazuh's API, mocked by prism. The
//! specification is not ours to ship: see tests/README.md. One test, since one mock is shared by all cases.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use log_monitor::source::server_api::ServerApi;
use log_monitor::source::{Entities, Link, Query, Source, SourceContext, SourceKind, SourceReason};
use log_monitor_channels::Notification;
use log_monitor_channels::conformance::{self, hostile, oversize, sample};
use log_monitor_channels::testing::{HttpServer, Reply};
use log_monitor_channels::wazuh::Wazuh;
use reqwest::{Client, Method};

const LOGIN: &str = "/security/user/authenticate";

/// A mock of the specification, on a port of its own until it is dropped.
struct Prism {
    process: Child,
    url: String,
    client: Client,
}

fn specification() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/wazuh-api-spec-4.x.yaml");
    let path = std::env::var_os("LOG_MONITOR_TEST_WAZUH_SPEC").map_or(beside, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: get api/api/spec/spec.yaml of wazuh/wazuh, v4.14.7, and name it in \
         LOG_MONITOR_TEST_WAZUH_SPEC: see tests/README.md",
        path.display()
    );
    path
}

impl Prism {
    fn start() -> Self {
        let program = "target/real-parts/prism/node_modules/@stoplight/prism-cli/dist/index.js";
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(program);
        assert!(program.is_file(), "prism is not installed: see tests/README.md");
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new("node")
            .arg(program)
            .args(["mock", "-h", "127.0.0.1", "-p", &free.port().to_string()])
            .arg(specification())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node: {error}: see tests/README.md"));
        let output = BufReader::new(process.stdout.take().unwrap());
        let client = log_monitor_channels::http::client_builder().no_proxy().build().unwrap();
        let prism = Self { process, url: format!("http://{free}"), client };
        wait_for("Prism is listening", output);
        prism
    }

    /// What the specification has as an answer with this status.
    async fn answer(&self, method: Method, path: &str, status: u16) -> Reply {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request =
            if path == LOGIN { request.basic_auth("u", Some("p")) } else { request.bearer_auth("t") };
        let answer = request.header("prefer", format!("code={status}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "the specification has no such answer");
        Reply::new(status, answer.bytes().await.unwrap().to_vec())
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads on until the process ends, so that it never waits for somebody to read.
fn wait_for(text: &'static str, output: impl BufRead + Send + 'static) {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let mut said = String::new();
    while !said.contains(text) {
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => said = format!("{said}\n{line}"),
            Err(_) => panic!("prism does not start: {said}"),
        }
    }
}

fn source(url: &str) -> Box<dyn Source> {
    let table = format!("url = {url:?}\nusername = 'wazuh'\npassword = 'wazuh'");
    ServerApi::build(toml::from_str(&table).unwrap(), &SourceContext { name: "api".into() }).unwrap()
}

#[tokio::test]
#[ignore = "needs prism and Wazuh's specification: see tests/README.md"]
async fn the_specification_takes_every_question_and_its_answers_are_understood() {
    let prism = Prism::start();
    eprintln!("what is no question is refused");
    prism.answer(Method::GET, "/agents?limit=0", 400).await;
    eprintln!("every question is taken and its example is understood");
    questions(&prism).await;
    eprintln!("every refusal has its meaning");
    refusals(&prism).await;
    eprintln!("who may not log in by POST does it by GET");
    older(&prism).await;
    eprintln!("every event is taken");
    events(&prism).await;
}

/// What the kind `wazuh` posts; what is no list of events is refused.
async fn events(prism: &Prism) {
    let table = format!("url = {:?}\nusername = 'wazuh'\npassword = 'wazuh'", prism.url);
    let channel = conformance::build::<Wazuh>(&table);
    channel.probe().await.unwrap();
    let group = Notification { events: vec![sample().events.remove(0); 250], ..sample() };
    for message in [sample(), hostile(), oversize(), group] {
        channel.notify(&message).await.unwrap();
    }
    for wrong in [serde_json::json!({ "events": "one" }), serde_json::json!({ "event": ["one"] })] {
        let post = prism.client.post(format!("{}/events", prism.url)).bearer_auth("t").json(&wrong);
        assert_eq!(post.send().await.unwrap().status().as_u16(), 400, "{wrong}");
    }
}

async fn questions(prism: &Prism) {
    let source = source(&prism.url);
    source.probe().await.unwrap();
    let known = source.connections(&["001", "002"], tokio::time::Instant::now()).await.unwrap();
    assert!(
        known.iter().all(|agent| agent.link == Link::Connected && agent.last_keepalive.is_some()),
        "{known:?}"
    );
    let window = Query { from: Utc::now() - TimeDelta::hours(1), to: Utc::now(), entities: Entities::All(3) };
    assert!(!source.nodes(&window).await.unwrap().is_empty());
    let listed = source.inventory(&window).await.unwrap();
    assert_eq!((listed[0].key.as_str(), listed[0].version.as_deref()), ("001", Some("v4.3.0")));
    assert_eq!(source.counters(&["001"]).await.unwrap()[0].counted.received, 195);
}

async fn refusals(prism: &Prism) {
    for (status, reason, said) in [
        (400, SourceReason::Malformed, "(HTTP 400)"),
        (401, SourceReason::Auth, "the manager's clock wrong? (HTTP 401)"),
        (403, SourceReason::Rights, "(HTTP 403, error 4000)"),
        (405, SourceReason::Malformed, "(HTTP 405)"),
        (429, SourceReason::Overloaded, "(HTTP 429, error 6001)"),
    ] {
        let login = prism.answer(Method::POST, LOGIN, 200).await;
        let refusal = prism.answer(Method::GET, "/agents", status).await;
        let says = move |path: &str| if path == LOGIN { login.clone() } else { refusal.clone() };
        let server = HttpServer::start(move |request| says(&request.path)).await.unwrap();
        let error =
            source(&server.url("")).connections(&["001"], tokio::time::Instant::now()).await.unwrap_err();
        assert!(error.reason == reason && error.detail.ends_with(said), "{status}: {error:?}");
    }
}

async fn older(prism: &Prism) {
    let by_post = prism.answer(Method::POST, LOGIN, 405).await;
    let by_get = prism.answer(Method::GET, LOGIN, 200).await;
    let agents = prism.answer(Method::GET, "/agents", 200).await;
    let says = move |method: &str, path: &str| match (method, path) {
        ("POST", _) => by_post.clone(),
        (_, LOGIN) => by_get.clone(),
        _ => agents.clone(),
    };
    let server = HttpServer::start(move |request| says(&request.method, &request.path)).await.unwrap();
    source(&server.url("")).probe().await.unwrap();
    let methods: Vec<String> = server.received().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["POST", "GET", "GET"]);
}
