//! The coverage of a month: of each agent, and of what agents have in common. Pure.

use std::collections::{BTreeMap, HashMap};

use super::coverage::{Coverage, Lack};
use super::{Span, cut};
use crate::config::{Agent, Policy, Watch};
use crate::journal::past::Silence;

/// What is known of the past of one watch.
pub struct Past<'a> {
    /// The watch, with everybody in it.
    pub watch: &'a Watch,
    /// Its silences, of agents that are no longer in it, too.
    pub silences: Vec<&'a Silence>,
    /// When nobody looked.
    pub blind: Vec<Span>,
}

/// Whom a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All agents of a watch.
    Watch,
    /// Those of one of its classes.
    Class,
    /// Those of a group in Wazuh.
    Group,
    /// Those with a label.
    Label,
    /// One agent.
    Agent,
    /// An agent that is no longer watched. How long it was is not known.
    Former,
}

impl Kind {
    /// As reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Class => "class",
            Self::Group => "group",
            Self::Label => "label",
            Self::Agent => "agent",
            Self::Former => "former agent",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whom it is about.
    pub kind: Kind,
    /// The watch.
    pub watch: String,
    /// The agent's id, or what the group is called. Hostile input.
    pub name: String,
    /// The agent's label. Hostile input.
    pub label: String,
    /// How it was covered.
    pub coverage: Coverage,
}

/// The lines of a watch: what agents have in common first, then each agent. `window` is the part of
/// the month that is known.
#[must_use]
pub fn rows(past: &Past<'_>, window: Span) -> Vec<Row> {
    let name = &past.watch.name;
    let mut groups: BTreeMap<(Kind, String), Coverage> = BTreeMap::new();
    let mut silences: HashMap<&str, Vec<&Silence>> = HashMap::new();
    let later = later(past.watch, window);
    // Who was watched before, and is watched anew, has a past.
    let is_past = |silence: &&&Silence| {
        later.get(&*silence.key).is_none_or(|since| silence.to.is_some_and(|to| to <= *since))
    };
    for silence in past.silences.iter().filter(is_past) {
        silences.entry(&silence.key).or_default().push(silence);
    }
    let mut agents = Vec::with_capacity(past.watch.agents.len());
    for agent in past.watch.agents.iter().filter(|agent| !later.contains_key(&*agent.id)) {
        let policy = past.watch.policy(agent);
        let own = lacks(silences.remove(agent.id.as_str()).as_deref().unwrap_or_default(), window);
        let expected = watched(agent, window).map_or_else(Vec::new, |(from, to)| policy.expected(from, to));
        let coverage = Coverage::of_agent(&agent.id, &expected, &past.blind, &own);
        for group in groups_of(past.watch, agent, &policy) {
            groups.entry(group).or_default().add(&coverage);
        }
        agents.push(row(Kind::Agent, name, &agent.id, &agent.label, coverage));
    }
    let mut former: Vec<Row> = silences.into_values().map(|of_one| former(name, &of_one, window)).collect();
    former.sort_by(|a, b| a.name.cmp(&b.name));
    let groups = groups.into_iter().map(|((kind, group), coverage)| row(kind, name, &group, "", coverage));
    groups.chain(agents).chain(former).collect()
}

fn row(kind: Kind, watch: &str, name: &str, label: &str, coverage: Coverage) -> Row {
    Row { kind, watch: watch.to_owned(), name: name.to_owned(), label: label.to_owned(), coverage }
}

/// What they lacked; a silence that goes on lasts until the end of what is known.
fn lacks(silences: &[&Silence], window: Span) -> Vec<Lack> {
    let lack = |silence: &&Silence| {
        let span = cut((silence.from, silence.to.unwrap_or(window.1)), window)?;
        Some(Lack { span, few: silence.few, late: silence.late.unwrap_or_default() })
    };
    silences.iter().filter_map(lack).collect()
}

/// The part of `window` in which an agent was watched, as far as that is known.
fn watched(agent: &Agent, window: Span) -> Option<Span> {
    cut((agent.known_since().unwrap_or(window.0), window.1), window)
}

/// Who is watched only since after `window`, by id, and since when.
fn later(watch: &Watch, window: Span) -> HashMap<&str, i64> {
    let since = watch.agents.iter().filter_map(|agent| Some((&*agent.id, agent.known_since()?)));
    since.filter(|(_, since)| *since >= window.1).collect()
}

/// An agent that is no longer in the watch: its silences are known, how long it was watched is not.
fn former(watch: &str, silences: &[&Silence], window: Span) -> Row {
    let last = silences[silences.len() - 1];
    let lacks = lacks(silences, window);
    let coverage = Coverage { watched: 0, ..Coverage::of_agent(&last.key, &[window], &[], &lacks) };
    row(Kind::Former, watch, &last.key, &last.label, coverage)
}

/// What an agent has in common with others.
fn groups_of(watch: &Watch, agent: &Agent, policy: &Policy) -> Vec<(Kind, String)> {
    let mut groups = vec![(Kind::Watch, watch.name.clone())];
    if !watch.classes.is_empty() {
        let class = policy.class.map(|number| format!("{number}: {}", watch.classes[number - 1].matcher));
        groups.push((Kind::Class, class.unwrap_or_else(|| "none".to_owned())));
    }
    let in_wazuh = agent.listed.iter().flat_map(|listed| &listed.groups);
    groups.extend(in_wazuh.map(|group| (Kind::Group, group.clone())));
    let labels = policy.labels.iter().filter(|(key, _)| *key != "severity");
    groups.extend(labels.map(|(key, value)| (Kind::Label, format!("{key}={value}"))));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::matcher::Matcher;
    use crate::config::{Class, ListedAs};
    use crate::monitor::fixtures::watch;

    fn silence(key: &str, from: i64, to: Option<i64>) -> Silence {
        let text = |text: &str| text.to_owned();
        Silence { watch: text("default"), key: text(key), label: text("x"), few: false, from, to, late: None }
    }

    fn watched() -> Watch {
        let mut watch = watch(&["001", "002", "fw-1"]);
        watch.agents[1].listed =
            Some(ListedAs { groups: vec!["prod".to_owned()], watched_from: Some(50), ..ListedAs::default() });
        watch.classes = vec![Class {
            matcher: Matcher::new([("id", vec!["fw-*"])]),
            interval: None,
            grace: None,
            min_events: None,
            calendar: None,
            max_time_to_notify: None,
            labels: BTreeMap::from([("site".to_owned(), "MIL".to_owned())]),
        }];
        watch
    }

    #[test]
    fn agents_are_told_one_by_one_and_by_what_they_share() {
        let watch = watched();
        let few = Silence { few: true, ..silence("002", 60, Some(70)) };
        let known =
            [silence("001", -20, Some(10)), few, silence("fw-1", 75, None), silence("gone", 5, Some(15))];
        let past = Past { watch: &watch, silences: known.iter().collect(), blind: Vec::new() };
        let shown: Vec<_> = rows(&past, (0, 100))
            .into_iter()
            .map(|row| (row.kind.name(), row.name, row.coverage.watched, row.coverage.silent))
            .collect();
        let line = |kind, name: &str, watched, silent| (kind, name.to_owned(), watched, silent);
        let expected = [
            line("watch", "default", 250, 35),
            line("class", "1: id=fw-*", 100, 25),
            line("class", "none", 150, 10),
            line("group", "prod", 50, 0),
            line("label", "site=MIL", 100, 25),
            line("agent", "001", 100, 10),
            line("agent", "002", 50, 0),
            line("agent", "fw-1", 100, 25),
            line("former agent", "gone", 0, 10),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn who_is_known_only_since_later_is_in_no_report_of_before_but_with_what_it_was_then() {
        let mut watch = watch(&["001", "002"]);
        watch.agents[1].listed = Some(ListedAs { listed_since: Some(150), ..ListedAs::default() });
        // Of its earlier time, and one that it had when it was enrolled.
        let known = [silence("002", 20, Some(60)), silence("002", 90, Some(160))];
        let shown = |known: &[Silence], window| {
            let past = Past { watch: &watch, silences: known.iter().collect(), blind: Vec::new() };
            let rows = rows(&past, window).into_iter();
            let agents = rows.filter(|row| row.kind != Kind::Watch);
            agents.map(|row| (row.kind.name(), row.name, row.coverage.silent)).collect::<Vec<_>>()
        };
        let line = |kind, name: &str, silent| (kind, name.to_owned(), silent);
        assert_eq!(shown(&known[1..], (0, 100)), [line("agent", "001", 0)]);
        assert_eq!(shown(&known, (0, 100)), [line("agent", "001", 0), line("former agent", "002", 40)]);
        assert_eq!(shown(&known[1..], (100, 200)), [line("agent", "001", 0), line("agent", "002", 10)]);
    }
}
