//! What entities have in common. Pure.

use std::fmt;

use crate::monitor::fleet::{Entity, Fleet};

/// What entities have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    /// They are in the watch.
    Watch,
    /// They send through this node.
    Node(String),
    /// They have this label.
    Label(String, String),
}

impl Common {
    /// As the journal keeps it: empty for a watch, else `node=node02`, `site=MIL`.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        match key.split_once('=') {
            None => Self::Watch,
            Some(("node", name)) => Self::Node(name.to_owned()),
            Some((label, value)) => Self::Label(label.to_owned(), value.to_owned()),
        }
    }
}

impl fmt::Display for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch => Ok(()),
            Self::Node(name) => write!(f, "node={name}"),
            Self::Label(label, value) => write!(f, "{label}={value}"),
        }
    }
}

/// What an entity has in common with others, the widest first.
#[must_use]
pub fn commons(fleet: &Fleet, entity: &Entity) -> Vec<Common> {
    let node = fleet.node(entity).map(|name| Common::Node(name.to_owned()));
    let labels = fleet.policy(entity).labels.iter().filter(|(label, _)| *label != "severity");
    let labels = labels.map(|(label, value)| Common::Label(label.clone(), value.clone()));
    [Common::Watch].into_iter().chain(node).chain(labels).collect()
}
