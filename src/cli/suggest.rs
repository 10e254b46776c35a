//! `suggest`: intervals that suit how agents really log, as a TOML patch. It changes nothing itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::learning::{Looked, subjects, unreadable, window};
use super::table::say;
use crate::config::{Agent, Policy, Watch};
use crate::history::Span;
use crate::history::advice::{Advice, Habit, advise};
use crate::history::gaps::Listener;
use crate::history::read::read;
use crate::journal::events::time;
use crate::monitor::Setup;
use crate::source::SourceError;

mod patch;

/// Arguments of `suggest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Learn from so many days back
    #[arg(long, default_value_t = 14, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    #[command(flatten)]
    looked: Looked,
}

/// What was learnt of a watch.
pub struct Learnt<'a> {
    /// The watch, with everybody in it.
    pub watch: &'a Watch,
    /// Over which time, in milliseconds.
    pub span: Span,
    /// How exact gaps are, in milliseconds.
    pub step: i64,
    /// How long nobody of the watch logged, together, in milliseconds.
    pub all_quiet: i64,
    /// Of each agent, in the order of the watch.
    pub agents: Vec<(&'a Agent, Policy, Advice)>,
}

/// Prints the patch.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let setups = match subjects(session, &args.looked).await {
        Ok(setups) => setups,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let mut all = Vec::new();
    for setup in &setups {
        match learn(setup, args.days, now).await {
            Ok(learnt) => all.push(learnt),
            Err(error) => return unreadable(setup, &error),
        }
    }
    if args.looked.json {
        return super::exit::print_json(&all.iter().map(shown).collect::<Vec<_>>());
    }
    say(patch::text(&all).trim_end());
    Exit::Ok
}

async fn learn(setup: &Setup, days: u16, now: DateTime<Utc>) -> Result<Learnt<'_>, SourceError> {
    let watch = &setup.watch;
    let (span, step) = window(watch, days, now);
    let keys: Vec<&str> = watch.agents.iter().map(|agent| agent.id.as_str()).collect();
    let mut listener = Listener::new(step);
    read(&*setup.source, &keys, span, step, |heard, _| listener.hear(heard)).await?;
    let all_quiet = listener.all_quiet(watch.pipeline.count);
    let of_agent = |agent| {
        let (policy, gaps) = (watch.policy(agent), listener.of(&agent.id));
        let long = gaps.lengths(&policy, all_quiet);
        let habit =
            Habit { long: &long, short: gaps.short, shortest: listener.shortest(), span: span.1 - span.0 };
        let advice = advise(habit, policy.interval, policy.grace);
        (agent, policy, advice)
    };
    let agents = watch.agents.iter().map(of_agent).collect();
    Ok(Learnt { watch, span, step, all_quiet: crate::history::total(all_quiet), agents })
}

/// A watch as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
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
    gaps: usize,
    longest_gap_seconds: i64,
    /// Gaps that were taken for outages.
    left_out_seconds: Vec<i64>,
    choices: Vec<ShownChoice>,
    suggested_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ShownChoice {
    from: &'static str,
    interval_seconds: Option<u64>,
    false_alarms_per_week: f64,
}

fn shown<'a>(learnt: &'a Learnt<'_>) -> Shown<'a> {
    let seconds = |interval: Option<Duration>| interval.map(|interval| interval.as_secs());
    let agent = |(agent, _, advice): &'a (&Agent, Policy, Advice)| ShownAgent {
        id: &agent.id,
        label: &agent.label,
        gaps: advice.gaps,
        longest_gap_seconds: advice.longest / 1000,
        left_out_seconds: advice.left_out.iter().map(|gap| gap / 1000).collect(),
        choices: advice
            .choices
            .iter()
            .map(|choice| ShownChoice {
                from: choice.from,
                interval_seconds: seconds(choice.interval),
                false_alarms_per_week: choice.per_week,
            })
            .collect(),
        suggested_seconds: seconds(advice.suggested),
    };
    Shown {
        watch: &learnt.watch.name,
        from: time(learnt.span.0),
        to: time(learnt.span.1),
        step_seconds: learnt.step / 1000,
        nobody_logged_seconds: learnt.all_quiet / 1000,
        agents: learnt.agents.iter().map(agent).collect(),
    }
}
