//! Headers: what a configured text must be to become one.

use reqwest::header::HeaderValue;

use crate::notifier::Problem;
use crate::secret::Secret;

/// What is wrong with a text that becomes the value of a header, if anything. It may be a secret, so it is
/// not quoted.
#[must_use]
pub fn check_header(key: &'static str, text: &str) -> Option<Problem> {
    HeaderValue::from_str(text).is_err().then(|| {
        Problem::at(key, "holds characters that no header can have")
            .help("such as a line break: it must be one line")
    })
}

/// The same of a secret that may be absent.
#[must_use]
pub fn check_secret_header(key: &'static str, secret: Option<&Secret>) -> Option<Problem> {
    secret.and_then(|secret| check_header(key, secret.expose()))
}

#[cfg(test)]
mod tests {
    use crate::notifier::ChannelKind;

    fn problem<K: ChannelKind>(key: &str, table: &str) {
        let table = format!("{table}\n{key} = \"S3cret\\nTOKEN\"");
        let problems = K::validate(&toml::from_str(&table).unwrap());
        let found = problems.iter().find(|problem| problem.key == Some(key));
        assert!(found.is_some_and(|problem| !problem.warning), "{}.{key}: {problems:?}", K::KIND);
        assert!(!format!("{problems:?}").contains("S3cret"), "{problems:?}");
    }

    #[test]
    fn a_secret_that_no_header_can_hold_is_found_at_its_key() {
        problem::<crate::webhook::Webhook>("bearer", "url = \"https://a.example\"");
        problem::<crate::ntfy::Ntfy>("token", "topic = \"t\"");
        problem::<crate::matrix::Matrix>("token", "homeserver = \"https://a.example\"\nroom_id = \"!r:a\"");
        problem::<crate::slack::Slack>("token", "channel = \"#a\"");
        problem::<crate::alertmanager::Alertmanager>("bearer", "urls = [\"https://a.example\"]");
        problem::<crate::thehive::TheHive>("api_key", "url = \"https://a.example\"");
        problem::<crate::opsgenie::Opsgenie>("api_key", "");
        problem::<crate::jira_service_management::JiraServiceManagement>("api_key", "");
    }
}
