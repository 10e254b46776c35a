//! At most a tenth of what the server allows everybody together, and nothing for a while once it has
//! said that it was too much.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The server takes 300 requests a minute from all its clients, the dashboard among them
/// (`max_request_per_minute`, Wazuh 4.x, `api/api/configuration.py`).
const REQUESTS: usize = 30;

/// So many of them are not for second opinions: who there is and how agents are connected comes first.
const KEPT: usize = REQUESTS / 2;

/// The server counts in windows of this length.
pub const MINUTE: Duration = Duration::from_secs(60);

/// The requests to one API.
#[derive(Debug, Default)]
pub struct Budget(Mutex<Spent>);

#[derive(Debug, Default)]
struct Spent {
    /// Those of the last minute, the oldest first.
    sent: VecDeque<Instant>,
    /// Nothing is sent before this.
    held: Option<Instant>,
}

/// What the next request has to do.
enum Turn {
    Go,
    Wait(Instant),
    Refused(Duration),
}

impl Budget {
    /// Waits until one more request is within the budget, which takes a minute at most.
    ///
    /// # Errors
    /// While nothing may be sent: for how long. A server may ask for an hour, and nobody waits
    /// that long for an answer.
    pub async fn take(&self) -> Result<(), Duration> {
        loop {
            let turn = self.spent(|spent| spent.turn(Instant::now()));
            match turn {
                Turn::Go => return Ok(()),
                Turn::Wait(until) => sleep_until(until).await,
                Turn::Refused(left) => return Err(left),
            }
        }
    }

    /// Whether so little was sent in the last minute that there is room for what others can do without.
    pub fn has_room(&self) -> bool {
        self.spent(|spent| {
            let since = Instant::now().checked_sub(MINUTE);
            let lately = spent.sent.iter().filter(|sent| since.is_none_or(|since| **sent > since));
            lately.count() < REQUESTS - KEPT
        })
    }

    /// Sends nothing for so long.
    pub fn hold(&self, wait: Duration) {
        self.spent(|spent| spent.held = spent.held.max(Some(Instant::now() + wait)));
    }

    fn spent<T>(&self, change: impl FnOnce(&mut Spent) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spent {
    /// Takes a place only when it can be used at once: who waits may be cancelled.
    fn turn(&mut self, now: Instant) -> Turn {
        if let Some(until) = self.held.filter(|until| *until > now) {
            return Turn::Refused(until - now);
        }
        match self.sent.front().map(|oldest| *oldest + MINUTE) {
            Some(free) if self.sent.len() >= REQUESTS && free > now => return Turn::Wait(free),
            Some(_) if self.sent.len() >= REQUESTS => drop(self.sent.pop_front()),
            _ => {}
        }
        self.sent.push_back(now);
        Turn::Go
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    async fn spend(budget: &Budget) {
        for _ in 0..REQUESTS {
            budget.take().await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_go_at_once_and_the_next_a_minute_later() {
        let (budget, start) = (Budget::default(), Instant::now());
        spend(&budget).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        budget.take().await.unwrap();
        assert_eq!(start.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_requests_are_kept_from_what_others_can_do_without() {
        let budget = Budget::default();
        for sent in 0..REQUESTS {
            assert_eq!(budget.has_room(), sent < REQUESTS - KEPT, "after {sent}");
            budget.take().await.unwrap();
        }
        advance(MINUTE).await;
        assert!(budget.has_room());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_waiting_frees_no_place() {
        let (budget, start) = (Budget::default(), Instant::now());
        spend(&budget).await;
        for _ in 0..5 {
            timeout(Duration::from_secs(1), budget.take()).await.unwrap_err();
        }
        budget.take().await.unwrap();
        assert_eq!(start.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_refuses_at_once_and_also_those_who_wait() {
        let budget = Budget::default();
        budget.hold(Duration::from_secs(90));
        budget.hold(Duration::from_secs(5));
        advance(Duration::from_secs(30)).await;
        assert_eq!(budget.take().await, Err(MINUTE), "the longer one counts");
        advance(MINUTE).await;
        spend(&budget).await;
        let held = async { budget.hold(MINUTE * 2) };
        assert_eq!(tokio::join!(budget.take(), held).0, Err(MINUTE));
    }
}
