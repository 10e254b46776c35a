//! The agent file: one `id,label` on each line.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use super::model::Agent;
use super::suggest;

/// More than this many bytes are no list of agents.
const MAX_BYTES: u64 = 64 << 20;

/// The longest id, in characters.
const MAX_ID: usize = 128;

/// A line that was left out, or that looks wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads an agent file: the good lines, and what was wrong with the others.
///
/// # Errors
/// When the file cannot be read, is not UTF-8 or is larger than any list of agents.
pub fn read(path: &Path) -> io::Result<(Vec<Agent>, Vec<Warning>)> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 64 MiB"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, not_utf8(error.as_bytes())))?;
    Ok(parse(&text))
}

/// `line 3 is not UTF-8`.
#[must_use]
pub fn not_utf8(bytes: &[u8]) -> String {
    let good = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let line = bytes[..good].iter().filter(|&&byte| byte == b'\n').count() + 1;
    format!("line {line} is not UTF-8")
}

/// Reads the text of an agent file.
#[must_use]
pub fn parse(text: &str) -> (Vec<Agent>, Vec<Warning>) {
    let (mut agents, mut warnings) = (Vec::new(), Vec::new());
    let mut first_lines: HashMap<&str, usize> = HashMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, content) in text.lines().enumerate().map(|(at, content)| (at + 1, content.trim())) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (id, label) = content.split_once(',').unwrap_or((content, ""));
        let (id, label) = (id.trim(), label.trim());
        let mut warn = |message| warnings.push(Warning { line, message });
        if let Some(problem) = bad_id(id) {
            warn(problem);
            continue;
        }
        if let Some(first) = first_lines.insert(id, line) {
            first_lines.insert(id, first);
            warn(format!("agent `{id}` is in line {first} already; this line is left out"));
            continue;
        }
        if let Some(padded) = short_id(id) {
            warn(format!("`{id}` is taken as it is; Wazuh writes agent ids with three digits: `{padded}`"));
        }
        agents.push(Agent::in_file(id, &clean(label)));
    }
    (agents, warnings)
}

/// Why a text cannot be an id. Ids are digits by default, and any word where a watch keys on
/// another field.
fn bad_id(id: &str) -> Option<String> {
    let problem = if id.is_empty() {
        "the agent id is missing".to_owned()
    } else if id.chars().count() > MAX_ID {
        format!("the agent id is longer than {MAX_ID} characters")
    } else if id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "the agent id holds a space or a control character".to_owned()
    } else {
        return None;
    };
    Some(format!("{problem}; this line is left out"))
}

/// Wazuh writes the ids of agents as text, padded with zeros to three digits: `001`.
fn short_id(id: &str) -> Option<String> {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    (digits && id.len() < 3).then(|| format!("{id:0>3}"))
}

/// Labels go into messages: no control characters, and of a sane length.
fn clean(label: &str) -> String {
    label.chars().filter(|c| !c.is_control()).take(256).collect()
}

/// The id in the list that `id` was probably meant to be.
#[must_use]
pub fn nearest_id<'a>(id: &str, agents: &'a [Agent]) -> Option<&'a str> {
    let ids = || agents.iter().map(|agent| agent.id.as_str());
    let bare = |id: &str| id.trim_start_matches('0').to_owned();
    // Of numbers only the same one is near: 012 is not a slip for 013.
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return ids().find(|known| bare(known) == bare(id));
    }
    suggest::nearest(id, ids().take(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines_are_used_and_bad_ones_named() {
        let text = "\u{feff}# our agents\r\n001,web-01\r\n\r\n 002 , db, primary \r\n003\r\n001,again\r\n\
                    ,nameless\r\nweb 4,x\r\n7,seven\r\nfw-\u{1b}[31m,x\r\n004,a\u{7}b";
        let (agents, warnings) = parse(text);
        let found: Vec<_> = agents.iter().map(|agent| (agent.id.as_str(), agent.label.as_str())).collect();
        assert_eq!(
            found,
            [("001", "web-01"), ("002", "db, primary"), ("003", ""), ("7", "seven"), ("004", "ab")]
        );
        let told: Vec<_> = warnings.iter().map(|w| (w.line, w.message.split(';').next().unwrap())).collect();
        assert_eq!(
            told,
            [
                (6, "agent `001` is in line 2 already"),
                (7, "the agent id is missing"),
                (8, "the agent id holds a space or a control character"),
                (9, "`7` is taken as it is"),
                (10, "the agent id holds a space or a control character"),
            ]
        );
    }

    #[test]
    fn a_file_of_another_encoding_is_an_error_that_names_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"001,web\n002,caf\xe9\n").unwrap();
        assert_eq!(read(file.path()).unwrap_err().to_string(), "line 2 is not UTF-8");
    }
}
