//! `templates list`, `templates preview [NAME]` and `templates variables`.

use chrono::Utc;
use clap::builder::PossibleValuesParser;
use log_monitor_channels::registry::Kind;
use log_monitor_channels::{EventKind, Registry, Written};
use serde::Serialize;

use super::Session;
use super::exit::{Exit, print_json};
use super::table::{print, say, table};
use crate::config::{Settings, suggest};
use crate::dispatch::render::Words;
use crate::wording::template::Part;
use crate::wording::variables::{FILTERS, VARIABLES};
use crate::wording::{Subject, Voice, Wording, samples};

/// Subcommands of `templates`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The templates that are configured, and the channels that use them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Messages as they would read, sending nothing
    Preview {
        /// The template's name; the built-in words if it is absent
        name: Option<String>,
        /// The event to tell of [default: each of them]
        #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(EventKind::ALL.map(EventKind::name)))]
        event: Option<String>,
        /// As this channel would be told
        #[arg(long, value_name = "NAME", conflicts_with = "name")]
        channel: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// What a template can say
    Variables {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Serialize)]
struct ShownTemplate {
    name: String,
    title: bool,
    body: bool,
    payload: bool,
    channels: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ShownMessage {
    event: &'static str,
    title: String,
    body: String,
    payload: Option<Written>,
}

/// Does what the subcommand says.
pub fn run(session: &Session<'_>, command: Command) -> Exit {
    let settings = match &command {
        Command::Variables { json } => return variables(session.app.channels(), *json),
        _ => match session.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        },
    };
    match command {
        Command::Preview { name, event, channel, json } => {
            let voice = voice(&settings, name, channel.as_deref());
            match voice {
                Ok(voice) => preview(&settings, &voice, event.as_deref(), json),
                Err(problem) => {
                    eprintln!("error: {problem}");
                    Exit::Failed
                }
            }
        }
        Command::List { json } | Command::Variables { json } => list(&settings, json),
    }
}

fn list(settings: &Settings, json: bool) -> Exit {
    let templates = &settings.wording.templates;
    let channels = |name: &str| {
        let uses = |voice: &Voice| voice.template.as_deref() == Some(name);
        let used = settings.wording.voices.iter().filter(|(_, voice)| uses(voice));
        used.map(|(channel, _)| channel.clone()).collect()
    };
    let shown = |name: &String| ShownTemplate {
        name: name.clone(),
        title: templates.has(name, Part::Title),
        body: templates.has(name, Part::Body),
        payload: templates.has(name, Part::Payload),
        channels: channels(name),
    };
    let shown: Vec<ShownTemplate> = templates.names().iter().map(shown).collect();
    if json {
        return print_json(&shown);
    }
    let mut rows = table(&["name", "has", "channels"]);
    for template in &shown {
        let parts = [(template.title, "title"), (template.body, "body"), (template.payload, "payload")];
        let has: Vec<&str> = parts.into_iter().filter(|(has, _)| *has).map(|(_, part)| part).collect();
        let used =
            if template.channels.is_empty() { "(none)".to_owned() } else { template.channels.join(", ") };
        rows.add_row([template.name.clone(), has.join(", "), used]);
    }
    print(rows, "no templates are configured");
    Exit::Ok
}

/// How messages are to read.
fn voice(settings: &Settings, name: Option<String>, channel: Option<&str>) -> Result<Voice, String> {
    let unknown = |what: &str, name: &str, known: Vec<&str>| {
        let help = suggest::help(name, known).map(|help| format!("; {help}")).unwrap_or_default();
        Err(format!("no {what} `{name}` is configured{help}"))
    };
    let templates = settings.wording.templates.names();
    match (name, channel) {
        (_, Some(channel)) if !settings.channels.iter().any(|known| known.name == channel) => {
            unknown("channel", channel, settings.channels.iter().map(|known| known.name.as_str()).collect())
        }
        (_, Some(channel)) => Ok(settings.wording.voices.get(channel).cloned().unwrap_or_default()),
        (Some(name), None) if !templates.contains(&name) => {
            unknown("template", &name, templates.iter().map(String::as_str).collect())
        }
        (template, None) => Ok(Voice { template, ..Voice::default() }),
    }
}

fn preview(settings: &Settings, voice: &Voice, event: Option<&str>, json: bool) -> Exit {
    let kinds = EventKind::ALL.into_iter().filter(|kind| event.is_none_or(|event| event == kind.name()));
    let said = kinds.map(|kind| message(&settings.wording, &settings.installation, voice, kind));
    let (messages, failed): (Vec<_>, Vec<_>) = said.partition(Result::is_ok);
    let messages: Vec<ShownMessage> = messages.into_iter().flatten().collect();
    let exit = if failed.is_empty() { Exit::Ok } else { Exit::Failed };
    failed.into_iter().filter_map(Result::err).for_each(|problem| eprintln!("error: {problem}"));
    if json {
        print_json(&messages);
        return exit;
    }
    for (at, ShownMessage { event, title, body, payload }) in messages.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        say(format!("{gap}{event}\n  {title}\n\n{}", indented(body)));
        if let Some(Written { content_type, text }) = payload {
            say(format!("\n  {content_type}:\n{}", indented(text)));
        }
    }
    exit
}

fn indented(text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
    lines.trim_end().to_owned()
}

/// A message of a kind as a voice says it, or which text of its template fails.
fn message(
    wording: &Wording,
    installation: &str,
    voice: &Voice,
    kind: EventKind,
) -> Result<ShownMessage, String> {
    let sample = samples::sample(kind, Utc::now());
    let links = &wording.links(&sample.events, installation);
    let subject = Subject { events: &sample.events, facts: &sample.facts(), links, installation };
    let failed = |problem| format!("{problem}, in a message of {}", kind.name());
    let Words { title, mut body, .. } = wording.in_its_words(voice, &subject).map_err(failed)?.joined();
    let payload = wording.payload_in(voice, &subject, &title, &body).map_err(failed)?;
    for link in links {
        body += &format!("\n{}: {}", link.title, link.url);
    }
    Ok(ShownMessage { event: kind.name(), title, body, payload })
}

fn variables(registry: &Registry, json: bool) -> Exit {
    let filters = FILTERS.map(|(name, about)| (format!("| {name}"), about.to_owned()));
    let of_kind = |kind: &Kind| {
        let name = kind.name();
        let shown =
            |(word, about): &(&str, &str)| (format!("channel.{word}"), format!("of kind {name}: {about}"));
        kind.variables().iter().map(shown).collect::<Vec<_>>()
    };
    let all = VARIABLES.map(|(name, about)| (name.to_owned(), about.to_owned()));
    let all = all.into_iter().chain(registry.iter().flat_map(of_kind)).chain(filters);
    if json {
        let all = all.map(|(name, about)| serde_json::json!({ "name": name, "about": about }));
        return print_json(&all.collect::<Vec<_>>());
    }
    let mut rows = table(&["name", "about"]);
    for (name, about) in all {
        rows.add_row([name, about]);
    }
    print(rows, "");
    Exit::Ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wording::template::Templates;

    #[test]
    fn a_template_that_fails_is_told_and_no_other_words_stand_for_it() {
        let mut templates = Templates::default();
        templates.add("mine", Part::Title, "{{ event.who }}").unwrap();
        templates.add("mine", Part::Body, "It says:\n{{ event.labels[event.kind[:3]] }}").unwrap();
        let wording = Wording { templates, ..Wording::default() };
        let said = |template: Option<&str>| {
            let voice = Voice { template: template.map(str::to_owned), ..Voice::default() };
            message(&wording, "soc", &voice, EventKind::AgentSilent)
        };
        let problem = said(Some("mine")).unwrap_err();
        assert!(problem.starts_with("template mine: its body, line 2: "), "{problem}");
        assert!(problem.ends_with(", in a message of agent_silent"), "{problem}");
        assert_eq!(said(None).unwrap().title, "Silent: 001 web-01, no logs for 16 min (disconnected)");
    }
}
