//! `route`: which routes an event would take, who would be told, and when.

mod closed;

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveTime, Utc, Weekday};
use clap::builder::PossibleValuesParser;
use log_monitor_channels::{Entity, Event, EventKind, Severity};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::explain::moment_of;
use super::table::{print, say, table};
use crate::config::duration::written;
use crate::config::{ChannelTable, Escalation, Need, Route, Settings, Step, Unless};
use crate::dispatch::router::{self, Fate};
use crate::dispatch::suppress::Suppression;
use crate::journal::events::time;
use crate::journal::{JournalError, open_read_only};
use crate::monitor::words;

/// Why no route is used for it.
const OF_AN_END: &str = "an end is told at once to whoever accepted the beginning";

/// Arguments of `route`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is known of the event, as routes match it: `severity=high,site=MIL,name=fw-1`
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',', value_parser = pair)]
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
    at: DateTime<Utc>,
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
    let event = match event(args, Utc::now()) {
        Ok(event) => event,
        Err(problem) => {
            eprintln!("error: {problem}");
            return Exit::Failed;
        }
    };
    let shown = match read(&settings, &event) {
        Ok(shown) => shown,
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            return Exit::Failed;
        }
    };
    if args.json {
        return super::exit::print_json(&shown);
    }
    say(format!("{} at {}\n", args.event, event.at.format("%a %Y-%m-%d %H:%M UTC")));
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

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The event of the arguments, at `now` unless they say otherwise.
fn event(args: &Args, now: DateTime<Utc>) -> Result<Event, String> {
    let at = args.at.as_ref().map_or(Ok(now), |text| moment(text, now))?;
    let kind = EventKind::from_name(&args.event).unwrap_or(EventKind::AgentSilent);
    let mut event = words::about("", kind, Severity::default(), at.timestamp_millis());
    event.entity = Some(Entity { id: String::new(), label: String::new() });
    for (key, value) in &args.labels {
        match key.as_str() {
            "severity" => {
                let known = Severity::ALL.map(Severity::name).join(", ");
                event.severity = Severity::from_name(value)
                    .ok_or_else(|| format!("unknown severity `{value}`; there is {known}"))?;
            }
            "cause" => event.cause.clone_from(value),
            "watch" | "source" | "channel" => event.scope.clone_from(value),
            "id" | "agent" => event.entity.iter_mut().for_each(|one| one.id.clone_from(value)),
            "name" | "label" => event.entity.iter_mut().for_each(|one| one.label.clone_from(value)),
            _ => drop(event.labels.insert(key.clone(), value.clone())),
        }
    }
    Ok(event)
}

/// `Sun 03:00` is the next Sunday, today included.
fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let of_week = text.split_once(' ').and_then(|(day, time)| {
        Some((day.parse::<Weekday>().ok()?, NaiveTime::parse_from_str(time.trim(), "%H:%M").ok()?))
    });
    let Some((day, time)) = of_week else { return moment_of(text) };
    let ahead = now.weekday().days_since(Weekday::Mon) as i64;
    let days = (i64::from(day.num_days_from_monday()) - ahead).rem_euclid(7);
    let date = now.date_naive() + Days::new(days.unsigned_abs());
    Ok(date.and_time(time).and_utc())
}

/// The silences of the journal, if there is one yet.
fn suppression(settings: &Settings, event: &Event) -> Result<Suppression, JournalError> {
    let db = match settings.journal.exists() {
        true => open_read_only(&settings.journal)?,
        false => return Ok(Suppression::none(event.at.timestamp_millis())),
    };
    Ok(Suppression::read(&db, event.at.timestamp_millis())?)
}

/// What becomes of an event: of a silence that logs are not expected to break, when they are.
fn read(settings: &Settings, event: &Event) -> Result<Shown, JournalError> {
    let closed = closed::of(settings, event)?;
    let told = Event { at: closed.as_ref().map_or(event.at, |closed| closed.until), ..event.clone() };
    let routes = routes(&settings.routes, &suppression(settings, &told)?, &told);
    Ok(Shown { at: event.at, not_expected: closed.map(|closed| closed.why), routes })
}

fn routes(routes: &[Route], suppression: &Suppression, event: &Event) -> Vec<ShownRoute> {
    let ends = event.kind.closes();
    let route = |(route, fate): (&Route, Fate<'_>)| {
        let taken = fate == Fate::Taken && !ends;
        let hold = suppression.of(event, route).filter(|_| taken);
        // What was held back does not wait for others of its group besides.
        let (first, wait) = match &hold {
            Some(hold) => (hold.until, Duration::ZERO),
            None => (event.at.timestamp_millis(), route.group.wait),
        };
        ShownRoute {
            name: route.name.clone(),
            used: taken,
            why: if ends { OF_AN_END.to_owned() } else { why(route, fate) },
            held_back: hold.map(|hold| hold.held.reason),
            steps: if taken { steps(route, event.severity, first, wait) } else { Vec::new() },
        }
    };
    routes.iter().zip(router::fates(routes, event)).map(route).collect()
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
