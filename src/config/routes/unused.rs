//! Routes that no event can ever take, each with a warning at its place.

use log_monitor_channels::EventKind;

use super::Placed;
use crate::config::calendar::Calendar;
use crate::config::diagnostics::At;
use crate::config::matcher::Matcher;
use crate::config::model::Route;
use crate::config::reading::{Reading, shown_name};
use crate::config::source_map::Place;
use crate::config::suggest;

/// A route below one that takes the same events and more, and says `stop`, is never used; nor is one of what cannot
/// be, or of what follows other events only, for that goes to whoever was told of those.
pub fn never_used(reading: &mut Reading<'_>, routes: &[(Route, Place)]) {
    for (at, (route, place)) in routes.iter().enumerate() {
        if let Some((why, help)) = of_nothing(&route.matcher) {
            let message = format!("never used: {why}");
            reading.findings.warning(At::Place(place.clone()), message).help(help);
            continue;
        }
        let Some((above, above_place)) = routes[..at].iter().find(|(above, _)| hides(above, route)) else {
            continue;
        };
        let origin = reading.map.origin(above_place).map(|origin| format!(" at {origin}"));
        let (name, origin) = (shown_name(&above.name), origin.unwrap_or_default());
        let message = format!("never used: route `{name}`{origin} takes all of this and says `stop`");
        reading
            .findings
            .warning(At::Place(place.clone()), message)
            .help("put this route above it, or take its `stop` away");
    }
}

fn hides(above: &Route, route: &Route) -> bool {
    let always_with_it = above.active.as_ref().is_none_or(|active| {
        route.active.as_ref().is_some_and(|within: &std::sync::Arc<Calendar>| active.covers_week_of(within))
    });
    above.stop && always_with_it && above.matcher.covers(&route.matcher)
}

/// Why no event that is routed matches, and what to do about it.
fn of_nothing(matcher: &Matcher) -> Option<(&'static str, &'static str)> {
    let kinds: Vec<EventKind> =
        EventKind::ALL.into_iter().filter(|kind| matcher.allows("event", kind.name())).collect();
    let follows = |kind: &EventKind| kind.closes() || *kind == EventKind::AgentStillSilent;
    let named = ["id", "agent", "name", "label"].into_iter().any(|key| matcher.needs(key));
    if matcher.contradicts_itself() {
        Some(("what a key of `match` must be it must not be either", "take one of the two away"))
    } else if kinds.is_empty() {
        // Its words are unknown, which is an error.
        None
    } else if kinds.iter().all(follows) {
        Some((
            "ends and reminders go to whoever was told of the beginning",
            "match what begins, such as agent_silent; its end goes the same way",
        ))
    } else if named && !kinds.into_iter().any(is_about_somebody) {
        Some((
            "these events are about no agent, so they have no id and no name",
            "match them by `watch`, `source` or `channel`",
        ))
    } else {
        None
    }
}

/// Whether what is told of has an id and a name: an agent, or what stalled agents share.
const fn is_about_somebody(kind: EventKind) -> bool {
    matches!(kind, EventKind::AgentSilent | EventKind::PipelineStalled)
}

/// What events are about that tell of log-monitor itself.
const OURSELVES: [&str; 2] = ["journal", "log-monitor"];

/// A route for a watch, a source or a channel that there is not is never used; `there_are` are the names of all of
/// them.
pub fn for_nobody(reading: &mut Reading<'_>, routes: &[Placed], there_are: &[&str]) {
    let takes_none = |route: &Route, key: &str| {
        let mut names = there_are.iter().chain(&OURSELVES);
        route.matcher.asks_for(key) && !names.any(|name| route.matcher.allows(key, name))
    };
    for (route, place) in routes {
        let key = ["watch", "source", "channel"].into_iter().find(|key| takes_none(route, key));
        if let (Some(key), Some(place)) = (key, place) {
            reading
                .findings
                .warning(At::Place(place.clone()), format!("never used: there is no {key} of that name"))
                .help(format!("there are {}", suggest::list(there_are.iter().copied())));
        }
    }
}
