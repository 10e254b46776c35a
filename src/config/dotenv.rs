//! The text of a `.env` file, read as python-dotenv reads it, without ever writing the process's
//! environment. Nothing is expanded: passwords hold `$`.

use std::borrow::Cow;
use std::ops::Range;

/// One `KEY=value`. Ranges are byte offsets in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'t> {
    /// The name.
    pub key: &'t str,
    /// Where the name stands.
    pub key_at: Range<usize>,
    /// The value, without quotes and comment.
    pub value: Cow<'t, str>,
    /// Where the value stands, quotes excepted.
    pub value_at: Range<usize>,
}

/// A line that is no assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Its first byte.
    pub at: usize,
    /// What is wrong with it.
    pub message: &'static str,
}

/// Reads the whole text: what could be read, and which lines could not.
#[must_use]
pub fn parse(text: &str) -> (Vec<Entry<'_>>, Vec<BadLine>) {
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        let end = line_end(text, at);
        match assignment(text, at, end) {
            Ok(Some((entry, next))) => {
                at = next;
                entries.push(entry);
            }
            Ok(None) => at = end + 1,
            Err(message) => {
                bad.push(BadLine { at, message });
                at = end + 1;
            }
        }
    }
    (entries, bad)
}

type Assignment<'t> = Result<Option<(Entry<'t>, usize)>, &'static str>;

/// The assignment in the line from `at` to `end`, and where reading goes on: a quoted value may
/// span lines.
fn assignment(text: &str, at: usize, end: usize) -> Assignment<'_> {
    let line = text[at..end].trim_start();
    if line.trim_end().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let start = end - line.len();
    let Some(equals) = line.find('=') else { return Err("there is no `=` in this line") };
    let key = line[..equals].trim_end();
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '#') {
        return Err("what stands before `=` is no name");
    }
    let rest = &line[equals + 1..];
    let from = start + equals + 1 + (rest.len() - rest.trim_start().len());
    let spaced = rest.starts_with([' ', '\t']);
    let entry = |value, value_at| Entry { key, key_at: start..start + key.len(), value, value_at };
    match text[from..].chars().next() {
        Some(quote @ ('"' | '\'')) if from < end => {
            let close = closing(text, from, quote).ok_or("the quote is never closed")?;
            let next = line_end(text, close + 1);
            let tail = text[close + 1..next].trim();
            if !tail.is_empty() && !tail.starts_with('#') {
                return Err("something follows the closing quote");
            }
            let value = unescape(&text[from + 1..close], quote);
            Ok(Some((entry(value, from + 1..close), next + 1)))
        }
        _ => {
            let value = plain(&text[from.min(end)..end], spaced);
            Ok(Some((entry(Cow::Borrowed(value), from.min(end)..from.min(end) + value.len()), end + 1)))
        }
    }
}

/// An unquoted value: a `#` begins a comment only after white space, because values hold and begin
/// with `#` (`#soc`). After `KEY= ` a comment is told from such a value by the space behind its `#`.
fn plain(text: &str, spaced: bool) -> &str {
    if spaced && text.starts_with('#') && !text[1..].starts_with(|c: char| !c.is_whitespace()) {
        return "";
    }
    let comment = text.match_indices('#').find(|(at, _)| text[..*at].ends_with(char::is_whitespace));
    text[..comment.map_or(text.len(), |(at, _)| at)].trim_end()
}

fn closing(text: &str, open: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text[open + 1..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(open + 1 + at),
            _ => {}
        }
    }
    None
}

/// Single quotes know `\\` and `\'` only; double quotes the usual ones. Others stay as they are.
fn unescape(text: &str, quote: char) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let Some(next) = (c == '\\').then(|| chars.next()).flatten() else {
            out.push(c);
            continue;
        };
        match (quote, next) {
            (_, '\\' | '\'') | ('"', '"') => out.push(next),
            ('"', 'n') => out.push('\n'),
            ('"', 'r') => out.push('\r'),
            ('"', 't') => out.push('\t'),
            _ => out.extend(['\\', next]),
        }
    }
    Cow::Owned(out)
}

fn line_end(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(line: &str) -> String {
        let (entries, bad) = parse(line);
        assert!(bad.is_empty(), "{line:?}: {bad:?}");
        assert_eq!(entries.len(), 1, "{line:?}");
        entries[0].value.clone().into_owned()
    }

    #[test]
    fn values_are_read_as_the_original_reads_them() {
        for (line, expected) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("  A = b  ", "b"),
            ("A=b   # a comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#soc", "#soc"),
            ("A=#soc # where people are", "#soc"),
            ("A= #soc", "#soc"),
            ("A=   # nothing yet", ""),
            ("A=", ""),
            ("A=p$HOME${x}%", "p$HOME${x}%"),
            ("A=a=b=c", "a=b=c"),
            ("A='a # b' # c", "a # b"),
            ("A=\"a\\n\\\"b\\\"\"", "a\n\"b\""),
            ("A='a\\n'", "a\\n"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=b\r\n", "b"),
            ("A=it's", "it's"),
        ] {
            assert_eq!(value(line), expected, "{line:?}");
        }
    }

    #[test]
    fn positions_and_bad_lines_are_told() {
        let text = "# top\r\n\nWHAT\nA = b # c\nB C=d\nE='open\nF=g";
        let (entries, bad) = parse(text);
        let found: Vec<_> =
            entries.iter().map(|e| (&text[e.key_at.clone()], &text[e.value_at.clone()])).collect();
        assert_eq!(found, [("A", "b"), ("F", "g")]);
        let lines: Vec<_> = bad.iter().map(|bad| text[..bad.at].matches('\n').count() + 1).collect();
        assert_eq!(lines, [3, 5, 6]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[A =#'\"\\\\\r\n\u{e9}export]{0,60}") {
            for entry in parse(&text).0 {
                prop_assert_eq!(&text[entry.key_at.clone()], entry.key);
                prop_assert!(text.get(entry.value_at.clone()).is_some());
            }
        }

        #[test]
        fn any_value_in_quotes_is_read_back(value in "(?s).{0,20}") {
            let single = value.replace('\\', "\\\\").replace('\'', "\\'");
            let double = value.replace('\\', "\\\\").replace('"', "\\\"");
            for text in [format!("A='{single}' # c\nB=1"), format!("A=\"{double}\"\nB=1")] {
                let (entries, bad) = parse(&text);
                prop_assert!(bad.is_empty(), "{:?}", bad);
                let read: Vec<_> = entries.iter().map(|entry| entry.value.as_ref()).collect();
                prop_assert_eq!(read, [value.as_str(), "1"]);
            }
        }
    }
}
