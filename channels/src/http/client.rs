//! Clients: the one that channels share, and those with authorities or a proxy of their own.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder};

use super::proxy::Proxy;
use crate::error::BuildError;
use crate::notifier::Context;
use crate::tls::CaFile;

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
    finish(client_builder())
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
        _ => finish(own_builder(ca_file, proxy)?),
    }
}

/// The settings of a client that also trusts `ca_file` and goes through `proxy`.
///
/// # Errors
/// When one of the two is none, which reading them has said before.
pub fn own_builder(ca_file: Option<&CaFile>, proxy: Option<&Proxy>) -> Result<ClientBuilder, BuildError> {
    let mut builder = client_builder();
    if let Some(ca_file) = ca_file {
        let extra = ca_file.0.iter().map(|der| Certificate::from_der(der));
        builder = builder.tls_certs_merge(extra.collect::<Result<Vec<_>, _>>().map_err(failed)?);
    }
    match proxy {
        Some(proxy) => Ok(builder.proxy(proxy.for_all().map_err(failed)?)),
        None => Ok(builder),
    }
}

/// The client with these settings.
///
/// # Errors
/// When the system's authorities cannot be read.
pub fn finish(builder: ClientBuilder) -> Result<Client, BuildError> {
    builder.build().map_err(failed)
}

fn failed(error: reqwest::Error) -> BuildError {
    BuildError(error.without_url().to_string())
}
