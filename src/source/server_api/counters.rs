//! What the manager's daemons have counted of an agent, as a pure reading of its bytes.
//!
//! `GET /agents/{id}/daemons/stats` of Wazuh 4.4 to 4.14; neither 4.3 nor 5.0 has it.

use serde::Deserialize;
use serde_json::Value;

use super::answer::{self, Answer};
use crate::source::{Counted, SourceError};

/// The agent is not known, is the manager itself, is not connected (Wazuh 4.x,
/// `framework/wazuh/stats.py`), or is not for this user.
const NOTHING_TO_TELL: [i64; 4] = [answer::NOT_KNOWN, 1703, 1707, answer::FORBIDDEN];

/// Reads an answer with status 200. `None` = nothing is counted of this agent.
///
/// # Errors
/// When it is not what the API documents, or the count failed.
pub fn read(body: &[u8]) -> Result<Option<Counted>, SourceError> {
    let Answer { items, failed, .. } = answer::read::<Daemon>(body)?;
    if let Some(failed) = failed.iter().find(|failed| !NOTHING_TO_TELL.contains(&failed.code)) {
        return Err(answer::incomplete(failed.code));
    }
    let daemon = |name: &str| {
        let daemon = items.iter().find(|daemon| daemon.name == name)?;
        daemon.agents.first().map(|agent| &agent.metrics)
    };
    let (remoted, analysisd) = (daemon("wazuh-remoted"), daemon("wazuh-analysisd"));
    let received = remoted.and_then(|metrics| metrics["messages"]["received_breakdown"]["event"].as_u64());
    let processed = analysisd.and_then(|metrics| metrics["events"]["processed"].as_u64());
    let decoded = analysisd.map(|metrics| &metrics["events"]["received_breakdown"]["decoded_breakdown"]);
    let logs = decoded.and_then(|decoded| sum(&decoded["modules_breakdown"]["logcollector_breakdown"]));
    Ok(received.or(processed).map(|received| Counted { received, logs }))
}

/// Everything that is counted below; `None` = there is nothing.
fn sum(counters: &Value) -> Option<u64> {
    match counters {
        Value::Number(number) => number.as_u64(),
        Value::Object(parts) => parts.values().map(|part| sum(part).unwrap_or(0)).reduce(u64::saturating_add),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Daemon {
    name: String,
    agents: Vec<Agent>,
}

#[derive(Deserialize)]
struct Agent {
    metrics: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceReason;

    #[test]
    fn events_are_counted_by_who_received_them_and_logs_by_who_decoded_them() {
        let body = br#"{"data":{"affected_items":[
            {"name":"wazuh-remoted","agents":[{"id":1,"metrics":{"messages":{"received_breakdown":
              {"control":2,"control_breakdown":{"keepalive":1},"event":195}}}}]},
            {"name":"wazuh-analysisd","agents":[{"id":1,"metrics":{"events":{"processed":190,"received_breakdown":
              {"decoded_breakdown":{"agent":0,"modules_breakdown":{"sca":180,
                "logcollector_breakdown":{"eventchannel":4,"eventlog":0,"others":6}}}}}}}]}],
            "total_affected_items":2,"failed_items":[]},"error":0}"#;
        assert_eq!(read(body), Ok(Some(Counted { received: 195, logs: Some(10) })));
    }

    #[test]
    fn an_agent_that_is_not_connected_is_not_counted_and_a_failure_is_no_zero() {
        let failed = |code| {
            let body = format!(
                r#"{{"data":{{"affected_items":[],"failed_items":[{{"error":{{"code":{code}}},"id":["001"]}}]}},"error":1}}"#
            );
            read(body.as_bytes())
        };
        assert_eq!((failed(1707), failed(4000)), (Ok(None), Ok(None)));
        assert_eq!(failed(3021).unwrap_err().reason, SourceReason::Incomplete);
        assert_eq!(read(b"{}").unwrap_err().reason, SourceReason::Malformed);
        assert_eq!(read(br#"{"data":{"affected_items":[{"name":"wazuh-remoted","agents":[]}]}}"#), Ok(None));
    }
}
