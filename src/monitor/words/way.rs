//! What stands between an agent and log-monitor, in words: by the kind of source that a watch reads.

use crate::source::{Keeper, Source};

/// The words that name a part of the way of logs. Questions end without their mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// What to check of whoever is silent, where nothing else is known.
    pub first: &'static str,
    /// What to check of whoever was never seen.
    pub never: &'static str,
    /// What to check where logs come late.
    pub late: &'static str,
    /// What to check of whoever is connected, where what the manager received is not known.
    pub unheard: &'static str,
    /// Who has nothing of what the manager received.
    pub keeper: &'static str,
    /// What to check then.
    pub lost: &'static str,
    /// What to check of a group of which nothing comes.
    pub stalled: &'static str,
    /// Who dates them, where the time of their hosts is not meant.
    pub clock: &'static str,
}

const FIRST: &str = "is the machine up, is its Wazuh agent running and connected, and do other agents of the same manager still log";

const MANAGER: &str = "the Wazuh manager";

const UNHEARD: &str = "does the host still write them, and can the agent read them (its ossec.log)";

/// Where only alerts are kept.
const NO_ALERTS: &str = "does the host still write them, can the agent read them (its ossec.log), and do they raise alerts at all";

const NOT_INDEXED: &str =
    "do they raise alerts at all (level 3 and more), and does the manager's Filebeat keep up";

const NOT_IN_FILE: &str =
    "do they raise alerts at all (level 3 and more), and is the file that of the node that it sends through";

/// Filebeat takes alerts from the manager to an indexer, perhaps beside a file that is read, too.
pub static INDEXED: Way = Way { unheard: NO_ALERTS, lost: NOT_INDEXED, ..ARCHIVED };

/// The same of every event: the index of archives.
pub const ARCHIVED: Way = Way {
    first: FIRST,
    never: "is the id right, was the agent ever enrolled, and is its manager the one that this indexer belongs to",
    late: "is the manager's queue full, and are its Filebeat and the indexer behind",
    unheard: UNHEARD,
    keeper: "the indexer",
    lost: "does the manager's Filebeat keep up, and does it still send archives",
    stalled: "the manager (and its Filebeat), the network between, and the indexer's disk",
    clock: MANAGER,
};

/// The manager of Wazuh 5 writes every event into the indexer itself.
pub const INDEXED_BY_FIVE: Way = Way {
    late: "is the manager's queue full, and is the indexer behind",
    lost: "does the manager still reach the indexer, and has that room on its disk",
    stalled: "the manager, the network between, and the indexer's disk",
    ..ARCHIVED
};

/// And what its rules find.
pub static FOUND_BY_FIVE: Way = Way { unheard: NO_ALERTS, ..INDEXED_BY_FIVE };

/// The manager writes alerts into the files that are read.
pub static IN_FILE: Way = Way { unheard: NO_ALERTS, lost: NOT_IN_FILE, ..IN_ARCHIVE };

/// The same of every event: `archives.json`.
pub const IN_ARCHIVE: Way = Way {
    first: FIRST,
    never: "is the id right, was the agent ever enrolled, and is its manager the one that writes this file",
    late: "is the manager's queue full, and does it keep up with writing its file",
    unheard: UNHEARD,
    keeper: "its file",
    lost: "does the manager keep up with writing its file, and is it that of the node that it sends through",
    stalled: "the manager, its disk (does it still write its file), and the network between it and the agents",
    clock: MANAGER,
};

/// Somebody else has them, of entities that may be no agents.
pub static ELSEWHERE: Way = Way {
    first: "is it up and running, and is anything else of the same source still heard",
    never: "is it known to this source by this name, and was it ever heard",
    late: "what holds them up on their way to this source",
    unheard: UNHEARD,
    keeper: "the source",
    lost: "do they still find their way from the manager to this source",
    stalled: "whatever brings them to this source, and the network between",
    clock: "whatever dates them",
};

impl Way {
    /// That of the documents of a source.
    #[must_use]
    pub fn of(source: &dyn Source) -> &'static Self {
        match (source.keeper(), source.has_alerts_only()) {
            (Keeper::Manager, true) => &IN_FILE,
            (Keeper::Manager, false) => &IN_ARCHIVE,
            (Keeper::Indexer, true) => &INDEXED,
            (Keeper::Indexer, false) => &ARCHIVED,
            (Keeper::IndexerOfFive, true) => &FOUND_BY_FIVE,
            (Keeper::IndexerOfFive, false) => &INDEXED_BY_FIVE,
            (Keeper::Other, _) => &ELSEWHERE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::LogFile;
    use crate::source::indexer::Indexer;
    use crate::source::several::Several;
    use crate::source::{SourceContext, SourceKind};

    fn build<K: SourceKind>(keys: &str) -> Box<dyn Source> {
        let config = toml::from_str(keys).unwrap_or_else(|error| panic!("{error}"));
        K::build(config, &SourceContext { name: "wazuh".to_owned() }).unwrap()
    }

    /// Everything that is asked of a source of these keys.
    fn asked(source: &dyn Source) -> String {
        let Way { first, never, late, unheard, lost, stalled, .. } = Way::of(source);
        [first, never, late, unheard, lost, stalled].map(|text| *text).join("; ")
    }

    #[test]
    fn where_every_event_is_kept_nobody_is_asked_for_alerts_and_wazuh_5_has_no_filebeat() {
        let indexer = |keys: &str| asked(&*build::<Indexer>(&format!("url = 'https://a.example'\n{keys}")));
        let file = |name: &str| asked(&*build::<LogFile>(&format!("path = '/var/ossec/logs/{name}'")));
        for (asked, alerts, filebeat) in [
            (indexer(""), true, true),
            (indexer("index = 'wazuh-archives-*'"), false, true),
            (indexer("format = 'wazuh5'"), false, false),
            (indexer("format = 'wazuh5'\nindex = 'wazuh-findings-v5-*'"), true, false),
            (file("alerts/alerts.json"), true, false),
            (file("archives/archives.json"), false, false),
        ] {
            assert_eq!((asked.contains("alerts"), asked.contains("Filebeat")), (alerts, filebeat), "{asked}");
        }
        let both = ["alerts/alerts.json", "archives/archives.json"].map(|name| {
            (name.to_owned(), build::<LogFile>(&format!("path = '/var/ossec/logs/{name}'")).into())
        });
        assert!(!asked(&Several::new(both.into())).contains("alerts"), "the archives have everything");
        let archives = build::<LogFile>("path = '/var/ossec/logs/archives/archives.json'").into();
        let alerts = build::<Indexer>("url = 'https://a.example'").into();
        let both = Several::new(vec![("wazuh".to_owned(), alerts), ("archives".to_owned(), archives)]);
        assert!(!asked(&both).contains("archives"), "no indexer of alerts takes them: {}", asked(&both));
    }
}
