//! What a message about several agents says of each one, and what to check of all. Pure.

use std::fmt::Write as _;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, EventKind};

use crate::clock::written;
use crate::config::vocabulary::{LATE, TOO_FEW};
use crate::wording::language::{Many, Phrase, Sentences};

/// Begins the question in the sentences of an event.
const CHECK: &str = "Check first: ";

/// So many different questions are asked.
const QUESTIONS: usize = 5;

/// So many agents are named with a question.
const NAMED: usize = 5;

/// The longest of what is said of one agent beyond its cause, in bytes.
const LONGEST: usize = 240;

/// What follows an agent in a list: the word for its cause, and what is said beyond what to check; or how
/// long it was silent, if it was.
#[must_use]
pub fn of_one(event: &Event, say: &Sentences) -> String {
    if !is_silence(event) {
        return end(event, say).map_or_else(String::new, |end| format!(": {end}"));
    }
    let word = cause(event, say);
    let beyond = parts(&event.detail).map_or("", |(_, beyond)| beyond.trim());
    match (word.is_empty(), beyond.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(": {word}"),
        (true, false) => format!(". {}", say.detail(&one_line(beyond, LONGEST))),
        (false, false) => format!(": {word}. {}", say.detail(&one_line(beyond, LONGEST))),
    }
}

/// After how long an agent is back, and how much of that time arrived late; or what it does again that logged all
/// the same.
fn end(event: &Event, say: &Sentences) -> Option<String> {
    match event.cause.as_str() {
        TOO_FEW => return Some(say.body.enough_again.with([])),
        LATE => return Some(say.body.in_time_again.with([])),
        _ => {}
    }
    let long = say.span((event.back? - event.since?).to_std().ok()?);
    Some(match percent(event).as_deref() {
        None => say.body.after.with([("long", &long)]),
        Some("0") => say.body.after_none_late.with([("long", &long)]),
        Some(percent) => say.body.after_late.with([("long", &long), ("percent", percent)]),
    })
}

/// How much of what it tells arrived late.
fn percent(event: &Event) -> Option<String> {
    event.arrived_late.map(|late| (late * 100.0).round().to_string())
}

/// The cause and what to check, or how much arrived late, where the sentences of an event are in another
/// language.
#[must_use]
pub fn in_words(event: &Event, say: &Sentences) -> String {
    let cause = is_silence(event).then(|| cause(event, say)).filter(|cause| !cause.is_empty());
    let cause = cause.map(|word| say.body.cause.with([("cause", &word)]));
    let question = parts(&event.detail).map(|(question, _)| say.question(question));
    let check = question.map(|question| say.body.check.with([("question", question)]));
    let late = percent(event).map(|percent| say.body.late.with([("percent", &percent)]));
    cause.into_iter().chain(check).chain(late).collect::<Vec<_>>().join("\n")
}

/// What to check, once for each question: with its cause where there are several, and of whom where these have one
/// cause.
pub fn check(body: &mut String, events: &[Event], say: &Sentences) {
    let mut asked: Vec<(String, &str, Vec<&Event>)> = Vec::new();
    for event in events.iter().filter(|event| is_silence(event)) {
        let Some((question, _)) = parts(&event.detail) else { continue };
        match asked.iter_mut().find(|(_, known, _)| *known == question) {
            Some((.., of)) => of.push(event),
            None => asked.push((word(event, say), question, vec![event])),
        }
    }
    for (at, (word, question, of)) in asked.iter().take(QUESTIONS).enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        let question = say.question(question);
        let shared = asked.iter().filter(|(other, ..)| other == word).count() > 1;
        let cause = match (shared, word.is_empty()) {
            (true, true) => ids(of, say),
            (true, false) => format!("{word}: {}", ids(of, say)),
            (false, _) => word.clone(),
        };
        let line = match asked.len() == 1 || cause.is_empty() {
            true => say.body.check.with([("question", question)]),
            false => say.body.check_of.with([("cause", &cause), ("question", question)]),
        };
        let _ = writeln!(body, "{gap}{line}");
    }
}

/// The ids of the first of these agents, and how many more there are.
fn ids(events: &[&Event], say: &Sentences) -> String {
    let id = |event: &&Event| event.entity.as_ref().map(|entity| one_line(&entity.id, 40));
    let mut ids: Vec<String> = events.iter().filter_map(id).take(NAMED).collect();
    let more = events.len().saturating_sub(NAMED);
    ids.extend((more > 0).then(|| say.body.more.with([("count", &more.to_string())])));
    ids.join(", ")
}

/// How a message about silent agents, some of which only log too little or late, begins.
#[must_use]
pub fn title(events: &[Event], scope: &str, still: bool, say: &Many) -> String {
    let of = |cause: &str| events.iter().filter(|event| event.cause == cause).count();
    let (few, late) = (of(TOO_FEW), of(LATE));
    let agents = |count: usize| match count {
        1 => say.agent.with([]),
        count => say.agents.with([("count", &count.to_string())]),
    };
    let (phrase, count, rest) = match (events.len() - few - late, still) {
        (0, false) if few == 0 => (&say.late, late, [0, 0]),
        (0, true) if few == 0 => (&say.still_late, late, [0, 0]),
        (0, false) => (&say.too_few, few, [0, late]),
        (0, true) => (&say.still_too_few, few, [0, late]),
        (silent, false) => (&say.silent, silent, [few, late]),
        (silent, true) => (&say.still_silent, silent, [few, late]),
    };
    let rest = [&say.and_too_few, &say.and_late].into_iter().zip(rest).filter(|(_, count)| *count > 0);
    let rest: String = rest.map(|(and, count)| and.with([("count", &count.to_string())])).collect();
    phrase.with([("agents", &agents(count)), ("scope", scope)]) + &rest
}

/// How a message about several agents begins that are back, or log as they should again.
#[must_use]
pub fn of_ends<'s>(events: &[Event], say: &'s Many) -> &'s Phrase {
    let all = |cause: &str| events.iter().all(|event| event.cause == cause);
    match events.iter().any(|event| [TOO_FEW, LATE].contains(&event.cause.as_str())) {
        false => &say.recovered,
        true if all(TOO_FEW) => &say.enough_again,
        true if all(LATE) => &say.in_time_again,
        true => &say.recovered_each,
    }
}

/// Whether it tells that an agent is silent.
#[must_use]
pub const fn is_silence(event: &Event) -> bool {
    matches!(event.kind, EventKind::AgentSilent | EventKind::AgentStillSilent)
}

/// The word for the cause, and what is known of it: `disconnected (stopped 15:42)`.
fn cause(event: &Event, say: &Sentences) -> String {
    let word = word(event, say);
    // What others have written stands behind the question.
    let known = event.detail.split(CHECK).next().unwrap_or_default();
    let last = event.since.map(written).unwrap_or_default();
    match say.brief(known, |time| short(time, &last)) {
        Some(brief) if !word.is_empty() => format!("{word} ({brief})"),
        _ => word,
    }
}

/// A time as it is written, to the minute; without the day of the one `before` it in the line, if there is one.
fn short(time: &str, before: &str) -> String {
    let (to_minute, day) = (time.get(..16).unwrap_or(time), before.get(..11).unwrap_or(before));
    to_minute.strip_prefix(day).unwrap_or(to_minute).to_owned()
}

fn word(event: &Event, say: &Sentences) -> String {
    one_line(&say.cause(&event.cause), 40)
}

/// The question of a detail, and what comes after it.
fn parts(detail: &str) -> Option<(&str, &str)> {
    let question = &detail[detail.find(CHECK)? + CHECK.len()..];
    let end = question.find('?')? + 1;
    Some(question.split_at(end))
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::MessageKind;

    use super::*;
    use crate::dispatch::fixtures::{agent_silent, start};
    use crate::dispatch::render::{Facts, message, words};
    use crate::monitor::cause::{Cause, Received};
    use crate::monitor::words::way::INDEXED;
    use crate::wording::language::Language;

    fn event(id: &str, cause: &str, detail: &str) -> Event {
        Event { cause: cause.to_owned(), detail: detail.to_owned(), ..agent_silent(id, "web") }
    }

    #[test]
    fn several_agents_keep_their_causes_and_each_question_is_asked_once() {
        let gone = "No logs for 16 min. It is disconnected. Check first: is the machine up?";
        let stops = "Its Wazuh agent said that it stops. ";
        let suspicious = format!("{gone} Suspicious, since just before it: rule 63103\nand <more>? {stops}");
        let few = "It has only 2 logs. Check first: which of its logs have stopped?";
        let events = [
            event("001", "disconnected", gone),
            event("002", "disconnected", &suspicious),
            event("003", "volume_too_low", few),
            event("004", "", "It stopped."),
        ];
        let (title, body) = message(&events, &Facts::of(MessageKind::Firing));
        assert_eq!(title, "Silent: 3 agents of default, and 1 with too few logs");
        let last = "last log 2026-01-01 00:00:00 UTC";
        let lines = [
            format!("- 001 web, {last}: disconnected"),
            format!(
                "- 002 web, {last}: disconnected. Suspicious, since just before it: rule 63103 and <more>? Its Wazuh \
                 agent said that it stops."
            ),
            format!("- 003 web, {last}: volume too low"),
            format!("- 004 web, {last}"),
            String::new(),
            "Check first (disconnected): is the machine up?".to_owned(),
            "Check first (volume too low): which of its logs have stopped?".to_owned(),
        ];
        assert_eq!(body.lines().collect::<Vec<_>>(), lines);
        let (title, body) = message(&events[..2], &Facts::of(MessageKind::Firing));
        assert_eq!(title, "Silent: 2 agents of default");
        assert!(body.ends_with("\n\nCheck first: is the machine up?"), "{body}");
    }

    #[test]
    fn each_of_several_says_in_short_what_is_known_in_each_language() {
        let (at, start) = (agent_silent("001", "web").at.timestamp_millis(), start().timestamp_millis());
        let kept = start - 20_000;
        let causes = [
            Cause::Stopped(Some(start + 120_000)),
            Cause::Stopped(None),
            Cause::Lost(Some(kept)),
            Cause::Lost(None),
            Cause::Disconnected(Some(kept)),
            Cause::ConnectedButSilent(Some(at), Received::Unknown),
            Cause::ConnectedButSilent(Some(at), Received::Nothing(300_000)),
            Cause::ConnectedButSilent(Some(at), Received::NoLogs(7, 300_000)),
            Cause::ConnectedButSilent(Some(at), Received::Events(90, 300_000)),
            Cause::Late(7_200_000),
            Cause::TooFew { events: 3, least: 10, within: 86_400_000 },
        ];
        let of_cause = |cause: &Cause| {
            let detail = format!("No logs for 16 min. {}", cause.sentence(&INDEXED, at).unwrap());
            event("001", cause.name().unwrap(), &detail)
        };
        let events: Vec<Event> = causes.iter().map(of_cause).collect();
        let said = |language| {
            let body = words(&events, &Facts::of(MessageKind::Firing), language).body;
            let line =
                |line: &str| line.strip_prefix("- ")?.rsplit_once(": ").map(|(_, said)| said.to_owned());
            body.lines().filter_map(line).collect::<Vec<_>>()
        };
        let expected = [
            "disconnected (stopped 00:02)",
            "disconnected (stopped)",
            "disconnected (vanished, last keepalive 2025-12-31 23:59)",
            "disconnected (vanished)",
            "disconnected (last keepalive 2025-12-31 23:59)",
            "connected but silent",
            "connected but silent (its manager receives nothing but keepalives)",
            "connected but silent (its manager receives events, none of them from logs)",
            "connected but silent (its manager received 90 events, none of them arrived)",
            "late (by 2 h)",
            "volume too low (3 logs in 1 d, at least 10 expected)",
        ];
        assert_eq!(said(Language::En), expected);
        let never = Event { since: None, ..events[0].clone() };
        let (_, body) = message(&[never.clone(), never], &Facts::of(MessageKind::Firing));
        let dated = "- 001 web, never seen: disconnected (stopped 2026-01-01 00:02)";
        assert_eq!(body.lines().next(), Some(dated), "no other time of that line says the day");
        let italian = said(Language::It);
        assert_eq!(italian[0], "disconnesso (fermato 00:02)");
        assert_eq!(italian[10], "volume troppo basso (3 log in 1 g, attesi almeno 10)");
    }

    #[test]
    fn groups_that_logged_too_little_are_not_said_to_log_again() {
        let end = |cause| Event { kind: EventKind::PipelineRecovered, ..event("site=MIL", cause, "") };
        let title = |events: &[Event]| message(events, &Facts::of(MessageKind::Resolved)).0;
        let enough = "Pipeline recovered: site=MIL web logs as much as it should again";
        assert_eq!(title(&[end(TOO_FEW)]), enough);
        assert_eq!(title(&[end(TOO_FEW), end("documents")]), "Pipeline recovered: 2 groups of agents");
        assert_eq!(title(&[end(""), end("")]), "Pipeline recovered: 2 groups of agents log again");
    }

    #[test]
    fn of_one_cause_with_two_questions_each_says_of_whom_it_is() {
        let of = |id: &str, question: &str| event(id, "disconnected", &format!("Check first: {question}?"));
        let mut events: Vec<Event> = (10..17).map(|id| of(&format!("0{id}"), "is it up")).collect();
        events.push(of("001", "was it meant to"));
        events.push(event("002", "late", "Check first: is it slow?"));
        let (_, body) = message(&events, &Facts::of(MessageKind::Firing));
        let asked: Vec<&str> = body.lines().skip_while(|line| !line.starts_with("Check")).collect();
        let many = "Check first (disconnected: 010, 011, 012, 013, 014, +2 more): is it up?";
        let one = "Check first (disconnected: 001): was it meant to?";
        assert_eq!(asked, [many, one, "Check first (late): is it slow?"]);
    }

    #[test]
    fn several_that_are_back_say_after_how_long_and_what_arrived_late_in_each_language() {
        let end = |id: &str, arrived_late| {
            let back = event(id, "documents", "It logs again.");
            let after = back.since.map(|since| since + chrono::TimeDelta::minutes(40));
            Event { kind: EventKind::AgentRecovered, back: after, arrived_late, ..back }
        };
        let ends = [end("001", Some(0.25)), end("002", Some(0.0)), end("003", None)];
        let (_, body) = message(&ends, &Facts::of(MessageKind::Resolved));
        let last = "last log 2026-01-01 00:00:00 UTC";
        let lines = [
            format!("- 001 web, {last}: back after 40 min, 25 % of it late"),
            format!("- 002 web, {last}: back after 40 min, none of it late"),
            format!("- 003 web, {last}: back after 40 min"),
        ];
        assert_eq!(body.lines().collect::<Vec<_>>(), lines);
        let alone = words(&ends[..1], &Facts::of(MessageKind::Resolved), Language::It).body;
        assert!(alone.starts_with("Arrivato in ritardo: 25 % di quel tempo\n\nAgente: 001 web\n"), "{alone}");
    }

    #[test]
    fn agents_that_log_too_little_are_not_called_silent() {
        let few: Vec<Event> = (1..=3).map(|n| event(&format!("00{n}"), TOO_FEW, "")).collect();
        let title = |kind| {
            let of_kind = |event: &Event| Event { kind, ..event.clone() };
            message(&few.iter().map(of_kind).collect::<Vec<_>>(), &Facts::of(MessageKind::Firing)).0
        };
        assert_eq!(title(EventKind::AgentSilent), "Too few logs: 3 agents of default");
        assert_eq!(title(EventKind::AgentStillSilent), "Still too few logs: 3 agents of default");
    }

    #[test]
    fn agents_whose_logs_come_late_are_not_called_silent() {
        let of = |causes: &[&str], kind, language| {
            let of_cause = |cause: &&str| Event { kind, ..event("001", cause, "") };
            let events: Vec<Event> = causes.iter().map(of_cause).collect();
            words(&events, &Facts::of(MessageKind::Firing), language).title
        };
        let (new, still) = (EventKind::AgentSilent, EventKind::AgentStillSilent);
        assert_eq!(of(&[LATE, LATE], new, Language::En), "Logs arrive late: 2 agents of default");
        assert_eq!(of(&[LATE, LATE], still, Language::It), "Log ancora in ritardo: 2 agenti di default");
        let mixed = of(&[LATE, "", TOO_FEW, LATE], new, Language::En);
        assert_eq!(
            mixed,
            "Silent: 1 agent of default, and 1 with too few logs, and 2 whose logs arrive late"
        );
        let mixed = of(&[LATE, TOO_FEW], still, Language::It);
        assert_eq!(mixed, "Ancora troppo pochi log: 1 agente di default, e 1 con log in ritardo");
    }

    #[test]
    fn the_ends_of_what_was_no_silence_say_what_is_so_again_in_each_language() {
        let of = |causes: &[&str], language| {
            let end = |cause: &&str| {
                let end = event("001", cause, "");
                Event { kind: EventKind::AgentRecovered, back: Some(end.at), ..end }
            };
            let events: Vec<Event> = causes.iter().map(end).collect();
            let words = words(&events, &Facts::of(MessageKind::Resolved), language);
            [
                words.title,
                words
                    .body
                    .lines()
                    .map(|line| line.rsplit(": ").next().unwrap())
                    .collect::<Vec<_>>()
                    .join("; "),
            ]
        };
        let (few, late) = (&[TOO_FEW, TOO_FEW], &[LATE, LATE]);
        let enough = "logs as much as it should again";
        let title = "Recovered: 2 agents of default log as much as they should again".to_owned();
        assert_eq!(of(few, Language::En), [title, format!("{enough}; {enough}")]);
        let (title, in_time) =
            ("Recovered: logs of 2 agents of default arrive in time again", "its logs arrive in time again");
        assert_eq!(of(late, Language::En), [title.to_owned(), format!("{in_time}; {in_time}")]);
        let mixed = [&few[..1], &late[..1], &["documents"]].concat();
        let each = format!("{enough}; {in_time}; back after 16 min");
        assert_eq!(of(&mixed, Language::En), ["Recovered: 3 agents of default".to_owned(), each]);
        let title = "Risolto: 2 agenti di default inviano di nuovo abbastanza log";
        assert_eq!(of(few, Language::It)[0], title);
        assert!(
            of(&mixed, Language::It)[1].contains("i suoi log arrivano di nuovo in tempo; di nuovo log dopo")
        );
    }

    #[test]
    fn a_hundred_questions_are_not_asked() {
        let detail = |n: usize| format!("Check first: is it {n}?");
        let events: Vec<Event> = (0..100).map(|n| event("001", "late", &detail(n))).collect();
        let (_, body) = message(&events, &Facts::of(MessageKind::Firing));
        assert_eq!(body.matches("Check first").count(), QUESTIONS);
    }
}
