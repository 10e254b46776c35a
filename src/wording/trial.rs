//! Finds what is wrong with a template before a message depends on it: its text is rendered for messages
//! of every kind. What fails is told, taken out, and the rest is tried again.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{EventKind, MessageKind};
use minijinja::value::Object;
use minijinja::{Error, ErrorKind, Value};

use super::form::Form;
use super::language::Language;
use super::samples;
use super::template::{environment, said};
use super::variables::{self, VARIABLES};
use super::{Subject, Wrong};
use crate::config::suggest;
use crate::dispatch::render;

/// So many mistakes of a text are told at once.
const MOST: usize = 20;

/// What stands in for an expression that failed: it can be printed, asked and walked through.
const NOTHING: &str = "[]";

/// Messages of every kind: what they tell, as what, and their variables.
pub struct Trial(Vec<(EventKind, MessageKind, Value)>);

/// Has every name: which of them a channel's kind adds is looked at where a channel names the template.
#[derive(Debug)]
struct AnyName;

impl Object for AnyName {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from("example"))
    }
}

/// An error, and which of the messages have it, by their places in the trial; none = whatever the message.
struct Failure {
    part: Range<usize>,
    message: String,
    kind: ErrorKind,
    of: Vec<usize>,
}

impl Trial {
    /// Messages as they could come at `now`.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        let of_kind = |kind| samples::all_of(kind, now).into_iter().map(move |sample| (kind, sample));
        let variables = |sample: &samples::Sample| {
            let (facts, links) = (&sample.facts(), &sample.links);
            let subject = Subject { events: &sample.events, facts, links, installation: "log-monitor" };
            let words = render::words(&sample.events, facts, Language::default());
            variables::of(&subject, &words, Value::from_object(AnyName))
        };
        Self(
            EventKind::ALL
                .into_iter()
                .flat_map(of_kind)
                .map(|(kind, sample)| (kind, sample.kind, variables(&sample)))
                .collect(),
        )
    }

    /// All that is wrong with a text of this form.
    #[must_use]
    pub fn mistakes(&self, text: &str, form: Form) -> Vec<Wrong> {
        let mut left = text.to_owned();
        let mut found: Vec<Failure> = Vec::new();
        while found.len() < MOST {
            let mut new = self.failures(&left, form);
            new.retain(|new| !found.iter().any(|known| overlap(&known.part, &new.part)));
            let taken_out = new.iter().filter(|failure| take_out(&mut left, failure)).count();
            found.extend(new);
            if taken_out == 0 {
                break;
            }
        }
        found.sort_by_key(|failure| failure.part.start);
        found.into_iter().take(MOST).map(|failure| self.wrong(text, failure)).collect()
    }

    /// What fails when a text is rendered, each place once.
    fn failures(&self, text: &str, form: Form) -> Vec<Failure> {
        let mut environment = environment(form);
        if let Err(error) = environment.add_template_owned("text", text.to_owned()) {
            return vec![failure(text, &error, None)];
        }
        let Ok(template) = environment.get_template("text") else { return Vec::new() };
        let mut failures: Vec<Failure> = Vec::new();
        for (at, (.., variables)) in self.0.iter().enumerate() {
            let new = match template.render(variables.clone()) {
                Err(error) => failure(text, &error, Some(at)),
                Ok(shown) if shown.trim().is_empty() => {
                    of_all(text, "this comes out empty".to_owned(), ErrorKind::InvalidOperation, at)
                }
                Ok(shown) => match form.problem(&shown) {
                    Some(problem) => of_all(text, problem, ErrorKind::BadSerialization, at),
                    None => continue,
                },
            };
            match failures.iter_mut().find(|known| known.part == new.part && known.message == new.message) {
                Some(known) => known.of.push(at),
                None => failures.push(new),
            }
        }
        failures
    }

    fn wrong(&self, text: &str, failure: Failure) -> Wrong {
        let Failure { part, message, kind, of } = failure;
        let about = self.of_which(&of);
        let help = match kind {
            ErrorKind::UndefinedError => Some(nearest(&text[part.clone()])),
            ErrorKind::BadSerialization => {
                Some("a value brings its own quotes: `\"title\": {{ title }}`".to_owned())
            }
            _ => None,
        };
        Wrong { part, message: format!("{message}{about}"), help }
    }

    /// Which messages have a failure, where it is not all of them: those of some kinds, or about some.
    fn of_which(&self, of: &[usize]) -> String {
        let messages = distinct(of.iter().map(|at| self.0[*at].1));
        let events = distinct(of.iter().map(|at| self.0[*at].0));
        let such = self.0.iter().filter(|(_, kind, _)| messages.contains(kind)).count();
        match events.as_slice() {
            _ if of.is_empty() || of.len() == self.0.len() => String::new(),
            _ if of.len() == such => {
                format!(
                    ", in messages of kind {}",
                    suggest::list(messages.into_iter().map(MessageKind::name))
                )
            }
            events if events.len() == EventKind::ALL.len() => ", in some messages of every kind".to_owned(),
            [] => String::new(),
            [one] => format!(", in messages of {one}"),
            [one, others @ ..] => format!(", in messages of {one} and {} more kinds of event", others.len()),
        }
    }
}

/// Each once, in order.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    all.for_each(|one| {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    });
    distinct
}

fn nearest(wrong: &str) -> String {
    match suggest::nearest(wrong, VARIABLES.into_iter().map(|(name, _)| name)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`log-monitor templates variables` lists what there is".to_owned(),
    }
}

fn failure(text: &str, error: &Error, at: Option<usize>) -> Failure {
    let mut part = error.range().filter(|part| text.get(part.clone()).is_some()).unwrap_or(0..text.len());
    let mut message = said(error);
    if let Some(name) = undefined(error) {
        // The error is where the value was needed; the name stands somewhere in there.
        if let Some(at) = text[part.clone()].find(name) {
            part = part.start + at..part.start + at + name.len();
        }
        message = format!("`{}` is not defined", one_line(name, 60));
    }
    Failure { part, message, kind: error.kind(), of: at.into_iter().collect() }
}

/// The expression that is not defined.
fn undefined(error: &Error) -> Option<&str> {
    let detail = error.detail().filter(|_| error.kind() == ErrorKind::UndefinedError)?;
    detail.split('`').nth(1).filter(|name| !name.is_empty())
}

/// What is wrong with all that comes out.
fn of_all(text: &str, message: String, kind: ErrorKind, at: usize) -> Failure {
    Failure { part: 0..text.len(), message, kind, of: vec![at] }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end.max(other.start + 1) && other.start < one.end.max(one.start + 1)
}

/// Puts nothing in place of the `{{ … }}` that fails, or something harmless in place of an expression
/// elsewhere; whether there was a way. Every other byte stays where it is.
fn take_out(text: &mut String, failure: &Failure) -> bool {
    let part = failure.part.clone();
    let open = text[..part.start].rfind("{{").filter(|open| !text[*open..part.start].contains("}}"));
    let close = text[part.end..].find("}}").map(|close| part.end + close + 2);
    let (part, filler) = match (open.zip(close), failure.kind) {
        (Some((open, close)), _) => (open..close, ""),
        (None, ErrorKind::SyntaxError) => return false,
        (None, _) if part.len() < NOTHING.len() || part.len() == text.len() => return false,
        (None, _) => (part, NOTHING),
    };
    let filler = format!("{filler:<width$}", width = part.len());
    text.replace_range(part, &filler);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wording::template::{Part, Templates};

    fn mistakes(text: &str) -> Vec<(String, String)> {
        let trial = Trial::at(DateTime::from_timestamp(1_767_225_600, 0).unwrap());
        let shown = |wrong: Wrong| (text[wrong.part].to_owned(), wrong.message);
        trial.mistakes(text, Form::Plain).into_iter().map(shown).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(part, message)| ((*part).to_owned(), (*message).to_owned())).collect()
    }

    #[test]
    fn every_mistake_is_found_in_one_run() {
        let text = "{{ titel }} {{ event.who|uper }}\n{% if event.nod == 1 %}x{% endif %}\n\
                    {% for e in events %}{{ e.lable }}{% endfor %}{{ event.labels.site }}";
        assert_eq!(
            mistakes(text),
            pairs(&[
                ("titel", "`titel` is not defined"),
                ("uper", "filter uper is unknown"),
                ("event.nod", "`event.nod` is not defined"),
                ("e.lable", "`e.lable` is not defined"),
                ("event.labels.site", "`event.labels.site` is not defined"),
            ])
        );
    }

    #[test]
    fn a_text_that_fails_for_some_messages_only_says_for_which() {
        let of_some = "strings can only be multiplied with integers, in messages of source_down and 11 more kinds of event";
        assert_eq!(
            mistakes("{{ 'x' * event.threshold_seconds }}"),
            pairs(&[("'x' * event.threshold_seconds", of_some)])
        );
        let text = "{% if event.kind != 'clock_skewed' %}x{% endif %}";
        assert_eq!(mistakes(text), pairs(&[(text, "this comes out empty, in messages of clock_skewed")]));
        let text = "{% if kind in ['firing', 'resolved'] %}x{% endif %}";
        let of_kinds = "this comes out empty, in messages of kind `reminder` and `notice`";
        assert_eq!(mistakes(text), pairs(&[(text, of_kinds)]));
        let text = "{% if severity == 'high' %}x{% endif %}";
        assert_eq!(mistakes(text), pairs(&[(text, "this comes out empty, in some messages of every kind")]));
    }

    #[test]
    fn what_is_said_of_some_messages_only_is_tried_too() {
        let text = "{{ title }}{% for l in links %}{{ l.adress }}{% endfor %}\
                    {% if severity == 'critical' and links %}{{ titel }}{% endif %}\
                    {% if severity == 'low' and kind == 'reminder' %}{{ kid }}{% endif %}\
                    {% if more > 0 and event.severity == 'info' %}{{ mor }}{% endif %}";
        let wrong = ["l.adress", "titel", "kid", "mor"];
        assert_eq!(
            mistakes(text).into_iter().map(|(part, _)| part).collect::<Vec<_>>(),
            wrong.map(str::to_owned)
        );
        let nowhere = mistakes("{{ links[0].url }}").remove(0);
        assert_eq!(nowhere.1, "`links[0]` is not defined, in some messages of every kind");
    }

    #[test]
    fn a_text_that_is_no_template_or_works_too_hard_is_refused() {
        let first = |text: &str| mistakes(text).remove(0);
        assert_eq!(first("{{ event.who").1, "unexpected end of input, expected end of variable block");
        assert_eq!(first("{{ ) }} {{ titel }}").0, ")");
        assert_eq!(mistakes("{{ ) }} {{ titel }}").len(), 2, "what is no expression hides no other");
        assert!(first("{% include 'secrets' %}").1.contains("include"));
        assert!(first("{{ 'x' * 100000000 }}").1.contains("fuel"));
        assert_eq!(first("").1, "this comes out empty");
    }

    /// Texts of pieces that mean something together, and of pieces that do not.
    fn text() -> impl Strategy<Value = String> {
        let pieces = "{{ ~ }}~{% ~ %}~{# ~ #}~if ~for e in events~endfor~endif~event.who~titel~e.lable~kind~ | ~time~upper~\
                      'x' * 9~[~]~(~)~é\n~{~}~event.labels.site";
        let pieces: Vec<&str> = pieces.split('~').collect();
        proptest::collection::vec(proptest::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn whatever_is_written_is_told_at_a_place_in_it_or_can_be_said(text in text()) {
            let trial = Trial::at(DateTime::from_timestamp(1_767_225_600, 0).unwrap());
            let wrongs = trial.mistakes(&text, Form::Plain);
            prop_assert!(wrongs.len() <= MOST);
            for wrong in &wrongs {
                prop_assert!(text.get(wrong.part.clone()).is_some(), "{wrong:?}");
            }
            if wrongs.is_empty() {
                let mut templates = Templates::default();
                prop_assert!(templates.add("mine", Part::Body, &text).is_ok());
                for (.., variables) in &trial.0 {
                    prop_assert!(templates.render("mine", Part::Body, variables).is_ok());
                }
            }
        }
    }
}
