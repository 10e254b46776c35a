//! Where an agent stands at a moment, and what keeps its silence from being told then.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log_monitor_channels::text::one_line;
use log_monitor_channels::{Event, EventKind};
use rusqlite::Connection;

use crate::cli::table::moment;
use crate::clock::written;
use crate::config::duration::human;
use crate::config::{Agent, ListedAs, Policy, Quorum, Settings, Watch};
use crate::journal::entities::{self, EntityRow, Logging};
use crate::journal::events::{self, millis, time};
use crate::journal::incidents::{self, IncidentRow, Subject};
use crate::journal::{JournalError, open_read_only, past};
use crate::monitor::finding::Flapping;
use crate::monitor::fleet::{flaps::Flaps, threshold};

const DAY: i64 = 86_400_000;
const YEAR: i64 = 365 * DAY;

/// The journal, seen from a moment.
pub struct View {
    /// Where it is read.
    pub connection: Connection,
    /// The moment; of one that is still to come it is known how it is now.
    pub at: DateTime<Utc>,
    now: DateTime<Utc>,
    is_to_come: bool,
    /// Since when the journal is kept, in milliseconds.
    reach: Option<i64>,
}

impl View {
    /// Opens it; there may be no journal yet.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn open(
        settings: &Settings,
        at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, JournalError> {
        if !settings.journal.exists() {
            return Ok(None);
        }
        Ok(Some(Self::of(open_read_only(&settings.journal)?, at, now)?))
    }

    pub(super) fn of(
        connection: Connection,
        at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Self> {
        let reach = past::reach(&connection, millis(now))?;
        Ok(Self { connection, at: at.min(now), now, is_to_come: at > now, reach })
    }

    /// What was found out of the moment, as it is to be said.
    #[must_use]
    pub fn said(&self, found: String) -> String {
        if self.is_to_come { format!("as it is now: {found}") } else { found }
    }

    /// What to say of a time of which the journal knows nothing.
    #[must_use]
    pub fn before_the_journal(&self) -> Option<String> {
        let begins = self.reach.filter(|reach| millis(self.at) < *reach)?;
        Some(format!("not known: the journal begins at {}", written(time(begins))))
    }
}

/// What the journal knows of an agent at the moment of a view.
#[derive(Debug)]
pub struct Known {
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    /// What to say instead of all else.
    nothing: Option<String>,
    row: Option<EntityRow>,
    /// Its last incident until then, the one that this is part of, and what was said of it.
    incident: Option<IncidentRow>,
    whole: Option<IncidentRow>,
    event: Option<Event>,
    /// When it fell silent in the day before, in milliseconds.
    fell: Vec<i64>,
}

impl Known {
    /// Reads it.
    ///
    /// # Errors
    /// As the database.
    pub fn read(view: &View, watch: &str, agent: &str) -> rusqlite::Result<Self> {
        let (connection, at) = (&view.connection, millis(view.at));
        let rows = entities::of_watch(connection, watch)?;
        let mut incident = incidents::last_at(connection, Subject::Agent, watch, agent, at)?;
        let event = |incident: &IncidentRow| {
            events::last_of(connection, incident.id, EventKind::AgentSilent, at).transpose()
        };
        let event = incident.as_ref().and_then(event).transpose()?;
        // What was told of it later did not hold then.
        if let (Some(incident), Some(event)) = (&mut incident, &event) {
            incident.part_of = incident.part_of.or(event.part_of);
            incident.cause.clone_from(&event.cause);
        }
        let whole = incident.as_ref().and_then(|incident| incident.part_of.or(incident.led_to));
        let fell = incidents::silences_since(connection, Subject::Agent, watch, at - DAY)?;
        let mine = |(key, when): (String, i64)| (key == agent && when <= at).then_some(when);
        Ok(Self {
            at: view.at,
            now: view.now,
            nothing: view.before_the_journal(),
            row: rows.into_iter().find(|row| row.key == agent),
            whole: whole.map(|id| incidents::by_id(connection, id)).transpose()?.flatten(),
            event,
            incident,
            fell: fell.into_iter().filter_map(mine).collect(),
        })
    }

    /// Its incident, if that is open.
    #[must_use]
    pub fn open(&self) -> Option<&IncidentRow> {
        self.incident
            .as_ref()
            .filter(|incident| incident.closed.is_none_or(|closed| closed > millis(self.at)))
    }

    /// What was found out about the silence that is open.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref().filter(|_| self.open().is_some())
    }

    /// That, for people.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        self.event().map(|event| format!("found at {}: {}", written(event.at), one_line(&event.detail, 1000)))
    }

    /// Whether it logged, if less than it should, as far as was known then.
    fn logs_too_little(&self) -> bool {
        self.open().is_some_and(|incident| match (incident.stopped, self.event()) {
            (None, _) => incident.logging == Logging::TooFew,
            (stopped, Some(event)) => {
                millis(event.at) == incident.opened || event.since.map(millis) < stopped
            }
            (stopped, None) => Some(millis(self.at)) < stopped,
        })
    }

    /// Its newest document until then, in milliseconds; the inner `None` = it has none, the outer that
    /// this is not known.
    #[must_use]
    pub fn newest(&self) -> Option<Option<i64>> {
        let last_seen =
            self.row.as_ref().and_then(|row| row.last_seen).filter(|seen| *seen <= millis(self.at));
        match self.open() {
            // What it logged since its incident began is not written down one by one.
            Some(incident) if self.logs_too_little() => {
                incident.stopped.filter(|stopped| *stopped <= millis(self.at)).max(last_seen).map(Some)
            }
            Some(incident) => Some(incident.last_log().max(last_seen)),
            None => last_seen.map(Some),
        }
    }

    /// Where it stands, in a few words.
    #[must_use]
    pub fn state(&self) -> String {
        if let Some(nothing) = &self.nothing {
            return nothing.clone();
        }
        if let Some(incident) = self.open() {
            let (id, cause, since) =
                (incident.id, &incident.cause, moment(incident.last_log().map(time), self.at));
            return match self.logs_too_little() {
                true => format!("logging too little since {}, incident {id}", written(time(incident.opened))),
                false => format!("silent, incident {id} ({cause}); last log {since}"),
            };
        }
        let is_now = self.at > self.now - TimeDelta::minutes(1);
        match (&self.row, &self.incident) {
            (None, None) => "not looked at yet".to_owned(),
            (Some(row), _) if is_now => {
                let last = moment(row.last_seen.map(time), self.at);
                format!("logging; last log, written down every 5 min: {last}")
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
    let whole = known.and_then(|known| Some((known.open()?, known.whole.as_ref()?)));
    let mut found: Vec<String> =
        whole.and_then(|(incident, whole)| explained(incident, whole, policy, now)).into_iter().collect();
    found.extend(dependencies(watch, agent));
    found.extend((!policy.expects(now)).then(|| closed(watch, policy, now)));
    let begins = |from: fn(&ListedAs) -> Option<i64>| from(agent.listed.as_ref()?).filter(|from| *from > now);
    let earliest = |from: i64| format!("it is silent at the earliest at {}", written(time(from)));
    found.extend(begins(|listed| listed.watched_from).map(|from| format!("it is new; {}", earliest(from))));
    found.extend(
        begins(|listed| listed.spared_until)
            .map(|from| format!("it is not on the list any more; {}", earliest(from))),
    );
    found.extend(known.and_then(|known| flapping(known, policy, now)));
    found
}

/// What the incident that it is part of, or led to, means for its silence at `now`.
fn explained(incident: &IncidentRow, whole: &IncidentRow, policy: &Policy, now: i64) -> Option<String> {
    let what = [whole.subject.as_str(), &whole.key].join(" ");
    let what = format!("incident {} ({})", whole.id, one_line(what.trim(), 80));
    let over = incident.freed.or(whole.closed).filter(|over| *over <= now);
    let anew = over.map(|over| policy.due(over, threshold(policy)));
    let is_part = incident.part_of.is_some();
    match anew {
        None if whole.opened > now => None,
        None if is_part => Some(format!("its silence is part of {what} and told with it")),
        None => {
            Some(format!("{what} began shortly after it and explains it: no reminders until that is over"))
        }
        Some(until) if until <= now => None,
        Some(until) => Some(format!(
            "its silence was explained by {what} until {}; {} unless it logs by {}",
            written(time(over?)),
            if is_part { "it is told by itself" } else { "reminders go on" },
            written(time(until))
        )),
    }
}

fn dependencies<'a>(watch: &'a Watch, agent: &'a Agent) -> impl Iterator<Item = String> + 'a {
    let mine = watch.dependencies.iter().filter(|dependency| dependency.holds_for(agent));
    mine.map(|dependency| {
        let need = match dependency.need {
            Quorum::All => "each".to_owned(),
            Quorum::Count(count) => count.to_string(),
            Quorum::Share(share) => format!("{:.0} %", share * 100.0),
        };
        format!(
            "it depends on {}: {need} of them must log, else its silence is told with theirs",
            dependency.on
        )
    })
}

/// Why no logs are expected at `now`, a time in milliseconds at which that is so, and until when.
#[must_use]
pub fn closed(watch: &Watch, policy: &Policy, now: i64) -> String {
    let hours = policy.class.and_then(|class| watch.classes[class - 1].calendar.as_ref());
    let why = match hours.is_none_or(|hours| hours.is_active(now)) {
        true => "maintenance",
        false => "outside of its hours",
    };
    match policy.due(now, 0) {
        due if due - now < YEAR => format!("{why}; logs are expected again from {}", written(time(due))),
        _ => format!("{why}; for a year no logs are expected"),
    }
}

fn flapping(known: &Known, policy: &Policy, now: i64) -> Option<String> {
    let (mut flaps, threshold) = (Flaps::default(), threshold(policy));
    known.fell.iter().for_each(|when| flaps.fell(0, *when, threshold));
    Flapping::of(flaps.count(0, now, threshold), threshold).map(|flapping| {
        let hold = human(Duration::from_millis(flapping.hold.unsigned_abs()));
        format!("it flaps: the end of its silence is told only after {hold} of logs without a pause")
    })
}
