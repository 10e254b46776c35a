//! `backtest`: what the watches as they are configured would have told of the last days. It writes
//! nothing down and sends nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Session;
use super::exit::Exit;
use super::learning::{Looked, subjects, unreadable, window};
use crate::history::read::read;
use crate::history::replay::{Found, Replay};
use crate::journal::events::time;
use crate::monitor::fleet::Fleet;
use crate::monitor::{Setup, gather};
use crate::source::SourceError;

mod show;

/// Arguments of `backtest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// So many days back
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// List at most this many silences, the newest
    #[arg(long, default_value_t = 40, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    looked: Looked,
}

/// A watch as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    watch: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step_seconds: i64,
    agents: usize,
    messages: usize,
    messages_per_day: f64,
    false_silences: usize,
    told: Vec<Told>,
    /// Silences that were told with a stall only.
    part_of_stalls: usize,
    /// Agents that were silent, or logged too little, in the first round and in every other.
    silent_all_the_time: Vec<String>,
}

/// A silence, or a stall of the pipeline, that a message would have told.
#[derive(Debug, Serialize)]
struct Told {
    /// `agent` or `stall`.
    about: &'static str,
    /// The agent's id, or what the agents of a stall share.
    id: String,
    label: String,
    since: Option<DateTime<Utc>>,
    told: DateTime<Utc>,
    back: Option<DateTime<Utc>>,
    lasted_seconds: Option<i64>,
    /// It logged, but less than `min_events`.
    too_few_logs: bool,
    /// It logged less than `min_events`, and then nothing: that silence is told by itself.
    stopped: bool,
    r#false: bool,
}

/// Replays the history.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let setups = match subjects(session, &args.looked).await {
        Ok(setups) => setups,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let mut all = Vec::new();
    for setup in &setups {
        match replay(setup, args.days, now).await {
            Ok(shown) => all.push(shown),
            Err(error) => return unreadable(setup, &error),
        }
    }
    if args.looked.json {
        return super::exit::print_json(&all);
    }
    show::show(&all, args.limit);
    Exit::Ok
}

async fn replay(setup: &Setup, days: u16, now: DateTime<Utc>) -> Result<Shown, SourceError> {
    let ((from, to), step) = window(&setup.watch, days, now);
    let (mut fleet, _) = Fleet::new(&setup.watch, Vec::new());
    if let Err(error) = gather::homes(&*setup.source, &mut fleet, now).await {
        tracing::warn!("cannot look up which nodes the agents send through: {error}");
    }
    let keys: Vec<String> = setup.watch.agents.iter().map(|agent| agent.id.clone()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    // Whoever was silent before is known to be.
    let before = fleet.look_back(from);
    let mut replay = Replay::new(&setup.watch, fleet, from, step);
    read(&*setup.source, &keys, (before, to), step, |heard, until| replay.rounds(heard, until)).await?;
    let (fleet, found) = replay.finish();
    Ok(shown(&setup.watch.name, (from, to), step, &fleet, &found))
}

fn shown(watch: &str, (from, to): (i64, i64), step: i64, fleet: &Fleet, found: &[Found]) -> Shown {
    let told: Vec<Told> = found.iter().filter_map(|found| told(fleet, found)).collect();
    let messages = messages(found);
    let untold = || found.iter().filter(|found| found.told.is_none());
    let first = |found: &&Found| found.opened == from;
    let all_along = |found: &&Found| first(found) && found.back.is_none() && !found.stopped;
    let name = |found: &Found| {
        let few = if found.few { " (too few logs)" } else { "" };
        Some(format!("{}{few}", fleet.entities()[found.agent?].key))
    };
    Shown {
        watch: watch.to_owned(),
        from: time(from),
        to: time(to),
        step_seconds: step / 1000,
        agents: fleet.entities().len(),
        messages,
        messages_per_day: messages as f64 * 86_400_000.0 / (to - from) as f64,
        false_silences: told.iter().filter(|told| told.r#false).count(),
        told,
        part_of_stalls: untold().filter(|found| !first(found)).count(),
        silent_all_the_time: untold().filter(all_along).filter_map(name).collect(),
    }
}

/// Agents of one round are one message; a stall is one, and one more if it gets worse.
fn messages(found: &[Found]) -> usize {
    let stalls = found.iter().filter(|found| found.agent.is_none());
    let stalls: usize = stalls.map(|stall| 1 + usize::from(stall.stopped)).sum();
    let rounds: BTreeSet<i64> =
        found.iter().filter(|found| found.agent.is_some()).filter_map(|found| found.told).collect();
    stalls + rounds.len()
}

fn told(fleet: &Fleet, found: &Found) -> Option<Told> {
    let entity = found.agent.map(|at| &fleet.entities()[at]);
    let common = found.common.as_ref().map(ToString::to_string);
    Some(Told {
        about: if entity.is_some() { "agent" } else { "stall" },
        id: entity.map_or_else(|| common.unwrap_or_default(), |entity| entity.key.to_string()),
        label: entity.map_or_else(String::new, |entity| entity.label.to_string()),
        since: found.since.map(time),
        told: time(found.told?),
        back: found.back.map(time),
        lasted_seconds: found.back.zip(found.since).map(|(back, since)| (back - since) / 1000),
        too_few_logs: found.few,
        stopped: found.stopped,
        r#false: found.is_false(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::monitor::fixtures::watch;
    use crate::source::{Heard, Query, Source};

    #[test]
    fn agents_of_one_round_are_one_message_and_a_stall_is_another() {
        let (fleet, _) = Fleet::new(&watch(&["001", "002", "003"]), Vec::new());
        let silent = |agent: Option<usize>, told: Option<i64>, opened: i64| Found {
            agent,
            common: None,
            since: Some(0),
            opened,
            told,
            back: told.map(|told| told + 60_000),
            few: false,
            stopped: false,
            patience: 900_000,
        };
        let found = [
            silent(Some(0), Some(500), 500),
            silent(Some(1), Some(500), 500),
            silent(None, Some(500), 500),
            silent(Some(1), None, 700),
            silent(Some(2), None, 100),
        ];
        let shown = shown("default", (100, 86_400_100), 60_000, &fleet, &found);
        assert_eq!((shown.messages, shown.messages_per_day), (2, 2.0));
        assert_eq!((shown.told.len(), shown.false_silences, shown.part_of_stalls), (3, 3, 1));
        assert_eq!(shown.silent_all_the_time, ["003"]);
    }

    /// Agent 001 logs each minute but for these; agent 002 never.
    struct Remembers(std::ops::Range<i64>);

    #[async_trait::async_trait]
    impl Source for Remembers {
        async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
            let minutes = query.from.timestamp_millis() / step..=query.to.timestamp_millis() / step;
            let logged = minutes.filter(|minute| !self.0.contains(minute));
            Ok(logged
                .map(|minute| Heard { key: "001".into(), newest: minute * step + 1_000, count: 1 })
                .collect())
        }

        async fn probe(&self) -> Result<(), SourceError> {
            Ok(())
        }
    }

    fn setup(watch: crate::config::Watch, gap: std::ops::Range<i64>) -> Setup {
        Setup { watch, source: Arc::new(Remembers(gap)), beside: Vec::new(), lister: None }
    }

    #[tokio::test]
    async fn a_history_with_one_gap_tells_of_one_silence() {
        let watch = watch(&["001", "002"]);
        let shown = replay(&setup(watch, 5_000..5_060), 2, time(7_000 * 60_000)).await.unwrap();
        let [told] = &shown.told[..] else { panic!("{:?}", shown.told) };
        let minute = |minute: i64| time(minute * 60_000);
        assert_eq!((told.id.as_str(), told.told), ("001", minute(5_016)));
        assert_eq!(told.since, Some(time(4_999 * 60_000 + 1_000)));
        assert_eq!((told.lasted_seconds, told.r#false), (Some(3_660), false));
        assert_eq!((shown.messages, shown.silent_all_the_time), (1, vec!["002".to_owned()]));
    }

    #[tokio::test]
    async fn who_logs_too_little_is_said_to_do_so() {
        let mut watch = watch(&["001", "002"]);
        watch.min_events = Some(20);
        let shown = replay(&setup(watch, 0..0), 2, time(7_000 * 60_000)).await.unwrap();
        assert_eq!(shown.silent_all_the_time, ["002", "001 (too few logs)"]);
    }
}
