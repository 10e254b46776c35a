//! Whether the rest of what silent entities are parts of logs on, where nobody watches that.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Beside, in_time};
use crate::journal::events::{millis, time};
use crate::monitor::Setup;
use crate::monitor::cause::{Cause, Whole};
use crate::monitor::fleet::Fleet;
use crate::source::{Entities, Query};

impl Beside {
    /// Asks the source of documents about those of which nothing else is known: of an agent whose other logs flow
    /// its connection says nothing about this one.
    pub(super) async fn ask_for_the_rest(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        until: Instant,
        now: DateTime<Utc>,
    ) {
        let name = |at: &usize| setup.source.whole(&fleet.entities()[*at].key);
        let parts: Vec<usize> =
            self.unexplained(silent).into_iter().filter(|at| name(at).is_some()).collect();
        let names: BTreeSet<&str> = parts.iter().filter_map(name).collect();
        let names = Vec::from_iter(names);
        if names.is_empty() {
            return;
        }
        let from = time(fleet.look_back_of(&parts, millis(now)));
        let query = Query { from, to: now, entities: Entities::Only(&names) };
        let newest: BTreeMap<_, _> = match in_time(until, setup.source.wholes(&query)).await {
            Ok(seen) => seen.into_iter().map(|seen| (seen.key, seen.last_seen)).collect(),
            Err(error) => return tracing::warn!("cannot look up whether the rest of an agent logs: {error}"),
        };
        for (at, (name, newest)) in
            parts.iter().filter_map(|at| Some((*at, newest.get_key_value(name(at)?)?)))
        {
            let whole = Whole { name: name.clone(), newest: *newest };
            if let Some(whole) = fleet.part_of(at, whole, millis(now)) {
                self.findings.entry(at).or_default().cause = Cause::PartOnly(whole);
            }
        }
    }
}
