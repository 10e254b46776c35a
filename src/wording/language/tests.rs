//! What each language says, and that Italian is Italian.

use std::collections::{BTreeMap, BTreeSet};

use log_monitor_channels::Severity;

use super::*;
use crate::config::calendar::{Calendar, Window};
use crate::config::{Quiet, Route};
use crate::dispatch::compose::failed_before;
use crate::dispatch::fixtures::{agent_silent, route, start};
use crate::dispatch::render::{self, Facts, Lost};
use crate::dispatch::suppress::Suppression;
use crate::journal::channels::Known;
use crate::journal::deliveries::{Delivery, State};
use crate::monitor::cause::{Cause, Received, Whole};
use crate::monitor::words::way::{
    ARCHIVED, ELSEWHERE, FOUND_BY_FIVE, IN_ARCHIVE, IN_FILE, INDEXED, INDEXED_BY_FIVE,
};
use crate::wording::samples;

/// Every key with its placeholders.
fn keys(table: &toml::Table, at: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys = BTreeMap::new();
    for (key, value) in table {
        let key = format!("{at}.{key}");
        match value {
            toml::Value::Table(below) => keys.extend(self::keys(below, &key)),
            value => {
                let text = value.as_str().unwrap_or_default();
                let names = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
                keys.insert(key, names.collect());
            }
        }
    }
    keys
}

#[test]
fn every_language_has_every_sentence_with_the_same_placeholders() {
    let of = |language: Language| keys(&toml::from_str(language.file()).unwrap(), "");
    for language in Language::ALL {
        assert_eq!(of(language), of(Language::En), "{language:?}");
        assert!(!language.sentences().title.silent.with([]).is_empty());
    }
}

#[test]
fn nothing_is_left_to_fill_in_and_no_title_stays_english() {
    for kind in log_monitor_channels::EventKind::ALL {
        for sample in samples::all_of(kind, start()) {
            let words = render::words(&sample.events, &sample.facts(), Language::It);
            let said = format!("{}\n{}", words.title, words.body);
            assert!(!said.contains(['{', '}']), "{said}");
            let english = render::words(&sample.events, &sample.facts(), Language::En).title;
            let is_name = english.starts_with(kind.name());
            assert_eq!(words.title == english, is_name, "{english}");
        }
    }
}

/// The words of three letters and more of a text, in lower case; `node02` is a name.
fn words_of(text: &str) -> BTreeSet<String> {
    let is_word = |word: &&str| word.chars().count() > 2 && word.chars().all(char::is_alphabetic);
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(is_word);
    words.map(str::to_lowercase).collect()
}

/// What the sentences of a language say, without names of placeholders.
fn vocabulary(table: &toml::Table) -> BTreeSet<String> {
    let of_text = |text: &str| {
        let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
        words_of(&parts.collect::<Vec<_>>().join(" "))
    };
    let of_value = |value: &toml::Value| match value {
        toml::Value::Table(below) => vocabulary(below),
        value => of_text(value.as_str().unwrap_or_default()),
    };
    table.values().flat_map(of_value).collect()
}

/// The words of ours that only English has.
fn english() -> BTreeSet<String> {
    let of = |language: Language| vocabulary(&toml::from_str(language.file()).unwrap());
    &of(Language::En) - &of(Language::It)
}

/// What is in a message, but for what is marked as English.
fn own_words(text: &str) -> BTreeSet<String> {
    text.lines().flat_map(|line| words_of(line.split("(in inglese)").next().unwrap())).collect()
}

/// Why a message can come late or this way, as it is written down.
fn reasons() -> Vec<String> {
    let at = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let night = Window { days: [true; 7], from: at(0), to: at(7) };
    let hours = Calendar { windows: vec![night], ..Calendar::always_but(Vec::new()) };
    let quiet = Quiet { hours: hours.into(), below: Severity::High };
    let route = Route { quiet: Some(quiet), ..route("night", &[]) };
    let hold = Suppression::none(start().timestamp_millis()).of(&agent_silent("001", ""), &route);
    let delivery = |channel: &str, state, reason: Option<&str>| Delivery {
        id: 1,
        step: 0,
        channel: channel.to_owned(),
        state,
        reason: reason.map(str::to_owned),
    };
    let siblings = [
        delivery("soc", State::Failed, Some("HTTP 403; it is left alone since 2026-01-01 00:00:00 UTC")),
        delivery("x1", State::Failed, None),
        delivery("x2", State::Sending, None),
        delivery("x3", State::Pending, Some("over budget (20 per 10m), after: HTTP 500")),
        delivery("x4", State::Pending, None),
        delivery("x5", State::Pending, None),
    ];
    let held = Known { held_until: Some(start().timestamp_millis()), ..Known::default() };
    let known = [("x5".to_owned(), held)].into();
    let long = "it has gone on for 1 d 2 h since others were told; nobody has acknowledged it for 2 d";
    let acks =
        "the acknowledgement by alice has ended, and it goes on; it got worse after alice acknowledged it";
    vec![
        hold.unwrap().held.reason,
        failed_before(&siblings, 1, (&known, 0)).unwrap(),
        "silence 3 by alice until 2026-01-01 00:00:00 UTC: p 7: x".to_owned(),
        "over budget (20 per 10m)".to_owned(),
        "nobody else could be told; channel soc is no longer configured; it was over".to_owned(),
        long.to_owned(),
        acks.to_owned(),
    ]
}

#[test]
fn an_italian_message_has_no_english_word_of_ours_unless_it_says_so() {
    let english = english();
    assert!(english.contains("silent") && !english.contains("log"), "{english:?}");
    let lead =
        "Maintenance of all agents ended at 1 UTC. Its hours began at 2 UTC. As it was noticed at 3 UTC: ";
    for kind in log_monitor_channels::EventKind::ALL {
        for (mut sample, reason) in
            samples::all_of(kind, start()).into_iter().zip(reasons().into_iter().cycle())
        {
            sample.events[0].detail.insert_str(0, lead);
            let lost = Lost { count: 5, titles: vec!["Silenzioso: 001".to_owned()] };
            let facts = Facts {
                group: Some("site=MIL"),
                merging: Some(Duration::from_secs(60)),
                still_open: sample.events.clone(),
                over: sample.events.clone(),
                silent_again: vec![agent_silent("001", "web")],
                fallback_reason: Some(&reason),
                told_already: vec!["oncall".to_owned()],
                possible_duplicate: true,
                held_by: Some(&reason),
                lost: Some(lost),
                ..sample.facts()
            };
            let render::Words { title, body, .. } =
                render::words(&sample.events, &facts, Language::It).joined();
            let said = format!("{title}\n{body}");
            let ours: Vec<_> = own_words(&said).intersection(&english).cloned().collect();
            assert!(ours.is_empty(), "{kind}: {ours:?}\n{said}");
            let same = render::words(&sample.events, &facts, Language::En).joined().body;
            assert!(same.contains(&format!("because {reason}.")), "{same}");
            assert!(same.contains(lead) || sample.events.len() > 1, "{same}");
        }
    }
}

#[test]
fn every_word_for_why_something_does_not_work_is_translated() {
    for cause in [
        "network",
        "broken",
        "timeout",
        "rate_limited",
        "auth",
        "gone",
        "too_large",
        "rejected",
        "server",
        "unexpected_answer",
        "local",
        "rights",
        "doubted",
        "no_index",
        "mapping",
        "incomplete",
        "overloaded",
        "malformed",
    ] {
        assert_ne!(Language::It.sentences().cause(cause), Language::En.sentences().cause(cause));
    }
    let it = Language::It.sentences();
    assert_eq!(it.written("(5 of 10 agents)"), "(5 di 10 agenti)");
    assert_eq!(
        it.written("nobody has acknowledged it for 2 d 1 h"),
        "nessuno l'ha preso in carico da 2 g 1 h"
    );
    let patching = "silence 3 by al until T: disk failed: x";
    assert_eq!(it.written(patching), "silenzio 3 di al fino a T: disk failed: x", "it is what al wrote");
    assert_eq!(it.written("HTTP 403: nope"), "HTTP 403: nope");
}

/// What the monitor may ask is known word by word.
#[test]
fn every_question_about_a_cause_is_translated() {
    let received = [Received::Unknown, Received::Nothing(1), Received::NoLogs(1, 1), Received::Events(1, 1)];
    let whole = Whole { name: "001".into(), newest: 0 };
    let mut causes = vec![
        Cause::CannotTell,
        Cause::NotEnrolled,
        Cause::NeverConnected,
        Cause::Stopped(None),
        Cause::Lost(None),
        Cause::Disconnected(None),
        Cause::Late(1),
        Cause::TooFew { events: 1, least: 2, within: 1 },
        Cause::PartOnly(whole),
    ];
    causes.extend(received.map(|received| Cause::ConnectedButSilent(None, received)));
    let ways = [&INDEXED, &ARCHIVED, &FOUND_BY_FIVE, &INDEXED_BY_FIVE, &IN_FILE, &IN_ARCHIVE, &ELSEWHERE];
    for (cause, way) in causes.iter().flat_map(|cause| ways.map(|way| (cause, way))) {
        let said = cause.sentence(way, 0).unwrap();
        let question = said.split("Check first: ").nth(1).unwrap();
        for question in [question, &format!("{}?", way.never), &format!("{}?", way.first)] {
            assert_ne!(Language::It.sentences().question(question), question);
        }
        let name = cause.name().unwrap_or("no_documents");
        assert!(Language::It.sentences().cause.contains_key(name), "{name}");
    }
}

#[test]
fn what_is_short_for_a_sentence_is_filled_in_and_half_a_sentence_has_none() {
    let brief = |known: &str| Language::It.sentences().brief(known, str::to_lowercase);
    assert_eq!(
        brief("No logs. Its Wazuh agent said that it stops at NOON. ").as_deref(),
        Some("fermato noon")
    );
    assert_eq!(brief("Its Wazuh agent said that it"), None);
}

#[test]
fn what_is_filled_in_is_not_filled_in_again_and_units_have_words_too() {
    let it = Language::It.sentences();
    assert_eq!(
        it.title.silent.with([("who", "{long}"), ("long", "1 h")]),
        "Silenzioso: {long}, nessun log da 1 h"
    );
    assert_eq!(it.span(Duration::from_secs(2 * 86400 + 3600)), "2 g 1 h");
}
