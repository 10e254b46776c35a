//! Which routes an event takes. Pure.

use hashbrown::HashMap;
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
    let (at, facts) = (event.at.timestamp_millis(), Facts::of(event));
    let (mut stopped, mut taken) = (None, false);
    let mut fates = Vec::with_capacity(routes.len());
    for route in ordinary {
        let fate = match stopped {
            Some(name) => Fate::Stopped(name),
            None if !facts.satisfy(&route.matcher) => Fate::NoMatch,
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

/// The longest value of a group's key, in characters.
const LONGEST_VALUE: usize = 120;

/// Which group of a route an event belongs to, such as `site=MIL, node=node02`; empty where there are none.
/// Whoever lacks a label is with the others that lack it.
#[must_use]
pub fn group_of(route: &Route, event: &Event) -> String {
    if route.group.by.is_empty() {
        return String::new();
    }
    let facts = Facts::of(event);
    let value = |key: &String| {
        let value = facts.under(key).join(",");
        format!("{key}={}", one_line(&value, LONGEST_VALUE))
    };
    route.group.by.iter().map(value).collect::<Vec<_>>().join(", ")
}

/// What matchers may ask of an event, by key: its labels, and over them its own facts. Found once for a
/// thousand routes.
pub struct Facts<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Facts<'a> {
    /// Those of `event`.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        let (scope, entity) = (event.scope.as_str(), event.entity.as_ref());
        let id = entity.map(|entity| entity.id.as_str());
        let name = entity.map(|entity| entity.label.as_str());
        let own = [
            ("event", Some(event.kind.name())),
            ("severity", Some(event.severity.name())),
            ("cause", Some(event.cause.as_str())),
            ("watch", Some(scope)),
            ("source", Some(scope)),
            ("channel", Some(scope)),
            ("id", id),
            ("agent", id),
            ("name", name),
            ("label", name),
        ];
        let labels = event.labels.iter().map(|(key, value)| (key.as_str(), values(key, value)));
        Self(labels.chain(own.map(|(key, value)| (key, Vec::from_iter(value)))).collect())
    }

    fn under(&self, key: &str) -> &[&'a str] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a matcher takes the event.
    #[must_use]
    pub fn satisfy(&self, matcher: &Matcher) -> bool {
        matcher.matches(|key| self.under(key).iter().copied())
    }
}

/// Only of groups there may be several.
fn values<'a>(key: &str, value: &'a str) -> Vec<&'a str> {
    if key == "group" { value.split(',').collect() } else { vec![value] }
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
