//! Messages in words. Pure. The first line alone says who, what and since when; the body says what
//! is known, why this message came this way, and what to check.

use std::fmt::Write as _;
use std::time::Duration;

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Entity, Event, EventKind, MessageKind};

use super::causes;
use crate::clock::written;
use crate::config::duration::human;

/// What is to be said beside the events themselves.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The message's part.
    pub kind: MessageKind,
    /// Which reminder it is, from 1.
    pub reminder: u32,
    /// For a resolution of a part of a group: what is still going on.
    pub still_open: Vec<Event>,
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
    /// How many agents are listed before "+N more".
    pub max_items: usize,
}

impl Facts<'_> {
    /// Nothing beside the events.
    #[must_use]
    pub const fn of(kind: MessageKind) -> Self {
        Self {
            kind,
            reminder: 0,
            still_open: Vec::new(),
            silent_again: Vec::new(),
            fallback_reason: None,
            told_already: Vec::new(),
            possible_duplicate: false,
            held_by: None,
            max_items: 20,
        }
    }
}

/// The cause of an end that is no recovery: the source or channel was taken out of the configuration.
pub const NO_LONGER_CONFIGURED: &str = "no_longer_configured";

/// The cause of a failure of our own: a monitor that panicked.
pub const CRASHED: &str = "crashed";

/// The cause of a silence that is none: it logs, but less than it should.
pub const TOO_FEW: &str = "volume_too_low";

/// The cause of an end that is none: the agent is silent under another id, too.
pub const ENROLLED_ANEW: &str = "enrolled_anew";

/// The cause of a silence that is not over yet, although its agent logs again.
pub const FLAPPING: &str = "flapping";

/// The cause of a silence that is none: its logs come, but late.
pub const LATE: &str = "late";

/// The words of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub title: String,
    /// What its events tell.
    pub body: String,
    /// What stands below that, whoever wrote it: who is still silent, and why it came this way.
    pub below: String,
}

impl Words {
    /// Title and body.
    #[must_use]
    pub fn joined(self) -> (String, String) {
        let texts = [self.body.trim_end(), self.below.trim()].into_iter().filter(|text| !text.is_empty());
        (self.title, texts.collect::<Vec<_>>().join("\n\n"))
    }
}

/// Title and body.
#[must_use]
pub fn message(events: &[Event], facts: &Facts<'_>) -> (String, String) {
    words(events, facts).joined()
}

/// The same in its parts.
#[must_use]
pub fn words(events: &[Event], facts: &Facts<'_>) -> Words {
    let (mut body, mut below) = (String::new(), String::new());
    let title = match events {
        [] => {
            body.push_str("This message has no events.");
            "log-monitor: nothing to say".to_owned()
        }
        [event] => {
            one(&mut body, event);
            one_title(event, facts)
        }
        [first, ..] => {
            list(&mut body, events, facts.max_items);
            causes::check(&mut body, events);
            many_title(events, first)
        }
    };
    if !facts.still_open.is_empty() {
        let _ = writeln!(below, "\nStill silent ({}):", facts.still_open.len());
        list(&mut below, &facts.still_open, facts.max_items);
    }
    if !facts.silent_again.is_empty() {
        let _ = writeln!(
            below,
            "\nThis message is late. Silent again since then ({}):",
            facts.silent_again.len()
        );
        list(&mut below, &facts.silent_again, facts.max_items);
    }
    footnotes(&mut below, facts);
    Words { title, body, below }
}

fn one_title(event: &Event, facts: &Facts<'_>) -> String {
    let who = who(event);
    let long = lasted(event).map(human);
    if event.cause == NO_LONGER_CONFIGURED {
        return format!("No longer configured: {who}");
    }
    match (event.kind, long) {
        (EventKind::AgentSilent, _) if event.cause == TOO_FEW => format!("Too few logs: {who}"),
        (EventKind::AgentStillSilent, _) if event.cause == TOO_FEW => {
            format!("Still too few logs: {who} (reminder {})", facts.reminder)
        }
        (EventKind::AgentStillSilent, _) if event.cause == FLAPPING => {
            format!("Not over yet: {who} logs again, but flaps (reminder {})", facts.reminder)
        }
        (EventKind::AgentSilent, Some(long)) if event.cause == LATE => {
            format!("Logs arrive late: {who}, the newest is {long} old")
        }
        (EventKind::AgentStillSilent, _) if event.cause == LATE => {
            format!("Logs still arrive late: {who} (reminder {})", facts.reminder)
        }
        (EventKind::AgentSilent, Some(long)) => format!("Silent: {who}, no logs for {long}"),
        (EventKind::AgentSilent, None) => format!("Silent: {who} has never been seen logging"),
        (EventKind::AgentStillSilent, Some(long)) => {
            format!("Still silent: {who}, no logs for {long} (reminder {})", facts.reminder)
        }
        (EventKind::AgentStillSilent, None) => {
            format!("Still silent: {who} has never been seen logging (reminder {})", facts.reminder)
        }
        (EventKind::AgentRecovered, _) if event.cause == TOO_FEW => {
            format!("Recovered: {who} logs as much as it should again")
        }
        (EventKind::AgentRecovered, Some(long)) => format!("Recovered: {who} logs again after {long}"),
        (EventKind::AgentRecovered, None) => format!("Recovered: {who} logs for the first time"),
        (EventKind::AgentUnwatched, _) if event.cause == ENROLLED_ANEW => {
            format!("Told twice: {who} was enrolled anew, and its silence goes on as one")
        }
        (EventKind::AgentUnwatched, _) => {
            format!("No longer watched: {who} was taken off the list while silent")
        }
        (EventKind::SourceDown, _) if facts.kind == MessageKind::Reminder => {
            format!("Source down: {who} still cannot be read (reminder {})", facts.reminder)
        }
        (EventKind::SourceDown, _) => format!("Source down: {who} cannot be read ({})", event.cause),
        (EventKind::SourceUp, Some(long)) => format!("Source up: {who} can be read again after {long}"),
        (EventKind::SourceUp, None) => format!("Source up: {who} can be read again"),
        (EventKind::PipelineStalled, long) => {
            let (again, number) = match facts.kind {
                MessageKind::Reminder => ("still ", format!(" (reminder {})", facts.reminder)),
                _ => ("", String::new()),
            };
            let long = long.map_or_else(String::new, |long| format!(", newest log {long} old"));
            format!("Pipeline {again}stalled: {who}{long}{number}")
        }
        (EventKind::PipelineRecovered, _) => format!("Pipeline recovered: {who} logs again"),
        (EventKind::InventoryChanged, _) => format!("Inventory changed: {who}"),
        (EventKind::ClockSkewed, _) => format!("Clock skewed: documents of {who} are dated ahead of now"),
        (EventKind::MonitoringResumed, long) => {
            let long = long.unwrap_or_else(|| "a while".to_owned());
            format!("Monitoring resumed: log-monitor was away for {long}")
        }
        (EventKind::SetupFailed, _) if event.cause == CRASHED => {
            format!("Monitor crashed: that of {who} is started again")
        }
        (EventKind::SetupFailed, _) => format!("Setup failed: {who}"),
        (EventKind::ChannelUnhealthy, _) => format!("Channel unhealthy: {who} ({})", event.cause),
        (EventKind::ChannelRecovered, _) => format!("Channel recovered: {who}"),
        (EventKind::JournalFailed, _) => "Journal failed: log-monitor goes on from memory".to_owned(),
        (EventKind::JournalRecovered, _) => "Journal recovered: on disk again".to_owned(),
        (other, _) => format!("{other}: {who}"),
    }
}

fn many_title(events: &[Event], first: &Event) -> String {
    let count = events.len();
    let same = events.iter().all(|event| event.scope == first.scope);
    let scope = if same { one_line(&first.scope, 80) } else { "several watches".to_owned() };
    match first.kind {
        EventKind::AgentStillSilent if events.iter().all(|event| event.cause == FLAPPING) => {
            format!("Not over yet: {count} agents of {scope} log again, but flap")
        }
        EventKind::AgentSilent => causes::title(events, &scope, false),
        EventKind::AgentStillSilent => causes::title(events, &scope, true),
        EventKind::AgentRecovered => format!("Recovered: {count} agents of {scope} log again"),
        EventKind::AgentUnwatched => format!("No longer watched: {count} silent agents of {scope}"),
        EventKind::SourceDown => format!("Source down: {count} sources cannot be read"),
        EventKind::SourceUp => format!("Source up: {count} sources can be read again"),
        EventKind::PipelineStalled => format!("Pipeline stalled: {count} groups of agents"),
        EventKind::PipelineRecovered => format!("Pipeline recovered: {count} groups of agents log again"),
        EventKind::SetupFailed => format!("Setup failed: {count} problems"),
        other => format!("{other}: {count}"),
    }
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

/// Whether its entity is an agent, and not what agents share.
const fn is_about_agent(event: &Event) -> bool {
    !matches!(event.kind, EventKind::PipelineStalled | EventKind::PipelineRecovered)
}

/// How long it has been, or was, going on.
#[must_use]
pub fn lasted(event: &Event) -> Option<Duration> {
    event.since.and_then(|since| (event.back.unwrap_or(event.at) - since).to_std().ok())
}

fn one(body: &mut String, event: &Event) {
    let _ = writeln!(body, "{}", event.detail);
    if let Some(entity) = event.entity.as_ref().filter(|_| is_about_agent(event)) {
        let _ = writeln!(body, "\nAgent: {}", name(entity));
        let last = event.since.map_or_else(|| "never".to_owned(), written);
        let _ = writeln!(body, "Last log before: {last}");
    } else if let Some(since) = event.since {
        let _ = writeln!(body, "\nSince: {}", written(since));
    }
    if let Some(threshold) = event.threshold_seconds {
        let _ = writeln!(body, "Allowed silence: {}", human(Duration::from_secs(threshold)));
    }
    let _ = writeln!(body, "Noticed: {}", written(event.at));
    for (key, value) in &event.labels {
        let _ = writeln!(body, "{}: {}", one_line(key, 40), one_line(value, 120));
    }
}

fn list(body: &mut String, events: &[Event], max_items: usize) {
    for event in events.iter().take(max_items) {
        let who = who(event);
        let last = event
            .since
            .map_or_else(|| "never seen".to_owned(), |since| format!("last log {}", written(since)));
        match event.entity {
            Some(_) if is_about_agent(event) && event.cause != FLAPPING => {
                let _ = writeln!(body, "- {who}, {last}{}", causes::of_one(event));
            }
            _ => {
                let _ = writeln!(body, "- {who}: {}", event.detail);
            }
        }
    }
    if let Some(more) = events.len().checked_sub(max_items).filter(|more| *more > 0) {
        let _ = writeln!(body, "+{more} more");
    }
}

fn footnotes(body: &mut String, facts: &Facts<'_>) {
    if let Some(reason) = facts.held_by {
        let _ = writeln!(body, "\nHeld back until now: {reason}.");
    }
    if let Some(reason) = facts.fallback_reason {
        let _ = writeln!(body, "\nSent this way because {reason}.");
    }
    if !facts.told_already.is_empty() {
        let _ = writeln!(body, "\nAlready told through {}.", facts.told_already.join(", "));
    }
    if facts.possible_duplicate {
        let _ = writeln!(body, "\nPossible duplicate: an earlier try was cut off before its answer came.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn the_first_line_alone_says_who_what_and_since_when() {
        let (title, body) = message(&[agent_silent("001", "web-01")], &facts(MessageKind::Firing));
        assert_eq!(title, "Silent: 001 web-01, no logs for 16 min");
        assert!(body.contains("Last log before: 2026-01-01 00:00:00 UTC"), "{body}");
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
