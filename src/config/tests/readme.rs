//! What the README shows is understood.

use log_monitor_channels::default_channels;
use toml::{Table, Value};

use super::Place;
use crate::source::default_sources;

const README: &str = include_str!("../../../README.md");

/// The first table is a whole configuration; each that follows goes into it.
#[test]
fn every_configuration_in_the_readme_is_valid() {
    let mut shown = README.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let whole = shown.next().unwrap();
    let rest: Vec<&str> = shown.collect();
    assert!(rest.len() > 5, "the README has lost its examples");
    accepted(whole, "");
    rest.into_iter().for_each(|fragment| accepted(whole, fragment));
}

fn accepted(whole: &str, fragment: &str) {
    let mut table: Table = toml::from_str(whole).unwrap();
    merge(&mut table, toml::from_str(fragment).unwrap_or_else(|error| panic!("{error}\n{fragment}")));
    let text = toml::to_string(&table).unwrap();
    // Secrets are read from files: a test cannot set variables of its own process.
    let places = [
        ("env = \"", "file = \"@/"),
        ("/run/secrets/", "@/"),
        ("config/agents.csv", "@/agents.csv"),
        ("certs/", "@/certs/"),
    ];
    let text = places.iter().fold(text, |text, (shown, here)| text.replace(shown, here));
    let secrets = ["WAZUH_PASSWORD", "WAZUH_API_PASSWORD", "NTFY_TOPIC", "smtp"];
    let place = secrets.iter().fold(Place::new(), |place, secret| place.with(secret, "secret"));
    let place = place.with("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x");
    let place = place.with_authority("certs/root-ca.pem").with_authority("certs/api.pem").toml(&text);
    let loaded = place.load_with(&default_channels(), &default_sources());
    assert!(loaded.settings.is_some(), "{fragment}\n{}", place.shown(&loaded));
}

/// Tables are merged, routes come before those that are there, and whatever else is there is replaced.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (Some(Value::Array(into)), Value::Array(from)) if key == "routes" => {
                into.splice(0..0, from);
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
