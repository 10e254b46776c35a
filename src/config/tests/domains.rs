//! Which routes one failure takes down whole.

use super::Place;
use crate::source::default_sources;
use log_monitor_channels::default_channels;

const CHANNELS: &str = r#"[sources.wazuh]
kind = "indexer"
url = "https://indexer.example:9200"
[watches.default]
agent_file = "@/agents.csv"
[channels]
bot = { kind = "slack", token = { env = "CARGO_PKG_NAME" }, channel = "soc" }
hook = { kind = "slack", webhook_url = "https://hooks.slack.com/services/T/B/xyzzy" }
mail = { kind = "email", host = "mx.example.org", from = "a@example.org", to = ["b@example.org"] }
pager = { kind = "pagerduty", routing_key = { env = "CARGO_PKG_NAME" } }
europe = { kind = "pagerduty", routing_key = { env = "CARGO_PKG_NAME" }, api_url = "https://events.eu.pagerduty.com" }
old = { kind = "opsgenie", api_key = { env = "CARGO_PKG_NAME" } }
new = { kind = "jira_service_management", api_key = { env = "CARGO_PKG_NAME" } }
flow = { kind = "teams", url = "https://prod-1.westeurope.logic.azure.com/workflows/1" }
other_flow = { kind = "teams", url = "https://x.environment.api.powerplatform.com/powerautomate/2" }
mailbox = { kind = "email", host = "smtp.office365.com", from = "a@example.org", to = ["b@example.org"] }
gmail = { kind = "email", host = "smtp-relay.gmail.com", from = "a@example.org", to = ["b@example.org"] }
space = { kind = "google_chat", webhook_url = "https://chat.googleapis.com/v1/spaces/x" }
proxy = { kind = "pagerduty", routing_key = { env = "CARGO_PKG_NAME" }, api_url = "https://proxy.example.org" }
one_site = { kind = "webhook", url = "https://hook.example.org/a" }
same_site = { kind = "webhook", url = "https://hook.example.org/b" }
on_agent = { kind = "webhook", url = "https://DB-01.example.org/hook" }
by_address = { kind = "webhook", url = "https://192.0.2.7:8443/hook" }
here = { kind = "webhook", url = "http://127.0.0.1:1/" }
also_here = { kind = "webhook", url = "http://localhost:2/" }
log = { kind = "log" }
"#;

/// What is said of a catch-all with these steps.
fn said(steps: &str) -> Vec<String> {
    let place = Place::new()
        .with("agents.csv", "001,web-01\n002,db-01\n003,192.0.2.7\n")
        .toml(&format!("{CHANNELS}[catch_all]\nsteps = [{steps}]\n"));
    let loaded = place.load_with(&default_channels(), &default_sources());
    place.lines(&loaded).into_iter().filter(|line| line.contains("catch_all")).collect()
}

#[test]
fn channels_of_one_service_are_no_fallback_of_each_other() {
    let both = "{ to = [\"bot\"] }, { to = [\"hook\"] }, { to = [\"log\"] }";
    let expected = "warning: m.toml:27:1: route `catch_all`: `bot` and `hook` depend on one vendor (Slack): if that \
                    fails, nobody is told (add a channel elsewhere as its last step)";
    assert_eq!(said(both), [expected]);
    assert_eq!(said(&format!("{both}, {{ to = [\"mail\"] }}")), [""; 0]);
    assert_eq!(said("{ to = [\"bot\"] }, { to = [\"pager\"], after = \"1h\" }"), [""; 0]);
    assert_eq!(said("{ to = [\"mail\"] }"), [""; 0], "that there is no fallback is plain to see");
    assert_eq!(
        said("{ to = [\"here\", \"also_here\"] }"),
        [""; 0],
        "without this machine nothing is noticed"
    );
}

#[test]
fn channels_of_one_vendor_or_host_are_told_by_its_name() {
    let depend = |one: &str, other: &str| {
        let said = said(&format!("{{ to = [\"{one}\"] }}, {{ to = [\"{other}\"] }}"));
        said.first()
            .map(|line| line.split("depend on ").nth(1).unwrap().split(": ").next().unwrap().to_owned())
    };
    assert_eq!(depend("pager", "europe").unwrap(), "one vendor (PagerDuty)");
    assert_eq!(depend("old", "new").unwrap(), "one vendor (Atlassian)");
    assert_eq!(depend("flow", "other_flow").unwrap(), "one vendor (Microsoft)");
    assert_eq!(depend("mailbox", "flow").unwrap(), "one vendor (Microsoft)");
    assert_eq!(depend("gmail", "space").unwrap(), "one vendor (Google)");
    assert_eq!(depend("one_site", "same_site").unwrap(), "the same host");
    for (one, other) in [("pager", "proxy"), ("old", "pager"), ("flow", "one_site"), ("mail", "mailbox")] {
        assert_eq!(depend(one, other), None, "{one}, {other}");
    }
}

#[test]
fn a_channel_on_a_watched_agent_cannot_tell_of_its_silence() {
    let said_of = |name: &str, agent: &str| {
        let lines = said(&format!("{{ to = [\"{name}\"] }}"));
        let expected = format!("`{name}` depends on agent `{agent}`, which is watched");
        assert!(lines.len() == 1 && lines[0].contains(&expected), "{lines:?}");
    };
    said_of("on_agent", "002 db-01");
    said_of("by_address", "003 192.0.2.7");
    assert_eq!(said("{ to = [\"on_agent\"] }, { to = [\"mail\"] }"), [""; 0]);
}
