//! What is known of a silence as it stands in a list: short, and with what goes stale left out. It is read from
//! the sentence that tells it alone, so that nothing else has to be kept for it.

use super::Sentences;
use super::sentences::read;

/// Those sentences, as the monitor writes them (`monitor/cause/words.rs`), by the keys of what is short for them.
/// Of two that fit the first one is meant.
const KNOWN: [(&str, &str); 10] = [
    ("stopped_at", "Its Wazuh agent said that it stops at {time}. "),
    ("stopped", "Its Wazuh agent said that it stops. "),
    (
        "lost_at",
        "Its Wazuh agent is disconnected and did not say goodbye; its last keepalive is {long} old ({time}). ",
    ),
    ("lost", "Its Wazuh agent is disconnected and did not say goodbye; "),
    ("disconnected_at", "Its Wazuh agent is disconnected; its last keepalive is {long} old ({time}). "),
    ("nothing_received", ", but its manager has received nothing but keepalives for "),
    (
        "no_logs_received",
        ", and its manager received {count} events of the last {long}, but none from its logs",
    ),
    ("events_received", ", and its manager received {count} events of the last {long}, but "),
    ("too_few", "It has only {count} logs of the last {long}; at least {least} are expected. "),
    ("late", "Its logs arrive late: the newest one came at least {long} after it was written. "),
];

impl Sentences {
    /// What is short for what is `known`; `time` shortens a time.
    #[must_use]
    pub fn brief(&self, known: &str, time: impl Fn(&str) -> String) -> Option<String> {
        let found = |(key, sentence): &(&'static str, &'static str)| {
            let at = known.find(sentence.split('{').next()?)?;
            Some((*key, read(sentence, &known[at..])?.0))
        };
        let (key, values) = KNOWN.iter().find_map(found)?;
        let shortened = |(name, value): (&'static str, String)| match name {
            "time" => (name, time(&value)),
            _ => (name, value),
        };
        let values: Vec<_> = self.values(values).into_iter().map(shortened).collect();
        Some(self.brief.get(key)?.filled(&values))
    }
}
