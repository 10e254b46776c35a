//! Which values are secrets, what to say about how they are kept, and hiding them.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{At, Findings};
use super::schema::Schema;
use super::source_map::{Form, SourceMap};
use super::tree;

/// Masks every secret of a table, and warns of those that others can read.
pub fn protect(map: &SourceMap, findings: &mut Findings, schema: Schema<'_>, table: &DeTable<'_>) {
    for (key, value) in table {
        if let Some(schema) = schema.key(key.get_ref()) {
            protect_value(map, findings, schema, key.get_ref(), value);
        }
    }
}

fn protect_value(
    map: &SourceMap,
    findings: &mut Findings,
    schema: Schema<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
) {
    match value.get_ref() {
        DeValue::Table(reference) if schema.is_secret() => {
            let unknown = |key: &str| !["env", "file", "credential"].contains(&key);
            let strange = reference.iter().filter(|(key, _)| unknown(key.get_ref()));
            strange.for_each(|(_, value)| hide(findings, value));
            readable_by_others(findings, key, reference);
        }
        DeValue::Table(table) => protect(map, findings, schema, table),
        DeValue::Array(items) => {
            let schema = schema.items().unwrap_or(schema);
            for item in items {
                protect_value(map, findings, schema, key, item);
            }
        }
        _ if schema.is_secret() => {
            hide(findings, value);
            let in_toml = map.form(&value.span()) == Some(Form::Toml);
            if in_toml && value.get_ref().as_str().is_some_and(|text| !text.is_empty() && !is_host(text)) {
                findings.warning(At::Place(value.span()), format!("`{key}` is a secret in plain text")).help(
                    "keep it elsewhere: { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }",
                );
            }
        }
        DeValue::String(text) => hide_user(findings, value, text),
        _ => {}
    }
}

/// Masks whatever stands in a value: what a misspelt key holds may be a secret.
pub fn hide(findings: &mut Findings, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|value| hide(findings, value)),
        DeValue::Array(items) => items.iter().for_each(|item| hide(findings, item)),
        DeValue::String(text) => findings.mask(value.span(), text),
        DeValue::Integer(number) => findings.mask(value.span(), number.as_str()),
        DeValue::Float(number) => findings.mask(value.span(), number.as_str()),
        DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Masks an address that holds a user and a password.
fn hide_user(findings: &mut Findings, value: &Spanned<DeValue<'_>>, text: &str) {
    if let Some((start, end)) = user_in(text) {
        findings.mask(value.span(), &text[start..end]);
    }
}

/// Where `user:password` stands in an address, if it holds one.
#[must_use]
pub fn user_in(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")? + 3;
    let authority = text[start..].split(['/', '?', '#', ' ']).next()?;
    authority.rfind('@').map(|at| (start, start + at))
}

/// Whether it is the address of a host, such as a proxy, and nothing more: that is no secret.
fn is_host(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
    rest.is_some_and(|host| !host.contains(['/', '@', '?', '#']))
}

/// Masks a line that cannot be parsed: only its key, or the beginning of a table's header, is known
/// not to be a secret, and in a text over several lines nothing is.
pub fn hide_broken(findings: &mut Findings, text: &str, base: usize, at: usize) {
    let at = text.get(..at.min(text.len())).map_or(0, str::len);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let open = |quotes: &str| text[..start].matches(quotes).count() % 2 == 1;
    let harmless = if open("\"\"\"") || open("'''") { 0 } else { harmless(&text[start..end]) };
    findings.mask(base + start + harmless..base + end, "");
}

/// How much of a line cannot be a secret, in bytes.
fn harmless(line: &str) -> usize {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_. \t".contains(c);
    if line.trim_start().starts_with('[') {
        return line.find(|c: char| !bare(c) && !"[]".contains(c)).unwrap_or(line.len());
    }
    let key = line.find(|c: char| !bare(c)).unwrap_or(line.len());
    let alone = !line[..key].trim().contains([' ', '\t']);
    if alone && line[key..].starts_with('=') { key + 1 } else { 0 }
}

#[cfg(unix)]
fn readable_by_others(findings: &mut Findings, key: &str, reference: &DeTable<'_>) {
    use std::os::unix::fs::PermissionsExt;
    let Some((path, place)) = tree::string(reference, "file") else { return };
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o077 != 0 {
        findings
            .warning(At::Place(place), format!("`{key}`: others can read the secret file {path}"))
            .help(format!("chmod 600 {path}"));
    }
}

#[cfg(not(unix))]
fn readable_by_others(_: &mut Findings, _: &str, _: &DeTable<'_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_found() {
        let url = "https://u:p@ss@h.example:9200/x@y";
        let (start, end) = user_in(url).unwrap();
        assert_eq!(&url[start..end], "u:p@ss");
        assert_eq!(user_in("https://h.example/a@b"), None);
        assert_eq!(user_in("a@b"), None);
    }

    #[test]
    fn of_a_broken_line_only_the_key_or_header_is_shown() {
        let hidden = |text: &str, at: usize| {
            let mut findings = Findings::default();
            hide_broken(&mut findings, text, 0, at);
            text[findings.masks()[0].clone()].to_owned()
        };
        assert_eq!(hidden("a = 1\npassword = \"abc\nb = 1", 19), " \"abc");
        assert_eq!(hidden("webhook_url = \"\"\"abc=\nd = f", 24), "d = f");
        assert_eq!(hidden("kind token = 'abc'", 5), "kind token = 'abc'");
        assert_eq!(hidden("[channels.soc\n", 13), "");
    }
}
