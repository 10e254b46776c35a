//! A backtest for people: the silences one by one, who makes most of them, and the sums.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use log_monitor_channels::text::one_line;

use super::{Shown, Told};
use crate::cli::table::{print, say, table};
use crate::clock::written;
use crate::config::duration::human;

/// What is called false.
const FALSE: &str = "False: whoever it tells of logged again by itself within one more interval of its own after the\n\
                     message (of a stall: an interval of the watch), so a longer interval would have kept quiet.";

/// How exact it is.
const EXACT: &str = "A step is the time between two rounds, a minute at least: what lasted less than a step longer than\n\
                     allowed may not be here. Documents count by their own time, as if none had come late.\n\
                     LOGGED AGAIN is the first log after the message's silence: who flaps may have paused again\n\
                     before its end would have been told.";

/// Who makes so many silences is named.
const MUCH: usize = 3;

/// Prints what was found, at most `limit` silences of it one by one.
pub fn show(all: &[Shown], limit: usize) {
    silences(all, limit);
    noisy(all);
    all.iter().for_each(|shown| say(summary(shown)));
    say(format!("{FALSE}\n\n{EXACT}"));
}

/// The newest silences, each by itself.
fn silences(all: &[Shown], limit: usize) {
    let mut told: Vec<(&str, &Told)> =
        all.iter().flat_map(|shown| shown.told.iter().map(|told| (shown.watch.as_str(), told))).collect();
    told.sort_by_key(|(_, told)| told.told);
    let earlier = told.len().saturating_sub(limit);
    let header = ["watch", "about", "last log before", "message", "logged again", "silent for", "false"];
    let mut rows = table(&header);
    for (watch, told) in &told[earlier..] {
        rows.add_row(row(watch, told));
    }
    print(rows, "nothing would have been told");
    if earlier > 0 {
        say(format!("and {earlier} earlier ones (--limit, --json)"));
    }
    say("");
}

/// Who makes most of it, where somebody makes much.
fn noisy(all: &[Shown]) {
    let mut counted: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
    for shown in all {
        for told in &shown.told {
            let (silences, wrong) = counted.entry((&shown.watch, about(told))).or_default();
            *silences += 1;
            *wrong += usize::from(told.r#false);
        }
    }
    let mut counted: Vec<_> = counted.into_iter().filter(|(_, (silences, _))| *silences >= MUCH).collect();
    counted.sort_by_key(|(_, (silences, _))| Reverse(*silences));
    let mut rows = table(&["watch", "most of all", "silences told", "false"]);
    for ((watch, about), (silences, wrong)) in counted.into_iter().take(10) {
        rows.add_row([watch.to_owned(), about, silences.to_string(), wrong.to_string()]);
    }
    if !rows.is_empty() {
        print(rows, "");
        say("");
    }
}

fn about(told: &Told) -> String {
    let who = match (told.about, told.id.is_empty()) {
        ("stall", true) => "stall: the watch".to_owned(),
        ("stall", false) => format!("stall: {}", one_line(&told.id, 40)),
        _ => one_line(&format!("{} {}", told.id, told.label), 40),
    };
    let few = if told.too_few_logs { " (too few logs)" } else { "" };
    format!("{who}{few}")
}

fn row(watch: &str, told: &Told) -> [String; 7] {
    let lasted =
        told.lasted_seconds.map(|seconds| human(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))));
    [
        watch.to_owned(),
        about(told),
        told.since.map_or_else(|| "never".to_owned(), written),
        written(told.told),
        told.back.map_or_else(|| if told.stopped { "stopped" } else { "not yet" }.to_owned(), written),
        lasted.unwrap_or_else(|| "-".to_owned()),
        if told.r#false { "yes" } else { "no" }.to_owned(),
    ]
}

fn summary(shown: &Shown) -> String {
    let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let step = human(Duration::from_secs(u64::try_from(shown.step_seconds).unwrap_or_default()));
    let mut text = format!(
        "Watch {}: {} from {} to {}, in steps of {step}\n  {} of silences (their ends and reminders not counted), {:.1} a day\n",
        one_line(&shown.watch, 80),
        count(shown.agents, "agent"),
        written(shown.from),
        written(shown.to),
        count(shown.messages, "message"),
        shown.messages_per_day,
    );
    if !shown.told.is_empty() {
        text.push_str(&format!(
            "  {} told, {} of them false\n",
            count(shown.told.len(), "silence"),
            shown.false_silences
        ));
    }
    if shown.part_of_stalls > 0 {
        text.push_str(&format!("  {} told with a stall only\n", count(shown.part_of_stalls, "silence")));
    }
    if !shown.silent_all_the_time.is_empty() {
        let silent = one_line(&shown.silent_all_the_time.join(", "), 120);
        text.push_str(&format!("  silent all the time, and so not told: {silent}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::events::time;

    #[test]
    fn who_logged_too_little_is_not_called_silent() {
        let told = Told {
            about: "agent",
            id: "001".to_owned(),
            label: "web".to_owned(),
            since: None,
            told: time(0),
            back: None,
            lasted_seconds: None,
            too_few_logs: true,
            stopped: false,
            r#false: false,
        };
        assert_eq!(row("default", &told)[1], "001 web (too few logs)");
    }
}
