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
        let agent = same(&domains, |one| one.host.as_deref()).and_then(|host| watched(host, watches));
        let message = match (agent, one_for_all(&domains)) {
            (Some(agent), _) => on_agent(&domains, agent),
            (None, Some(what)) if domains.len() > 1 => {
                format!("{} depend on {what}: if that fails, nobody is told", names(&domains))
            }
            _ => continue,
        };
        let at = place.clone().map_or(At::Nowhere, At::Place);
        let message = format!("route `{}`: {message}", shown_name(&route.name));
        reading.findings.warning(at, message).help("add a channel elsewhere as its last step");
    }
}

/// A channel that people read, and what it depends on.
struct Domain<'a> {
    name: &'a str,
    /// This machine is none: when it fails, log-monitor does, too.
    host: Option<String>,
    provider: Option<&'static str>,
}

/// Each channel of a route that a person reads, once.
fn domains<'a>(route: &'a Route, channels: &'a [ChannelTable]) -> Vec<Domain<'a>> {
    let used: BTreeSet<&str> = route.steps.iter().flat_map(|step| &step.to).map(String::as_str).collect();
    let used = channels.iter().filter(|one| one.reaches_people && used.contains(one.name.as_str()));
    let domain = |one: &'a ChannelTable| Domain {
        name: &one.name,
        host: one.decoded.host().filter(|host| !host::is_loopback(host)),
        provider: one.decoded.provider(),
    };
    used.map(domain).collect()
}

/// What all of them depend on.
fn one_for_all(domains: &[Domain<'_>]) -> Option<String> {
    let provider = same(domains, |one| one.provider).map(|provider| format!("one vendor ({provider})"));
    provider.or_else(|| same(domains, |one| one.host.as_deref()).map(|_| "the same host".to_owned()))
}

/// What is the same for each of them.
fn same<'d>(domains: &'d [Domain<'_>], of: impl Fn(&'d Domain<'_>) -> Option<&'d str>) -> Option<&'d str> {
    let first = of(domains.first()?)?;
    domains.iter().all(|other| of(other) == Some(first)).then_some(first)
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
    let names: Vec<String> = domains.iter().map(|one| format!("`{}`", shown_name(one.name))).collect();
    names.join(" and ")
}
