//! Which routes an event takes. Pure.

use log_monitor_channels::Event;
use log_monitor_channels::text::one_line;

use crate::config::Route;
use crate::config::matcher::Matcher;

/// What becomes of an event at a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    /// The route is used.
    Taken,
    /// It is for other events.
    NoMatch,
    /// It would be used at another time.
    Inactive,
    /// The route of this name, above it, said `stop`.
    Stopped(&'a str),
    /// It is the catch-all, and another route is used.
    NotNeeded,
}

/// The routes that are used for `event`, in order: every one that matches, up to the first that says
/// `stop`. The last route (the catch-all) takes what no other took.
#[must_use]
pub fn select<'a>(routes: &'a [Route], event: &Event) -> Vec<&'a Route> {
    let fates = fates(routes, event).into_iter().zip(routes);
    fates.filter(|(fate, _)| *fate == Fate::Taken).map(|(_, route)| route).collect()
}

/// What becomes of `event` at each route.
#[must_use]
pub fn fates<'a>(routes: &'a [Route], event: &Event) -> Vec<Fate<'a>> {
    let Some((_, ordinary)) = routes.split_last() else { return Vec::new() };
    let at = event.at.timestamp_millis();
    let (mut stopped, mut taken) = (None, false);
    let mut fates = Vec::with_capacity(routes.len());
    for route in ordinary {
        let fate = match stopped {
            Some(name) => Fate::Stopped(name),
            None if !matches(&route.matcher, event) => Fate::NoMatch,
            None if !route.is_active(at) => Fate::Inactive,
            None => Fate::Taken,
        };
        taken |= fate == Fate::Taken;
        stopped = stopped.or((fate == Fate::Taken && route.stop).then_some(route.name.as_str()));
        fates.push(fate);
    }
    fates.push(if taken { Fate::NotNeeded } else { Fate::Taken });
    fates
}

/// Whether a matcher takes an event.
#[must_use]
pub fn matches(matcher: &Matcher, event: &Event) -> bool {
    matcher.matches(|key| facts(event, key))
}

/// The longest value of a group's key, in characters.
const LONGEST_VALUE: usize = 120;

/// Which group of a route an event belongs to, such as `site=MIL, node=node02`; empty where there are none.
/// Whoever lacks a label is with the others that lack it.
#[must_use]
pub fn group_of(route: &Route, event: &Event) -> String {
    let value = |key: &String| {
        let value = facts(event, key).collect::<Vec<_>>().join(",");
        format!("{key}={}", one_line(&value, LONGEST_VALUE))
    };
    route.group.by.iter().map(value).collect::<Vec<_>>().join(", ")
}

/// What a matcher's key means for an event: its own facts first, then its labels. Only of groups there
/// may be several.
fn facts<'a>(event: &'a Event, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let one = match key {
        "event" => Some(event.kind.name()),
        "severity" => Some(event.severity.name()),
        "cause" => Some(event.cause.as_str()),
        "watch" | "source" | "channel" => Some(event.scope.as_str()),
        "id" | "agent" => event.entity.as_ref().map(|entity| entity.id.as_str()),
        "name" | "label" => event.entity.as_ref().map(|entity| entity.label.as_str()),
        label => event.labels.get(label).map(String::as_str),
    };
    let (one, several) = if key == "group" { (None, one) } else { (one, None) };
    one.into_iter().chain(several.into_iter().flat_map(|value| value.split(',')))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::*;
    use crate::config::calendar::{Calendar, Window};
    use crate::dispatch::fixtures::{agent_silent, route};

    fn names(routes: &[Route], event: &Event) -> Vec<String> {
        select(routes, event).into_iter().map(|route| route.name.clone()).collect()
    }

    #[test]
    fn every_matching_route_is_used_until_one_says_stop() {
        let with = |name: &str, key: &str, glob: &str, stop| Route {
            matcher: Matcher::new([(key, vec![glob])]),
            stop,
            ..route(name, &[&["soc"]])
        };
        let routes = [
            with("firewalls", "name", "fw-*", false),
            with("milan", "site", "MIL", true),
            with("all", "event", "agent_*", false),
            route("catch_all", &[&["soc"]]),
        ];
        let mut event = agent_silent("001", "fw-1");
        assert_eq!(names(&routes, &event), ["firewalls", "all"]);
        event.labels.insert("site".to_owned(), "MIL".to_owned());
        assert_eq!(names(&routes, &event), ["firewalls", "milan"]);
        event.kind = log_monitor_channels::EventKind::SourceDown;
        event.entity = None;
        event.labels.clear();
        assert_eq!(names(&routes, &event), ["catch_all"]);
    }

    #[test]
    fn a_route_is_used_in_its_hours_only_and_an_agent_may_be_in_several_groups() {
        let at = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let night = Window { days: [true; 7], from: at(22), to: at(6) };
        let nights = Calendar { windows: vec![night], ..Calendar::always_but(Vec::new()) };
        let night = Route { active: Some(Arc::new(nights)), ..route("night", &[&["soc"]]) };
        let prod = Route { matcher: Matcher::new([("group", vec!["prod"])]), ..night.clone() };
        let routes = [Route { name: "prod".to_owned(), ..prod }, night, route("catch_all", &[&["soc"]])];
        let mut event = agent_silent("001", "fw-1");
        assert_eq!(fates(&routes, &event), [Fate::NoMatch, Fate::Taken, Fate::NotNeeded]);
        event.labels.insert("group".to_owned(), "default,prod".to_owned());
        assert_eq!(names(&routes, &event), ["prod", "night"]);
        event.at += TimeDelta::hours(12);
        assert_eq!(fates(&routes, &event), [Fate::Inactive, Fate::Inactive, Fate::Taken]);
    }
}
