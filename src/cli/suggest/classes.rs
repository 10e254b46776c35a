//! The hours that were learnt, as classes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use log_monitor_channels::text::one_line;

use super::patch::name;
use super::{Learnt, Lesson};
use crate::config::calendar::Window;
use crate::config::duration::written;
use crate::config::toml_text::{key, quoted};
use crate::config::windows::{clock, days, sentence};

/// A class for all that log in the same hours; of those that have a class, what could stand there.
pub fn tables(out: &mut String, learnt: &Learnt<'_>) {
    let mut alike: BTreeMap<String, Vec<&Lesson<'_>>> = BTreeMap::new();
    for lesson in &learnt.lessons {
        let Some((windows, within)) = &lesson.hours else { continue };
        match lesson.has_own_hours() {
            true => alike.entry(toml(windows)).or_default().push(lesson),
            false => {
                let class =
                    lesson.policy.class.map_or_else(String::new, |class| format!(" in its class {class}"));
                let _ = writeln!(
                    out,
                    "# {} logs {} ({}) only: with these `windows`{class}, {} would do.",
                    name(lesson.agent),
                    sentence(windows),
                    learnt.zone,
                    written(within.suggested.unwrap_or_default())
                );
            }
        }
    }
    for (windows, lessons) in alike {
        let ids: Vec<String> = lessons.iter().map(|lesson| quoted(&lesson.agent.id)).collect();
        let names: Vec<&str> = lessons.iter().map(|lesson| lesson.agent.label.as_str()).collect();
        let _ = writeln!(out, "\n# {}", one_line(&names.join(", "), 100));
        let _ = writeln!(out, "[[watches.{}.classes]]", key(&learnt.watch.name));
        let _ = writeln!(out, "match = {{ id = [{}] }}\nwindows = [{windows}]", ids.join(", "));
        let _ = writeln!(out, "time_zone = {}", quoted(learnt.zone.name()));
    }
}

fn toml(windows: &[Window]) -> String {
    let one = |window: &Window| {
        let days: Vec<String> = days(window).iter().map(|day| quoted(day)).collect();
        let (from, to) = clock(window);
        format!("{{ days = [{}], from = {}, to = {} }}", days.join(", "), quoted(&from), quoted(&to))
    };
    windows.iter().map(one).collect::<Vec<_>>().join(", ")
}
