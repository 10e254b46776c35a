//! What was configured before, as TOML that does the same.

use log_monitor_channels::default_channels;

use super::Place;
use crate::config::migrate::{Migrated, migrate};
use crate::config::toml_text::quoted;
use crate::config::{Inputs, Loaded};
use crate::source::default_sources;

const WAZUH: &str = "WAZUH_URL=https://indexer:9200/wazuh-alerts*/_count\nUSERNAME=wazuh\nPASSWORD=p#w$d\n\
                     AGENT_LIST_FILE=@/agents.csv\n";
const SMTP: &str =
    "SMTP_SERVER=mail.example\nSENDER=a@example.org\nRECIPIENTS=b@example.org, c@example.org\n";

/// Everything that must never be copied, with the variable that is named instead.
const SECRETS: [(&str, &str); 4] = [
    ("WAZUH_PASSWORD", "p#w$d"),
    ("SLACK_TOKEN", "xoxb-1-abcdefgh"),
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/s3cret"),
    ("SMTP_PASSWORD", "s3#cr$t \"word\""),
];

impl Place {
    fn load_real(&self) -> Loaded {
        self.load_with(&default_channels(), &default_sources())
    }

    fn migrate(&self, ossec_conf: Option<&str>) -> Migrated {
        let inputs = Inputs {
            config: None,
            env_dir: self.dir.path().join("env-files"),
            variables: Vec::new(),
            flags: Vec::new(),
            host: "host-1".into(),
        };
        let ossec_conf = ossec_conf.map(|file| self.dir.path().join(file));
        migrate(&inputs, ossec_conf.as_deref(), &default_channels(), &default_sources())
    }

    /// The TOML, with the directory left out.
    fn migrated(&self, ossec_conf: Option<&str>) -> String {
        let Migrated { toml, diagnostics } = self.migrate(ossec_conf);
        let said: String = diagnostics.iter().map(|part| part.render(false)).collect();
        toml.unwrap_or_else(|| panic!("{said}")).replace(&format!("{}/", self.dir.path().display()), "@/")
    }

    /// What a refused migration says, with the directory left out.
    fn refused(&self, ossec_conf: Option<&str>) -> Vec<String> {
        let Migrated { toml, diagnostics } = self.migrate(ossec_conf);
        assert!(toml.is_none(), "{toml:?}");
        let root = format!("{}/", self.dir.path().display());
        diagnostics.iter().flat_map(|part| part.lines()).map(|(_, line)| line.replace(&root, "")).collect()
    }
}

/// Paths and values, origins aside.
fn values(loaded: &Loaded) -> Vec<(String, String)> {
    let mut values: Vec<_> =
        loaded.resolved.iter().map(|one| (one.path.clone(), one.value.clone())).collect();
    values.sort();
    values
}

#[test]
fn the_printed_toml_resolves_to_what_the_env_files_do() {
    let slack_bot = "SLACK_TOKEN=xoxb-1-abcdefgh   # bot\r\nSLACK_CHANNEL=#soc";
    let slack_hook = "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/s3cret\n";
    let full = format!(
        "{WAZUH}VERIFICATION_FILE=@/ca.pem # root CA\nDEFAULT_CHECK_INTERVAL=20\nLOG_FILE_PATH='log files/a \"b\".log'\n\
         AGENT_CHECK_INTERVALS=002:30, 001:10\nLOGGING_LEVEL=2\n"
    );
    let login = "SMTP_USER='mailer'\nSMTP_PASSWORD='s3#cr$t \"word\"'\nSMTP_PORT=465\n";
    let both = format!("{slack_bot}\n{slack_hook}");
    let sets: [&[(&str, &str)]; 5] = [
        &[("log_counter.env", WAZUH)],
        &[("log_counter.env", &full), ("slack.env", slack_bot), ("smtp.env", &format!("{SMTP}{login}"))],
        &[("log_counter.env", WAZUH), ("slack.env", slack_hook)],
        &[("log_counter.env", WAZUH), ("smtp.env", SMTP)],
        &[("log_counter.env", &full), ("slack.env", &both), ("smtp.env", SMTP)],
    ];
    for set in sets {
        let mut before = Place::new().with_authority("ca.pem");
        for (file, text) in set {
            before = before.with(&format!("env-files/{file}"), text);
        }
        let mut toml = before.migrated(None);
        for (variable, secret) in SECRETS {
            assert!(!toml.contains(secret) && !toml.contains(&quoted(secret)), "{toml}");
            toml = toml.replace(&format!("{{ env = \"{variable}\" }}"), &quoted(secret));
        }
        let (env, root) = (before.load_real(), format!("{}/", before.dir.path().display()));
        let after = Place::new().toml(&toml.replace("@/", &root));
        let loaded = after.load_real();
        assert_eq!(values(&loaded), values(&env), "{toml}");
        let (env, now) = (env.settings.unwrap(), loaded.settings.unwrap());
        assert_eq!((now.watches, now.routes, now.log), (env.watches, env.routes, env.log), "{toml}");
    }
}

#[test]
fn every_value_says_where_it_came_from_and_what_was_left_out_is_told() {
    let place = Place::new()
        .with("env-files/log_counter.env", format!("{WAZUH}AGENT_CHECK_INTERVALS=001:10,002:x\nUSERNAM=x\n"));
    let toml = place.migrated(None);
    let wanted = "\
# Warning: @/env-files/log_counter.env:5:23: AGENT_CHECK_INTERVALS: `002:x` is left out (write ID:MINUTES, such as 001:10,002:30)
# Warning: @/env-files/log_counter.env:6:1: unknown key `USERNAM` (did you mean `USERNAME`?)
# Warning: no channel is configured: messages go to the log only (add a [channels.NAME] table, or fill in env-files/slack.env or env-files/smtp.env)

[sources.wazuh]
kind = \"indexer\"
url = \"https://indexer:9200\"  # WAZUH_URL, @/env-files/log_counter.env:1
index = \"wazuh-alerts*\"  # WAZUH_URL, @/env-files/log_counter.env:1
username = \"wazuh\"  # USERNAME, @/env-files/log_counter.env:2
# PASSWORD, @/env-files/log_counter.env:3: put the secret into the variable WAZUH_PASSWORD of log-monitor's environment,
# or write { file = \"PATH\" } or { credential = \"NAME\" } (systemd) here.
password = { env = \"WAZUH_PASSWORD\" }

[watches.default]
source = \"wazuh\"
agent_file = \"@/agents.csv\"  # AGENT_LIST_FILE, @/env-files/log_counter.env:4

[watches.default.intervals]
\"001\" = \"10m\"  # AGENT_CHECK_INTERVALS, @/env-files/log_counter.env:5
";
    assert!(toml.ends_with(wanted), "{toml}");
}

#[test]
fn a_password_in_an_address_is_not_copied_either() {
    let slack = "SLACK_TOKEN=xoxb-1\nSLACK_CHANNEL=#soc\nSLACK_API_URL=https://u:s3cret@proxy.example/api\n";
    let place = Place::new().with("env-files/log_counter.env", WAZUH).with("env-files/slack.env", slack);
    let toml = place.migrated(None);
    let line =
        "api_url = \"https://proxy.example/api\"  # SLACK_API_URL, @/env-files/slack.env:3; without the user";
    assert!(toml.contains(line) && !toml.contains("s3cret"), "{toml}");
}

#[test]
fn what_is_refused_as_a_configuration_is_not_migrated() {
    let place = Place::new().with("env-files/log_counter.env", WAZUH.replace("USERNAME", "USER_NAME"));
    let lines = place.refused(None);
    assert!(
        lines.contains(
            &"env-files/log_counter.env: missing `USERNAME` in env-files/log_counter.env".to_owned()
        ),
        "{lines:?}"
    );
}

const OSSEC: &str = "\
<ossec_config>
  <global><level>3</level></global>
  <integration>
    <name>slack</name>
    <hook_url>https://hooks.slack.com/services/T/B/s3cret-1</hook_url>
    <level>12</level>
    <alert_format>json</alert_format>
  </integration>
  <!-- <integration><name>old</name></integration> -->
</ossec_config>
<ossec_config>
  <integration>
    <name>pagerduty</name>
    <api_key>s3cret-2</api_key>
    <rule_id>504,506</rule_id>
  </integration>
  <integration>
    <name>custom-siem.py</name>
    <level>3</level> <level>9</level>
    <hook_url>http://10.0.0.5/s3cret-3</hook_url>
    <api_key>s3cret-4</api_key>
    <options>{\"token\": \"s3cret-5\"}</options>
    <max_log>165</max_log>
  </integration>
  <integration>
    <name>custom-siem</name>
    <hook_url>https://discord.com/api/webhooks/1/s3cret-6</hook_url>
    <group>syscheck,</group>
  </integration>
  <integration>
    <name>virustotal</name>
    <api_key>s3cret-7</api_key>
  </integration>
</ossec_config>
";

#[test]
fn integrations_become_channels_and_routes_and_nothing_is_lost() {
    let place = Place::new().with("ossec.conf", OSSEC);
    let toml = place.migrated(Some("ossec.conf"));
    assert!(!toml.contains("s3cret"), "{toml}");
    for part in [
        "# <integration> slack, @/ossec.conf:3\n[channels.wazuh_slack]\nkind = \"slack\"\n# <hook_url>, @/ossec.conf:5: put",
        "webhook_url = { env = \"WAZUH_SLACK_HOOK_URL\" }\n\n[[routes]]\nname = \"wazuh_slack\"\n\
         match = { severity = [\"high\", \"critical\"] }  # <level>, @/ossec.conf:6\nsteps = [{ to = [\"wazuh_slack\"] }]\n",
        "routing_key = { env = \"WAZUH_PAGERDUTY_API_KEY\" }\n",
        "match = { event = [\"agent_silent\", \"agent_recovered\"] }  # <rule_id>, @/ossec.conf:15\n",
        "# Has no counterpart: <api_key>…</api_key>, @/ossec.conf:21\n# Has no counterpart: <options>…</options>, @/ossec.conf:22\n\
         # Has no counterpart: <max_log>165</max_log>, @/ossec.conf:23\n",
        "# Has no counterpart: <level>9</level>, @/ossec.conf:19\n",
        "name = \"wazuh_siem\"\n# All severities: <level>, @/ossec.conf:19\nsteps = ",
        "url = { env = \"WAZUH_SIEM_HOOK_URL\" }\ninsecure = true",
        "# Has no counterpart: <group>syscheck,</group>, @/ossec.conf:28\n\
         # It told of some alerts only, and log-monitor of none: as a route it would take every silence.\n\
         # [channels.wazuh_siem_2]\n# kind = \"discord\"\n",
        "# <integration> virustotal, @/ossec.conf:30\n# Has no counterpart: <api_key>…</api_key>, @/ossec.conf:32\n\
         # Not imported: it adds to alerts and tells nobody.\n",
    ] {
        assert!(toml.contains(part), "{part}\nis not in\n{toml}");
    }
}

const MAILS: &str = "\
<ossec_config>
  <global>
    <jsonout_output>yes</jsonout_output>
    <email_notification>yes</email_notification>
    <smtp_server>mail.example.org</smtp_server>
    <email_from>wazuh@example.org</email_from>
    <email_to>soc@example.org</email_to>
    <email_to>boss@example.org</email_to>
    <email_maxperhour>12</email_maxperhour>
    <email_log_source>alerts.log</email_log_source>
  </global>
  <alerts><log_alert_level>3</log_alert_level><email_alert_level>12</email_alert_level></alerts>
  <email_alerts>
    <email_to>night@example.org</email_to>
    <level>7</level>
    <format>sms</format> <do_not_delay />
  </email_alerts>
  <email_alerts>
    <email_to>web@example.org</email_to>
    <group>syscheck,</group>
  </email_alerts>
</ossec_config>
";

#[test]
fn mails_of_a_manager_become_channels_and_routes() {
    let place = Place::new().with("ossec.conf", MAILS);
    let toml = place.migrated(Some("ossec.conf"));
    for part in [
        "# <global>, @/ossec.conf:2\n# Has no counterpart: <email_log_source>alerts.log</email_log_source>, @/ossec.conf:10\n\
         [channels.wazuh_email]\nkind = \"email\"\nhost = \"mail.example.org\"  # <smtp_server>, @/ossec.conf:5\n",
        "port = 25\nfrom = \"wazuh@example.org\"  # <email_from>, @/ossec.conf:6\n\
         to = [\"soc@example.org\", \"boss@example.org\"]  # <email_to>, @/ossec.conf:7; @/ossec.conf:8\n\
         budget = [\"12 per 1h\"]  # <email_maxperhour>, @/ossec.conf:9\n\n[[routes]]\nname = \"wazuh_email\"\n\
         match = { severity = [\"high\", \"critical\"] }  # <email_alert_level>, @/ossec.conf:12\n",
        "# <email_alerts>, @/ossec.conf:13\n# Has no counterpart: <format>sms</format>, @/ossec.conf:16\n\
         [channels.wazuh_mail]\n",
        "to = [\"night@example.org\"]  # <email_to>, @/ossec.conf:14\n",
        "match = { severity = [\"medium\", \"high\", \"critical\"] }  # <level>, @/ossec.conf:15\n",
        "# Has no counterpart: <group>syscheck,</group>, @/ossec.conf:20\n\
         # It told of some alerts only, and log-monitor of none: as a route it would take every silence.\n\
         # [channels.wazuh_mail_2]\n# kind = \"email\"\n",
        "[catch_all]\nsteps = [{ to = [\"wazuh_email\"] }, { to = [\"wazuh_mail\"] }]\n",
    ] {
        assert!(toml.contains(part), "{part}\nis not in\n{toml}");
    }
    let watched = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer:9200\"\n[watches.default]\nagent_file = \"@/agents.csv\"\n";
    let loaded = Place::new().toml(&format!("{toml}{watched}")).load_real();
    assert!(loaded.settings.is_some(), "{}\n{toml}", loaded.diagnostics.render(false));

    let silent = MAILS.replace(">yes</email_n", ">no</email_n");
    let toml = Place::new().with("ossec.conf", silent).migrated(Some("ossec.conf"));
    assert!(
        toml.contains("# Not imported: <email_notification> of <global> is not yes, so Wazuh sent none.\n")
    );
    assert!(!toml.contains("[channels."), "{toml}");
    let program = MAILS.replace("mail.example.org", "/usr/sbin/sendmail -t");
    let toml = Place::new().with("ossec.conf", program).migrated(Some("ossec.conf"));
    assert!(toml.contains("# Not imported: <smtp_server> is a program;"), "{toml}");
}

#[test]
fn what_is_wrong_with_a_mail_is_told_at_its_element() {
    let wrong = MAILS.replace(">7<", ">17<").replace("<email_to>web@example.org</email_to>", "");
    assert_eq!(
        Place::new().with("ossec.conf", wrong).refused(Some("ossec.conf")),
        [
            "ossec.conf:15:5: <level> is a whole number from 0 to 16",
            "ossec.conf:18:3: this <email_alerts> has no <email_to>",
        ]
    );
}

#[test]
fn beside_the_env_files_both_are_told_as_before() {
    let place = Place::new()
        .with("env-files/log_counter.env", WAZUH)
        .with("env-files/smtp.env", SMTP)
        .with("ossec.conf", OSSEC);
    let toml = place.migrated(Some("ossec.conf"));
    let mut plain = String::new();
    for line in toml.lines() {
        match line.split_once(" = { env = ") {
            Some((key, _)) => plain.push_str(&format!("{key} = \"https://hook.example/x\"\n")),
            None => plain.push_str(&format!("{line}\n")),
        }
    }
    let root = format!("{}/", place.dir.path().display());
    let loaded = Place::new().toml(&plain.replace("@/", &root)).load_real();
    let settings = loaded.settings.unwrap_or_else(|| panic!("{}\n{plain}", loaded.diagnostics.render(false)));
    let shown: Vec<_> = settings
        .routes
        .iter()
        .map(|route| format!("{}: {} -> {}", route.name, route.matcher, route.steps[0].to.join("+")))
        .collect();
    assert_eq!(
        shown,
        [
            "original: everything -> email",
            "wazuh_slack: severity=high|critical -> wazuh_slack",
            "wazuh_pagerduty: event=agent_silent|agent_recovered -> wazuh_pagerduty",
            "wazuh_siem: everything -> wazuh_siem",
            "catch_all: everything -> email",
        ]
    );
}

#[test]
fn what_is_wrong_with_an_integration_is_told_at_its_element() {
    let place = Place::new().with(
        "ossec.conf",
        "<integration>\n<name>slak</name></integration>\n<integration><name>slack</name>\n<level>17</level>\
         </integration>\n<integration><name>shuffle</name>\n<hook_url>s3cret</hook_url></integration>\n\
         <integration><level>1</level></integration>\n<integration>\n",
    );
    assert_eq!(
        place.refused(Some("ossec.conf")),
        [
            "ossec.conf:2:1: Wazuh has no integration of this name",
            "ossec.conf:3:14: `slack` needs <hook_url>",
            "ossec.conf:4:1: <level> is a whole number from 0 to 16",
            "ossec.conf:6:1: <hook_url>: not a valid URL: relative URL without a base",
            "ossec.conf:7:1: this <integration> has no <name>",
            "ossec.conf:8:1: `<integration>` is never closed",
        ]
    );
    let open = Place::new().with("ossec.conf", "<global></global>\n<!-- ");
    assert_eq!(open.refused(Some("ossec.conf")), ["ossec.conf:2:1: this comment is never closed"]);
    assert!(place.refused(Some("none.conf"))[0].starts_with("none.conf: cannot read none.conf"));
}
