//! Which sources a watch reads, and whether it can keep what its classes promise.

use super::Place;
use crate::source::default_sources;
use log_monitor_channels::default_channels;

const TABLES: &str = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer.example:9200\"\n\
    [sources.api]\nkind = \"server_api\"\nurl = \"https://manager.example:55000\"\nusername = \"u\"\n\
    password = { env = \"API_PASSWORD\" }\n[watches.default]\nagent_file = \"@/agents.csv\"\n";

fn sources(line: &str) -> Result<(String, Vec<String>), Vec<String>> {
    // Cargo's own variable stands in for a secret.
    let tables = TABLES.replace("API_PASSWORD", "CARGO_PKG_NAME");
    let place = Place::new().toml(&format!("{tables}{line}\n"));
    let loaded = place.load_with(&default_channels(), &default_sources());
    match &loaded.settings {
        Some(settings) => Ok((settings.watches[0].source.clone(), settings.watches[0].beside.clone())),
        None => Err(place.lines(&loaded).into_iter().filter(|line| line.starts_with("error")).collect()),
    }
}

#[test]
fn the_one_with_documents_decides_and_the_others_tell_why() {
    let both = Ok(("wazuh".to_owned(), vec!["api".to_owned()]));
    assert_eq!(sources(""), both, "one of each needs no name");
    assert_eq!(sources("source = [\"api\", \"wazuh\"]"), both);
    assert_eq!(sources("source = \"wazuh\""), Ok(("wazuh".to_owned(), Vec::new())));
}

#[test]
fn a_watch_without_documents_is_refused_at_its_place() {
    let errors = sources("source = \"api\"").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("m.toml:11:10: none of these sources sees what agents log"), "{errors:?}");
    let errors = sources("source = [\"wazuh\", \"wazuh\"]").unwrap_err();
    assert!(errors[0].contains("a watch reads one source of documents, not 2"), "{errors:?}");
}

#[test]
fn a_promise_that_cannot_be_kept_is_refused_with_the_sum() {
    let class = |limit: &str| {
        format!(
            "source = \"wazuh\"\nclasses = [{{ match = {{ name = \"web-*\" }}, interval = \"5m\", \
             max_time_to_notify = {limit:?} }}]"
        )
    };
    assert!(sources(&class("8m")).is_ok());
    let errors = sources(&class("7m")).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let expected = "the first message about agent `001` may take 8m (5m + 1m + 1m + 1m; `log-monitor explain 001` says why)";
    assert!(errors[0].ends_with(expected), "{errors:?}");
}
