//! Source `server_api` against the official specification of Wazuh's API, mocked by prism. It needs
//! both, and the specification is not ours to ship: see tests/README.md.

use std::io::Write;

use chrono::{TimeDelta, Utc};
use log_monitor::source::server_api::ServerApi;
use log_monitor::source::{Entities, Query, Source, SourceContext, SourceKind};

fn source(url: &str) -> Box<dyn Source> {
    let table = format!("url = {url:?}\nusername = 'wazuh'\npassword = 'wazuh'");
    ServerApi::build(toml::from_str(&table).unwrap(), &SourceContext { name: "api".into() }).unwrap()
}

#[tokio::test]
async fn the_specification_takes_every_question_and_its_examples_are_understood() {
    let Ok(url) = std::env::var("LOG_MONITOR_TEST_WAZUH_API") else {
        // Past the test's own captured output: nobody should think that it ran.
        let note = "NOT RUN: tests/wazuh_specification.rs needs prism and Wazuh's specification: see tests/README.md";
        writeln!(std::io::stderr(), "{note}").unwrap();
        return;
    };
    let source = source(&url);
    source.probe().await.unwrap();
    let known = source.connections(&["001", "002"]).await.unwrap();
    assert!(!known.is_empty(), "the specification has an example of a list");
    let window = Query { from: Utc::now() - TimeDelta::hours(1), to: Utc::now(), entities: Entities::All(3) };
    assert!(!source.nodes(&window).await.unwrap().is_empty());
    assert!(!source.inventory(&window).await.unwrap().is_empty());
    assert!(!source.counters(&["001"]).await.unwrap().is_empty());
}
