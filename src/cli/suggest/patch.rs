//! What was learnt, as TOML that can be pasted: what is for people is in comments.

use std::fmt::Write as _;
use std::time::Duration;

use log_monitor_channels::text::one_line;

use super::Learnt;
use crate::cli::table;
use crate::config::duration::{human, written};
use crate::config::{Agent, Policy};
use crate::history::advice::{Advice, Choice, ENOUGH};
use crate::journal::events::time;

/// How to read it, and what is not learnt.
const NOTES: [&str; 11] = [
    "Each column: an interval, and how many false alarms a week it would have given (with the grace of",
    "today). p99 and p99.9 are the gap that so many of all gaps do not exceed, rounded up. SUGGESTED is the",
    "shortest of them with at most one false alarm in four weeks.",
    "",
    "Outages are not learnt as normal. Left out are: gaps of over an hour that are more than four times as",
    "long as 99 % of the agent's gaps and came less than once a week (or once), if at least half as long",
    "counts as again; the time in which nobody of the watch logged; and a silence that goes on now. The",
    "journal's incidents are not asked: with an interval that is too short a habit is one, too.",
    "",
    "Intervals by agent win over classes. The table takes the place of one of the same name; what that has",
    "today and is not to change is in it.",
];

/// All of it.
#[must_use]
pub fn text(all: &[Learnt<'_>]) -> String {
    let mut out = "# Suggested intervals. Nothing was changed: paste what you want.\n#\n".to_owned();
    for learnt in all {
        head(&mut out, learnt);
    }
    for line in NOTES {
        comment(&mut out, line);
    }
    all.iter().for_each(|learnt| tables(&mut out, learnt));
    out
}

fn comment(out: &mut String, line: &str) {
    let _ = writeln!(out, "{}", format!("# {line}").trim_end());
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn head(out: &mut String, learnt: &Learnt<'_>) {
    let at = |millis| crate::clock::written(time(millis));
    let name = one_line(&learnt.watch.name, 80);
    let step = human(millis(learnt.step));
    comment(
        out,
        &format!("Watch {name}, {} to {}, in steps of {step}", at(learnt.span.0), at(learnt.span.1)),
    );
    if learnt.all_quiet > 0 {
        comment(out, &format!("For {} of that nobody logged.", human(millis(learnt.all_quiet))));
    }
    comment(out, "");
    let header = ["agent", "gaps", "longest", "now", "p99", "p99.9", "max x 1.5", "suggested", ""];
    let mut rows = table::table(&header);
    for (agent, _, advice) in &learnt.agents {
        rows.add_row(row(agent, advice));
    }
    table::lines(rows).iter().for_each(|line| comment(out, &format!("  {line}")));
    comment(out, "");
}

fn row(agent: &Agent, advice: &Advice) -> Vec<String> {
    let suggested = match (advice.suggested, advice.gaps) {
        (Some(interval), _) => written(interval),
        (None, 0) => "never logged".to_owned(),
        (None, ..ENOUGH) => "too few logs".to_owned(),
        (None, _) => "none is quiet".to_owned(),
    };
    let left_out = match advice.left_out.as_slice() {
        [] => String::new(),
        [one] => format!("left out: {}", human(millis(*one))),
        [.., longest] => format!("left out: {}, up to {}", advice.left_out.len(), human(millis(*longest))),
    };
    let longest = if advice.longest == 0 { "-".to_owned() } else { human(millis(advice.longest)) };
    let start = [name(agent), advice.gaps.to_string(), longest];
    let choices =
        advice.choices.iter().map(|one| if advice.gaps == 0 { "-".to_owned() } else { choice(one) });
    start.into_iter().chain(choices).chain([suggested, left_out]).collect()
}

fn name(agent: &Agent) -> String {
    one_line(&format!("{} {}", agent.id, agent.label), 40)
}

fn choice(choice: &Choice) -> String {
    match choice.interval {
        Some(interval) => format!("{} {:.1}", written(interval), choice.per_week),
        None => "over 1d".to_owned(),
    }
}

/// The table of one watch; nothing where all is well.
fn tables(out: &mut String, learnt: &Learnt<'_>) {
    let changed = |(_, policy, advice): &&(&Agent, Policy, Advice)| {
        advice.suggested.is_some_and(|interval| interval != policy.interval)
    };
    if !learnt.agents.iter().any(|agent| changed(&agent)) {
        let _ = writeln!(out, "\n# Watch {}: nothing to change.", one_line(&learnt.watch.name, 80));
        return;
    }
    let _ = writeln!(out, "\n[watches.{}.intervals]", key(&learnt.watch.name));
    for entry in learnt.agents.iter().filter(changed) {
        let (agent, policy, advice) = entry;
        let suggested = written(advice.suggested.unwrap_or_default());
        let label = format!("{} (now {})", agent.label, written(policy.interval));
        let _ = writeln!(out, "{} = \"{suggested}\"  # {}", key(&agent.id), one_line(&label, 80));
    }
    let replaced = |id: &str| learnt.agents.iter().filter(changed).any(|(agent, ..)| agent.id == id);
    for (id, interval) in learnt.watch.intervals.iter().filter(|(id, _)| !replaced(id)) {
        let _ = writeln!(out, "{} = \"{}\"  # as it is", key(id), written(*interval));
    }
}

/// A key as TOML writes it, whatever is in it.
fn key(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(bare) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        text.clone_into(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::advice::{Habit, advise};
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;

    #[test]
    fn what_is_printed_is_valid_toml_whatever_agents_are_called() {
        let mut watch = watch(&["001", "a\"b\\\n[x]\u{7f}", "003", "004"]);
        watch.name = "branch office".to_owned();
        watch.agents[1].label = "x\"\n[sources.evil]\r\nkind = 1".to_owned();
        watch.intervals.insert("003".to_owned(), Duration::from_secs(7200));
        watch.intervals.insert("001".to_owned(), Duration::from_secs(300));
        let gaps = |minutes: i64| vec![minutes * MINUTE; 500];
        let of = |(agent, long): (_, Vec<i64>)| {
            let policy = watch.policy(agent);
            let habit = Habit { long: &long, short: 100, shortest: 2 * MINUTE, span: 14 * 1440 * MINUTE };
            let advice = advise(habit, policy.interval, policy.grace);
            (agent, policy, advice)
        };
        let agents = watch.agents.iter().zip([gaps(20), gaps(100), gaps(65), gaps(9)]).map(of).collect();
        let learnt =
            Learnt { watch: &watch, span: (0, 14 * 1440 * MINUTE), step: MINUTE, all_quiet: 0, agents };
        let text = text(&[learnt]);
        let read: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
        let intervals = read["watches"]["branch office"]["intervals"].as_table().unwrap();
        let shown: Vec<_> = intervals.iter().map(|(id, at)| (id.as_str(), at.as_str().unwrap())).collect();
        let expected = [("001", "30m"), ("a\"b\\\n[x]\u{7f}", "2h"), ("003", "2h"), ("004", "10m")];
        assert_eq!(shown.len(), 4);
        assert!(expected.iter().all(|one| shown.contains(one)), "{shown:?}\n{text}");
        assert_eq!(read.len(), 1, "{text}");
    }
}
