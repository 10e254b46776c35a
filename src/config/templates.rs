//! The `[templates.NAME]` tables: words of one's own. Each text is tried with messages of every kind.

use std::ops::Range;
use std::path::Path;

use chrono::Utc;
use log_monitor_channels::http::check_header;
use log_monitor_channels::registry::Kind;
use serde::de::Deserialize;
use toml::Spanned;
use toml::de::ValueDeserializer;

use super::diagnostics::At;
use super::family::family;
use super::inside::inside;
use super::reading::{Reading, joined, shown_name};
use super::source_map::Place;
use super::suggest;
use super::tables;
use super::tree::{Node, Table};
use crate::wording::Wrong;
use crate::wording::form::Form;
use crate::wording::template::{Part, Templates};
use crate::wording::trial::Trial;

/// The longest text, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The templates that there are.
pub struct Read {
    /// Also of those with mistakes, so that using one is no second mistake.
    pub names: Vec<String>,
    /// Those without.
    pub templates: Templates,
}

/// Reads every one.
pub fn templates(reading: &mut Reading<'_>, node: Option<Node<'_>>) -> Read {
    let mut templates = Templates::default();
    let trial = node.as_ref().map(|_| Trial::at(Utc::now()));
    let family = family(reading, "templates", node, |reading, name, table| {
        template(reading, name, table, trial.as_ref()?, &mut templates)
    });
    Read { names: family.names, templates }
}

/// The template that a channel names, if there is one of that name.
pub fn known(reading: &mut Reading<'_>, name: Option<Spanned<String>>, names: &[String]) -> Option<String> {
    let name = name?;
    if !names.contains(name.get_ref()) {
        let help = suggest::help(name.get_ref(), names.iter().map(String::as_str));
        let help = help.unwrap_or_else(|| "add a [templates.NAME] table".to_owned());
        let message = format!("unknown template `{}`", shown_name(name.get_ref()));
        reading.findings.error(At::Place(name.span()), message).help(help);
    }
    Some(name.into_inner())
}

/// Tells what a template has that no channel of this kind takes, and what it says of its channel that none has.
pub fn suits(reading: &mut Reading<'_>, name: Option<&Spanned<String>>, templates: &Templates, kind: &Kind) {
    let Some(name) = name else { return };
    if templates.has(name.get_ref(), Part::Payload) && !kind.capabilities().payload {
        let (template, kind) = (shown_name(name.get_ref()), kind.name());
        let message = format!("template `{template}` has a payload, which kind `{kind}` does not take");
        reading
            .findings
            .error(At::Place(name.span()), message)
            .help("use it for a channel of kind `webhook`");
    }
    for said in templates.says_of_channel(name.get_ref()) {
        let known = kind.variables().iter().map(|(known, _)| *known);
        if known.clone().any(|known| known == said) {
            continue;
        }
        let (template, kind) = (shown_name(name.get_ref()), kind.name());
        let message =
            format!("template `{template}` says `channel.{said}`, which kind `{kind}` does not have");
        let help = suggest::help(&said, known);
        reading.findings.error(At::Place(name.span()), message).maybe_help(help);
    }
}

fn template(
    reading: &mut Reading<'_>,
    name: &str,
    table: Table<'_>,
    trial: &Trial,
    templates: &mut Templates,
) -> Option<()> {
    let place = table.span();
    let schema = tables::schema_of::<tables::Template>();
    let read = reading.table(&joined("templates", name), &schema, table, |value| {
        tables::Template::deserialize(ValueDeserializer::from(value))
    });
    let tables::Template { title, title_file, body, body_file, payload, payload_file, content_type } =
        read.value?;
    let content_type = header(reading, content_type, payload.is_some() || payload_file.is_some());
    let texts = [
        (Part::Title, title, title_file),
        (Part::Body, body, body_file),
        (Part::Payload, payload, payload_file),
    ];
    if texts.iter().all(|(_, text, file)| text.is_none() && file.is_none()) {
        let message = format!("template `{}` has no title, no body and no payload", shown_name(name));
        reading.findings.error(At::Place(place), message);
    }
    for (part, text, file) in texts {
        let Some(text) = text_of(reading, part, text, file) else { continue };
        let form = if part == Part::Payload { Form::of(&content_type) } else { Form::Plain };
        let wrongs = trial.mistakes(&text.words, form);
        if wrongs.is_empty() {
            // What was tried compiles.
            let _ = match part {
                Part::Payload => templates.add_payload(name, &content_type, &text.words),
                Part::Title | Part::Body => templates.add(name, part, &text.words),
            };
        }
        for wrong in wrongs {
            let at = text.at(reading, &wrong.part);
            let Wrong { message, help, .. } = wrong;
            let of = match text.from {
                From::Value(_) => String::new(),
                // The place of it names none.
                From::File(_) => format!(" of template `{}`", shown_name(name)),
            };
            reading.findings.error(at, format!("`{}`{of}: {message}", part.name())).maybe_help(help);
        }
    }
    Some(())
}

/// The content type of the payload, if there is one.
fn header(reading: &mut Reading<'_>, content_type: Option<Spanned<String>>, payload: bool) -> String {
    let Some(content_type) = content_type else { return "application/json".to_owned() };
    let place = At::Place(content_type.span());
    if !payload {
        reading.findings.error(place, "`content_type` without `payload`");
    } else if let Some(problem) = check_header("content_type", content_type.get_ref()) {
        reading
            .findings
            .error(place, format!("`content_type`: {}", problem.message))
            .maybe_help(problem.help);
    }
    content_type.into_inner()
}

/// A text and where it stands.
struct Text {
    words: String,
    from: From,
}

enum From {
    Value(Place),
    File(String),
}

impl Text {
    /// Where a part of it stands.
    fn at(&self, reading: &Reading<'_>, part: &Range<usize>) -> At {
        match &self.from {
            From::Value(place) => At::Place(inside(reading.map, place, part)),
            From::File(name) => {
                let before = &self.words[..part.start];
                let line = before.rsplit('\n').next().unwrap_or_default();
                At::Column(name.clone(), before.matches('\n').count() + 1, line.chars().count() + 1)
            }
        }
    }
}

/// The text of a key, or of the file that the key beside it names.
fn text_of(
    reading: &mut Reading<'_>,
    part: Part,
    text: Option<Spanned<String>>,
    file: Option<Spanned<std::path::PathBuf>>,
) -> Option<Text> {
    let (key, place) = (part.name(), file.as_ref().map(Spanned::span));
    let read = match (text, file) {
        (None, None) => return None,
        (Some(text), None) => {
            let place = text.span();
            Ok(Text { words: text.into_inner(), from: From::Value(place) })
        }
        (Some(_), Some(_)) => Err(format!("`{key}_file` beside `{key}`: which one is it?")),
        (None, Some(file)) => from_file(file.get_ref()),
    };
    let read = read.and_then(|text| match text.words.len() {
        ..=MAX_TEXT => Ok(text),
        _ => Err(format!("`{key}`: a template has at most {MAX_TEXT} bytes")),
    });
    read.map_err(|message| reading.findings.error(At::Place(place.unwrap_or_default()), message)).ok()
}

fn from_file(path: &Path) -> Result<Text, String> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(words) => Ok(Text { words, from: From::File(name) }),
        Err(error) => Err(format!("cannot read the template {name}: {error}")),
    }
}
