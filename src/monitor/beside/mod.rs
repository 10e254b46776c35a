//! What helps to explain a silence, or its end: who sends through which node, how agents are connected,
//! what their manager received, what they logged last. Asked only of those that are about to be told;
//! when it cannot be had, messages say less.
//!
//! * `answered`: whether the sources beside answer;
//! * `homes`: who sends through which node;
//! * `why`: how silent agents are connected, and what their manager received;
//! * `last_words`: what they logged last;
//! * `parts`: whether the rest of an agent logs;
//! * `times`: what came late, or is from the future;
//! * `back`: how long it was silent, of whoever is back;
//! * `first_logs`: when that logged first again.

mod answered;
mod back;
mod first_logs;
mod homes;
mod last_words;
mod parts;
mod times;
mod why;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::answered::What;
use self::homes::Homes;
use super::Setup;
use super::counting::Looks;
use super::finding::{Finding, Flapping};
use super::fleet::{Changed, Fleet, threshold};
use super::gather;
use super::maintenance::Windows;
use super::roll_call;
use super::verdict::Transition;
use crate::journal::events::millis;
use crate::record::Recorder;
use crate::source::SourceError;

/// So many silent entities are asked about at once, the first of the fleet: their connections cost a request
/// for a hundred …
const ASKED_WHY: usize = 1000;

/// … and what they logged last one for each.
const ASKED_FOR_WORDS: usize = 100;

/// Counters and late documents cost a request for each entity.
const ASKED_ONE_BY_ONE: usize = 10;

/// A message does not wait longer than this to learn all that explains it.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is known beside who logged when.
#[derive(Debug, Default)]
pub struct Beside {
    /// What was found out about entities that this round tells of, by their place.
    pub findings: HashMap<usize, Finding>,
    /// When the sources beside answered last, by name and by what they were asked, or why they did not.
    answered: BTreeMap<(String, What), Result<DateTime<Utc>, SourceError>>,
    /// Who has documents from the future, and how far ahead the newest is, in milliseconds.
    ahead: Vec<(usize, i64)>,
    /// When the source was asked last who sends through which node.
    homes_asked: Option<DateTime<Utc>>,
    /// Whether it said so.
    homes_told: bool,
    /// When the sources beside were asked last, by name.
    beside_asked: BTreeMap<String, DateTime<Utc>>,
    /// Those of them that have not answered yet; dropped with this.
    asking: JoinSet<Homes>,
    /// Those that did not answer in time: until they do, no message waits for them.
    slow: BTreeSet<String>,
    /// How long this round has waited for a list.
    pub waited: Duration,
    /// When the last good round was, in milliseconds.
    pub last_round: Option<i64>,
    /// When nobody looked since the first of those began that are back, in milliseconds.
    unseen: Vec<(i64, i64)>,
    /// What was counted of those that are soon due.
    looks: Looks,
}

/// Whoever is told of, by place.
#[derive(Default)]
struct Turned {
    /// Those that are silent, in order.
    silent: Vec<usize>,
    /// Those that are back, each with its incident and since when it was silent.
    back: Vec<(usize, i64, Option<i64>)>,
    /// Those that stay away, each with its incident.
    left: Vec<(usize, i64)>,
}

impl Beside {
    /// Forgets what it knew of a fleet that is another one now: not how long this round has waited, nor which of the
    /// sources beside are slow.
    pub fn begin_anew(&mut self, setup: &Setup) {
        let mut slow = std::mem::take(&mut self.slow);
        slow.retain(|slow| setup.beside.iter().any(|(name, _)| name == slow));
        *self = Self { waited: self.waited, slow, ..Self::default() };
    }

    /// Asks what is worth knowing of this round's suspects.
    pub async fn look(
        &mut self,
        setup: &Setup,
        recorder: &Recorder,
        fleet: &mut Fleet,
        suspects: &[usize],
        now: DateTime<Utc>,
    ) {
        let until = Instant::now() + PATIENCE - self.waited.min(roll_call::PATIENCE);
        self.look_up_homes(setup, fleet, suspects, until, now).await;
        for (name, _) in self.looks.take_in().into_iter().filter_map(|counted| setup.beside.get(counted)) {
            self.note_counted(name, now);
        }
        self.ask_beside_for_homes(setup, fleet, now).await;
        let Turned { silent, back, left } = self.begin_findings(fleet, suspects, millis(now));
        let asked = &silent[..silent.len().min(ASKED_WHY)];
        self.ask_for_the_rest(setup, fleet, asked, until, now).await;
        let unexplained = self.unexplained(asked);
        let asking = self.begin_to_ask_why(setup, fleet, &unexplained, until, now);
        self.look_ahead_of(setup, fleet, &silent, until, now).await;
        self.count_what_is_late(setup, fleet, until).await;
        self.recall(setup, recorder, &back, millis(now)).await;
        self.recall_gateways(recorder, left).await;
        self.ask_for_gaps(setup, fleet, &back, until, now).await;
        // With many that takes all the time that is left.
        let few = &asked[..asked.len().min(ASKED_FOR_WORDS)];
        self.ask_for_last_words(setup, fleet, few, until, now).await;
        self.learn_why(setup, fleet, &unexplained, asking, (until, now)).await;
        self.looks.ahead(setup, fleet, millis(now));
    }

    /// A finding of each suspect that is to be told, with what the fleet itself knows.
    fn begin_findings(&mut self, fleet: &Fleet, suspects: &[usize], now: i64) -> Turned {
        self.findings.clear();
        let mut turned = Turned::default();
        for Changed { at, transition } in fleet.judge(suspects, now) {
            if let Transition::Recovered { since, incident } = transition {
                self.findings.entry(at).or_default().back = fleet.flaps().back_since(at);
                turned.back.push((at, incident, since));
                continue;
            }
            let cause = fleet.own_cause(at, now).unwrap_or_default();
            let threshold = threshold(fleet.policy(&fleet.entities()[at]));
            let fell = usize::from(!matches!(transition, Transition::Stopped { .. }));
            let flapping = Flapping::of(fleet.flaps().count(at, now, threshold) + fell, threshold);
            self.findings.insert(at, Finding { cause, flapping, ..Finding::default() });
            turned.silent.push(at);
            if let Transition::StillSilent { incident } = transition {
                turned.left.push((at, incident));
            }
        }
        turned.silent.sort_unstable();
        turned
    }

    /// Which maintenance ended before the silences that are told.
    pub fn name_maintenance(&mut self, windows: &Windows, fleet: &Fleet, now: i64) {
        for (at, finding) in &mut self.findings {
            let ended = fleet.entities()[*at].last_seen.and_then(|seen| windows.ended(*at, seen, now));
            finding.maintenance = ended;
        }
    }
}

/// Whoever explains may not hold a message up.
pub async fn patiently<T>(asking: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    in_time(Instant::now() + PATIENCE, asking).await
}

/// The same where others are waited for as well. Nobody is asked any more when the time is over.
pub async fn in_time<T>(
    until: Instant,
    asking: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    if Instant::now() >= until {
        return Err(gather::too_late());
    }
    timeout_at(until, asking).await.unwrap_or_else(|_| Err(gather::too_late()))
}
