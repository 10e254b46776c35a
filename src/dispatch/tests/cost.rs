//! What a look at the journal costs, in steps of the database's own machine: no clock measures it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::*;
use crate::dispatch::hold::Seen;
use crate::dispatch::{compose::Composer, tick};
use crate::record;

/// One look at a journal of so many messages that were delivered, and one beginning that is written into it.
async fn costs_after(delivered: usize) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut world = World::on(Journal::open_inline(&path).unwrap(), two_steps(), &["slack", "email"]).await;
    for id in 0..delivered {
        world.silent(&[&format!("{id:04}")]).await;
        minutes(10).await;
    }
    assert!(world.got("slack").len() >= delivered);
    world.kill().await;
    let (input, now) = (input(world.now()), world.now());
    drop(world);
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    let look = steps_of(&mut connection, |db| tick::run(db, &input).map(drop));
    let begin = Change::event(IncidentChange::Open(Subject::Agent), agent_silent("9999", "host-9999"));
    let write =
        steps_of(&mut connection, |db| record::apply(db, &two_steps(), vec![begin.clone()], now).map(drop));
    [look, write]
}

fn steps_of(db: &mut Connection, work: impl Fn(&Connection) -> rusqlite::Result<()>) -> usize {
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = steps.clone();
    let count = move || counter.fetch_add(1, Ordering::Relaxed) == usize::MAX;
    db.progress_handler(1, Some(count)).unwrap();
    work(db).unwrap();
    steps.load(Ordering::Relaxed)
}

/// Nothing is new.
fn input(now: i64) -> tick::Input {
    tick::Input {
        finished: Vec::new(),
        free: vec![("slack".to_owned(), 1), ("email".to_owned(), 1)],
        probed: Vec::new(),
        anew: false,
        seen: Seen::default(),
        limits: BTreeMap::new(),
        now,
        composer: Composer {
            installation_id: "test".into(),
            installation: "here".into(),
            routes: Arc::new(two_steps()),
            wording: Arc::default(),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_journal_and_a_beginning_cost_the_same_however_much_was_delivered() {
    let (few, many) = (costs_after(10).await, costs_after(100).await);
    for (what, few, many) in [("a look", few[0], many[0]), ("a beginning", few[1], many[1])] {
        assert!(many < few + few / 4, "{what}: {few} steps after 10 deliveries, {many} after 100");
    }
}
