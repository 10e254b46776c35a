//! A simulated Wazuh, for `demo` and for tests: real servers on loopback, no installation.

pub mod indexer;

pub use indexer::{Document, Mode, SimulatedIndexer};
