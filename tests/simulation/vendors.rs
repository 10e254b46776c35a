//! The vendors behind the channels: they take messages, or not, after some seconds, and keep what came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use log_monitor::clock::{Clock, TokioClock};
use log_monitor::dispatch::budget::Limits;
use log_monitor::dispatch::channel::{Channel, Channels};
use log_monitor_channels::{DeliveryError, Notification, Notifier, Reason, Receipt};
use tokio::sync::watch;

use crate::scenario::post::{HOW, How, LAST, Post};
use crate::scenario::{SECOND, Scenario};

/// The longest that an answer takes, in milliseconds.
pub const SLOWEST: i64 = 3 * SECOND;

/// One message of so many meets some trouble by chance.
const TROUBLE: u32 = 25;

/// A try, as the vendor sees it.
#[derive(Debug, Clone)]
pub struct Letter {
    pub at: i64,
    pub channel: &'static str,
    pub notification: Notification,
    pub answer: Answer,
}

/// What the vendor answered, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has the message, and nobody knows.
    None,
    Accepted(i64),
    /// It does not have it.
    Failed,
    /// It does not have it, and wants none.
    Refused,
}

/// All letters of all channels, in the order in which they came.
pub type Letters = Arc<Mutex<Vec<Letter>>>;

/// One channel's vendor, as one run of log-monitor sees it.
struct Vendor {
    scenario: Arc<Scenario>,
    /// Its place among the channels.
    place: usize,
    truth: TokioClock,
    chance: Mutex<Rng>,
    letters: Letters,
    /// Closed when log-monitor is gone, and with it every try under way.
    gone: watch::Receiver<()>,
}

/// Every channel, for one run of log-monitor.
pub fn channels(
    scenario: &Arc<Scenario>,
    truth: TokioClock,
    letters: &Letters,
    gone: &watch::Receiver<()>,
) -> Channels {
    let post = scenario.post.as_ref().expect("channels");
    let channel = |(place, channel): (usize, &crate::scenario::post::Channel)| {
        let seed = scenario.seed ^ (place as u64) << 32 ^ truth.now().timestamp_millis() as u64;
        let vendor = Vendor {
            scenario: scenario.clone(),
            place,
            truth,
            chance: Mutex::new(Rng::with_seed(seed)),
            letters: letters.clone(),
            gone: gone.clone(),
        };
        let channel_of = Channel {
            kind: "vendor",
            max_in_flight: 4,
            limits: Limits::default(),
            keep_alive: None,
            notifier: Box::new(vendor),
        };
        (channel.name.to_owned(), Arc::new(channel_of))
    };
    post.channels.iter().enumerate().map(channel).collect()
}

impl Vendor {
    fn post(&self) -> &Post {
        self.scenario.post.as_ref().expect("channels")
    }

    fn now(&self) -> i64 {
        self.truth.now().timestamp_millis()
    }

    async fn is_gone(&self) {
        // It is gone when its end of this is.
        let _ = self.gone.clone().changed().await;
    }

    /// What is wrong now, and how long the answer takes.
    fn luck(&self) -> (Option<How>, Duration) {
        let channel = &self.post().channels[self.place];
        let mut chance = self.chance.lock().unwrap();
        let often = if channel.name == LAST { &HOW[..4] } else { &HOW[..5] };
        let bad = (chance.u32(..TROUBLE) == 0).then(|| often[chance.usize(..often.len())]);
        let wait = Duration::from_millis(chance.i64(1..SLOWEST).unsigned_abs());
        (channel.trouble(self.now()).or(bad), wait)
    }

    async fn answer(&self, how: Option<How>, short: bool) -> (Answer, Result<Receipt, DeliveryError>) {
        let retry_after = Some(Duration::from_secs(self.chance.lock().unwrap().u64(5..90)));
        let failed = |error| (Answer::Failed, Err(error));
        match how {
            None => (Answer::Accepted(self.now()), Ok(Receipt::line("taken"))),
            Some(How::Mute) => std::future::pending().await,
            Some(How::Cut) => (Answer::None, Err(DeliveryError::transient(Reason::Broken, "cut off"))),
            Some(How::Down) => failed(DeliveryError::transient(Reason::Network, "cannot connect")),
            Some(How::Limits) => failed(DeliveryError::Transient {
                reason: Reason::RateLimited,
                detail: "slow down".to_owned(),
                retry_after,
            }),
            Some(How::Shortens) if short => (Answer::Accepted(self.now()), Ok(Receipt::line("taken"))),
            Some(How::Shortens) => failed(DeliveryError::permanent_message(Reason::TooLarge, "too large")),
            Some(How::Refuses) => {
                (Answer::Refused, Err(DeliveryError::permanent_channel(Reason::Gone, "no such channel")))
            }
        }
    }
}

#[async_trait::async_trait]
impl Notifier for Vendor {
    async fn notify(&self, notification: &Notification) -> Result<Receipt, DeliveryError> {
        let letter = Letter {
            at: self.now(),
            channel: self.post().channels[self.place].name,
            notification: notification.clone(),
            answer: Answer::None,
        };
        let number = {
            let mut letters = self.letters.lock().unwrap();
            letters.push(letter);
            letters.len() - 1
        };
        let (how, wait) = self.luck();
        tokio::select! {
            () = self.is_gone() => std::future::pending().await,
            () = tokio::time::sleep(wait) => {}
        }
        let (answer, result) = self.answer(how, notification.short).await;
        self.letters.lock().unwrap()[number].answer = answer;
        result
    }
}
