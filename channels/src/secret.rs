//! A value that never shows.

use std::io::Read;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A password, token or address that must not be seen: `Debug` prints `****`, memory is wiped.
///
/// In the configuration it is `{ env = "NAME" }`, `{ file = "PATH" }`, `{ credential = "NAME" }`
/// (a systemd credential) or plain text. Reading happens while the configuration is decoded, so
/// that an unset variable or a missing file is reported at its own line.
///
/// ```
/// use log_monitor_channels::Secret;
///
/// let url = Secret::new("https://hooks.example/services/T0/s3cret-key");
/// assert_eq!(format!("{url:?}"), "****");
/// assert_eq!(url.redact("no hook at /services/T0/s3cret-key"), "no hook at ****");
/// ```
#[derive(Clone)]
pub struct Secret {
    text: SecretString,
    /// Where it was read.
    file: Option<PathBuf>,
}

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: SecretString::from(text.into()), file: None }
    }

    /// The text itself. Keep it out of every error, log and format string.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// As its file has it now, for what somebody renews there; the same where it is of no file, or that cannot be
    /// read any more.
    #[must_use]
    pub fn renewed(&self) -> Self {
        self.file.as_ref().and_then(|file| read_file(file).ok()).unwrap_or_else(|| self.clone())
    }

    /// `text` with every occurrence of this secret replaced: vendors' error pages like to repeat
    /// what they were asked for. For an address its path counts by itself, too.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        if clean.is_empty() {
            return clean;
        }
        for needle in self.needles() {
            clean = clean.replace(needle, "****");
        }
        let encoded = percent_encoded(self.expose().trim());
        if encoded.len() >= MIN_NEEDLE { clean.replace(&encoded, "****") } else { clean }
    }

    /// What must not be seen, longest first; too short a piece would only garble the text.
    fn needles(&self) -> Vec<&str> {
        let whole = self.expose().trim();
        let mut needles = vec![whole];
        if let Some((_, rest)) = whole.split_once("://") {
            needles.push(rest);
            if let Some(slash) = rest.find('/') {
                needles.push(&rest[slash..]);
                needles.extend(
                    rest[slash + 1..].split(['/', '?', '&', '=', '%']).filter(|part| part.len() >= 8),
                );
            }
        }
        needles.retain(|needle| needle.len() >= MIN_NEEDLE);
        needles
    }
}

/// What is shorter is found in too many texts by chance.
const MIN_NEEDLE: usize = 4;

/// As a part of an address has it (RFC 3986 §2.1).
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}

/// The name of the schema, by which the configuration knows which keys to mask.
pub const SCHEMA_NAME: &str = "Secret";

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        SCHEMA_NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let reference = |key: &str| {
            serde_json::json!({
                "type": "object", "required": [key], "additionalProperties": false,
                "properties": { key: { "type": "string" } }
            })
        };
        json_schema!({
            "description": "plain text, or where to read it: { env = … }, { file = … } or { credential = … }",
            "oneOf": [{ "type": "string" }, reference("env"), reference("file"), reference("credential")]
        })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let Some((kind, name)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::custom("a secret needs `env`, `file` or `credential`"));
        };
        let secret = read_reference(&kind, &name).map_err(de::Error::custom)?;
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom(
                "a secret takes one of `env`, `file` and `credential`, not several",
            ));
        }
        Ok(secret)
    }
}

fn read_reference(kind: &str, name: &str) -> Result<Secret, String> {
    match kind {
        "env" => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
            Ok(_) => Err(format!("environment variable `{name}` is empty")),
            Err(_) => Err(format!("environment variable `{name}` is not set")),
        },
        "file" => read_file(std::path::Path::new(name)),
        "credential" => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => read_file(&std::path::Path::new(&folder).join(name)),
            None => Err(format!(
                "credential `{name}` needs systemd's LoadCredential= (CREDENTIALS_DIRECTORY is not set)"
            )),
        },
        other => Err(format!("unknown secret reference `{other}`, expected `env`, `file` or `credential`")),
    }
}

/// More than this many bytes are no secret.
const MAX_FILE: u64 = 64 * 1024;

fn read_file(path: &std::path::Path) -> Result<Secret, String> {
    let failed = |error: std::io::Error| format!("secret file {}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("secret file {} is larger than 64 KiB", path.display()));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("secret file {} is empty", path.display())),
        secret => Ok(Secret { file: Some(path.to_owned()), ..Secret::new(secret) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_neither_itself_nor_the_path_of_an_address() {
        let hook = Secret::new("https://hooks.example/services/T000/B0000000/abcdefghij");
        assert_eq!(format!("{hook:?}"), "****");
        let page = "<p>POST /services/T000/B0000000/abcdefghij not found; abcdefghij unknown</p>";
        let shown = hook.redact(page);
        assert!(!shown.contains("abcdefghij") && !shown.contains("B0000000"), "{shown}");
        let encoded = Secret::new("https://chat.example/messages?token=abcdefghij%3D");
        assert_eq!(encoded.redact("unknown token abcdefghij="), "unknown token ****=");
        let password = Secret::new("p&ss/w0rd");
        assert_eq!(password.redact("?password=p%26ss%2Fw0rd refused"), "?password=**** refused");
    }

    #[test]
    fn references_are_read_and_failures_name_what_is_missing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\r\n").unwrap();
        let read = |text: &str| toml::from_str::<std::collections::HashMap<String, Secret>>(text);
        let secrets = read(&format!("a = {{ file = {:?} }}\nb = \"plain\"", file.path())).unwrap();
        assert_eq!(secrets["a"].expose(), "s3cret");
        assert_eq!(secrets["b"].expose(), "plain");
        std::fs::write(file.path(), "an0ther\n").unwrap();
        assert_eq!((secrets["a"].renewed().expose(), secrets["a"].expose()), ("an0ther", "s3cret"));
        drop(file);
        assert_eq!((secrets["a"].renewed().expose(), secrets["b"].renewed().expose()), ("s3cret", "plain"));
        let error = read("a = { env = \"LOG_MONITOR_TEST_UNSET\" }").unwrap_err();
        assert!(error.message().contains("`LOG_MONITOR_TEST_UNSET` is not set"), "{error}");
        assert!(
            read("a = { fiel = \"x\" }").unwrap_err().message().contains("unknown secret reference `fiel`")
        );
    }
}
