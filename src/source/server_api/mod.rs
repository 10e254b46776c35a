//! Source kind `server_api`: the Wazuh server's API (port 55000), 4.3 to 4.14 and 5.0.
//!
//! It tells how agents are connected, not what they log: whether the keepalive is fresh, whether an
//! agent was stopped in order or vanished, and which node it sends through. It lists the agents. The
//! API's budget of 300 requests a minute is shared with the dashboard, so it is asked on suspicion only,
//! and slowly.
//!
//! * `config`: the keys of the table;
//! * `session`, `refusals`, `budget`, `shared`: one login, and requests that the server can bear;
//! * `answer`: the frame of an answer;
//! * `agents`, `pages`: the list of agents, whole or for some;
//! * `counters`: what the manager counted.

mod agents;
mod answer;
mod budget;
pub mod config;
mod counters;
mod pages;
mod refusals;
mod session;
mod shared;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use log_monitor_channels::{BuildError, Problem};
use tokio::time::{Instant, timeout_at};

use self::agents::{Agent, Page};
use self::config::ServerApiConfig;
use self::pages::{Pages, Read};
use self::session::{Refused, Session};
use crate::source::{
    Connection, Counters, Listed, Membership, Query, Sees, Source, SourceContext, SourceError, SourceKind,
    SourceReason, is_agent_id,
};

/// How many agents are asked for by id at once: the ids go into the address.
const BY_ID: usize = 100;

/// Who asks about more of them waits no longer than this: then, or before it where there is less time, those are told
/// who are known.
const ENOUGH: Duration = Duration::from_secs(5);

/// How often a list is read anew because it changed while it was read.
const PASSES: usize = 3;

/// The Wazuh server's API.
#[derive(Debug)]
pub struct ServerApi {
    session: Session,
    /// Whether the server has codes of how links ended, as far as is known.
    has_codes: AtomicBool,
}

impl SourceKind for ServerApi {
    const KIND: &'static str = "server_api";
    const SEES: Sees = Sees::Connections;
    type Config = ServerApiConfig;

    fn validate(config: &ServerApiConfig) -> Vec<Problem> {
        config.problems()
    }

    fn build(config: ServerApiConfig, _: &SourceContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(Self { session: Session::new(config)?, has_codes: AtomicBool::new(true) }))
    }
}

#[async_trait]
impl Source for ServerApi {
    async fn connections(&self, keys: &[&str], until: Instant) -> Result<Vec<Connection>, SourceError> {
        // Anything but a number is refused as a whole (400).
        let ids: Vec<&str> = keys.iter().copied().filter(|key| is_agent_id(key)).collect();
        let until = until.min(Instant::now() + ENOUGH);
        let mut parts = ids.chunks(BY_ID);
        let Some(first) = parts.next() else { return Ok(Vec::new()) };
        let mut known = self.connections_of(first).await?;
        for ids in parts {
            if !self.session.has_room() {
                tracing::debug!("how further agents are connected is not asked for: it has taken enough");
                break;
            }
            match timeout_at(until, self.connections_of(ids)).await {
                Ok(told) => known.extend(told?),
                Err(_) => {
                    tracing::debug!("how further agents are connected is not told in time");
                    break;
                }
            }
        }
        Ok(known)
    }

    async fn counters(&self, keys: &[&str]) -> Result<Vec<Counters>, SourceError> {
        let mut known = Vec::new();
        for key in keys.iter().filter(|key| is_agent_id(key)) {
            if !self.session.has_room() {
                tracing::debug!(
                    "what the manager counted is not asked for: there were too many questions lately"
                );
                break;
            }
            let body = match self.session.get(&format!("agents/{key}/daemons/stats"), &[]).await {
                // 4.3 and 5.0 count nothing.
                Err(refused) if refused.error.reason == SourceReason::NoIndex => return Ok(Vec::new()),
                Err(refused) if refused.code == Some(answer::FORBIDDEN) => continue,
                answered => answered?,
            };
            let counted = counters::read(&body).map_err(|error| self.session.told(&error))?;
            known.extend(counted.map(|counted| Counters { key: (*key).into(), counted }));
        }
        Ok(known)
    }

    async fn inventory(&self, _query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        let agents = self.all().await?;
        if agents.is_empty() {
            return Err(self.no_rights());
        }
        Ok(agents.into_iter().map(|agent| agent.listed).collect())
    }

    fn lists_all(&self) -> bool {
        true
    }

    async fn nodes(&self, _query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let listed = self.all().await?.into_iter().map(|agent| agent.listed);
        Ok(listed.filter_map(|agent| Some(Membership { node: agent.node?, key: agent.key })).collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        match self.page(0, 1).await?.total {
            0 => Err(self.no_rights()),
            _ => Ok(()),
        }
    }
}

impl ServerApi {
    /// A role that may read no agent is answered with an empty list and no error.
    fn no_rights(&self) -> SourceError {
        let detail =
            "shows no agent at all: give the user a role that may read them, such as `agents_readonly`";
        self.session.told(&SourceError::new(SourceReason::Rights, detail))
    }

    /// How some are connected, of as many as can be asked for at once.
    async fn connections_of(&self, ids: &[&str]) -> Result<Vec<Connection>, SourceError> {
        let body = self.list(&[("agents_list", &ids.join(",")), ("limit", &BY_ID.to_string())]).await?;
        let told = agents::connections(&body).map_err(|error| self.session.told(&error))?;
        let ahead = self.session.ahead();
        Ok(told.into_iter().map(|connection| by_our_clock(connection, ahead)).collect())
    }

    /// Every agent that the user may see. Agents may come and go while the pages are read: a list
    /// that does not add up is read again.
    async fn all(&self) -> Result<Vec<Agent>, SourceError> {
        for _ in 0..PASSES {
            let mut pages = Pages::default();
            let read = loop {
                match pages.add(self.page(pages.offset(), pages.limit()).await?) {
                    Read::InPart => {}
                    read => break read,
                }
            };
            if read == Read::Whole {
                return Ok(pages.into_agents());
            }
        }
        let detail = "gave no whole list of agents: it changed each time it was read, or its pages repeat";
        Err(self.session.told(&SourceError::new(SourceReason::Incomplete, detail)))
    }

    async fn page(&self, offset: usize, limit: usize) -> Result<Page, SourceError> {
        let body = self.list(&[("offset", &offset.to_string()), ("limit", &limit.to_string())]).await?;
        agents::page(&body).map_err(|error| self.session.told(&error))
    }

    /// Asks for the list of agents, or for some of it. An older server refuses the whole question because
    /// of the code, and is not asked for it again.
    async fn list(&self, parameters: &[(&str, &str)]) -> Result<Vec<u8>, Refused> {
        let ask = async |with_code| {
            let usual = [("select", agents::fields(with_code)), ("sort", "+id")];
            self.session.get("agents", &[&usual, parameters].concat()).await
        };
        if self.has_codes.load(Ordering::Relaxed) {
            match ask(true).await {
                Err(refused) if refused.code == Some(agents::NO_SUCH_FIELD) => {
                    self.has_codes.store(false, Ordering::Relaxed);
                }
                answered => return answered,
            }
        }
        ask(false).await
    }
}

/// The same by our clock, of which the server's is so far ahead, in milliseconds: by another one every keepalive
/// would be stale.
fn by_our_clock(connection: Connection, ahead: i64) -> Connection {
    let ours = |at: Option<i64>| at.map(|at| at.saturating_sub(ahead));
    let Connection { last_keepalive, lost_at, .. } = connection;
    Connection { last_keepalive: ours(last_keepalive), lost_at: ours(lost_at), ..connection }
}

#[cfg(test)]
mod tests;
