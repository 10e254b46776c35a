//! Groups by label, and storms.

use super::*;
use crate::config::Group;

fn by_site(wait: u64) -> Vec<Route> {
    let (wait, interval) = (Duration::from_secs(wait), Duration::from_secs(300));
    let group = Group { by: vec!["site".to_owned()], wait, interval, max_items: 2, ..Group::default() };
    vec![Route { group, ..route("catch_all", &[&["soc"]]) }]
}

impl World {
    /// Agents of a site that fell silent in one round. Returns their incidents.
    async fn silent_at(&self, site: &str, ids: &[&str]) -> Vec<i64> {
        let change = |id: &&str| {
            let mut event = Event { at: self.clock.now(), ..agent_silent(id, &format!("host-{id}")) };
            event.since = Some(event.at - TimeDelta::minutes(16));
            event.labels.insert("site".to_owned(), site.to_owned());
            Change::event(IncidentChange::Open(Subject::Agent), event)
        };
        let incidents = self.recorder.record(ids.iter().map(change).collect()).await.unwrap();
        settle().await;
        incidents.into_iter().flatten().collect()
    }

    /// Starts anew with a channel on which ends take the place of what they end.
    pub(super) async fn edits(&mut self, channel: &str) {
        self.kill().await;
        self.limits.insert(channel.to_owned(), Limits { edit: true, ..Limits::default() });
        self.start().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_for_its_own_and_tells_the_change_before_what_goes_on() {
    let world = World::new(by_site(10), &["soc"]).await;
    world.silent_at("MIL", &["001", "002"]).await;
    world.silent_at("ROM", &["100"]).await;
    world.silent_at("MIL", &["003"]).await;
    assert_eq!(world.titles("soc"), [""; 0]);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(
        world.titles("soc"),
        ["Silent: 3 agents of default", "Silent: 100 host-100, no logs for 16 min"],
        "a message for each site"
    );
    assert!(world.got("soc")[0].body.contains("Group: site=MIL."), "{}", world.got("soc")[0].body);
    minutes(1).await;
    world.silent_at("MIL", &["004"]).await;
    minutes(1).await;
    let next = world.got("soc").pop().unwrap();
    assert!(next.title.starts_with("Silent: 004"), "{}", next.title);
    let listed: Vec<&str> = next.body.lines().skip_while(|line| !line.starts_with("Still")).collect();
    assert_eq!(listed[0], "Still silent (3):");
    assert!(
        listed[1].starts_with("- 001 host-001") && listed[2].starts_with("- 002 host-002"),
        "{}",
        next.body
    );
    assert_eq!(listed[3], "+1 more");
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_several_of_a_group_are_one_message_with_what_is_still_open() {
    let world = World::new(by_site(0), &["soc"]).await;
    let one = world.silent_at("MIL", &["001"]).await[0];
    let two = world.silent_at("MIL", &["002"]).await[0];
    world.silent_at("MIL", &["003"]).await;
    let other = world.silent_at("ROM", &["100"]).await[0];
    world.recovered(&[("001", one), ("002", two), ("100", other)]).await;
    let ends = world.got("soc").split_off(4);
    assert_eq!(ends.len(), 2, "{:?}", world.titles("soc"));
    assert_eq!(ends[0].title, "Recovered: 2 agents of default log again");
    assert!(ends[0].body.contains("Still silent (1):\n- 003 host-003"), "{}", ends[0].body);
    assert!(
        ends[1].title.starts_with("Recovered: 100") && !ends[1].body.contains("Still"),
        "{}",
        ends[1].body
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_names_nobody_as_still_silent_of_whom_its_channel_was_not_told() {
    let routes = vec![Route { steps: two_steps()[0].steps.clone(), ..by_site(0).remove(0) }];
    let world = World::new(routes, &["slack", "email"]).await;
    world.silence("id=001", 60).await;
    let hidden = world.silent_at("MIL", &["001"]).await[0];
    let two = world.silent_at("MIL", &["002"]).await[0];
    world.silent_at("MIL", &["003"]).await;
    world.recovered(&[("002", two)]).await;
    let end = world.got("slack").pop().unwrap();
    assert!(end.body.contains("Still silent (1):\n- 003 host-003"), "{}", end.body);
    world.recovered(&[("001", hidden)]).await;
    assert_eq!(world.got("slack").len(), 3, "{:?}", world.titles("slack"));

    world.fail("slack", Some(down()));
    world.silent_at("MIL", &["004"]).await;
    minutes(1).await;
    let fallback = world.got("email").pop().unwrap();
    assert!(fallback.title.starts_with("Silent: 004"), "{}", fallback.title);
    assert!(!fallback.body.contains("Still silent"), "it has heard of no other: {}", fallback.body);
}

#[tokio::test(start_paused = true)]
async fn one_message_of_several_ends_closes_each_alert_of_a_vendor_that_keeps_them() {
    let mut world = World::new(by_site(0), &["soc"]).await;
    world.kill().await;
    world.limits.insert("soc".to_owned(), Limits { resolve: true, ..Limits::default() });
    world.start().await;
    let incidents = world.silent_at("MIL", &["001", "002"]).await;
    let other = world.silent_at("MIL", &["003"]).await[0];
    world.recovered(&[("001", incidents[0]), ("003", other)]).await;
    let ends = world.got("soc").split_off(2);
    let over: Vec<bool> = ends.iter().map(|end| end.all_over).collect();
    assert_eq!(over, [false, true], "002 is in the first of them: {ends:?}");
    assert!(ends[0].in_reply_to.is_some() && ends[0].in_reply_to != ends[1].in_reply_to);
}

#[tokio::test(start_paused = true)]
async fn where_ends_take_the_place_of_their_posts_one_message_of_several_does_so_of_each_that_is_over() {
    let mut world = World::new(by_site(0), &["soc"]).await;
    world.edits("soc").await;
    let incidents = world.silent_at("MIL", &["001", "002"]).await;
    let others = [world.silent_at("MIL", &["003"]).await[0], world.silent_at("MIL", &["004"]).await[0]];
    world.recovered(&[("001", incidents[0]), ("003", others[0]), ("004", others[1])]).await;
    let told = world.got("soc");
    let ends: Vec<(bool, Option<&str>, usize)> =
        told[3..].iter().map(|end| (end.all_over, end.answers.as_deref(), end.events.len())).collect();
    let key = |firing: usize| Some(told[firing].idempotency_key.as_str());
    assert_eq!(ends, [(true, key(1), 1), (true, key(2), 1), (false, key(0), 1)], "002 goes on");
    world.recovered(&[("002", incidents[1])]).await;
    let end = world.got("soc").pop().unwrap();
    assert_eq!((end.all_over, end.answers.as_deref()), (true, key(0)));
}

#[tokio::test(start_paused = true)]
async fn ends_that_waited_as_several_messages_take_the_place_of_their_post_together() {
    let mut world = World::new(vec![route("catch_all", &[&["soc"]])], &["soc"]).await;
    world.edits("soc").await;
    let incidents = world.silent(&["001", "002"]).await;
    world.fail("soc", Some(down()));
    world.recovered(&[("001", incidents[0])]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.ended(EventKind::AgentUnwatched, &[("002", incidents[1])]).await;
    world.fail("soc", None);
    minutes(30).await;
    let told = world.got("soc");
    let last = told.last().unwrap();
    assert_eq!(last.answers.as_ref(), Some(&told[0].idempotency_key));
    assert!(
        last.title.starts_with("Recovered: 001") && last.title.contains("; No longer watched: 002"),
        "{}",
        last.title
    );
    assert!(last.body.contains("- 001 host-001") && last.body.contains("- 002 host-002"), "{}", last.body);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_refused_is_a_message_of_its_own_and_the_others_are_made() {
    let mut world = World::new(by_site(0), &["soc"]).await;
    world.edits("soc").await;
    let one = world.silent_at("MIL", &["001"]).await[0];
    let two = world.silent_at("MIL", &["002"]).await[0];
    let refused = DeliveryError::permanent_message(Reason::Rejected, "edit_window_closed");
    world.vendors["soc"].script([Err(refused)]);
    world.recovered(&[("001", one), ("002", two)]).await;
    let told = world.got("soc").split_off(2);
    let ends: Vec<(&str, bool)> =
        told.iter().map(|end| (end.events[0].entity.as_ref().unwrap().id.as_str(), end.short)).collect();
    assert_eq!(ends, [("001", false), ("001", true), ("002", false)]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_one_message_of_all_groups_and_says_so_once() {
    let world = World::new(by_site(0), &["soc"]).await;
    for site in 0..40 {
        world.silent_at(&format!("S{site}"), &[&format!("{site:03}")]).await;
    }
    assert_eq!(world.got("soc").len(), 10, "a message for each site, up to the threshold");
    minutes(5).await;
    for site in 40..60 {
        world.silent_at(&format!("S{site}"), &[&format!("{site:03}")]).await;
    }
    minutes(5).await;
    let told = world.got("soc");
    let counts: Vec<usize> = told[10..].iter().map(|message| message.events.len()).collect();
    assert_eq!(counts, [30, 20], "and then one in five minutes");
    let said = |message: &&Notification| message.body.contains("Many come at once: what follows is merged");
    assert_eq!(told.iter().filter(said).count(), 1);
    assert!(said(&&told[10]), "{}", told[10].body);
}

/// Uptime Kuma #4779, OpenSearch alerting #1544.
#[tokio::test(start_paused = true)]
async fn of_3230_agents_2800_fall_silent_and_each_channel_has_one_message_a_window_cut_with_a_count() {
    let both = || vec![route("catch_all", &[&["soc", "email"]])];
    let ids: Vec<String> = (0..2800).map(|id| format!("{id:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();

    let world = World::new(both(), &["soc", "email"]).await;
    world.silent(&ids).await;
    for channel in ["soc", "email"] {
        let told = world.got(channel);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].title, "Silent: 2800 agents of default");
        assert!(told[0].body.contains("- 0019 host-0019") && told[0].body.contains("+2780 more"));
        assert!(!told[0].body.contains("- 0020 host-0020"));
    }

    // In many rounds, from the moment at which it is a storm: one a minute.
    let world = World::new(both(), &["soc", "email"]).await;
    for round in ids.chunks(100) {
        world.silent(round).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    minutes(2).await;
    for channel in ["soc", "email"] {
        let sizes: Vec<usize> = world.got(channel).iter().map(|message| message.events.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 2800, "nobody is lost: {sizes:?}");
        assert_eq!(sizes[..5], [100; 5], "the first go out at once");
        assert!(sizes.len() <= 5 + 6, "280 s have no more than five minutes: {sizes:?}");
    }
}
