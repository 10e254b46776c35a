//! Budgets of channels: what goes over waits and is merged, and nothing is lost.

use log_monitor_channels::Severity;

use super::*;
use crate::config::Group;

/// Routes that hold nothing back themselves.
fn free(name: &str, steps: &[&[&str]]) -> Route {
    Route { group: Group { burst: 1000, ..Group::default() }, ..route(name, steps) }
}

impl World {
    /// Starts anew with budgets of a channel.
    pub(super) async fn limit(&mut self, channel: &str, budgets: &[&str], resolve: bool) {
        let budgets = budgets.iter().map(|text| text.parse().unwrap()).collect();
        self.kill().await;
        self.limits.insert(channel.to_owned(), Limits { budgets, resolve, ..Limits::default() });
        self.start().await;
    }

    /// Agents that fall silent one after the other.
    async fn one_by_one(&self, ids: std::ops::Range<u32>) -> Vec<i64> {
        let mut incidents = Vec::new();
        for id in ids {
            incidents.extend(self.silent(&[&format!("{id:03}")]).await);
        }
        incidents
    }

    async fn severe(&self, id: &str) {
        let event = Event { severity: Severity::High, at: self.clock.now(), ..agent_silent(id, id) };
        self.recorder.record(vec![Change::event(IncidentChange::Open(Subject::Agent), event)]).await.unwrap();
        settle().await;
    }

    fn agents(&self, channel: &str) -> Vec<usize> {
        self.got(channel).iter().map(|message| message.events.len()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_over_a_budget_waits_is_merged_and_says_why() {
    let mut world = World::new(vec![free("catch_all", &[&["soc", "log"]])], &["soc", "log"]).await;
    world.limit("soc", &["1 per 1s", "4 per 10m"], false).await;
    world.one_by_one(0..20).await;
    assert_eq!(world.agents("log"), [1; 20], "the others go on");
    assert_eq!(world.agents("soc"), [1], "a second is not over");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.agents("soc"), [1, 19]);
    minutes(1).await;
    world.one_by_one(20..30).await;
    minutes(8).await;
    assert_eq!(world.agents("soc"), [1, 19, 1], "three of four may be of this severity");
    minutes(1).await;
    assert_eq!(world.agents("soc"), [1, 19, 1, 9], "and nobody is lost");
    let last = world.got("soc").pop().unwrap();
    assert!(last.body.contains("Held back until now: over budget (4 per 10m)."), "{}", last.body);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_budget_is_kept_for_high_severities_and_for_ends() {
    let mut world = World::new(vec![free("catch_all", &[&["soc"]])], &["soc"]).await;
    world.limit("soc", &["8 per 1h"], false).await;
    let incidents = world.one_by_one(0..10).await;
    assert_eq!(world.agents("soc"), [1; 6]);
    world.severe("900").await;
    world.recovered(&[("000", incidents[0])]).await;
    let titles = world.titles("soc");
    assert_eq!(titles[6], "Silent: 5 agents of default", "it takes along what waits");
    assert!(titles[7].starts_with("Recovered: 000"), "{titles:?}");
    world.severe("901").await;
    assert_eq!(world.agents("soc").len(), 8, "eight are eight");
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let routes = vec![free("catch_all", &[&["soc"]])];
    let mut world = World::on(Journal::open_inline(&path).unwrap(), routes, &["soc"]).await;
    world.limit("soc", &["2 per 1h"], false).await;
    let first = world.now();
    world.one_by_one(0..5).await;
    let waits = world.journal.write(|db| {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        db.query_row("SELECT reason, not_before FROM delivery WHERE state = 'pending'", [], read)
    });
    let (why, until) = waits.await.unwrap();
    assert_eq!(why, "over budget (2 per 1h)");
    assert!((0..10).contains(&(until - first - 3_600_000)), "an hour after the first of the two");
    world.kill().await;
    let world = restart(&path, world).await;
    minutes(58).await;
    assert_eq!(world.agents("soc"), [1, 1]);
    minutes(2).await;
    assert_eq!(world.agents("soc")[..3], [1, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_budget_does_not_fall_back_unless_it_cannot_wait() {
    let mut world = World::new(vec![free("catch_all", &[&["soc"], &["email"]])], &["soc", "email"]).await;
    world.limit("soc", &["1 per 1h"], false).await;
    world.one_by_one(0..3).await;
    world.severe("900").await;
    minutes(2).await;
    let mail = world.got("email");
    assert_eq!(mail.len(), 1, "the severe one");
    assert!(
        mail[0].body.contains("Sent this way because soc waits: over budget (1 per 1h)."),
        "{}",
        mail[0].body
    );
    world.fail("soc", Some(down()));
    let firings = || world.got("email").iter().filter(|mail| mail.kind == MessageKind::Firing).count();
    minutes(58).await;
    assert_eq!(firings(), 1, "it has just been tried");
    minutes(2).await;
    assert_eq!(firings(), 3, "once it was tried, its step has a minute");
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_what_was_merged_answer_the_one_post() {
    let mut world = World::new(vec![free("catch_all", &[&["soc"]])], &["soc"]).await;
    world.limit("soc", &["1 per 1m", "100 per 1h"], true).await;
    let incidents = world.one_by_one(0..4).await;
    minutes(1).await;
    assert_eq!(world.agents("soc"), [1, 3]);
    minutes(5).await;
    world.recovered(&[("001", incidents[1])]).await;
    let part = world.got("soc").pop().unwrap();
    assert!(!part.all_over && part.body.contains("Still silent (2):"), "{}", part.body);
    minutes(5).await;
    world.recovered(&[("002", incidents[2]), ("003", incidents[3])]).await;
    minutes(2).await;
    let ends = world.got("soc").split_off(3);
    assert_eq!(ends.len(), 1, "they are of one post");
    assert!(ends[0].all_over && ends[0].in_reply_to == part.in_reply_to, "{ends:?}");
    assert_eq!(ends[0].events.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_merged_is_sent_again_as_it_was_after_a_crash() {
    let mut world = World::new(vec![free("catch_all", &[&["soc"]])], &["soc"]).await;
    world.limit("soc", &["1 per 1m"], false).await;
    world.one_by_one(0..4).await;
    minutes(1).await;
    let first = world.got("soc").pop().unwrap();
    world.one_by_one(4..6).await;
    world.kill().await;
    world
        .journal
        .write(|db| db.execute("UPDATE delivery SET state = 'sending' WHERE id > 1 AND id < 5", []))
        .await
        .unwrap();
    world.start().await;
    minutes(1).await;
    let again = world.got("soc").pop().unwrap();
    assert_eq!((again.idempotency_key, again.events.len()), (first.idempotency_key, 3));
    assert!(again.possible_duplicate);
    minutes(1).await;
    assert_eq!(world.agents("soc"), [1, 3, 3, 2]);
}

/// A pager that takes one call in ten seconds, and was told of three agents.
async fn paged() -> (World, Vec<i64>) {
    let group = Group { burst: 1000, by: vec!["site".to_owned()], ..Group::default() };
    let routes = vec![Route { group, ..route("catch_all", &[&["pager"], &["email"]]) }];
    let mut world = World::new(routes, &["pager", "email"]).await;
    world.limit("pager", &["1 per 10s"], true).await;
    let mut incidents = Vec::new();
    for id in 1..4 {
        incidents.extend(world.one_by_one(id..id + 1).await);
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    minutes(59).await;
    (world, incidents)
}

#[tokio::test(start_paused = true)]
async fn each_post_of_a_message_that_answers_several_is_a_try_of_the_budget() {
    let (world, incidents) = paged().await;
    // The second of the digest fails at first.
    let taken = || Ok(log_monitor_channels::Receipt::line("taken"));
    world.vendors["pager"].script([taken(), Err(down())]);
    let mut calls = vec![world.got("pager").len()];
    let back = [("001", incidents[0]), ("002", incidents[1]), ("003", incidents[2])];
    for some in [&[][..], &back] {
        world.recovered(some).await;
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            calls.push(world.got("pager").len());
        }
    }
    assert!(calls.windows(2).all(|two| two[1] - two[0] <= 1), "{calls:?}");
    let told = world.got("pager").split_off(3);
    let kinds: Vec<MessageKind> = told.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [[MessageKind::Reminder; 4].as_slice(), &[MessageKind::Resolved; 3]].concat());
    let mut keys: Vec<&str> = told.iter().map(|one| one.idempotency_key.as_str()).collect();
    assert_eq!(keys[1], keys[2], "only what failed is sent again");
    keys.dedup();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 6);
    assert!(told[4..].iter().all(|end| end.all_over && end.in_reply_to.is_some()), "{told:?}");
    assert_eq!(world.titles("email"), [""; 0], "whoever waits for a budget does not fall back");
}

#[tokio::test(start_paused = true)]
async fn of_several_posts_those_that_were_made_are_not_made_again_after_a_restart() {
    let (mut world, incidents) = paged().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.got("pager").len(), 4, "the first of the digest");
    world.kill().await;
    world.start().await;
    world.recovered(&[("002", incidents[1])]).await;
    minutes(2).await;
    let told = world.got("pager").split_off(3);
    let about = |one: &Notification| (one.kind, one.events[0].entity.as_ref().unwrap().id.clone());
    let mut about: Vec<_> = told.iter().map(about).collect();
    about[1..].sort_by_key(|(kind, _)| *kind != MessageKind::Resolved);
    let (reminder, end) = (MessageKind::Reminder, MessageKind::Resolved);
    assert_eq!(about, [(reminder, "001".into()), (end, "002".into()), (reminder, "003".into())]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_budget_is_held_back_by_a_silence() {
    let mut world = World::new(vec![free("catch_all", &[&["soc"]])], &["soc"]).await;
    world.limit("soc", &["1 per 1m"], false).await;
    world.one_by_one(0..2).await;
    world.silence("id=001", 60).await;
    world.one_by_one(2..3).await;
    minutes(30).await;
    let told: Vec<String> = world
        .got("soc")
        .iter()
        .flat_map(|told| &told.events)
        .map(|event| event.entity.as_ref().unwrap().id.clone())
        .collect();
    assert_eq!(told, ["000", "002"]);
    minutes(31).await;
    assert!(world.titles("soc").pop().unwrap().starts_with("Silent: 001"), "{:?}", world.titles("soc"));
}

#[tokio::test(start_paused = true)]
async fn whom_merged_messages_did_not_reach_is_told_all_of_them_that_go_on() {
    let mut world = World::new(vec![free("catch_all", &[&["mail"]])], &["mail"]).await;
    world.limit("mail", &["1 per 1m"], false).await;
    let part = || Receipt { rest: true, ..Receipt::line("one of two") };
    world.vendors["mail"].script([Ok(Receipt::line("ok")), Ok(part()), Err(down())]);
    let incidents = world.one_by_one(0..4).await;
    minutes(2).await;
    world.recovered(&[("003", incidents[3])]).await;
    minutes(20).await;
    let rest = world.got("mail").into_iter().rfind(|told| told.rest_of.is_some()).unwrap();
    let told: Vec<&str> =
        rest.events.iter().map(|event| event.entity.as_ref().unwrap().id.as_str()).collect();
    assert_eq!(told, ["001", "002"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_budget_until_quiet_hours_waits_for_their_end() {
    let mut world = World::new(suppress::quiet((1, 7), Severity::High), &["soc"]).await;
    world.limit("soc", &["1 per 1h"], false).await;
    world.silent(&["001"]).await;
    minutes(30).await;
    world.silent(&["002"]).await;
    minutes(6 * 60).await;
    let of_002 = || world.titles("soc").into_iter().filter(|title| title.starts_with("Silent: 002")).count();
    assert_eq!(of_002(), 0, "06:30 in the morning: {:?}", world.titles("soc"));
    minutes(92).await;
    assert_eq!(of_002(), 1, "{:?}", world.titles("soc"));
}
