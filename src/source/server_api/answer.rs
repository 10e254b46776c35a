//! The frame of every answer with status 200: what it tells, of whom it does not, and why.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::source::{SourceError, SourceReason};

/// The agent is not known (Wazuh 4.x, `framework/wazuh/core/exception.py`).
pub const NOT_KNOWN: i64 = 1701;

/// The user may not read this agent (the same file). A user who may read none at all is answered
/// with status 403.
pub const FORBIDDEN: i64 = 4000;

/// What an answer tells.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Answer<T> {
    /// What was asked for.
    #[serde(rename = "affected_items")]
    pub items: Vec<T>,
    /// How much of it there is, on all pages.
    #[serde(rename = "total_affected_items")]
    pub total: Option<usize>,
    /// Of whom it does not tell.
    #[serde(rename = "failed_items", default)]
    pub failed: Vec<Failed>,
}

/// Agents of whom nothing is told.
#[derive(Debug, Deserialize)]
pub struct Failed {
    /// The number of the reason.
    #[serde(rename = "error", deserialize_with = "code")]
    pub code: i64,
    /// Their ids.
    #[serde(rename = "id", default, deserialize_with = "texts")]
    pub ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Frame<T> {
    data: Option<Answer<T>>,
    /// 0 = all were told, 1 = none, 2 = some; or the number of a reason (Wazuh 4.x,
    /// `framework/wazuh/core/results.py`).
    #[serde(default)]
    error: i64,
}

/// Reads an answer.
///
/// # Errors
/// When it is none, or says that something failed and not what. The text is the end of a sentence that
/// begins with the server.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<Answer<T>, SourceError> {
    let frame: Frame<T> = serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
    match frame.data {
        Some(answer) if frame.error == 0 || !answer.failed.is_empty() => Ok(answer),
        None if frame.error == 0 => Err(malformed("sent an answer without `data`, which no Wazuh API does")),
        _ => Err(incomplete(frame.error)),
    }
}

/// An error inside an answer that says that all is well.
pub fn incomplete(code: i64) -> SourceError {
    SourceError::new(SourceReason::Incomplete, format!("could not tell of some agents (error {code})"))
}

/// Not what the API documents.
pub fn malformed(detail: impl Into<String>) -> SourceError {
    SourceError::new(SourceReason::Malformed, detail)
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> SourceError {
    malformed(match body.trim_ascii_start().first() {
        None => "sent an empty answer".to_owned(),
        Some(b'<') => "sent a web page instead of JSON: does `url` lead to the Wazuh API itself?".to_owned(),
        Some(_) if error.is_eof() => "sent an answer that is cut off".to_owned(),
        Some(_) => format!(
            "sent an answer that no Wazuh API documents (line {}, column {})",
            error.line(),
            error.column()
        ),
    })
}

fn code<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    struct Reason {
        code: i64,
    }
    Reason::deserialize(from).map(|reason| reason.code)
}

/// The specification allows numbers beside texts, but no agent's id is one.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts = |ids: Vec<Value>| ids.into_iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    Vec::deserialize(from).map(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_and_a_failure_without_a_name_is_no_answer() {
        let body = br#"{"data":{"affected_items":[1],"total_affected_items":1,"failed_items":[
            {"error":{"code":1701,"message":"Agent does not exist"},"id":["099",7]}]},"message":"","error":2}"#;
        let answer: Answer<u8> = read(body).unwrap();
        assert_eq!((answer.items, answer.total), (vec![1], Some(1)));
        assert_eq!((answer.failed[0].code, &answer.failed[0].ids[..]), (1701, &["099".to_owned()][..]));
        for silent in [r#"{"data":{"affected_items":[1]},"error":2}"#, r#"{"error":1730,"message":"x"}"#] {
            assert_eq!(read::<u8>(silent.as_bytes()).unwrap_err().reason, SourceReason::Incomplete);
        }
        for odd in ["", "{}", "[]", "<html>", r#"{"data":{"affected_items":["#] {
            assert_eq!(read::<u8>(odd.as_bytes()).unwrap_err().reason, SourceReason::Malformed, "{odd}");
        }
    }
}
