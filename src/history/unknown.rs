//! What a report of a month cannot know, in sentences. Pure.

use super::report::{Kind, Past, Row};
use super::{Span, cut, total};
use crate::clock::written;
use crate::config::Agent;
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
    notes.extend(silences(pasts));
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

/// What is not known of silences.
fn silences(pasts: &[Past<'_>]) -> Vec<String> {
    let of_sort = |few: bool| pasts.iter().flat_map(|past| &past.silences).filter(move |one| one.few == few);
    let mut notes = Vec::new();
    match of_sort(false).filter(|silence| silence.to.is_some() && silence.late.is_none()).count() {
        0 => {}
        1 => notes.push("Of 1 silence it is not known whether any of it arrived late.".to_owned()),
        count => notes.push(format!("Of {count} silences it is not known whether any of them arrived late.")),
    }
    if of_sort(true).next().is_some() {
        notes.push(
            "Who logs too little (`min_events`) is not silent and counts as covered, until it stops altogether."
                .to_owned(),
        );
    }
    notes
}

fn newcomers(pasts: &[Past<'_>], window: Span) -> Option<String> {
    let agents = pasts.iter().flat_map(|past| &past.watch.agents);
    let since = agents.filter_map(Agent::known_since);
    match since.filter(|since| (window.0 + 1..window.1).contains(since)).count() {
        0 => None,
        1 => Some("1 agent is watched only since later, and counts from then.".to_owned()),
        count => Some(format!("{count} agents are watched only since later, and count from then.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::past::Silence;
    use crate::monitor::fixtures::watch;

    #[test]
    fn what_was_not_written_down_of_silences_is_said() {
        let watch = watch(&["001"]);
        let silence = |few, to, late| Silence {
            watch: "default".to_owned(),
            key: "001".to_owned(),
            label: String::new(),
            few,
            from: 0,
            to,
            late,
        };
        let said = |silence: Silence| {
            let past = Past { watch: &watch, silences: vec![&silence], blind: Vec::new() };
            silences(&[past])
                .iter()
                .map(|note| note.split(' ').take(3).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(said(silence(false, Some(9), Some(0.0))), none);
        assert_eq!(said(silence(false, None, None)), none, "it goes on");
        assert_eq!(said(silence(false, Some(9), None)), ["Of 1 silence"]);
        assert_eq!(said(silence(true, Some(9), None)), ["Who logs too"]);
    }
}
