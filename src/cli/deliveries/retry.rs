//! `deliveries retry`: what has failed is sent again, where that can still tell somebody something.

use std::path::Path;

use chrono::Utc;
use rusqlite::Connection;

use crate::cli::exit::Exit;
use crate::cli::table::say;
use crate::clock::written;
use crate::journal::events::{millis, time};
use crate::journal::{deliveries, edit};

/// Sends delivery `id` again, or says why not. `channels` are those that are configured.
pub fn run(journal: &Path, id: i64, channels: &[&str]) -> Exit {
    let now = millis(Utc::now());
    match edit(journal, |db| again(db, id, channels, now)) {
        Ok(Ok(())) => {
            say(format!("delivery {id} is sent again"));
            return Exit::Ok;
        }
        Ok(Err(why)) => eprintln!("error: {why}"),
        Err(error) => eprintln!("error: journal {}: {error}", journal.display()),
    }
    Exit::Failed
}

/// The inner error says why it is not sent.
fn again(db: &Connection, id: i64, channels: &[&str], now: i64) -> rusqlite::Result<Result<(), String>> {
    let Some((message, channel)) = deliveries::failed(db, id)? else {
        return Ok(Err(format!("no delivery {id} has failed; `deliveries` lists how each stands")));
    };
    let refused = |why: String| Ok(Err(format!("delivery {id} is not sent again: {why}")));
    if !channels.contains(&channel.as_str()) {
        return refused(format!("channel {channel} is no longer configured"));
    }
    if let Some(since) = deliveries::over_since(db, message)? {
        return refused(format!("what it tells is over since {}", written(time(since))));
    }
    deliveries::retry(db, id, now).map(|_| Ok(()))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use log_monitor_channels::{Event, EventKind};

    use super::*;
    use crate::dispatch::fixtures::{agent_silent, route, start};
    use crate::dispatch::plan::plan;
    use crate::journal::incidents::{self, Subject};
    use crate::journal::{Journal, events, open_read_only};

    /// A journal of what `soc` refused: agents 001 and 002 fell silent in one message.
    async fn journal(path: &Path) -> Vec<Event> {
        let write = |db: &Connection| {
            let mut silent = vec![agent_silent("001", "web"), agent_silent("002", "db")];
            for event in &mut silent {
                event.incident = Some(incidents::open(db, Subject::Agent, event)?);
                events::insert(db, event)?;
            }
            plan(db, &[route("catch_all", &[&["soc"]])], &silent, millis(start()))?;
            deliveries::fail(db, 1, "refused")?;
            Ok(silent)
        };
        Journal::open_inline(path).unwrap().write(write).await.unwrap()
    }

    /// The agent logs again after an hour.
    fn end(path: &Path, event: &Event) {
        let at = start() + TimeDelta::hours(1);
        let end = Event { kind: EventKind::AgentRecovered, at, ..event.clone() };
        edit(path, |db| incidents::close(db, event.incident.unwrap_or_default(), &end, 0)).unwrap();
    }

    fn state(path: &Path) -> deliveries::State {
        deliveries::of_message(&open_read_only(path).unwrap(), 1).unwrap()[0].state
    }

    fn why_not(path: &Path, id: i64, channels: &[&str]) -> String {
        assert_eq!(run(path, id, channels), Exit::Failed);
        edit(path, |db| again(db, id, channels, 0)).unwrap().unwrap_err()
    }

    #[tokio::test]
    async fn what_is_over_altogether_is_not_sent_again_as_if_it_were_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let silent = journal(&path).await;
        silent.iter().for_each(|event| end(&path, event));
        let over = "delivery 1 is not sent again: what it tells is over since 2026-01-01 01:00:00 UTC";
        assert_eq!(why_not(&path, 1, &["soc"]), over);
        assert_eq!(state(&path), deliveries::State::Failed);
    }

    #[tokio::test]
    async fn what_goes_on_in_part_is_sent_once_and_only_where_there_is_its_channel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        end(&path, &journal(&path).await[0]);
        let gone = "delivery 1 is not sent again: channel soc is no longer configured";
        assert_eq!(why_not(&path, 1, &["mail"]), gone);
        assert_eq!(run(&path, 1, &["mail", "soc"]), Exit::Ok);
        assert_eq!(state(&path), deliveries::State::Pending);
        let not = "no delivery 1 has failed; `deliveries` lists how each stands";
        assert_eq!(why_not(&path, 1, &["soc"]), not);
    }
}
