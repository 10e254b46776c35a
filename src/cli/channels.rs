//! `channels kinds`, `channels list` and `channels test NAME`.

use std::path::Path;

use chrono::Utc;
use clap::builder::PossibleValuesParser;
use log_monitor_channels::{DeliveryError, EventKind, MessageKind, Notification, Receipt, Registry};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, say, table};
use crate::app::parts::Parts;
use crate::config::{Settings, example, suggest};
use crate::dispatch::render::Words;
use crate::journal::channels::{self as known, Probe};
use crate::journal::{JournalError, edit, open_read_only};
use crate::source::registry::SourceRegistry;
use crate::wording::{Subject, samples};

/// Subcommands of `channels`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The kinds that are compiled in
    Kinds {
        /// One kind, of a channel or of a source, as a table to copy: every key with what it means and its default
        #[arg(long, value_name = "KIND")]
        doc: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// The channels that are configured, and the routes that use them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Send one message, marked TEST, through a configured channel
    Test {
        /// The channel's name
        name: String,
        /// The event to tell of
        #[arg(long, default_value = "agent_silent", value_parser = PossibleValuesParser::new(EventKind::ALL.map(EventKind::name)))]
        event: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Serialize)]
struct ShownKind {
    kind: &'static str,
    capabilities: log_monitor_channels::Capabilities,
    keys: Vec<ShownKey>,
}

#[derive(Debug, Serialize)]
struct ShownKey {
    key: String,
    required: bool,
    about: String,
}

#[derive(Debug, Serialize)]
struct ShownChannel {
    name: String,
    kind: &'static str,
    max_in_flight: usize,
    budget: Vec<String>,
    routes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tested {
    channel: String,
    accepted: bool,
    answer: String,
    reason: Option<&'static str>,
}

impl Tested {
    fn of(channel: &str, result: Result<Receipt, DeliveryError>) -> Self {
        let reason = result.as_ref().err().map(|error| error.reason().name());
        let (accepted, answer) = match result {
            Ok(Receipt { line, untold: true, .. }) => {
                (false, format!("it was told nothing of an end that no alert is open for: {line}"))
            }
            Ok(receipt) => (true, receipt.line),
            Err(error) => (false, error.to_string()),
        };
        Self { channel: channel.to_owned(), accepted, answer, reason }
    }
}

/// Does what the subcommand says.
pub async fn run(session: &Session<'_>, command: Command) -> Exit {
    match command {
        Command::Kinds { doc: Some(kind), .. } => document(session, &kind),
        Command::Kinds { doc: None, json } => kinds(session, json),
        Command::List { json } => match session.settings() {
            Ok(settings) => list(&settings, json),
            Err(exit) => exit,
        },
        Command::Test { name, event, json } => match session.settings() {
            Ok(settings) => test(settings, &name, &event, json).await,
            Err(exit) => exit,
        },
    }
}

fn kinds(session: &Session<'_>, json: bool) -> Exit {
    let shown: Vec<ShownKind> = session
        .app
        .channels()
        .iter()
        .map(|kind| ShownKind {
            kind: kind.name(),
            capabilities: kind.capabilities(),
            keys: keys(&kind.schema()),
        })
        .collect();
    if json {
        return super::exit::print_json(&shown);
    }
    let mut rows = table(&["kind", "key", "needed", "about"]);
    for kind in &shown {
        if kind.keys.is_empty() {
            rows.add_row([kind.kind, "-", "", "no keys of its own"]);
        }
        for (at, key) in kind.keys.iter().enumerate() {
            let name = if at == 0 { kind.kind } else { "" };
            rows.add_row([name, &key.key, if key.required { "yes" } else { "" }, &key.about]);
        }
    }
    print(rows, "no kinds are compiled in");
    Exit::Ok
}

fn document(session: &Session<'_>, kind: &str) -> Exit {
    let (channels, sources) = (session.app.channels(), session.app.sources());
    match table_of(channels, sources, kind) {
        Some(table) => say(table.trim_end()),
        None => {
            let names = channels.iter().map(log_monitor_channels::registry::Kind::name);
            let names = names.chain(sources.iter().map(crate::source::registry::Kind::name));
            let help = suggest::help(kind, names).map(|help| format!("; {help}")).unwrap_or_default();
            eprintln!("error: unknown kind `{kind}`{help}");
            return Exit::Failed;
        }
    }
    Exit::Ok
}

/// The table of a kind of that name.
fn table_of(channels: &Registry, sources: &SourceRegistry, kind: &str) -> Option<String> {
    let channel = channels.get(kind).map(example::channel);
    // A source has no keys but its own.
    let source = || {
        let kind = sources.get(kind)?;
        Some(example::table("sources", kind.name(), &kind.schema(), &serde_json::Value::Null))
    };
    channel.or_else(source)
}

fn keys(schema: &serde_json::Value) -> Vec<ShownKey> {
    let required =
        |key: &str| schema["required"].as_array().is_some_and(|keys| keys.iter().any(|k| k == key));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(key, about)| ShownKey {
            key: key.clone(),
            required: required(key),
            about: about["description"].as_str().unwrap_or_default().replace('\n', " "),
        })
        .collect()
}

fn list(settings: &Settings, json: bool) -> Exit {
    let routes = |name: &str| {
        let uses = |route: &&crate::config::Route| {
            route.steps.iter().any(|step| step.to.iter().any(|channel| channel == name))
        };
        settings.routes.iter().filter(uses).map(|route| route.name.clone()).collect()
    };
    let shown: Vec<ShownChannel> = settings
        .channels
        .iter()
        .map(|channel| ShownChannel {
            name: channel.name.clone(),
            kind: channel.kind,
            max_in_flight: channel.max_in_flight,
            budget: channel.budgets.iter().map(ToString::to_string).collect(),
            routes: routes(&channel.name),
        })
        .collect();
    if json {
        return super::exit::print_json(&shown);
    }
    let mut rows = table(&["name", "kind", "in flight", "budget", "routes"]);
    for channel in &shown {
        let used = if channel.routes.is_empty() { "(none)".to_owned() } else { channel.routes.join(", ") };
        rows.add_row([
            channel.name.clone(),
            channel.kind.to_owned(),
            channel.max_in_flight.to_string(),
            if channel.budget.is_empty() { "(none)".to_owned() } else { channel.budget.join(", ") },
            used,
        ]);
    }
    print(rows, "no channels are configured");
    Exit::Ok
}

/// Ends the waiting of a channel that is left alone: a daemon that runs sends its next message there, which
/// brings the channel back or not. Returns whether it was left alone.
fn half_open(journal: &Path, channel: &str) -> Result<bool, JournalError> {
    let known = if journal.exists() { known::all(&open_read_only(journal)?)? } else { Default::default() };
    let left_alone = known.get(channel).is_some_and(|known| known.quarantine.is_some());
    if left_alone {
        edit(journal, |db| known::set_probe(db, channel, Probe::Good))?;
    }
    Ok(left_alone)
}

async fn test(settings: Settings, name: &str, event: &str, json: bool) -> Exit {
    let journal = settings.journal.clone();
    let known: Vec<String> = settings.channels.iter().map(|channel| channel.name.clone()).collect();
    let parts = match Parts::build(settings) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Failed;
        }
    };
    let Some(channel) = parts.channels.get(name) else {
        eprintln!("error: no channel `{name}` is configured; there are: {}", known.join(", "));
        return Exit::Failed;
    };
    let kind = EventKind::from_name(event).unwrap_or(EventKind::AgentSilent);
    let message = sample(kind, name, &parts);
    let message = if channel.limits.resolve { answering(message) } else { message };
    let tested = Tested::of(name, channel.try_once(&message).await);
    let exit = if tested.accepted { Exit::Ok } else { Exit::Failed };
    let half_open = if tested.accepted { half_open(&journal, name) } else { Ok(false) };
    if let Err(error) = &half_open {
        eprintln!("warning: journal {}: {error}", journal.display());
    }
    if json {
        super::exit::print_json(&tested);
    } else if tested.accepted {
        say(format!("accepted by {name}: {}", tested.answer));
        if half_open.unwrap_or_default() {
            say(format!("{name} was left alone; the next message for it is tried on it again"));
        }
    } else {
        eprintln!("error: {name} did not accept: {}", tested.answer);
    }
    exit
}

/// Where the vendor keeps a state, an end says which firing it ends, here one that never was.
fn answering(message: Notification) -> Notification {
    let end = message.kind == MessageKind::Resolved;
    Notification { answers: end.then(test_key), all_over: end, ..message }
}

fn test_key() -> String {
    format!("test-{:016x}", fastrand::u64(..))
}

/// What a real message of that kind looks like on that channel, but for the mark.
fn sample(kind: EventKind, channel: &str, parts: &Parts) -> Notification {
    let now = Utc::now();
    let mut sample = samples::sample(kind, now);
    for event in &mut sample.events {
        "test".clone_into(&mut event.scope);
        "test".clone_into(&mut event.cause);
        "This is a test of the channel; nothing happened.".clone_into(&mut event.detail);
        if let Some(entity) = &mut event.entity {
            "example".clone_into(&mut entity.label);
        }
    }
    let installation = &*parts.installation;
    let links = parts.wording.links(&sample.events, installation);
    let subject = Subject { events: &sample.events, facts: &sample.facts(), links: &links, installation };
    let Words { title, body, below } = parts.wording.message(Some(channel), &subject).joined();
    let title = format!("[TEST] {title}");
    let payload = parts.wording.payload(Some(channel), &subject, &title, &body);
    Notification {
        idempotency_key: test_key(),
        kind: sample.kind,
        test: true,
        severity: sample.events[0].severity,
        title,
        body,
        below,
        installation: installation.to_owned(),
        created_at: now,
        events: sample.events,
        attempt: 1,
        possible_duplicate: false,
        fallback_reason: None,
        in_reply_to: None,
        answers: None,
        rest_of: None,
        all_over: false,
        links,
        short: false,
        payload,
    }
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::pagerduty::PagerDuty;
    use log_monitor_channels::testing::{HttpServer, Reply, Request};
    use log_monitor_channels::thehive::TheHive;
    use log_monitor_channels::{ChannelKind, conformance};
    use serde_json::json;

    use super::*;
    use crate::journal::Journal;
    use crate::journal::channels::Quarantine;

    #[test]
    fn every_kind_of_channel_and_of_source_is_a_table_to_copy() {
        let (channels, sources) =
            (log_monitor_channels::default_channels(), crate::source::default_sources());
        let of = |kind: &str| table_of(&channels, &sources, kind).unwrap_or_default();
        assert!(of("slack").starts_with("[channels.NAME]\nkind = \"slack\"\n"));
        for kind in ["indexer", "server_api", "file"] {
            let table = of(kind);
            assert!(table.starts_with(&format!("[sources.NAME]\nkind = \"{kind}\"\n#")), "{table}");
            assert!(!table.contains("max_in_flight"), "that is a channel's: {table}");
        }
        assert_eq!(of("indexr"), "");
    }

    /// What the test of an end comes to on a channel of kind `K`, and what its vendor got.
    async fn ended<K: ChannelKind>(table: &str, reply: Reply) -> (Tested, Vec<serde_json::Value>) {
        let server = HttpServer::start(move |_| reply.clone()).await.unwrap();
        let channel = conformance::build::<K>(&table.replace("BASE", &server.url("")));
        let end = answering(Notification { kind: MessageKind::Resolved, ..conformance::sample() });
        let tested = Tested::of("oncall", channel.notify(&end).await);
        (tested, server.received().iter().map(Request::json).collect())
    }

    #[tokio::test]
    async fn the_test_of_an_end_is_an_end_and_is_not_accepted_where_nothing_was_told() {
        let key = "routing_key = \"01234567890123456789012345678901\"\napi_url = \"BASE\"";
        let accepts = Reply::json(202, &json!({ "status": "success", "message": "Event processed" }));
        let (tested, events) = ended::<PagerDuty>(key, accepts).await;
        assert!(tested.accepted, "{tested:?}");
        assert_eq!(events[0]["event_action"], "resolve");
        assert!(events[0]["dedup_key"].as_str().is_some_and(|key| key.starts_with("test-")), "{events:?}");

        let (tested, asked) =
            ended::<TheHive>("url = \"BASE\"\napi_key = \"k3y\"", Reply::json(200, &json!([]))).await;
        assert!(!tested.accepted && tested.answer.contains("told nothing"), "{tested:?}");
        assert_eq!(asked.len(), 1, "it only looks for the alert");
    }

    #[tokio::test]
    async fn a_test_that_is_accepted_ends_the_waiting_of_a_channel_that_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        assert!(!half_open(&path, "soc").unwrap() && !path.exists(), "no journal is made for it");
        let refused = Quarantine {
            since: 0,
            reason: "invalid_token".to_owned(),
            probe_at: i64::MAX,
            probes: 0,
            probe: Probe::Unknown,
        };
        let journal = Journal::open_inline(&path).unwrap();
        journal.write(move |db| known::quarantine(db, "soc", &refused)).await.unwrap();
        let probe = || {
            let known = known::all(&open_read_only(&path).unwrap()).unwrap();
            known["soc"].quarantine.as_ref().map(|quarantine| quarantine.probe)
        };
        assert!(!half_open(&path, "mail").unwrap());
        assert_eq!(probe(), Some(Probe::Unknown));
        assert!(half_open(&path, "soc").unwrap());
        assert_eq!(probe(), Some(Probe::Good), "the next message is to show it");
    }
}
