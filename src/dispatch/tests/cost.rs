//! What a look at the journal costs, in steps of the database's own machine: no clock measures it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::dispatch::hold::Seen;
use crate::dispatch::{compose::Composer, tick};

/// One look at a journal of so many messages that were delivered.
async fn cost_after(delivered: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut world = World::on(Journal::open_inline(&path).unwrap(), two_steps(), &["slack", "email"]).await;
    for id in 0..delivered {
        world.silent(&[&format!("{id:04}")]).await;
        minutes(10).await;
    }
    assert!(world.got("slack").len() >= delivered);
    world.kill().await;
    let input = tick::Input {
        finished: Vec::new(),
        free: vec![("slack".to_owned(), 1), ("email".to_owned(), 1)],
        probed: Vec::new(),
        anew: false,
        seen: Seen::default(),
        limits: BTreeMap::new(),
        now: world.now(),
        composer: Composer {
            installation_id: "test".into(),
            installation: "here".into(),
            routes: Arc::new(two_steps()),
            wording: Arc::default(),
        },
    };
    drop(world);
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = steps.clone();
    let count = move || counter.fetch_add(1, Ordering::Relaxed) == usize::MAX;
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    connection.progress_handler(1, Some(count)).unwrap();
    tick::run(&connection, &input).unwrap();
    steps.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_journal_costs_the_same_however_much_was_delivered() {
    let (few, many) = (cost_after(10).await, cost_after(100).await);
    assert!(many < few + few / 4, "{few} steps after 10 deliveries, {many} after 100");
}
