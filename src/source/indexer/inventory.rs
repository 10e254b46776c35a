//! Who there is: whoever logged within the window, or the lists of agents that Wazuh itself writes into
//! an index.

use chrono::TimeDelta;
use compact_str::CompactString;
use serde_json::Value;

use super::document::{text, texts};
use super::format::About;
use super::question::Question;
use super::search::Search;
use super::wanted::Wanted;
use crate::source::{Entities, Listed, Query, SourceError, SourceReason, key};

/// How far back lists are read. The dashboard writes one every 15 minutes (Wazuh 4.x,
/// `wazuh.monitoring.frequency`), the manager every 10 (5.0, `metrics_frequency`); a list that broke off
/// is made up for by the one before.
const RECENT: TimeDelta = TimeDelta::hours(1);

/// Everybody with a document within the window, as their newest document describes them.
///
/// # Errors
/// As [`Search::ask`].
pub async fn of_who_logged(
    search: Search<'_>,
    query: &Query<'_>,
    about: About<'_>,
) -> Result<Vec<Listed>, SourceError> {
    let (wanted, fields) = (Wanted::by(query), search.fields.entity.len());
    search
        .ask(Question::Facts(&about.fields()), query, |bucket| {
            let document = bucket.newest.as_ref().and_then(|newest| newest.hits.hits.first());
            Some(listed(
                wanted.entity(bucket)?,
                fields,
                document.map_or(&Value::Null, |hit| &hit.source),
                about,
            ))
        })
        .await
}

/// Everybody on a list that was written within the last hour before the end of the window.
///
/// # Errors
/// As [`Search::ask`], and when there is no list: an empty one would mean that everybody was removed.
pub async fn of_lists(
    search: Search<'_>,
    query: &Query<'_>,
    about: About<'_>,
) -> Result<Vec<Listed>, SourceError> {
    let everybody = Query { from: query.to - RECENT, entities: Entities::All(0), ..*query };
    let index = &search.subject.index;
    let mut listed = of_who_logged(search, &everybody, about).await.map_err(|error| match error.reason {
        SourceReason::NoIndex => {
            let detail = format!(
                "has no index `{index}` that the user may see: check `inventory_index` and the user's role"
            );
            search.error(SourceReason::NoIndex, detail)
        }
        _ => error,
    })?;
    if listed.is_empty() {
        let detail = format!(
            "holds no list of agents of the last hour in `{index}`: does the Wazuh dashboard write one \
             (`wazuh.monitoring.enabled`)?"
        );
        return Err(search.error(SourceReason::NoIndex, detail));
    }
    if let Entities::Only(keys) = query.entities {
        listed.retain(|agent| keys.contains(&agent.key.as_str()));
    }
    Ok(listed)
}

/// What a document says of an entity that so many fields tell apart.
fn listed(key: CompactString, fields: usize, document: &Value, about: About<'_>) -> Listed {
    let said = |field: Option<&str>| field.and_then(|field| text(document, field));
    Listed {
        name: key::named(said(about.name).unwrap_or_default(), &key, fields),
        key,
        groups: about.groups.map(|field| texts(document, field)).unwrap_or_default(),
        // What the manager calls the node of an agent that never connected.
        node: said(about.node).filter(|node| node != "unknown"),
        version: said(about.version).map(|version| version.trim_start_matches("Wazuh ").into()),
        ..Listed::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::indexer::format::Format;

    #[test]
    fn a_row_of_the_dashboard_is_an_agent() {
        let row = json!({ "id": "007", "name": "db-03", "group": ["default", "prod"], "node_name": "node01",
                          "version": "Wazuh v4.14.5", "status": "active" });
        let agent = listed("007".into(), 1, &row, Format::Wazuh4.names().listed);
        assert_eq!((agent.key.as_str(), agent.name.as_str()), ("007", "db-03"));
        assert_eq!(agent.groups, ["default", "prod"]);
        assert_eq!((agent.node.as_deref(), agent.version.as_deref()), (Some("node01"), Some("v4.14.5")));
    }

    #[test]
    fn what_is_not_said_is_left_open() {
        let new = json!({ "name": ["new"], "group": "default", "node_name": "unknown", "version": {} });
        let agent = listed("009".into(), 1, &new, Format::Wazuh4.names().listed);
        let groups = vec!["default".into()];
        assert_eq!(agent, Listed { key: "009".into(), name: "new".into(), groups, ..Listed::default() });
        for nothing in [Value::Null, json!([]), json!("x")] {
            let agent = listed("009".into(), 1, &nothing, Format::Wazuh5.names().listed);
            assert_eq!(agent, Listed { key: "009".into(), ..Listed::default() });
        }
    }

    #[test]
    fn the_logs_of_an_agent_have_names_of_their_own() {
        let event = json!({ "agent": { "name": "web-01" } });
        let about = Format::Wazuh4.names().agent;
        assert_eq!(listed("001|/var/log/a|b".into(), 2, &event, about).name, "web-01 /var/log/a|b");
        assert_eq!(listed("001|/var/log/a|b".into(), 2, &json!({}), about).name, "");
    }
}
