//! What helps to explain a silence, or its end: who sends through which node, how agents are connected,
//! what their manager received, what they logged last. Asked only of those that are about to be told;
//! when it cannot be had, messages say less.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Setup;
use super::cause::{Cause, Received, TOO_FEW};
use super::counting::Looks;
use super::finding::{Blind, Finding, Flapping, Suspicion};
use super::fleet::{Fleet, threshold};
use super::gather;
use super::maintenance::Windows;
use super::source_health::{Asked, SourceHealth};
use super::verdict::Transition;
use super::words;
use crate::journal::events::{millis, time};
use crate::journal::{JournalError, incidents, meta};
use crate::record::{Change, IncidentChange, Recorder};
use crate::source::{Entities, Query, Source, SourceError, Word};

/// How often the source is asked who sends through which node.
const HOMES: TimeDelta = TimeDelta::hours(1);

/// And one that did not answer.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// For more silent entities than this nobody is asked why: something else has broken.
const ASKED_WHY: usize = 100;

/// Counters, last words and gaps cost a request for each entity.
const ASKED_ONE_BY_ONE: usize = 10;

/// A larger fleet is not read page by page to learn its nodes.
const ASKED_WHERE: usize = 10_000;

/// A message does not wait longer than this to learn why.
const PATIENCE: Duration = Duration::from_secs(15);

/// So many of the last documents are looked at: who is silenced may leave many behind.
const LAST_WORDS: usize = 100;

const DAY: i64 = 86_400_000;

/// A gap is looked at in so many steps, of at least a minute.
const STEPS: i64 = 200;

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
    /// What was counted of those that are soon due.
    looks: Looks,
}

/// What a source beside was asked. It may be good for the one and not for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// Who there is.
    List,
    /// Why agents are silent, and where they send to.
    Why,
}

impl Beside {
    /// Asks what is worth knowing of this round's suspects.
    pub async fn look(
        &mut self,
        setup: &Setup,
        recorder: &Recorder,
        fleet: &mut Fleet,
        suspects: &[usize],
        now: DateTime<Utc>,
    ) {
        self.look_up_homes(setup, fleet, now).await;
        self.findings.clear();
        let (mut silent, mut back) = (Vec::new(), Vec::new());
        for changed in fleet.judge(suspects, millis(now)) {
            match changed.transition {
                Transition::Recovered { since, incident } => {
                    self.findings.entry(changed.at).or_default().back = fleet.flaps().back_since(changed.at);
                    back.push((changed.at, incident, since));
                }
                _ => silent.push(changed.at),
            }
        }
        for at in &silent {
            let cause = fleet.own_cause(*at, millis(now)).unwrap_or_default();
            let threshold = threshold(fleet.policy(&fleet.entities()[*at]));
            let flapping = Flapping::of(fleet.flaps().count(*at, millis(now), threshold) + 1, threshold);
            self.findings.insert(*at, Finding { cause, flapping, ..Finding::default() });
        }
        if !silent.is_empty() && silent.len() <= ASKED_WHY {
            self.ask_why(setup, fleet, &silent, now).await;
        }
        if silent.len() <= ASKED_ONE_BY_ONE {
            self.ask_for_last_words(setup, fleet, &silent, now).await;
        }
        self.count_what_is_late(setup, fleet).await;
        self.look_ahead_of(setup, fleet, &silent, now).await;
        self.recall(recorder, &back).await;
        if back.len() <= ASKED_ONE_BY_ONE {
            self.ask_for_gaps(setup, fleet, &back, now).await;
        }
        self.looks.ahead(&setup.beside, fleet, millis(now)).await;
    }

    /// Who of those that are back was told to log too little: there was no time without logs.
    async fn recall(&mut self, recorder: &Recorder, back: &[(usize, i64, Option<i64>)]) {
        let told: Vec<i64> = back.iter().map(|(_, incident, _)| *incident).collect();
        if told.is_empty() {
            return;
        }
        let read = move |connection: &_| {
            told.iter().map(|incident| incidents::by_id(connection, *incident)).collect::<Result<Vec<_>, _>>()
        };
        match recorder.journal.write(read).await {
            Ok(rows) => {
                for ((at, ..), row) in back.iter().zip(rows) {
                    let logged_too_little = row.is_some_and(|row| row.cause == TOO_FEW);
                    self.findings.entry(*at).or_default().logged_too_little = logged_too_little;
                }
            }
            Err(error) => tracing::error!("cannot read why agents were told to be silent: {error}"),
        }
    }

    /// Which maintenance ended before the silences that are told.
    pub fn name_maintenance(&mut self, windows: &Windows, fleet: &Fleet, now: i64) {
        for (at, finding) in &mut self.findings {
            let ended = fleet.entities()[*at].last_seen.and_then(|seen| windows.ended(*at, seen, now));
            finding.maintenance = ended;
        }
    }

    /// Whether the source of a list answered, at `now`.
    pub fn note_list(&mut self, source: String, answered: Result<(), SourceError>, now: DateTime<Utc>) {
        self.note(source, What::List, answered, now);
    }

    fn note(&mut self, source: String, what: What, answered: Result<(), SourceError>, now: DateTime<Utc>) {
        self.answered.insert((source, what), answered.map(|()| now));
    }

    /// When the sources beside answered last, in milliseconds.
    pub fn answered(&self) -> impl Iterator<Item = (String, i64)> {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for ((source, _), at) in &self.answered {
            if let Ok(at) = at {
                let known = last.entry(source).or_insert(i64::MIN);
                *known = millis(*at).max(*known);
            }
        }
        last.into_iter().map(|(source, at)| (source.to_owned(), at)).collect::<Vec<_>>().into_iter()
    }

    /// One incident for each source beside that does not answer all that it is asked; `agents` are watched.
    pub async fn tell(&self, recorder: &Recorder, health: &SourceHealth, watch: &str, agents: usize) {
        let mut sources: BTreeMap<&str, Option<&SourceError>> = BTreeMap::new();
        for ((source, _), answered) in &self.answered {
            let failed = sources.entry(source).or_default();
            *failed = failed.or(answered.as_ref().err());
        }
        for (source, failed) in sources {
            let asker = (watch, Asked::Beside);
            let told = match failed {
                None => health.good(recorder, source, asker).await,
                Some(error) => health.failed(recorder, source, asker, error, agents).await,
            };
            if let Err(error) = told {
                tracing::error!("watch {watch}: {error}");
            }
        }
    }

    /// Tells of documents from the future, once a day as long as there are any.
    ///
    /// # Errors
    /// When it cannot be written down; the next look tries again.
    pub async fn tell_of_skew(
        &mut self,
        recorder: &Recorder,
        watch: &str,
        fleet: &Fleet,
    ) -> Result<(), JournalError> {
        let ahead = std::mem::take(&mut self.ahead);
        let Some(most) = ahead.iter().map(|(_, ahead)| *ahead).max() else { return Ok(()) };
        let (now, name) = (millis(recorder.clock.now()), watch.to_owned());
        let told = recorder.journal.write(move |connection| meta::skew_told(connection, &name)).await?;
        if told.is_some_and(|told| (0..DAY).contains(&(now - told))) {
            return Ok(());
        }
        let places: Vec<usize> = ahead.iter().map(|(at, _)| *at).collect();
        let event = words::skewed(watch, &words::names(fleet, &places), most, now);
        recorder.record(vec![Change::event(IncidentChange::None, event)]).await?;
        let name = watch.to_owned();
        recorder.journal.write(move |connection| meta::set_skew_told(connection, &name, now)).await
    }

    async fn look_up_homes(&mut self, setup: &Setup, fleet: &mut Fleet, now: DateTime<Utc>) {
        let told = self.homes_told && self.answered.values().all(Result::is_ok);
        let every = if told { HOMES } else { ASK_AGAIN };
        if self.homes_asked.is_some_and(|asked| now - asked < every && now >= asked) {
            return;
        }
        self.homes_asked = Some(now);
        let homes = gather::homes(&*setup.source, fleet, now).await;
        self.homes_told = homes.is_ok();
        if let Err(error) = homes {
            tracing::warn!("cannot look up which nodes the agents send through: {error}");
        }
        match gather::ahead(&*setup.source, fleet, now).await {
            Ok(ahead) => self.ahead = ahead,
            Err(error) => tracing::warn!("cannot look for documents from the future: {error}"),
        }
        for (name, source) in &setup.beside {
            let asking = async {
                match fleet.knows_nodes() || fleet.entities().len() > ASKED_WHERE {
                    true => source.probe().await,
                    false => gather::homes(&**source, fleet, now).await,
                }
            };
            // Whoever is slow is not down: it is asked again, and no round waits for it.
            match tokio::time::timeout(PATIENCE, asking).await {
                Ok(answered) => self.note(name.clone(), What::Why, answered, now),
                Err(_) => tracing::warn!("{name} does not say in time which nodes the agents send through"),
            }
        }
    }

    /// How silent agents are connected, where they do not say themselves why they are.
    async fn ask_why(&mut self, setup: &Setup, fleet: &Fleet, silent: &[usize], now: DateTime<Utc>) {
        let unknown = |at: &usize| self.findings.get(at).is_some_and(|known| known.cause == Cause::NotAsked);
        let unknown: Vec<usize> = silent.iter().copied().filter(unknown).collect();
        let agents = gather::agents(&*setup.source, fleet, &unknown);
        for (place, (name, source)) in setup.beside.iter().enumerate() {
            // Nobody answers who is not asked.
            let asked = match agents.is_empty() {
                true => None,
                false => Some(patiently(gather::causes(&**source, &agents, now)).await),
            };
            for at in &unknown {
                let told = asked.as_ref().and_then(|asked| asked.as_ref().ok()?.get(at).cloned());
                self.findings.entry(*at).or_default().cause.learn(told.unwrap_or(Cause::CannotTell));
            }
            if let Some(asked) = asked {
                self.note(name.clone(), What::Why, asked.map(drop), now);
            }
            self.count_again((place, &**source), fleet, &unknown, millis(now)).await;
        }
    }

    /// What the manager received of agents that are connected and silent, since the first look.
    async fn count_again(&mut self, source: (usize, &dyn Source), fleet: &Fleet, silent: &[usize], now: i64) {
        let connected = |at: &&usize| {
            let cause = self.findings.get(at).map(|finding| &finding.cause);
            matches!(cause, Some(Cause::ConnectedButSilent(_, Received::Unknown)))
        };
        let places: Vec<usize> = silent.iter().filter(connected).copied().take(ASKED_ONE_BY_ONE).collect();
        for (at, received) in self.looks.since(source, fleet, &places, now).await {
            if let Some(Cause::ConnectedButSilent(_, known)) =
                self.findings.get_mut(&at).map(|finding| &mut finding.cause)
            {
                *known = received;
            }
        }
    }

    async fn ask_for_last_words(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        silent: &[usize],
        now: DateTime<Utc>,
    ) {
        let rules = &setup.watch.suspicion;
        for at in silent {
            let entity = &fleet.entities()[*at];
            let ends = entity.last_seen.zip(Suspicion::earliest(entity.last_seen, rules));
            let Some((seen, from)) = ends else { continue };
            match patiently(words_on_host(&*setup.source, &entity.key, (from, seen), now)).await {
                Ok(words) => {
                    let suspicion = Suspicion::of(words, entity.last_seen, rules);
                    self.findings.entry(*at).or_default().suspicion = suspicion;
                }
                Err(error) => return tracing::warn!("cannot look up what was logged last: {error}"),
            }
        }
    }

    /// Whether those that fell silent have documents from the future: a clock is wrong, and not they.
    async fn look_ahead_of(&mut self, setup: &Setup, fleet: &Fleet, silent: &[usize], now: DateTime<Utc>) {
        if silent.is_empty() {
            return;
        }
        match patiently(gather::ahead(&*setup.source, fleet, now)).await {
            Ok(ahead) => {
                for (at, by) in ahead.iter().filter(|(at, _)| silent.contains(at)) {
                    self.findings.entry(*at).or_default().ahead = Some(*by);
                }
                self.ahead = ahead;
            }
            Err(error) => tracing::warn!("cannot look for documents from the future: {error}"),
        }
    }

    /// How many documents have come late of those that are silent for that reason.
    async fn count_what_is_late(&mut self, setup: &Setup, fleet: &Fleet) {
        let late = self.findings.iter_mut().filter(|(_, finding)| matches!(finding.cause, Cause::Late(_)));
        for (at, finding) in late.take(ASKED_ONE_BY_ONE) {
            match patiently(gather::late(&*setup.source, fleet, *at)).await {
                Ok(count) => finding.late = count,
                Err(error) => return tracing::debug!("cannot count what comes late: {error}"),
            }
        }
    }

    /// How much of the silences that are over is filled by now.
    async fn ask_for_gaps(
        &mut self,
        setup: &Setup,
        fleet: &Fleet,
        back: &[(usize, i64, Option<i64>)],
        now: DateTime<Utc>,
    ) {
        for (at, _, since) in back {
            let ends = since.as_ref().zip(fleet.entities()[*at].last_seen);
            let few = self.findings.get(at).is_some_and(|finding| finding.logged_too_little);
            let Some((since, to)) = ends.filter(|_| !few) else { continue };
            let step = ((to - since) / STEPS).max(60_000);
            let key: &str = &fleet.entities()[*at].key;
            let query = Query { from: time(*since), to: now, entities: Entities::Only(&[key]) };
            match patiently(setup.source.history(&query, step)).await {
                Ok(heard) => {
                    // What came since the round before is no late arrival, but the end.
                    let end = to - 2 * setup.watch.poll.as_millis() as i64;
                    let first =
                        heard.iter().map(|heard| heard.newest).filter(|newest| *newest > end.max(*since));
                    let to = fleet.flaps().back_since(*at).or_else(|| first.min()).unwrap_or(to);
                    let blind = Blind::of(*since, to, &heard, step);
                    self.findings.entry(*at).or_default().blind = Some(blind);
                }
                Err(error) => return tracing::debug!("cannot look up what arrived late: {error}"),
            }
        }
    }
}

/// What an entity and, where it is a part of an agent, the whole agent said last, the newest first.
async fn words_on_host(
    source: &dyn Source,
    key: &str,
    times: (i64, i64),
    now: DateTime<Utc>,
) -> Result<Vec<Word>, SourceError> {
    let mut words = words_of(source, key, times, now).await?;
    if let Some(agent) = source.agent_of(key).filter(|agent| *agent != key) {
        for word in words_of(source, agent, times, now).await? {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.sort_by_key(|word| std::cmp::Reverse(word.at));
    }
    Ok(words)
}

/// The last documents since `from`. Where there are too many after the last sign of life (the manager goes on
/// to write about an agent, and the rest of it goes on to log) those before it are asked for, too.
async fn words_of(
    source: &dyn Source,
    key: &str,
    (from, seen): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Vec<Word>, SourceError> {
    let mut words = source.last_words(key, time(from), now, LAST_WORDS).await?;
    if words.len() >= LAST_WORDS && words.last().is_some_and(|word| word.at > seen) {
        words.extend(source.last_words(key, time(from), time(seen), LAST_WORDS).await?);
    }
    Ok(words)
}

/// Whoever explains may not hold a message up.
pub async fn patiently<T>(asking: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(gather::too_late()))
}
