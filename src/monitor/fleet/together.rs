//! Who is told with whom. Pure.

use super::{Entity, Fleet, threshold};
use crate::journal::entities::{Part, Silence};
use crate::monitor::verdict::State;

impl Fleet {
    /// Those that are silent, by place.
    pub fn silences(&self) -> impl Iterator<Item = (usize, Silence)> {
        let entities = self.entities.iter().enumerate();
        entities.filter_map(|(at, entity)| Some((at, entity.silence()?)))
    }

    /// From now on they are told so.
    pub fn regroup(&mut self, parts: &[(usize, Part)]) {
        for (at, part) in parts {
            if let State::Silent { silence, .. } = &mut self.entities[*at].state {
                silence.part = *part;
            }
        }
    }

    /// Until when an entity that was set free has its time anew, in milliseconds; the far past for others.
    #[must_use]
    pub fn free_until(&self, entity: &Entity) -> i64 {
        match entity.silence().map(|silence| silence.part) {
            Some(Part::FreeSince(since)) => {
                let policy = self.policy(entity);
                policy.due(since, threshold(policy)).max(entity.watched_from)
            }
            _ => i64::MIN,
        }
    }

    /// Whomever `incident` explained is on its own since `now`.
    pub fn set_free(&mut self, incident: i64, now: i64) {
        for entity in &mut self.entities {
            if let State::Silent { silence, .. } = &mut entity.state {
                silence.part = match silence.part {
                    Part::Of(whole) if whole == incident => Part::FreeSince(now),
                    Part::Led(whole) if whole == incident => Part::Alone,
                    part => part,
                };
            }
        }
    }
}
