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
    assert!(
        matches!(&health, Health::InMemory(failure) if failure.reason.contains("journal.db")),
        "{health:?}"
    );
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
    // A return that fails, as SQLite has no place for its rollback journal, spoils nothing.
    let rollback = folder.path().join("journal.db-journal");
    std::fs::create_dir(&rollback).unwrap();
    writer.return_to_file();
    assert!(matches!(*seen.borrow(), Health::InMemory(_)));
    std::fs::remove_dir(rollback).unwrap();
    writer.return_to_file();
    assert_eq!(*seen.borrow(), Health::OnDisk);
    let kept = Connection::open(folder.path().join("journal.unread")).unwrap();
    kept.query_row("SELECT COUNT(*) FROM before", [], |row| row.get::<_, i64>(0)).unwrap();
}

#[tokio::test]
async fn a_closed_journal_is_whole_in_its_file_alone_also_when_its_disk_was_full_until_then() {
    for full in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = Journal::open(&path).unwrap();
        if full {
            journal.write(|connection| connection.pragma_update(None, "query_only", true)).await.unwrap();
        }
        let still_there = journal.clone();
        journal.write(remember).await.unwrap();
        assert_eq!(*journal.health().borrow() != Health::OnDisk, full);
        journal.close().await;
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        assert_eq!(events::newest(&open_read_only(&copy).unwrap()).unwrap(), 1, "full: {full}");
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(files.filter(|name| name.to_string_lossy().starts_with("journal.db-")).count(), 0);
        assert!(still_there.write(remember).await.is_err());
    }
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

/// A journal file with 2,000 events, of which one page is overwritten: in the middle, or the last.
fn with_a_broken_page(path: &std::path::Path, order: &str) {
    let writer = Connection::open(path).unwrap();
    super::schema::prepare(&writer).unwrap();
    writer.execute_batch("BEGIN").unwrap();
    for _ in 0..2000 {
        remember(&writer).unwrap();
    }
    writer.execute_batch("COMMIT").unwrap();
    let sql = format!(
        "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY {order} LIMIT 1"
    );
    let page: i64 = writer.query_row(&sql, [], |row| row.get(0)).unwrap();
    let size: i64 = writer.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    writer.close().unwrap();
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(((page - 1) * size).unsigned_abs())).unwrap();
    std::io::Write::write_all(&mut file, &vec![0xff; usize::try_from(size).unwrap()]).unwrap();
}

#[test]
fn of_a_file_with_a_broken_page_all_the_rest_is_kept_and_goes_on() {
    for (order, lost_at_most) in [("abs(pageno - 40)", 100), ("path DESC", 100)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        with_a_broken_page(&path, order);
        let (health, seen) = tokio::sync::watch::channel(Health::OnDisk);
        let mut writer = super::writer::Writer::open(path.clone(), health).unwrap();
        // Whoever comes upon it moves the journal to memory.
        writer.commit_now(|db| db.query_row("SELECT MAX(LENGTH(body)) FROM event", [], |_| Ok(())));
        assert!(matches!(&*seen.borrow(), Health::InMemory(failure) if failure.reason.contains("malformed")));
        writer.commit_now(|connection| remember(connection).map(drop));
        writer.return_to_file();
        assert_eq!(*seen.borrow(), Health::OnDisk);
        assert!(folder.path().join("journal.corrupt").exists());
        let file = open_read_only(&path).unwrap();
        assert!(super::salvage::is_sound(&file).unwrap());
        let kept: i64 = file.query_row("SELECT COUNT(*) FROM event", [], |row| row.get(0)).unwrap();
        assert!((2001 - lost_at_most..2001).contains(&kept), "{kept} of 2,001 events are there");
        assert_eq!(events::newest(&file).unwrap(), 2001, "no number is given twice");
    }
}

/// A journal as an earlier version made it, with an event.
fn of_version(path: &std::path::Path, version: usize) -> Connection {
    let old = Connection::open(path).unwrap();
    super::schema::STEPS[..version].iter().for_each(|step| old.execute_batch(step).unwrap());
    old.pragma_update(None, "user_version", version as i64).unwrap();
    remember(&old).unwrap();
    old
}

/// Its tables and indices.
fn shape(connection: &Connection) -> String {
    let shape = "SELECT group_concat(name || ' ' || sql, ';') FROM (SELECT name, sql FROM sqlite_schema ORDER BY name)";
    connection.query_row(shape, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_journal_of_any_earlier_version_is_brought_up_to_date_with_what_it_holds() {
    let steps = super::schema::STEPS;
    for version in 1..=steps.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("journal.db");
        let old = of_version(path, version);
        old.execute(
            "INSERT INTO incident (subject, scope, key, label, severity, cause, opened)
             VALUES ('agent', 'default', '001', 'web', 'medium', 'no_documents', 1)",
            [],
        )
        .unwrap();
        old.close().unwrap();
        if version < steps.len() {
            let unread = open_read_only(path).unwrap_err().to_string();
            assert!(unread.contains("start `log-monitor run` with this version once"), "{version}: {unread}");
        }
        let journal = Journal::open_inline(path).unwrap();
        assert_eq!(*journal.health().borrow(), Health::OnDisk);
        let now = open_read_only(path).unwrap();
        assert_eq!(events::newest(&now).unwrap(), 1, "from version {version}");
        let fresh = Connection::open_in_memory().unwrap();
        super::schema::prepare(&fresh).unwrap();
        assert_eq!(shape(&now), shape(&fresh), "from version {version}");
        let open: i64 = now
            .query_row("SELECT COUNT(*) FROM incident WHERE closed IS NULL AND freed IS NULL", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(open, 1, "from version {version}");
    }
}

#[test]
fn before_it_is_brought_up_to_date_an_earlier_journal_is_copied_as_its_program_knows_it() {
    let steps = super::schema::STEPS.len();
    for version in [1, steps - 1, steps] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let before = shape(&of_version(&path, version));
        drop(Journal::open_inline(&path).unwrap());
        let copy = folder.path().join(format!("journal.db.before-{steps}"));
        assert_eq!(copy.exists(), version < steps, "version {version}");
        if version < steps {
            let copy = Connection::open(&copy).unwrap();
            let known: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!((known, shape(&copy)), (version as i64, before));
            assert_eq!(remember(&copy).unwrap(), 2, "with what it holds");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    drop(Journal::open_inline(&folder.path().join("new.db")).unwrap());
    let copies = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(copies.filter(|name| name.to_string_lossy().contains("before")).count(), 0);
}

#[test]
fn an_earlier_copy_is_not_written_over_and_keeps_nothing_from_going_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let copy = folder.path().join(format!("journal.db.before-{}", super::schema::STEPS.len()));
    std::fs::write(&copy, "kept").unwrap();
    of_version(&path, 1).close().unwrap();
    let journal = Journal::open_inline(&path).unwrap();
    assert_eq!(*journal.health().borrow(), Health::OnDisk);
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "kept");
}
