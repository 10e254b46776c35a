//! The `[links]` table: where people see more.

use serde::de::Deserialize;
use toml::Spanned;
use toml::de::ValueDeserializer;

use super::diagnostics::At;
use super::family::table_of;
use super::inside::inside;
use super::reading::Reading;
use super::tables;
use super::tree::Node;
use crate::wording::Wrong;
use crate::wording::links::Pattern;

/// The longest word for a link, in characters.
const MAX_TITLE: usize = 40;

/// Reads it, in the order in which it is written.
pub fn links(reading: &mut Reading<'_>, node: Option<Node<'_>>) -> Vec<Pattern> {
    let Some(table) = table_of(reading, "links", node) else { return Vec::new() };
    let schema = tables::schema_of::<tables::Links>();
    let read = reading
        .table("links", &schema, table, |value| tables::Links::deserialize(ValueDeserializer::from(value)));
    let mut links: Vec<_> = read.value.into_iter().flat_map(|links| links.0).collect();
    links.sort_by_key(|(title, _)| title.span().start);
    links.iter().filter_map(|(title, url)| link(reading, title, url)).collect()
}

fn link(reading: &mut Reading<'_>, title: &Spanned<String>, url: &Spanned<String>) -> Option<Pattern> {
    let word = title.get_ref();
    if word.trim().is_empty() || word.chars().any(char::is_control) || word.chars().count() > MAX_TITLE {
        let message =
            format!("a link is shown as a word of 1 to {MAX_TITLE} characters without control characters");
        reading.findings.error(At::Place(title.span()), message);
    }
    match Pattern::new(word, url.get_ref()) {
        Ok(pattern) => Some(pattern),
        Err(wrongs) => {
            for Wrong { part, message, help } in wrongs {
                let place = inside(reading.map, &url.span(), &part);
                reading.findings.error(At::Place(place), message).maybe_help(help);
            }
            None
        }
    }
}
