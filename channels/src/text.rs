//! Taming text that strangers write: agent names, log lines, vendors' answers.

/// One line without control characters, at most `max` characters (an ellipsis marks the cut).
///
/// Also drops the marks that reverse or hide text on a screen (bidirectional overrides,
/// zero-width characters).
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_invisible(*c));
    let words = clean.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&words, max)
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

/// `text` with every mass mention defused: a zero-width space after the `@` of `@everyone`,
/// `@here`, `@channel` and `@all`, in any case.
#[must_use]
pub fn defuse_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        if ["everyone", "here", "channel", "all"].iter().any(|word| starts_with_ignoring_case(after, word)) {
            out.push('\u{200b}');
        }
        rest = after;
    }
    out + rest
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
        assert_eq!(defuse_mentions("@Everyone me@x @allow"), "@\u{200b}Everyone me@x @\u{200b}allow");
        assert_eq!(defuse_markup("<!here> <b>@all"), "‹!here› ‹b›@\u{200b}all");
    }
}
