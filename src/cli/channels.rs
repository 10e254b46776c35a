//! `channels kinds`, `channels list` and `channels test NAME`.

use chrono::Utc;
use clap::builder::PossibleValuesParser;
use log_monitor_channels::{EventKind, Notification};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, say, table};
use crate::app::parts::Parts;
use crate::config::{Settings, example, suggest, tables};
use crate::wording::{Subject, samples};

/// Subcommands of `channels`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The kinds that are compiled in
    Kinds {
        /// One kind as a table to copy: every key with what it means and its default
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
    let registry = session.app.channels();
    let Some(kind) = registry.get(kind) else {
        let names = registry.iter().map(log_monitor_channels::registry::Kind::name);
        let help = suggest::help(kind, names).map(|help| format!("; {help}")).unwrap_or_default();
        eprintln!("error: unknown kind `{kind}`{help}");
        return Exit::Failed;
    };
    let own = tables::schema_of::<tables::Channel>();
    say(example::table("channels", kind.name(), &kind.schema(), &own).trim_end());
    Exit::Ok
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

async fn test(settings: Settings, name: &str, event: &str, json: bool) -> Exit {
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
    let result = channel.try_once(&sample(kind, name, &parts)).await;
    let tested = Tested {
        channel: name.to_owned(),
        accepted: result.is_ok(),
        reason: result.as_ref().err().map(|error| error.reason().name()),
        answer: result.map_or_else(|error| error.to_string(), |receipt| receipt.line),
    };
    let exit = if tested.accepted { Exit::Ok } else { Exit::Failed };
    if json {
        super::exit::print_json(&tested);
    } else if tested.accepted {
        say(format!("accepted by {name}: {}", tested.answer));
    } else {
        eprintln!("error: {name} did not accept: {}", tested.answer);
    }
    exit
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
    let (title, body) = parts.wording.message(Some(channel), &subject);
    Notification {
        idempotency_key: format!("test-{:016x}", fastrand::u64(..)),
        kind: sample.kind,
        test: true,
        severity: sample.events[0].severity,
        title: format!("[TEST] {title}"),
        body,
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
    }
}
