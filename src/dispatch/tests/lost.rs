//! What reached nobody is said as soon as anything is accepted again.

use super::*;

/// A channel that has refused these agents' messages for good, and works again.
async fn after_losing(ids: &[&str]) -> World {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(revoked()));
    for id in ids {
        world.silent(&[id]).await;
    }
    world.fail("slack", None);
    world
}

fn speaks_of_loss(message: &Notification) -> bool {
    message.body.contains("reached nobody")
}

#[tokio::test(start_paused = true)]
async fn the_next_message_that_is_accepted_says_so_and_no_other() {
    let world = after_losing(&["001"]).await;
    world.silent(&["002"]).await;
    world.silent(&["003"]).await;
    let [next, later] = world.got("slack").split_off(1).try_into().unwrap();
    let said = "An earlier message reached nobody: Silent: 001 host-001, no logs for 16 min. \
                See `log-monitor deliveries --failed`.";
    assert!(next.body.ends_with(said), "{}", next.body);
    assert!(!speaks_of_loss(&later), "{}", later.body);
}

#[tokio::test(start_paused = true)]
async fn it_is_said_in_the_language_of_whoever_is_told() {
    let mut world = after_losing(&["001"]).await;
    world.kill().await;
    let italian =
        crate::wording::Voice { language: crate::wording::language::Language::It, ..Default::default() };
    let voices = BTreeMap::from([("slack".to_owned(), italian)]);
    world.wording = Arc::new(Wording { voices, ..Wording::default() });
    world.start().await;
    world.silent(&["002"]).await;
    let next = world.got("slack").pop().unwrap();
    let said =
        "Un messaggio precedente non ha raggiunto nessuno: Silenzioso: 001 host-001, nessun log da 16 min. ";
    assert!(next.body.contains(said), "{}", next.body);
}

#[tokio::test(start_paused = true)]
async fn many_are_counted_and_what_was_not_accepted_has_not_said_it() {
    let world = after_losing(&["001", "002", "003", "004", "005"]).await;
    world.vendors["slack"].script([Err(down())]);
    world.silent(&["006"]).await;
    minutes(2).await;
    let told = world.got("slack").split_off(5);
    assert_eq!(told.len(), 2, "the one that failed, and its next try");
    assert!(told[1].body.contains("5 earlier messages reached nobody: Silent: 001"), "{}", told[1].body);
    assert!(told[1].body.contains("Silent: 003 host-003, no logs for 16 min; +2 more."), "{}", told[1].body);
}

#[tokio::test(start_paused = true)]
async fn what_needed_no_telling_has_not_said_it() {
    let world = after_losing(&["001"]).await;
    world.vendors["slack"].script([Ok(Receipt::untold("nothing to resolve"))]);
    world.silent(&["002"]).await;
    world.silent(&["003"]).await;
    assert!(speaks_of_loss(world.got("slack").last().unwrap()));
}
