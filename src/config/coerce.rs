//! Texts of `.env` files, variables and flags become what the schema wants: `465` a number, a comma
//! list a list. What does not fit stays a text, and decoding says what was expected.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::Schema;
use super::source_map::Place;
use super::tree::moved;

/// Gives the values for which `is_text` says yes the type that their schema wants.
pub fn coerce(schema: Schema<'_>, table: &mut DeTable<'_>, is_text: &dyn Fn(&Place) -> bool) {
    for (key, value) in table.iter_mut() {
        let Some(schema) = schema.key(key.get_ref()) else { continue };
        if let DeValue::Table(below) = value.get_mut() {
            coerce(schema, below, is_text);
        } else if is_text(&value.span()) {
            convert(schema, value);
        }
    }
}

fn convert(schema: Schema<'_>, value: &mut Spanned<DeValue<'_>>) {
    let place = value.span();
    let DeValue::String(Cow::Borrowed(text)) = value.get_ref() else { return };
    let text = *text;
    if schema.is_secret() || schema.takes("string") {
        return;
    }
    let parsed = DeValue::parse(text).ok().map(|parsed| moved(parsed, place.start));
    let fits = |value: &DeValue<'_>| match value {
        DeValue::Integer(_) => schema.takes("integer") || schema.takes("number"),
        DeValue::Float(_) => schema.takes("number"),
        DeValue::Boolean(_) => schema.takes("boolean"),
        DeValue::Array(_) => schema.takes("array"),
        DeValue::Table(_) => schema.takes("object"),
        _ => false,
    };
    match parsed {
        Some(parsed) if fits(parsed.get_ref()) => *value = Spanned::new(place, parsed.into_inner()),
        _ if schema.takes("array") => *value = Spanned::new(place.clone(), comma_list(text, &place)),
        _ => {}
    }
}

fn comma_list<'t>(text: &'t str, place: &Place) -> DeValue<'t> {
    let mut at = place.start;
    let mut items = Vec::new();
    for part in text.split(',') {
        let start = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        let part = part.trim();
        if !part.is_empty() {
            items.push(Spanned::new(start..start + part.len(), DeValue::String(Cow::Borrowed(part))));
        }
    }
    DeValue::Array(items.into_iter().collect())
}
