//! What goes on is repeated to whoever would take it for over.

use super::*;
use crate::dispatch::compose::Composer;
use crate::dispatch::keep_alive;

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

#[tokio::test(start_paused = true)]
async fn a_slow_vendor_starves_nothing_and_hears_no_more_of_what_is_over() {
    let world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
    let mut incidents = Vec::new();
    for number in 1..=17 {
        incidents.extend(world.silent(&[&format!("{number:03}")]).await);
        minutes(1).await;
    }
    let channel = Channel {
        kind: "recorder",
        max_in_flight: 1,
        limits: Limits::default(),
        keep_alive: None,
        notifier: Box::new(Slow(world.vendors["pager"].clone())),
    };
    let composer = Composer {
        installation_id: "id".into(),
        installation: "here".into(),
        routes: world.routes.borrow().clone(),
        wording: Arc::default(),
    };
    let told = world.got("pager").len();
    let begun = tokio::time::Instant::now();
    let telling =
        tokio::spawn(keep_alive::tell(world.journal.clone(), composer, Arc::new(channel), "pager".into()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.recovered(&[("017", incidents[16])]).await;
    telling.await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 10, "all at once");
    let kinds: Vec<MessageKind> = world.got("pager")[told..].iter().map(|one| one.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == MessageKind::Firing).count(), 16, "{kinds:?}");
}
