//! The addresses of the configuration: what they may look like, and what may stand between braces. Pure.

use log_monitor_channels::text::one_line;

use super::Wrong;
use super::links::encode;
use crate::config::suggest;

/// What may stand between braces; beside these any label, as `{labels.site}`.
pub const NAMES: [&str; 12] = [
    "id",
    "name",
    "watch",
    "event",
    "severity",
    "cause",
    "incident",
    "installation",
    "since",
    "since_ms",
    "at",
    "at_ms",
];

/// The most characters of a pattern: with some values in it vendors still take the address.
const MAX_PATTERN: usize = 1000;

/// A part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The value of a placeholder.
    Value(String),
}

/// Takes an address apart.
///
/// # Errors
/// All that is wrong with it.
pub fn pieces(url: &str) -> Result<Vec<Piece>, Vec<Wrong>> {
    let mut wrongs = Vec::new();
    let pieces = split(url, &mut wrongs);
    if wrongs.is_empty() {
        wrongs.extend(address(url));
    }
    if wrongs.is_empty() { Ok(pieces) } else { Err(wrongs) }
}

/// The pieces of an address; what is wrong with its characters and placeholders.
fn split(url: &str, wrongs: &mut Vec<Wrong>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut rest, mut at) = (url, 0);
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
        pieces.push(text(&rest[..open], at, wrongs));
        let name = &rest[open + 1..close];
        if !NAMES.contains(&name) && name.strip_prefix("labels.").is_none_or(str::is_empty) {
            let message = format!("unknown placeholder `{{{}}}`", one_line(name, 80));
            let known = NAMES.into_iter().chain(["labels.NAME"]);
            let help = suggest::help(name, known);
            wrongs.push(Wrong { part: at + open..at + close + 1, message, help });
        }
        pieces.push(Piece::Value(name.to_owned()));
        (rest, at) = (&rest[close + 1..], at + close + 1);
    }
    pieces.push(text(rest, at, wrongs));
    pieces
}

fn text(text: &str, at: usize, wrongs: &mut Vec<Wrong>) -> Piece {
    let stranger = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c);
    if let Some((place, c)) = text.char_indices().find(|(_, c)| stranger(c)) {
        let mut encoded = String::new();
        encode(&mut encoded, c.encode_utf8(&mut [0; 4]));
        let message = "no address has this character".to_owned();
        let part = at + place..at + place + c.len_utf8();
        wrongs.push(Wrong { part, message, help: Some(format!("write {encoded}")) });
    }
    Piece::Text(text.to_owned())
}

/// What is wrong with the address as such.
fn address(url: &str) -> Option<Wrong> {
    let wrong = |part, message: &str, help: Option<&str>| {
        Some(Wrong { part, message: message.to_owned(), help: help.map(str::to_owned) })
    };
    let whole = 0..url.len();
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong(whole, "not an address", Some("write https://…"));
    };
    if !["https", "http"].contains(&scheme) {
        return wrong(0..scheme.len(), "only https and http lead anywhere in a message", None);
    }
    let from = scheme.len() + 3;
    let host = from..from + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if url[host.clone()].contains('{') {
        return wrong(host, "the host must not depend on what a message is about", None);
    }
    if url[host.clone()].contains('@') {
        return wrong(host, "whoever reads a message would read the user and password in it", None);
    }
    if url.len() > MAX_PATTERN {
        return wrong(whole, &format!("at most {MAX_PATTERN} characters"), None);
    }
    match reqwest::Url::parse(&url.replace(['{', '}'], "")) {
        Ok(_) => None,
        Err(error) => wrong(host, &format!("not an address: {error}"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |url: &str| {
            let wrongs = pieces(url).unwrap_err();
            wrongs.into_iter().map(|wrong| (url[wrong.part].to_owned(), wrong.message)).collect::<Vec<_>>()
        };
        let is = |url: &str, part: &str, message: &str| {
            let found = wrong(url);
            assert!(found[0].0 == part && found[0].1.contains(message), "{url}: {found:?}");
        };
        is("https://a.example/{idd}", "{idd}", "unknown placeholder `{idd}`");
        is("https://a.example/{labels.}", "{labels.}", "unknown placeholder");
        is("https://a.example/{", "{", "no address has this character");
        is("https://a.example/a b", " ", "no address has this character");
        is("javascript://a.example/", "javascript", "only https and http");
        is("wazuh.example/{id}", "wazuh.example/{id}", "not an address");
        is("https://{id}.example/", "{id}.example", "the host must not depend");
        is("https://a.example{id}", "a.example{id}", "the host must not depend");
        is("https://u:p@a.example/", "u:p@a.example", "user and password");
        is("https://a.example:99999/", "a.example:99999", "not an address");
        assert_eq!(wrong("https://a.example/{x}/{y}|").len(), 3, "all of them at once");
    }
}
