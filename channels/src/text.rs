//! Taming text that strangers write: agent names, log lines, vendors' answers.

/// One line without control characters, at most `max` characters (an ellipsis marks the cut).
///
/// Also drops the marks that reverse or hide text on a screen (bidirectional overrides,
/// zero-width characters).
///
/// ```
/// use log_monitor_channels::text::one_line;
///
/// assert_eq!(one_line("web-01\r\nBcc: x@evil.example\u{202e}", 80), "web-01 Bcc: x@evil.example");
/// assert_eq!(one_line("a very long name", 8), "a very …");
/// ```
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_invisible(*c));
    let words = clean.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&words, max)
}

/// The same of the end of a text: an ellipsis marks what was cut before it.
#[must_use]
pub fn end_of_line(text: &str, max: usize) -> String {
    let line = one_line(text, usize::MAX);
    match line.chars().count().checked_sub(max) {
        None | Some(0) => line,
        Some(over) => ['…'].into_iter().chain(line.chars().skip(over + 1)).collect(),
    }
}

/// The same lines, none of which holds a control character, or a mark that reverses or hides text.
#[must_use]
pub fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.chars().filter(|c| !is_invisible(*c)));
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    lines.map(|line| line.map(shown).collect::<String>()).collect::<Vec<_>>().join("\n")
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// At most `max` characters, an ellipsis in place of what was cut.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// What `make` gives for the most characters, up to `most`, with which it still `fits`; what it gives
/// for none where nothing does.
pub fn fitting<T>(most: usize, make: impl Fn(usize) -> T, fits: impl Fn(&T) -> bool) -> T {
    let (mut fit, mut over) = (0, most + 1);
    while fit + 1 < over {
        let middle = fit.midpoint(over);
        if fits(&make(middle)) { fit = middle } else { over = middle }
    }
    make(fit)
}

/// The length of a text in UTF-16, by which some vendors count.
#[must_use]
pub fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The bytes of a text as JSON.
#[must_use]
pub fn json_length(text: &str) -> usize {
    serde_json::Value::from(text).to_string().len()
}

/// `text` with every mention defused by a zero-width space after its `@`: wherever they stand those of
/// all (`@everyone`, `@here`, `@channel`, `@all`, in any case), and at the start of a word any other.
#[must_use]
pub fn defuse_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at + 1);
        let begins_word = !rest[..at].ends_with(char::is_alphanumeric);
        out.push_str(before);
        if begins_word && after.starts_with(char::is_alphanumeric) || mentions_all(after) {
            out.push('\u{200b}');
        }
        rest = after;
    }
    out + rest
}

/// Whether what stands behind an `@` means everybody.
fn mentions_all(text: &str) -> bool {
    ["everyone", "here", "channel", "all"].iter().any(|word| starts_with_ignoring_case(text, word))
}

/// `text` as Markdown that shows it as it is: every character that could format, link or quote has a
/// backslash, which Discord and CommonMark take before any punctuation.
#[must_use]
pub fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_~|[]<>#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `text` in which no tag, link or mention of any markup is left, and which reads the same: for vendors
/// that show HTML, or pass texts on to others unescaped.
#[must_use]
pub fn defuse_markup(text: &str) -> String {
    defuse_mentions(text).replace('<', "‹").replace('>', "›")
}

fn starts_with_ignoring_case(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_becomes_one_harmless_line() {
        assert_eq!(one_line("web\r\nBcc: x\u{202e}\u{0}", 80), "web Bcc: x");
        assert_eq!(one_line("äöü", 2), "ä…");
        assert_eq!((end_of_line("ä\nöü", 3), end_of_line("äöü", 3)), ("…öü".to_owned(), "äöü".to_owned()));
        assert_eq!(defuse_mentions("@Everyone me@x @allow"), "@\u{200b}Everyone me@x @\u{200b}allow");
        assert_eq!(defuse_markup("<!here> <b>@all"), "‹!here› ‹b›@\u{200b}all");
        assert_eq!(defuse_mentions("x@here (@ceo) a @ b"), "x@\u{200b}here (@\u{200b}ceo) a @ b");
    }
    #[test]
    fn as_much_is_kept_as_fits() {
        let cut = |most| fitting(most, |length| shorten("&&&&&&", length), |text| text.len() <= 5);
        assert_eq!(cut(6), "&&…");
        assert_eq!(cut(1), "…");
        assert_eq!(fitting(9, |length| length, |_| false), 0);
    }
}
