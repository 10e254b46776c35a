//! Many agents are few messages, and what they have in common explains them.

use super::*;

#[tokio::test(start_paused = true)]
async fn many_at_once_are_one_message_and_their_ends_answer_it() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let ids: Vec<String> = (1..=50).map(|id| format!("{id:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let incidents = world.silent(&ids).await;
    let message = world.got("slack").remove(0);
    assert_eq!(message.title, "Silent: 50 agents of default");
    assert!(message.body.contains("- 020 host-020") && message.body.contains("+30 more"), "{}", message.body);

    let back: Vec<(&str, i64)> = ids.iter().copied().zip(incidents).collect();
    world.recovered(&back[..49]).await;
    let part = world.got("slack").pop().unwrap();
    assert_eq!(part.title, "Recovered: 49 agents of default log again");
    assert!(part.body.contains("Still silent (1):\n- 050 host-050"), "{}", part.body);
    world.recovered(&back[49..]).await;
    assert_eq!(world.got("slack").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_agents_that_fall_one_after_the_other_are_a_handful_of_messages() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    for id in 0..1000 {
        world.silent(&[&format!("{id:04}")]).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    minutes(3).await;
    let messages = world.got("slack");
    let agents: usize = messages.iter().map(|message| message.events.len()).sum();
    assert_eq!(agents, 1000, "nobody is lost");
    assert!(messages.len() <= 7, "{} messages", messages.len());
}

#[tokio::test(start_paused = true)]
async fn who_was_told_before_a_stall_is_not_reminded_while_that_explains_it() {
    not_reminded_while_explained(Note::LedTo).await;
    // It was told to log too little, and stops with the others.
    not_reminded_while_explained(Note::PartOf).await;
}

async fn not_reminded_while_explained(by: fn(i64) -> Note) {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incident = world.silent(&["001"]).await[0];
    let event = |kind| Event { kind, at: world.clock.now(), ..agent_silent("node=node02", "") };
    let stall = Change::event(IncidentChange::Open(Subject::Pipeline), event(EventKind::PipelineStalled));
    let stall = world.recorder.record(vec![stall]).await.unwrap()[0].unwrap();
    let note = vec![(incident, by(stall))];
    world.journal.write(move |connection| notes::write(connection, &note)).await.unwrap();
    minutes(600).await;
    let of_agent = |world: &World| {
        world.titles("slack").into_iter().filter(|title| title.contains("001 host")).collect::<Vec<_>>()
    };
    assert_eq!(of_agent(&world).len(), 1);
    let over = Change::event(IncidentChange::Close(stall), event(EventKind::PipelineRecovered));
    world.recorder.record(vec![over]).await.unwrap();
    minutes(14).await;
    assert_eq!(of_agent(&world).len(), 1, "it has its time anew");
    minutes(3).await;
    assert_eq!(of_agent(&world)[1], "Still silent: 001 host-001, no logs for 10 h 31 min (reminder 1)");
    let body = world.got("slack").pop().unwrap().body;
    assert!(body.starts_with("Most of those that fell silent after it log again. As it was"), "{body}");
    world.recovered(&[("001", incident)]).await;
    assert!(of_agent(&world)[2].starts_with("Recovered: 001"));
}

#[tokio::test(start_paused = true)]
async fn what_is_part_of_a_stall_is_told_with_it_and_by_itself_only_when_it_is_left_over() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let event = |kind, id: &str| Event { kind, at: world.clock.now(), ..agent_silent(id, id) };
    let stall = Change::event(
        IncidentChange::Open(Subject::Pipeline),
        event(EventKind::PipelineStalled, "node=node02"),
    );
    let part = |id| Change {
        part_of: Some(Whole::OpenedBy(0)),
        ..Change::event(IncidentChange::Open(Subject::Agent), event(EventKind::AgentSilent, id))
    };
    let opened = world.recorder.record(vec![stall, part("001"), part("002")]).await.unwrap();
    settle().await;
    assert_eq!(world.titles("slack").len(), 1, "{:?}", world.titles("slack"));
    assert!(world.titles("slack")[0].starts_with("Pipeline stalled: node=node02"));

    let [stall, one, two] = opened[..] else { panic!("three incidents") };
    let over = Change::event(
        IncidentChange::Close(stall.unwrap()),
        event(EventKind::PipelineRecovered, "node=node02"),
    );
    world.recorder.record(vec![over]).await.unwrap();
    world.recovered(&[("001", one.unwrap())]).await;
    assert_eq!(world.titles("slack").len(), 2, "the part ends without a word: {:?}", world.titles("slack"));

    let left = Change::event(IncidentChange::Worsen(two.unwrap()), event(EventKind::AgentSilent, "002"));
    world.recorder.record(vec![left]).await.unwrap();
    settle().await;
    assert!(world.titles("slack")[2].starts_with("Silent: 002"), "{:?}", world.titles("slack"));
    world.recovered(&[("002", two.unwrap())]).await;
    assert!(world.titles("slack")[3].starts_with("Recovered: 002"), "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn of_what_ends_and_begins_again_at_once_the_end_is_told_first() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let event = |kind| Event { kind, at: world.clock.now(), ..agent_silent("node=node02", "") };
    let begin = || Change::event(IncidentChange::Open(Subject::Pipeline), event(EventKind::PipelineStalled));
    let first = world.recorder.record(vec![begin()]).await.unwrap()[0].unwrap();
    minutes(20).await;
    let end = Change::event(IncidentChange::Close(first), event(EventKind::PipelineRecovered));
    world.recorder.record(vec![end, begin()]).await.unwrap();
    settle().await;
    let kinds: Vec<MessageKind> = world.got("slack").iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved, MessageKind::Firing]);
}

#[tokio::test(start_paused = true)]
async fn what_gets_worse_is_told_again_and_reminded_of_as_it_is_and_has_one_end() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let event = |cause: &str| Event { cause: cause.to_owned(), ..at_now(&world, "001") };
    let few = Change::event(IncidentChange::Open(Subject::Agent), event("volume_too_low"));
    let incident = world.recorder.record(vec![few]).await.unwrap()[0].unwrap();
    settle().await;
    minutes(5).await;
    let stopped = Change::event(IncidentChange::Worsen(incident), event("disconnected"));
    world.recorder.record(vec![stopped]).await.unwrap();
    minutes(300).await;
    let titles = world.titles("slack");
    assert!(titles[0].starts_with("Too few logs: 001") && titles[1].starts_with("Silent: 001"), "{titles:?}");
    assert!(
        titles.len() > 2 && titles[2..].iter().all(|title| title.starts_with("Still silent: 001")),
        "{titles:?}"
    );
    world.recovered(&[("001", incident)]).await;
    let ends = world.titles("slack").into_iter().filter(|title| title.starts_with("Recovered"));
    assert_eq!(ends.count(), 1);
}

/// PagerDuty has an alert of each, Slack a red message.
#[tokio::test(start_paused = true)]
async fn of_what_got_worse_each_firing_is_closed_or_edited_and_no_reminder() {
    for (resolve, edit) in [(true, false), (false, true)] {
        let mut world = World::new(two_steps(), &["slack", "email"]).await;
        world.kill().await;
        world.limits.insert("slack".to_owned(), Limits { resolve, edit, ..Limits::default() });
        world.start().await;
        let incident = world.silent(&["001"]).await[0];
        world.worsen("001", incident, log_monitor_channels::Severity::High).await;
        minutes(61).await;
        let before = world.got("slack");
        world.recovered(&[("001", incident)]).await;
        let ends = world.got("slack").split_off(before.len());
        let ends: Vec<_> = ends.into_iter().map(|end| (end.all_over, end.answers)).collect();
        let key = |firing: usize| Some(before[firing].idempotency_key.clone());
        assert_eq!(ends, [(true, key(0)), (true, key(1))], "resolve {resolve}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_gets_worse_before_it_was_told_is_one_line_of_the_message() {
    let group = crate::config::Group { wait: Duration::from_secs(15), ..Default::default() };
    let world = World::new(vec![Route { group, ..route("catch_all", &[&["soc"]]) }], &["soc"]).await;
    let incident = world.silent(&["001"]).await[0];
    world.worsen("001", incident, log_monitor_channels::Severity::High).await;
    minutes(1).await;
    let told = world.got("soc").remove(0);
    assert_eq!(
        (told.events.len(), told.severity),
        (1, log_monitor_channels::Severity::High),
        "{}",
        told.title
    );
}

#[tokio::test(start_paused = true)]
async fn those_that_get_worse_together_have_one_end_as_well() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let event = |id: &str, cause: &str| Event { cause: cause.to_owned(), ..at_now(&world, id) };
    let mut incidents = Vec::new();
    for id in ["001", "002", "003"] {
        let few = Change::event(IncidentChange::Open(Subject::Agent), event(id, "volume_too_low"));
        incidents.push((id, world.recorder.record(vec![few]).await.unwrap()[0].unwrap()));
        minutes(2).await;
    }
    let worse = |(id, incident): &(&str, i64)| {
        Change::event(IncidentChange::Worsen(*incident), event(id, "disconnected"))
    };
    world.recorder.record(incidents.iter().map(worse).collect()).await.unwrap();
    minutes(5).await;
    world.recovered(&incidents).await;
    minutes(5).await;
    let ends: Vec<String> =
        world.titles("slack").into_iter().filter(|title| title.starts_with("Recovered")).collect();
    assert_eq!(ends, ["Recovered: 3 agents of default log again"]);
}

fn at_now(world: &World, id: &str) -> Event {
    let at = world.clock.now();
    Event { at, since: Some(at - TimeDelta::minutes(16)), ..agent_silent(id, id) }
}
