//! Where an agent stands at a moment, and what keeps its silence from being told then.

use chrono::{DateTime, Utc};
use log_monitor_channels::text::one_line;

use crate::cli::table::moment;
use crate::clock::written;
use crate::config::{Agent, Policy, Quorum, Settings, Watch};
use crate::journal::entities::{self, EntityRow};
use crate::journal::events::{millis, time};
use crate::journal::incidents::{self, IncidentRow, Subject};
use crate::journal::{JournalError, open_read_only};
use crate::monitor::finding::Flapping;
use crate::monitor::fleet::{flaps::Flaps, threshold};

/// What the journal knows of an agent at `at`.
#[derive(Debug, Default)]
pub struct Known {
    row: Option<EntityRow>,
    /// Its last incident until then, and the one that this is part of.
    incident: Option<IncidentRow>,
    whole: Option<IncidentRow>,
    /// When it fell silent in the day before, in milliseconds.
    fell: Vec<i64>,
}

impl Known {
    /// Reads it; there may be no journal yet.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn read(
        settings: &Settings,
        watch: &str,
        agent: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Self>, JournalError> {
        if !settings.journal.exists() {
            return Ok(None);
        }
        let connection = open_read_only(&settings.journal)?;
        let rows = entities::of_watch(&connection, watch)?;
        let incident = incidents::of_agent_at(&connection, watch, agent, millis(at))?;
        let whole = match incident.as_ref().and_then(|incident| incident.part_of) {
            Some(id) => incidents::by_id(&connection, id)?,
            None => None,
        };
        let fell = incidents::silences_since(&connection, watch, millis(at) - 86_400_000)?;
        let mine = |(key, when): (String, i64)| (key == agent && when <= millis(at)).then_some(when);
        Ok(Some(Self {
            row: rows.into_iter().find(|row| row.key == agent),
            incident,
            whole,
            fell: fell.into_iter().filter_map(mine).collect(),
        }))
    }

    fn open_at(&self, at: DateTime<Utc>) -> Option<&IncidentRow> {
        self.incident.as_ref().filter(|incident| incident.closed.is_none_or(|closed| closed > millis(at)))
    }

    /// Where it stands, in a few words.
    #[must_use]
    pub fn state(&self, at: DateTime<Utc>) -> String {
        if let Some(incident) = self.open_at(at) {
            let since = moment(incident.since.map(time), at);
            return format!("silent, incident {} ({}); last log {since}", incident.id, incident.cause);
        }
        let is_now = at > Utc::now() - chrono::TimeDelta::minutes(1);
        match (&self.row, &self.incident) {
            (None, None) => "not looked at yet".to_owned(),
            (Some(row), _) if is_now => {
                format!("logging; last log, up to some minutes ago: {}", moment(row.last_seen.map(time), at))
            }
            (_, Some(last)) => format!(
                "not silent; its last silence, incident {}, was over at {}",
                last.id,
                last.closed.map_or_else(String::new, |closed| written(time(closed)))
            ),
            (Some(_), None) => "not silent; no silence until then is known".to_owned(),
        }
    }
}

/// What keeps its silence from being told at `at`, or would.
#[must_use]
pub fn suppressions(
    known: Option<&Known>,
    watch: &Watch,
    agent: &Agent,
    policy: &Policy,
    at: DateTime<Utc>,
) -> Vec<String> {
    let now = millis(at);
    let mut found = Vec::new();
    let whole = known.filter(|known| known.open_at(at).is_some()).and_then(|known| known.whole.as_ref());
    found.extend(whole.map(|whole| {
        let what = [whole.subject.as_str(), &whole.key].join(" ");
        format!("its silence is part of incident {} ({})", whole.id, one_line(what.trim(), 80))
    }));
    for dependency in &watch.dependencies {
        let depends = dependency.matcher.matches(|key| agent.facts(key));
        if depends && !dependency.on.matches(|key| agent.facts(key)) {
            let need = match dependency.need {
                Quorum::All => "each".to_owned(),
                Quorum::Count(count) => count.to_string(),
                Quorum::Share(share) => format!("{:.0} %", share * 100.0),
            };
            found.push(format!("it depends on {}: {need} of them must log", dependency.on));
        }
    }
    if !policy.expects(now) {
        let hours = policy.class.and_then(|class| watch.classes[class - 1].calendar.as_ref());
        let why = match hours.is_none_or(|hours| hours.is_active(now)) {
            true => "maintenance",
            false => "outside of its hours",
        };
        found.push(format!("{why}; logs are expected again from {}", written(time(policy.due(now, 0)))));
    }
    let from = agent.listed.as_ref().and_then(|listed| listed.watched_from).filter(|from| *from > now);
    found.extend(
        from.map(|from| format!("it is new; it is silent at the earliest at {}", written(time(from)))),
    );
    found.extend(known.and_then(|known| flapping(known, policy, now)));
    found
}

fn flapping(known: &Known, policy: &Policy, now: i64) -> Option<String> {
    let (mut flaps, threshold) = (Flaps::default(), threshold(policy));
    known.fell.iter().for_each(|when| flaps.fell(0, *when, threshold));
    Flapping::of(flaps.count(0, now, threshold), threshold).map(|flapping| {
        let hold =
            crate::config::duration::human(std::time::Duration::from_millis(flapping.hold.unsigned_abs()));
        format!("it flaps: the end of its silence is told only after {hold} of logs without a pause")
    })
}

/// How a source answers, as far as the journal knows.
///
/// # Errors
/// When the journal cannot be read.
pub fn source_state(settings: &Settings, source: &str) -> Result<String, JournalError> {
    if !settings.journal.exists() {
        return Ok("not asked yet".to_owned());
    }
    let open = incidents::open_since(&open_read_only(&settings.journal)?, Subject::Source, source)?;
    Ok(match open {
        Some((incident, since)) => {
            format!("cannot be read since {}, incident {incident}", written(time(since)))
        }
        None => "answers".to_owned(),
    })
}
