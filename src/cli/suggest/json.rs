//! What was learnt, for programs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Learnt, Lesson};
use crate::config::calendar::Window;
use crate::config::windows;
use crate::history::advice::Choice;
use crate::journal::events::time;

/// A watch as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    watch: &'a str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step_seconds: i64,
    nobody_logged_seconds: i64,
    agents: Vec<ShownAgent<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownAgent<'a> {
    id: &'a str,
    label: &'a str,
    first_log: Option<DateTime<Utc>>,
    /// Where there are some, gaps are the times in which so many logs came.
    min_events: Option<u64>,
    gaps: usize,
    longest_gap_seconds: i64,
    /// Gaps that were taken for outages.
    left_out_seconds: Vec<i64>,
    choices: Vec<ShownChoice>,
    suggested_seconds: Option<u64>,
    /// Where a shorter interval suits within them.
    hours: Option<ShownHours>,
}

#[derive(Debug, Serialize)]
struct ShownHours {
    time_zone: &'static str,
    windows: Vec<ShownWindow>,
    choices: Vec<ShownChoice>,
    suggested_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ShownWindow {
    days: Vec<String>,
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
struct ShownChoice {
    from: &'static str,
    interval_seconds: Option<u64>,
    false_alarms_per_week: f64,
}

/// What was learnt of a watch.
#[must_use]
pub fn shown<'a>(learnt: &'a Learnt<'_>) -> Shown<'a> {
    Shown {
        watch: &learnt.watch.name,
        from: time(learnt.span.0),
        to: time(learnt.span.1),
        step_seconds: learnt.step / 1000,
        nobody_logged_seconds: learnt.all_quiet / 1000,
        agents: learnt.lessons.iter().map(|lesson| agent(learnt, lesson)).collect(),
    }
}

fn agent<'a>(learnt: &Learnt<'_>, lesson: &'a Lesson<'_>) -> ShownAgent<'a> {
    let advice = &lesson.advice;
    ShownAgent {
        id: &lesson.agent.id,
        label: &lesson.agent.label,
        first_log: lesson.first.map(time),
        min_events: lesson.policy.min_events,
        gaps: advice.gaps,
        longest_gap_seconds: advice.longest / 1000,
        left_out_seconds: advice.left_out.iter().map(|gap| gap / 1000).collect(),
        choices: advice.choices.iter().map(choice).collect(),
        suggested_seconds: seconds(advice.suggested),
        hours: lesson.hours.as_ref().map(|(windows, within)| ShownHours {
            time_zone: learnt.zone.name(),
            windows: windows.iter().map(window).collect(),
            choices: within.choices.iter().map(choice).collect(),
            suggested_seconds: seconds(within.suggested),
        }),
    }
}

fn seconds(interval: Option<Duration>) -> Option<u64> {
    interval.map(|interval| interval.as_secs())
}

fn window(window: &Window) -> ShownWindow {
    let (from, to) = windows::clock(window);
    ShownWindow { days: windows::days(window), from, to }
}

fn choice(choice: &Choice) -> ShownChoice {
    ShownChoice {
        from: choice.from,
        interval_seconds: seconds(choice.interval),
        false_alarms_per_week: choice.per_week,
    }
}
