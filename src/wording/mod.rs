//! What a configuration says about the words of its messages: links, and by channel templates and
//! languages.

mod address;
pub mod form;
pub mod language;
pub mod links;
pub mod samples;
pub mod template;
pub mod trial;
pub mod variables;

use std::collections::BTreeMap;
use std::ops::Range;

use log_monitor_channels::{Event, Link, Written};
use minijinja::Value;
use minijinja::value::Serde;

use crate::dispatch::render::{self, Facts, Words};
use language::Language;
use links::Pattern;
use template::{Part, Templates};

/// How messages are put into words.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    /// Where people see more, in the order of the configuration.
    pub links: Vec<Pattern>,
    /// Words of one's own.
    pub templates: Templates,
    /// What channels want, by name; those that want nothing in particular are left out.
    pub voices: BTreeMap<String, Voice>,
}

/// How a channel wants its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voice {
    /// By a template of this name.
    pub template: Option<String>,
    /// In this language, as far as the words are built in.
    pub language: Language,
    /// What its kind adds for templates.
    pub own: BTreeMap<&'static str, String>,
}

/// What a message is to tell.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The events. Never empty.
    pub events: &'a [Event],
    /// What is to be said beside them.
    pub facts: &'a Facts<'a>,
    /// Where people see more.
    pub links: &'a [Link],
    /// The name of this installation.
    pub installation: &'a str,
}

/// What is wrong with a text of the configuration, and with which bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The bytes.
    pub part: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Wording {
    /// The links of a message about these events.
    #[must_use]
    pub fn links(&self, events: &[Event], installation: &str) -> Vec<Link> {
        self.links.iter().filter_map(|pattern| pattern.fill(events, installation)).collect()
    }

    /// The words of a message for a channel.
    #[must_use]
    pub fn message(&self, channel: Option<&str>, subject: &Subject<'_>) -> Words {
        let voice = channel.and_then(|channel| self.voices.get(channel));
        self.in_voice(voice.unwrap_or(&Voice::default()), subject)
    }

    /// The words of a message. A template that fails loses none: the built-in words go out, and the log says why.
    #[must_use]
    pub fn in_voice(&self, voice: &Voice, subject: &Subject<'_>) -> Words {
        self.in_its_words(voice, subject).unwrap_or_else(|problem| {
            let words = render::words(subject.events, subject.facts, voice.language);
            let (kind, title) = (subject.facts.kind.name(), &words.title);
            tracing::error!("{problem}; the built-in words are sent instead of this {kind}: {title}");
            words
        })
    }

    /// The words of a message, none other than the voice's.
    ///
    /// # Errors
    /// Which text of its template fails, and why.
    pub fn in_its_words(&self, voice: &Voice, subject: &Subject<'_>) -> Result<Words, String> {
        let words = render::words(subject.events, subject.facts, voice.language);
        let Some(name) = &voice.template else { return Ok(words) };
        let variables = variables::of(subject, &words, Value::from(Serde(&voice.own)));
        let render = |part| {
            let own = self.templates.render(name, part, &variables);
            own.map_err(|problem| format!("template {name}: {problem}"))
        };
        let title = render(Part::Title)?.unwrap_or(words.title);
        let body = render(Part::Body)?.unwrap_or(words.body);
        Ok(Words { title, body, below: words.below })
    }

    /// What is sent to a channel in place of all that its kind would send, where its template says so; `title` and
    /// `body` are those of the message. One that fails loses no message: what the kind makes goes out, and the
    /// log says why.
    #[must_use]
    pub fn payload(
        &self,
        channel: Option<&str>,
        subject: &Subject<'_>,
        title: &str,
        body: &str,
    ) -> Option<Written> {
        let written = self.payload_in(self.voices.get(channel?)?, subject, title, body);
        written.unwrap_or_else(|problem| {
            let kind = subject.facts.kind.name();
            tracing::error!(
                "{problem}; what its kind of channel makes of this {kind} is sent instead: {title}"
            );
            None
        })
    }

    /// The same for a voice.
    ///
    /// # Errors
    /// Why its template fails.
    pub fn payload_in(
        &self,
        voice: &Voice,
        subject: &Subject<'_>,
        title: &str,
        body: &str,
    ) -> Result<Option<Written>, String> {
        let Some(name) = voice.template.as_ref().filter(|name| self.templates.has(name, Part::Payload))
        else {
            return Ok(None);
        };
        let words = Words { title: title.to_owned(), body: body.to_owned(), below: String::new() };
        let variables = variables::of(subject, &words, Value::from(Serde(&voice.own)));
        let written = self.templates.payload(name, &variables);
        written.map_err(|problem| format!("template {name}: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::MessageKind;

    use super::*;
    use crate::dispatch::fixtures::agent_silent;

    fn wording(body: &str) -> Wording {
        let mut templates = Templates::default();
        templates.add("mine", Part::Title, "{{ event.who }}!").unwrap();
        templates.add("mine", Part::Body, body).unwrap();
        let voice = Voice { template: Some("mine".to_owned()), language: Language::It, ..Voice::default() };
        Wording { links: Vec::new(), templates, voices: BTreeMap::from([("phone".to_owned(), voice)]) }
    }

    fn said(body: &str, channel: &str) -> (String, String) {
        let facts = &Facts { fallback_reason: Some("soc failed"), ..Facts::of(MessageKind::Firing) };
        let events = &[agent_silent("001", "web-01")];
        let subject = Subject { events, facts, links: &[], installation: "soc" };
        let words = wording(body).message(Some(channel), &subject).joined();
        (words.title, words.body)
    }

    #[test]
    fn a_channel_speaks_by_its_template_and_still_says_why_this_way() {
        let (title, body) = said("{{ event.cause }}\n", "phone");
        assert_eq!(
            (title.as_str(), body.as_str()),
            ("001 web-01!", "no_documents\n\nInviato per questa via perché soc failed.")
        );
        assert_eq!(said("x", "email").0, "Silent: 001 web-01, no logs for 16 min");
    }

    #[test]
    fn a_template_that_fails_loses_no_message() {
        let built_in = "Silenzioso: 001 web-01, nessun log da 16 min";
        for fails in ["{{ event.labels.site }}", "{{ event.labels.site | default('') }}"] {
            let (title, body) = said(fails, "phone");
            assert_eq!(title, built_in);
            assert!(body.contains("Agente: 001 web-01"), "{body}");
        }
    }
}
