//! `route`: which routes an event would take, who would be told, and when.

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
    routes: Vec<ShownRoute>,
}

#[derive(Debug, Serialize)]
struct ShownRoute {
    name: String,
    used: bool,
    why: String,
    /// What would hold the message back now.
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
    let shown = match suppression(&settings, &event) {
        Ok(suppression) => shown(&settings, &suppression, &event),
        Err(error) => {
            eprintln!("error: journal {}: {error}", settings.journal.display());
            return Exit::Failed;
        }
    };
    if args.json {
        return super::exit::print_json(&shown);
    }
    say(format!("{} at {}\n", args.event, event.at.format("%a %Y-%m-%d %H:%M UTC")));
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

fn shown(settings: &Settings, suppression: &Suppression, event: &Event) -> Shown {
    let fates = router::fates(&settings.routes, event);
    let route = |(route, fate): (&Route, Fate<'_>)| {
        let taken = fate == Fate::Taken;
        let hold = suppression.of(event, route).filter(|_| taken);
        let first = hold.as_ref().map_or(event.at.timestamp_millis(), |hold| hold.until);
        ShownRoute {
            name: route.name.clone(),
            used: taken,
            why: why(route, fate),
            held_back: hold.map(|hold| hold.held.reason),
            steps: if taken { steps(route, event.severity, first) } else { Vec::new() },
        }
    };
    Shown { at: event.at, routes: settings.routes.iter().zip(fates).map(route).collect() }
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

/// The steps where the first message leaves at `first`, in milliseconds, unless it waits for others.
fn steps(route: &Route, severity: Severity, first: i64) -> Vec<ShownStep> {
    let wait = route.group.wait;
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
mod tests {
    use super::*;
    use crate::config::Quiet;
    use crate::config::calendar::{Calendar, Window};
    use crate::dispatch::fixtures::{agent_silent, route};

    #[test]
    fn an_escalation_says_when_it_leaves_and_what_keeps_it_back() {
        let mut route = route("catch_all", &[&["soc"], &["boss"], &["phone"]]);
        let after = Duration::from_secs(7200);
        route.steps[1].escalation = Some(Escalation { after, unless: Some(Unless::Acked) });
        let event = agent_silent("001", "web-01");
        let shown = |route: &Route| {
            let first = event.at.timestamp_millis();
            let steps = steps(route, event.severity, first);
            let (name, why) = (route.name.clone(), String::new());
            told(&ShownRoute { name, used: true, why, held_back: None, steps }, route, &[])
        };
        let told = shown(&route);
        assert!(told.contains("\n  at once: soc\n"), "{told}");
        let boss = "after 2h, Thu 2026-01-01 02:16 UTC, unless somebody has acknowledged it: boss\n";
        assert!(told.contains(boss), "{told}");
        assert!(told.contains("after 2h 1m, or once that has failed: phone\n"), "{told}");

        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let night = Window { days: [true; 7], from: at(1), to: at(7) };
        let hours = Calendar { windows: vec![night], ..Calendar::always_but(Vec::new()) };
        route.quiet = Some(Quiet { hours: std::sync::Arc::new(hours), below: Severity::High });
        let told = shown(&route);
        assert!(told.contains("after 2h, Thu 2026-01-01 07:00 UTC"), "the end of quiet hours: {told}");
    }

    #[test]
    fn a_day_of_the_week_is_the_next_one() {
        let now = "2026-11-26T10:00:00Z".parse().unwrap(); // a Thursday
        let at = |text| moment(text, now).unwrap().to_rfc3339();
        assert_eq!(at("Sun 03:00"), "2026-11-29T03:00:00+00:00");
        assert_eq!(at("thu 03:00"), "2026-11-26T03:00:00+00:00");
        assert_eq!(at("2026-11-24 03:00"), "2026-11-24T03:00:00+00:00");
        assert!(moment("someday", now).is_err());
    }
}
