//! What goes on is repeated to whoever would take it for over.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_goes_on_is_repeated_until_its_end_and_nothing_else_is() {
    let mut world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
    world.kill().await;
    world.keep_alive = Some(Duration::from_secs(60));
    world.start().await;
    let incidents = world.silent(&["001", "002"]).await;
    let key = world.got("pager")[0].idempotency_key.clone();
    minutes(3).await;
    let told = world.got("pager");
    assert_eq!(told.len(), 4, "once, and three times again");
    assert!(told.iter().all(|one| one.idempotency_key == key && one.kind == MessageKind::Firing));
    assert!(told[3].in_reply_to.is_some(), "it is handed what was said to the firing");

    world.recovered(&[("001", incidents[0])]).await;
    minutes(1).await;
    let ids = |one: &Notification| one.events.iter().map(|event| event.incident.unwrap()).collect::<Vec<_>>();
    assert_eq!(ids(world.got("pager").last().unwrap()), [incidents[1]], "one of the two is over");
    world.recovered(&[("002", incidents[1])]).await;
    let count = world.got("pager").len();
    minutes(5).await;
    assert_eq!(world.got("pager").len(), count, "nothing goes on");
}
