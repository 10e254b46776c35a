//! Clients: the one that channels share, and those with authorities or a proxy of their own.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

use super::proxy::Proxy;
use crate::error::BuildError;
use crate::notifier::Context;
use crate::tls::{self, CaFile, Identity};

/// Makes rustls use ring, once per process. Call it before the first client is built: reqwest
/// panics otherwise.
pub fn install_tls_provider() {
    // An error means that it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The settings every client starts from: TLS verified, no redirects (a webhook that moves is
/// a mistake to be told, not followed with a secret in hand), a connect timeout.
pub fn client_builder() -> ClientBuilder {
    install_tls_provider();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("log-monitor/", env!("CARGO_PKG_VERSION")))
}

/// The client that channels share.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn client() -> Result<Client, BuildError> {
    client_builder().build().map_err(failed)
}

/// The client of a channel that has these keys: the shared one, or one of its own that also trusts
/// `ca_file` and goes through `proxy`.
///
/// # Errors
/// When the system's authorities cannot be read.
pub fn client_with(
    ca_file: Option<&CaFile>,
    proxy: Option<&Proxy>,
    context: &Context,
) -> Result<Client, BuildError> {
    match (ca_file, proxy) {
        (None, None) => Ok(context.http.clone()),
        _ => own_client(ca_file, None, proxy),
    }
}

/// A client of one's own, which also says who it is where it is asked.
///
/// # Errors
/// When the system's authorities cannot be read.
pub fn own_client(
    ca_file: Option<&CaFile>,
    identity: Option<&Identity>,
    proxy: Option<&Proxy>,
) -> Result<Client, BuildError> {
    let mut builder = client_builder().tls_backend_preconfigured(tls::client_config(ca_file, identity)?);
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.for_all().map_err(failed)?);
    }
    builder.build().map_err(failed)
}

fn failed(error: reqwest::Error) -> BuildError {
    BuildError(error.without_url().to_string())
}
