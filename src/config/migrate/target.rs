//! Which kind of channel tells whom an integration of Wazuh told. Decisions only.

use reqwest::Url;

/// A channel that can stand for an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: &'static str,
    /// The key that takes the secret, and the element that has it.
    pub secret: (&'static str, &'static str),
    /// Its address is plain http.
    pub insecure: bool,
    /// What is to be known about it.
    pub note: Option<&'static str>,
    /// What has to be filled in before it works.
    pub lacks: Option<&'static str>,
}

const WORKFLOW: &str = "Office connectors ended in May 2026: make a flow of Workflows, and use its address.";
const CHAT: &str = "the chat's id is in the script of the integration: set chat_id = \"…\". The token is what stands \
                    between `/bot` and the next `/` of the address.";
const OWN_JSON: &str =
    "The receiver gets log-monitor's JSON (see channels/README.md), not an alert of Wazuh.";
const EVENTS_V2: &str = "The key must be that of an \"Events API v2\" integration.";
const NOBODY: &str = "it adds to alerts and tells nobody";
const SCRIPT: &str = "it is a script without <hook_url>; kind = \"exec\" runs a program of yours, which gets \
                      the message on its standard input";

/// What is wrong with an integration, and the element that it is about.
pub type Wrong = (&'static str, String);

/// The channel for an integration, or why there is none.
///
/// # Errors
/// What is wrong with it.
pub fn target(
    name: &str,
    hook_url: Option<&str>,
    api_key: bool,
) -> Result<Result<Target, &'static str>, Wrong> {
    let hook =
        |kind, key| Target { kind, secret: (key, "hook_url"), insecure: false, note: None, lacks: None };
    let needed = || hook_url.ok_or_else(|| ("name", format!("`{name}` needs <hook_url>")));
    let found = match name {
        "virustotal" | "maltiverse" => return Ok(Err(NOBODY)),
        "pagerduty" if !api_key => return Err(("name", "`pagerduty` needs <api_key>".to_owned())),
        "pagerduty" => {
            let secret = ("routing_key", "api_key");
            return Ok(Ok(Target { secret, note: Some(EVENTS_V2), ..hook("pagerduty", "") }));
        }
        "slack" => with_address(hook("slack", "webhook_url"), &address(needed()?)?),
        "shuffle" => by_host(&address(needed()?)?),
        custom if custom.starts_with("custom-") => match hook_url {
            None => return Ok(Err(SCRIPT)),
            Some(url) => by_host(&address(url)?),
        },
        _ => return Err(("name", "Wazuh has no integration of this name".to_owned())),
    };
    Ok(Ok(found))
}

/// The text may be a secret, so it is not quoted.
fn address(url: &str) -> Result<Url, Wrong> {
    let wrong = |why: String| ("hook_url", format!("<hook_url>: {why}"));
    let url = Url::parse(url).map_err(|error| wrong(format!("not a valid URL: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("unsupported scheme `{other}`, expected https"))),
    }
}

fn with_address(target: Target, url: &Url) -> Target {
    Target { insecure: url.scheme() == "http", ..target }
}

/// A custom integration is a script that nobody here has read: its address tells whom it told.
fn by_host(url: &Url) -> Target {
    let host = url.host_str().unwrap_or_default();
    let below = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    let to = |kind, key| Target { kind, secret: (key, "hook_url"), insecure: false, note: None, lacks: None };
    if below("slack.com") {
        to("slack", "webhook_url")
    } else if below("discord.com") || below("discordapp.com") {
        to("discord", "webhook_url")
    } else if below("logic.azure.com") || below("powerplatform.com") {
        to("teams", "url")
    } else if below("webhook.office.com") {
        Target { lacks: Some(WORKFLOW), ..to("teams", "url") }
    } else if host == "chat.googleapis.com" {
        to("google_chat", "webhook_url")
    } else if host == "api.telegram.org" {
        Target { lacks: Some(CHAT), ..to("telegram", "token") }
    } else {
        with_address(Target { note: Some(OWN_JSON), ..to("webhook", "url") }, url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_custom_integration_tells_its_kind() {
        let kind = |url: &str| target("custom-x.py", Some(url), true).unwrap().unwrap().kind;
        for (url, expected) in [
            ("https://hooks.slack.com/services/T/B/x", "slack"),
            ("https://discord.com/api/webhooks/1/x", "discord"),
            ("https://prod-1.westeurope.logic.azure.com:443/workflows/1?sig=x", "teams"),
            ("https://contoso.webhook.office.com/webhookb2/1", "teams"),
            ("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", "google_chat"),
            ("https://api.telegram.org/bot1:x/sendMessage", "telegram"),
            ("https://notslack.com/x", "webhook"),
            ("http://10.0.0.5:3001/api/v1/hooks/webhook_x", "webhook"),
        ] {
            assert_eq!(kind(url), expected, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_is_an_error_and_what_tells_nobody_is_said() {
        let wrong = |name, url, key| target(name, url, key).unwrap_err().1;
        assert_eq!(wrong("slack", None, true), "`slack` needs <hook_url>");
        assert_eq!(wrong("pagerduty", None, false), "`pagerduty` needs <api_key>");
        assert_eq!(wrong("slak", None, false), "Wazuh has no integration of this name");
        let scheme = wrong("shuffle", Some("ftp://s3cret"), false);
        assert_eq!(scheme, "<hook_url>: unsupported scheme `ftp`, expected https");
        assert!(!wrong("shuffle", Some("s3cret"), false).contains("s3cret"));
        assert_eq!(target("virustotal", None, true), Ok(Err(NOBODY)));
        assert_eq!(target("custom-x", None, true), Ok(Err(SCRIPT)));
    }
}
