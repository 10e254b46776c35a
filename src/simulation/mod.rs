//! A simulated Wazuh, for `demo` and for tests: real servers on loopback, no installation.

pub mod indexer;
pub mod server_api;

pub use indexer::{Document, Mode, SimulatedIndexer};
pub use server_api::{SimulatedAgent, SimulatedServerApi};
