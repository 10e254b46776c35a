//! A directory of the original script works unchanged.

use std::time::Duration;

use super::{Place, resolved};
use crate::config::{Agent, Level};

const SLACK: &str = "SLACK_TOKEN=xoxb-1-abcdefgh   # bot token\r\nSLACK_CHANNEL=#soc";
const SMTP: &str = "SMTP_USER='mailer'\nSMTP_PASSWORD=\"s3#cr$t word\"\nSMTP_SERVER=mail.example\nSMTP_PORT=465 # TLS\n\
                    SENDER=a@example.org\nRECIPIENTS=b@example.org, c@example.org\n";

#[test]
fn the_three_files_are_all_it_takes() {
    let place = Place::new()
        .with(
            "env-files/log_counter.env",
            "\u{feff}# Wazuh\nWAZUH_URL=https://indexer:9200/wazuh-alerts*/_count\nexport USERNAME=wazuh\nPASSWORD=p#w$d\n\
             VERIFICATION_FILE=@/ca.pem    # root CA\nAGENT_LIST_FILE=@/agents.csv\nDEFAULT_CHECK_INTERVAL=20\n\
             AGENT_CHECK_INTERVALS=001:10, 002:30\nLOG_FILE_PATH=log-files/log.log\nLOGGING_LEVEL=2\n",
        )
        .with("env-files/slack.env", SLACK)
        .with("env-files/smtp.env", SMTP);
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    assert_eq!(place.lines(&loaded), Vec::<String>::new());
    let watch = &settings.watches[0];
    assert_eq!((watch.name.as_str(), watch.source.as_str()), ("default", "wazuh"));
    assert_eq!(watch.interval, Duration::from_secs(1200));
    let minutes: Vec<_> =
        watch.intervals.iter().map(|(id, time)| (id.as_str(), time.as_secs() / 60)).collect();
    assert_eq!(minutes, [("001", 10), ("002", 30)]);
    assert_eq!(watch.agents[0], Agent::in_file("001", "web-01"));
    assert_eq!(settings.log.level, Level::Warn);
    assert_eq!(settings.log.file.as_deref().unwrap().to_str(), Some("log-files/log.log"));
    let steps: Vec<_> = settings.routes[0].steps.iter().map(|step| step.to.join(",")).collect();
    assert_eq!(steps, ["slack", "email"]);
    let value = |path| resolved(&loaded, path).0;
    assert_eq!(value("sources.wazuh.url"), "\"https://indexer:9200\"");
    assert_eq!(value("sources.wazuh.index"), "\"wazuh-alerts*\"");
    assert_eq!(value("sources.wazuh.kind"), "\"indexer\"");
    assert_eq!(value("channels.slack.channel"), "\"#soc\"");
    assert_eq!(value("channels.email.port"), "465");
    assert_eq!(value("channels.email.to"), "[\"b@example.org\", \"c@example.org\"]");
    assert_eq!(value("channels.email.password"), "****");
}

#[test]
fn all_missing_keys_are_named_at_once_with_their_files() {
    let place = Place::new()
        .with("env-files/log_counter.env", "WAZUH_URL=https://indexer:9200\nPASSWORD=\n")
        .with("env-files/slack.env", "SLACK_TOKEN=xoxb-1\n")
        .with("env-files/smtp.env", "SMTP_SERVER=mail\n");
    let loaded = place.load();
    assert!(loaded.settings.is_none());
    let mut lines = place.lines(&loaded);
    lines.sort();
    let missing: Vec<_> = lines.iter().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(
        missing,
        [
            "error: env-files/log_counter.env: missing `AGENT_LIST_FILE` in env-files/log_counter.env",
            "error: env-files/log_counter.env: missing `PASSWORD` in env-files/log_counter.env",
            "error: env-files/log_counter.env: missing `USERNAME` in env-files/log_counter.env",
            "error: env-files/slack.env: missing `SLACK_CHANNEL` in env-files/slack.env",
            "error: env-files/smtp.env: missing `RECIPIENTS` in env-files/smtp.env",
            "error: env-files/smtp.env: missing `SENDER` in env-files/smtp.env",
        ]
    );
}

#[test]
fn slips_in_env_files_are_warnings_at_their_line_and_the_rest_is_used() {
    let place = Place::new().with(
        "env-files/log_counter.env",
        "WAZUH_URL=https://indexer:9200\nUSERNAME=u\nPASSWORD=p\nAGENT_LIST_FILE=@/agents.csv\n\
         AGENT_CHECK_INTERVALS=001:10,002:x,:5,2:30\nLOGGING_LEVEL=7\nDEFAULT_CHECK_INTERVALL=5\nnonsense\n",
    );
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    assert_eq!(settings.watches[0].intervals["001"], Duration::from_secs(600));
    assert_eq!((settings.watches[0].intervals.len(), settings.log.level), (2, Level::Info));
    let env = |at: &str, rest: &str| format!("warning: env-files/log_counter.env:{at}: {rest}");
    let lines = place.lines(&loaded);
    assert_eq!(
        lines[..6],
        [
            env("5:1", "there is no agent `2` for this interval (did you mean `002`?)"),
            env(
                "5:23",
                "AGENT_CHECK_INTERVALS: `002:x` is left out (write ID:MINUTES, such as 001:10,002:30)"
            ),
            env("5:23", "AGENT_CHECK_INTERVALS: `:5` is left out (write ID:MINUTES, such as 001:10,002:30)"),
            env(
                "6:15",
                "`LOGGING_LEVEL`: `7` is no level; 3 is used (0 = nothing, 1 = errors, 2 = and warnings, 3 = and what happened)"
            ),
            env("7:1", "unknown key `DEFAULT_CHECK_INTERVALL` (did you mean `DEFAULT_CHECK_INTERVAL`?)"),
            env("8:1", "line left out: there is no `=` in this line"),
        ]
    );
}

#[test]
fn values_that_cannot_be_used_are_errors_at_their_line() {
    let place = Place::new()
        .with(
            "env-files/log_counter.env",
            "WAZUH_URL=ftp://x\nUSERNAME=u\nPASSWORD=p\nAGENT_LIST_FILE=@/no.csv\nDEFAULT_CHECK_INTERVAL=soon\n",
        )
        .with("env-files/smtp.env", SMTP.replace("465", "99999"));
    let loaded = place.load();
    let errors: Vec<_> = place.lines(&loaded).into_iter().filter(|line| line.starts_with("error")).collect();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    for (at, needle) in [
        "log_counter.env:1:11: `url`",
        "log_counter.env:4:17: cannot read the agent file no.csv",
        "log_counter.env:5:24: `DEFAULT_CHECK_INTERVAL`",
        "smtp.env:4:11: `SMTP_PORT`",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(errors[at].contains(needle), "{needle} is not in {}", errors[at]);
    }
}

#[test]
fn of_token_and_webhook_one_is_taken_and_the_toml_may_choose() {
    let base = "WAZUH_URL=https://indexer:9200\nUSERNAME=u\nPASSWORD=p\nAGENT_LIST_FILE=@/agents.csv\n";
    let with = |slack: &str, toml: &str| {
        let place = Place::new()
            .with("env-files/log_counter.env", base)
            .with("env-files/slack.env", slack)
            .toml(toml);
        let loaded = place.load();
        assert!(loaded.settings.is_some(), "{}", place.shown(&loaded));
        let keys = ["token", "webhook_url"]
            .map(|key| loaded.resolved.iter().any(|value| value.path == format!("channels.slack.{key}")));
        (keys, place.lines(&loaded).len())
    };
    let hook = "SLACK_WEBHOOK_URL=https://hooks.example/x\n";
    assert_eq!(with(&format!("{SLACK}\n{hook}"), ""), ([true, false], 1));
    assert_eq!(with(&format!("SLACK_TOKEN=xoxb\n{hook}"), ""), ([false, true], 1));
    assert_eq!(with(hook, ""), ([false, true], 0));
    assert_eq!(with(&format!("SLACK_CHANNEL=#soc\n{hook}"), ""), ([false, true], 0));
    let toml = "[channels.slack]\nwebhook_url = \"https://hooks.example/y\"\n";
    assert_eq!(with(SLACK, toml).0, [false, true]);
}
