//! Watches for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Agent, Watch};

/// Watch `default` of these agents: 15 minutes and 1 minute of grace.
pub fn watch(ids: &[&str]) -> Watch {
    Watch {
        name: "default".to_owned(),
        source: "wazuh".to_owned(),
        also: Vec::new(),
        beside: Vec::new(),
        agent_file: Some("agents.csv".into()),
        discover: None,
        agents: ids.iter().map(|id| Agent::in_file(id, &format!("host-{id}"))).collect(),
        interval: Duration::from_secs(900),
        grace: Duration::from_secs(60),
        poll: Duration::from_secs(60),
        intervals: BTreeMap::new(),
        classes: Vec::new(),
        maintenance: Vec::new(),
        pipeline: crate::config::Pipeline::default(),
        dependencies: Vec::new(),
        suspicion: Default::default(),
        min_events: None,
    }
}
