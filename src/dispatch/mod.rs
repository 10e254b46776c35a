//! Dispatch: from what is owed to what was accepted.
//!
//! A loop of transactions ([`tick`]): each closes the tries that ended, goes on to fallbacks and
//! reminders that are due, and claims what can be sent now. The claimed are sent side by side, each
//! channel within its own bound, so that a slow one delays no other. Events on the bus are only a
//! reason to look at the journal sooner.
//!
//! Dispatch knows neither Wazuh nor any kind of channel. The decisions are pure: [`router`],
//! [`steps`], [`retry`], [`reminders::wait`], [`render`].

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use log_monitor_channels::{DeliveryError, Notification, Receipt};
use tokio::sync::{mpsc, watch};

mod adopt;
pub mod budget;
mod causes;
pub mod channel;
pub mod compose;
pub mod ends;
pub mod escalation;
#[cfg(test)]
pub(crate) mod fixtures;
mod flapping;
pub mod health;
mod hold;
pub mod keep_alive;
pub mod last_resort;
pub mod plan;
mod posts;
pub mod progress;
pub mod quarantine;
pub mod reminders;
pub mod render;
pub mod retry;
pub mod router;
mod slot;
pub mod steps;
pub mod suppress;
#[cfg(test)]
mod tests;
pub mod tick;
mod titles;

use crate::bus::Bus;
use crate::clock::{Jumps, SharedClock};
use crate::config::Route;
use crate::crash;
use crate::journal::deliveries::{self, Claim};
use crate::journal::{Journal, JournalError, events, messages, meta, timers};
use crate::wording::Wording;
use channel::{Channel, Channels};
use compose::Composer;
use keep_alive::KeepAlive;
use progress::Finished;
use quarantine::Probes;

/// The longest sleep: even without a hint and a timer the journal is looked at this often.
const SWEEP: Duration = Duration::from_secs(10);

/// The pause after a transaction that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How long tries under way may take to finish at shutdown.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a reload replaces.
#[derive(Clone)]
pub struct Delivering {
    /// In order; the last one is the catch-all.
    pub routes: Arc<Vec<Route>>,
    /// How messages are put into words.
    pub wording: Arc<Wording>,
    /// Everything that can be sent on.
    pub channels: Arc<Channels>,
    /// The name of this installation.
    pub installation: Arc<str>,
}

/// The dispatcher.
pub struct Dispatcher {
    journal: Journal,
    bus: Bus,
    clock: SharedClock,
    delivering: watch::Receiver<Delivering>,
    installation_id: Arc<str>,
    spool: Option<PathBuf>,
    in_flight: HashMap<String, usize>,
    jumps: Jumps,
    keep_alive: KeepAlive,
    /// Results that are not written down yet.
    ended: Vec<Finished>,
    finished: mpsc::UnboundedReceiver<Finished>,
    finish: mpsc::UnboundedSender<Finished>,
    probes: Probes,
    /// The channels were just given, or replaced.
    anew: bool,
    /// What a tick has seen of silences and acknowledgements.
    seen: hold::Seen,
}

impl Dispatcher {
    /// A dispatcher that takes up what an earlier run left: tries that a crash cut off are made
    /// again, marked as possible duplicates. `spool` is the file for what reaches nobody.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn new(
        journal: Journal,
        bus: Bus,
        clock: SharedClock,
        delivering: watch::Receiver<Delivering>,
        spool: Option<PathBuf>,
    ) -> Result<Self, JournalError> {
        let now = events::millis(clock.now());
        let (installation_id, interrupted) = journal
            .write(move |connection| {
                if let Some(back) = timers::set_back_by(connection, now)? {
                    timers::shift(connection, back, &RangeInclusive::new(1, 0))?;
                }
                let interrupted = deliveries::recover_interrupted(connection, now)?;
                messages::begin_anew(connection, now)?;
                Ok((meta::installation_id(connection)?, interrupted))
            })
            .await?;
        if interrupted > 0 {
            tracing::warn!("{interrupted} deliveries were interrupted by the last stop and are sent again");
        }
        let (finish, finished) = mpsc::unbounded_channel();
        Ok(Self {
            journal,
            bus,
            clock,
            delivering,
            installation_id: installation_id.into(),
            spool,
            in_flight: HashMap::new(),
            jumps: Jumps::new(now),
            keep_alive: KeepAlive::default(),
            ended: Vec::new(),
            finished,
            finish,
            probes: Probes::default(),
            anew: true,
            seen: hold::Seen::default(),
        })
    }

    /// Delivers until `stop` says so or nobody is left to say it, then lets the tries under way finish.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut hints = self.bus.hints();
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let pause = match self.tick(true).await {
                Ok(output) => {
                    self.keep_alive();
                    self.until(output.wake_at)
                }
                Err(error) => {
                    tracing::error!("dispatch: {error}");
                    AGAIN
                }
            };
            tokio::select! {
                _ = hints.recv() => while hints.try_recv().is_ok() {},
                _ = self.finished.recv_many(&mut self.ended, 512) => {}
                () = self.probes.end() => {}
                _ = self.delivering.changed() => self.anew = true,
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
        self.wind_down().await;
    }

    /// Delivers until every message is settled, `limit` has passed, or there is nothing to do before it has.
    /// Returns how many were not accepted by anybody: under way still, or given up.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn drain(&mut self, limit: Duration) -> Result<i64, JournalError> {
        let deadline = tokio::time::Instant::now() + limit;
        let last = events::millis(self.clock.now() + limit);
        let mut exhausted = 0;
        loop {
            let output = self.tick(true).await?;
            exhausted += output.exhausted;
            let busy = self.probes.under_way() || self.in_flight.values().any(|count| *count > 0);
            if !busy || tokio::time::Instant::now() >= deadline {
                let now = events::millis(self.clock.now());
                let unsettled = self.journal.write(move |db| messages::unsettled(db, now)).await?;
                let waits = output.wake_at.is_none_or(|at| at > last);
                if unsettled == 0 || waits || tokio::time::Instant::now() >= deadline {
                    return Ok(unsettled + exhausted);
                }
            }
            let pause = self.until(output.wake_at);
            tokio::select! {
                _ = self.finished.recv_many(&mut self.ended, 512) => {}
                () = self.probes.end() => {}
                () = tokio::time::sleep(pause) => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// One transaction and what follows from it. Results that could not be written down are kept
    /// for the next.
    async fn tick(&mut self, claim: bool) -> Result<tick::Output, JournalError> {
        self.follow_the_clock().await?;
        // A reload between claim and sending must not take the channel away.
        let channels = self.delivering.borrow().channels.clone();
        let input = Arc::new(self.input(&channels, claim));
        let given = input.clone();
        let written = self.journal.write(move |connection| tick::run(connection, &given)).await;
        let mut output = match written {
            Ok(output) => output,
            Err(error) => {
                self.ended = input.finished.clone();
                return Err(error);
            }
        };
        self.seen = output.seen;
        if !input.finished.is_empty() {
            crash::point("settled");
        }
        if !output.claims.is_empty() {
            crash::point("claimed");
        }
        for ended in &input.finished {
            if let Some(count) = self.in_flight.get_mut(&ended.claim.channel) {
                *count = count.saturating_sub(1);
            }
        }
        for undelivered in output.undelivered.drain(..) {
            last_resort::keep(self.spool.as_deref(), &undelivered);
        }
        self.bus.publish(output.events.drain(..));
        for name in output.probes.drain(..) {
            if let Some(channel) = channels.get(&name) {
                self.probes.start(channel.clone(), name);
            }
        }
        for (claim, notifications) in output.claims.drain(..) {
            if let Some(channel) = channels.get(&claim.channel) {
                self.send(channel.clone(), claim, notifications);
            }
        }
        Ok(output)
    }

    /// Repeats what goes on to whoever would take it for over.
    fn keep_alive(&mut self) {
        let channels = self.delivering.borrow().channels.clone();
        for name in self.keep_alive.due(&channels) {
            let Some(channel) = channels.get(&name).cloned() else { continue };
            let told = keep_alive::tell(self.journal.clone(), self.composer(), channel, name.clone());
            self.keep_alive.telling(&name, tokio::spawn(told));
        }
    }

    fn composer(&self) -> Composer {
        let delivering = self.delivering.borrow();
        Composer {
            installation_id: self.installation_id.clone(),
            installation: delivering.installation.clone(),
            routes: delivering.routes.clone(),
            wording: delivering.wording.clone(),
        }
    }

    /// A clock that was set moves no timer.
    async fn follow_the_clock(&mut self) -> Result<(), JournalError> {
        let now = events::millis(self.clock.now());
        let Some(jump) = self.jumps.look(now) else { return Ok(()) };
        tracing::warn!("this machine's clock was set: what was to be sent keeps its waits");
        // What was written since the last look may know it already.
        let written = now - 2 * SWEEP.as_millis() as i64..=now;
        let write = move |connection: &rusqlite::Connection| {
            timers::shift(connection, jump, &written)?;
            meta::set_alive(connection, now)
        };
        self.journal.write(write).await
    }

    fn input(&mut self, channels: &Channels, claim: bool) -> tick::Input {
        let finished = std::mem::take(&mut self.ended);
        let free = channels.iter().map(|(name, channel)| {
            let busy = self.in_flight.get(name).copied().unwrap_or_default();
            let done = finished.iter().filter(|ended| ended.claim.channel == *name).count();
            (name.clone(), if claim { (channel.max_in_flight + done).saturating_sub(busy) } else { 0 })
        });
        tick::Input {
            free: free.collect(),
            probed: self.probes.take(),
            anew: std::mem::take(&mut self.anew),
            seen: self.seen,
            limits: channels.iter().map(|(name, channel)| (name.clone(), channel.limits.clone())).collect(),
            finished,
            now: events::millis(self.clock.now()),
            composer: self.composer(),
        }
    }

    /// Starts one try. It outlives a reload: it holds its own notifier.
    fn send(&mut self, channel: Arc<Channel>, claim: Claim, notifications: Vec<Notification>) {
        *self.in_flight.entry(claim.channel.clone()).or_default() += 1;
        let finish = self.finish.clone();
        tokio::spawn(async move {
            crash::point("calling");
            let (mut result, mut told) = (Ok(Receipt::untold("nothing is left of it")), false);
            for notification in &notifications {
                result = channel.try_once(notification).await;
                log_result(&claim, &result, notification);
                let Ok(receipt) = &mut result else { break };
                told |= !receipt.untold;
                // Of several posts one may have needed no telling.
                receipt.untold = !told;
            }
            crash::point("answered");
            // The receiver is gone only when nobody needs the result any more.
            let _ = finish.send(Finished { claim, result, dice: fastrand::f64() });
        });
    }

    fn until(&self, wake_at: Option<i64>) -> Duration {
        let wait = wake_at.map(|at| TimeDelta::milliseconds(at - events::millis(self.clock.now())));
        let wait = wait.map_or(SWEEP, |wait| wait.to_std().unwrap_or_default()).min(SWEEP);
        let channels = &self.delivering.borrow().channels;
        self.keep_alive.wait(channels).map_or(wait, |alive| wait.min(alive))
    }

    async fn wind_down(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Err(error) = self.tick(false).await {
                return tracing::error!("dispatch: {error}");
            }
            if self.in_flight.values().all(|count| *count == 0) {
                return;
            }
            tokio::select! {
                _ = self.finished.recv_many(&mut self.ended, 512) => {}
                () = tokio::time::sleep_until(deadline) => {
                    return tracing::warn!("stopping with deliveries under way: they are sent again at the next start");
                }
            }
        }
    }
}

fn log_result(claim: &Claim, result: &Result<Receipt, DeliveryError>, notification: &Notification) {
    let (channel, title) = (&claim.channel, &notification.title);
    match result {
        Ok(Receipt { line, untold: true, .. }) => tracing::info!("nothing for {channel} ({line}): {title}"),
        Ok(Receipt { line, .. }) => tracing::info!("delivered by {channel} ({line}): {title}"),
        Err(error) => tracing::warn!("{channel} failed: {error}: {title}"),
    }
}
