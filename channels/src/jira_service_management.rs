//! Kind `jira_service_management`: an alert in the Operations of Jira Service Management, which its end
//! closes. It is what became of Opsgenie, and behaves like kind [`opsgenie`](crate::opsgenie).
//!
//! ```toml
//! [channels.oncall]
//! kind = "jira_service_management"
//! api_key = { file = "/run/secrets/jsm" }
//! ```
//!
//! The vendor's own advice is the key of an API integration (`api_key`): it can do nothing but raise and
//! change alerts. An account's token works, too: give `cloud_id` (of
//! `https://SITE.atlassian.net/_edge/tenant_info`), `username` and `api_token`. It must be allowed to read
//! alerts, since an alert can then only be closed by an id that must be asked for.
//!
//! Sources: Atlassian's "Integration Events" (`/jsm/ops/integration/v2/alerts`, `GenieKey`) and "Alerts"
//! (`/jsm/ops/api/{cloudId}/v1/alerts`, basic authentication) of its REST API for Operations; limits as
//! Opsgenie's.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::BuildError;
use crate::http::{Proxy, check_secret_header, check_url, client_with};
use crate::notifier::{Capabilities, ChannelKind, Context, Notifier, Problem};
use crate::opsgenie::{Desk, Login, capabilities};
use crate::secret::Secret;
use crate::tls::CaFile;

/// The keys of a `jira_service_management` channel: `api_key`, or `cloud_id`, `username` and `api_token`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JiraServiceManagementConfig {
    /// The key of an API integration of a team's Operations.
    pub api_key: Option<Secret>,
    /// The id of the site.
    pub cloud_id: Option<String>,
    /// The mail address of an account.
    pub username: Option<String>,
    /// An API token of that account.
    pub api_token: Option<Secret>,
    /// The address of the API, for a proxy.
    #[serde(default = "usual_api")]
    pub api_url: String,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<CaFile>,
    /// The proxy that its requests go through: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…`,
    /// with `USER:PASSWORD@` before the host where it wants them. By default as HTTPS_PROXY and NO_PROXY say.
    pub proxy: Option<Proxy>,
    /// Allows plain http to another machine.
    #[serde(default)]
    pub insecure: bool,
}

fn usual_api() -> String {
    "https://api.atlassian.com".to_owned()
}

const NEEDS: &str = "needs `api_key`, or `cloud_id`, `username` and `api_token`";

/// The kind; what it builds is shared with its predecessor.
pub struct JiraServiceManagement;

impl ChannelKind for JiraServiceManagement {
    const KIND: &'static str = "jira_service_management";
    type Config = JiraServiceManagementConfig;

    fn capabilities() -> Capabilities {
        capabilities()
    }

    fn validate(config: &JiraServiceManagementConfig) -> Vec<Problem> {
        let token = [config.cloud_id.is_some(), config.username.is_some(), config.api_token.is_some()];
        let way = match (config.api_key.is_some(), token) {
            (true, [false, false, false]) | (false, [true, true, true]) => None,
            (true, _) => Some(
                Problem::at("api_key", "there is another login, too")
                    .help("keep one: `api_key`, or `cloud_id`, `username` and `api_token`"),
            ),
            (false, _) => Some(Problem::table(NEEDS)),
        };
        let key = check_secret_header("api_key", config.api_key.as_ref());
        let url = check_url("api_url", &config.api_url, config.insecure);
        [way, key, url].into_iter().flatten().collect()
    }

    fn host(config: &JiraServiceManagementConfig) -> Option<String> {
        crate::http::host_of(&config.api_url)
    }

    fn provider(host: &str) -> Option<&'static str> {
        crate::host::is_of(host, "atlassian.com").then_some("Atlassian")
    }

    fn build(
        config: JiraServiceManagementConfig,
        context: &Context,
    ) -> Result<Box<dyn Notifier>, BuildError> {
        let http = client_with(config.ca_file.as_ref(), config.proxy.as_ref(), context)?;
        let JiraServiceManagementConfig { api_key, cloud_id, username, api_token, api_url, .. } = config;
        let desk = |path: &[&str], login| Desk::new("Jira", &api_url, path, login, http, context.timeout);
        let desk = match (api_key, cloud_id, username, api_token) {
            (Some(key), ..) => desk(&["jsm", "ops", "integration", "v2"], Login::Key(key)),
            (None, Some(cloud), Some(user), Some(token)) => {
                desk(&["jsm", "ops", "api", &cloud, "v1"], Login::Token(user, token))
            }
            _ => Err(BuildError(NEEDS.to_owned())),
        };
        Ok(Box::new(desk?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conformance::{self, HttpSuite, sample};
    use crate::notification::{MessageKind, Notification, Receipt};
    use crate::opsgenie::tests::{accepted, harmless};
    use crate::testing::{HttpServer, Reply};

    const TOKEN: &str = "ATATT-s3cret-token";

    fn with_key(base: &str) -> String {
        format!("api_key = \"{TOKEN}\"\napi_url = \"{base}\"")
    }

    fn with_token(base: &str) -> String {
        format!(
            "cloud_id = \"c1/d\"\nusername = \"a@b.example\"\napi_token = \"{TOKEN}\"\napi_url = \"{base}/\""
        )
    }

    #[tokio::test]
    async fn both_ways_conform() {
        for config in [with_key as fn(&str) -> String, with_token] {
            conformance::http::<JiraServiceManagement>(&HttpSuite {
                config: &config,
                secrets: &[TOKEN],
                accepts: accepted(),
                idempotency: Some(&|request| request.json()["alias"].to_string()),
                harmless: &harmless,
            })
            .await;
        }
    }

    fn end(all_over: bool) -> Notification {
        let in_reply_to = Some(Receipt { reference: json!({ "alias": "k 1" }), ..Receipt::default() });
        Notification { kind: MessageKind::Resolved, all_over, in_reply_to, ..sample() }
    }

    #[tokio::test]
    async fn with_a_token_an_alert_is_closed_by_its_id() {
        let server = HttpServer::start(|request| match request.method.as_str() {
            "GET" => Reply::json(200, &json!({ "id": "a/1" })),
            _ => accepted(),
        })
        .await
        .unwrap();
        let notifier = conformance::build::<JiraServiceManagement>(&with_token(&server.url("")));
        notifier.notify(&end(true)).await.unwrap();
        notifier.notify(&end(false)).await.unwrap();
        let mut requests = server.received();
        requests.retain(|request| !request.path.contains("/requests/"));
        assert!(requests[1].body.is_empty() && !requests[3].body.is_empty());
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        let base = "/jsm/ops/api/c1%2Fd/v1/alerts";
        let find = format!("{base}/alias?alias=k+1");
        assert_eq!(paths, [&find, &format!("{base}/a%2F1/close"), &find, &format!("{base}/a%2F1/notes")]);
        assert!(requests[0].header("authorization").starts_with("Basic "));
    }

    #[tokio::test]
    async fn what_somebody_closed_needs_no_end() {
        let server = HttpServer::start(|_| Reply::new(404, "")).await.unwrap();
        let notifier = conformance::build::<JiraServiceManagement>(&with_token(&server.url("")));
        assert_eq!(notifier.notify(&end(true)).await.unwrap().line, "it is closed there already");
    }

    #[tokio::test]
    async fn with_a_key_it_is_closed_by_its_alias() {
        let server = HttpServer::start(|_| accepted()).await.unwrap();
        let notifier = conformance::build::<JiraServiceManagement>(&with_key(&server.url("")));
        notifier.notify(&end(true)).await.unwrap();
        let request = &server.received()[0];
        assert_eq!(request.path, "/jsm/ops/integration/v2/alerts/k%201/close?identifierType=alias");
        assert_eq!(request.header("authorization"), format!("GenieKey {TOKEN}"));
    }

    #[test]
    fn one_way_in_is_needed_and_only_one() {
        let problems = |text: &str| JiraServiceManagement::validate(&toml::from_str(text).unwrap()).len();
        assert_eq!(problems("api_key = \"k\""), 0);
        assert_eq!(problems("cloud_id = \"c\"\nusername = \"u\"\napi_token = \"t\""), 0);
        assert_eq!(problems("cloud_id = \"c\"\nusername = \"u\""), 1);
        assert_eq!(problems("api_key = \"k\"\napi_token = \"t\""), 1);
        assert_eq!(problems(""), 1);
    }
}
