//! `route`: which routes an event would take, who would be told, and when.

mod closed;
mod event;

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use log_monitor_channels::{Event, EventKind, Severity};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::table::{print, say, table};
use crate::config::duration::written;
use crate::config::{ChannelTable, Escalation, Need, Route, Settings, Step, Unless};
use crate::dispatch::router::{self, Fate};
use crate::dispatch::suppress::{Hold, Suppression};
use crate::journal::events::{millis, time};
use crate::journal::{JournalError, open_read_only};

/// Why no route is used for it.
const OF_AN_END: &str = "an end is told at once to whoever accepted the beginning";

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is known of the event, as routes match it: `severity=high,site=MIL,name=fw-1`; of an agent that is named,
    /// the rest is known
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',', value_parser = event::pair)]
    labels: Vec<(String, String)>,
    /// What happened
    #[arg(long, default_value = "agent_silent", value_parser = PossibleValuesParser::new(EventKind::ALL.map(EventKind::name)))]
    event: String,
    /// At another time than now: `Sun 03:00` or `2026-11-24 03:00`, both in UTC, or with an offset
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    event: EventKind,
    at: DateTime<Utc>,
    severity: Severity,
    /// Why it is told later, if at all: no logs are expected at its time.
    not_expected: Option<String>,
    /// As they are used when it is told.
    routes: Vec<ShownRoute>,
}

#[derive(Debug, Serialize)]
struct ShownRoute {
    name: String,
    used: bool,
    why: String,
    /// What would hold the message back.
    held_back: Option<String>,
    /// Empty where it is not used.
    steps: Vec<ShownStep>,
}

#[derive(Debug, Serialize)]
struct ShownStep {
    /// From the event to the first try, if no step before it was enough.
    after_seconds: u64,
    to: Vec<String>,
    need: Need,
    /// Told although a step before it was accepted.
    escalation: Option<ShownEscalation>,
}

#[derive(Debug, Serialize)]
struct ShownEscalation {
    /// When it leaves.
    at: DateTime<Utc>,
    unless: Option<Unless>,
}

/// Prints what becomes of an event.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let settings = match session.settings() {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let shown = match read(&settings, args, Utc::now()) {
        Ok(shown) => shown,
        Err(problem) => {
            eprintln!("error: {problem}");
            return Exit::Failed;
        }
    };
    if args.json {
        return super::exit::print_json(&shown);
    }
    let at = shown.at.format("%a %Y-%m-%d %H:%M UTC");
    say(format!("{} ({}) at {at}\n", shown.event, shown.severity.name()));
    if let Some(why) = &shown.not_expected {
        say(format!("not told then: {why}. What is still silent at that time:\n"));
    }
    let mut rows = table(&["route", "used", "why"]);
    for route in &shown.routes {
        rows.add_row([route.name.as_str(), if route.used { "yes" } else { "no" }, route.why.as_str()]);
    }
    print(rows, "there are no routes");
    for (shown, route) in shown.routes.iter().zip(&settings.routes).filter(|(shown, _)| shown.used) {
        say(format!("\n{}", told(shown, route, &settings.channels)));
    }
    Exit::Ok
}

/// The silences that the journal has of the time of the event, if there is one yet.
fn suppression(settings: &Settings, event: &Event) -> Result<Suppression, JournalError> {
    let at = millis(event.at);
    if !settings.journal.exists() {
        return Ok(Suppression::none(at));
    }
    Ok(Suppression::of_the_past(&open_read_only(&settings.journal)?, at)?)
}

/// What becomes of the event of the arguments: of a silence that logs are not expected to break, when they are.
fn read(settings: &Settings, args: &Args, now: DateTime<Utc>) -> Result<Shown, String> {
    let of_journal = |error: JournalError| format!("journal {}: {error}", settings.journal.display());
    let mut event = event::of_args(args, now)?;
    let about = event::about(settings, &event).map_err(of_journal)?;
    if let Some(about) = &about {
        event = event::filled(event, about, args)?;
    }
    let closed = about.and_then(|about| closed::of(&about, &event));
    let told = Event { at: closed.as_ref().map_or(event.at, |closed| closed.until), ..event.clone() };
    let suppression = suppression(settings, &told).map_err(of_journal)?;
    Ok(Shown {
        event: event.kind,
        at: event.at,
        severity: event.severity,
        not_expected: closed.map(|closed| closed.why),
        routes: routes(&settings.routes, &suppression, &told),
    })
}

fn routes(routes: &[Route], suppression: &Suppression, event: &Event) -> Vec<ShownRoute> {
    let ends = event.kind.closes();
    let route = |(route, fate): (&Route, Fate<'_>)| {
        let taken = fate == Fate::Taken && !ends;
        let holds = if taken { suppression.each_of(event, route) } else { Vec::new() };
        // What was held back does not wait for others of its group besides.
        let (first, wait) = match holds.last() {
            Some(hold) => (hold.until, Duration::ZERO),
            None => (event.at.timestamp_millis(), route.group.wait),
        };
        ShownRoute {
            name: route.name.clone(),
            used: taken,
            why: if ends { OF_AN_END.to_owned() } else { why(route, fate) },
            held_back: (!holds.is_empty()).then(|| reasons(holds)),
            steps: if taken { steps(route, event.severity, first, wait) } else { Vec::new() },
        }
    };
    routes.iter().zip(router::fates(routes, event)).map(route).collect()
}

fn reasons(holds: Vec<Hold>) -> String {
    holds.into_iter().map(|hold| hold.held.reason).collect::<Vec<_>>().join("; then ")
}

fn why(route: &Route, fate: Fate<'_>) -> String {
    match fate {
        Fate::Taken if route.stop => format!("{}; stops", route.matcher),
        Fate::Taken => route.matcher.to_string(),
        Fate::NoMatch => format!("is for {}", route.matcher),
        Fate::Inactive => "is not active at this time".to_owned(),
        Fate::Stopped(by) => format!("{by} stops"),
        Fate::NotNeeded => "a route above is used".to_owned(),
    }
}

/// The steps where the first message could leave at `first`, in milliseconds, and does after `wait`.
fn steps(route: &Route, severity: Severity, first: i64, wait: Duration) -> Vec<ShownStep> {
    let leaves = |after: Duration| {
        let at = first.saturating_add_unsigned((wait + after).as_millis() as u64);
        time(route.quiet.as_ref().and_then(|quiet| quiet.until(severity, at)).unwrap_or(at))
    };
    let escalation = |of: Escalation| ShownEscalation { at: leaves(of.after), unless: of.unless };
    let step = |(step, after): (&Step, Duration)| ShownStep {
        after_seconds: (wait + after).as_secs(),
        to: step.to.clone(),
        need: step.need,
        escalation: step.escalation.map(escalation),
    };
    route.steps.iter().zip(Step::starts(&route.steps)).map(step).collect()
}

/// Who is told when, a line for each step.
fn told(shown: &ShownRoute, route: &Route, channels: &[ChannelTable]) -> String {
    let mut text = format!("{}:", shown.name);
    if let Some(reason) = &shown.held_back {
        let _ = write!(text, "\n  held back: {reason}; then");
    }
    for (at, step) in shown.steps.iter().enumerate() {
        let long = written(Duration::from_secs(step.after_seconds));
        let after = match &step.escalation {
            Some(ShownEscalation { at, unless }) => {
                let unless = unless.map_or("", |Unless::Acked| ", unless somebody has acknowledged it");
                format!("after {long}, {}{unless}", at.format("%a %Y-%m-%d %H:%M UTC"))
            }
            None if at == 0 && step.after_seconds == 0 => "at once".to_owned(),
            None if at == 0 => format!("after {long}, with others of its group"),
            None => format!("after {long}, or once that has failed"),
        };
        let need = match step.need {
            Need::All if step.to.len() > 1 => ", each of them",
            _ => "",
        };
        let to: Vec<String> = step.to.iter().map(|name| with_budget(name, channels)).collect();
        let _ = write!(text, "\n  {after}: {}{need}", to.join(", "));
    }
    let (group, reminders) = (&route.group, route.reminders);
    let (by, interval) = (group.by.join(", "), written(group.interval));
    let of_group = if by.is_empty() { String::new() } else { format!(" of one {by}") };
    let _ = write!(
        text,
        "\n  more than {} messages{of_group} within {interval}: those over it are one, at most {interval} later",
        group.burst,
    );
    if !by.is_empty() {
        let _ = write!(text, "\n  more than {} in all: the same, of every {by}", group.storm);
    }
    let (first, max) = (written(reminders.first), written(reminders.max));
    let _ = write!(text, "\n  reminded after {first}, then x{} up to {max}", reminders.factor);
    text
}

/// `soc (at most 1 per 1s, 20 per 10m)`.
fn with_budget(name: &str, channels: &[ChannelTable]) -> String {
    let budgets =
        channels.iter().find(|channel| channel.name == name).map_or(&[][..], |known| &known.budgets);
    let budgets: Vec<String> = budgets.iter().map(ToString::to_string).collect();
    if budgets.is_empty() { name.to_owned() } else { format!("{name} (at most {})", budgets.join(", ")) }
}

#[cfg(test)]
mod tests;
