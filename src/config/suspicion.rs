//! Which of its last documents make the silence of an agent suspicious.

use std::time::Duration;

use log_monitor_channels::Severity;
use wildmatch::WildMatch;

/// What makes a silence suspicious.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicion {
    /// Ids of rules.
    pub rules: Vec<WildMatch>,
    /// Groups of rules.
    pub groups: Vec<WildMatch>,
    /// This level or a higher one; 0 = no level does.
    pub level: u8,
    /// At most so long before the last sign of life.
    pub within: Duration,
    /// The least severity of such a silence.
    pub severity: Severity,
}

impl Suspicion {
    /// Whether a document of this rule is suspicious.
    #[must_use]
    pub fn names(&self, rule: &str, level: u8, groups: &[String]) -> bool {
        self.level > 0 && level >= self.level
            || self.rules.iter().any(|glob| glob.matches(rule))
            || groups.iter().any(|group| self.groups.iter().any(|glob| glob.matches(group)))
    }
}

/// An agent removed or stopped, a log file made smaller, an event log cleared (Wazuh 4.x,
/// `0015-ossec_rules.xml`); a Windows log cleared (`0610-win-ms_logs_rules.xml`).
impl Default for Suspicion {
    fn default() -> Self {
        let globs = |texts: &[&str]| texts.iter().map(|text| WildMatch::new(text)).collect();
        Self {
            rules: globs(&["505", "506", "592", "593"]),
            groups: globs(&["log_clearing*"]),
            level: 12,
            within: Duration::from_secs(600),
            severity: Severity::High,
        }
    }
}
