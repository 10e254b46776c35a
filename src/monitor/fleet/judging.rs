//! Who of a fleet is silent, and what becomes of those that were judged. Pure; times in milliseconds.

use std::collections::HashMap;

use super::{Changed, Entity, Fleet, Outcome, threshold};
use crate::journal::entities::{Logging, Part, Silence};
use crate::monitor::verdict::{self, State, Transition, Verdict};

impl Fleet {
    /// The entities that are silent.
    #[must_use]
    pub fn silent(&self) -> Vec<usize> {
        let silent = |entity: &Entity| matches!(entity.state, State::Silent { .. });
        (0..self.entities.len()).filter(|at| silent(&self.entities[*at])).collect()
    }

    /// Judges entities at `now`. Changes no state: that waits until the journal has it.
    #[must_use]
    pub fn judge(&self, suspects: &[usize], now: i64) -> Vec<Changed> {
        let change = |at: &usize| {
            let entity = &self.entities[*at];
            let threshold = threshold(self.policy(entity));
            let free_until = self.free_until(entity);
            let transition = verdict::transition(entity.state, self.verdict(entity, now), free_until, now)
                .or_else(|| self.stopped(entity, now))?;
            let last_seen = entity.last_seen.unwrap_or(now);
            let held = matches!(transition, Transition::Recovered { .. })
                && self.flaps.holds(*at, last_seen, now, threshold);
            (!held).then_some(Changed { at: *at, transition })
        };
        suspects.iter().filter_map(change).collect()
    }

    /// Whether an entity is silent at `now`, in milliseconds.
    #[must_use]
    pub fn verdict(&self, entity: &Entity, now: i64) -> Verdict {
        // More time (another clock, a longer interval, the end of its hours) does not end a silence: a log
        // does.
        if matches!(entity.state, State::Silent { since, .. } if entity.last_seen <= since) {
            return Verdict::Silent { since: entity.last_seen };
        }
        match verdict::judge(entity.last_seen, self.due(entity, now), now) {
            Verdict::Fresh if self.is_thin(entity, now) => Verdict::Silent { since: entity.last_seen },
            verdict => verdict,
        }
    }

    /// What changes for one that was silent although it logged, and does not any more. Who was so with others that
    /// are back is judged anew anyhow.
    fn stopped(&self, entity: &Entity, now: i64) -> Option<Transition> {
        let Silence { incident, logging, part, .. } = entity.silence()?;
        let policy = self.policy(entity);
        let due = match logging {
            Logging::No => return None,
            _ if matches!(part, Part::FreeSince(_)) => return None,
            // Told with others it counts as silent anyhow.
            Logging::Late if !part.is_told() => return None,
            Logging::TooFew => self.due(entity, now),
            // However old what arrives is.
            Logging::Late => policy.due(entity.found?, threshold(policy)).max(self.due(entity, now)),
        };
        (due.max(entity.spared).max(entity.watched_from) <= now).then_some(Transition::Stopped { incident })
    }

    /// How long an entity is judged later already at `now`, in milliseconds: since it was due, or, where it logs
    /// all the same, since it was first.
    #[must_use]
    pub fn waited(&self, entity: &Entity, due: i64, now: i64) -> i64 {
        let since = if due > now { entity.waits_since.unwrap_or(now) } else { due };
        now.saturating_sub(since)
    }

    /// After a round: the changed entities take their new state (silent ones with the incident that
    /// the journal gave them), and whoever is not silent goes back on the heap.
    pub fn settle(&mut self, suspects: &[usize], changed: &[(usize, Outcome)], now: i64) {
        let mut later = HashMap::new();
        for (at, outcome) in changed {
            let allowed = threshold(self.policy(&self.entities[*at]));
            let entity = &mut self.entities[*at];
            match *outcome {
                Outcome::Silent(silence) => {
                    let before = entity.silence();
                    let logged = before.is_some_and(|before| before.logging == Logging::TooFew);
                    let since = match entity.state {
                        State::Silent { since, .. } if !logged || silence.logging != Logging::No => since,
                        _ => entity.last_seen,
                    };
                    // What many share is no flapping of each of them, nor is what only gets worse.
                    let told = before.is_some_and(|before| before.part.is_told());
                    if silence.part == Part::Alone && !told {
                        self.flaps.fell(*at, silence.noticed(), allowed);
                    }
                    entity.state = State::Silent { silence, since };
                }
                Outcome::Fresh => {
                    self.flaps.recovered(*at);
                    entity.state = State::Fresh;
                    entity.logs_since = now;
                }
                Outcome::Later(look) => {
                    entity.spared = look;
                    later.insert(*at, look);
                }
            }
        }
        self.welcome_newcomers(|at| later.contains_key(&at));
        for at in suspects {
            let look = later.get(at).copied();
            let entity = &mut self.entities[*at];
            entity.waits_since = look.map(|_| entity.waits_since.unwrap_or(now));
            let entity = &self.entities[*at];
            if !matches!(entity.state, State::Silent { .. }) {
                let next = look.unwrap_or_else(|| self.due(entity, now));
                self.deadlines.push(next, *at);
            }
        }
    }

    /// After a good round whoever is new and not silent is logging, unless that is judged later.
    fn welcome_newcomers(&mut self, is_later: impl Fn(usize) -> bool) {
        if std::mem::take(&mut self.newcomers) {
            for (at, entity) in self.entities.iter_mut().enumerate() {
                match entity.state {
                    State::New if is_later(at) => self.newcomers = true,
                    State::New => entity.state = State::Fresh,
                    State::Fresh | State::Silent { .. } => {}
                }
            }
        }
    }
}
