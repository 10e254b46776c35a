//! Documents that no agent wrote: Wazuh's manager did, about one.

/// Where the manager puts what it writes itself *about* an agent: that it went, that it stopped,
/// that it has a vulnerability (Wazuh 4.x: `src/monitord`, `src/remoted`, vulnerability scanner).
pub const LOCATIONS: [&str; 3] = ["wazuh-monitord", "wazuh-remoted", "vulnerability-detector"];

/// Agent disconnected, removed, stopped (Wazuh 4.x ruleset, `0016-wazuh_rules.xml`).
pub const RULES: [&str; 3] = ["504", "505", "506"];

/// The integrations of Wazuh 5.0 of which the manager's events about agents would be (wazuh/wazuh#38564:
/// so far it writes none).
pub const INTEGRATIONS: [&str; 1] = ["wazuh-manager"];

/// The group of the alerts that log-monitor itself may cause; they carry the id of the agent that
/// forwards them.
pub const OWN_GROUP: &str = "log_monitor";

/// The integrations of such events in Wazuh 5, where events have no rules.
pub const OWN_INTEGRATIONS: [&str; 2] = [OWN_GROUP, "log-monitor"];
