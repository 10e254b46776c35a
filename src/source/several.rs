//! Several sources of documents as one: what any of them has was logged, and only what all of them
//! together do not have was not. So each must answer: of who is only in the one that does not, nothing is
//! known.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use compact_str::CompactString;

use super::{
    Answer, Frontier, Heard, Keeper, Membership, Observation, Query, Source, SourceError, Volume, Word,
};

/// Whom a source has had is remembered of so many: whoever can write a log can invent names.
const MOST_KNOWN: usize = 200_000;

/// Sources of documents that are asked together, by name.
pub struct Several {
    sources: Vec<(String, Arc<dyn Source>)>,
    /// Whom each of them has had.
    had: Mutex<Vec<HashSet<CompactString>>>,
}

impl Several {
    /// These, at least one.
    #[must_use]
    pub fn new(sources: Vec<(String, Arc<dyn Source>)>) -> Self {
        let had = Mutex::new(vec![HashSet::new(); sources.len()]);
        Self { sources, had }
    }

    /// How far each of them is by these answers.
    fn frontiers(&self, answers: &[Answer]) -> Vec<Frontier> {
        let mut had = self.had.lock().unwrap_or_else(PoisonError::into_inner);
        for (had, answer) in had.iter_mut().zip(answers).filter(|(had, _)| had.len() < MOST_KNOWN) {
            had.extend(answer.newest.iter().map(|seen| seen.key.clone()));
        }
        let frontier = |(at, (name, source)): (usize, &(String, Arc<dyn Source>))| Frontier {
            source: name.clone(),
            newest: answers[at].newest.iter().map(|seen| seen.last_seen).max(),
            elsewhere: self.elsewhere(at, &had[at], answers),
            keeper: source.keeper(),
        };
        self.sources.iter().enumerate().map(frontier).collect()
    }

    /// The newest that another one has of whom this one has had, or of anybody while it has had nobody: the
    /// file of a node of a cluster has the agents of that node. Alerts need not be there of what is logged.
    fn elsewhere(
        &self,
        at: usize,
        had: &HashSet<CompactString>,
        answers: &[Answer],
    ) -> Option<(i64, String)> {
        let alerts_only = self.sources[at].1.has_alerts_only();
        let others =
            self.sources.iter().zip(answers).enumerate().filter(|(other, ((_, source), _))| {
                *other != at && (!alerts_only || source.has_alerts_only())
            });
        let newest = others.filter_map(|(_, ((name, _), answer))| {
            let known = answer.newest.iter().filter(|seen| had.is_empty() || had.contains(&seen.key));
            Some((known.map(|seen| seen.last_seen).max()?, name.clone()))
        });
        newest.max()
    }

    /// What each of them answers, in order.
    ///
    /// # Errors
    /// When one of them does not; all of them have been asked then.
    async fn each<'s, T, F>(&'s self, ask: impl Fn(&'s dyn Source) -> F) -> Result<Vec<T>, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        for (name, source) in &self.sources {
            match ask(&**source).await {
                Ok(answer) => answers.push(answer),
                Err(error) => failed.push((name.clone(), error)),
            }
        }
        SourceError::of(failed).map_or(Ok(answers), Err)
    }
}

#[async_trait]
impl Source for Several {
    async fn newest(&self, query: &Query<'_>) -> Result<Answer, SourceError> {
        let answers = self.each(|source| source.newest(query)).await?;
        Ok(Answer { frontiers: self.frontiers(&answers), newest: newest_of_all(answers) })
    }

    fn agent_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        self.sources.iter().find_map(|(_, source)| source.agent_of(key))
    }

    fn whole<'k>(&self, key: &'k str) -> Option<&'k str> {
        self.sources.iter().find_map(|(_, source)| source.whole(key))
    }

    async fn wholes(&self, query: &Query<'_>) -> Result<Vec<Observation>, SourceError> {
        let answers = self.each(|source| source.wholes(query)).await?.into_iter();
        Ok(newest_of_all(answers.map(|newest| Answer { newest, ..Answer::default() }).collect()))
    }

    /// An indexer stands behind the manager: it is the longer way. But whoever has alerts only is not asked for what
    /// another one has all of.
    fn keeper(&self) -> Keeper {
        let alerts_only = self.has_alerts_only();
        let asked = || self.sources.iter().filter(|(_, source)| source.has_alerts_only() == alerts_only);
        let has = |keeper| asked().any(|(_, source)| source.keeper() == keeper);
        let longer = [Keeper::Other, Keeper::Indexer, Keeper::IndexerOfFive];
        longer.into_iter().find(|keeper| has(*keeper)).unwrap_or(Keeper::Manager)
    }

    fn has_alerts_only(&self) -> bool {
        self.sources.iter().all(|(_, source)| source.has_alerts_only())
    }

    async fn nodes(&self, query: &Query<'_>) -> Result<Vec<Membership>, SourceError> {
        let mut known: BTreeMap<CompactString, Membership> = BTreeMap::new();
        for home in self.each(|source| source.nodes(query)).await?.into_iter().flatten() {
            known.entry(home.key.clone()).or_insert(home);
        }
        Ok(known.into_values().collect())
    }

    async fn volumes(&self, query: &Query<'_>) -> Result<Vec<Volume>, SourceError> {
        let mut known: BTreeMap<CompactString, u64> = BTreeMap::new();
        for Volume { key, count } in self.each(|source| source.volumes(query)).await?.into_iter().flatten() {
            let most = known.entry(key).or_default();
            *most = count.max(*most);
        }
        Ok(known.into_iter().map(|(key, count)| Volume { key, count }).collect())
    }

    async fn last_words(
        &self,
        key: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        count: usize,
    ) -> Result<Vec<Word>, SourceError> {
        let mut words: Vec<Word> = Vec::new();
        for word in
            self.each(|source| source.last_words(key, from, until, count)).await?.into_iter().flatten()
        {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.sort_by_key(|word| std::cmp::Reverse(word.at));
        words.truncate(count);
        Ok(words)
    }

    async fn history(&self, query: &Query<'_>, step: i64) -> Result<Vec<Heard>, SourceError> {
        let mut known: BTreeMap<(i64, CompactString), Heard> = BTreeMap::new();
        for heard in self.each(|source| source.history(query, step)).await?.into_iter().flatten() {
            let place = (heard.newest.div_euclid(step.max(1)), heard.key.clone());
            let most = known.entry(place).or_insert_with(|| heard.clone());
            (most.newest, most.count) = (most.newest.max(heard.newest), most.count.max(heard.count));
        }
        Ok(known.into_values().collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.each(|source| source.probe()).await.map(drop)
    }
}

fn newest_of_all(answers: Vec<Answer>) -> Vec<Observation> {
    let mut answers = answers.into_iter().map(|answer| answer.newest);
    let Some(mut all) = answers.next() else { return Vec::new() };
    for newest in answers {
        let known: BTreeMap<CompactString, usize> =
            all.iter().enumerate().map(|(at, seen)| (seen.key.clone(), at)).collect();
        for seen in newest {
            match known.get(&seen.key) {
                Some(at) => all[*at].last_seen = all[*at].last_seen.max(seen.last_seen),
                None => all.push(seen),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::source::file::LogFile;
    use crate::source::indexer::Indexer;
    use crate::source::{Entities, SourceContext, SourceKind, SourceReason};

    /// Knows this much of agent 001 to 003, in order, or fails.
    struct Fixed(Result<[Option<i64>; 3], SourceReason>, bool);

    impl Fixed {
        fn heard(&self) -> Result<Vec<Heard>, SourceError> {
            let known = self.0.map_err(|reason| SourceError::new(reason, "broken on purpose"))?;
            let named = known.into_iter().zip(["001", "002", "003"]);
            let heard = |(newest, key): (Option<i64>, &str)| {
                Some(Heard { key: key.into(), newest: newest?, count: 1 })
            };
            Ok(named.filter_map(heard).collect())
        }
    }

    #[async_trait]
    impl Source for Fixed {
        async fn newest(&self, _: &Query<'_>) -> Result<Answer, SourceError> {
            let seen = |heard: Heard| Observation { key: heard.key, last_seen: heard.newest };
            Ok(Answer { newest: self.heard()?.into_iter().map(seen).collect(), ..Answer::default() })
        }

        async fn history(&self, _: &Query<'_>, _: i64) -> Result<Vec<Heard>, SourceError> {
            self.heard()
        }

        fn has_alerts_only(&self) -> bool {
            self.1
        }

        async fn probe(&self) -> Result<(), SourceError> {
            self.heard().map(drop)
        }
    }

    fn several(answers: [Result<[Option<i64>; 3], SourceReason>; 2]) -> Several {
        with_kinds(answers, [true, true])
    }

    /// Of each whether it has alerts only.
    fn with_kinds(answers: [Result<[Option<i64>; 3], SourceReason>; 2], alerts_only: [bool; 2]) -> Several {
        let [(one, a), (two, b)] = [0, 1].map(|at| (answers[at], alerts_only[at]));
        let [indexer, file] = [Fixed(one, a), Fixed(two, b)].map(|fixed| Arc::new(fixed) as Arc<dyn Source>);
        Several::new(vec![("wazuh".to_owned(), indexer), ("alerts".to_owned(), file)])
    }

    /// What each of two should have, too.
    async fn elsewhere(several: &Several) -> Vec<Option<i64>> {
        let frontiers = several.newest(&query()).await.unwrap().frontiers;
        frontiers.into_iter().map(|frontier| Some(frontier.elsewhere?.0)).collect()
    }

    #[tokio::test]
    async fn what_one_should_have_is_of_whom_it_has_had_and_no_event_that_is_no_alert() {
        let both = [Ok([Some(20), None, None]), Ok([Some(10), Some(30), None])];
        assert_eq!(elsewhere(&several(both)).await, [Some(10), Some(20)], "it has never had 002");
        let none = [Ok([None; 3]), Ok([Some(10), Some(30), None])];
        assert_eq!(elsewhere(&several(none)).await, [Some(30), None], "it has never had anybody");
        let (alerts, events) = ([Ok([None; 3]), Ok([Some(10), None, None])], [true, false]);
        assert_eq!(elsewhere(&with_kinds(alerts, events)).await, [None, None]);
        assert_eq!(elsewhere(&with_kinds(alerts, [false, true])).await, [Some(10), None]);
    }

    fn query() -> Query<'static> {
        let to = DateTime::UNIX_EPOCH;
        Query { from: to - TimeDelta::hours(1), to, entities: Entities::All(3) }
    }

    #[tokio::test]
    async fn what_any_of_them_has_was_logged_and_each_says_how_far_it_is() {
        let several = several([Ok([Some(20), Some(7), None]), Ok([Some(10), Some(30), Some(5)])]);
        let answer = several.newest(&query()).await.unwrap();
        let newest: Vec<(&str, i64)> =
            answer.newest.iter().map(|seen| (&*seen.key, seen.last_seen)).collect();
        assert_eq!(newest, [("001", 20), ("002", 30), ("003", 5)]);
        let frontiers: Vec<(&str, Option<i64>)> =
            answer.frontiers.iter().map(|frontier| (&*frontier.source, frontier.newest)).collect();
        assert_eq!(frontiers, [("wazuh", Some(20)), ("alerts", Some(30))]);
        // 20 and 10 of 001 are in one step of 100: one document, which both have.
        let heard = several.history(&query(), 100).await.unwrap();
        assert_eq!(
            heard.iter().map(|heard| (heard.newest, heard.count)).collect::<Vec<_>>(),
            [(20, 1), (30, 1), (5, 1)]
        );
    }

    #[test]
    fn a_log_is_a_part_of_its_agent_whichever_source_has_it() {
        let of = |keys: &str| {
            let indexer = toml::from_str(&format!("url = 'https://a.example'\n{keys}")).unwrap();
            let file = toml::from_str(&format!("path = '/var/alerts.json'\n{keys}")).unwrap();
            let context = SourceContext { name: "one".to_owned() };
            let file: Arc<dyn Source> = LogFile::build(file, &context).unwrap().into();
            (Arc::new(Indexer::new(indexer).unwrap()) as Arc<dyn Source>, file)
        };
        let (indexer, file) = of("entity_field = ['agent.id', 'location']");
        let both = Several::new(vec![("wazuh".into(), indexer.clone()), ("alerts".into(), file.clone())]);
        let whole = |source: &dyn Source| source.whole("001|/var/log/auth.log").map(str::to_owned);
        let sources: [&dyn Source; 3] = [&*indexer, &*file, &both];
        assert_eq!(sources.map(whole), [(); 3].map(|()| Some("001".to_owned())));
        let (indexer, file) = of("");
        assert_eq!((indexer.whole("001"), file.whole("001")), (None, None), "a whole agent");
    }

    #[tokio::test]
    async fn without_one_of_them_nothing_is_known_and_the_error_says_which() {
        let error = several([Err(SourceReason::Auth), Ok([Some(1); 3])]).newest(&query()).await.unwrap_err();
        assert_eq!(error.reason, SourceReason::Auth);
        assert_eq!(error.by("wazuh").map(|(name, _)| name).collect::<Vec<_>>(), ["wazuh"]);
        let both = several([Err(SourceReason::Timeout), Err(SourceReason::Auth)]).probe().await.unwrap_err();
        assert_eq!(both.by("wazuh").map(|(name, _)| name).collect::<Vec<_>>(), ["wazuh", "alerts"]);
        assert!(!both.reason.may_pass(), "asking again does not help where it does not help one of them");
        let plain = SourceError::new(SourceReason::Tls, "of one");
        assert_eq!(plain.by("wazuh").map(|(name, _)| name).collect::<Vec<_>>(), ["wazuh"]);
    }
}
