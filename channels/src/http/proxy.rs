//! The proxy that the requests of a channel go through.

use reqwest::Url;
use serde::de::{Deserialize, Deserializer, Error};

use crate::secret::Secret;

/// The address of a proxy: `http://HOST:PORT`, `https://…`, `socks5://…` or `socks5h://…` (which finds the
/// addresses of names, too). It may hold a user and a password, so it is a secret. It is read while the
/// configuration is decoded, so that a mistake is reported at its own line.
#[derive(Debug, Clone)]
pub struct Proxy(Secret);

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

impl Proxy {
    /// For every request, whatever the environment says of proxies.
    ///
    /// # Errors
    /// When it is no address, which reading it has said before.
    pub(super) fn for_all(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        reqwest::Proxy::all(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address = Secret::deserialize(deserializer)?;
        // The text itself may hold a password, so it is not quoted.
        let is_proxy = |url: &Url| SCHEMES.contains(&url.scheme()) && url.has_host();
        match Url::parse(address.expose()).is_ok_and(|url| is_proxy(&url)) {
            true => Ok(Self(address)),
            false => Err(D::Error::custom(
                "not the address of a proxy, expected one such as `http://proxy.example:3128`; `https`, `socks5` \
                 and `socks5h` are possible, too",
            )),
        }
    }
}

crate::schema::written_as!(Proxy, Secret);

#[cfg(test)]
mod tests;
