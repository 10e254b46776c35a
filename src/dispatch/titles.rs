//! The first line of a message, which alone says who, what, since when and why. Pure.

use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, EventKind, MessageKind};

use super::causes;
use super::render::{Facts, lasted, who_in};
use crate::config::vocabulary::{
    CRASHED, ENROLLED_ANEW, FLAPPING, LATE, MANY_AT_ONCE, NO_LONGER_CONFIGURED, TOO_FEW,
};
use crate::wording::language::{Phrase, Sentences, Title};

/// Of a message about one event.
#[must_use]
pub fn of_one(event: &Event, facts: &Facts<'_>, say: &Sentences) -> String {
    let nothing_comes = event.kind != EventKind::PipelineStalled || event.cause != MANY_AT_ONCE;
    let long = lasted(event, facts).filter(|_| nothing_comes).map(|lasted| say.span(lasted));
    let again = facts.kind == MessageKind::Reminder;
    let Some(phrase) = phrase(event, long.is_some(), again, &say.title) else {
        return format!("{}: {}", event.kind, who_in(event, say));
    };
    let (long, number) = (long.unwrap_or_default(), facts.reminder.to_string());
    let (who, cause, why) = (who_in(event, say), say.cause(&event.cause), why(event, say));
    let title =
        phrase.with([("who", &who), ("long", &long), ("number", &number), ("cause", &cause), ("why", &why)]);
    if again { still(event.kind, title, facts, say) } else { title }
}

/// The words for an event of which it is known, or not, how `long` it has lasted, and which is told `again`, or not.
fn phrase<'s>(event: &Event, long: bool, again: bool, t: &'s Title) -> Option<&'s Phrase> {
    if event.cause == NO_LONGER_CONFIGURED {
        return Some(&t.no_longer_configured);
    }
    let of_agent = of_agent(event, long, t);
    of_agent.or_else(|| of_way(event, long, again, t)).or_else(|| of_ourselves(event, long, t))
}

fn of_agent<'s>(event: &Event, long: bool, t: &'s Title) -> Option<&'s Phrase> {
    use EventKind as E;
    Some(match (event.kind, event.cause.as_str()) {
        (E::AgentSilent, TOO_FEW) => &t.too_few,
        (E::AgentSilent, LATE) if long => &t.late,
        (E::AgentSilent, _) if long => &t.silent,
        (E::AgentSilent, _) => &t.never_seen,
        (E::AgentStillSilent, TOO_FEW) => &t.still_too_few,
        (E::AgentStillSilent, FLAPPING) => &t.flapping,
        (E::AgentStillSilent, LATE) => &t.still_late,
        (E::AgentStillSilent, _) if long => &t.still_silent,
        (E::AgentStillSilent, _) => &t.still_never_seen,
        (E::AgentRecovered, TOO_FEW) => &t.enough_again,
        (E::AgentRecovered, LATE) => &t.in_time_again,
        (E::AgentRecovered, _) if long => &t.recovered,
        (E::AgentRecovered, _) => &t.recovered_first,
        (E::AgentUnwatched, ENROLLED_ANEW) => &t.enrolled_anew,
        (E::AgentUnwatched, _) => &t.unwatched,
        _ => return None,
    })
}

/// Of what logs come through, and are read from.
fn of_way<'s>(event: &Event, long: bool, again: bool, t: &'s Title) -> Option<&'s Phrase> {
    use EventKind as E;
    Some(match (event.kind, event.cause.as_str()) {
        (E::SourceDown, _) if again => &t.source_still_down,
        (E::SourceDown, _) => &t.source_down,
        (E::SourceUp, _) if long => &t.source_up_after,
        (E::SourceUp, _) => &t.source_up,
        (E::PipelineStalled, FLAPPING) => &t.flapping,
        (E::PipelineStalled, _) if again && long => &t.still_stalled_since,
        (E::PipelineStalled, _) if again => &t.still_stalled,
        (E::PipelineStalled, _) if long => &t.stalled_since,
        (E::PipelineStalled, _) => &t.stalled,
        (E::PipelineRecovered, TOO_FEW) => &t.pipeline_enough_again,
        (E::PipelineRecovered, _) if long => &t.pipeline_recovered_after,
        (E::PipelineRecovered, _) => &t.pipeline_recovered,
        _ => return None,
    })
}

fn of_ourselves<'s>(event: &Event, long: bool, t: &'s Title) -> Option<&'s Phrase> {
    use EventKind as E;
    Some(match (event.kind, event.cause.as_str()) {
        (E::InventoryChanged, _) => &t.inventory_changed,
        (E::ClockSkewed, _) => &t.clock_skewed,
        (E::MonitoringResumed, _) if long => &t.resumed,
        (E::MonitoringResumed, _) => &t.resumed_some,
        (E::SetupFailed, CRASHED) => &t.crashed,
        (E::SetupFailed, _) => &t.setup_failed,
        (E::ChannelUnhealthy, _) => &t.channel_unhealthy,
        (E::ChannelRecovered, _) => &t.channel_recovered,
        (E::JournalFailed, _) => &t.journal_failed,
        (E::JournalRecovered, _) => &t.journal_recovered,
        _ => return None,
    })
}

/// Why an agent is silent, in few words, where its cause says more than that.
fn why(event: &Event, say: &Sentences) -> String {
    match event.cause.as_str() {
        "" | "no_documents" | "never_seen" => String::new(),
        cause => say.title.because.with([("cause", &one_line(&say.cause(cause), 40))]),
    }
}

/// A reminder does not read as if it were new, also of what has no words of its own for that.
fn still(kind: EventKind, title: String, facts: &Facts<'_>, say: &Sentences) -> String {
    use EventKind as E;
    match kind {
        E::SetupFailed | E::ChannelUnhealthy | E::JournalFailed => {
            say.many.again.with([("title", &title), ("number", &facts.reminder.to_string())])
        }
        _ => title,
    }
}

/// Of a message about several, of which this is the first.
#[must_use]
pub fn of_several(events: &[Event], first: &Event, facts: &Facts<'_>, say: &Sentences) -> String {
    use EventKind as E;
    let t = &say.many;
    if first.kind.closes() && events.iter().any(|event| event.kind != first.kind) {
        return of_each_kind(events, facts, say);
    }
    let same = events.iter().all(|event| event.scope == first.scope);
    let scope = if same { one_line(&first.scope, 80) } else { t.several_watches.with([]) };
    let again = facts.kind == MessageKind::Reminder;
    let phrase = match first.kind {
        E::AgentStillSilent if events.iter().all(|event| event.cause == FLAPPING) => &t.flapping,
        E::AgentSilent => return causes::title(events, &scope, false, t),
        E::AgentStillSilent => return causes::title(events, &scope, true, t),
        E::AgentRecovered => causes::of_ends(events, t),
        E::AgentUnwatched => &t.unwatched,
        E::SourceDown if again => &t.source_still_down,
        E::SourceDown => &t.source_down,
        E::SourceUp => &t.source_up,
        E::PipelineStalled if again => &t.still_stalled,
        E::PipelineStalled => &t.stalled,
        E::PipelineRecovered if events.iter().any(|event| event.cause == TOO_FEW) => {
            &t.pipeline_recovered_each
        }
        E::PipelineRecovered => &t.pipeline_recovered,
        E::InventoryChanged => &t.inventory_changed,
        E::ClockSkewed => &t.clock_skewed,
        E::MonitoringResumed => &t.resumed,
        E::SetupFailed => &t.setup_failed,
        E::ChannelUnhealthy => &t.channel_unhealthy,
        E::ChannelRecovered => &t.channel_recovered,
        E::JournalFailed => &t.journal_failed,
        E::JournalRecovered => &t.journal_recovered,
        other => return format!("{other}: {}", events.len()),
    };
    let (count, number) = (events.len().to_string(), facts.reminder.to_string());
    let title = phrase.with([("count", &count), ("scope", &scope), ("number", &number)]);
    if again { still(first.kind, title, facts, say) } else { title }
}

/// Ends of several kinds can take the place of one beginning.
fn of_each_kind(events: &[Event], facts: &Facts<'_>, say: &Sentences) -> String {
    let mut kinds: Vec<(EventKind, Vec<Event>)> = Vec::new();
    for event in events {
        match kinds.iter_mut().find(|(kind, _)| *kind == event.kind) {
            Some((_, same)) => same.push(event.clone()),
            None => kinds.push((event.kind, vec![event.clone()])),
        }
    }
    let title = |(_, same): &(EventKind, Vec<Event>)| match &same[..] {
        [one] => of_one(one, facts, say),
        _ => of_several(same, &same[0], facts, say),
    };
    kinds.iter().map(title).collect::<Vec<_>>().join("; ")
}
