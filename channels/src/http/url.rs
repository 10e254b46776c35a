//! Addresses: which are allowed, and what lies below them.

use reqwest::Url;

use crate::error::BuildError;
use crate::notifier::Problem;

/// What is wrong with an address, if anything: it must be `https`, or `http` to loopback, or
/// `http` with `insecure = true` (then a warning that every start repeats).
#[must_use]
pub fn check_url(key: &'static str, url: &str, insecure: bool) -> Option<Problem> {
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        // The text itself may be a secret, so it is not quoted.
        Err(error) => return Some(Problem::at(key, format!("not a valid URL: {error}"))),
    };
    match parsed.scheme() {
        "https" => None,
        "http" if is_loopback(&parsed) => None,
        "http" if insecure => {
            Some(Problem::at(key, "plain http to another machine: anybody on the way can read it").warning())
        }
        "http" => Some(
            Problem::at(key, "plain http to another machine is refused")
                .help("use https, or accept the risk with `insecure = true`"),
        ),
        other => Some(Problem::at(key, format!("unsupported scheme `{other}`, expected https"))),
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(crate::host::is_loopback)
}

/// The address that stands at `key`.
///
/// # Errors
/// When it is none, which [`check_url`] has said before. The text itself may be a secret, so it is not quoted.
pub fn parse_url(key: &str, url: &str) -> Result<Url, BuildError> {
    Url::parse(url).map_err(|error| BuildError(format!("`{key}` is not a valid URL: {error}")))
}

/// The host of an address, in lower case, if it has one.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// The address so many segments below `base`, each encoded where it has to be; its query stays.
#[must_use]
pub fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    // An error means that nothing is below it, such as `data:`, which `check_url` refuses.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert!(check_url("url", "http://127.0.0.1:9/x", false).is_none());
        assert!(check_url("url", "http://[::1]/x", false).is_none());
        assert!(check_url("url", "https://a.example/", false).is_none());
        assert!(!check_url("url", "http://a.example/", false).unwrap().warning);
        assert!(check_url("url", "http://a.example/", true).unwrap().warning);
        assert!(check_url("url", "nonsense", false).is_some());
    }

    #[test]
    fn what_is_below_an_address_is_encoded() {
        let base = parse_url("url", "https://a.example/api/?key=1").unwrap();
        assert_eq!(
            below(&base, &["!room:a", "x/../y"]).as_str(),
            "https://a.example/api/!room:a/x%2F..%2Fy?key=1"
        );
    }
}
