//! What is wrong, so that one can see why: the world, the agent, what was so and what was told.

use std::fmt::Write;

use crate::oracle::{Truth, Wrong};
use crate::scenario::{DAY, HOUR, Kind, MINUTE, SECOND, Scenario};
use crate::spans::Spans;
use crate::vendors::Letter;
use crate::world::{Played, Told};

/// How much around the moment is told, in thresholds of the agent.
const AROUND: i64 = 5;

/// The whole story of what is wrong.
pub fn tell(scenario: &Scenario, Played { told, failed, letters }: &Played, wrong: &Wrong) -> String {
    let clock = |at: i64| clock(at - scenario.from);
    let mut lines = vec![
        (i64::MIN, wrong.what.clone()),
        (
            i64::MIN,
            format!(
                "{} agents for {} days, a round every {}",
                scenario.agents.len(),
                (scenario.to - scenario.from) / DAY,
                span(scenario.poll)
            ),
        ),
    ];
    let longest = scenario.kinds.iter().map(Kind::threshold).max().unwrap_or_default();
    let of_agent = wrong.agent.map(|place| scenario.kind_of(&scenario.agents[place]).threshold());
    let around = AROUND * of_agent.unwrap_or(longest);
    let near = (wrong.at - around, wrong.at + around / AROUND);
    lines.push((wrong.at, format!("<== {}", wrong.what)));
    world(scenario, &mut lines);
    lines.extend(failed.iter().map(|at| (*at, "a question to the source fails".to_owned())));
    if let Some(place) = wrong.agent {
        agent(scenario, place, &mut lines);
    }
    lines
        .extend(told.iter().filter(|told| concerns(scenario, told, wrong)).map(|told| (told.at, said(told))));
    lines.extend(letters.iter().map(|letter| (letter.at, sent(letter))));
    lines.sort_by_key(|(at, _)| *at);
    let mut story = String::new();
    for (at, line) in lines {
        match at {
            i64::MIN => writeln!(story, "{line}").unwrap(),
            at if near.0 <= at && at <= near.1 => writeln!(story, "  {} {line}", clock(at)).unwrap(),
            _ => {}
        }
    }
    story
}

type Lines = Vec<(i64, String)>;

fn world(scenario: &Scenario, lines: &mut Lines) {
    for broken in &scenario.broken {
        lines.push((broken.from, format!("the source does not answer: {}", broken.reason.name())));
        lines.push((broken.to, "the source answers".to_owned()));
    }
    for stall in &scenario.stalls {
        let (half, common) = (if stall.half { "half of " } else { "" }, &stall.common);
        let kept = if stall.kept { "before it is over" } else { "any more" };
        lines.push((stall.from, format!("nothing comes from {half}{common:?} {kept}")));
        lines.push((stall.to, format!("logs come from {half}{common:?}")));
    }
    if let Some(register) = &scenario.register {
        both(&register.unreadable, ["the list cannot be read", "the list can be read"], lines);
        both(&register.lacking, ["the list lacks many", "the list is whole"], lines);
    }
    for channel in scenario.post.iter().flat_map(|post| &post.channels) {
        for trouble in &channel.troubles {
            lines.push((trouble.from, format!("trouble with {}: {:?}", channel.name, trouble.how)));
            lines.push((trouble.to, format!("{} works", channel.name)));
        }
    }
    for silence in scenario.post.iter().flat_map(|post| &post.silences) {
        lines.push((silence.from, format!("nobody wants to be told of {}*", silence.letter)));
        lines.push((silence.to(), format!("a silence of {}* is over", silence.letter)));
    }
    for wrong in &scenario.clock {
        lines.push((wrong.from, format!("this machine's clock is {} s ahead", wrong.ahead / SECOND)));
        lines.push((wrong.to, "this machine's clock is right".to_owned()));
    }
    for down in &scenario.down {
        lines.push((down.from, format!("log-monitor is {}", if down.killed { "killed" } else { "stopped" })));
        lines.push((down.to, "log-monitor is started".to_owned()));
    }
}

fn agent(scenario: &Scenario, place: usize, lines: &mut Lines) {
    let agent = &scenario.agents[place];
    let kind = scenario.kind_of(agent);
    let node = agent.node.as_deref().unwrap_or("no node");
    let allowed =
        format!("agent {} of {node}: {} and {} of grace", agent.id, span(kind.interval), span(kind.grace));
    lines.push((i64::MIN, allowed));
    if let Some(gateways) = scenario.gateways.as_ref().filter(|gateways| gateways.are_before(agent)) {
        let ids: Vec<&str> =
            gateways.places.iter().map(|place| scenario.agents[*place].id.as_str()).collect();
        lines.push((i64::MIN, format!("behind {}, {:?} of them", ids.join(" and "), gateways.quorum)));
        for place in &gateways.places {
            let id = &scenario.agents[*place].id;
            both(&scenario.agents[*place].outages, [&format!("{id} stops"), &format!("{id} works")], lines);
        }
    }
    for (document, next) in agent.documents.iter().zip(agent.documents.iter().skip(1)) {
        // What comes and goes as it should is not worth a line.
        let late = document.visible - document.at;
        if late >= MINUTE || next.visible - document.at >= kind.threshold() {
            lines.push((document.at, format!("    a document, to be found {} later", span(late))));
        }
    }
    both(&agent.listed, ["it is put on the list", "it is taken off the list"], lines);
    both(&kind.hours.expected, ["it is expected to log", "it is not expected to log"], lines);
    both(&agent.jams, ["its documents wait to be indexed", "its documents are indexed"], lines);
    both(&agent.sparse, ["it logs less than it should", "it logs as much as it should"], lines);
    both(&agent.outages, ["it stops logging", "it logs again"], lines);
    let truth = Truth::of(scenario, &[]);
    both(&truth.overdue[place], ["it is overdue", "it is not overdue any more"], lines);
    let few = &truth.few[place];
    both(&few.perhaps, ["it may have logged too little", "it has logged enough"], lines);
    both(&few.surely, ["it has logged too little for sure", "it may have logged enough"], lines);
}

fn both(spans: &Spans, said: [&str; 2], lines: &mut Lines) {
    for (from, to) in spans.iter() {
        lines.extend((from > i64::MIN).then(|| (from, said[0].to_owned())));
        lines.push((to, said[1].to_owned()));
    }
}

/// Whether an event belongs into the story.
fn concerns(scenario: &Scenario, told: &Told, wrong: &Wrong) -> bool {
    let is_before =
        |place| scenario.gateways.as_ref().is_some_and(|gateways| gateways.places.contains(&place));
    let of_other = told.event.entity.as_ref().is_some_and(|entity| {
        entity.id.starts_with(char::is_alphabetic)
            && !entity.id.contains('=')
            && Some(Scenario::place(&entity.id)) != wrong.agent
            && !is_before(Scenario::place(&entity.id))
    });
    !of_other
}

fn said(told: &Told) -> String {
    let event = &told.event;
    let who = event.entity.as_ref().map_or(event.scope.as_str(), |entity| entity.id.as_str());
    let part = event.part_of.map(|whole| format!(", part of #{whole}")).unwrap_or_default();
    format!("--> #{} {} {who} ({}{part})", event.incident.unwrap_or_default(), event.kind, event.cause)
}

fn sent(letter: &Letter) -> String {
    let Letter { channel, notification, answer, .. } = letter;
    let key = notification.idempotency_key.rsplit('-').next().unwrap_or_default();
    let ids: Vec<i64> = notification.events.iter().filter_map(|event| event.incident).collect();
    let doubt = if notification.possible_duplicate { ", possible duplicate" } else { "" };
    format!("    {channel} gets {key} ({:?} {ids:?}{doubt}): {answer:?}", notification.kind)
}

/// `12d 03:04:05`, since the beginning.
fn clock(at: i64) -> String {
    let (day, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    format!(
        "{day:>3}d {:02}:{:02}:{:02}.{:03}",
        rest / HOUR,
        rest % HOUR / MINUTE,
        rest % MINUTE / SECOND,
        rest % SECOND
    )
}

fn span(millis: i64) -> String {
    match millis {
        0..MINUTE => format!("{}.{:03} s", millis / SECOND, millis % SECOND),
        MINUTE..HOUR => format!("{} min {} s", millis / MINUTE, millis % MINUTE / SECOND),
        _ => format!("{} h {} min", millis / HOUR, millis % HOUR / MINUTE),
    }
}
