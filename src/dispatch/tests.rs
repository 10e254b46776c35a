//! Delivery as a whole, on a real journal and a paused clock, with recorders in place of vendors.

mod adopt;
mod budget;
mod clock;
mod cost;
mod digest;
mod endings;
mod escalation;
mod group;
mod hold;
mod keep_alive;
mod lost;
mod morning;
mod quarantine;
mod reminders;
mod restart;
mod steps;
mod suppress;
mod together;
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

type Wrap = fn(Vendor) -> Box<dyn log_monitor_channels::Notifier>;

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
    /// What a vendor is put into, by channel, where it does not answer at once.
    wraps: BTreeMap<String, Wrap>,
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
            wraps: BTreeMap::new(),
            wording: Arc::default(),
        };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let build = |name: &String, vendor: &Vendor| {
            let as_it_is: Wrap = |vendor| Box::new(vendor);
            let notifier = self.wraps.get(name).unwrap_or(&as_it_is)(vendor.clone());
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

    /// Puts the vendor of a channel into something.
    async fn wrap(&mut self, channel: &str, wrap: Wrap) {
        self.kill().await;
        self.wraps.insert(channel.to_owned(), wrap);
        self.start().await;
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
        self.ended(EventKind::AgentRecovered, agents).await;
    }

    async fn ended(&self, kind: EventKind, agents: &[(&str, i64)]) {
        let changes = agents.iter().map(|(id, incident)| {
            let mut event = agent_silent(id, &format!("host-{id}"));
            event.kind = kind;
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
