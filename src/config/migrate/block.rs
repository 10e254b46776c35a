//! One `<integration>` as a channel and a route.

use std::fmt::Write as _;

use log_monitor_channels::Severity;
use log_monitor_channels::text::one_line;

use super::secret;
use super::target::Target;
use super::xml::{Block, Element};
use crate::config::reading::shown_name;
use crate::config::toml_text::quoted;
use crate::source::manager;

/// Wazuh's rules about agents that came; those about agents that went are [`manager::RULES`].
const STARTED: [&str; 2] = ["501", "503"];

/// Elements that choose alerts by what they are about. Of a silence only its severity is known.
const FILTERS: [&str; 3] = ["rule_id", "group", "event_location"];

/// Elements that are carried over, and the form of a file between two parts of Wazuh.
const USED: [&str; 3] = ["name", "level", "alert_format"];

/// Elements whose values are never shown: they are secrets, or may hold some.
const HIDDEN: [&str; 3] = ["api_key", "hook_url", "options"];

/// What is needed to say where something stands.
pub struct Place<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line of an offset.
    pub line: &'a dyn Fn(usize) -> usize,
}

impl Place<'_> {
    /// `ossec.conf:7`.
    pub fn of(&self, at: usize) -> String {
        format!("{}:{}", one_line(self.file, 120), (self.line)(at))
    }
}

/// Whether an integration told everything from a severity on, or only of agents: then it can be a route.
pub fn is_general(block: &Block) -> bool {
    let rules =
        block.get("rule_id").map(|rules| rules.value.split([',', '|', ' ']).filter(|id| !id.is_empty()));
    let about_agents =
        rules.map(|mut ids| ids.all(|id| STARTED.contains(&id) || manager::RULES.contains(&id)));
    about_agents != Some(false) && block.get("group").is_none() && block.get("event_location").is_none()
}

/// The level as the lowest severity that is told, as Wazuh's dashboard names levels (4.9: low to 6,
/// medium from 7, high from 12, critical from 15).
///
/// # Errors
/// When it is no level.
pub fn severity(level: &Element) -> Result<Severity, String> {
    match level.value.parse::<u8>() {
        Ok(0..=6) => Ok(Severity::Info),
        Ok(7..=11) => Ok(Severity::Medium),
        Ok(12..=14) => Ok(Severity::High),
        Ok(15..=16) => Ok(Severity::Critical),
        _ => Err("<level> is a whole number from 0 to 16".to_owned()),
    }
}

/// The channel `name` and its route; all of it in comments where it lacks something.
pub fn tables(
    block: &Block,
    name: &str,
    target: Target,
    least: Option<Severity>,
    place: &Place<'_>,
) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "[channels.{name}]\nkind = {}", quoted(target.kind));
    let (secret_key, element) = target.secret;
    let at = block.get(element).map_or(block.at, |element| element.at);
    let variable = format!("{name}_{element}").to_uppercase();
    let (about, reference) = secret(&format!("<{element}>, {}", place.of(at)), &variable);
    let _ = writeln!(out, "{about}{secret_key} = {reference}");
    if target.insecure {
        out.push_str("insecure = true  # the address is plain http: anybody on the way can read it\n");
    }
    let _ = writeln!(out, "\n[[routes]]\nname = {}", quoted(name));
    out.push_str(&matches(block, least, place));
    let _ = writeln!(out, "steps = [{{ to = [{}] }}]", quoted(name));
    match lacks(block, target) {
        Some(_) => commented(&out),
        None => out,
    }
}

/// The same in comments.
pub fn commented(toml: &str) -> String {
    toml.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

/// What is said of an element that was left out.
pub fn no_counterpart(element: &Element, value: &str, place: &Place<'_>) -> String {
    let tag = shown_name(&element.name);
    format!("# Has no counterpart: <{tag}>{value}</{tag}>, {}\n", place.of(element.at))
}

/// What stands above the tables.
pub fn head(block: &Block, target: Option<Target>, place: &Place<'_>) -> String {
    let name = block.get("name").map_or_else(String::new, |name| shown_name(&name.value));
    let mut out = format!("\n# <integration> {name}, {}\n", place.of(block.at));
    for element in left_out(block, target) {
        let value = match HIDDEN.contains(&element.name.as_str()) {
            true => "…".to_owned(),
            false => one_line(&element.value, 120),
        };
        out.push_str(&no_counterpart(element, &value, place));
    }
    let notes = target.into_iter().flat_map(|target| [target.note.map(str::to_owned), lacks(block, target)]);
    for note in notes.flatten() {
        let _ = writeln!(out, "# {note}");
    }
    out
}

/// Why it cannot be used as it is.
pub fn lacks(block: &Block, target: Target) -> Option<String> {
    let general = is_general(block);
    let filtered =
        "It told of some alerts only, and log-monitor of none: as a route it would take every silence.";
    let lacks = target.lacks.map(|lacks| format!("Before it works: {lacks}"));
    lacks.or_else(|| (!general).then(|| filtered.to_owned()))
}

/// The elements that are not carried over.
pub fn left_out(block: &Block, target: Option<Target>) -> impl Iterator<Item = &Element> {
    let secret = target.map(|target| target.secret.1);
    let general = is_general(block);
    block.elements.iter().filter(move |element| {
        let name = element.name.as_str();
        let has_one = USED.contains(&name) || Some(name) == secret || name == "rule_id" && general;
        let is_it = block.get(name).is_some_and(|used| std::ptr::eq(used, *element));
        !(element.value.is_empty() || has_one && is_it)
    })
}

/// The condition of a route on severities from this one on.
pub fn severities(least: Severity) -> String {
    let names: Vec<String> =
        Severity::ALL.into_iter().filter(|one| *one >= least).map(|one| quoted(one.name())).collect();
    format!("severity = [{}]", names.join(", "))
}

/// What a route takes of what a block told.
pub fn matches(block: &Block, least: Option<Severity>, place: &Place<'_>) -> String {
    let events = (block.get("rule_id").is_some() && is_general(block))
        .then(|| "event = [\"agent_silent\", \"agent_recovered\"]".to_owned());
    let severity = least.filter(|least| *least > Severity::Info).map(severities);
    let conditions: Vec<String> = events.into_iter().chain(severity).collect();
    let from = FILTERS.into_iter().chain(["level"]).filter_map(|name| block.get(name));
    let from: Vec<String> = from.map(|one| format!("<{}>, {}", one.name, place.of(one.at))).collect();
    match (conditions.as_slice(), from.as_slice()) {
        ([], []) => String::new(),
        ([], from) => format!("# All severities: {}\n", from.join("; ")),
        (conditions, from) => format!("match = {{ {} }}  # {}\n", conditions.join(", "), from.join("; ")),
    }
}
