//! The bus carries events to whoever wants them, as a hint: the journal is the truth. Events are
//! published after they are committed, and a consumer that lagged or started late reads the
//! journal from where it stood, so it misses nothing.

use std::sync::Arc;

use log_monitor_channels::Event;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::journal::{Journal, JournalError, events};

/// How many events a consumer may be behind before it has to read the journal.
const CAPACITY: usize = 1024;

/// The sending side; clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl Bus {
    /// Publishes committed events.
    pub fn publish(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            // No consumer is no error: the journal has it.
            let _ = self.sender.send(Arc::new(event));
        }
    }

    /// A bare hint that something was committed, for a consumer that reads the journal anyway.
    #[must_use]
    pub fn hints(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }

    /// Every event after `cursor`, in the journal's order and without a gap.
    #[must_use]
    pub fn subscribe(&self, journal: Journal, cursor: i64) -> Subscription {
        Subscription { receiver: self.sender.subscribe(), journal, cursor, ready: Vec::new().into_iter() }
    }
}

/// A consumer's place in the stream of events.
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Event>>,
    journal: Journal,
    cursor: i64,
    ready: std::vec::IntoIter<Event>,
}

impl Subscription {
    /// The next event; `None` when the bus is closed.
    ///
    /// # Errors
    /// When the journal cannot be read to catch up.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, JournalError> {
        loop {
            if let Some(event) = self.ready.next() {
                self.cursor = event.id;
                return Ok(Some(Arc::new(event)));
            }
            match self.receiver.recv().await {
                Ok(event) if event.id <= self.cursor => {}
                Ok(event) if event.id == self.cursor + 1 => {
                    self.cursor = event.id;
                    return Ok(Some(event));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up().await?,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), JournalError> {
        let cursor = self.cursor;
        let missed =
            self.journal.write(move |connection| events::after(connection, cursor, CAPACITY)).await?;
        self.ready = missed.into_iter();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::fixtures::agent_silent;

    #[tokio::test]
    async fn a_consumer_that_lags_catches_up_from_the_journal() {
        let (bus, journal) = (Bus::default(), Journal::in_memory().unwrap());
        let mut consumer = bus.subscribe(journal.clone(), 0);
        let total = CAPACITY as i64 * 2 + 5;
        for _ in 0..total {
            let event = agent_silent("001", "web");
            let stored = journal
                .write(move |connection| {
                    let mut event = event.clone();
                    events::insert(connection, &mut event)?;
                    Ok(event)
                })
                .await
                .unwrap();
            bus.publish([stored]);
        }
        for expected in 1..=total {
            assert_eq!(consumer.next().await.unwrap().unwrap().id, expected);
        }
    }
}
