//! What is found out about an entity whose message is about to be written. Pure.

use log_monitor_channels::Severity;
use log_monitor_channels::text::one_line;

use super::cause::Cause;
use super::fleet::flaps::hold;
use super::window::Window;
use super::words::span;
use crate::clock::written;
use crate::config::Suspicion as Rules;
use crate::journal::entities::Logging;
use crate::journal::events::time;
use crate::journal::spells::Spell;
use crate::source::{Heard, Word};

/// So many of the last documents are named.
const NAMED: usize = 3;

/// What is known beside the bare fact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finding {
    /// Why it is silent.
    pub cause: Cause,
    /// How many documents have come late, if that is why.
    pub late: Option<u64>,
    /// How far its newest document is ahead of now, in milliseconds, if any is.
    pub ahead: Option<i64>,
    /// What it logged last, if that makes its silence suspicious.
    pub suspicion: Option<Suspicion>,
    /// How often it has fallen silent lately, if that is flapping.
    pub flapping: Option<Flapping>,
    /// Since when it logs again, in milliseconds.
    pub back: Option<i64>,
    /// When it has logged in between, if it flaps.
    pub logged: Vec<Spell>,
    /// How much of its silence is filled by now, once it logs again.
    pub blind: Option<Blind>,
    /// The maintenance that ended before it was told.
    pub maintenance: Option<Window>,
    /// A gateway that is back explained its silence until now.
    pub behind_gateway: bool,
    /// How it logged all the same, if what ends now was no silence.
    pub logging: Logging,
}

/// An entity that falls silent again and again. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// This silence is its `count`th lately.
    pub count: usize,
    /// How long it has to log before the end of this one is told.
    pub hold: i64,
}

impl Flapping {
    /// If this is one silence too many; `count` with this one.
    #[must_use]
    pub fn of(count: usize, threshold: i64) -> Option<Self> {
        let hold = hold(count, threshold);
        (hold > 0).then_some(Self { count, hold })
    }

    /// What that means, for people.
    #[must_use]
    pub fn sentence(self) -> String {
        format!(
            "It is flapping: this is its {}. silence in short time. Its end is told once it has logged for {} without a \
             pause; what it does until then is not.",
            self.count,
            span(self.hold)
        )
    }

    /// The same of what many share.
    #[must_use]
    pub fn of_stall(self) -> String {
        format!(
            "It is flapping: this is its {}. stall in short time. Its end is told once there has been none for {} at \
             least: for longer after each further one.",
            self.count,
            span(self.hold)
        )
    }

    /// The same of a source, which answers or does not.
    #[must_use]
    pub fn of_source(self) -> String {
        format!(
            "It is flapping: this is its {}. outage in short time. Its end is told once it has answered for {} without \
             a failure.",
            self.count,
            span(self.hold)
        )
    }
}

/// The last documents before a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// How bad that makes it.
    pub severity: Severity,
    /// Those that are suspicious, the newest first.
    pub words: Vec<Word>,
}

impl Suspicion {
    /// Since when documents count: up to `within` before the last sign of life, and at any time after it,
    /// as what the manager writes about an agent is no sign of its life.
    #[must_use]
    pub fn earliest(last_seen: Option<i64>, rules: &Rules) -> Option<i64> {
        let within = i64::try_from(rules.within.as_millis()).unwrap_or(i64::MAX / 4);
        last_seen.map(|seen| seen.saturating_sub(within))
    }

    /// Those of the last documents that count and that the rules name.
    #[must_use]
    pub fn of(words: Vec<Word>, last_seen: Option<i64>, rules: &Rules) -> Option<Self> {
        let earliest = Self::earliest(last_seen, rules)?;
        let words: Vec<Word> = words
            .into_iter()
            .filter(|word| word.at >= earliest && rules.names(&word.rule, word.level, &word.groups))
            .collect();
        (!words.is_empty()).then_some(Self { severity: rules.severity, words })
    }

    /// What happened before it, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let one = |word: &Word| {
            let description = one_line(&word.description, 120);
            format!(
                "{} rule {} (level {}): {}",
                written(time(word.at)),
                one_line(&word.rule, 16),
                word.level,
                description.trim_end_matches('.')
            )
        };
        let named: Vec<String> = self.words.iter().take(NAMED).map(one).collect();
        let more = match self.words.len() - named.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!("Suspicious, since just before it: {}{more}.", named.join("; "))
    }
}

/// A silence that is over, as the index shows it now. Times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Blind {
    /// The last log before it.
    pub from: i64,
    /// The first log after it.
    pub to: i64,
    /// How long of that it did not log, and how often it began to: it may flap.
    pub silent: i64,
    /// In so many parts.
    pub parts: usize,
    /// The part of that time of which logs are there by now: they arrived late. From 0 to 1; `None` = the
    /// source did not say.
    pub filled: Option<f64>,
}

impl Blind {
    /// From `from` to `to` without the times in which it `logged`.
    #[must_use]
    pub fn of(from: i64, to: i64, logged: &[Spell], filled: Option<f64>) -> Self {
        let silent = to - from - logged.iter().map(|spell| spell.ends - spell.begins).sum::<i64>();
        Self { from, to, silent, parts: logged.len() + 1, filled }
    }

    /// How much of that is filled: the part of its steps in which there is any document.
    #[must_use]
    pub fn filled(from: i64, to: i64, logged: &[Spell], heard: &[Heard], step: i64) -> f64 {
        let step = step.max(1);
        let number = |at: i64| (at - from) / step;
        let is_silent =
            |at: &i64| logged.iter().all(|spell| !(number(spell.begins)..=number(spell.ends)).contains(at));
        let steps = (0..number(to).max(1)).filter(is_silent).count().max(1);
        let within = heard.iter().filter(|heard| heard.newest > from && heard.newest < to);
        let filled: std::collections::BTreeSet<i64> =
            within.map(|heard| number(heard.newest)).filter(is_silent).collect();
        (filled.len() as f64 / steps as f64).min(1.0)
    }

    /// For people: `No logs from … to …, 2 h 34 min; 41 % of that time arrived late.`
    #[must_use]
    pub fn sentence(&self) -> String {
        let (from, to) = (written(time(self.from)), written(time(self.to)));
        let gap = match self.parts {
            1 => format!("No logs from {from} to {to}, {}", span(self.silent)),
            parts => format!(
                "No logs for {} between {from} and {to}, in {parts} parts (it logged in between)",
                span(self.silent)
            ),
        };
        format!("{gap}{}.", arrived(self.filled))
    }

    /// The same of an entity whose logs came late, behind the sentence that they arrive in time again.
    #[must_use]
    pub fn of_late(&self) -> String {
        let (from, to) = (written(time(self.from)), written(time(self.to)));
        format!("They did not from {from} to {to}, {}{}.", span(self.silent), arrived(self.filled))
    }
}

/// How much of a time arrived late, as it goes on behind the time.
#[must_use]
pub fn arrived(late: Option<f64>) -> String {
    match late.map(|late| (late * 100.0).round()) {
        None => String::new(),
        Some(0.0) => ", and none of that time arrived late".to_owned(),
        Some(100.0) => "; all of that time arrived late".to_owned(),
        Some(percent) => format!("; {percent} % of that time arrived late"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_226_200_000;

    fn word(before: i64, rule: &str, level: u8, group: &str) -> Word {
        let (rule, groups) = (rule.to_owned(), vec![group.to_owned()]);
        Word { at: NOW - before, rule, level, groups, description: format!("what {group} says\nand more.") }
    }

    #[test]
    fn a_cleared_log_a_stopped_service_or_a_high_level_just_before_is_suspicious_and_no_other_word_is() {
        let words = vec![
            word(-30_000, "506", 3, "wazuh"),
            word(60_000, "63103", 5, "log_clearing_auditlog"),
            word(90_000, "5501", 3, "pam"),
            word(120_000, "100100", 13, "local"),
            word(3_600_000, "593", 9, "logs_cleared"),
        ];
        let found = Suspicion::of(words.clone(), Some(NOW), &Rules::default()).unwrap();
        let rules: Vec<&str> = found.words.iter().map(|word| word.rule.as_str()).collect();
        assert_eq!((found.severity, rules), (Severity::High, vec!["506", "63103", "100100"]));
        let said = found.sentence();
        assert!(said.contains("rule 63103 (level 5): what log_clearing_auditlog says and more; "), "{said}");
        assert!(said.ends_with("says and more."), "{said}");
        assert_eq!(Suspicion::of(vec![words[2].clone()], Some(NOW), &Rules::default()), None);
        assert_eq!(Suspicion::of(words, None, &Rules::default()), None);
    }

    #[test]
    fn blind_time_says_how_much_of_it_is_there_by_now() {
        let heard = |minute: i64| Heard { key: "001".into(), newest: NOW + minute * 60_000, count: 3 };
        let of = |logged: &[Spell], heard: &[Heard]| {
            let to = NOW + 10 * 60_000;
            Blind::of(NOW, to, logged, Some(Blind::filled(NOW, to, logged, heard, 60_000))).sentence()
        };
        let blind = |heard: &[Heard]| of(&[], heard);
        let none = blind(&[heard(0), heard(10), heard(11)]);
        assert!(none.contains("to 2026-01-01 00:20:00 UTC, 10 min, and none of that time"), "{none}");
        assert!(
            blind(&[heard(2), heard(3), heard(3), heard(9)]).contains("; 30 % of that time arrived late")
        );
        // What it logged in between was there in time.
        let spell = Spell { begins: NOW + 120_000, ends: NOW + 239_999, noticed: NOW + 500_000 };
        let flapped = of(&[spell], &[heard(2), heard(3), heard(9), heard(9)]);
        assert!(flapped.starts_with("No logs for 8 min between"), "{flapped}");
        assert!(flapped.contains("in 2 parts (it logged in between); 13 % of that time"), "{flapped}");
    }
}
