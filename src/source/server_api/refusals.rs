//! Logins that an API has refused: the same is not tried again soon, whoever asks. A wrong password that
//! is tried day and night locks its user out, and a reload changes nothing about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use crate::config::duration::human;
use crate::source::SourceError;

/// After a refused login there is no other for so long: 50 of them block this address, for the
/// dashboard beside us too (`max_login_attempts`, `block_time` of Wazuh 4.x), …
const FIRST: Duration = Duration::from_secs(300);

/// … and for twice as long after each further refusal, up to this.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// A name with its password, as far as it is needed to know it again.
pub type Credential = [u8; 32];

/// The refusals of one API.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<Credential, Refused>>);

#[derive(Debug)]
struct Refused {
    error: SourceError,
    until: Instant,
    wait: Duration,
}

/// What tells this login from others.
#[must_use]
pub fn credential(username: &str, password: &str) -> Credential {
    // No name holds a colon.
    let hashed = digest(&SHA256, format!("{username}:{password}").as_bytes());
    hashed.as_ref().try_into().unwrap_or_default()
}

impl Refusals {
    /// The refusal that still stands, if one does.
    #[must_use]
    pub fn standing(&self, credential: &Credential) -> Option<SourceError> {
        self.all(|all| {
            let refused = all.get(credential)?;
            let left = refused.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let SourceError { reason, detail, .. } = &refused.error;
            let next = "so the same login is tried again in";
            Some(SourceError::new(
                *reason,
                format!("{detail}; once more would lock it out, {next} {}", human(left)),
            ))
        })
    }

    /// This login was refused. Where that is `lasting`, the next refusal stands for twice as long.
    pub fn note(&self, credential: Credential, error: SourceError, lasting: bool) {
        self.all(|all| {
            let before = all.get(&credential).map(|refused| refused.wait).filter(|_| lasting);
            let wait = before.map_or(FIRST, |before| (before * 2).min(LONGEST));
            all.insert(credential, Refused { error, until: Instant::now() + wait, wait });
        });
    }

    /// This login was taken.
    pub fn forget(&self, credential: &Credential) {
        self.all(|all| all.remove(credential));
    }

    fn all<T>(&self, change: impl FnOnce(&mut BTreeMap<Credential, Refused>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::source::SourceReason;

    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_is_tried_ten_times_in_the_first_day_and_then_four_times_a_day() {
        let (refusals, login) = (Refusals::default(), credential("reader", "wrong"));
        let tried = |hours: u64| {
            let refusals = &refusals;
            async move {
                let mut tries = 0;
                for _ in 0..hours * 60 {
                    if refusals.standing(&login).is_none() {
                        tries += 1;
                        refusals.note(login, SourceError::new(SourceReason::Auth, "refused the login"), true);
                    }
                    advance(Duration::from_secs(60)).await;
                }
                tries
            }
        };
        assert_eq!((tried(24).await, tried(48).await), (10, 8));
        let told = refusals.standing(&login).unwrap();
        assert!(told.detail.starts_with("refused the login; once more would lock it out, so the"), "{told}");
        assert_eq!(refusals.standing(&credential("reader", "right")), None);
        refusals.forget(&login);
        assert_eq!(refusals.standing(&login), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_blocked_is_free_again_after_the_servers_own_time() {
        let (refusals, login) = (Refusals::default(), credential("reader", "right"));
        for _ in 0..5 {
            refusals.note(login, SourceError::new(SourceReason::Auth, "has blocked this address"), false);
            advance(FIRST).await;
            assert_eq!(refusals.standing(&login), None);
        }
    }
}
