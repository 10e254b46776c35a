//! Routes that one failure takes down whole: fallbacks that are none, and channels that depend on an
//! agent that is watched, whose silence they would have to tell.

use std::collections::BTreeSet;

use log_monitor_channels::host;

use super::diagnostics::At;
use super::model::{Agent, ChannelTable, Route, Watch};
use super::reading::{Reading, shown_name};
use super::routes::Placed;

/// Warns of them, at the route.
pub fn warn(reading: &mut Reading<'_>, routes: &[Placed], channels: &[ChannelTable], watches: &[Watch]) {
    for (route, place) in routes {
        let domains = domains(route, channels);
        let message = match one_for_all(&domains) {
            Some(host) => match watched(host, watches) {
                Some(agent) => on_agent(&domains, agent),
                None if domains.len() > 1 => {
                    format!("{} depend on the same host: if it fails, nobody is told", names(&domains))
                }
                None => continue,
            },
            None => continue,
        };
        let at = place.clone().map_or(At::Nowhere, At::Place);
        let message = format!("route `{}`: {message}", shown_name(&route.name));
        reading.findings.warning(at, message).help("add a channel elsewhere as its last step");
    }
}

/// A channel that people read, and the host that it depends on.
type Domain<'a> = (&'a str, Option<String>);

/// Each channel of a route that a person reads, once.
fn domains<'a>(route: &'a Route, channels: &'a [ChannelTable]) -> Vec<Domain<'a>> {
    let used: BTreeSet<&str> = route.steps.iter().flat_map(|step| &step.to).map(String::as_str).collect();
    let used = channels.iter().filter(|one| one.reaches_people && used.contains(one.name.as_str()));
    used.map(|one| (one.name.as_str(), one.decoded.host())).collect()
}

/// The host that all of them depend on. This machine is none: when it fails, log-monitor does, too.
fn one_for_all<'a>(domains: &'a [Domain<'_>]) -> Option<&'a str> {
    let first = domains.first()?.1.as_deref().filter(|first| !host::is_loopback(first))?;
    domains.iter().all(|(_, other)| other.as_deref() == Some(first)).then_some(first)
}

/// The agent of that host: by its address, its full name, or its name without the domain.
fn watched<'w>(host: &str, watches: &'w [Watch]) -> Option<&'w Agent> {
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let is_it = |agent: &&Agent| {
        let label = agent.label.to_lowercase();
        let by_short = !is_address && (label == short(host) || short(&label) == host);
        !label.is_empty() && (label == host || by_short)
    };
    watches.iter().flat_map(|watch| &watch.agents).find(is_it)
}

fn on_agent(domains: &[Domain<'_>], agent: &Agent) -> String {
    let (names, depend) = (names(domains), if domains.len() > 1 { "depend" } else { "depends" });
    let agent = shown_name(&format!("{} {}", agent.id, agent.label));
    format!("{names} {depend} on agent `{agent}`, which is watched: nobody is told when it fails")
}

fn names(domains: &[Domain<'_>]) -> String {
    let names: Vec<String> = domains.iter().map(|(name, _)| format!("`{}`", shown_name(name))).collect();
    names.join(" and ")
}
