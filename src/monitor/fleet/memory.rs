//! What a fleet knows beside its rows in the journal: who sends through which node, how much everybody
//! logged and how late that came, and who flaps. Pure.

use super::{Entity, Fleet, threshold};
use crate::journal::entities::Part;

impl Fleet {
    /// Takes over what the fleet `before` a reload knew of the same entities. Of who was not in it,
    /// `fell` tells when they fell silent by themselves, and `back` since when they log again, which is not
    /// believed yet; in milliseconds.
    pub fn remember(&mut self, before: &Self, fell: &[(String, i64)], back: &[(String, i64)]) {
        for at in 0..self.entities.len() {
            let Some(there) = before.place(&self.entities[at].key) else { continue };
            self.flaps.keep(at, &before.flaps, there);
            let (known, entity) = (&before.entities[there], &mut self.entities[at]);
            entity.counted.clone_from(&known.counted);
            (entity.logs_since, entity.late_by, entity.found) =
                (known.logs_since, known.late_by, known.found);
            self.late.extend(before.late.get(&there).map(|since| (at, *since)));
            let node = before.node(&before.entities[there]).filter(|_| self.entities[at].node == 0);
            self.entities[at].node = node.map_or(self.entities[at].node, |node| self.node_index(node));
        }
        for (key, when) in fell.iter().filter(|(key, _)| before.place(key).is_none()) {
            let Some(at) = self.place(key) else { continue };
            let threshold = threshold(self.policy(&self.entities[at]));
            self.flaps.fell(at, *when, threshold);
        }
        for (key, since) in back.iter().filter(|(key, _)| before.place(key).is_none()) {
            self.place(key).into_iter().for_each(|at| self.flaps.is_back(at, *since));
        }
    }

    /// These log since then, in milliseconds: when the journal knows that their last silence ended.
    pub fn log_since(&mut self, ended: &[(String, i64)]) {
        for (key, when) in ended {
            self.place(key).into_iter().for_each(|at| self.entities[at].logs_since = *when);
        }
    }

    /// Whoever fell silent as a part of `incident` sends through `node`: the source may not know it any
    /// more, since for too long nothing has come.
    pub fn at_home(&mut self, incident: i64, node: &str) {
        let node = self.node_index(node);
        let part =
            |entity: &&mut Entity| entity.silence().is_some_and(|silence| silence.part == Part::Of(incident));
        self.entities.iter_mut().filter(part).for_each(|entity| entity.node = node);
    }
}
