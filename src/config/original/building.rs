//! The layer as it grows, entry by entry.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Form, KEYS, Key, Names, TABLES};
use crate::config::diagnostics::{At, Findings};
use crate::config::source_map::{Place, SourceMap, TextId};
use crate::config::{dotenv, reading, suggest, tree};

/// What was read so far.
pub struct Building<'m, 'f> {
    map: &'m SourceMap,
    findings: &'f mut Findings,
    names: &'f Names,
    layer: DeTable<'m>,
    seen: BTreeMap<&'static str, Place>,
    told: Vec<String>,
}

impl<'m, 'f> Building<'m, 'f> {
    /// Nothing yet.
    pub fn new(map: &'m SourceMap, names: &'f Names, findings: &'f mut Findings) -> Self {
        Self { map, findings, names, layer: DeTable::new(), seen: BTreeMap::new(), told: Vec::new() }
    }

    /// The layer, and the paths of what is missing and told. `toml` is the layer above.
    pub fn all(mut self, files: &[TextId], toml: &DeTable<'_>) -> (DeTable<'m>, Vec<String>) {
        for &file in files {
            self.file(file);
        }
        self.slack(toml);
        self.tables(toml);
        (self.layer, self.told)
    }

    fn file(&mut self, file: TextId) {
        let (entries, bad) = dotenv::parse(self.map.text(file));
        let base = self.map.base(file);
        for line in bad {
            let at = At::Place(base + line.at..base + line.at);
            self.findings.warning(at, format!("line left out: {}", line.message));
        }
        for entry in entries {
            let key_place = base + entry.key_at.start..base + entry.key_at.end;
            let place = base + entry.value_at.start..base + entry.value_at.end;
            match KEYS.iter().find(|key| key.name == entry.key) {
                Some(key) => self.entry(key, entry.value, key_place, place),
                None => {
                    let name = reading::shown_name(entry.key);
                    let nearest = suggest::nearest(entry.key, KEYS.iter().map(|key| key.name));
                    self.findings
                        .warning(At::Place(key_place), format!("unknown key `{name}`"))
                        .maybe_help(nearest.map(|near| format!("did you mean `{near}`?")));
                }
            }
        }
    }

    /// A key without a value counts as not there, as in the examples that are filled in later.
    fn entry(&mut self, key: &Key, value: Cow<'m, str>, key_place: Place, place: Place) {
        if value.trim().is_empty() {
            return;
        }
        if self.seen.insert(key.name, key_place.clone()).is_some() {
            let at = At::Place(key_place.clone());
            self.findings.warning(at, format!("`{}` is set twice; the last one counts", key.name));
        }
        match key.form {
            Form::Text => self.put(key.path, &key_place, Spanned::new(place, DeValue::String(value))),
            Form::Port => self.port(key, value, &key_place, place),
            Form::Url => self.url(key, &value, &key_place, &place),
            Form::Minutes => self.minutes(key, &value, &key_place, place),
            Form::Level => self.level(key, &value, &key_place, place),
            Form::Intervals => self.intervals(&value, &key_place, &place),
        }
    }

    fn put(&mut self, path: &str, key_place: &Place, value: tree::Node<'m>) {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        tree::put(&mut self.layer, &path, key_place, value);
    }

    fn text(&mut self, path: &str, key_place: &Place, place: Place, text: impl Into<String>) {
        self.put(path, key_place, Spanned::new(place, DeValue::String(Cow::Owned(text.into()))));
    }

    fn port(&mut self, key: &Key, value: Cow<'m, str>, key_place: &Place, place: Place) {
        if value.parse::<u16>().is_ok_and(|port| port > 0) {
            self.put(key.path, key_place, Spanned::new(place, DeValue::String(value)));
        } else {
            let message = format!("`{}`: `{value}` is no port, a number from 1 to 65535", key.name);
            self.findings.error(At::Place(place), message);
        }
    }

    /// A base address, or the address of the original's query: `…/INDEX/_count` or `…/_search`.
    fn url(&mut self, key: &Key, value: &str, key_place: &Place, place: &Place) {
        let (base, index) = split_url(value);
        self.text(key.path, key_place, place.clone(), base);
        if let Some(index) = index {
            self.text("sources.wazuh.index", key_place, place.clone(), index);
        }
    }

    fn minutes(&mut self, key: &Key, value: &str, key_place: &Place, place: Place) {
        match minutes(value) {
            Some(minutes) => self.text(key.path, key_place, place, minutes),
            None => {
                let message = format!("`{}`: `{value}` is no number of minutes", key.name);
                self.findings.error(At::Place(place), message);
            }
        }
    }

    fn level(&mut self, key: &Key, value: &str, key_place: &Place, place: Place) {
        match value.trim() {
            "0" => self.text(key.path, key_place, place, "off"),
            "1" => self.text(key.path, key_place, place, "error"),
            "2" => self.text(key.path, key_place, place, "warn"),
            "3" => self.text(key.path, key_place, place, "info"),
            other => {
                self.findings
                    .warning(At::Place(place), format!("`{}`: `{other}` is no level; 3 is used", key.name))
                    .help("0 = nothing, 1 = errors, 2 = and warnings, 3 = and what happened");
            }
        }
    }

    /// `001:10,002:30`, in minutes. A bad entry is left out, and only that one.
    fn intervals(&mut self, value: &str, key_place: &Place, place: &Place) {
        for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let parts = entry.split_once(':').map(|(id, time)| (id.trim(), minutes(time)));
            match parts {
                Some((id, Some(time))) if !id.is_empty() => {
                    let path = ["watches", "default", "intervals", id].map(str::to_owned);
                    let value = Spanned::new(place.clone(), DeValue::String(Cow::Owned(time)));
                    tree::put(&mut self.layer, &path, key_place, value);
                }
                _ => {
                    let at = At::Place(place.clone());
                    self.findings
                        .warning(at, format!("AGENT_CHECK_INTERVALS: `{entry}` is left out"))
                        .help("write ID:MINUTES, such as 001:10,002:30");
                }
            }
        }
    }

    /// A bot token with its channel, or a webhook. What the TOML has decides; else a whole bot goes
    /// before a webhook, and the other is dropped.
    fn slack(&mut self, toml: &DeTable<'_>) {
        let above = |key| tree::get(toml, &["channels", "slack", key]).is_some();
        let here = |key| tree::get(&self.layer, &["channels", "slack", key]).is_some();
        let have = |key| above(key) || here(key);
        if tree::get(&self.layer, &["channels", "slack"]).is_none() {
            return;
        }
        let bot = have("token") && have("channel");
        if above("webhook_url") || have("webhook_url") && !above("token") && !bot {
            self.drop_slack(
                &["token", "channel"],
                "SLACK_TOKEN",
                "a webhook is configured, and no whole bot",
            );
        } else if bot {
            self.drop_slack(&["webhook_url"], "SLACK_WEBHOOK_URL", "a bot token and its channel are there");
        } else {
            let (name, key) =
                if have("token") { ("SLACK_CHANNEL", "channel") } else { ("SLACK_TOKEN", "token") };
            self.told.push(format!("channels.slack.{key}"));
            let file = self.names["channels.slack.token"].1.clone();
            self.findings
                .error(At::Line(file.clone(), None), format!("missing `{name}` in {file}"))
                .help("Slack needs SLACK_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_URL");
        }
    }

    fn drop_slack(&mut self, keys: &[&str], name: &str, why: &str) {
        if let Some(place) = self.seen.get(name).cloned() {
            self.findings.warning(At::Place(place), format!("`{name}` is not used: {why}"));
        }
        let channels = self.layer.get_mut("channels").map(Spanned::get_mut);
        let Some(DeValue::Table(channels)) = channels else { return };
        if let Some(DeValue::Table(slack)) = channels.get_mut("slack").map(Spanned::get_mut) {
            keys.iter().for_each(|key| drop(slack.remove(*key)));
        }
    }

    /// Gives the tables their kinds. One half of source and watch brings the other, so that all
    /// keys that are missing are told at once.
    fn tables(&mut self, toml: &DeTable<'_>) {
        let first = |layer: &DeTable<'_>, path: &str| {
            let path: Vec<&str> = path.split('.').collect();
            tree::get(layer, &path).map(Spanned::span)
        };
        let named = |section| tree::get(toml, &[section]).is_some();
        let source = first(&self.layer, "sources.wazuh");
        let watch = first(&self.layer, "watches.default");
        for (path, kind) in TABLES {
            let place = match path {
                "sources.wazuh" => source.clone().or(watch.clone().filter(|_| !named("sources"))),
                "watches.default" => watch.clone().or(source.clone().filter(|_| !named("watches"))),
                _ => first(&self.layer, path),
            };
            let Some(place) = place else { continue };
            let (key, value) = match kind {
                Some(kind) => ("kind", kind),
                None if source.is_some() || !named("sources") => ("source", "wazuh"),
                None => continue,
            };
            let value = Spanned::new(place.clone(), DeValue::String(Cow::Borrowed(value)));
            self.put(&format!("{path}.{key}"), &place, value);
        }
    }
}

/// `15` is `15m`. Parts of a minute are not known to the original.
fn minutes(text: &str) -> Option<String> {
    let minutes: u32 = text.trim().parse().ok()?;
    (minutes > 0).then(|| format!("{minutes}m"))
}

/// The base address, and the index pattern if the address names one.
fn split_url(url: &str) -> (&str, Option<&str>) {
    let trimmed = url.trim().trim_end_matches('/');
    let Some(query) = ["/_count", "/_search"].into_iter().find_map(|end| trimmed.strip_suffix(end)) else {
        return (trimmed, None);
    };
    let authority = query.find("://").map_or(0, |at| at + 3);
    match query.rfind('/').filter(|slash| *slash >= authority) {
        Some(slash) => (&query[..slash], Some(&query[slash + 1..]).filter(|index| !index.is_empty())),
        None => (query, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_original_query_names_the_index() {
        let split = |url| split_url(url);
        assert_eq!(split("https://h:9200/wazuh-alerts*/_count"), ("https://h:9200", Some("wazuh-alerts*")));
        assert_eq!(split("https://h:9200/"), ("https://h:9200", None));
        assert_eq!(split("https://h/proxy/a-*/_search"), ("https://h/proxy", Some("a-*")));
        assert_eq!(split("https://h:9200/_count"), ("https://h:9200", None));
    }

    #[test]
    fn minutes_are_whole_and_more_than_none() {
        assert_eq!(minutes(" 15 ").as_deref(), Some("15m"));
        assert_eq!([minutes("0"), minutes("1.5"), minutes("10m"), minutes("-3")], [None, None, None, None]);
    }
}
