//! Who is told with whom. Pure.

use super::{Entity, Fleet, threshold};
use crate::journal::entities::{Part, Silence};
use crate::monitor::verdict::State;

impl Fleet {
    /// Those that are silent and were not told by themselves, by place.
    pub fn with_others(&self) -> impl Iterator<Item = (usize, Silence)> {
        let silences = self.entities.iter().enumerate();
        let silences = silences.filter_map(|(at, entity)| Some((at, entity.silence()?)));
        silences.filter(|(_, silence)| silence.part != Part::Alone)
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
                policy.due(since, threshold(policy))
            }
            _ => i64::MIN,
        }
    }

    /// Whoever fell silent as a part of `incident` is on its own since `now`.
    pub fn set_free(&mut self, incident: i64, now: i64) {
        for entity in &mut self.entities {
            if let State::Silent { silence, .. } = &mut entity.state
                && silence.part == Part::Of(incident)
            {
                silence.part = Part::FreeSince(now);
            }
        }
    }
}
