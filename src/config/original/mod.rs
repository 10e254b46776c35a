//! The keys of the original script's `.env` files, and which tables of the TOML they stand for.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::diagnostics::{At, Findings};
use super::source_map::{self, SourceMap, TextId};
use super::tree;

mod building;

use building::Building;

/// The files, in the order of reading.
pub const FILES: [&str; 3] = ["log_counter.env", "slack.env", "smtp.env"];

/// How the text of a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Port,
    Url,
    Minutes,
    Level,
    Intervals,
}

/// An original key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As the file writes it.
    pub name: &'static str,
    /// The file it belongs in.
    pub file: &'static str,
    /// The dotted path of the value in the TOML.
    pub path: &'static str,
    form: Form,
    /// Its table needs it, whatever the kind's schema says.
    required: bool,
}

const fn key(name: &'static str, file: usize, path: &'static str, form: Form, required: bool) -> Key {
    Key { name, file: FILES[file], path, form, required }
}

/// Every original key, and the few that are new.
pub const KEYS: [Key; 19] = [
    key("WAZUH_URL", 0, "sources.wazuh.url", Form::Url, true),
    key("USERNAME", 0, "sources.wazuh.username", Form::Text, true),
    key("PASSWORD", 0, "sources.wazuh.password", Form::Text, true),
    key("VERIFICATION_FILE", 0, "sources.wazuh.ca_file", Form::Text, false),
    key("AGENT_LIST_FILE", 0, "watches.default.agent_file", Form::Text, true),
    key("DEFAULT_CHECK_INTERVAL", 0, "watches.default.interval", Form::Minutes, false),
    key("AGENT_CHECK_INTERVALS", 0, "watches.default.intervals", Form::Intervals, false),
    key("LOG_FILE_PATH", 0, "log.file", Form::Text, false),
    key("LOGGING_LEVEL", 0, "log.level", Form::Level, false),
    key("SLACK_TOKEN", 1, "channels.slack.token", Form::Text, false),
    key("SLACK_CHANNEL", 1, "channels.slack.channel", Form::Text, false),
    key("SLACK_WEBHOOK_URL", 1, "channels.slack.webhook_url", Form::Text, false),
    key("SLACK_API_URL", 1, "channels.slack.api_url", Form::Text, false),
    key("SMTP_USER", 2, "channels.email.username", Form::Text, false),
    key("SMTP_PASSWORD", 2, "channels.email.password", Form::Text, false),
    key("SMTP_SERVER", 2, "channels.email.host", Form::Text, true),
    key("SMTP_PORT", 2, "channels.email.port", Form::Port, false),
    key("SENDER", 2, "channels.email.from", Form::Text, true),
    key("RECIPIENTS", 2, "channels.email.to", Form::Text, true),
];

/// The tables that the files may make, with the `kind` that they then have.
const TABLES: [(&str, Option<&str>); 4] = [
    ("sources.wazuh", Some("indexer")),
    ("watches.default", None),
    ("channels.slack", Some("slack")),
    ("channels.email", Some("email")),
];

/// The original key of each dotted path, with its file as the user names the directory.
pub type Names = BTreeMap<String, (&'static str, String)>;

/// The [`Names`] for the files of a directory.
#[must_use]
pub fn names(env_dir: &std::path::Path) -> Names {
    let file = |key: &Key| env_dir.join(key.file).display().to_string();
    KEYS.iter().map(|key| (key.path.to_owned(), (key.name, file(key)))).collect()
}

/// The names of the keys without which nothing can be watched.
pub fn required_names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|key| key.required && key.file == FILES[0]).map(|key| key.name)
}

/// The layer that the files make, and the dotted paths of keys whose lack is told. `toml` is the layer
/// above, which may have a part of a table.
pub fn layer<'m>(
    map: &'m SourceMap,
    files: &[TextId],
    toml: &DeTable<'_>,
    names: &Names,
    findings: &mut Findings,
) -> (DeTable<'m>, Vec<String>) {
    Building::new(map, names, findings).all(files, toml)
}

/// Tells every required key that no layer has, for the tables that the files made.
pub fn missing(map: &SourceMap, merged: &DeTable<'_>, names: &Names, findings: &mut Findings) -> Vec<String> {
    let mut told = Vec::new();
    for key in KEYS.iter().filter(|key| key.required) {
        let path: Vec<&str> = key.path.split('.').collect();
        let table = tree::get(merged, &path[..2]);
        let file = &names[key.path].1;
        // A variable of the process may have opened the table; it is the file that should fill it.
        let of_file = map.has(file)
            && table.is_some_and(|table| map.form(&table.span()) != Some(source_map::Form::Toml));
        if of_file && tree::get(merged, &path).is_none() {
            findings.error(At::Line(file.clone(), None), format!("missing `{}` in {file}", key.name));
            told.push(key.path.to_owned());
        }
    }
    told
}
