//! What a report of a month cannot know, in sentences. Pure.

use super::report::{Kind, Past, Row};
use super::{Span, cut, total};
use crate::clock::written;
use crate::config::calendar::merged;
use crate::config::duration::human;
use crate::journal::events::time;

/// What is not known of `month`, of which `window` is known.
#[must_use]
pub fn notes(pasts: &[Past<'_>], rows: &[Row], month: Span, window: Span) -> Vec<String> {
    let mut notes = Vec::new();
    if window.0 > month.0 {
        notes.push(format!("The journal reaches back to {}; what was before is not counted.", at(window.0)));
    }
    if window.1 < month.1 {
        notes.push(format!(
            "It is counted until {}; silences that go on then count until then.",
            at(window.1)
        ));
    }
    notes.extend(pasts.iter().filter_map(|past| blind(past, window)));
    notes.extend(newcomers(pasts, window));
    let agents =
        || pasts.iter().flat_map(|past| past.watch.agents.iter().map(move |agent| (past.watch, agent)));
    if agents().any(|(_, agent)| agent.listed.is_none()) {
        notes.push(
            "Since when an agent of an agent file is watched is not written down: it counts from the start."
                .to_owned(),
        );
    }
    if agents().any(|(watch, agent)| watch.policy(agent).calendar.is_some()) {
        notes.push("Hours and maintenance count as they are configured now.".to_owned());
    }
    if rows.iter().any(|row| row.kind == Kind::Former) {
        notes.push(
            "Of agents that are no longer watched the silences are known, and how long they were watched is not: \
             they are part of no sum."
                .to_owned(),
        );
    }
    notes
}

fn at(millis: i64) -> String {
    written(time(millis))
}

fn blind(past: &Past<'_>, window: Span) -> Option<String> {
    let spans = merged(past.blind.iter().filter_map(|span| cut(*span, window)).collect());
    let long = human(std::time::Duration::from_millis(u64::try_from(total(&spans)).unwrap_or_default()));
    let times = if spans.len() == 1 { "once".to_owned() } else { format!("{} times", spans.len()) };
    (!spans.is_empty()).then(|| {
        format!(
            "For {long} ({times}) log-monitor did not run or could not read the source of watch {}: that time is \
             neither watched nor silent, unless a silence went on through it.",
            past.watch.name
        )
    })
}

fn newcomers(pasts: &[Past<'_>], window: Span) -> Option<String> {
    let agents = pasts.iter().flat_map(|past| &past.watch.agents);
    let since = agents.filter_map(|agent| agent.listed.as_ref()?.watched_from);
    match since.filter(|since| *since > window.0).count() {
        0 => None,
        1 => Some("1 agent is watched only since later, and counts from then.".to_owned()),
        count => Some(format!("{count} agents are watched only since later, and count from then.")),
    }
}
