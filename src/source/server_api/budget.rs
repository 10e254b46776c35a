//! At most a tenth of what the server allows everybody together.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The server takes 300 requests a minute from all its clients, the dashboard among them
/// (`max_request_per_minute`, Wazuh 4.x, `api/api/configuration.py`).
const REQUESTS: usize = 30;

const MINUTE: Duration = Duration::from_secs(60);

/// The requests of the last minute.
#[derive(Debug, Default)]
pub struct Budget {
    sent: Mutex<VecDeque<Instant>>,
}

impl Budget {
    /// Waits until one more request is within the budget.
    pub async fn take(&self) {
        let mut sent = self.sent.lock().await;
        if sent.len() >= REQUESTS
            && let Some(oldest) = sent.pop_front()
        {
            tokio::time::sleep_until(oldest + MINUTE).await;
        }
        sent.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn thirty_go_at_once_and_the_next_a_minute_later() {
        let (budget, start) = (Budget::default(), Instant::now());
        for _ in 0..REQUESTS {
            budget.take().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        budget.take().await;
        assert_eq!(start.elapsed(), MINUTE);
    }
}
