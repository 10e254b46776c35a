//! Which routes an event takes. Pure.

use log_monitor_channels::Event;

use crate::config::Route;

/// The routes that match `event`, in order: every one, up to the first that says `stop`. The last
/// route (the catch-all) takes what no other took.
#[must_use]
pub fn select<'a>(routes: &'a [Route], event: &Event) -> Vec<&'a Route> {
    let Some((catch_all, ordinary)) = routes.split_last() else { return Vec::new() };
    let mut selected = Vec::new();
    for route in ordinary.iter().filter(|route| route.matcher.matches(|key| fact(event, key))) {
        selected.push(route);
        if route.stop {
            break;
        }
    }
    if selected.is_empty() {
        selected.push(catch_all);
    }
    selected
}

/// What a matcher's key means for an event: its own facts first, then its labels.
fn fact<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    match key {
        "event" => Some(event.kind.name()),
        "severity" => Some(event.severity.name()),
        "cause" => Some(&event.cause),
        "watch" | "source" | "channel" => Some(&event.scope),
        "id" | "agent" => event.entity.as_ref().map(|entity| entity.id.as_str()),
        "name" | "label" => event.entity.as_ref().map(|entity| entity.label.as_str()),
        label => event.labels.get(label).map(String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::matcher::Matcher;
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
}
