//! Delivery as a whole, on a real journal and a paused clock, with recorders in place of vendors.

mod adopt;
mod budget;
mod clock;
mod digest;
mod escalation;
mod group;
mod hold;
mod keep_alive;
mod lost;
mod quarantine;
mod suppress;
mod wording;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use log_monitor_channels::testing::Recorder as Vendor;
use log_monitor_channels::{DeliveryError, Event, EventKind, MessageKind, Notification, Reason, Receipt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::budget::Limits;
use super::channel::{Channel, Channels};
use super::fixtures::{agent_silent, route, start};
use super::{Delivering, Dispatcher};
use crate::bus::Bus;
use crate::clock::{SharedClock, TokioClock};
use crate::config::{Need, Route};
use crate::journal::incidents::Subject;
use crate::journal::notes::{self, Note};
use crate::journal::quiet::{self, Quiet};
use crate::journal::{Journal, events};
use crate::record::{Change, IncidentChange, Recorder, Whole};
use crate::wording::Wording;

/// A dispatcher with its surroundings, which can be stopped, killed and started again.
struct World {
    journal: Journal,
    clock: SharedClock,
    routes: watch::Sender<Arc<Vec<Route>>>,
    vendors: BTreeMap<String, Vendor>,
    recorder: Recorder,
    spool: Option<std::path::PathBuf>,
    running: Option<(JoinHandle<()>, watch::Sender<bool>)>,
    /// Of every channel.
    keep_alive: Option<Duration>,
    /// By channel.
    limits: BTreeMap<String, Limits>,
    wording: Arc<Wording>,
}

impl World {
    async fn new(routes: Vec<Route>, channels: &[&str]) -> Self {
        Self::on(Journal::in_memory().unwrap(), routes, channels).await
    }

    async fn on(journal: Journal, routes: Vec<Route>, channels: &[&str]) -> Self {
        let clock: SharedClock = Arc::new(TokioClock::starting_at(start()));
        let routes = watch::Sender::new(Arc::new(routes));
        let recorder = Recorder {
            journal: journal.clone(),
            bus: Bus::default(),
            clock: clock.clone(),
            routes: routes.subscribe(),
        };
        let vendors = channels.iter().map(|name| ((*name).to_owned(), Vendor::new())).collect();
        let mut world = Self {
            journal,
            clock,
            routes,
            vendors,
            recorder,
            spool: None,
            running: None,
            keep_alive: None,
            limits: BTreeMap::new(),
            wording: Arc::default(),
        };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let build = |name: &String, vendor: &Vendor| {
            let notifier = Box::new(vendor.clone());
            let keep_alive = self.keep_alive;
            let limits = self.limits.get(name).cloned().unwrap_or_default();
            Arc::new(Channel { kind: "recorder", max_in_flight: 4, limits, keep_alive, notifier })
        };
        let channels: Channels =
            self.vendors.iter().map(|(name, vendor)| (name.clone(), build(name, vendor))).collect();
        let delivering = Delivering {
            routes: self.routes.borrow().clone(),
            channels: Arc::new(channels),
            wording: self.wording.clone(),
            installation: "here".into(),
        };
        let (_keep, receiver) = watch::channel(delivering);
        let bus = self.recorder.bus.clone();
        let dispatcher =
            Dispatcher::new(self.journal.clone(), bus, self.clock.clone(), receiver, self.spool.clone())
                .await
                .unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let _keep = _keep;
            dispatcher.run(stopped).await;
        });
        self.running = Some((task, stop));
    }

    /// As `kill -9`: whatever was under way is lost.
    async fn kill(&mut self) {
        if let Some((task, _)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
    }

    fn now(&self) -> i64 {
        events::millis(self.clock.now())
    }

    /// Agents that fell silent in one round. Returns their incidents.
    async fn silent(&self, ids: &[&str]) -> Vec<i64> {
        let changes = ids.iter().map(|id| {
            let mut event = agent_silent(id, &format!("host-{id}"));
            event.at = self.clock.now();
            event.since = Some(self.clock.now() - TimeDelta::minutes(16));
            Change::event(IncidentChange::Open(Subject::Agent), event)
        });
        let incidents = self.recorder.record(changes.collect()).await.unwrap();
        settle().await;
        incidents.into_iter().flatten().collect()
    }

    async fn recovered(&self, agents: &[(&str, i64)]) {
        let changes = agents.iter().map(|(id, incident)| {
            let mut event = agent_silent(id, &format!("host-{id}"));
            event.kind = EventKind::AgentRecovered;
            event.at = self.clock.now();
            Change::event(IncidentChange::Close(*incident), event)
        });
        self.recorder.record(changes.collect()).await.unwrap();
        settle().await;
    }

    fn got(&self, channel: &str) -> Vec<Notification> {
        self.vendors[channel].received()
    }

    fn titles(&self, channel: &str) -> Vec<String> {
        self.got(channel).into_iter().map(|notification| notification.title).collect()
    }

    fn fail(&self, channel: &str, error: Option<DeliveryError>) {
        self.vendors[channel].fail_always(error);
    }
}

/// Lets everything that can happen now happen.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(count * 60)).await;
    settle().await;
}

fn down() -> DeliveryError {
    DeliveryError::transient(Reason::Network, "cannot connect")
}

fn revoked() -> DeliveryError {
    DeliveryError::permanent_channel(Reason::Auth, "HTTP 403 Forbidden: invalid_token")
}

fn two_steps() -> Vec<Route> {
    vec![route("catch_all", &[&["slack"], &["email"]])]
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_first_channel_takes_goes_nowhere_else() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.silent(&["001"]).await;
    minutes(30).await;
    assert_eq!(world.titles("slack"), ["Silent: 001 host-001, no logs for 16 min"]);
    assert_eq!(world.titles("email").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn email_takes_over_when_slack_does_not_answer_in_time_and_says_why() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    assert_eq!(world.titles("email").len(), 0, "slack has a minute");
    minutes(1).await;
    let mail = world.got("email").remove(0);
    assert!(mail.body.contains("Sent this way because slack failed: cannot connect"), "{}", mail.body);

    world.fail("slack", None);
    minutes(1).await;
    let record = world.got("slack").pop().unwrap();
    assert!(record.body.contains("Already told through email"), "{}", record.body);
    minutes(5).await;
    assert_eq!(world.got("email").len(), 1, "what accepted is never sent the same again");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_falls_back_at_once_and_its_owner_is_told_once() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(revoked()));
    world.silent(&["001"]).await;
    assert_eq!(world.got("slack").len(), 1, "a permanent error is not tried again");
    let mut titles = world.titles("email");
    titles.sort();
    assert_eq!(titles, ["Channel unhealthy: slack (auth)", "Silent: 001 host-001, no logs for 16 min"]);
    world.silent(&["002"]).await;
    assert_eq!(world.titles("email").len(), 3, "no second note about slack");

    world.fail("slack", None);
    minutes(2).await;
    world.silent(&["003"]).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_whole_channel() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let limited = DeliveryError::Transient {
        reason: Reason::RateLimited,
        detail: "rate limited".to_owned(),
        retry_after: Some(Duration::from_secs(45)),
    };
    world.vendors["slack"].script([Err(limited)]);
    world.silent(&["001"]).await;
    world.silent(&["002"]).await;
    tokio::time::sleep(Duration::from_secs(44)).await;
    assert_eq!(world.got("slack").len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.got("slack").len(), 3);
    assert_eq!(world.got("email").len(), 0, "45 s is within the minute that slack has");
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_sent_once_more_in_short_form() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.vendors["slack"].script([Err(DeliveryError::permanent_message(Reason::TooLarge, "too large"))]);
    world.silent(&["001"]).await;
    let forms: Vec<bool> = world.got("slack").iter().map(|notification| notification.short).collect();
    assert_eq!(forms, [false, true]);
    assert_eq!(world.got("email").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_to_whoever_accepted_the_beginning() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(revoked()));
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", None);
    world.routes.send_replace(Arc::new(vec![route("catch_all", &[&["slack"]])]));
    world.recovered(&[("001", incidents[0])]).await;
    let resolution = world.got("email").pop().unwrap();
    assert_eq!(resolution.kind, MessageKind::Resolved);
    assert!(resolution.title.starts_with("Recovered: 001 host-001"), "{}", resolution.title);
    assert!(resolution.in_reply_to.is_some(), "it answers the firing");
    assert!(world.got("slack").iter().all(|n| n.kind != MessageKind::Resolved));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_before_it_was_delivered_is_not_sent() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    let tries = world.got("slack").len();
    world.fail("slack", None);
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (tries, 0));
}

#[tokio::test(start_paused = true)]
async fn reminders_come_further_apart_and_stop_with_the_recovery() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001"]).await;
    minutes(60).await;
    assert_eq!(world.titles("slack")[1], "Still silent: 001 host-001, no logs for 1 h 16 min (reminder 1)");
    minutes(119).await;
    assert_eq!(world.got("slack").len(), 2);
    minutes(1).await;
    assert_eq!(world.got("slack").len(), 3);
    world.recovered(&[("001", incidents[0])]).await;
    minutes(60 * 48).await;
    assert_eq!(world.got("slack").len(), 4, "the resolution, and no more reminders");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reminded_while_nothing_is_to_be_said_and_then_that_is_the_reason() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    let hour = |hour: i64| events::millis(start()) + hour * 3_600_000;
    let quiet = |incident: i64, until: i64| Quiet {
        incident,
        from: hour(0),
        until: hour(until),
        why: "Maintenance of db-* ended at four.".to_owned(),
    };
    let rows = vec![quiet(incidents[0], 4), quiet(incidents[1], 6)];
    world.journal.write(move |connection| quiet::replace(connection, "default", &rows)).await.unwrap();
    minutes(4 * 60 - 1).await;
    assert_eq!(world.got("slack").len(), 1, "the firing");
    minutes(2).await;
    let reminder = world.got("slack").pop().unwrap();
    assert_eq!(reminder.title, "Still silent: 001 host-001, no logs for 4 h 16 min (reminder 1)");
    let said = "Maintenance of db-* ended at four. As it was noticed at 2026-01-01 00:00:00 UTC: It stopped.";
    assert!(reminder.body.starts_with(said) && !reminder.body.contains("Noticed:"), "{}", reminder.body);
    // The wait goes on from there, and by then nobody is in maintenance.
    minutes(2 * 60).await;
    let reminder = world.got("slack").pop().unwrap();
    assert_eq!(reminder.title, "Still silent: 2 agents of default");
    world.recovered(&[("001", incidents[0]), ("002", incidents[1])]).await;
    assert_eq!(world.got("slack").len(), 4);
}

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
async fn a_message_that_reaches_nobody_is_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.spool = Some(folder.path().join("undelivered.jsonl"));
    world.start().await;
    world.fail("slack", Some(revoked()));
    world.fail("email", Some(revoked()));
    world.silent(&["001"]).await;
    let kept = std::fs::read_to_string(world.spool.as_ref().unwrap()).unwrap();
    let silent: Vec<&str> = kept.lines().filter(|line| line.contains("Silent: 001")).collect();
    assert_eq!(silent.len(), 1, "{kept}");
    assert!(silent[0].contains("slack failed") && silent[0].contains("email failed"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn need_all_sends_the_one_that_accepted_nothing_twice() {
    let mut both = route("catch_all", &[&["slack", "email"], &["pager"]]);
    both.steps[0].need = Need::All;
    let world = World::new(vec![both], &["slack", "email", "pager"]).await;
    world.fail("email", Some(down()));
    world.silent(&["001"]).await;
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("pager").len()), (1, 1));
    world.fail("email", None);
    minutes(2).await;
    assert_eq!((world.got("slack").len(), world.got("pager").len()), (1, 1));
}

async fn restart(path: &Path, world: World) -> World {
    let (routes, vendors) = (world.routes.borrow().to_vec(), world.vendors.clone());
    let mut next = World::on(Journal::open_inline(path).unwrap(), routes, &[]).await;
    next.kill().await;
    next.clock = world.clock.clone();
    next.recorder.clock = world.clock.clone();
    next.vendors = vendors;
    next.limits = world.limits.clone();
    drop(world);
    next.start().await;
    settle().await;
    next
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_nothing_keeps_the_reminder_clock_and_owes_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut world = World::on(Journal::open_inline(&path).unwrap(), two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001"]).await;
    minutes(40).await;
    world.kill().await;
    let world = restart(&path, world).await;
    assert_eq!(world.got("slack").len(), 1, "no second firing");
    minutes(20).await;
    assert!(world.titles("slack")[1].starts_with("Still silent"), "{:?}", world.titles("slack"));
    world.recovered(&[("001", incidents[0])]).await;
    assert!(world.titles("slack")[2].starts_with("Recovered"), "{:?}", world.titles("slack"));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_down_for_a_day_gets_the_firing_and_one_reminder() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    minutes(60 * 20).await;
    let before = world.got("slack").len();
    world.fail("slack", None);
    minutes(2).await;
    let after = world.got("slack").split_off(before);
    // Both were backing off with jitter, so either may be the first.
    for kind in [MessageKind::Firing, MessageKind::Reminder] {
        assert_eq!(after.iter().filter(|notification| notification.kind == kind).count(), 1, "{kind:?}");
    }
    assert_eq!(after.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reminder_of_an_agent_that_logs_again_but_flaps_says_so_and_since_when() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incident = world.silent(&["001"]).await[0];
    minutes(5).await;
    let back = world.now();
    let note = vec![(incident, Note::BackSince(Some(back)))];
    world.journal.write(move |connection| notes::write(connection, &note)).await.unwrap();
    minutes(60).await;
    let got = world.got("slack").pop().unwrap();
    assert_eq!(got.title, "Not over yet: 001 host-001 logs again, but flaps (reminder 1)");
    assert!(got.body.starts_with("It has logged again since 2026-01-01 00:05:00 UTC"), "{}", got.body);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_before_a_stall_is_not_reminded_while_that_explains_it() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incident = world.silent(&["001"]).await[0];
    let event = |kind| Event { kind, at: world.clock.now(), ..agent_silent("node=node02", "") };
    let stall = Change::event(IncidentChange::Open(Subject::Pipeline), event(EventKind::PipelineStalled));
    let stall = world.recorder.record(vec![stall]).await.unwrap()[0].unwrap();
    let note = vec![(incident, Note::LedTo(stall))];
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

    let left = Change::event(IncidentChange::Detach(two.unwrap()), event(EventKind::AgentSilent, "002"));
    world.recorder.record(vec![left]).await.unwrap();
    settle().await;
    assert!(world.titles("slack")[2].starts_with("Silent: 002"), "{:?}", world.titles("slack"));
    world.recovered(&[("002", two.unwrap())]).await;
    assert!(world.titles("slack")[3].starts_with("Recovered: 002"), "{:?}", world.titles("slack"));
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

fn at_now(world: &World, id: &str) -> Event {
    let at = world.clock.now();
    Event { at, since: Some(at - TimeDelta::minutes(16)), ..agent_silent(id, id) }
}

/// Takes the message and dies before it can say so.
struct Hangs(Vendor);

#[log_monitor_channels::async_trait]
impl log_monitor_channels::Notifier for Hangs {
    async fn notify(
        &self,
        notification: &Notification,
    ) -> Result<log_monitor_channels::Receipt, DeliveryError> {
        let _ = self.0.notify(notification).await;
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_cut_off_by_a_crash_is_made_again_and_marked() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let claimed = world.silent(&["001"]).await;
    assert_eq!(claimed.len(), 1);
    // Put the accepted delivery back to where a crash during the call would have left it.
    world
        .journal
        .write(|connection| {
            connection.execute("UPDATE delivery SET state = 'sending', receipt = NULL", [])?;
            connection.execute("DELETE FROM attempt", [])
        })
        .await
        .unwrap();
    let first = world.got("slack").remove(0);
    let mut world = world;
    world.kill().await;
    world.start().await;
    settle().await;
    let again = world.got("slack").pop().unwrap();
    assert!(again.possible_duplicate && again.body.contains("Possible duplicate"), "{}", again.body);
    assert_eq!(again.idempotency_key, first.idempotency_key);
    assert_eq!(world.got("slack").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_holds_up_nothing_and_is_told_with_what_is_left_of_it() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    world
        .journal
        .write(|connection| {
            connection.execute("UPDATE event SET body = '{'", [])?;
            connection.execute("UPDATE message SET steps = '[{', reminders = '?'", [])
        })
        .await
        .unwrap();
    world.silent(&["002"]).await;
    world.fail("slack", None);
    minutes(2).await;
    let told = world.got("slack");
    let about = |text: &str| told.iter().any(|n| n.title.starts_with("Silent") && n.body.contains(text));
    assert!(about("record of this event is damaged") && about("host-002"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn one_hanging_channel_among_many_delays_no_other() {
    let others: Vec<String> = (0..100).map(|number| format!("channel-{number}")).collect();
    let names: Vec<&str> = others.iter().map(String::as_str).chain(["slow"]).collect();
    let mut world = World::new(vec![route("catch_all", &[&names])], &names).await;
    world.kill().await;
    let channel = |notifier| {
        Arc::new(Channel {
            kind: "recorder",
            max_in_flight: 4,
            limits: Limits::default(),
            keep_alive: None,
            notifier,
        })
    };
    let build = |(name, vendor): (&String, &Vendor)| {
        let notifier: Box<dyn log_monitor_channels::Notifier> = match name.as_str() {
            "slow" => Box::new(Hangs(vendor.clone())),
            _ => Box::new(vendor.clone()),
        };
        (name.clone(), channel(notifier))
    };
    let channels: Channels = world.vendors.iter().map(build).collect();
    let (_keep, delivering) = watch::channel(Delivering {
        routes: world.routes.borrow().clone(),
        channels: Arc::new(channels),
        wording: Arc::default(),
        installation: "here".into(),
    });
    let bus = world.recorder.bus.clone();
    let dispatcher =
        Dispatcher::new(world.journal.clone(), bus, world.clock.clone(), delivering, None).await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(dispatcher.run(stopped));
    for id in 0..5 {
        world.silent(&[&format!("00{id}")]).await;
    }
    assert!(others.iter().all(|name| world.got(name).len() == 5));
    assert_eq!(world.got("slow").len(), 4, "its own bound holds it");
}

/// Takes its time, then accepts.
struct Slow(Vendor);

#[log_monitor_channels::async_trait]
impl log_monitor_channels::Notifier for Slow {
    async fn notify(
        &self,
        notification: &Notification,
    ) -> Result<log_monitor_channels::Receipt, DeliveryError> {
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.0.notify(notification).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_is_accepted_after_its_end_is_followed_by_the_end() {
    // Also where that is not known.
    for answer in [None, Some(Err(DeliveryError::transient(Reason::Timeout, "lost")))] {
        let mut world = World::new(vec![route("catch_all", &[&["slow"]])], &["slow"]).await;
        world.kill().await;
        world.vendors["slow"].script(answer);
        let channel = Channel {
            kind: "recorder",
            max_in_flight: 4,
            limits: Limits::default(),
            keep_alive: None,
            notifier: Box::new(Slow(world.vendors["slow"].clone())),
        };
        let (_keep, delivering) = watch::channel(Delivering {
            routes: world.routes.borrow().clone(),
            channels: Arc::new(Channels::from([("slow".to_owned(), Arc::new(channel))])),
            wording: Arc::default(),
            installation: "here".into(),
        });
        let bus = world.recorder.bus.clone();
        let dispatcher =
            Dispatcher::new(world.journal.clone(), bus, world.clock.clone(), delivering, None).await.unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(dispatcher.run(stopped));
        let incidents = world.silent(&["001"]).await;
        world.recovered(&[("001", incidents[0])]).await;
        minutes(1).await;
        let kinds: Vec<MessageKind> =
            world.got("slow").iter().map(|notification| notification.kind).collect();
        assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_firing_whose_answer_was_lost_names_the_key_that_it_was_sent_with() {
    for reminded in [false, true] {
        let world = World::new(vec![route("catch_all", &[&["pager"]])], &["pager"]).await;
        world.vendors["pager"]
            .script([Err(DeliveryError::transient(Reason::Timeout, "lost")), Err(revoked())]);
        let incidents = world.silent(&["001"]).await;
        minutes(if reminded { 61 } else { 1 }).await;
        world.recovered(&[("001", incidents[0])]).await;
        let told = world.got("pager");
        let next = told.iter().find(|one| one.kind != MessageKind::Firing).unwrap();
        assert_eq!(next.kind == MessageKind::Reminder, reminded);
        assert_eq!(next.answers.as_ref(), Some(&told[0].idempotency_key), "{next:?}");
        assert!(next.in_reply_to.is_none() && next.idempotency_key != told[0].idempotency_key);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_took_only_a_reminder_is_not_told_the_end_of_what_was_over_before() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let incidents = world.silent(&["001", "002"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    world.fail("slack", Some(down()));
    minutes(62).await;
    assert_eq!(world.titles("email").len(), 1, "the reminder: {:?}", world.titles("email"));
    world.recovered(&[("002", incidents[1])]).await;
    let end = world.got("email").pop().unwrap();
    assert!(end.title.starts_with("Recovered: 002"), "{}", end.title);
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_fails_after_its_end_goes_nowhere_else() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.fail("slack", Some(down()));
    let channel = |notifier| {
        Arc::new(Channel {
            kind: "recorder",
            max_in_flight: 4,
            limits: Limits::default(),
            keep_alive: None,
            notifier,
        })
    };
    let slow = Box::new(Slow(world.vendors["slack"].clone())) as Box<dyn log_monitor_channels::Notifier>;
    let channels = Channels::from([
        ("slack".to_owned(), channel(slow)),
        ("email".to_owned(), channel(Box::new(world.vendors["email"].clone()))),
    ]);
    let (_keep, delivering) = watch::channel(Delivering {
        routes: world.routes.borrow().clone(),
        channels: Arc::new(channels),
        wording: Arc::default(),
        installation: "here".into(),
    });
    let bus = world.recorder.bus.clone();
    let dispatcher =
        Dispatcher::new(world.journal.clone(), bus, world.clock.clone(), delivering, None).await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(dispatcher.run(stopped));
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(10).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_adds_nothing_to_a_message_that_is_on_its_way() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    let mut behind = world.recorder.clone();
    behind.clock = Arc::new(TokioClock::starting_at(start() - TimeDelta::hours(1)));
    let event = agent_silent("002", "host-002");
    behind.record(vec![Change::event(IncidentChange::Open(Subject::Agent), event)]).await.unwrap();
    world.fail("slack", None);
    minutes(1).await;
    let told: Vec<usize> = world.got("slack").iter().map(|notification| notification.events.len()).collect();
    assert!(told.iter().all(|events| *events == 1), "{told:?}");
    assert!(world.titles("slack").iter().any(|title| title.starts_with("Silent: 002")));
}

/// The events of the journal tell the same story as the messages.
#[tokio::test(start_paused = true)]
async fn reminders_are_events_too() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.silent(&["001"]).await;
    minutes(61).await;
    let stored: Vec<Event> =
        world.journal.write(|connection| events::after(connection, 0, 10)).await.unwrap();
    let kinds: Vec<EventKind> = stored.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::AgentSilent, EventKind::AgentStillSilent]);
    assert!(world.now() > events::millis(start()));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_only_fails_for_a_quarter_of_an_hour_is_told_once_through_the_others() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.fail("slack", Some(down()));
    world.silent(&["001"]).await;
    minutes(14).await;
    assert_eq!(world.got("email").len(), 1);
    minutes(40).await;
    let unhealthy = |title: &&String| title.starts_with("Channel unhealthy: slack (network)");
    assert_eq!(world.titles("email").iter().filter(unhealthy).count(), 1);
    world.fail("slack", None);
    minutes(2).await;
    assert_eq!(world.titles("email").last().unwrap(), "Channel recovered: slack");
}

#[tokio::test(start_paused = true)]
async fn a_try_without_an_answer_makes_the_next_a_possible_duplicate() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    let lost = |reason| Err(DeliveryError::transient(reason, "lost"));
    world.vendors["slack"].script([lost(Reason::Network), lost(Reason::Timeout)]);
    world.silent(&["001"]).await;
    minutes(1).await;
    let doubts: Vec<bool> = world.got("slack").iter().map(|n| n.possible_duplicate).collect();
    assert_eq!(doubts, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_to_whoever_may_have_the_beginning() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    world.vendors["slack"].script([Err(DeliveryError::transient(Reason::Timeout, "lost"))]);
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(2).await;
    let kinds: Vec<MessageKind> = world.got("slack").iter().map(|told| told.kind).collect();
    assert_eq!(kinds, [MessageKind::Firing, MessageKind::Resolved]);
    assert_eq!(world.got("email").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whom_an_accepted_message_did_not_reach_is_tried_again_until_it_is_over() {
    let part = || Receipt { rest: true, ..Receipt::line("one of two") };
    let rests = |world: &World| {
        let told = world.got("mail");
        told.iter().map(|one| one.rest_of.as_ref().map(|receipt| receipt.line.clone())).collect::<Vec<_>>()
    };
    let steps = vec![route("catch_all", &[&["mail"], &["email"]])];
    let world = World::new(steps, &["mail", "email"]).await;
    world.vendors["mail"].script([Ok(part()), Err(down()), Ok(part()), Err(down())]);
    let incidents = world.silent(&["001"]).await;
    minutes(2).await;
    assert_eq!(rests(&world)[..3], [None, Some("one of two".to_owned()), Some("one of two".to_owned())]);
    minutes(1).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(20).await;
    let kinds: Vec<MessageKind> = world.got("mail").iter().map(|told| told.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == MessageKind::Resolved).count(), 1, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&MessageKind::Resolved), "nobody hears of what is over: {kinds:?}");
    assert_eq!(world.got("email").len(), 0, "it was accepted, and the channel is well");
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_comes_late_says_who_is_silent_again() {
    let world = World::new(vec![route("catch_all", &[&["slack"]])], &["slack"]).await;
    let incidents = world.silent(&["001"]).await;
    world.fail("slack", Some(down()));
    world.recovered(&[("001", incidents[0])]).await;
    world.silent(&["001"]).await;
    world.fail("slack", None);
    minutes(2).await;
    let late = world.got("slack").into_iter().rfind(|n| n.kind == MessageKind::Resolved).unwrap();
    assert!(late.body.contains("Silent again since then (1):\n- 001 host-001"), "{}", late.body);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_down_is_written_at_the_next_try_and_not_sent_again() {
    let world = World::new(two_steps(), &["slack", "email"]).await;
    // A trigger stands for any mistake inside the transaction.
    let forbid = "CREATE TRIGGER forbidden BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'no'); END";
    world.journal.write(move |connection| connection.execute_batch(forbid)).await.unwrap();
    world.silent(&["001"]).await;
    minutes(5).await;
    assert_eq!(world.got("slack").len(), 1);
    world.journal.write(|connection| connection.execute_batch("DROP TRIGGER forbidden")).await.unwrap();
    minutes(5).await;
    assert_eq!((world.got("slack").len(), world.got("email").len()), (1, 0));
    let state = world.journal.write(|connection| {
        connection.query_row("SELECT state FROM delivery", [], |row| row.get::<_, String>(0))
    });
    assert_eq!(state.await.unwrap(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_single_run_waits_for_what_can_be_delivered_within_its_limit_only() {
    let mut world = World::new(two_steps(), &["slack", "email"]).await;
    world.kill().await;
    world.silence("id=001", 60).await;
    world.silent(&["001", "002"]).await;
    let channel = |name: &str| {
        let notifier = Box::new(world.vendors[name].clone());
        let (limits, keep_alive) = (Limits::default(), None);
        (
            name.to_owned(),
            Arc::new(Channel { kind: "recorder", max_in_flight: 4, limits, keep_alive, notifier }),
        )
    };
    let (_keep, delivering) = watch::channel(Delivering {
        routes: world.routes.borrow().clone(),
        channels: Arc::new(["slack", "email"].map(channel).into()),
        wording: Arc::default(),
        installation: "here".into(),
    });
    let (journal, bus, clock) = (world.journal.clone(), world.recorder.bus.clone(), world.clock.clone());
    let mut dispatcher = Dispatcher::new(journal, bus, clock, delivering, None).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(dispatcher.drain(Duration::from_secs(300)).await.unwrap(), 1, "what is silenced");
    assert_eq!(world.titles("slack"), ["Silent: 002 host-002, no logs for 16 min"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
