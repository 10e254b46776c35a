//! Documents that come late, and those that nobody could look for when they came.

use super::*;

/// So many minutes in which agents log and nobody looks.
async fn unwatched(world: &mut World, count: usize, logging: &[&str]) {
    for _ in 0..count {
        tokio::time::sleep(Duration::from_secs(60)).await;
        logging.iter().for_each(|key| world.index.log(key, world.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_logged_while_nobody_looked_says_since_when_an_agent_is_silent() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    unwatched(&mut world, 60, &["001", "002"]).await;
    let last = world.now();
    unwatched(&mut world, 60, &["002"]).await;
    let mut world = world.restarted(&["001", "002"]).await;
    world.minutes(2, &["002"]).await;
    let told = world.events().await.pop().unwrap();
    assert_eq!((told.kind, told.since), (EventKind::AgentSilent, Some(last)), "after a downtime");

    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    world.index.break_with(Some(SourceReason::Overloaded));
    world.minutes(60, &["001", "002"]).await;
    let last = world.index.documents.lock().unwrap()["001"].last().copied().map(events::time);
    world.minutes(60, &["002"]).await;
    world.index.break_with(None);
    world.minutes(2, &["002"]).await;
    let told = world.events().await.pop().unwrap();
    assert_eq!((told.kind, told.since), (EventKind::AgentSilent, last), "after an outage");
}

#[tokio::test(start_paused = true)]
async fn logs_that_arrive_later_and_later_are_late_and_not_simply_gone() {
    let mut world = World::new(&["001", "002"]).await;
    world.minutes(20, &["001", "002"]).await;
    // Its clock stands nearly still: a queue that is read more slowly than it fills.
    let begin = world.now();
    for minute in 1..=24 {
        world.index.log("001", begin + TimeDelta::seconds(20 * minute));
        world.minute(&["002"]).await;
    }
    let late = world.events().await.pop().unwrap();
    assert_eq!((late.kind, late.cause.as_str()), (EventKind::AgentSilent, "late"));
    assert!(late.detail.contains("arrive late: the newest one came at least 1"), "{}", late.detail);
    world.minutes(2, &["001", "002"]).await;
    let end = world.events().await.pop().unwrap();
    assert_eq!((end.kind, end.cause.as_str()), (EventKind::AgentRecovered, "late"));
    assert!(
        end.detail.starts_with("Its logs arrive in time again. They did not from 2026-"),
        "{}",
        end.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_is_older_than_a_silence_may_be_is_late_and_counted() {
    let ids = ["001", "002", "003", "004", "005"];
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    let begin = world.now();
    // Before 001 is due nobody logs for a while, so its verdict waits for what it is; then others do, and
    // a backlog of 001 comes.
    world.minutes(10, &ids[1..]).await;
    world.minutes(8, &[]).await;
    (1..=10).for_each(|second| world.index.log("001", begin + TimeDelta::seconds(second)));
    world.minutes(2, &ids[1..]).await;
    let late = world.events().await.pop().unwrap();
    assert_eq!((late.cause.as_str(), late.since), ("late", Some(begin + TimeDelta::seconds(10))));
    assert!(late.detail.contains("came at least 17 min after it was written"), "{}", late.detail);
    assert!(late.detail.contains("10 logs have come late so far"), "{}", late.detail);
}

/// Answers what is new at once, and what is old never.
struct Slow(Arc<Index>);

#[async_trait::async_trait]
impl Source for Slow {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        if query.from < start() - TimeDelta::days(1) {
            std::future::pending::<()>().await;
        }
        self.0.newest(query).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_wait_long_to_learn_when_an_agent_was_seen_last() {
    let mut world = World::new(&["001"]).await;
    let mut setup = world.monitor.setup.clone();
    setup.source = Arc::new(Slow(world.index.clone()));
    world.monitor.replace(setup).await.unwrap();
    let begin = world.now();
    world.monitor.round().await.unwrap();
    assert_eq!(world.story().await, ["agent_silent 001"]);
    assert!(world.now() - begin < TimeDelta::minutes(1), "{}", world.now() - begin);
}

/// A minute at whose end everything is there that was logged until so many minutes ago.
pub async fn minute_behind(world: &mut World, ids: &[&str], behind: i64) {
    tokio::time::sleep(Duration::from_secs(60)).await;
    let newest = world.now() - TimeDelta::minutes(behind);
    ids.iter().for_each(|id| world.index.log(id, newest));
    world.monitor.round().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_grows_beyond_what_is_allowed_accuses_nobody_and_hides_nobody() {
    let ids = ["001", "002", "003", "004", "005", "006"];
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    for minute in 0..60 {
        minute_behind(&mut world, &ids, minute / 2).await;
    }
    let mut world = world.restarted(&ids).await;
    for _ in 0..60 {
        minute_behind(&mut world, &ids, 30).await;
    }
    assert_eq!(world.story().await, [""; 0], "half an hour late, also after a restart");
    for _ in 0..17 {
        minute_behind(&mut world, &ids[1..], 30).await;
    }
    assert_eq!(world.story().await, ["agent_silent 001"], "and a silence is found as long after it as ever");
    world.minutes(20, &ids).await;
    world.minutes(17, &ids[..5]).await;
    let told = ["agent_silent 001", "agent_recovered 001", "agent_silent 006"];
    assert_eq!(world.story().await, told, "nothing is late any more, so nobody waits");
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_over_when_logs_come_again_however_late_and_a_silence_after_it_is_told_in_time() {
    let ids = ["001", "002", "003", "004", "005", "006"];
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    world.minutes(19, &[]).await;
    for _ in 0..30 {
        minute_behind(&mut world, &ids, 8).await;
    }
    let mut stalls = world.story().await;
    stalls.retain(|told| told.starts_with("pipeline"));
    assert_eq!(stalls, ["pipeline_stalled default", "pipeline_recovered default"]);
    for _ in 0..16 {
        minute_behind(&mut world, &ids[1..], 8).await;
    }
    assert_eq!(world.story().await.last().unwrap(), "agent_silent 001");
}

#[tokio::test(start_paused = true)]
async fn who_was_told_before_the_lag_was_known_is_back_with_it_and_one_late_log_is_no_lag() {
    let ids = ["001", "002"];
    let mut world = World::new(&ids).await;
    world.minutes(20, &ids).await;
    world.minutes(19, &[]).await;
    for _ in 0..60 {
        minute_behind(&mut world, &ids, 20).await;
    }
    let told = ["agent_silent 001", "agent_silent 002", "agent_recovered 001", "agent_recovered 002"];
    assert_eq!(world.story().await, told);
    world.minutes(20, &ids).await;
    world.minutes(10, &[]).await;
    minute_behind(&mut world, &["001"], 8).await;
    world.minutes(6, &[]).await;
    assert_eq!(world.story().await[4..], ["agent_silent 002"], "in time");
    world.minutes(3, &[]).await;
    assert_eq!(world.story().await[5..], ["agent_silent 001"], "in time");
}

#[tokio::test(start_paused = true)]
async fn a_node_of_which_nothing_comes_any_more_widens_no_question() {
    let mut world = World::new(&["001", "002"]).await;
    world.index.nodes.lock().unwrap().extend([("001".to_owned(), "node01"), ("002".to_owned(), "node02")]);
    world.minute(&["001", "002"]).await;
    world.minutes(59, &["001"]).await;
    world.index.log("002", world.now() - TimeDelta::minutes(55));
    world.minutes(70, &["001"]).await;
    world.index.asked.lock().unwrap().clear();
    world.minute(&["001"]).await;
    let asked = world.index.asked.lock().unwrap().clone();
    let usual = asked.iter().find(|(_, named)| *named == Some(2)).unwrap();
    assert!(world.now() - usual.0 < TimeDelta::minutes(4), "{:?}", world.now() - usual.0);
}
