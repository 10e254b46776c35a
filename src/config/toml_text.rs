//! Texts and keys as TOML writes them.

use std::fmt::Write as _;

/// A text as TOML writes it, whatever is in it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key as TOML writes it.
pub fn key(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.chars().all(bare) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        true => text.to_owned(),
        false => quoted(text),
    }
}
