//! The journal against a failing disk, a second reader and many writers.

use rusqlite::Connection;

use super::{Health, Journal, events, open_read_only};
use crate::dispatch::fixtures::agent_silent;

fn remember(connection: &Connection) -> rusqlite::Result<i64> {
    let mut event = agent_silent("001", "web");
    events::insert(connection, &mut event)?;
    Ok(event.id)
}

async fn count(journal: &Journal) -> i64 {
    journal.write(events::newest).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_moves_the_journal_to_memory_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/journal.db");
    let journal = Journal::open(&path).unwrap();
    let before = journal.write(remember).await.unwrap();
    journal
        .write(|connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            connection.pragma_update(None, "max_page_count", pages)
        })
        .await
        .unwrap();
    for expected in before + 1..=before + 500 {
        assert_eq!(journal.write(remember).await.unwrap(), expected);
    }
    let health = journal.health().borrow().clone();
    assert!(matches!(&health, Health::InMemory(reason) if reason.contains("journal.db")), "{health:?}");
    assert_eq!(count(&journal).await, before + 500);
}

#[tokio::test]
async fn a_journal_that_can_only_be_read_is_continued_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path).unwrap();
    journal.write(remember).await.unwrap();
    journal.write(|connection| connection.pragma_update(None, "query_only", true)).await.unwrap();
    assert_eq!(journal.write(remember).await.unwrap(), 2);
    assert!(matches!(*journal.health().borrow(), Health::InMemory(_)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_no_reason_not_to_watch() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let journal = Journal::open(&file.path().join("below/a/file.db")).unwrap();
    assert_eq!(journal.write(remember).await.unwrap(), 1);
    assert!(matches!(*journal.health().borrow(), Health::InMemory(_)));
}

#[test]
fn what_was_kept_in_memory_returns_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (health, seen) = tokio::sync::watch::channel(Health::OnDisk);
    let mut writer = super::writer::Writer::open(path.clone(), health).unwrap();
    writer.forbid_writing();
    writer.commit_now(|connection| remember(connection).map(drop));
    assert!(matches!(*seen.borrow(), Health::InMemory(_)));
    writer.return_to_file();
    assert_eq!(*seen.borrow(), Health::OnDisk);
    let file = open_read_only(&path).unwrap();
    assert_eq!(events::newest(&file).unwrap(), 1);
    writer.commit_now(|connection| remember(connection).map(drop));
    assert_eq!(events::newest(&file).unwrap(), 2, "and is written there again");
}

#[tokio::test]
async fn a_job_that_fails_leaves_no_trace_and_spoils_no_other() {
    let journal = Journal::in_memory().unwrap();
    let refused = journal
        .write(|connection| {
            remember(connection)?;
            connection.execute("INSERT INTO nowhere VALUES (1)", [])
        })
        .await;
    assert!(refused.is_err());
    assert_eq!(count(&journal).await, 0);
    assert_eq!(journal.write(remember).await.unwrap(), 1);
}

#[tokio::test]
async fn a_newer_journal_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    Connection::open(file.path()).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let error = Journal::open(file.path()).err().expect("refused");
    assert!(error.to_string().contains("schema 999"), "{error}");
}

#[tokio::test]
async fn many_writers_all_get_their_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..400 {
        let journal = journal.clone();
        writers.spawn(async move { journal.write(remember).await.unwrap() });
    }
    let mut ids = writers.join_all().await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=400).collect::<Vec<_>>());
}

#[test]
fn a_corrupt_file_is_set_aside_and_watching_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, vec![b'x'; 64 * 1024]).unwrap();
    let (health, seen) = tokio::sync::watch::channel(Health::OnDisk);
    let mut writer = super::writer::Writer::open(path.clone(), health).unwrap();
    writer.commit_now(|connection| remember(connection).map(drop));
    assert!(matches!(*seen.borrow(), Health::InMemory(_)));
    writer.return_to_file();
    assert_eq!(*seen.borrow(), Health::OnDisk);
    assert_eq!(std::fs::read(folder.path().join("journal.corrupt")).unwrap()[0], b'x');
    assert_eq!(events::newest(&open_read_only(&path).unwrap()).unwrap(), 1);
}

#[test]
fn a_file_that_could_not_be_read_is_kept_when_the_journal_returns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::create_dir(&path).unwrap();
    let (health, seen) = tokio::sync::watch::channel(Health::OnDisk);
    let mut writer = super::writer::Writer::open(path.clone(), health).unwrap();
    assert!(matches!(*seen.borrow(), Health::InMemory(_)));
    std::fs::remove_dir(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE before (x)").unwrap();
    writer.return_to_file();
    assert_eq!(*seen.borrow(), Health::OnDisk);
    let kept = open_read_only(&folder.path().join("journal.unread")).unwrap();
    kept.query_row("SELECT COUNT(*) FROM before", [], |row| row.get::<_, i64>(0)).unwrap();
}

#[tokio::test]
async fn a_job_that_panics_does_not_end_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let broken = journal.write(|_| -> rusqlite::Result<()> { panic!("a mistake on purpose") }).await;
    assert!(broken.is_err());
    assert_eq!(journal.write(remember).await.unwrap(), 1);
}

#[tokio::test]
async fn a_job_that_fails_undoes_itself_and_not_the_jobs_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    // While the first holds the thread, the others gather and share a transaction.
    let slow = journal.write(|connection| {
        connection.query_row(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) FROM n",
            [],
            |row| row.get::<_, i64>(0),
        )
    });
    let mistaken = journal.write(|connection| {
        remember(connection)?;
        connection.execute("INSERT INTO nowhere VALUES (1)", [])
    });
    let (slow, before, mistaken, after) =
        tokio::join!(slow, journal.write(remember), mistaken, journal.write(remember));
    assert_eq!((slow.unwrap(), before.unwrap()), (300_000, 1));
    assert!(mistaken.is_err());
    assert_eq!(after.unwrap(), 2, "the mistaken job's event is gone, and its number with it");
    assert_eq!(*journal.health().borrow(), Health::OnDisk);
}
