//! What a `host` key may hold.

use std::net::IpAddr;

use crate::notifier::Problem;

/// Whether it names this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether it is a domain, or below it.
#[must_use]
pub fn is_of(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// What is wrong with it, if it is neither a name nor an address.
#[must_use]
pub fn problem(key: &'static str, host: &str) -> Option<Problem> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '@';
    (host.is_empty() || host.contains(odd))
        .then(|| Problem::at(key, "not a host name").help("give the name alone, such as `mail.example.org`"))
}
