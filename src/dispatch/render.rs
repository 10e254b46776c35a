//! Messages in words. Pure. The first line alone says who, what, since when and why; the body says what
//! is known, why this message came this way, and what to check.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity, Event, MessageKind};

use super::{causes, titles};
use crate::clock::written;
use crate::config::vocabulary::FLAPPING;
use crate::wording::language::{Language, Sentences};

/// What is to be said beside the events themselves.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The message's part.
    pub kind: MessageKind,
    /// Which reminder it is, from 1.
    pub reminder: u32,
    /// The group of its route that it is about.
    pub group: Option<&'a str>,
    /// Where many come at once: what follows is one message in this time.
    pub merging: Option<Duration>,
    /// Of a group, or of a firing of which a part has ended: what is still going on.
    pub still_open: Vec<Event>,
    /// Of a firing that was held back: the ends of what was over before.
    pub over: Vec<Event>,
    /// For a resolution that was held up: who has fallen silent again since.
    pub silent_again: Vec<Event>,
    /// Why the steps before this one were not enough.
    pub fallback_reason: Option<&'a str>,
    /// Channels of later steps that have it already.
    pub told_already: Vec<String>,
    /// An earlier try was cut off before its answer came.
    pub possible_duplicate: bool,
    /// Why it was held back.
    pub held_by: Option<&'a str>,
    /// When it is told, where that is later than its events: what it tells goes on since.
    pub told_at: Option<DateTime<Utc>>,
    /// Others that reached nobody.
    pub lost: Option<Lost>,
    /// How many agents are listed before "+N more".
    pub max_items: usize,
}

/// Messages that reached nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub count: usize,
    /// The titles of some of them.
    pub titles: Vec<String>,
}

impl Lost {
    fn said(&self, say: &Sentences) -> String {
        let mut titles = self.titles.clone();
        if self.count > titles.len() {
            titles.push(say.body.more.with([("count", &(self.count - titles.len()).to_string())]));
        }
        let phrase = if self.count == 1 { &say.below.lost } else { &say.below.several_lost };
        phrase.with([("count", &self.count.to_string()), ("titles", &titles.join("; "))])
    }
}

impl Facts<'_> {
    /// Nothing beside the events.
    #[must_use]
    pub const fn of(kind: MessageKind) -> Self {
        Self {
            kind,
            reminder: 0,
            group: None,
            merging: None,
            still_open: Vec::new(),
            over: Vec::new(),
            silent_again: Vec::new(),
            fallback_reason: None,
            told_already: Vec::new(),
            possible_duplicate: false,
            held_by: None,
            told_at: None,
            lost: None,
            max_items: 20,
        }
    }
}

/// What is told so much later than it was noticed says so.
const LATE_BY: TimeDelta = TimeDelta::minutes(1);

/// The words of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub title: String,
    /// What its events tell.
    pub body: String,
    /// What stands below that, whoever wrote it: why it came this way, and who is still silent.
    pub below: String,
}

impl Words {
    /// As they are sent: what stands below is the end of the body.
    #[must_use]
    pub fn joined(self) -> Self {
        let texts = [self.body.trim_end(), self.below.trim()].into_iter().filter(|text| !text.is_empty());
        Self { body: texts.collect::<Vec<_>>().join("\n\n"), ..self }
    }
}

/// Title and body, in English.
#[cfg(test)]
#[must_use]
pub fn message(events: &[Event], facts: &Facts<'_>) -> (String, String) {
    let words = words(events, facts, Language::default()).joined();
    (words.title, words.body)
}

/// The words for some events in a language.
#[must_use]
pub fn words(events: &[Event], facts: &Facts<'_>, language: Language) -> Words {
    let say = language.sentences();
    let mut body = String::new();
    let title = match events {
        [] => {
            body += &say.body.nothing.with([]);
            say.title.nothing.with([])
        }
        [event] => {
            one(&mut body, event, facts, say);
            titles::of_one(event, facts, say)
        }
        [first, ..] => {
            list(&mut body, events, facts.max_items, say);
            causes::check(&mut body, events, say);
            titles::of_several(events, first, facts, say)
        }
    };
    Words { title, body, below: below(facts, say) }
}

/// `001 web-01`: the id as a word of its own, then the label.
fn name(entity: &Entity) -> String {
    one_line(&format!("{} {}", entity.id, entity.label), 120)
}

/// The agent, what stalled agents share, or the watch, source or channel.
#[must_use]
pub fn who(event: &Event) -> String {
    event.entity.as_ref().map_or_else(|| one_line(&event.scope, 80), name)
}

/// The same in a language: what stalled agents share is counted in it.
#[must_use]
pub fn who_in(event: &Event, say: &Sentences) -> String {
    match event.entity.as_ref().filter(|_| !event.kind.is_about_agent()) {
        Some(Entity { id, label }) => one_line(&format!("{id} {}", say.written(label)), 120),
        None => who(event),
    }
}

/// How long what it tells had lasted at its end, else when it was noticed or may be told.
#[must_use]
pub fn lasted(event: &Event, facts: &Facts<'_>) -> Option<Duration> {
    let until = event.back.unwrap_or_else(|| told_at(facts).map_or(event.at, |told| told.max(event.at)));
    event.since.and_then(|since| (until - since).to_std().ok())
}

/// When what goes on is told later than it was noticed.
fn told_at(facts: &Facts<'_>) -> Option<DateTime<Utc>> {
    facts.told_at.filter(|_| facts.kind == MessageKind::Firing)
}

/// What is known of an event, and whether that says itself when it was noticed: a reminder's does, and so must what
/// is told so late that its title is of another time.
fn detail(event: &Event, facts: &Facts<'_>) -> (String, bool) {
    let late = told_at(facts).is_some_and(|told| told - event.at >= LATE_BY) && !event.detail.is_empty();
    let detail = if late { as_noticed(event) } else { event.detail.clone() };
    (detail, late || facts.kind == MessageKind::Reminder)
}

/// What was known of an event when it was noticed, told later. In English, as the journal keeps it.
#[must_use]
pub fn as_noticed(event: &Event) -> String {
    format!("As it was noticed at {}: {}", written(event.at), event.detail)
}

fn one(body: &mut String, event: &Event, facts: &Facts<'_>, say: &Sentences) {
    let mut line = |line: String| body.extend([line.as_str(), "\n"]);
    let (detail, says_when) = detail(event, facts);
    let (lead, rest) = say.lead(&detail);
    let beginning = match say.details_apart {
        true => [lead.trim_end(), &causes::in_words(event, say)].join("\n").trim().to_owned(),
        false => detail.clone(),
    };
    if !beginning.is_empty() {
        line(beginning + "\n");
    }
    let time = |time: Option<DateTime<Utc>>| time.map_or_else(|| say.body.never.with([]), written);
    if let Some(entity) = event.entity.as_ref().filter(|_| event.kind.is_about_agent()) {
        line(say.body.agent.with([("who", &name(entity))]));
        line(say.body.last_log.with([("time", &time(event.since))]));
    } else if event.since.is_some() {
        line(say.body.since.with([("time", &time(event.since))]));
    }
    if let Some(threshold) = event.threshold_seconds {
        line(say.body.allowed.with([("long", &say.span(Duration::from_secs(threshold)))]));
    }
    if !says_when {
        line(say.body.noticed.with([("time", &written(event.at))]));
    }
    for (key, value) in &event.labels {
        line(format!("{}: {}", one_line(key, 40), one_line(value, 120)));
    }
    if say.details_apart && !rest.is_empty() {
        line(format!("\n{}", say.body.detail.with([("detail", rest)])));
    }
}

fn list(body: &mut String, events: &[Event], max_items: usize, say: &Sentences) {
    for event in events.iter().take(max_items) {
        let who = who_in(event, say);
        let last = event.since.map_or_else(
            || say.body.listed_never.with([]),
            |since| say.body.listed_last.with([("time", &written(since))]),
        );
        match event.entity {
            Some(_) if event.kind.is_about_agent() && event.cause != FLAPPING => {
                let _ = writeln!(body, "- {who}, {last}{}", causes::of_one(event, say));
            }
            _ => {
                let _ = writeln!(body, "- {who}: {}", say.detail(&event.detail));
            }
        }
    }
    if let Some(more) = events.len().checked_sub(max_items).filter(|more| *more > 0) {
        let _ = writeln!(body, "{}", say.body.more.with([("count", &more.to_string())]));
    }
}

/// What stands below the events: why the message came this way, and last, where a text is cut, who is still silent.
fn below(facts: &Facts<'_>, say: &Sentences) -> String {
    let mut below = notes(facts, say);
    let silences = facts.still_open.iter().all(causes::is_silence);
    let open = if silences { &say.below.still_silent } else { &say.below.still_open };
    let lists = [
        (&facts.still_open, open),
        (&facts.over, &say.below.over),
        (&facts.silent_again, &say.below.silent_again),
    ];
    for (events, headline) in lists {
        if !events.is_empty() {
            let _ = writeln!(below, "\n{}", headline.with([("count", &events.len().to_string())]));
            list(&mut below, events, facts.max_items, say);
        }
    }
    below
}

/// Why a message came this way, each reason below an empty line.
fn notes(facts: &Facts<'_>, say: &Sentences) -> String {
    let told = facts.told_already.join(", ");
    let every = facts.merging.map(|interval| say.span(interval));
    let notes = [
        facts.group.map(|group| say.below.group.with([("group", group)])),
        every.map(|every| say.below.merging.with([("every", &every)])),
        facts.held_by.map(|reason| say.below.held_back.with([("reason", &say.written(reason))])),
        facts.fallback_reason.map(|reason| say.below.fallback.with([("reason", &say.written(reason))])),
        (!told.is_empty()).then(|| say.below.told_already.with([("channels", &told)])),
        facts.possible_duplicate.then(|| say.below.duplicate.with([])),
        facts.lost.as_ref().map(|lost| lost.said(say)),
    ];
    notes.into_iter().flatten().map(|note| format!("\n{note}\n")).collect()
}

#[cfg(test)]
mod tests {
    use log_monitor_channels::EventKind;

    use super::*;
    use crate::config::vocabulary::{LATE, MANY_AT_ONCE};
    use crate::dispatch::fixtures::agent_silent;

    fn facts(kind: MessageKind) -> Facts<'static> {
        Facts { max_items: 3, ..Facts::of(kind) }
    }

    #[test]
    fn logs_that_come_late_are_not_called_missing() {
        let late = Event { cause: LATE.to_owned(), ..agent_silent("001", "web-01") };
        let (title, _) = message(&[late], &facts(MessageKind::Firing));
        assert_eq!(title, "Logs arrive late: 001 web-01, the newest is 16 min old");
    }

    #[test]
    fn a_stall_of_a_part_does_not_say_that_nothing_comes() {
        let who = Entity { id: "node=node02".to_owned(), label: "(5 of 10 agents)".to_owned() };
        let part = Event {
            kind: EventKind::PipelineStalled,
            entity: Some(who),
            cause: MANY_AT_ONCE.to_owned(),
            ..agent_silent("", "")
        };
        let title =
            |cause: &str, kind| message(&[Event { cause: cause.to_owned(), ..part.clone() }], &facts(kind)).0;
        assert_eq!(
            title(MANY_AT_ONCE, MessageKind::Reminder),
            "Pipeline still stalled: node=node02 (5 of 10 agents) (reminder 0)"
        );
        let all = title("no_documents", MessageKind::Firing);
        assert_eq!(all, "Pipeline stalled: node=node02 (5 of 10 agents), newest log 16 min old");
    }

    #[test]
    fn sources_and_stalls_are_not_called_silent_and_a_reminder_of_them_is_not_news() {
        let source = |name: &str| Event {
            kind: EventKind::SourceDown,
            scope: name.to_owned(),
            entity: None,
            ..agent_silent("", "")
        };
        let stall =
            |name: &str| Event { kind: EventKind::PipelineStalled, ..agent_silent(name, "(40 agents)") };
        let title = |events: &[Event], kind| message(events, &Facts { reminder: 2, ..facts(kind) }).0;
        let (sources, stalls) = ([source("a"), source("b")], [stall("x"), stall("y")]);
        assert_eq!(
            title(&sources, MessageKind::Reminder),
            "Source down: 2 sources still cannot be read (reminder 2)"
        );
        assert_eq!(title(&sources, MessageKind::Firing), "Source down: 2 sources cannot be read");
        assert_eq!(
            title(&stalls, MessageKind::Reminder),
            "Pipeline still stalled: 2 groups of agents (reminder 2)"
        );
        let channel = Event { kind: EventKind::ChannelUnhealthy, ..source("soc") };
        let again = "Still: Channel unhealthy: soc (no documents) (reminder 2)";
        assert_eq!(title(&[channel], MessageKind::Reminder), again);

        let below = |open: Event| {
            message(&sources, &Facts { still_open: vec![open], ..facts(MessageKind::Resolved) }).1
        };
        assert!(below(source("c")).contains("\nNot over yet (1):\n- c: "), "{}", below(source("c")));
        assert!(below(agent_silent("001", "web")).contains("\nStill silent (1):\n- 001 web"));
    }

    #[test]
    fn the_first_line_alone_says_who_what_and_since_when() {
        let (title, body) = message(&[agent_silent("001", "web-01")], &facts(MessageKind::Firing));
        assert_eq!(title, "Silent: 001 web-01, no logs for 16 min");
        assert!(body.contains("Last log before: 2026-01-01 00:00:00 UTC"), "{body}");
    }

    #[test]
    fn the_first_line_says_why_where_that_is_known_in_each_language() {
        let title = |kind, since, cause: &str, language| {
            let event = Event { kind, since, cause: cause.to_owned(), ..agent_silent("001", "web-01") };
            words(&[event], &Facts::of(MessageKind::Firing), language).title
        };
        let (new, still) = (EventKind::AgentSilent, EventKind::AgentStillSilent);
        let (since, gone) = (agent_silent("", "").since, "disconnected");
        let silent = "Silent: 001 web-01, no logs for 16 min (disconnected)";
        assert_eq!(title(new, since, gone, Language::En), silent);
        let silent = "Ancora silenzioso: 001 web-01, nessun log da 16 min (disconnesso) (promemoria 0)";
        assert_eq!(title(still, since, gone, Language::It), silent);
        let never = "Silent: 001 web-01 has never been seen logging";
        assert_eq!(title(new, None, "never_seen", Language::En), never);
        assert_eq!(title(new, None, "not_enrolled", Language::En), format!("{never} (not enrolled)"));
    }

    #[test]
    fn an_end_that_was_believed_late_says_how_long_nothing_was_logged() {
        let silent = agent_silent("001", "web-01");
        let back = silent.since.map(|since| since + chrono::TimeDelta::minutes(10));
        let event = Event { kind: EventKind::AgentRecovered, back, ..silent };
        let (title, _) = message(&[event], &facts(MessageKind::Resolved));
        assert_eq!(title, "Recovered: 001 web-01 logs again after 10 min");
    }

    #[test]
    fn many_agents_are_counted_and_listed_up_to_a_cap() {
        let events: Vec<Event> = (1..=5).map(|id| agent_silent(&format!("00{id}"), "web")).collect();
        let (title, body) = message(&events, &facts(MessageKind::Firing));
        assert_eq!(title, "Silent: 5 agents of default");
        assert!(body.contains("- 003 web") && !body.contains("- 004") && body.contains("+2 more"), "{body}");
    }

    #[test]
    fn a_fallback_says_why_and_a_duplicate_says_so() {
        let facts = Facts {
            fallback_reason: Some("soc failed: rate limited"),
            possible_duplicate: true,
            told_already: vec!["oncall".to_owned()],
            ..facts(MessageKind::Firing)
        };
        let (_, body) = message(&[agent_silent("001", "web-01")], &facts);
        assert!(body.contains("Sent this way because soc failed: rate limited."), "{body}");
        assert!(
            body.contains("Possible duplicate") && body.contains("Already told through oncall"),
            "{body}"
        );
    }

    #[test]
    fn a_hostile_name_stays_on_one_line() {
        let (title, body) =
            message(&[agent_silent("001", "<!channel> @everyone\r\nBcc: x")], &facts(MessageKind::Firing));
        assert!(!title.contains(['\r', '\n']), "{title}");
        assert!(body.lines().all(|line| !line.starts_with("Bcc")), "{body}");
    }
}
