//! The way to an indexer: its addresses and its login.

use log_monitor_channels::http::login_of;
use log_monitor_channels::{BuildError, Secret};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;

use super::config::IndexerConfig;
use crate::source::SourceError;
use crate::source::wire::{self, Reply, Wire};

/// A connection to one indexer.
#[derive(Debug)]
pub struct Server {
    wire: Wire,
    /// As it was configured.
    pub config: IndexerConfig,
}

impl Server {
    /// Prepares everything, connects to nothing.
    pub fn new(config: IndexerConfig) -> Result<Self, BuildError> {
        let base = wire::parsed(&config.url)?;
        let client = config.tls().client(&base)?;
        let wire = Wire::new("indexer", client, base, config.timeout.0)?;
        let mut server = Self { wire, config };
        let secrets = server.find_secrets();
        server.wire.hide(secrets);
        Ok(server)
    }

    /// What the requests hold that nobody should see.
    fn find_secrets(&self) -> Vec<Secret> {
        let request = self.request(Method::GET, self.wire.base.clone(), None).build();
        let login = request.ok().as_ref().and_then(login_of);
        login.into_iter().chain(self.config.password.clone()).collect()
    }

    /// `BASE/INDEX/VERB?PARAMETERS`.
    pub fn url(&self, index: &str, verb: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.wire.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(index).push(verb);
        }
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    /// Sends one request and reads its answer, whatever the status.
    pub async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Reply, SourceError> {
        self.wire.send(self.request(method, url, body)).await
    }

    fn request(&self, method: Method, url: Url, body: Option<&Value>) -> RequestBuilder {
        let mut request = self.wire.client.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        if let (Some(name), Some(password)) = (&self.config.username, &self.config.password) {
            request = request.basic_auth(name, Some(password.expose()));
        }
        request
    }

    /// The same with the server in front and without secrets.
    pub fn told(&self, error: &SourceError) -> SourceError {
        self.wire.told(error)
    }
}
