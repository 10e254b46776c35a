//! What was learnt, as TOML that can be pasted: what is for people is in comments.

use std::fmt::Write as _;
use std::time::Duration;

use log_monitor_channels::text::one_line;

use super::{Learnt, Lesson, classes};
use crate::cli::table;
use crate::config::Agent;
use crate::config::duration::{human, written};
use crate::config::toml_text::key;
use crate::config::windows;
use crate::history::advice::{Advice, Choice, ENOUGH};
use crate::journal::events::time;

/// How to read it, and what is not learnt.
const NOTES: [&str; 21] = [
    "Each column: an interval, and how many false alarms a week it would have given (with the grace of today,",
    "without it where `min_events` counts). p99 and p99.9 are the gap that so many of all gaps do not exceed,",
    "rounded up. SUGGESTED is the shortest of them with at most one false alarm in four weeks. With `min_events`",
    "a gap is the time that so many logs took, and an alarm is a time with fewer of them in an interval, however",
    "long it goes on.",
    "Here every gap that is longer counts as false; `backtest`, which knows flapping and stalls, calls only",
    "that false of which the agent logs again within one more interval.",
    "",
    "Outages are not learnt as normal. Left out are: gaps of over an hour that are more than four times as",
    "long as 99 % of the agent's gaps and came less than once a week (or once), if at least half as long",
    "counts as again; the time in which nobody of the watch logged; and a silence that goes on now. The",
    "journal's incidents are not asked: with an interval that is too short a habit is one, too.",
    "",
    "Hours are suggested to who regularly pauses for four hours or more, at the same hours of each week (two",
    "weeks at least; one log in five weeks is no habit), if that allows a shorter interval. At other times",
    "its silence would not be told. Choose the clock with --time-zone.",
    "",
    "Intervals by agent win over classes. The table takes the place of one of the same name; what that has",
    "today and is not to change is in it. Of classes the first that matches holds, so put these before",
    "others; where the file says `intervals = { ... }` or `classes = [ ... ]`, they go in there.",
    "The result can be checked: log-monitor check-config, log-monitor backtest.",
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
    let watch = one_line(&learnt.watch.name, 80);
    let step = human(millis(learnt.step));
    comment(
        out,
        &format!("Watch {watch}, {} to {}, in steps of {step}", at(learnt.span.0), at(learnt.span.1)),
    );
    if learnt.all_quiet > 0 {
        comment(out, &format!("For {} of that nobody logged.", human(millis(learnt.all_quiet))));
    }
    comment(out, "");
    let header = ["agent", "gaps", "longest", "now", "p99", "p99.9", "max x 1.5", "suggested", ""];
    let mut rows = table::table(&header);
    for lesson in &learnt.lessons {
        let logs = lesson.first.is_some();
        rows.add_row(row(name(lesson.agent), &lesson.advice, logs, &remarks(lesson, learnt)));
        if let Some((in_week, within)) = &lesson.hours {
            rows.add_row(row("  in its hours".to_owned(), within, true, &windows::sentence(in_week)));
        }
    }
    table::lines(rows).iter().for_each(|line| comment(out, &format!("  {line}")));
    comment(out, "");
}

fn row(who: String, advice: &Advice, logs: bool, remarks: &str) -> Vec<String> {
    let suggested = match (advice.suggested, advice.gaps) {
        (Some(interval), _) => written(interval),
        (None, _) if !logs => "no logs".to_owned(),
        (None, ..ENOUGH) => "too few logs".to_owned(),
        (None, _) => "none is quiet".to_owned(),
    };
    let longest = if advice.longest == 0 { "-".to_owned() } else { human(millis(advice.longest)) };
    let start = [who, advice.gaps.to_string(), longest];
    let choices =
        advice.choices.iter().map(|one| if advice.gaps == 0 { "-".to_owned() } else { choice(one) });
    start.into_iter().chain(choices).chain([suggested, remarks.to_owned()]).collect()
}

/// What is worth knowing of how that was learnt.
fn remarks(lesson: &Lesson<'_>, learnt: &Learnt<'_>) -> String {
    let asked = learnt.span.1 - learnt.span.0;
    let known = lesson.first.map(|first| learnt.span.1 - first).filter(|known| known * 10 < asked * 9);
    let short = known.map(|known| format!("known for {} only", human(millis(known))));
    let left_out = match lesson.advice.left_out.as_slice() {
        [] => None,
        [one] => Some(format!("left out: {}", human(millis(*one)))),
        [.., longest] => {
            Some(format!("left out: {}, up to {}", lesson.advice.left_out.len(), human(millis(*longest))))
        }
    };
    let counts = lesson.policy.min_events.filter(|_| lesson.first.is_some());
    let counted = counts.map(|least| format!("for {least} logs (`min_events`)"));
    short.into_iter().chain(left_out).chain(counted).collect::<Vec<_>>().join("; ")
}

/// Id and label on one line.
pub fn name(agent: &Agent) -> String {
    one_line(&format!("{} {}", agent.id, agent.label), 40)
}

fn choice(choice: &Choice) -> String {
    match choice.interval {
        Some(interval) => format!("{} {:.1}", written(interval), choice.per_week),
        None => "over 1d".to_owned(),
    }
}

/// The tables of one watch; nothing where all is well.
fn tables(out: &mut String, learnt: &Learnt<'_>) {
    let changed =
        |lesson: &&Lesson<'_>| lesson.suggested().is_some_and(|interval| interval != lesson.policy.interval);
    let any = learnt.lessons.iter().any(|lesson| changed(&lesson));
    if !any && learnt.lessons.iter().all(|lesson| lesson.hours.is_none()) {
        let _ = writeln!(out, "\n# Watch {}: nothing to change.", one_line(&learnt.watch.name, 80));
        return;
    }
    let _ = writeln!(out);
    if any {
        let _ = writeln!(out, "[watches.{}.intervals]", key(&learnt.watch.name));
        learnt.lessons.iter().filter(changed).for_each(|lesson| interval(out, lesson));
        let replaced = |id: &str| learnt.lessons.iter().filter(changed).any(|lesson| lesson.agent.id == id);
        for (id, interval) in learnt.watch.intervals.iter().filter(|(id, _)| !replaced(id)) {
            let _ = writeln!(out, "{} = \"{}\"  # as it is", key(id), written(*interval));
        }
    }
    classes::tables(out, learnt);
}

fn interval(out: &mut String, lesson: &Lesson<'_>) {
    let suggested = written(lesson.suggested().unwrap_or_default());
    let now = written(lesson.policy.interval);
    let within = if lesson.has_own_hours() { "; needs the class below" } else { "" };
    let label = one_line(&format!("{} (now {now}{within})", lesson.agent.label), 80);
    let _ = writeln!(out, "{} = \"{suggested}\"  # {label}", key(&lesson.agent.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, Settings, Watch, load};
    use crate::history::advice::{Habit, advise};
    use crate::history::waits::Wait;
    use crate::monitor::fixtures::watch;

    const MINUTE: i64 = 60_000;
    const SPAN: (i64, i64) = (0, 14 * 1440 * MINUTE);

    fn advice(minutes: i64) -> Advice {
        let long = vec![Wait::for_one(minutes * MINUTE); 500];
        let habit = Habit { long: &long, short: 100, shortest: 2 * MINUTE, span: SPAN.1 };
        advise(habit, Duration::from_secs(900), Duration::from_secs(60))
    }

    fn lesson<'a>(watch: &'a Watch, at: usize, minutes: i64) -> Lesson<'a> {
        let (agent, advice) = (&watch.agents[at], advice(minutes));
        Lesson { agent, policy: watch.policy(agent), first: Some(0), advice, hours: None }
    }

    fn printed(watch: &Watch, lessons: Vec<Lesson<'_>>) -> String {
        let zone = chrono_tz::Tz::Europe__Rome;
        text(&[Learnt { watch, span: SPAN, step: MINUTE, zone, all_quiet: 0, lessons }])
    }

    /// A minimal configuration with the patch after it.
    fn loaded(watch: &str, patch: &str) -> Settings {
        let folder = tempfile::TempDir::new().unwrap();
        let config = folder.path().join("log-monitor.toml");
        let minimal = format!(
            "schema = 1\n[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer:9200\"\nusername = \"u\"\n\
             password = \"p\"\n[watches.{watch}]\ndiscover = {{}}\n"
        );
        std::fs::write(&config, minimal + patch).unwrap();
        let inputs = Inputs {
            config: Some(config),
            env_dir: folder.path().to_owned(),
            variables: Vec::new(),
            flags: Vec::new(),
            host: "host".to_owned(),
        };
        let (channels, sources) =
            (log_monitor_channels::default_channels(), crate::source::default_sources());
        let loaded = load(&inputs, &channels, &sources);
        loaded.settings.unwrap_or_else(|| panic!("{}\n{patch}", loaded.diagnostics.render(false)))
    }

    #[test]
    fn what_is_printed_is_a_configuration_whatever_agents_are_called() {
        let mut watch = watch(&["001", "a\"b\\\n[x]\u{7f}", "003", "004"]);
        watch.name = "branch office".to_owned();
        watch.agents[1].label = "x\"\n[sources.evil]\r\nkind = 1".to_owned();
        watch.intervals.insert("003".to_owned(), Duration::from_secs(7200));
        watch.intervals.insert("001".to_owned(), Duration::from_secs(300));
        let lessons = [20, 100, 65, 9].into_iter().enumerate();
        let lessons = lessons.map(|(at, minutes)| lesson(&watch, at, minutes)).collect();
        let settings = loaded("'branch office'", &printed(&watch, lessons));
        let shown: Vec<_> =
            settings.watches[0].intervals.iter().map(|(id, at)| (id.as_str(), at.as_secs() / 60)).collect();
        assert_eq!(shown, [("001", 30), ("003", 120), ("004", 10), ("a\"b\\\n[x]\u{7f}", 120)]);
        assert_eq!(settings.sources.len(), 1);
    }

    #[test]
    fn hours_are_a_class_of_all_who_have_them_and_words_for_who_has_a_class() {
        let mut watch = watch(&["001", "0\"2", "003", "0*4"]);
        watch.classes = loaded("x", "classes = [{ match = { id = \"003\" } }]\n").watches.remove(0).classes;
        let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let mut days = [true; 7];
        days[5] = false;
        let window = |from, to| crate::config::calendar::Window { days, from: time(from), to: time(to) };
        let windows = vec![window(8, 18), window(22, 0)];
        let hours = |at| Lesson { hours: Some((windows.clone(), advice(9))), ..lesson(&watch, at, 100) };
        let text = printed(&watch, (0..4).map(hours).collect());
        let found = loaded("default", &text).watches.remove(0);
        let [class] = &found.classes[..] else { panic!("{text}") };
        let calendar = class.calendar.as_ref().unwrap();
        assert_eq!((&calendar.windows, calendar.zone), (&windows, chrono_tz::Tz::Europe__Rome));
        let matches = |id: &str| class.matcher.matches(|_| vec![id]);
        assert_eq!(["001", "0\"2", "003", "0*4", "004"].map(matches), [true, true, false, false, false]);
        // Within its hours for who gets them; for the others what suits at all hours.
        let minutes: Vec<u64> = found.intervals.values().map(|interval| interval.as_secs() / 60).collect();
        assert_eq!(minutes, [10, 120, 10, 120], "{:?}", found.intervals);
        let said = "# 003 host-003 logs mon-fri sun 08:00-18:00, mon-fri sun 22:00-24:00 (Europe/Rome) only: with these \
                    `windows` in its class 1, 10m would do.";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn whose_logs_are_counted_is_said() {
        let mut watch = watch(&["001", "002"]);
        watch.classes = loaded("x", "classes = [{ match = { id = \"001\" }, min_events = 9 }]\n")
            .watches
            .remove(0)
            .classes;
        let silent = Lesson { first: None, ..lesson(&watch, 0, 9) };
        let text = printed(&watch, vec![lesson(&watch, 0, 9), lesson(&watch, 1, 9), silent]);
        let counted = |line: &&str| line.ends_with("for 9 logs (`min_events`)");
        assert_eq!(text.lines().filter(counted).count(), 1, "{text}");
    }

    #[test]
    fn a_history_that_is_shorter_than_asked_is_said_to_be() {
        let watch = watch(&["001", "002"]);
        let old = Lesson { first: Some(1440 * MINUTE), ..lesson(&watch, 0, 9) };
        let new = Lesson { first: Some(11 * 1440 * MINUTE), ..lesson(&watch, 1, 9) };
        let text = printed(&watch, vec![old, new]);
        let line = |id: &str| text.lines().find(|line| line.contains(id)).unwrap().to_owned();
        assert!(line("host-002").ends_with("known for 3 d only"), "{text}");
        assert!(!line("host-001").contains("known for"), "{text}");
    }
}
