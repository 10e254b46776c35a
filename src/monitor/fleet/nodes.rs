//! Who of a fleet sends through which node. Pure; times in milliseconds.

use super::lag::Lag;
use super::{Entity, Fleet};
use crate::source::Membership;

impl Fleet {
    /// The node that an entity sends through, where it is known.
    #[must_use]
    pub fn node(&self, entity: &Entity) -> Option<&str> {
        Some(self.nodes.get(entity.node as usize)?.as_str()).filter(|node| !node.is_empty())
    }

    /// Whether the source has told any node.
    #[must_use]
    pub const fn knows_nodes(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Takes in who sends through which node. Who is not among them stays where it was. What was known of the lag of
    /// everybody says nothing any more when the first are known.
    pub fn take_homes(&mut self, homes: &[Membership]) {
        let was_known = self.is_any_at_home();
        for Membership { key, node } in homes {
            let Some(at) = self.place(key) else { continue };
            self.entities[at].node = self.node_index(node);
        }
        if !was_known && self.is_any_at_home() {
            self.lags[0].forget();
        }
    }

    fn is_any_at_home(&self) -> bool {
        self.entities.iter().any(|entity| entity.node > 0)
    }

    /// The nodes that are known, with how many entities send through each, and the newest life sign of any
    /// of them; where none is known, one without a name.
    #[must_use]
    pub fn nodes(&self) -> Vec<(&str, usize, Option<i64>)> {
        let mut nodes: Vec<_> = self.nodes.iter().map(|name| (name.as_str(), 0, None)).collect();
        for entity in &self.entities {
            let (_, count, newest) = &mut nodes[entity.node as usize];
            *count += 1;
            *newest = entity.last_seen.max(*newest);
        }
        let named = self.knows_nodes();
        nodes.retain(|(name, count, _)| *count > 0 && !(named && name.is_empty()));
        nodes
    }

    pub(super) fn node_index(&mut self, node: &str) -> u32 {
        let at = self.nodes.iter().position(|known| known == node).unwrap_or_else(|| {
            self.nodes.push(node.into());
            self.lags.push(Lag::default());
            self.nodes.len() - 1
        });
        u32::try_from(at).unwrap_or_default()
    }
}
