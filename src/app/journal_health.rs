//! The journal's own incident: it is open while the journal is in memory only.

use std::time::Duration;

use log_monitor_channels::{EventKind, Severity};

use crate::journal::incidents::{self, Subject};
use crate::journal::{Failure, Health, JournalError, Missing, events, messages};
use crate::monitor::words;
use crate::record::{Change, IncidentChange, Recorder};

/// How long it takes at most from the beginning's being told to the end.
const AGAIN: Duration = Duration::from_secs(60);

/// A journal that is not on disk is an incident like any other.
pub(super) async fn watch(recorder: Recorder) {
    let mut health = recorder.journal.health();
    loop {
        health.borrow_and_update();
        if let Err(error) = tell(&recorder).await {
            tracing::error!("journal health: {error}");
        }
        if let Ok(Err(_)) = tokio::time::timeout(AGAIN, health.changed()).await {
            return;
        }
    }
}

/// Opens or closes the journal's own incident. Returns whether it is in memory only.
///
/// # Errors
/// When the journal fails altogether.
pub async fn tell(recorder: &Recorder) -> Result<bool, JournalError> {
    let now = events::millis(recorder.clock.now());
    let current = recorder.journal.health().borrow().clone();
    match current {
        Health::InMemory(failure) => tell_failed(recorder, &failure, now).await.map(|()| true),
        Health::OnDisk => tell_recovered(recorder, now).await.map(|()| false),
    }
}

async fn tell_failed(recorder: &Recorder, failure: &Failure, now: i64) -> Result<(), JournalError> {
    if incident_of_it(recorder).await?.is_some() {
        return Ok(());
    }
    let mut event = words::about("journal", EventKind::JournalFailed, Severity::High, now);
    cause(&failure.missing).clone_into(&mut event.cause);
    event.detail = failed(failure);
    recorder.record(vec![Change::event(IncidentChange::Open(Subject::Journal), event)]).await.map(drop)
}

async fn tell_recovered(recorder: &Recorder, now: i64) -> Result<(), JournalError> {
    let Some((incident, since)) = incident_of_it(recorder).await? else { return Ok(()) };
    let began = move |connection: &_| {
        let began = events::last_of(connection, incident, EventKind::JournalFailed, now)?;
        Ok((began, messages::is_yet_to_be_told(connection, incident)?))
    };
    let (began, is_yet_to_be_told) = recorder.journal.write(began).await?;
    // What is over is told nobody who was not told before: but what was lost then stays lost.
    if is_yet_to_be_told && began.as_ref().is_some_and(|began| began.cause.starts_with("unread")) {
        return Ok(());
    }
    let mut event = words::about("journal", EventKind::JournalRecovered, Severity::Info, now);
    event.since = Some(events::time(since));
    "written".clone_into(&mut event.cause);
    event.detail = recovered(began.as_ref().map_or("", |began| &began.cause));
    recorder.record(vec![Change::event(IncidentChange::Close(incident), event)]).await.map(drop)
}

/// What is missing, for the end, which another process may have to tell.
const fn cause(missing: &Missing) -> &'static str {
    match missing {
        Missing::Nothing => "storage",
        Missing::PartOf(_) => "unread_in_part",
        Missing::All => "unread",
    }
}

fn failed(Failure { reason, broken, missing }: &Failure) -> String {
    let (what, first) = match broken {
        true => ("The journal's file is broken", "the disk that it is on"),
        false => ("The journal cannot be written", "free space and rights of that folder"),
    };
    let missing = match missing {
        Missing::Nothing => String::new(),
        Missing::PartOf(tables) => {
            format!(" What cannot be read of {} is left out: {AFTERWARDS}.", tables.join(", "))
        }
        Missing::All => format!(" Nothing of an earlier one could be read: {AFTERWARDS}."),
    };
    format!(
        "{what} ({reason}).{missing} Detection and delivery go on from memory; what happens now is lost if log-monitor \
         stops. Check first: {first}."
    )
}

/// What it means that something is missing.
const AFTERWARDS: &str = "what was told may be told anew, and some ends not at all";

fn recovered(cause: &str) -> String {
    let missing = match cause {
        "storage" => "; nothing of it was lost.".to_owned(),
        "unread_in_part" => format!(
            ", without what could not be read of its file: {AFTERWARDS}. The file as it was is kept beside it \
             (`*.corrupt`)."
        ),
        "unread" => format!(
            ", but it began anew, as nothing of an earlier one could be read: {AFTERWARDS}. If there was one, it is \
             kept beside it (`*.corrupt` or `*.unread`)."
        ),
        _ => ".".to_owned(),
    };
    format!("The journal is written to disk again{missing}")
}

async fn incident_of_it(recorder: &Recorder) -> Result<Option<(i64, i64)>, JournalError> {
    recorder.journal.write(|connection| incidents::open_since(connection, Subject::Journal, "journal")).await
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use rusqlite::Connection;

    use super::*;
    use crate::bus::Bus;
    use crate::clock::SystemClock;
    use crate::config::Route;
    use crate::journal::Journal;

    /// A process with this journal tells how it is, and ends.
    async fn tell_and_end(journal: Journal, routes: Vec<Route>) {
        // Whoever comes upon what is broken moves the journal to memory.
        journal.write(|db| db.execute("UPDATE incident SET cause = cause", [])).await.unwrap();
        let (_, routes) = tokio::sync::watch::channel(Arc::new(routes));
        let recorder = Recorder { journal, bus: Bus::default(), clock: Arc::new(SystemClock), routes };
        tell(&recorder).await.unwrap();
        recorder.journal.close().await;
    }

    /// What is told of the journal at `path` by a process that finds it so and ends, and by the next one.
    async fn told(path: &Path) -> [String; 2] {
        for _ in 0..2 {
            tell_and_end(Journal::open_inline(path).unwrap(), Vec::new()).await;
        }
        let file = crate::journal::open_read_only(path).unwrap();
        let told = events::after(&file, 0, 9).unwrap().into_iter().map(|event| event.detail);
        told.collect::<Vec<_>>().try_into().unwrap()
    }

    #[tokio::test]
    async fn what_was_lost_is_not_over_until_somebody_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        with_a_broken_root(&path);
        let routes = vec![crate::dispatch::fixtures::route("all", &[&["soc"]])];
        let mut told = Vec::new();
        for accepted in [false, false, true] {
            let journal = Journal::open_inline(&path).unwrap();
            let sent = move |db: &Connection| {
                db.execute("UPDATE message SET outcome = 'accepted' WHERE ?1", [accepted])
            };
            journal.write(sent).await.unwrap();
            tell_and_end(journal, routes.clone()).await;
            told.push(events::after(&crate::journal::open_read_only(&path).unwrap(), 0, 9).unwrap().len());
        }
        assert_eq!(told, [1, 1, 2], "the end, once somebody knows of the beginning");
    }

    /// A journal with the root page of `incident` overwritten.
    fn with_a_broken_root(path: &Path) {
        drop(Journal::open_inline(path).unwrap());
        let file = Connection::open(path).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'incident'";
        let page: u32 = file.query_row(root, [], |row| row.get(0)).unwrap();
        file.close().unwrap();
        let mut bytes = std::fs::read(path).unwrap();
        bytes[(page as usize - 1) * 4096..page as usize * 4096].fill(0xff);
        std::fs::write(path, bytes).unwrap();
    }

    #[tokio::test]
    async fn what_a_broken_file_lost_is_told_at_both_ends_and_what_would_not_help_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        with_a_broken_root(&path);
        let [failed, recovered] = told(&path).await;
        assert!(failed.starts_with("The journal's file is broken"), "{failed}");
        assert!(failed.contains("What cannot be read of incident is left out"), "{failed}");
        assert!(failed.ends_with("Check first: the disk that it is on."), "{failed}");
        assert!(recovered.contains("without what could not be read of its file"), "{recovered}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_journal_is_no_journal_of_which_nothing_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        std::fs::write(&path, [b'x'; 8192]).unwrap();
        let [failed, recovered] = told(&path).await;
        assert!(failed.starts_with("The journal's file is broken"), "{failed}");
        assert!(failed.contains("Nothing of an earlier one could be read"), "{failed}");
        assert!(recovered.contains("it began anew"), "{recovered}");
    }

    #[tokio::test]
    async fn of_one_that_only_could_not_be_written_nothing_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        let journal = Journal::open_inline(&path).unwrap();
        journal.write(|db| db.pragma_update(None, "query_only", true)).await.unwrap();
        tell_and_end(journal, Vec::new()).await;
        let [failed, recovered] = told(&path).await;
        assert!(failed.ends_with("Check first: free space and rights of that folder."), "{failed}");
        assert!(recovered.ends_with("nothing of it was lost."), "{recovered}");
    }
}
